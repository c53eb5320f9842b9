"""What kernel ridge fits take: with one kernel and penalty, on centres, or with a choice among several."""

from typing import Any

from widelearn.estimators.costs import FitCost
from widelearn.estimators.feature_ridge.systems import Rows
from widelearn.estimators.folds import Folds
from widelearn.estimators.kernel_ridge.choice import NO_KERNEL, kernels_of
from widelearn.estimators.kernel_ridge.durations import entry_of, foreseen
from widelearn.estimators.kernel_ridge.linear import by_columns
from widelearn.estimators.kernel_ridge.model import KernelProblem, check_stored, kernel_of
from widelearn.estimators.kernel_ridge.solver import default_centres
from widelearn.estimators.penalty import Gcv, Penalty, choice_of
from widelearn.estimators.rates import (
    FACTORED,
    FEW,
    INVERTED,
    TRIDIAGONAL,
    TURNED,
    left_out_work,
    product_seconds,
    refits_work,
    some_rows,
)
from widelearn.kernels import Kernel, Sum
from widelearn.ridge.symmetric_systems import check_alpha
from widelearn.runtime import Array


def foreseen_fit(draft: Any, X: Any, y: Any) -> FitCost:
    """Return what a fit with one kernel and one penalty takes."""
    check_stored(draft)
    rows = draft._read(X, y, None)
    kernel = kernel_of(draft.kernel, rows.X)
    problem = KernelProblem(kernel, rows.X, rows.Y, rows.weight, draft.fit_intercept)
    alpha = check_alpha(draft.alpha, rows.Y.shape[1])
    if draft.solver == "nystrom":
        return on_centres(problem, draft.n_components or default_centres(problem.X.shape[0]))
    if draft.solver != "pcg" and by_columns(problem, alpha):
        return of_columns(problem, product_seconds(), 0.0)
    entry = entry_of(problem)
    cost = foreseen(problem, draft.solver, draft.max_iter, entry)
    if not getattr(draft, "store_loo", False):
        return cost
    more = INVERTED * float(problem.X.shape[0]) ** 3
    return cost._replace(seconds=cost.seconds + more * product_seconds(), flops=cost.flops + 2.0 * more)


def foreseen_choice(draft: Any, X: Any, y: Any) -> FitCost:
    """Return what a fit takes that chooses among kernels and penalties: matrices, what judges them, and a factor."""
    rows = draft._read(X, y, None)
    rows = rows.in_units(weights=not isinstance(draft.cv, str))
    kernels, penalty = kernels_of(draft.kernel, rows.X), choice_of(draft, rows)
    if not kernels:
        raise ValueError(NO_KERNEL)
    unit, parts = product_seconds(), [part_of(rows, kernel, penalty, draft.fit_intercept) for kernel in kernels]
    n = rows.X.shape[0]
    last = FACTORED * float(n) ** 3
    work = sum(part.flops for part in parts) / 2.0 + last
    seconds = sum(part.seconds for part in parts) + work * unit
    # A term that sums of kernels share is computed once.
    shared = any(isinstance(kernel, Sum) for kernel in kernels) and len(kernels) > 1
    solver = "columns" if all(part.solver == "columns" for part in parts) else "cholesky"
    values = sum(part.kernel_values for part in parts)
    return FitCost(solver, seconds, values, 2.0 * work, 8 * n * n, shared)


def part_of(rows: Rows, kernel: Kernel | str, penalty: Penalty, fit_intercept: bool) -> FitCost:
    """Return what it takes to judge one kernel: the seconds of its values alone, and operations."""
    problem = KernelProblem(kernel, rows.X, rows.Y, rows.weight, fit_intercept)
    alphas = penalty.units.penalties(penalty.alphas)  # type: ignore[union-attr]
    n, d = problem.X.shape
    if by_columns(problem, alphas):
        return FitCost("columns", 0.0, 0.0, 2.0 * (n * d**2 + TURNED * d**3), 0)
    diagonal = kernel.diag(some_rows(rows.X, FEW)) if isinstance(kernel, Kernel) else problem.diagonal()
    values = n * n / 2 if isinstance(kernel, Kernel) else 0.0
    work = choice_work(penalty, n, alphas, diagonal)
    return FitCost("cholesky", values * entry_of(problem), values, 2.0 * work, 0)


def choice_work(penalty: Penalty, n: int, alphas: Array, diagonal: Array) -> float:
    """Return the multiplications that choosing among penalties takes of one kernel matrix."""
    if isinstance(penalty, Gcv):
        return TRIDIAGONAL * float(n) ** 3
    if isinstance(penalty, Folds):
        return sum(refits_work(len(train), alphas, diagonal) for train, _ in penalty.folds)
    return left_out_work(n, alphas, diagonal)


def on_centres(problem: KernelProblem, count: int) -> FitCost:
    """Return what the model on so many centres takes: their kernels with all rows, a low-rank factor and moments."""
    n, p = problem.X.shape[0], min(count, problem.X.shape[0])
    values = float(n * p) if isinstance(problem.kernel, Kernel) else 0.0
    work = 1.5 * n * p**2 + 2.0 * FACTORED * p**3
    seconds = values * entry_of(problem) + work * product_seconds()
    return FitCost("nystrom", seconds, values, 2.0 * work, 8 * n * p)


def of_columns(problem: KernelProblem, unit: float, more: float) -> FitCost:
    """Return what ridge regression on the columns takes, and more multiplications."""
    n, d = problem.X.shape
    flops = float(n) * d**2 + 2.0 * more
    return FitCost("columns", flops / 2 * unit, 0.0, flops, 0)
