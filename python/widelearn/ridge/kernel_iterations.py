"""Kernel ridge with an intercept by conjugate gradients, and whether they are worth it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from widelearn.ridge.conjugate_gradients import pcg
from widelearn.ridge.operators import Operator, Weighted
from widelearn.ridge.preconditioner import Preconditioner, worth_it
from widelearn.ridge.solution import Solution

Array = NDArray[Any]
# Systems of fewer rows are factored whatever their spectrum.
FEW_ROWS = 3000


def solve_iteratively(
    A: Operator, y: Array, alpha: Array, weight: Array | None, *, fit_intercept: bool, tol: float, **options: Any
) -> Solution:
    """Solve (K + alpha W⁻¹) a + b 1 = y with 1'a = 0, or without b, from products with K.

    With a_y and a_1 the solutions for y and for ones, b = 1'a_y / 1'a_1 and a = a_y - b a_1; what is left of the whole
    system is the same combination of what is left of the two. Options are those of :func:`pcg`.
    """
    t = y.shape[1]
    root = np.ones(len(y)) if weight is None else np.sqrt(weight)
    size = np.linalg.norm(root[:, None] * y, axis=0)
    origin, right, penalties, part = np.zeros(t), y, alpha, tol
    if fit_intercept:
        # Solving for what an intercept alone leaves over keeps the digits of targets far from zero.
        origin = (root**2) @ y / (root**2).sum()
        distinct = np.unique(alpha)
        right = np.column_stack([y - origin, np.ones((len(y), len(distinct)))])
        penalties, part = np.concatenate([alpha, distinct]), tol / 2
    found = pcg(A, right, penalties, sample_weight=weight, tol=part, **options)
    coef, left, offset = found.coef[:, :t], np.asarray(found.left)[:, :t], np.zeros(t)
    if fit_intercept:
        ones = t + np.searchsorted(distinct, alpha)
        offset = coef.sum(axis=0) / found.coef[:, ones].sum(axis=0)
        coef, left = coef - offset * found.coef[:, ones], left - offset * np.asarray(found.left)[:, ones]
    norms = np.linalg.norm(left, axis=0)
    relative = np.divide(norms, size, out=norms.copy(), where=size > 0)
    relative = float(relative.max(initial=0.0))
    return found._replace(coef=coef, offset=origin + offset, residual=relative, left=left)


def worth_iterating(
    A: Operator, alpha: Array, weight: Any, *, fit_intercept: bool, tol: float, max_iter: int, random_state: Any
) -> Preconditioner | None:
    """Return the preconditioner with which iterations beat a factorisation, or None if they do not."""
    if A.shape[0] < FEW_ROWS or not (alpha > 0).all():
        return None
    scaled = A if weight is None else Weighted(A, np.sqrt(weight))
    penalties = np.concatenate([alpha, np.unique(alpha)]) if fit_intercept else alpha
    return worth_it(scaled, penalties, tol, max_iter, check_random_state(random_state))
