"""Ridge problems on plain arrays: solutions, left-out predictions and GCV, of one penalty and of many."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_array, check_consistent_length

from widelearn.ridge.certificate import complain_of_left_out
from widelearn.ridge.complaints import complain_once, worst_complaint
from widelearn.ridge.dual_path import DualPath
from widelearn.ridge.dual_rows import DualRowsPath, StoredRows, gcv_of_rows, solve_rows
from widelearn.ridge.kernel_systems import own_kernel_matrix, solve_dual
from widelearn.ridge.moments import Moments
from widelearn.ridge.normal_equations import scale_of
from widelearn.ridge.operators import symmetric_kernel_matrix
from widelearn.ridge.primal_path import PrimalPath
from widelearn.ridge.row_passes import RowPasses
from widelearn.ridge.symmetric_systems import check_alpha, check_weight
from widelearn.ridge.tridiagonal import dual_gcv
from widelearn.runtime import Array, crossing, in_few_rows_one_thread, row_blocks

BLOCK_ROWS = 2048
# The share of the targets' spread that rounding of the coefficients may take without a word. Measured, not derived: the
# rows' own rounding is as large. On six data sets of scikit-learn, raw, with a constant column and standardised, and 40
# problems of random features, for penalties from 1e-8, the share is at most 9e-7; on 600 seeded problems of single
# precision, columns of unlike units and offsets, at most 1e-4 but for two, beyond 0.1.
TELLING = 1e-3


class Problem(NamedTuple):
    """What a call was given, checked; rows without weight are left out of `A`, `y` and `weight`."""

    A: Array
    y: Array
    weight: Array | None
    alphas: Array
    kind: str
    flat: bool
    rows: Array | slice
    n: int

    def shaped(self, values: Array) -> Array:
        """Drop the targets' axis of one-dimensional targets."""
        return values[..., 0] if self.flat else values


def check_arrays(
    A: ArrayLike, y: ArrayLike, kind: str, sample_weight: ArrayLike | None
) -> tuple[Array, Array, Array | None, bool]:
    """Return the matrix, targets (n, t) and weights, and whether the targets have no axis of their own."""
    if kind not in ("features", "kernel"):
        raise ValueError(f"kind must be 'features' or 'kernel', got {kind!r}.")
    a = check_array(A, dtype=[np.float64, np.float32], input_name="A")
    targets = check_array(y, dtype=np.float64, order="C", ensure_2d=False, input_name="y")
    check_consistent_length(a, targets)
    weight = None
    if sample_weight is not None:
        weight = check_weight(sample_weight, a)
    return a, targets.reshape(len(a), -1), weight, targets.ndim == 1


def check(A: ArrayLike, y: ArrayLike, alphas: ArrayLike, kind: str, sample_weight: ArrayLike | None) -> Problem:
    """Check the arguments of a path, and leave out rows without weight."""
    a, columns, weight, flat = check_arrays(A, y, kind, sample_weight)
    n, penalties = len(a), check_alphas(alphas)
    rows: Any = slice(None)
    if weight is not None:
        rows = np.flatnonzero(weight)
        columns, weight = columns[rows], weight[rows]
    if kind == "kernel":
        a = symmetric_kernel_matrix(own_kernel_matrix(a))
        a = a if weight is None else crossing(a, rows, rows)
    else:
        a = a[rows]
    return Problem(a, columns, weight, penalties, kind, flat, rows, n)


def check_alphas(alphas: ArrayLike) -> NDArray[np.float64]:
    """Return penalties as a non-empty vector of finite non-negative numbers."""
    values = np.atleast_1d(np.asarray(alphas, dtype=np.float64))
    if values.ndim != 1 or not values.size:
        raise ValueError(f"alphas must be a non-empty sequence of numbers, got shape {np.shape(alphas)}.")
    return check_alpha(values, values.size)


