"""Kernel systems that are not symmetric: LU of the whole system as it stands."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

from widelearn.ridge.systems import Solution, bordered, residual, warn
from widelearn.runtime import row_blocks

Array = NDArray[Any]
COMPARED_ROWS = 256


def asymmetry(K: Array) -> float:
    """Return the largest difference of an entry from its mirror image, relative to the largest entry."""
    largest, gap = 0.0, 0.0
    for rows in row_blocks(len(K), COMPARED_ROWS):
        block = K[rows, : rows.stop]
        largest = max(largest, float(np.abs(block).max()))
        gap = max(gap, float(np.abs(block - K[: rows.stop, rows].T).max()))
    return gap / largest if largest > 0 else 0.0


def solve_general(A: Array, B: Array, alpha: NDArray[np.float64], border: Array | None, gap: float) -> Solution:
    """Solve (A + alpha I) X + u b' = B with u'X = 0 by LU, or by least squares if it is singular; warn once."""
    n, u = len(A), None if border is None else border.astype(np.float64)
    coef, offset, rconds = np.empty(B.shape), np.zeros(B.shape[1]), []
    for value in np.unique(alpha):
        columns = alpha == value
        M, right = bordered(A, B[:, columns], value, u)
        norm = np.abs(M).sum(axis=0).max()
        factor, pivots, _ = lapack.dgetrf(M)
        rconds.append(float(lapack.dgecon(factor, norm)[0]))
        if rconds[-1] >= np.finfo(A.dtype).eps:
            solved = lapack.dgetrs(factor, pivots, right)[0]
        else:
            solved = np.linalg.lstsq(M, right, rcond=None)[0]
        coef[:, columns] = solved[:n]
        if u is not None:
            offset[columns] = solved[n]
    solver = "lu" if min(rconds) >= np.finfo(A.dtype).eps else "lstsq"
    how = "LU" if solver == "lu" else "least squares"
    warn(
        f"The kernel matrix is not symmetric (mirrored entries differ by up to {gap:.2g} of the largest): solved by"
        f" {how} (rcond = {min(rconds):.2g}). Pass a symmetric one, as (K + K.T) / 2"
    )
    X = coef.astype(A.dtype)
    relative = residual(A, X.astype(np.float64), B, alpha, u, offset, np.linalg.norm(B, axis=0))
    return Solution(X, offset, solver, relative)
