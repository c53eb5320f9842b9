"""Sparse rows: what kernels take of them, and their kernel matrices, for which no row is made dense."""

from typing import Any

import numpy as np
from scipy.sparse import csr_array, issparse

from widelearn import _core
from widelearn.kernels import specs
from widelearn.runtime import Array, row_blocks, sparse_arrays

# Numbers of a kernel matrix that a product holds at once.
HELD = 1 << 23


def alike(x: Any, y: Any) -> tuple[Any, Any]:
    """Return rows of which some are sparse as sparse rows."""
    if issparse(x) == issparse(y):
        return x, y
    return (x, csr_array(y)) if issparse(x) else (csr_array(x), y)


def gram(spec: Any, x: Any, y: Any, out: Array) -> None:
    """Write the kernel matrix of sparse rows, of `x` with itself where `y` is None."""
    _core.sparse_gram(spec, sparse_arrays(x), None if y is None else sparse_arrays(y), x.shape[1], out)


def features(spec: specs.Features, x: Any, out: Array, origin: Array | None = None) -> None:
    """Write the features of sparse rows, to each of which an origin (d,) is added where there is one."""
    _core.transform_sparse(spec, sparse_arrays(x), x.shape[1], out, origin)


def diagonal(spec: Any, x: Any, out: Array) -> None:
    """Write k(x, x) of every sparse row."""
    _core.sparse_diag(spec, sparse_arrays(x), x.shape[1], out)


def product(spec: Any, x: Any, y: Any, v: Array, out: Array) -> None:
    """Write K(x, y) @ v, of some rows at a time."""
    y = x if y is None else y
    other, n = sparse_arrays(y), y.shape[0]
    blocks = row_blocks(x.shape[0], max(HELD // max(n, 1), 1))
    values = np.empty((blocks[0].stop if blocks else 0, n), x.dtype)
    for block in blocks:
        part = values[: block.stop - block.start]
        _core.sparse_gram(spec, sparse_arrays(x[block]), other, x.shape[1], part)
        np.matmul(part, v, out=out[block])
