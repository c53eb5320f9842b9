"""Ridge solutions refined by residuals in twice the precision of doubles, until coefficients are exact to rounding.

The correction is that of :mod:`widelearn.ridge.refinement`, its gradient rounded once. The energy norm measures it, but
where no row varies what it does to columns one by one: new rows may vary there.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from widelearn.ridge.exact_products import ExactSums, residuals
from widelearn.ridge.normal_equations import NormalEquations
from widelearn.ridge.row_passes import RowPasses
from widelearn.runtime import Array

PASSES = 8
# Corrections that do not fall to such a share of the last one are rounding errors, and tell how large those are, after
# a first one that was small, or others that fell to such a share of it.
SHRINKS, SMALL, FELL = 0.5, 1e-4, 0.1
# A first correction of relative size s says that errors shrink by about s a pass, or by so much less.
WORSE = 100.0


class Confirmed(NamedTuple):
    """Coefficients (p, t), values at the centre (t,), how many passes they took, and what error may be left."""

    coef: Array
    offset: Array
    n_iter: int
    left: float


def refine_exactly(
    system: NormalEquations,
    alpha: float,
    coef: Array,
    correct: Callable[[Array], Array],
    rows: RowPasses,
    *,
    targets: Any,
    unseen: Array | None = None,
) -> Confirmed | None:
    """Return what the rows confirm, with what is left of errors relative to targets; None where nothing shrinks.

    `correct` returns about (A + alpha I)⁻¹ times a gradient. Of the equilibrated coefficients, `unseen` (p, k) are the
    orthonormal directions in which no row varies, by default all.
    """
    scale, units = system.scale[targets], np.sqrt(system.spread + alpha)[:, None]
    offset, first, last = system.mean_y[targets] - system.rest @ coef, 0.0, np.inf
    found: Confirmed | None = None
    for passed in range(1, PASSES + 1):
        gradient, sums = slope(system, alpha, coef, offset, rows, targets)
        step = correct(gradient)
        moved = np.linalg.norm(units * step if unseen is None else unseen.T @ (units * step), axis=0)
        if unseen is not None:
            moved = np.hypot(moved, np.sqrt(np.maximum((step * gradient).sum(axis=0), 0.0)))
        moved = float(np.max(moved / np.where(scale > 0.0, scale, 1.0)))
        if not moved <= SHRINKS * last:
            found = found if found is None else found._replace(left=max(moved, found.left))
            break
        coef, floor = coef + step, system.rounding(coef + step, alpha, targets)
        if system.fit_intercept:
            offset = offset + sums / system.weight - system.rest @ step
        first = first or moved
        rate = moved / last if last < np.inf else min(WORSE * moved, 1.0)
        found, last = Confirmed(coef, offset, passed, moved * rate), moved
        if found.left <= floor:
            return found
    return found if found is not None and (first <= SMALL or last <= FELL * first) else None


def slope(
    system: NormalEquations, alpha: float, coef: Array, offset: Array, rows: RowPasses, targets: Any
) -> tuple[Array, Array]:
    """Return Z'W r - alpha c (p, t) about the mean, rounded once, and the weighted sums (t,) of the residuals r."""
    sums = ExactSums(*coef.shape)
    for at, Z in rows.blocks():
        residual = residuals(Z, system.center, coef, rows.y[at][:, targets], offset)
        if rows.weight is not None:
            residual *= rows.weight[at][:, None]
        sums.add(Z, residual)
    gradient, total = sums.less(system.center, coef, alpha), sums.totals
    return (gradient - np.outer(system.rest, total) if system.fit_intercept else gradient), total
