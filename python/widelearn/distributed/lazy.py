"""Predictions, decisions and features of Dask collections, which nobody has computed yet."""

from collections.abc import Callable
from typing import Any

import dask.array as da
import numpy as np
from dask.delayed import delayed
from sklearn.utils.validation import _num_samples, validate_data

from widelearn.distributed.cluster import use_own_threads
from widelearn.distributed.rows import Rows
from widelearn.runtime import Array


def one_row(X: Any) -> Any:
    """Return a row of the kind of a Dask collection's rows: all that a map needs to see that does not look at them."""
    return Rows(X, "X").check_numbers().row()


def by_rows(fitted: Any, method: str, X: Any, width: int) -> Any:
    """Return what a fitted object's method makes of rows, a Dask array (n, width) of float32 or float64.

    Rows of an array or a dataframe are computed block by block; a dataframe's have blocks of unknown lengths.
    """
    rows = Rows(X, "X").check_numbers()
    options: Any = {"dtype": [np.float64, np.float32], "accept_sparse": "csr", "reset": False}
    like = np.empty((0, width), validate_data(fitted, rows.row(), **options).dtype)
    shared = delayed(fitted)
    if isinstance(rows.collection, da.Array):
        chunks = (rows.lengths, (width,))
        return rows.collection.map_blocks(call, shared, method, like, chunks=chunks, dtype=like.dtype, meta=like)
    parts = [delayed(call)(block, shared, method, like) for block in rows.blocks()]
    shape = (np.nan, width)
    return da.concatenate([da.from_delayed(part, shape, meta=like) for part in parts], allow_unknown_chunksizes=True)


def call(block: Any, fitted: Any, method: str, like: Array) -> Array:
    """Return what a method makes of a block of rows; of none, none."""
    use_own_threads()
    return np.asarray(getattr(fitted, method)(block)) if _num_samples(block) else like


def by_block(rule: Callable[..., Array], values: Any, *arguments: Any) -> Any:
    """Return what a rule makes of a Dask array's blocks, a row of them a row or a number."""
    like = rule(np.zeros((1, *values.shape[1:]), values.dtype), *arguments)[:0]
    dropped = [1] if like.ndim < values.ndim else None
    return values.map_blocks(rule, *arguments, drop_axis=dropped, dtype=like.dtype, meta=like)
