"""Products of few rows of many columns: ranges of columns by several threads, added up in a fixed order."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Event
from typing import Any

import numpy as np

from widelearn.runtime import Array, get_num_threads, one_blas_thread, row_blocks

# Columns of float32 numbers whose products are summed before they are added up in float64.
SINGLE_COLUMNS = 2048
# Multiplications after which an interrupt is seen, and rows that are multiplied with as many others at once.
WORK, TILE = 1 << 30, 1024
# Ranges of columns that are summed by themselves, and the least multiplications of one.
RANGES, ENOUGH = 8, 1 << 26
# What can be cut into tiles of rows: a matrix, or other rows with a product of their own.
Rows = Any
Product = Callable[[Any, Any], Array]
Term = Callable[[slice, Event], Array]


def product(A: Array, B: Array) -> Array:
    """Return A Bᵀ in float64 of a tile: of float32 rows the products of some columns are summed in float32."""
    columns = A.shape[1]
    return added(partial(summed, A, B), columns, len(A) * len(B) * columns)


def products(A: Rows, B: Rows, multiply: Product = product, out: Array | None = None) -> Array:
    """Return A Bᵀ in float64, tile by tile, or write it."""
    out = np.empty((len(A), len(B))) if out is None else out
    for rows in row_blocks(len(A), TILE):
        for others in row_blocks(len(B), TILE):
            out[rows, others] = multiply(A[rows], B[others])
    return out


def own_products(A: Rows, multiply: Product = product, out: Array | None = None) -> Array:
    """Return A Aᵀ in float64, or write it, symmetric to the last bit."""
    out = np.empty((len(A), len(A))) if out is None else out
    for rows in row_blocks(len(A), TILE):
        for others in row_blocks(rows.start, TILE):
            out[rows, others] = multiply(A[rows], A[others])
            out[others, rows] = out[rows, others].T
        # Of a matrix with itself BLAS computes half.
        block = A[rows]
        square = multiply(block, block)
        out[rows, rows] = np.tril(square) + np.tril(square, -1).T
    return out


def added(term: Term, columns: int, work: int) -> Array:
    """Return the sum of a term of ranges of columns, in their order whatever the number of threads."""
    count = max(min(work // ENOUGH, RANGES), 1)
    parts = _parts(term, row_blocks(columns, -(-columns // count)))
    out = next(parts)
    for part in parts:
        out += part
    return out


def _parts(term: Term, ranges: list[slice]) -> Iterator[Array]:
    """Yield the term of each range of columns, in their order."""
    stop = Event()
    workers = min(get_num_threads(), len(ranges))
    if workers == 1:
        yield from (term(columns, stop) for columns in ranges)
        return
    with ThreadPoolExecutor(workers) as pool:
        try:
            for job in [pool.submit(term, columns, stop) for columns in ranges]:
                yield job.result()
        except BaseException:
            stop.set()
            pool.shutdown(cancel_futures=True)
            raise


def summed(A: Array, B: Array, columns: slice, stop: Event) -> Array:
    """Return the products of some columns, part by part: all rows meet while these are near."""
    out = np.zeros((len(A), len(B)))
    step = max(WORK // max(out.size, 1), 1)
    if np.result_type(A, B) != np.float64:
        step = min(step, SINGLE_COLUMNS)
    # BLAS's own threads spin while they wait, for one another and for a while after the last product.
    with one_blas_thread(), np.errstate(over="ignore", invalid="ignore"):
        for part in row_blocks(columns.stop - columns.start, step):
            if stop.is_set():
                break
            left = A[:, columns.start + part.start : columns.start + part.stop]
            right = left if A is B else B[:, columns.start + part.start : columns.start + part.stop]
            out += left @ right.T
    return out
