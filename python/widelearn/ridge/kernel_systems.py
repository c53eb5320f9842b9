"""Dual ridge systems of kernel matrices: by a factor, or by conjugate gradients where they pay."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike
from sklearn.utils import check_random_state

from widelearn.ridge.certificate import LOST, complain, fit_error, roundoff
from widelearn.ridge.conjugate_gradients import columns_solved
from widelearn.ridge.operators import Operator, Weighted, symmetric_kernel_matrix
from widelearn.ridge.preconditioner import Preconditioner, worth_it
from widelearn.ridge.symmetric_systems import Inverses, Solution, solve_symmetric
from widelearn.ridge.unit_systems import heights, into_range, unit_weights
from widelearn.runtime import Array, check_memory, crossing, empty, row_blocks

# Systems of fewer rows are factored whatever their spectrum.
FEW_ROWS = 1500
# Rows of a kernel matrix that are copied at once.
COPIED_ROWS = 256


def square(K: Array) -> Array:
    """Return a kernel matrix, which is refused if it is not square."""
    if K.ndim != 2 or K.shape[0] != K.shape[1]:
        raise ValueError(f"A kernel matrix must be square, got shape {K.shape}.")
    return K


def own_kernel_matrix(K: Array, dtype: DTypeLike | None = None) -> Array:
    """Return a C-contiguous copy of a square kernel matrix, to be destroyed by a solve; of its dtype, or another."""
    n, dtype = len(square(K)), K.dtype if dtype is None else np.dtype(dtype)
    check_memory(n * n * dtype.itemsize, f"A copy of the {n} x {n} kernel matrix", "Take fewer rows.")
    own = empty((n, n), dtype)
    # Some rows at a time, so that Ctrl-C need not wait for all of them.
    for rows in row_blocks(n, COPIED_ROWS):
        own[rows] = K[rows]
    return own


def solve_dual(
    K: Array,
    y: Array,
    alpha: Array,
    weight: Array | None,
    *,
    fit_intercept: bool = False,
    symmetric: bool = False,
    definite: bool = False,
    unit: float | None = None,
    fallback: bool = True,
    inverses: Inverses | None = None,
) -> Solution:
    """Solve (K + alpha W⁻¹) a + b 1 = y with 1'a = 0, or without b, as (S K S + alpha I) β + b √w = S y, a = S β.

    With S = √W small weights do no harm. K, C-contiguous, is destroyed. Coefficients of rows without weight are zero.
    `symmetric` says that K need not be checked; `definite`, that it is positive semidefinite but for rounding. `unit`
    is the unit roundoff of what its entries were computed in, by default its own. Who sets `fallback` to False judges
    the solution's error by himself, and meets a LinAlgError where there is no Cholesky factor. `inverses` takes
    those of K + alpha I of unweighted rows, by alpha, where there is a factor.
    """
    if not (symmetric or definite):
        symmetric_kernel_matrix(K)
    coef = np.zeros(y.shape, K.dtype)
    rows: Any = slice(None)
    root = np.ones(len(K))
    if weight is not None:
        rows, root = np.flatnonzero(weight), np.sqrt(weight[weight > 0])
        y = y[rows] * root[:, None]
        if len(root) < len(K):
            need = len(root) ** 2 * K.itemsize
            check_memory(need, f"The kernel matrix of the {len(root)} rows that have weight", "Drop the others first.")
            K = crossing(K, rows, rows)
        K *= root.astype(K.dtype)[:, None]
        K *= root.astype(K.dtype)
    alpha, exponent = into_range(K, alpha)
    border = root if fit_intercept else None
    unit = roundoff(K.dtype) if unit is None else unit
    kept = inverses if weight is None and exponent == 0 else None
    found = solve_symmetric(K, y, alpha, border=border, definite=definite, fallback=fallback, inverses=kept)
    error = fit_error(K.diagonal(), found.coef, y, root, unit, found.residual, fit_intercept=fit_intercept)
    if fallback and error > LOST and found.solver == "cholesky":
        complain(error, K, alpha, unit)
    coef[rows] = np.ldexp(found.coef, -exponent) * root.astype(K.dtype)[:, None]
    return found._replace(coef=coef, error=error)


def solve_iteratively(
    A: Operator, y: Array, alpha: Array, weight: Array | None, *, fit_intercept: bool, tol: float, **options: Any
) -> Solution:
    """Solve (K + alpha W⁻¹) a + b 1 = y with 1'a = 0, or without b, from products with K.

    With a_y and a_1 the solutions for y and for ones, b = 1'a_y / 1'a_1 and a = a_y - b a_1; what is left of the whole
    system is the same combination of what is left of the two. Options are those of :func:`pcg`.
    """
    t, power = y.shape[1], heights(y)
    y, (weight, alpha) = np.ldexp(y, -power), unit_weights(weight, alpha)
    root = np.ones(len(y)) if weight is None else np.sqrt(weight)
    size = np.linalg.norm(root[:, None] * y, axis=0)
    origin, right, penalties, part = np.zeros(t), y, alpha, tol
    if fit_intercept:
        # Solving for what an intercept alone leaves over keeps the digits of targets far from zero.
        origin = (root**2) @ y / (root**2).sum()
        distinct = np.unique(alpha)
        right = np.column_stack([y - origin, np.ones((len(y), len(distinct)))])
        penalties, part = np.concatenate([alpha, distinct]), tol / 2
    found = columns_solved(A, right, penalties, sample_weight=weight, tol=part, together=fit_intercept, **options)
    coef, left, offset = found.coef[:, :t], np.asarray(found.left)[:, :t], np.zeros(t)
    if fit_intercept:
        ones = t + np.searchsorted(distinct, alpha)
        total = found.coef[:, ones].sum(axis=0)
        offset = np.divide(coef.sum(axis=0), total, out=offset, where=total != 0)
        coef, left = coef - offset * found.coef[:, ones], left - offset * np.asarray(found.left)[:, ones]
        # What the intercept alone leaves over is never worse.
        alone = root[:, None] * right[:, :t]
        worse = ~(np.linalg.norm(left, axis=0) <= np.linalg.norm(alone, axis=0))
        coef, left, offset = np.where(worse, 0.0, coef), np.where(worse, alone, left), np.where(worse, 0.0, offset)
    norms = np.linalg.norm(left, axis=0)
    relative = np.divide(norms, size, out=norms.copy(), where=size > 0)
    relative = float(relative.max(initial=0.0))
    coef, left, offset = (np.ldexp(part, power) for part in (coef, left, origin + offset))
    return found._replace(coef=coef, offset=offset, residual=relative, left=left)


def worth_iterating(
    A: Operator, alpha: Array, weight: Any, *, fit_intercept: bool, tol: float, max_iter: int, random_state: Any
) -> Preconditioner | None:
    """Return the preconditioner with which iterations beat a factorisation, or None if they do not."""
    if A.shape[0] < FEW_ROWS or not (alpha > 0).all():
        return None
    weight, alpha = unit_weights(weight, alpha)
    scaled = A if weight is None else Weighted(A, np.sqrt(weight))
    penalties = np.concatenate([alpha, np.unique(alpha)]) if fit_intercept else alpha
    return worth_it(scaled, penalties, tol, max_iter, check_random_state(random_state))
