"""Products of dense matrices by SciPy's BLAS: Ctrl-C ends them at once, and other threads run meanwhile.

NumPy and SciPy each bring a BLAS of their own, whose threads wait awake for a while: alternating between the two, as
NumPy's products do with SciPy's factorisations, makes both slow.
"""

import numpy as np

from widelearn import _core
from widelearn.runtime import Array

# Up to so many columns matrix-vector products are faster than the matrix product, which packs both its factors.
SINGLE_COLUMNS = 5


def times(A: Array, B: Array) -> Array:
    """Return A B of two matrices of one dtype."""
    out = np.empty((len(A), B.shape[1]), A.dtype)
    _core.multiply(*by_rows(A), *by_rows(B), out)
    return out


def tall_product(A: Array, V: Array) -> Array:
    """Return A V, column by column while that is faster; both of one dtype."""
    if V.shape[1] > SINGLE_COLUMNS:
        return times(A, V)
    (matrix, transposed), found = by_rows(A), np.zeros((V.shape[1], len(A)), A.dtype)
    for column, out in zip(V.T, found, strict=True):
        _core.multiply_vector(matrix, transposed, np.ascontiguousarray(column), out)
    return np.ascontiguousarray(found.T)


def symmetric_product(A: Array, V: Array) -> Array:
    """Return A V of a symmetric matrix, of which half is read: that takes the time where V has few columns."""
    matrix, found = by_rows(A)[0], np.zeros((V.shape[1], len(A)), A.dtype)
    for column, out in zip(V.T, found, strict=True):
        _core.multiply_symmetric(matrix, np.ascontiguousarray(column), out)
    return np.ascontiguousarray(found.T)


def products_of_columns(A: Array) -> Array:
    """Return the lower triangle of A' A, for rows that are C-contiguous."""
    out = np.zeros((A.shape[1], A.shape[1]), A.dtype)
    _core.multiply_itself(A, out)
    return out.T


def by_rows(A: Array) -> tuple[Array, bool]:
    """Return a matrix, or its transpose where that is what lies row by row, and whether it is."""
    transposed = A.flags.f_contiguous
    return np.require(A.T if transposed else A, requirements=["C", "ALIGNED"]), transposed
