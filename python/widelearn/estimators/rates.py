"""Rates of this machine, measured on small products, and what factors and decompositions take beside a product."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from widelearn.kernels import Kernel
from widelearn.ridge.blas import times
from widelearn.ridge.certificate import blur, roundoff
from widelearn.ridge.dual_path import BAND_ROWS, FEW_OF_MANY, HARMLESS
from widelearn.ridge.dual_path import FEW as FEW_PENALTIES
from widelearn.runtime import Array

# Fewer rows are never looked at by more than FEW of them.
MANY_ROWS = 30_000
# The small product of kernel values, and the order of the matrix product whose speed a factorisation has.
FEW, MORE, QUICK, ORDER = 1024, 6144, 0.05, 512
# Seconds of calls, of which the shortest counts.
ENOUGH = 0.1
# Multiplications of a product in which a matrix of order n takes a Cholesky factor, that and the diagonal of its
# inverse, a band with the inverses of many shifts, eigenvectors, and a tridiagonal form: over n³. Measured beside the
# product, for orders from 1,000 to 3,000, on one core; a factor of small matrices takes twice of what large ones do.
FACTORED, INVERTED, BANDED, TURNED, TRIDIAGONAL = 1 / 3, 0.4, 2.0, 2.5, 1.0
# The same of a shift of the band, over n².
SHIFTED = 48.0


def least_seconds(call: Callable[[], object]) -> float:
    """Return the shortest of the times of two calls, of which the first may wake threads; of quick ones of nine."""
    took: list[float] = []
    while len(took) < 2 or (len(took) < 9 and sum(took) < ENOUGH):
        start = time.perf_counter()
        call()
        took.append(time.perf_counter() - start)
    return min(took)


def product_seconds(dtype: Any = np.float64) -> float:
    """Return the time of one multiplication and addition in a matrix product."""
    A: Array = np.ones((ORDER, ORDER), dtype)
    return least_seconds(lambda: times(A, A)) / ORDER**3


def entry_seconds(kernel: Kernel, X: Array, columns: int = 1) -> float:
    """Return the time of one kernel value in a product of the kernel matrix with so many columns, of a few rows.

    Where those are too quick to tell, and there are many, of more.
    """
    took = 0.0
    for count in (FEW, MORE) if X.shape[0] > MANY_ROWS else (FEW,):
        rows = some_rows(X, count)
        V = np.ones((rows.shape[0], columns), X.dtype)
        took = least_seconds(partial(kernel.operator(rows).__matmul__, V))
        if took > QUICK or rows.shape[0] == X.shape[0]:
            break
    return took / rows.shape[0] ** 2


def some_rows(X: Any, count: int) -> Any:
    """Return about evenly placed rows, at most so many."""
    return X[places(X.shape[0], count)]


def places(n: int, count: int) -> Array:
    """Return the numbers of about evenly placed ones of n rows."""
    return np.linspace(0, n - 1, min(count, n)).astype(np.intp)


def left_out_work(n: int, alphas: Array, diagonal: Array, *, vanishing: bool = True) -> float:
    """Return the multiplications that left-out errors of some penalties take, of a kernel matrix with such a diagonal.

    That is the plan of :class:`DualPath`: factors for few penalties, a band for many, eigenvectors where rounding
    hides the smallest, and a factor for each penalty beside which the others are too rough: where eigenvalues vanish.
    """
    few = len(alphas) <= (FEW_PENALTIES if n < BAND_ROWS else FEW_OF_MANY)
    size = float(np.mean(diagonal))
    shown = alphas.min() > n * float(np.finfo(np.float64).eps) * n * size
    if few and shown:
        return len(alphas) * INVERTED * n**3
    rough = blur(np.full(n, size), None, roundoff(np.float64)) > HARMLESS * (alphas if vanishing else alphas + size)
    finer = INVERTED * n**3 * float(np.count_nonzero(rough & (alphas > 0.0)))
    if n >= BAND_ROWS and shown:
        return BANDED * n**3 + SHIFTED * len(alphas) * n**2 + finer
    return TURNED * n**3 + finer


def refits_work(n: int, alphas: Array, diagonal: Array) -> float:
    """Return the multiplications that solutions for some penalties take: a factor each, or eigenvectors for all."""
    few = len(alphas) <= (FEW_PENALTIES if n < BAND_ROWS else FEW_OF_MANY)
    shown = alphas.min() > n * float(np.finfo(np.float64).eps) * n * float(np.mean(diagonal))
    return (len(alphas) * FACTORED if (few or n >= BAND_ROWS) and shown else TURNED) * float(n) ** 3
