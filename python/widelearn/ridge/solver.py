"""One ridge problem on plain arrays, in its primal or its dual, whichever is smaller."""

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils.validation import _check_sample_weight

from widelearn.ridge.dual_rows import KernelRows, StoredRows
from widelearn.ridge.moments import Moments
from widelearn.ridge.systems import Solution, check_alpha, solve_symmetric
from widelearn.runtime import check_memory, row_blocks

Array = NDArray[Any]
COMPARED_ROWS = 256


def solve(
    A: ArrayLike,
    y: ArrayLike,
    alpha: ArrayLike,
    *,
    kind: Literal["features", "kernel"] = "features",
    sample_weight: ArrayLike | None = None,
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
    for a kernel. A float32 `A` is multiplied in float32 and its features' moments are summed in float64.

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
    if kind not in ("features", "kernel"):
        raise ValueError(f"kind must be 'features' or 'kernel', got {kind!r}.")
    a = check_array(A, dtype=[np.float64, np.float32], input_name="A")
    targets = check_array(y, dtype=np.float64, order="C", ensure_2d=False, input_name="y")
    check_consistent_length(a, targets)
    columns = targets.reshape(len(a), -1)
    penalties = check_alpha(alpha, columns.shape[1])
    weight = None
    if sample_weight is not None:
        weight = _check_sample_weight(sample_weight, a, dtype=np.float64, ensure_non_negative=True)
    if kind == "kernel":
        coef = solve_dual(own_kernel_matrix(a), columns, penalties, weight).coef
    elif len(a) < a.shape[1]:
        coef, _ = solve_wide(a, columns, penalties, weight)
    else:
        moments = Moments(a.shape[1], columns.shape[1]).update(a, columns, weight)
        coef = moments.solve_once(penalties)[0].astype(a.dtype)
    return coef if targets.ndim == 2 else coef[:, 0]


def own_kernel_matrix(K: Array) -> Array:
    """Return a C-contiguous copy of a square kernel matrix, to be destroyed by a solve."""
    n = len(K)
    if K.shape != (n, n):
        raise ValueError(f"A kernel matrix must be square, got shape {K.shape}.")
    check_memory(K.nbytes, f"A copy of the {n} x {n} kernel matrix", "Take fewer rows.")
    return np.array(K, order="C")


def asymmetry(K: Array) -> float:
    """Return the largest difference of an entry from its mirror image, relative to the largest entry."""
    largest, gap = 0.0, 0.0
    for rows in row_blocks(len(K), COMPARED_ROWS):
        block = K[rows, : rows.stop]
        largest = max(largest, float(np.abs(block).max()))
        gap = max(gap, float(np.abs(block - K[: rows.stop, rows].T).max()))
    return gap / largest if largest > 0 else 0.0


def symmetric_kernel_matrix(K: Array) -> Array:
    """Return `K` if it is symmetric to half its digits, else refuse it."""
    gap = asymmetry(K)
    if gap > np.finfo(K.dtype).eps ** 0.5:
        raise ValueError(
            f"The kernel matrix is not symmetric: mirrored entries differ by up to {gap:.2g} of the largest. Pass"
            " (K + K.T) / 2, or instead of the matrix the rows and an object of class widelearn.kernels.Kernel."
        )
    return K


def solve_wide(
    Z: Array, y: Array, alpha: Array, weight: Array | None, *, fit_intercept: bool = False
) -> tuple[Array, Array]:
    """Return the coefficients (p, t) and intercepts (t,) of fewer rows than features, from the dual system K = Z Z'."""
    return solve_rows(StoredRows(Z, fit_intercept), y, alpha, weight, fit_intercept=fit_intercept)


def solve_rows(
    rows: StoredRows | KernelRows, y: Array, alpha: Array, weight: Array | None, *, fit_intercept: bool
) -> tuple[Array, Array]:
    """Return the same for rows whose features need not be stored."""
    return rows.primal(solve_dual(rows.gram(), y, alpha, weight, fit_intercept=fit_intercept, definite=True))


def solve_dual(
    K: Array,
    y: Array,
    alpha: Array,
    weight: Array | None,
    *,
    fit_intercept: bool = False,
    symmetric: bool = False,
    definite: bool = False,
) -> Solution:
    """Solve (K + alpha W⁻¹) a + b 1 = y with 1'a = 0, or without b.

    With S = √W: (S K S + alpha I) β + b √w = S y, a = S β, a system whose conditioning does not suffer from small
    weights.

    Parameters
    ----------
    K : ndarray of shape (n, n)
        Kernel matrix, C-contiguous; it is destroyed.
    y : ndarray of shape (n, t)
        Targets, float64.
    alpha : ndarray of shape (t,)
        Penalties.
    weight : ndarray of shape (n,) or None
        Sample weights, not all zero. Rows without weight are left out.
    fit_intercept : bool, default=False
        Whether there is an unpenalised intercept b.
    symmetric : bool, default=False
        Whether K is known to be symmetric; otherwise that is checked, and refused if it is not.
    definite : bool, default=False
        Whether K is known to be positive semidefinite but for rounding.

    Returns
    -------
    Solution
        Dual coefficients a (n, t), zero where the weight is zero, and b (t,).
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
            K = K[np.ix_(rows, rows)]
        K *= root.astype(K.dtype)[:, None]
        K *= root.astype(K.dtype)
    border = root if fit_intercept else None
    found = solve_symmetric(K, y, alpha, border=border, definite=definite)
    coef[rows] = found.coef * root.astype(K.dtype)[:, None]
    return found._replace(coef=coef)
