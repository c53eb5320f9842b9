"""Gradient descent with backtracking, and with kicks where the gradient vanishes."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from widelearn.estimators.optim.sgd import point_in_ball
from widelearn.estimators.optim.trace import DivergedError, LossGradient, Trace, evaluate, square

Array = NDArray[Any]
# Norm of the gradient below which descent kicks.
SMALL_GRADIENT = 1e-4
# Radius of the kick.
RADIUS = 1e-3
# Steps after which a kick must have paid.
PATIENCE = 50
# Largest number of times that a step is halved.
HALVINGS = 40


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
