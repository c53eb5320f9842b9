"""Rows: what kernels take, checked once and made ready for the compiled core."""

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_array

from widelearn.runtime import Array


def as_rows(X: ArrayLike, name: str = "X") -> tuple[Array, bool]:
    """Return `X` as finite, aligned, native, C-contiguous rows of float32 or float64, and whether it was one row.

    float32 is kept, every other real type becomes float64; a one-dimensional `X` is one row.
    """
    single = np.ndim(X) == 1
    x = check_array(
        np.asarray(X).reshape(1, -1) if single else X, dtype=[np.float64, np.float32], order="C", input_name=name
    )
    x = np.require(x, requirements=["C", "ALIGNED"])
    return x, single


def check_square(K: Array) -> None:
    """Refuse a matrix that is precomputed for the fitted rows and not square."""
    if K.shape[0] != K.shape[1]:
        raise ValueError(f"A precomputed kernel matrix must be square at fit, got shape {K.shape}.")


def as_pair(X: ArrayLike, Y: ArrayLike | None) -> tuple[Array, Array | None, list[int]]:
    """Return `X` and `Y` as rows of one dtype and the axes of K(X, Y) to keep; None where `Y` is `X` itself."""
    x, single = as_rows(X)
    if Y is None or Y is X:
        return x, None, [0, 0] if single else [1, 1]
    y, single_y = as_rows(Y, "Y")
    if x.shape[1] != y.shape[1]:
        raise ValueError(f"X has {x.shape[1]} features, but Y has {y.shape[1]}: both must have as many.")
    dtype = np.result_type(x, y)
    return x.astype(dtype, copy=False), y.astype(dtype, copy=False), [not single, not single_y]
