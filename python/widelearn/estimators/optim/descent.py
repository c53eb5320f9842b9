"""Descents of a function of one vector: by L-BFGS, by gradients with kicks or by those of batches; and their trace."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.optimize import minimize

from widelearn.estimators.optim.rules import Adam, Sgd, point_in_ball
from widelearn.runtime import Array

# Value and gradient at a vector; a descent over batches gives the batch as a second argument.
LossGradient = Callable[..., tuple[float, Array]]
# Pairs of steps and gradients that L-BFGS keeps.
PAIRS = 20
# Iterations in a row that must gain little for L-BFGS to end: near a saddle there are many such ones.
STEADY = 5
# Norm of the gradient below which gradient descent kicks.
SMALL_GRADIENT = 1e-4
# Radius of the kick.
RADIUS = 1e-3
# Steps after which a kick must have paid.
PATIENCE = 50
# Largest number of times that a step is halved.
HALVINGS = 40


class DivergedError(Exception):
    """A value or gradient is not finite."""


@dataclass
class Trace:
    """The last iterate, and loss and gradient of every iteration; whole at any time, so that an interrupt keeps it."""

    theta: Array
    callback: Callable[[int, float], object] | None = None
    losses: list[float] = field(default_factory=list)
    gradients: list[float] = field(default_factory=list)
    # Why the descent ended, where that is worth a warning.
    fault: str = ""

    def add(self, theta: Array, loss: float, gradient: float) -> None:
        """Take one iteration down: a copy of its end, its loss and its gradient's norm."""
        self.theta = theta.copy()
        self.losses.append(loss)
        self.gradients.append(gradient)
        if self.callback is not None:
            self.callback(len(self.losses), loss)


def objective_line(loss: float) -> str:
    """Write what a line of progress says of an iteration."""
    return f"objective {loss:.6g}"


def evaluate(loss_gradient: LossGradient, theta: Array, *batch: Any) -> tuple[float, Array, float]:
    """Return value, gradient and its norm; raise DivergedError where they or the vector are not finite."""
    if np.isfinite(theta).all():
        with np.errstate(all="ignore"):
            value, gradient = loss_gradient(theta, *batch)
            norm = math.sqrt(square(gradient))
            if math.isfinite(value + norm):
                return value, gradient, norm
    raise DivergedError


def square(v: Array) -> float:
    """Return ‖v‖², without the threads of BLAS, which cost more than they save and change bits."""
    return float(np.einsum("i,i", v, v))


def lbfgs_descent(
    loss_gradient: LossGradient, trace: Trace, *, max_iter: int, tol: float = 0.0, gradient_tol: float = 1e-9
) -> None:
    """Minimise by SciPy's L-BFGS until STEADY iterations lower the value by less than `tol` max(1, value) each.

    It also ends where no entry of the gradient exceeds `gradient_tol`.
    """
    norm = 0.0

    def call(theta: Array) -> tuple[float, Array]:
        nonlocal norm
        value, gradient, norm = evaluate(loss_gradient, theta)
        return value, gradient

    def note(intermediate_result: Any) -> None:
        value = float(intermediate_result.fun)
        trace.add(intermediate_result.x, value, norm)
        if len(trace.losses) > STEADY and trace.losses[-1 - STEADY] - value < STEADY * tol * max(1.0, value):
            raise StopIteration

    options: Any = {"maxiter": max_iter, "maxfun": max(15_000, 10 * max_iter), "maxcor": PAIRS}
    options |= {"ftol": 0.0, "gtol": gradient_tol}
    found = minimize(call, trace.theta, jac=True, method="L-BFGS-B", callback=note, options=options)
    if found.status == 1:
        trace.fault = f"lbfgs stopped after max_iter = {max_iter} iterations"


def perturbed_descent(
    loss_gradient: LossGradient, trace: Trace, rng: np.random.RandomState, *, max_iter: int, tol: float, rate: float
) -> None:
    """Descend by gradient steps of halved length, with a kick wherever the gradient vanishes.

    It ends where a kick has not paid `tol` in PATIENCE steps: no direction of descent is left but very flat ones.
    """
    theta, step = trace.theta.copy(), rate
    value, gradient, norm = evaluate(loss_gradient, theta)
    before, kicked = None, -PATIENCE
    for iteration in range(max_iter):
        if before is not None and iteration - kicked == PATIENCE:
            if before[1] - value < tol:
                trace.add(*before, norm)
                return
            before = None
        if before is None and norm <= SMALL_GRADIENT:
            before, kicked = (theta, value), iteration
            theta = theta + point_in_ball(rng, len(theta), RADIUS)
            value, gradient, norm = evaluate(loss_gradient, theta)
        theta, value, gradient, norm, step = backtrack(loss_gradient, theta, value, gradient, norm, 2 * step)
        trace.add(theta, value, norm)
    trace.fault = f"pgd stopped after max_iter = {max_iter} iterations"


def backtrack(
    loss_gradient: LossGradient, theta: Array, value: float, gradient: Array, norm: float, step: float
) -> tuple[Array, float, Array, float, float]:
    """Return the end of a gradient step that lowers the value by half of what its slope promises."""
    for _ in range(HALVINGS):
        try:
            there = theta - step * gradient
            lower, slope, steepness = evaluate(loss_gradient, there)
            if lower <= value - 0.5 * step * square(gradient):
                return there, lower, slope, steepness, step
        except DivergedError:
            pass
        step /= 2
    return theta, value, gradient, norm, step


def pass_over(
    batches: Iterable[tuple[int, Any]],
    loss_gradient: LossGradient,
    theta: Array,
    rule: Adam | Sgd,
    rate: Callable[[int], float],
    last: Array,
) -> tuple[float, int, float]:
    """Make a step for every batch, given with its number of rows; return mean loss, rows and the last gradient's norm.

    `theta` moves in place; `last` becomes the last vector of a finite loss, also where the pass is interrupted. `rate`
    is a function of the steps made. Where anything is no longer finite, DivergedError is raised.
    """
    total, rows, norm = 0.0, 0, 0.0
    for size, batch in batches:
        loss, gradient, norm = evaluate(loss_gradient, theta, batch)
        last[:] = theta
        if not rule.step(theta, gradient, rate(rule.count)):
            raise DivergedError
        total, rows = total + loss * size, rows + size
    return total / rows if rows else math.nan, rows, norm


def batch_descent(
    loss_gradient: LossGradient,
    trace: Trace,
    rule: Adam | Sgd,
    rng: np.random.RandomState,
    *,
    n_rows: int,
    batch_size: int,
    max_iter: int,
    rate: float,
) -> None:
    """Descend along gradients of random batches, arrays of row numbers, for `max_iter` passes over the rows.

    The rate is constant for the first half of the steps and falls linearly to 0 in the second.
    """
    theta, per_pass = trace.theta.copy(), -(-n_rows // batch_size)
    steps = max_iter * per_pass
    for _ in range(max_iter):
        batches = np.array_split(rng.permutation(n_rows), per_pass)
        sized = ((len(batch), batch) for batch in batches)
        loss, _, norm = pass_over(
            sized, loss_gradient, theta, rule, lambda t: rate * min(1.0, 2 * (1 - t / steps)), trace.theta
        )
        # The iterate that is kept has a finite loss.
        evaluate(loss_gradient, theta, batches[-1])
        trace.add(theta, loss, norm)
