"""What a kernel ridge fit will take, foreseen from small products: what pays, what is said, and what a user asks."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from widelearn.estimators.kernel_ridge.linear import by_columns
from widelearn.estimators.kernel_ridge.model import KernelProblem, fits, kernel_of
from widelearn.features.state import draft_of
from widelearn.kernels import Kernel
from widelearn.ridge.blas import times
from widelearn.ridge.kernel_systems import FEW_ROWS
from widelearn.ridge.operators import kept_type
from widelearn.ridge.preconditioner import KEPT_ENTRY
from widelearn.ridge.symmetric_systems import check_alpha
from widelearn.runtime import Array, heard, in_range, say, warn

# Fewer rows are never looked at; fits of so many seconds are announced.
MANY_ROWS, LONG = 30_000, 600.0
# The same of what is told to who listens, by a product of few rows.
SOME_ROWS, NOTICED = 5_000, 10.0
# The small product of kernel values, and the order of the matrix product whose speed a factorisation has.
FEW, MORE, QUICK, ORDER = 1024, 6144, 0.05, 512
# The iterations that preconditioned conjugate gradients usually take to eight digits.
ITERATIONS = 30
# Those of a matrix so large that a factor with many columns does not pay, as seen on tables.
FEWER = 12
# Matrices of fewer bytes are kept without a look; seconds that writing a byte of a larger one took on a virtual machine
# whose pages were new to it, and reading a byte.
LARGE, WRITTEN, READ = 2 << 30, 2.5e-9, 0.08e-9
UNITS = ((86400.0, "days"), (3600.0, "hours"), (60.0, "minutes"), (1.0, "seconds"))


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


class FitCost(NamedTuple):
    """What a fit is expected to take on this machine.

    `solver` is "cholesky", "pcg" or "columns"; `seconds` are those of a machine that does nothing else; `kernel_values`
    says how many are computed, `flops` the operations on them, and `matrix_bytes` what the matrix that is kept takes, 0
    where its values are made anew in every product.
    """

    solver: str
    seconds: float
    kernel_values: float
    flops: float
    matrix_bytes: int


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
    entry = entry_seconds(problem.kernel, problem)
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


@in_range
def fit_cost(estimator: Any, X: ArrayLike, y: ArrayLike) -> FitCost:
    """Say what a fit to these rows would take on this machine, without fitting.

    Times of one kernel value and of one multiplication are measured on up to 1,024 of the rows (6,144 where there are
    more than 30,000), and multiplied by how many the fit takes: n² / 2 values and n³ / 3 operations by a Cholesky
    factor, n² values and 30 products with the matrix by conjugate gradients, as many iterations as they usually take.

    Parameters
    ----------
    estimator : KernelRidge or KernelRidgeClassifier
        The estimator, fitted or not; it stays as it is.
    X : array-like of shape (n, d)
        Rows.
    y : array-like of shape (n,) or (n, n_targets)
        Targets or labels.

    Returns
    -------
    FitCost
        A named tuple: `solver`, the way that is expected; `seconds`; `kernel_values` that are computed; `flops` with
        them; `matrix_bytes` of the matrix that is kept, 0 where its values are made anew in every product.

    Raises
    ------
    ValueError
        If the rows or parameters are none, or ``solver="nystrom"``: that takes n_components / n of the values.

    Notes
    -----
    The measurement takes a tenth of a second; of more than 30,000 rows up to some seconds. Of fits to 6,000 and 10,000
    rows (RBF and NTK, each solver, a machine busy with other work) 11 of 12 took as long within a factor of 3, and all
    within 5; fits of less than a second are foretold worse. It is no bound; other measurements give other numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn import KernelRidge
    >>> X = np.random.default_rng(0).standard_normal((1000, 3))
    >>> cost = KernelRidge("rbf", solver="cholesky").fit_cost(X, X[:, 0])
    >>> cost.solver, cost.matrix_bytes, 0 < cost.seconds < 60
    ('cholesky', 8000000, True)
    """
    if estimator.solver == "nystrom":
        raise ValueError("solver='nystrom' is not foreseen: of n rows it takes n_components / n of the kernel values.")
    rows = draft_of(estimator)._read(X, y, None)
    kernel = kernel_of(estimator.kernel, rows.X)
    problem = KernelProblem(kernel, rows.X, rows.Y, rows.weight, estimator.fit_intercept)
    if estimator.solver != "pcg" and by_columns(problem, check_alpha(estimator.alpha, rows.Y.shape[1])):
        flops = float(problem.X.shape[0]) * problem.X.shape[1] ** 2
        return FitCost("columns", flops / 2 * product_seconds(), 0.0, flops, 0)
    entry = entry_seconds(problem.kernel, problem) if isinstance(problem.kernel, Kernel) else 0.0
    return foreseen(problem, estimator.solver, estimator.max_iter, entry)


def entry_seconds(kernel: Kernel, problem: KernelProblem) -> float:
    """Return the time of one kernel value in a product with the kernel matrix, measured on a few of the rows.

    Where those are too quick to tell, and there are many, on more.
    """
    X, took = problem.X, 0.0
    for count in (FEW, MORE) if X.shape[0] > MANY_ROWS else (FEW,):
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
    """Return the shortest of the times of two calls, of which the first may wake threads; of quick ones of five."""
    took: list[float] = []
    while len(took) < 2 or (len(took) < 5 and sum(took) < QUICK):
        start = time.perf_counter()
        call()
        took.append(time.perf_counter() - start)
    return min(took)


def readable(seconds: float) -> str:
    """Return a duration in the largest unit of which it has two."""
    size, name = next((unit for unit in UNITS if seconds >= 2 * unit[0]), UNITS[-1])
    return f"{seconds / size:.0f} {name}"
