"""Gradient descent on a two-layer net: stopping, the best iterate, what is left when it diverges."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from widelearn.estimators.optim.descent import DivergedError, pass_over
from widelearn.estimators.optim.rules import Adam, Sgd
from widelearn.estimators.two_layer.network import Batch, Network, Objective
from widelearn.runtime import Array, NumberOverflowError, warn

# Rows that are looked at first for a gradient at the start.
FEW = 512
# Steps between two looks at weights that are nothing beside others.
SELDOM = 16
MEASURES = ("loss", "objective", "gradient_norm", "learning_rate", "validation_loss")


class TrainingState(NamedTuple):
    """What a callback sees after an iteration: losses and views of the weights, to be copied if they are kept."""

    loss: float
    validation_loss: float
    W: Array
    b: Array
    a: Array


def loss_line(seen: TrainingState) -> str:
    """Write what a line of progress says of an iteration."""
    held = f", validation loss {seen.validation_loss:.6g}" if np.isfinite(seen.validation_loss) else ""
    return f"loss {seen.loss:.6g}{held}"


def learning_rates(schedule: str | Callable[[int], float], initial: float, max_iter: int) -> Callable[[int], float]:
    """Return the function from an iteration, counted from 0, to its learning rate."""
    match schedule:
        case "constant":
            return lambda t: initial
        case "invscaling":
            return lambda t: initial / math.sqrt(t + 1)
        case "cosine":
            return lambda t: 0.5 * initial * (1 + math.cos(math.pi * t / max_iter))
    return lambda t: initial * float(schedule(t))  # type: ignore[operator]


@dataclass
class Descent:
    """A run of gradient descent that can be stopped after any iteration and taken up again, bit for bit."""

    net: Network
    objective: Objective
    rule: Adam | Sgd
    # The length of steps by iteration.
    rate: Callable[[int], float]
    max_iter: int
    tol: float | None
    # Iterations without a better loss after which the descent ends.
    patience: int
    # 1 where a weight is trained, 0 where it stays; None trains all.
    free: Array | None = None
    # Whether to end with the weights of the least training objective, where no rows are left out.
    returns_best: bool = False
    iteration: int = 0
    best: float = np.inf
    best_iteration: int = 0
    stale: int = 0
    # The largest sizes of numbers of all rows and targets.
    sizes: tuple[float, float] | None = None
    trains_output: bool = True
    history: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in MEASURES})
    kept: Array | None = None

    def __post_init__(self) -> None:
        # The last weights with a finite loss: those to go back to.
        self.before = self.net.theta.copy()

    def run(
        self,
        batches: Callable[[int], Iterable[Batch]],
        validation: Batch | None,
        callback: Callable[[int, TrainingState], object] | None,
        keep: Callable[[dict[str, Array]], None] | None,
    ) -> None:
        """Iterate until the end, and hand each state over; an interruption leaves the weights of that moment."""
        judges = self.tol is not None or validation is not None
        try:
            while self.iteration < self.max_iter and not (judges and self.stale >= self.patience):
                if not self.iterate(batches(self.iteration), validation):
                    break
                if keep is not None:
                    keep(self.state())
                losses = self.history["loss"][-1], self.history["validation_loss"][-1]
                seen = TrainingState(*losses, self.net.W, self.net.b, self.net.a)
                if callback is not None and callback(self.iteration, seen):
                    break
        finally:
            if self.kept is not None:
                self.net.theta[:] = self.kept
            self.drop_nothings()

    def drop_nothings(self) -> None:
        """Set weights to 0 that move no output, where it is known how large rows and targets are."""
        if self.sizes is not None:
            self.net.drop_nothings(*self.sizes, both=self.trains_output)

    def iterate(self, batches: Iterable[Batch], validation: Batch | None) -> bool:
        """Pass over the batches of one iteration; False if there were none or the steps diverged."""
        penalty, rate = self.objective.penalty(self.net), float(self.rate(self.iteration))
        sized = ((len(batch.X), batch) for batch in batches)
        theta = self.net.theta
        try:
            loss, rows, norm = pass_over(sized, self.gradient, theta, self.rule, lambda _: rate, self.before)
        except DivergedError:
            theta[:] = self.before
            warn(
                f"Training diverged in iteration {self.iteration + 1} at learning rate {rate:.3g}: the last weights"
                " with a finite loss are kept. Lower learning_rate_init, or scale the inputs.",
                ConvergenceWarning,
            )
            return False
        if rows:
            self.record(loss, penalty, norm, rate, validation)
        return rows > 0

    def gradient(self, theta: Array, batch: Batch) -> tuple[float, Array]:
        """Return the mean loss of a batch, and the gradient of the objective by what is trained of `theta`."""
        if self.rule.count % SELDOM == 0:
            self.drop_nothings()
        try:
            loss, g = self.objective.gradient(self.net, batch)
        except NumberOverflowError:
            # Before the first step it is the rows that are too large, and the user is told so.
            if not self.rule.count:
                raise
            raise DivergedError from None
        if self.free is not None:
            g *= self.free
        return loss, g

    def record(self, loss: float, penalty: float, norm: float, rate: float, validation: Batch | None) -> None:
        """Count the iteration, and whether its loss is the best."""
        self.iteration += 1
        left_out = np.nan if validation is None else self.objective.mean_loss(self.net, validation)
        for name, value in zip(MEASURES, (loss, loss + penalty, norm, rate, left_out), strict=True):
            self.history[name].append(value)
        judged = loss + penalty if validation is None else left_out
        self.stale = 0 if judged < self.best - (self.tol or 0.0) else self.stale + 1
        if judged < self.best:
            self.best, self.best_iteration = judged, self.iteration
            if validation is not None:
                self.kept = self.net.theta.copy()
            elif self.returns_best:
                # Those that had this objective: before the step.
                self.kept = self.before.copy()

    def state(self) -> dict[str, Array]:
        """Return copies of all that the next iterations depend on."""
        return {
            "theta": self.net.theta.copy(),
            "before": self.before.copy(),
            "velocity": self.rule.velocity.copy(),
            "square": self.rule.square.copy(),
            "kept": np.zeros(0, self.net.theta.dtype) if self.kept is None else self.kept.copy(),
            "counts": np.array([self.iteration, self.rule.count, self.best_iteration, self.stale]),
            "best": np.array(self.best),
            "history": np.array([self.history[name] for name in MEASURES]),
        }

    def take_up(self, state: dict[str, Array]) -> None:
        """Go on from a state."""
        self.net.theta[:] = state["theta"]
        self.before = state["before"]
        self.rule.velocity, self.rule.square = state["velocity"], state["square"]
        self.kept = state["kept"] if state["kept"].size else None
        self.iteration, self.rule.count, self.best_iteration, self.stale = (int(value) for value in state["counts"])
        self.best = float(state["best"])
        self.history = {name: list(map(float, row)) for name, row in zip(MEASURES, state["history"], strict=True)}


def warn_if_trapped(net: Network, loss: str, batch: Batch) -> None:
    """Warn of a start from which no gradient leads away although there is something to learn."""
    for rows in (slice(0, FEW), slice(None)):
        value, g = net.gradient(batch.of(rows), loss)
        if value == 0 or not np.isfinite(value) or g.any():
            return
    warn(
        f"The gradient is zero at the start (loss {value:.3g}), and training cannot leave it: no neuron is active on"
        " any row, or all weights are zero. Take weight_scale above 0, or a smaller bias_scale.",
        ConvergenceWarning,
    )