def decompose(problem: Problem) -> DualPath | DualRowsPath | PrimalPath:
    """Return the path over the smaller of the two systems."""
    A, y, weight, alphas = problem.A, problem.y, problem.weight, problem.alphas
    if problem.kind == "kernel" or len(A) <= A.shape[1]:
        if problem.kind == "kernel":
            return DualPath(A, y, alphas, weight, fit_intercept=False, definite=False)
        return DualRowsPath(StoredRows(A, False), y, alphas, weight, fit_intercept=False)
    moments = Moments(A.shape[1], y.shape[1]).update(A, y, weight)
    return PrimalPath(moments, alphas, passes(A, y, weight), fit_intercept=False)


def passes(A: Array, y: Array, weight: Array | None) -> RowPasses:
    """Return passes over the rows of stored features."""
    blocks = row_blocks(len(A), BLOCK_ROWS)
    return RowPasses(lambda: ((rows, A[rows]) for rows in blocks), y, weight)


@in_few_rows_one_thread
def solve(
    A: ArrayLike, y: ArrayLike, alpha: ArrayLike, *, kind: str = "features", sample_weight: ArrayLike | None = None
) -> Array:
    """Solve one ridge problem without an intercept.

    For features Z, minimise Σ w (y - z.c)² + alpha ‖c‖²; for a kernel matrix K, solve (K + alpha W⁻¹) a = y, which
    minimises Σ w (y - f)² + alpha ‖f‖² over f = K a.

    Parameters
    ----------
    A : array-like of shape (n, p) or (n, n)
        Features, or a symmetric kernel matrix.
    y : array-like of shape (n,) or (n, t)
        Targets.
    alpha : float or array-like of shape (t,)
        Penalty, one for all targets or one each.
    kind : {"features", "kernel"}, default="features"
        What `A` holds.
    sample_weight : array-like of shape (n,), optional
        Non-negative weights w; integer weights mean repeated rows, zero means the row is not there.

    Returns
    -------
    ndarray of shape (p,), (p, t), (n,) or (n, t)
        Coefficients c of the features, or dual coefficients a, zero where the weight is zero; float32 for float32 `A`.

    Raises
    ------
    ValueError
        If shapes do not fit or values are not finite.
    MemoryError
        If the smaller of the two systems does not fit.

    Warns
    -----
    LinAlgWarning
        Once, with the reciprocal condition number and the remedy, if the system is singular to working precision
        (then the solution is the one of smallest norm) or a kernel matrix is indefinite (then it is the LDLᵀ
        solution).

    Notes
    -----
    Costs 2 n p min(n, p) + min(n, p)³ / 3 flops for features, which are solved in the dual where n < p, and n³ / 3
    for a kernel. A float32 kernel is factored in float32; products of float32 features are taken in float64. Where
    rounding of those products would show, further passes over the rows correct the solution.

    References
    ----------
    Saunders, Gammerman & Vovk, "Ridge regression learning algorithm in dual variables", ICML 1998, section 2.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn import ridge
    >>> Z, y = np.array([[1.0, 0.0], [0.0, 2.0], [0.0, 0.0]]), np.array([2.0, 5.0, 1.0])
    >>> ridge.solve(Z, y, alpha=1.0)
    array([1., 2.])
    >>> Z.T @ ridge.solve(Z @ Z.T, y, alpha=1.0, kind="kernel")
    array([1., 2.])
    """
    a, columns, weight, flat = check_arrays(A, y, kind, sample_weight)
    penalties = check_alpha(alpha, columns.shape[1])
    if kind == "kernel":
        coef = solve_dual(own_kernel_matrix(a), columns, penalties, weight).coef
    elif len(a) < a.shape[1]:
        coef = solve_rows(StoredRows(a, False), columns, penalties, weight, fit_intercept=False).coef
    else:
        moments = Moments(a.shape[1], columns.shape[1]).update(a, columns, weight)
        coef = stored(moments.solution_once(penalties, False, passes(a, columns, weight)).coef, a, columns)
    return coef[:, 0] if flat else coef


