"""Descents of a function of one vector: L-BFGS, gradient descent with kicks, and steps along gradients of batches."""

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from scipy.optimize import minimize

from widelearn.estimators.optim.rules import Adam, Sgd, point_in_ball
from widelearn.estimators.optim.trace import DivergedError, LossGradient, Trace, evaluate, square
from widelearn.runtime import Array

# Pairs of steps and gradients that L-BFGS keeps.
PAIRS = 20
# Iterations in a row that must gain little for L-BFGS to end.
STEADY = 5
# Norm of the gradient below which gradient descent kicks.
SMALL_GRADIENT = 1e-4
# Radius of the kick.
RADIUS = 1e-3
# Steps after which a kick must have paid.
PATIENCE = 50
# Largest number of times that a step is halved.
HALVINGS = 40


def lbfgs_descent(
    loss_gradient: LossGradient, trace: Trace, *, max_iter: int, tol: float = 0.0, gradient_tol: float = 1e-9
) -> None:
    """Minimise by SciPy's L-BFGS until STEADY iterations lower the value by less than `tol` max(1, value) each.

    One iteration that gains little is no sign of a minimum: near a saddle there are many. It also ends where no entry
    of the gradient exceeds `gradient_tol`.
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
    is a function of the steps made.

    Raises
    ------
    DivergedError
        If a loss, a gradient or the vector is no longer finite.
    """
    total, rows, norm = 0.0, 0, 0.0
    for size, batch in batches:
        loss, gradient, norm = evaluate(loss_gradient, theta, batch)
        last[:] = theta
        with np.errstate(over="ignore", invalid="ignore"):
            rule.step(theta, gradient, rate(rule.count))
        if not np.isfinite(theta).all():
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
    """Descend along gradients of random batches for `max_iter` passes over the rows, by a rate that falls to 0.

    It is constant for the first half of the steps and falls linearly in the second. The function takes a batch as an
    array of row numbers.
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
