"""One ridge problem on plain arrays, in its primal or its dual, whichever is smaller."""

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils.validation import _check_sample_weight

from widelearn.ridge.dual_rows import StoredRows, solve_rows
from widelearn.ridge.kernel_systems import own_kernel_matrix, solve_dual
from widelearn.ridge.moments import Moments
from widelearn.ridge.symmetric_systems import check_alpha

Array = NDArray[Any]


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
        coef = solve_rows(StoredRows(a, False), columns, penalties, weight, fit_intercept=False).coef
    else:
        moments = Moments(a.shape[1], columns.shape[1]).update(a, columns, weight)
        coef = moments.solve_once(penalties)[0].astype(a.dtype)
    return coef if targets.ndim == 2 else coef[:, 0]
