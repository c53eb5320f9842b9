"""Kernel ridge fits foreseen from small products: what pays, and what is said before the work."""

from typing import Any

from widelearn.estimators.costs import FitCost, readable
from widelearn.estimators.kernel_ridge.model import KernelProblem, fits
from widelearn.estimators.rates import MANY_ROWS, entry_seconds, product_seconds
from widelearn.kernels import Kernel
from widelearn.ridge.kernel_systems import FEW_ROWS
from widelearn.ridge.operators import kept_type
from widelearn.ridge.preconditioner import KEPT_ENTRY
from widelearn.runtime import heard, say, warn

# Fits to more rows, of so many seconds, are announced by a warning.
LONG = 600.0
# The same of what is told to who listens, by a product of few rows.
SOME_ROWS, NOTICED = 5_000, 10.0
# The iterations that preconditioned conjugate gradients usually take to eight digits.
ITERATIONS = 30
# Those of a matrix so large that a factor with many columns does not pay, as seen on tables.
FEWER = 12
# Matrices of fewer bytes are kept without a look; seconds that writing a byte of a larger one took on a virtual machine
# whose pages were new to it, and reading a byte.
LARGE, WRITTEN, READ = 2 << 30, 2.5e-9, 0.08e-9


def worth_keeping(problem: KernelProblem, made: float | None = None) -> bool:
    """Whether a kernel matrix that fits into memory pays for being written there, by the measured rate of its values.

    New pages cost some systems more than the values that fill them: what a large matrix takes at worst is reckoned
    with, and few iterations. `made` is that rate, where it is known.
    """
    n, kernel = problem.X.shape[0], problem.kernel
    dtype = kept_type(n, problem.X.dtype)
    if dtype is None or n * n * dtype.itemsize <= LARGE or not isinstance(kernel, Kernel):
        return dtype is not None
    made = entry_of(problem) if made is None else made
    return (WRITTEN + FEWER * READ) * dtype.itemsize + made < FEWER * made


def foreseen(problem: KernelProblem, solver: str, max_iter: int, entry: float) -> FitCost:
    """Return what the cheaper way takes that a solver allows, for some time of a kernel value."""
    n, columns, unit = problem.X.shape[0], problem.Y.shape[1] + problem.fit_intercept, product_seconds()
    count, given = min(ITERATIONS, max_iter), not isinstance(problem.kernel, Kernel)
    kept = kept_type(n, problem.X.dtype) if given or worth_keeping(problem, entry) else None
    if kept is not None:
        iterated = n * n * (entry + count * columns * KEPT_ENTRY * unit)
        pcg = FitCost("pcg", iterated, n * n, 2.0 * count * columns * n * n, n * n * kept.itemsize)
    else:
        values = float(count * n * n)
        pcg = FitCost("pcg", values * entry, values, 2.0 * columns * values, 0)
    factored = n * n * entry / 2 + n**3 / 3 * unit
    direct = FitCost("cholesky", factored, n * n / 2, n**3 / 3, n * n * problem.X.dtype.itemsize)
    factorable = fits(problem.X)
    if solver == "cholesky" or (solver == "auto" and factorable and (n < FEW_ROWS or direct.seconds <= pcg.seconds)):
        return direct
    return pcg


def announce(problem: KernelProblem, solver: str, max_iter: int, verbose: Any = False) -> None:
    """Warn, before the work, of a fit that will take long; of one that takes seconds tell who listens."""
    n = problem.X.shape[0]
    listens = n > SOME_ROWS and heard(verbose)
    if not (n > MANY_ROWS or listens) or not isinstance(problem.kernel, Kernel):
        return
    if solver == "cholesky" and not fits(problem.X):
        # What does not fit is refused, at once.
        return
    entry = entry_of(problem)
    cost = foreseen(problem, solver, max_iter, entry)
    if cost.seconds <= (NOTICED if listens else LONG):
        return
    anew = cost.solver == "pcg" and not cost.matrix_bytes
    made = f", made anew in each of about {min(ITERATIONS, max_iter)} iterations" if anew else ""
    line = (
        f"Kernel ridge regression on {n} rows with solver='{solver}' will take about {readable(cost.seconds)} on this"
        f" machine: {n} x {n} kernel values of {1e9 * entry:.2g} ns each{made}."
    )
    if n <= MANY_ROWS or cost.seconds <= LONG:
        say(line, verbose)
        return
    warn(
        f"{line} Take solver='nystrom', the best combination of n_components rows' kernels, which takes a small part of"
        " that."
    )


def entry_of(problem: KernelProblem) -> float:
    """Return the time of one kernel value in a product with the matrix; 0 where that is given."""
    if not isinstance(problem.kernel, Kernel):
        return 0.0
    return entry_seconds(problem.kernel, problem.X, problem.Y.shape[1] + problem.fit_intercept)
