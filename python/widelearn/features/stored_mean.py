"""The mean of sparse rows, and what they differ from it by, without a row made dense."""

from typing import Any

import numpy as np

from widelearn.ridge.centred_rows import turned
from widelearn.runtime import Array, row_blocks, sparse_arrays

# Stored values that are looked at at once.
LOOKED_AT = 1 << 20


def measured_stored(x: Any, exponent: int) -> tuple[Array, float, float]:
    """Return the mean (d,) of ordered sparse rows, Σ (x - mean)² of all entries, and the largest |x - mean|.

    All are in units of 2^exponent. What is not stored is zero: it differs by the mean.
    """
    n, d = x.shape
    indptr, indices, values = sparse_arrays(x)
    values = np.ldexp(values, -exponent)
    total = turned((indptr, indices, values), d, np.ones((n, 1)))[:, 0]
    center = (total / n).astype(values.dtype)
    squares = np.zeros(d)
    far, counts = 0.0, np.bincount(indices, minlength=d)
    for part in row_blocks(len(values), LOOKED_AT):
        about = (values[part] - center[indices[part]]).astype(np.float64)
        squares += np.bincount(indices[part], np.square(about), d)
        far = max(far, float(np.abs(about).max()))
    zeros, size = n - counts, np.abs(center).astype(np.float64)
    squares += zeros * size**2
    return center, float(squares.sum()), max(far, float(size[zeros > 0].max(initial=0.0)))


def dense(x: Any) -> Array:
    """Return some rows as a dense array."""
    found: Array = x.toarray() if hasattr(x, "toarray") else x
    return found
