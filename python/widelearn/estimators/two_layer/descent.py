"""Gradient descent on a two-layer net: steps, stopping, the best iterate, what is left when it diverges."""

import math
import time
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from widelearn.estimators.two_layer.network import Model, Network, square
from widelearn.nets import loss as loss_of

Array = NDArray[Any]
Batch = tuple[Array, Array]
# Adam's decay rates and offset, those of MLPClassifier.
BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8
# Seconds between two writes of a checkpoint: the last state is written in any case.
BETWEEN_WRITES = 1.0
# Rows that are looked at first for a gradient at the start.
FEW = 512
MEASURES = ("loss", "objective", "gradient_norm", "learning_rate", "validation_loss")


class TrainingState(NamedTuple):
    """What a callback sees after an iteration: losses and views of the weights, to be copied if they are kept."""

    loss: float
    validation_loss: float
    W: Array
    b: Array
    a: Array


@dataclass(frozen=True)
class Steps:
    """How steps are taken and when they end."""

    solver: str
    momentum: float
    rate: Callable[[int], float]
    max_iter: int
    tol: float | None
    patience: int


@dataclass
class Descent:
    """A run of gradient descent that can be stopped after any iteration and taken up again, bit for bit."""

    net: Network
    model: Model
    steps: Steps
    # 1 where a weight is trained, 0 where it stays; None trains all.
    free: Array | None = None
    # Whether to end with the weights of the least training objective, where no rows are left out.
    returns_best: bool = False
    iteration: int = 0
    count: int = 0
    best: float = np.inf
    best_iteration: int = 0
    stale: int = 0
    history: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in MEASURES})
    kept: Array | None = None

    def __post_init__(self) -> None:
        self.velocity = np.zeros_like(self.net.theta)
        self.square = np.zeros_like(self.net.theta) if self.steps.solver == "adam" else np.zeros(0)
        self.before = self.net.theta.copy()

    def run(
        self,
        batches: Callable[[int], Iterable[Batch]],
        validation: Batch | None,
        callback: Callable[[int, TrainingState], object] | None,
        write: Callable[[dict[str, Array]], None] | None,
    ) -> None:
        """Iterate until the end; an interruption leaves the weights of that moment, and its checkpoint."""
        state, written = None, time.monotonic()
        try:
            while self.iteration < self.steps.max_iter and not self.ended(validation is not None):
                if not self.iterate(batches(self.iteration), validation):
                    break
                if write is not None:
                    state = self.state()
                    if time.monotonic() - written > BETWEEN_WRITES:
                        write(state)
                        state, written = None, time.monotonic()
                if callback is not None and callback(self.iteration, self.seen()):
                    break
        finally:
            if write is not None and state is not None:
                write(state)
            if self.kept is not None:
                self.net.theta[:] = self.kept

    def ended(self, validates: bool) -> bool:
        """Say whether the loss has stopped falling; with validation rows, that of those rows."""
        wanted = self.steps.tol is not None or validates
        return wanted and self.stale >= self.steps.patience

    def iterate(self, batches: Iterable[Batch], validation: Batch | None) -> bool:
        """Pass over the batches of one iteration; False if there were none or the steps diverged."""
        total, rows, norm, rate = 0.0, 0, 0.0, self.steps.rate(self.iteration)
        penalty = self.model.penalty(self.net)
        for X, Y in batches:
            found = self.finite_gradient(X, Y)
            if found is None:
                return self.diverged(rate)
            loss, g, norm = found
            # The last weights with a finite loss are those to go back to.
            self.before[:] = self.net.theta
            with np.errstate(over="ignore", invalid="ignore"):
                self.step(g, rate)
            if not np.isfinite(self.net.theta).all():
                return self.diverged(rate)
            total, rows = total + loss * len(X), rows + len(X)
        if not rows:
            return False
        self.record(total / rows, penalty, norm, rate, validation)
        return True

    def finite_gradient(self, X: Array, Y: Array) -> tuple[float, Array, float] | None:
        """Return loss, gradient and its norm; None if they are not finite."""
        try:
            loss, g = self.model.gradient(self.net, X, Y)
        except ValueError:
            # Rows and weights were taken before: what the core refuses now is an overflow.
            if not self.count:
                raise
            return None
        if self.free is not None:
            g *= self.free
        with np.errstate(over="ignore", invalid="ignore"):
            norm = math.sqrt(square(g))
        return (loss, g, norm) if math.isfinite(loss + norm) else None

    def record(self, loss: float, penalty: float, norm: float, rate: float, validation: Batch | None) -> None:
        """Count the iteration, and whether its loss is the best."""
        self.iteration += 1
        left_out = np.nan
        if validation is not None:
            left_out = mean_loss(self.model, self.net, *validation)
        for name, value in zip(MEASURES, (loss, loss + penalty, norm, rate, left_out), strict=True):
            self.history[name].append(value)
        judged = loss + penalty if validation is None else left_out
        self.stale = 0 if judged < self.best - (self.steps.tol or 0.0) else self.stale + 1
        if judged < self.best:
            self.best, self.best_iteration = judged, self.iteration
            if validation is not None:
                self.kept = self.net.theta.copy()
            elif self.returns_best:
                # Those that had this objective: before the step.
                self.kept = self.before.copy()

    def step(self, g: Array, rate: float) -> None:
        """Move the weights against a gradient."""
        self.count += 1
        if self.steps.solver == "adam":
            self.velocity *= BETA_1
            self.velocity += (1 - BETA_1) * g
            self.square *= BETA_2
            g *= g
            g *= 1 - BETA_2
            self.square += g
            scale = rate * np.sqrt(1 - BETA_2**self.count) / (1 - BETA_1**self.count)
            np.sqrt(self.square, out=g)
            g += EPSILON
            np.divide(self.velocity, g, out=g)
            g *= scale
            self.net.theta -= g
        elif self.steps.momentum:
            self.velocity *= self.steps.momentum
            self.velocity += g
            self.net.theta -= rate * self.velocity
        else:
            g *= rate
            self.net.theta -= g

    def diverged(self, rate: float) -> bool:
        """Go back to the last weights with a finite loss, and say so."""
        self.net.theta[:] = self.before
        warnings.warn(
            f"Training diverged in iteration {self.iteration + 1} at learning rate {rate:.3g}: the last weights with a"
            " finite loss are kept. Lower learning_rate_init, or scale the inputs.",
            ConvergenceWarning,
            stacklevel=2,
        )
        return False

    def seen(self) -> TrainingState:
        """Return what a callback is shown."""
        net = self.net
        return TrainingState(self.history["loss"][-1], self.history["validation_loss"][-1], net.W, net.b, net.a)

    def state(self) -> dict[str, Array]:
        """Return copies of all that the next iterations depend on."""
        return {
            "theta": self.net.theta.copy(),
            "velocity": self.velocity.copy(),
            "square": self.square.copy(),
            "kept": np.zeros(0) if self.kept is None else self.kept.copy(),
            "counts": np.array([self.iteration, self.count, self.best_iteration, self.stale]),
            "best": np.array(self.best),
            "history": np.array([self.history[name] for name in MEASURES]),
        }

    def take_up(self, state: dict[str, Array]) -> None:
        """Go on from a state."""
        self.net.theta[:] = state["theta"]
        self.before = self.net.theta.copy()
        self.velocity, self.square = state["velocity"], state["square"]
        self.kept = state["kept"] if state["kept"].size else None
        self.iteration, self.count, self.best_iteration, self.stale = (int(value) for value in state["counts"])
        self.best = float(state["best"])
        self.history = {name: list(map(float, row)) for name, row in zip(MEASURES, state["history"], strict=True)}


def mean_loss(model: Model, net: Network, X: Array, Y: Array) -> float:
    """Return the mean loss of a net, without its penalty."""
    try:
        F = model.outputs(net, X)
    except ValueError:  # they overflow
        return np.inf
    return loss_of(F, Y, model.loss)[0]


def trapped(model: Model, net: Network, X: Array, Y: Array) -> None:
    """Warn of a start from which no gradient leads away although there is something to learn."""
    for rows in (slice(0, FEW), slice(None)):
        loss, g = model.gradient(net, X[rows], Y[rows], penalised=False)
        if loss == 0 or not np.isfinite(loss) or g.any():
            return
    warnings.warn(
        f"The gradient is zero at the start (loss {loss:.3g}), and training cannot leave it: no neuron is active on any"
        " row, or all weights are zero. Take weight_scale above 0, or a smaller bias_scale.",
        ConvergenceWarning,
        stacklevel=2,
    )
