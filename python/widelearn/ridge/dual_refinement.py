"""Dual ridge solutions of rows that are at hand, refined by residuals in twice the precision of doubles.

Coefficients c and dual ones v of the scaled rows A = S (Z - 1 m'), S = √W, solve two equations, c = A'v and alpha v +
A c + b S 1 = S y. Both have a residual of their own, g and f, so that neither loses what cancels in the other; with M =
A A' + alpha I the corrections are δv = M⁻¹ (f - A g), δc = A' δv + g. They may be approximate: errors shrink by as much
as they are, pass by pass, until coefficients are as exact as doubles hold.

Source: Björck, "Iterative refinement of linear least squares solutions I", BIT 7, 1967.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from widelearn.ridge.exact_products import ExactSums, residuals, two_sum
from widelearn.ridge.exact_refinement import PASSES, SHRINKS
from widelearn.ridge.normal_equations import EPS
from widelearn.runtime import Array

# Corrections relative to the targets beyond which nothing is known of what is left.
UNKNOWN = 1e-6


class ScaledRows(NamedTuple):
    """Features Z (n, p) with targets (n, t), the roots of their weights, their centre m, and A = S (Z - 1 m')."""

    Z: Array
    y: Array
    root: Array
    center: Array
    A: Array
    fit_intercept: bool


class Refined(NamedTuple):
    """Coefficients (p, t), values at the centre (t,), and what error relative to the targets may be left."""

    coef: Array
    offset: Array
    left: float


def refine_dual(
    rows: ScaledRows,
    alpha: float,
    start: tuple[Array, Array, Array],
    correct: Callable[[Array, Array], tuple[Array, Array]],
    size: Array,
) -> Refined | None:
    """Return the solution that the rows confirm for one penalty, or None.

    It is exact to rounding of the coefficients, or to what corrections are left where they cease to fall before that.

    It starts from coefficients (p, t), dual ones S v (n, t) and values at the centre (t,). `correct` returns δv and δc
    of residuals f and g, f without its part along S 1 where there is an intercept; sizes (t,) are those of the targets.
    """
    Z, y, root, center, A, fit_intercept = rows
    coef, dual, offset = start
    size, lengths = np.where(size > 0.0, size, 1.0), np.linalg.norm(A, axis=0)[:, None]
    last, rest = np.full(len(size), np.inf), np.zeros(dual.shape)
    for passed in range(PASSES):
        left = root[:, None] * residuals(Z, center, coef, y, offset) - alpha * (dual / root[:, None])
        sums = ExactSums(*coef.shape)
        sums.add(Z, dual)
        # Of dual coefficients beyond the fit's scale, one number would keep too few digits.
        sums.add(Z, rest)
        gap = sums.less(center, coef, 1.0)
        step, turn = correct(left, gap)
        moved = np.linalg.norm(lengths * turn, axis=0) / size
        coef, (dual, rest) = coef + turn, two_sum(dual, rest + root[:, None] * step)
        if fit_intercept:
            offset = offset + (root @ left) / (root @ root)
        # What rounding of the coefficients themselves amounts to.
        floor = EPS * np.linalg.norm(lengths * coef, axis=0) / size
        if (moved <= floor).all():
            return Refined(coef, offset, 0.0)
        if not (moved <= np.maximum(SHRINKS * last, floor)).all():
            missed = float(max(moved.max(), last.max()))
            return Refined(coef, offset, missed) if missed <= UNKNOWN else None
        # The first pass gives dual coefficients the digits that they start without; rates are those after it.
        last = moved if passed else last
    return None
