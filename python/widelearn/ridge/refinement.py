"""Ridge solutions refined by further passes over the rows, whose residuals an approximate factor turns to steps."""

from collections.abc import Callable

import numpy as np

from widelearn.ridge.normal_equations import NormalEquations
from widelearn.ridge.row_passes import RowPasses
from widelearn.runtime import Array

# What the first correction of fitted values may be, relative to the targets.
TOO_LARGE = 0.1
# A first correction of relative size s says that errors shrink by about s a pass, in the worst direction by so much
# less.
WORSE = 100.0
PASSES = 8
# Means beyond so many spreads are taken out before features are multiplied.
FAR = 100.0


def refine(
    system: NormalEquations,
    alpha: float,
    coef: Array,
    correct: Callable[[Array], Array],
    rows: RowPasses,
    *,
    targets: Array,
    left: float,
    floor: float,
) -> tuple[Array, Array, int] | None:
    """Return coefficients (p, t) and values at the centre (t,) that the rows confirm, and how many passes it took.

    None says that the corrections do not shrink.

    With c the solution so far, A the moments' matrix and r the residuals of all rows in double precision, the
    correction is (A + alpha I)⁻¹ (Z'W r - alpha c), the inverse by `correct`, which may be approximate. Its size in the
    energy norm is that of the error before it, and its ratio to the last one the rate at which errors shrink; one pass
    is enough where the factor is good. It ends below `left`, or below `floor`, what rounding of residuals leaves.

    Source: Björck, "Stability analysis of the method of seminormal equations for linear least squares problems",
    Linear Algebra and its Applications 88, 1987.
    """
    center, size = system.center, system.scale[targets]
    y = rows.y[:, targets]
    # Far from zero, features lose in products the digits that their mean has beyond their spread.
    far = system.distance > FAR
    offset, last = system.mean_y[targets] - system.rest @ coef, 0.0
    for passed in range(1, PASSES + 1):
        gradient, sums = -alpha * coef, np.zeros(len(size))
        for at, Z in rows.blocks():
            Z = Z - center if far else Z.astype(np.float64, copy=False)
            fitted = Z @ coef - (0.0 if far else center @ coef)
            residual = (y[at] - offset) - fitted
            if rows.weight is not None:
                residual *= rows.weight[at][:, None]
            gradient += Z.T @ residual
            sums += residual.sum(axis=0)
            if not far:
                gradient -= np.outer(center, residual.sum(axis=0))
        if system.fit_intercept:
            gradient -= np.outer(system.rest, sums)
        step = correct(gradient)
        coef = coef + step
        if system.fit_intercept:
            offset = offset + sums / system.weight - system.rest @ step
        # Of a positive definite inverse no gradient has a negative curvature: one says that the factor is none.
        moved = (step * gradient).sum(axis=0)
        if not (np.isfinite(moved).all() and (moved >= 0.0).all()):
            return None
        moved = float(np.max(np.sqrt(moved) / np.where(size > 0.0, size, 1.0)))
        if moved * (moved / last if last > 0.0 else WORSE * moved) <= left or moved <= floor:
            return coef, offset, passed
        if not moved <= (last / 2 if last > 0.0 else TOO_LARGE):
            return None
        last = moved
    return None
