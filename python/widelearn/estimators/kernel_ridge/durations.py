"""How long a kernel ridge fit on many rows will take, foreseen from small products: what pays, and what is said."""

import time
from collections.abc import Callable
from functools import partial

import numpy as np

from widelearn.estimators.kernel_ridge.model import KernelProblem, fits
from widelearn.kernels import Kernel
from widelearn.ridge.blas import times
from widelearn.ridge.operators import kept_type
from widelearn.ridge.preconditioner import KEPT_ENTRY
from widelearn.runtime import Array, warn

# Fewer rows are never looked at; fits of so many seconds are announced.
MANY_ROWS, LONG = 30_000, 600.0
# The small product of kernel values, and the order of the matrix product whose speed a factorisation has.
FEW, MORE, QUICK, ORDER = 1024, 6144, 0.05, 512
# The iterations that preconditioned conjugate gradients usually take to eight digits.
ITERATIONS = 30
# Those of a matrix so large that a factor with many columns does not pay, as seen on tables.
FEWER = 12
# Matrices of fewer bytes are kept without a look; seconds that writing a byte of a larger one took on a virtual machine
# whose pages were new to it, and reading a byte.
LARGE, WRITTEN, READ = 2 << 30, 2.5e-9, 0.08e-9
UNITS = ((86400.0, "days"), (3600.0, "hours"), (60.0, "minutes"))


def worth_keeping(problem: KernelProblem, made: float | None = None) -> bool:
    """Whether a kernel matrix that fits into memory pays for being written there, by the measured rate of its values.

    New pages cost some systems more than the values that fill them: what a large matrix takes at worst is reckoned
    with, and few iterations. `made` is that rate, where it is known.
    """
    n, kernel = problem.X.shape[0], problem.kernel
    dtype = kept_type(n, problem.X.dtype)
    if dtype is None or n * n * dtype.itemsize <= LARGE or not isinstance(kernel, Kernel):
        return dtype is not None
    made = entry_seconds(kernel, problem) if made is None else made
    return (WRITTEN + FEWER * READ) * dtype.itemsize + made < FEWER * made


def announce(problem: KernelProblem, solver: str, max_iter: int) -> None:
    """Warn, before the work, of a fit that will take long."""
    n, kernel = problem.X.shape[0], problem.kernel
    if n <= MANY_ROWS or not isinstance(kernel, Kernel):
        return
    factorable = fits(problem.X)
    if solver == "cholesky" and not factorable:
        # What does not fit is refused, at once.
        return
    entry, unit = entry_seconds(kernel, problem), product_seconds()
    count, columns = min(ITERATIONS, max_iter), problem.Y.shape[1] + problem.fit_intercept
    kept = worth_keeping(problem, entry)
    iterated = n * n * (entry + count * columns * KEPT_ENTRY * unit if kept else count * entry)
    factored = n * n * entry / 2 + n**3 / 3 * unit
    ways = {"pcg": iterated, "cholesky": factored, "auto": min(iterated, factored) if factorable else iterated}
    took = ways[solver]
    if took <= LONG:
        return
    made = "" if kept or took == factored else f", made anew in each of about {count} iterations"
    warn(
        f"Kernel ridge regression on {n} rows with solver='{solver}' will take about {readable(took)} on this machine:"
        f" {n} x {n} kernel values of {1e9 * entry:.2g} ns each{made}. Take solver='nystrom', the best combination of"
        " n_components rows' kernels, which takes a small part of that."
    )


def entry_seconds(kernel: Kernel, problem: KernelProblem) -> float:
    """Return the time of one kernel value in a product with the kernel matrix, measured on a few of the rows.

    Where those are too quick to tell, on more.
    """
    X, took = problem.X, 0.0
    for count in (FEW, MORE):
        rows = X[np.linspace(0, X.shape[0] - 1, min(count, X.shape[0])).astype(np.intp)]
        V = np.ones((rows.shape[0], problem.Y.shape[1] + problem.fit_intercept), X.dtype)
        took = least_seconds(partial(kernel.operator(rows).__matmul__, V))
        if took > QUICK or rows.shape[0] == X.shape[0]:
            break
    return took / rows.shape[0] ** 2


def product_seconds() -> float:
    """Return the time of one multiplication and addition in a matrix product."""
    A: Array = np.ones((ORDER, ORDER))
    return least_seconds(lambda: times(A, A)) / ORDER**3


def least_seconds(call: Callable[[], object]) -> float:
    """Return the shorter of the times of two calls, of which the first may wake threads."""
    took = []
    for _ in range(2):
        start = time.perf_counter()
        call()
        took.append(time.perf_counter() - start)
    return min(took)


def readable(seconds: float) -> str:
    """Return a duration in the largest unit of which it has two."""
    size, name = next((unit for unit in UNITS if seconds >= 2 * unit[0]), UNITS[-1])
    return f"{seconds / size:.0f} {name}"
