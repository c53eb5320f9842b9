"""Arrays as the core takes them, whole or block by block."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from widelearn.runtime.memory import OPEN_CALLS, PAGE

# An array of any type and shape.
Array = NDArray[Any]
# Bytes of a cache line, and from which size on an array begins with one.
LINE = 64
ALIGN_FROM = 1 << 20


# Entries that are copied at once.
COPIED = 1 << 22


def empty(shape: tuple[int, ...], dtype: DTypeLike) -> Array:
    """Return an array like ``np.empty``, large ones on the boundary of a cache line, where the core writes fastest."""
    dtype = np.dtype(dtype)
    size = math.prod(shape) * dtype.itemsize
    if size < ALIGN_FROM:
        return np.empty(shape, dtype)
    buffer = np.empty(size + LINE, np.uint8)
    if OPEN_CALLS.count:
        # Only pages that were written to count as held.
        buffer[::PAGE] = 0
    start = -buffer.ctypes.data % LINE
    return buffer[start : start + size].view(dtype).reshape(shape)


def row_blocks(n: int, size: int) -> list[slice]:
    """Cut `n` rows into slices of at most `size` rows: what is done block by block holds one block at a time."""
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]


def crossing(K: Array, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Array:
    """Return a copy of K where rows and columns cross, made in parts: Ctrl-C is answered between them."""
    out = np.empty((len(rows), len(columns)), K.dtype)
    for part in row_blocks(len(rows), max(1, COPIED // max(1, len(columns)))):
        out[part] = K[np.ix_(rows[part], columns)]
    return out


def doubles(K: Array) -> Array:
    """Return a copy of K in double precision, made in parts: Ctrl-C is answered between them."""
    out = np.empty(K.shape)
    for part in row_blocks(len(K), max(1, COPIED // max(1, K.shape[1]))):
        out[part] = K[part]
    return out


def core_blocks(x: Array, size: int = 4096) -> Iterator[tuple[slice, Array]]:
    """Yield (rows, block) with C-contiguous blocks: all of `x` if it is so already, else copies of some of its rows."""
    ready = x.flags.c_contiguous and x.flags.aligned
    for rows in row_blocks(len(x), len(x) if ready else size):
        yield rows, np.require(x[rows], requirements=["C", "ALIGNED"])


def ordered(X: Any) -> Any:
    """Return compressed rows in which each column stands once, in order: X itself, or a copy."""
    X = X.tocsr()
    if not X.has_canonical_format:
        X = X.copy()
        X.sum_duplicates()
    return X


def sparse_arrays(X: Any) -> tuple[Array, Array, Array]:
    """Return where compressed sparse rows begin and end, their columns and their values, as the core reads them."""
    # The core refuses more than 2³¹ columns before it looks at one.
    parts = (np.asarray(X.indptr, np.int64), np.asarray(X.indices, np.int32), X.data)
    indptr, indices, values = (np.require(part, requirements=["C", "ALIGNED"]) for part in parts)
    return indptr, indices, values
