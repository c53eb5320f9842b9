"""One pass of gradient descent over fresh samples: a network in the mean-field scaling, and what it learned by when."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from widelearn import TwoLayerRegressor
from widelearn.experiments.studies.ensembles import Array, new_seed
from widelearn.nets import TwoLayer

Single = NDArray[np.float32]
# Rows that a risk along training is measured on.
TEST_ROWS = 10_000


class Learned(NamedTuple):
    """What a network had learned at the times asked for."""

    # Mean squared errors.
    risks: list[float]
    # Means of its outputs times each of the functions watched.
    products: list[list[float]]


@dataclass(frozen=True)
class Pass:
    """A target of the first k columns, the law of inputs, and the steps of mean-field time that batches take."""

    link: Callable[[Array], Array]
    k: int
    # "gaussian" or "hypercube".
    inputs: str
    step: float
    batch: int

    def draw(self, n: int, d: int, seed: int) -> tuple[Single, Single]:
        """Draw rows, in single precision."""
        rng = np.random.default_rng(seed)
        if self.inputs == "gaussian":
            X = rng.standard_normal((n, d), dtype=np.float32)
        else:
            X = (2 * rng.integers(0, 2, (n, d), dtype=np.int8) - 1).astype(np.float32)
        return X, self.truth(X).astype(np.float32)

    def truth(self, X: Single) -> Array:
        """Return the target of rows."""
        return self.link(X[:, : self.k].astype(np.float64))

    def train(
        self,
        W: Array,
        b: Array,
        a: Array,
        times: Array,
        rng: np.random.Generator,
        *,
        train_bias: bool = True,
        watched: tuple[Callable[[Array], Array], ...] = (),
    ) -> Learned:
        """Train the first layer of (1/N) Σ a_i erf(⟨w_i, x⟩ - b_i), and look at it at the times after the first."""
        width, d = W.shape
        test, truth = self.draw(TEST_ROWS, d, new_seed(rng))
        others = [one(test[:, : self.k].astype(np.float64)) for one in watched]
        marks = {round(time / self.step) for time in times[1:]}
        found = Learned([], [])

        def look(iteration: int, state: TwoLayer) -> None:
            if iteration in marks:
                f = TwoLayer(state.W, state.b, state.a, "erf").outputs(test)[:, 0].astype(float)
                found.risks.append(float(np.mean((f - truth) ** 2)))
                found.products.append([float(np.mean(f * one)) for one in others])

        # a weight of a/N moves N times as slowly as mean-field time
        TwoLayerRegressor(
            width,
            "erf",
            init=(W, b, a[:, None] / width),
            train_bias=train_bias,
            train_output=False,
            alpha=0.0,
            solver="sgd",
            momentum=0.0,
            learning_rate_init=width * self.step,
            batch_size=self.batch,
            max_iter=max(marks),
            tol=None,
            scaling=None,
            random_state=new_seed(rng),
            callback=look,
        ).fit_stream(lambda n, seed: self.draw(n, d, seed))
        return found
