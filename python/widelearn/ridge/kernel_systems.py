"""Systems of a kernel matrix in memory: its checks, and its dual coefficients by a factor."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from widelearn.ridge.solution import Solution
from widelearn.ridge.symmetric_systems import solve_symmetric
from widelearn.runtime import check_memory, row_blocks

Array = NDArray[Any]
COMPARED_ROWS = 256


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

    K (n, n) is C-contiguous and destroyed. Rows without weight are left out, and not all may be; their coefficients are
    zero. `symmetric` says that K is known to be so, otherwise that is checked and refused; `definite`, that it is
    positive semidefinite but for rounding.
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