def stored(coef: Array, rows: Array, targets: Array) -> Array:
    """Return coefficients in the type of the rows, and say where that moves the fit to them."""
    kept = coef.astype(rows.dtype, copy=False)
    if kept.dtype == coef.dtype:
        return kept
    with np.errstate(over="ignore", invalid="ignore"):
        moved = np.linalg.norm(rows @ (coef - kept).astype(rows.dtype), axis=0)
    size = np.linalg.norm(targets, axis=0)
    scale = scale_of(np.linalg.norm(targets - targets.mean(axis=0), axis=0), size)
    share = float(np.max(moved / np.where(scale > 0.0, scale, np.inf), initial=0.0))
    if not share < TELLING:
        complain_once(
            f"The coefficients are stored in {rows.dtype}, as the rows are, and that alone moves the fit by"
            f" {share:.2g} of the targets' spread. Pass float64 rows, columns of like units, or raise alpha.",
            severity=share,
        )
    return kept


@in_few_rows_one_thread
def path(
    A: ArrayLike, y: ArrayLike, alphas: ArrayLike, *, kind: str = "features", sample_weight: ArrayLike | None = None
) -> Array:
    """Solve a ridge problem without intercept for many penalties.

    As :func:`widelearn.ridge.solve`, one decomposition serving all penalties where that costs less than a Cholesky
    factor for each.

    Parameters
    ----------
    A : array-like of shape (n, p) or (n, n)
        Features, or a symmetric kernel matrix.
    y : array-like of shape (n,) or (n, t)
        Targets.
    alphas : array-like of shape (n_alphas,)
        Penalties, finite and non-negative.
    kind : {"features", "kernel"}, default="features"
        What `A` is.
    sample_weight : array-like of shape (n,), optional
        Weights, non-negative.

    Returns
    -------
    ndarray of shape (n_alphas, p) or (n_alphas, p, t)
        Coefficients; dual ones, (n_alphas, n[, t]), for a kernel.

    Raises
    ------
    ValueError
        If shapes do not fit, a penalty is negative, or the kernel matrix is not symmetric.

    Warns
    -----
    LinAlgWarning
        Once, with the penalty of the worst, where systems are singular or their solutions lose digits to rounding.

    Notes
    -----
    With m = min(n, p): 2 n p m flops for the products, then 9 m³ for eigenvectors or m³ / 3 a penalty. A penalty whose
    solution the eigenvectors' rounding errors would move is solved as by :func:`widelearn.ridge.solve`.

    References
    ----------
    Rifkin & Lippert, "Notes on regularized least squares", MIT-CSAIL-TR-2007-025, section 3.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn import ridge
    >>> Z, y = np.array([[1.0, 0.0], [0.0, 2.0], [0.0, 0.0]]), np.array([2.0, 5.0, 1.0])
    >>> ridge.path(Z, y, alphas=[0.0, 1.0])
    array([[2. , 2.5],
           [1. , 2. ]])
    """
    problem = check(A, y, alphas, kind, sample_weight)
    found = decompose(problem)
    t = problem.y.shape[1]
    out = np.zeros((len(problem.alphas), problem.n if kind == "kernel" else problem.A.shape[1], t), problem.A.dtype)
    with worst_complaint() as gathered:
        for j, alpha in enumerate(problem.alphas):
            gathered.which = f"alpha = {alpha:.2g}"
            coef = found.solve(np.full(t, alpha)).coef
            if kind == "kernel":
                out[j, problem.rows] = coef
            else:
                out[j] = stored(coef, problem.A, problem.y)
    return problem.shaped(out)


