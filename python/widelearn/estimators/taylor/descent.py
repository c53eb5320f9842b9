"""Descent on an objective of one vector: L-BFGS, perturbed gradient descent, noisy SGD, Adam."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

Array = NDArray[np.float64]
# Pairs that L-BFGS keeps, and iterations that must all gain little for it to end.
PAIRS, STEADY = 20, 5
# Perturbed descent: gradient below which it kicks, radius of the kick, steps until it must have paid.
SMALL_GRADIENT, RADIUS, PATIENCE = 1e-4, 1e-3, 50
# Steps of descent are halved at most so often.
HALVINGS = 40


class Function(Protocol):
    """A mean over rows, with its gradient."""

    @property
    def n_rows(self) -> int:
        """Rows it is a mean over."""

    def __call__(self, theta: Array, rows: Any = slice(None)) -> tuple[float, Array]:
        """Return value and gradient."""


class DivergedError(Exception):
    """A value or gradient is not finite."""


@dataclass
class Trace:
    """The last iterate and what was seen on the way; whole at any time, so that an interrupted descent keeps it."""

    theta: Array
    callback: Callable[[int, float], object] | None = None
    losses: list[float] = field(default_factory=list)
    gradients: list[float] = field(default_factory=list)
    # Why it ended, where that is worth a warning.
    fault: str = ""

    def step(self, theta: Array, loss: float, gradient: float) -> None:
        """Take one iterate down."""
        self.theta = theta.copy()
        self.losses.append(loss)
        self.gradients.append(gradient)
        if self.callback is not None:
            self.callback(len(self.losses), loss)


def evaluate(function: Function, theta: Array, rows: Any = slice(None)) -> tuple[float, Array]:
    """Return value and gradient, both finite."""
    if np.isfinite(theta).all():
        with np.errstate(all="ignore"):
            value, gradient = function(theta, rows)
            if np.isfinite(value) and np.isfinite(np.linalg.norm(gradient)):
                return value, gradient
    raise DivergedError


def lbfgs(function: Function, trace: Trace, *, max_iter: int, tol: float) -> None:
    """Minimise by L-BFGS until STEADY iterations lower the objective by less than `tol` max(1, objective) each.

    One iteration that gains little is no sign of a minimum: near a saddle there are many.
    """
    seen: dict[str, Any] = {}

    def call(theta: Array) -> tuple[float, Array]:
        value, gradient = evaluate(function, theta)
        seen["gradient"] = float(np.linalg.norm(gradient))
        return value, gradient

    def note(intermediate_result: Any) -> None:
        value = float(intermediate_result.fun)
        trace.step(intermediate_result.x, value, seen["gradient"])
        if len(trace.losses) > STEADY and trace.losses[-1 - STEADY] - value < STEADY * tol * max(1.0, value):
            raise StopIteration

    options: Any = {"maxiter": max_iter, "maxfun": 10 * max_iter, "maxcor": PAIRS, "ftol": 0.0, "gtol": 1e-9}
    found = minimize(call, trace.theta, jac=True, method="L-BFGS-B", callback=note, options=options)
    if found.status == 1:
        trace.fault = f"lbfgs stopped after max_iter = {max_iter} iterations"


def pgd(
    function: Function, trace: Trace, rng: np.random.RandomState, *, max_iter: int, tol: float, rate: float
) -> None:
    """Descend by gradient steps of halved length, with a kick wherever the gradient vanishes.

    It ends where a kick has not paid `tol` in PATIENCE steps: no direction of descent is left but very flat ones.
    """
    theta, step = trace.theta.copy(), rate
    value, gradient = evaluate(function, theta)
    before, kicked = None, -PATIENCE
    for iteration in range(max_iter):
        if before is not None and iteration - kicked == PATIENCE:
            if before[1] - value < tol:
                trace.step(before[0], before[1], float(np.linalg.norm(gradient)))
                return
            before = None
        if before is None and np.linalg.norm(gradient) <= SMALL_GRADIENT:
            before, kicked = (theta, value), iteration
            theta = theta + in_ball(rng, len(theta), RADIUS)
            value, gradient = evaluate(function, theta)
        theta, value, gradient, step = backtrack(function, theta, value, gradient, 2 * step)
        trace.step(theta, value, float(np.linalg.norm(gradient)))
    trace.fault = f"pgd stopped after max_iter = {max_iter} iterations"


def backtrack(
    function: Function, theta: Array, value: float, gradient: Array, step: float
) -> tuple[Array, float, Array, float]:
    """Return the end of a gradient step that lowers the value by half of what its slope promises."""
    square = float(gradient @ gradient)
    for _ in range(HALVINGS):
        try:
            there = theta - step * gradient
            lower, slope = evaluate(function, there)
            if lower <= value - 0.5 * step * square:
                return there, lower, slope, step
        except DivergedError:
            pass
        step /= 2
    return theta, value, gradient, step


def in_ball(rng: np.random.RandomState, dimension: int, radius: float) -> Array:
    """Draw a point uniformly in a ball."""
    direction = rng.standard_normal(dimension)
    return radius * rng.uniform() ** (1 / dimension) / np.linalg.norm(direction) * direction


def stochastic(
    function: Function,
    trace: Trace,
    rng: np.random.RandomState,
    *,
    adam: bool,
    max_iter: int,
    rate: float,
    batch_size: int,
) -> None:
    """Descend along gradients of batches for `max_iter` passes, by Adam or by SGD with noise; the rate falls to 0.

    It is constant for the first half of the steps and falls linearly in the second.
    """
    theta, n = trace.theta.copy(), function.n_rows
    first, second = np.zeros_like(theta), np.zeros_like(theta)
    per_pass = -(-n // batch_size)
    steps, t = max_iter * per_pass, 0
    for _ in range(max_iter):
        order, total = rng.permutation(n), 0.0
        for batch in np.array_split(order, per_pass):
            value, gradient = evaluate(function, theta, batch)
            # Where values are finite, not merely weights: what an interrupt or a divergence leaves.
            trace.theta = theta
            eta = rate * min(1.0, 2 * (1 - t / steps))
            t += 1
            if adam:
                first = 0.9 * first + 0.1 * gradient
                second = 0.999 * second + 0.001 * gradient**2
                theta = theta - eta * first / (1 - 0.9**t) / (np.sqrt(second / (1 - 0.999**t)) + 1e-8)
            else:
                theta = theta - eta * (gradient + in_ball(rng, len(theta), RADIUS))
            total += value * len(batch) / n
        evaluate(function, theta, batch)
        trace.step(theta, total, float(np.linalg.norm(gradient)))
