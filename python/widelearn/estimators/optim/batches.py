"""Descent along gradients of batches."""

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from widelearn.estimators.optim.adam import Adam
from widelearn.estimators.optim.sgd import Sgd
from widelearn.estimators.optim.trace import DivergedError, LossGradient, Trace, evaluate

Array = NDArray[Any]
# How a vector moves, given a gradient.
Rule = Adam | Sgd


def pass_over(
    batches: Iterable[tuple[int, Any]],
    loss_gradient: LossGradient,
    theta: Array,
    rule: Rule,
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
    rule: Rule,
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