@in_few_rows_one_thread
def loo(
    A: ArrayLike, y: ArrayLike, alphas: ArrayLike, *, kind: str = "features", sample_weight: ArrayLike | None = None
) -> Array:
    """Predict every row by the ridge fit, without intercept, to all other rows.

    With H = A (A'A + alpha I)⁻¹ A' the prediction is y_i - (y - H y)_i / (1 - H_ii), for weighted rows in their scaled
    space: the exact refit, from one decomposition for all penalties.

    Parameters
    ----------
    A : array-like of shape (n, p) or (n, n)
        Features, or a symmetric kernel matrix.
    y : array-like of shape (n,) or (n, t)
        Targets.
    alphas : array-like of shape (n_alphas,)
        Penalties, finite and non-negative.
    kind : {"features", "kernel"}, default="features"
        What `A` is.
    sample_weight : array-like of shape (n,), optional
        Weights, non-negative; a row without weight gets NaN, for no fit leaves it out.

    Returns
    -------
    ndarray of shape (n_alphas, n) or (n_alphas, n, t)
        Left-out predictions.

    Raises
    ------
    ValueError
        If shapes do not fit, a penalty is negative, or the kernel matrix is not symmetric.

    Notes
    -----
    With m = min(n, p): 2 n p m flops for the products, 9 m³ for eigenvectors, 2 n m (t + 1) a penalty. Few penalties on
    a kernel, or on fewer rows than columns, take one Cholesky factor and its inverse each, and many of 300 rows or more
    a band of the matrix, 8 m³ / 3 and 96 m² a penalty, unless they are near its rounding errors.

    References
    ----------
    Golub, Heath & Wahba, "Generalized cross-validation as a method for choosing a good ridge parameter", Technometrics
    21, 1979, section 2.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn import ridge
    >>> Z, y = np.array([[1.0], [1.0], [2.0]]), np.array([1.0, 2.0, 3.0])
    >>> ridge.loo(Z, y, alphas=[0.0])
    array([[1.6, 1.4, 3. ]])
    """
    problem = check(A, y, alphas, kind, sample_weight)
    kept = np.empty((len(problem.alphas), *problem.y.shape))
    found = decompose(problem)
    for rows, block in found.errors():
        kept[:, rows] = block
    if not isinstance(found, PrimalPath):
        complain_of_left_out(found.doubt(), problem.alphas)
    if problem.weight is not None:
        kept /= np.sqrt(problem.weight)[:, None]
    out = np.full((len(problem.alphas), problem.n, problem.y.shape[1]), np.nan)
    out[:, problem.rows] = problem.y - kept
    return problem.shaped(out)


@in_few_rows_one_thread
def gcv(
    A: ArrayLike, y: ArrayLike, alphas: ArrayLike, *, kind: str = "features", sample_weight: ArrayLike | None = None
) -> Array:
    """Return the generalised cross-validation error of every penalty, without intercept.

    It is (RSS / n) / (1 - df / n)², RSS = Σ w (y - f)², n = Σ w and df = tr A (A'WA + alpha I)⁻¹ A'W; infinite where df
    reaches n.

    Parameters
    ----------
    A : array-like of shape (n, p) or (n, n)
        Features, or a symmetric kernel matrix.
    y : array-like of shape (n,) or (n, t)
        Targets.
    alphas : array-like of shape (n_alphas,)
        Penalties, finite and non-negative.
    kind : {"features", "kernel"}, default="features"
        What `A` is.
    sample_weight : array-like of shape (n,), optional
        Weights, non-negative; n is their sum.

    Returns
    -------
    ndarray of shape (n_alphas,) or (n_alphas, t)
        Errors.

    Raises
    ------
    ValueError
        If shapes do not fit, a penalty is negative, or the kernel matrix is not symmetric.

    Notes
    -----
    With m = min(n, p): 2 n p m flops for the products and 4 m³ / 3 for a tridiagonal form; no eigenvectors.

    References
    ----------
    Golub, Heath & Wahba, "Generalized cross-validation as a method for choosing a good ridge parameter", Technometrics
    21, 1979, equation 1.4. Elden, "A note on the computation of the generalized cross-validation function", BIT 24,
    1984.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn import ridge
    >>> Z, y = np.array([[1.0], [1.0], [2.0]]), np.array([1.0, 2.0, 3.0])
    >>> np.round(ridge.gcv(Z, y, alphas=[0.0, 6.0]), 6)
    array([0.375, 1.86 ])
    """
    problem = check(A, y, alphas, kind, sample_weight)
    a, y, weight = problem.A, problem.y, problem.weight
    if kind == "features" and len(a) > a.shape[1]:
        moments = Moments(a.shape[1], y.shape[1]).update(a, y, weight)
        return problem.shaped(moments.gcv_errors(problem.alphas, False, passes(a, y, weight)))
    if kind == "features":
        return problem.shaped(gcv_of_rows(StoredRows(a, False), y, problem.alphas, weight, fit_intercept=False))
    return problem.shaped(dual_gcv(a, y, problem.alphas, weight, fit_intercept=False)[0])
