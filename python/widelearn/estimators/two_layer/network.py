"""Two-layer nets on their way: weights in one vector, the law of their start, and the objective that they lower."""

from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from widelearn.estimators.optim.descent import square
from widelearn.nets import TwoLayer, loss
from widelearn.runtime import Array, NumberOverflowError, check_memory

# Copies of all weights that are held at once.
WEIGHTS = 5
# Of outputs: weights that move none by more are set to 0, since products of them leave the normal numbers, which
# processors multiply a hundred times more slowly.
NOTHING = {np.dtype(np.float32): 1e-30, np.dtype(np.float64): 1e-200}


class Weights(NamedTuple):
    """First layer (m, d), thresholds (m,) and output weights (m, c)."""

    W: Array
    b: Array
    a: Array


class Batch(NamedTuple):
    """Scaled rows (n, d), their codes (n, c), and weights whose mean over all rows is 1; None is 1 each."""

    X: Array
    Y: Array
    weight: Array | None = None

    def of(self, rows: Any) -> Self:
        """Return some of the rows."""
        return type(self)(self.X[rows], self.Y[rows], None if self.weight is None else self.weight[rows])

    def of_mean_one(self) -> Self:
        """Return the rows with weights whose mean over them is 1."""
        return self if self.weight is None else self._replace(weight=self.weight / self.weight.mean())

    @property
    def share(self) -> float:
        """The mean of the weights: by how much the rows count beside as many others."""
        return 1.0 if self.weight is None else float(self.weight.mean())


class Network(TwoLayer):
    """A two-layer net whose weights are views of one vector `theta`: an optimiser's step is one sweep over it."""

    def __init__(self, weights: Weights, activation: Any, smoothing: float = 0.0) -> None:
        W, b, a = weights
        self.theta = np.concatenate([W.ravel(), b, a.ravel()])
        first, thresholds, outputs = np.split(self.theta, [W.size, W.size + b.size])
        super().__init__(first.reshape(W.shape), thresholds, outputs.reshape(a.shape), activation, smoothing=smoothing)

    def drop_nothings(self, rows: float, targets: float, both: bool) -> None:
        """Set weights to 0 that move no output by more than nothing of the targets, as penalties leave those of no use.

        `rows` and `targets` are the largest sizes of numbers there; without `both` output weights stay.
        """
        W, b, a = (float(np.abs(part).max(initial=0.0)) for part in (self.W, self.b, self.a))
        least = NOTHING[self.W.dtype] * min(1.0, targets) / max(1.0, rows)
        for part, own, others in ((self.W, W, a), (self.a, a, max(W, b)))[: 1 + both]:
            small = np.abs(part) < least * min(1.0, own) / max(1.0, others)
            if small.any():
                part[small] = 0.0

    def gradient(self, batch: Batch, loss: str) -> tuple[float, Array]:
        """Return the mean of weighted losses, and its gradient as one vector."""
        found = self.loss_gradient(batch.X, batch.Y, loss, sample_weight=batch.weight)
        g = np.concatenate([found.W.ravel(), found.b, found.a.ravel()])
        if batch.weight is None:
            return found.loss, g
        g *= batch.share
        return found.loss * batch.share, g


@dataclass(frozen=True)
class Objective:
    """The mean loss of a network plus (alpha/2)(‖W‖² + ‖a‖²)."""

    loss: str
    alpha: float

    def gradient(self, net: Network, batch: Batch) -> tuple[float, Array]:
        """Return the mean loss without the penalty, and the gradient of both as one vector."""
        value, g = net.gradient(batch, self.loss)
        if self.alpha:
            for part in (slice(net.W.size), slice(-net.a.size, None)):
                g[part] += self.alpha * net.theta[part]
        return value, g

    def penalty(self, net: Network) -> float:
        """Return (alpha/2)(‖W‖² + ‖a‖²)."""
        return 0.5 * self.alpha * (square(net.W.ravel()) + square(net.a.ravel()))

    def mean_loss(self, net: Network, batch: Batch) -> float:
        """Return the mean loss without the penalty, infinite where outputs overflow."""
        try:
            return loss(net.outputs(batch.X), batch.Y, self.loss, sample_weight=batch.weight)[0]
        except NumberOverflowError:
            return np.inf


def first_weights(chosen: Any, d: int, c: int, rng: np.random.Generator, dtype: DTypeLike) -> Weights:
    """Draw weights of d inputs and c outputs by the parameters `chosen`, symmetric so that the net is 0 everywhere."""
    if not isinstance(chosen.init, str):
        return given_weights(chosen.init, chosen.width, d, c, dtype)
    count = int(chosen.width) * (d + c + 1)
    # Weights and their drawing, a gradient and a step's averages: what a fit cannot do without.
    check_memory(WEIGHTS * 8 * count, f"A net of {chosen.width} neurons by {d} columns", "Take a narrower one.")
    m, group = chosen.width, 2 if chosen.init == "pairs" else 4
    k = m // group
    default = 1.0 if chosen.algorithm == "algorithm1" else 1 / np.sqrt(m)
    scale = default if chosen.output_scale is None else chosen.output_scale
    # The leftover neurons are drawn too, with a = 0.
    W = rng.standard_normal((k + m % group, d)) * (chosen.weight_scale / np.sqrt(d))
    b = rng.standard_normal(k + m % group)
    b = b * chosen.bias_scale if chosen.bias == "normal" else np.full_like(b, chosen.bias_scale)
    a = rng.standard_normal((k, c))
    a = scale * (a if chosen.output == "normal" else np.where(a < 0, -1.0, 1.0))
    W, extra_W, b, extra_b = W[:k], W[k:], b[:k], b[k:]
    if chosen.init == "quadruples":
        W, b, a = np.concatenate([W, -W]), np.concatenate([b, -b]), np.concatenate([a, -a])
    return Weights(
        np.concatenate([W, W, extra_W]).astype(dtype, copy=False),
        np.concatenate([b, b, extra_b]).astype(dtype, copy=False),
        np.concatenate([a, -a, np.zeros((m % group, c))]).astype(dtype, copy=False),
    )


def given_weights(init: ArrayLike, m: int, d: int, c: int, dtype: DTypeLike) -> Weights:
    """Return the three arrays that a user gave, checked."""
    shapes = ((m, d), (m,), (m, c))
    arrays = [np.array(part, dtype=dtype) for part in init]  # type: ignore[union-attr]
    if len(arrays) == 3 and c == 1 and arrays[2].ndim == 1:
        arrays[2] = arrays[2][:, None]
    found = tuple(part.shape for part in arrays)
    if found != shapes or not all(np.isfinite(part).all() for part in arrays):
        raise ValueError(f"init must be finite arrays (W, b, a) of shapes {shapes}, got {found}.")
    return Weights(*arrays)
