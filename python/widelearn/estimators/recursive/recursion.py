"""The recursion of recursive feature machines: fit, take gradients, change the metric, and choose where to stop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple, Self

import numpy as np

from widelearn.estimators.choice import Choice
from widelearn.estimators.kernel_ridge.choice import choose_kernel
from widelearn.estimators.kernel_ridge.model import KernelModel, KernelProblem
from widelearn.estimators.recursive.metric import applied, next_metric, outer_product
from widelearn.kernels import RBF, Kernel, Laplace
from widelearn.ridge.leave_one_out import Errors
from widelearn.ridge.paths import check_alphas
from widelearn.runtime import Array

# Rows that choose the length, that choose penalty and iteration, and whose gradients make the metric.
LENGTH_ROWS = 1000
CHOICE_ROWS = 3000
GRADIENT_ROWS = 8000
# Lengths to choose from, as multiples of the median distance between rows.
FACTORS = (1.0, 0.5, 2.0, 4.0)
# Penalty up to which gradients learn where the kernel itself prefers to give up; kernel values of equal rows are 1.
SHARP = 0.1
# Standard errors by which an iteration must beat the kernel itself.
MARGIN = 2.0


@dataclass(frozen=True)
class LeaveOneOutByRow:
    """The penalty of the smallest mean squared left-out error; its choice holds that penalty's errors (n,) by row."""

    alphas: Array

    def choose(self, problem: Any) -> Choice:
        """Return the best penalty, minus its error, and its errors."""
        errors = np.empty((len(self.alphas), len(problem.Y)))
        for rows, block in problem.left_out(self.alphas):
            errors[:, rows] = (block**2).mean(axis=2)
        best = int(errors.mean(axis=1).argmin())
        alpha = float(self.alphas[best])
        score = -float(errors[best].mean())
        return Choice(np.full(problem.Y.shape[1], alpha), alpha, score, errors[best], merit=score)


@dataclass(frozen=True)
class Unseen:
    """Rows of which each fold is seen under a metric that it had no part in, by its root; a single root is for all."""

    Y: Array
    problem: KernelProblem
    roots: list[Array]
    folds: Array

    def left_out(self, alphas: Array) -> Errors:
        """Yield rows and scaled leave-one-out errors (a, rows, t), all of a fold in the fit to all rows."""
        for fold, root in enumerate(self.roots):
            own = self.folds == fold if len(self.roots) > 1 else np.ones(len(self.folds), bool)
            for rows, block in under(self.problem, root).left_out(alphas):
                yield np.flatnonzero(own[rows]) + rows.start, block[:, own[rows]]


class Run(NamedTuple):
    """Iterations: squared leave-one-out errors (n,) by row, penalty of each, and the largest one that gradients had."""

    history: list[Array]
    alphas: list[float]
    cap: float

    @property
    def best(self) -> int:
        """The iteration of the smallest error, among those that surely beat iteration 0, or that."""
        best = 0
        for iteration, errors in enumerate(self.history):
            gain = self.history[0] - errors
            sure = gain.mean() > MARGIN * gain.std() / np.sqrt(len(gain))
            if sure and errors.mean() < self.history[best].mean():
                best = iteration
        return best


@dataclass(frozen=True)
class Recursion:
    """The recursion's options: the fields are :class:`RecursiveFeatureMachine`'s parameters of that name."""

    alphas: Any
    n_iter: int
    metric: str
    exponent: float
    n_folds: int
    callback: Callable[[int, float], object] | None

    @classmethod
    def of(cls, estimator: Any) -> Self:
        """Return the recursion that an estimator's parameters describe."""
        return cls(**{field.name: getattr(estimator, field.name) for field in fields(cls)})

    def learn(self, problem: KernelProblem, order: Array) -> tuple[KernelModel, Array, Array, Run]:
        """Choose length, penalties and iteration on the first rows in some order, and then iterate with all rows.

        Returns the model of the mapped rows, the metric M, its root, and the run that chose the iteration.
        """
        first, alphas = taken(problem, order[:LENGTH_ROWS]), check_alphas(self.alphas)
        shared = first.X, first.Y, first.weight, first.fit_intercept
        found, start = choose_kernel(candidates(problem.kernel, first.X), LeaveOneOutByRow(alphas), *shared)
        problem = replace(problem, kernel=found.kernel)
        part = taken(problem, order[:CHOICE_ROWS])
        runs = [self.run(part, start, cap) for cap in self.caps(start.alpha)]
        run = min(runs, key=lambda run: float(run.history[run.best].mean()))
        penalties = [min(alpha, run.cap) for alpha in run.alphas[: run.best]]
        M, root = self.iterate(problem, penalties, np.sort(order[:GRADIENT_ROWS]))
        return solved(problem, root, run.alphas[run.best]), M, root, run

    def caps(self, alpha: float) -> list[float]:
        """Return the largest penalties of gradients to try: none, and a small one if the best penalty is larger."""
        alphas = check_alphas(self.alphas)
        small = alphas[alphas <= SHARP]
        more = self.n_iter > 0 and alpha > SHARP and len(small) > 0
        return [np.inf, float(small.max())] if more else [np.inf]

    def run(self, problem: KernelProblem, start: Choice, cap: float) -> Run:
        """Return a run whose gradients are those of fits with penalties of at most a cap.

        A row's error comes from a metric that its own fold had no part in; every penalty is next to the one
        before, that of iteration 1 to the cap where there is one.
        """
        n, d = problem.X.shape
        alphas = np.sort(check_alphas(self.alphas))
        folds = np.arange(n) % min(self.n_folds, n)
        roots = [np.ones(d)] * (int(folds.max()) + 1)
        run, choice, near = Run([], [], cap), start, start.alpha
        for iteration in range(self.n_iter + 1):
            if iteration or len(np.asarray(choice.errors)) < n:
                j = int(np.flatnonzero(alphas == near)[0])
                seen = Unseen(problem.Y, problem, roots if iteration else roots[:1], folds)
                choice = LeaveOneOutByRow(alphas[max(j - 1, 0) : j + 2]).choose(seen)
            run.history.append(np.asarray(choice.errors))
            run.alphas.append(choice.alpha)
            near = choice.alpha if iteration or not np.isfinite(cap) else cap
            if self.callback is not None:
                self.callback(iteration, -choice.score)
            if iteration == self.n_iter or len(roots) < 2:
                break
            for fold, root in enumerate(roots):
                part = taken(problem, np.flatnonzero(folds != fold))
                found = self.step(part, root, min(choice.alpha, cap), slice(None))
                if found is None:
                    return run
                roots[fold] = found[1]
        return run

    def step(
        self, problem: KernelProblem, root: Array, alpha: float, sample: Array | slice
    ) -> tuple[Array, Array] | None:
        """Return the metric, and its root, of the gradients of a fit under a metric; None if they vanish."""
        fit, diagonal = solved(problem, root, alpha), self.metric == "diagonal"
        dual = fit.solution.coef
        rows = np.asarray(fit.rows).astype(dual.dtype, copy=False)
        product = outer_product(problem.kernel, rows, dual, problem.weight, sample, diagonal=diagonal)
        return next_metric(root, product, self.exponent)

    def iterate(self, problem: KernelProblem, alphas: list[float], sample: Array) -> tuple[Array, Array]:
        """Change the metric of all rows with one penalty after another; return it and its root."""
        d = problem.X.shape[1]
        root, M = np.ones(d), np.ones(d) if self.metric == "diagonal" else np.eye(d)
        for alpha in alphas:
            found = self.step(problem, root, alpha, sample)
            if found is None:
                break
            M, root = found
        return M, root


def under(problem: KernelProblem, root: Array) -> KernelProblem:
    """Return the problem of rows times the root of a metric."""
    return replace(problem, X=np.ascontiguousarray(applied(root, problem.X), problem.X.dtype))


def solved(problem: KernelProblem, root: Array, alpha: float) -> KernelModel:
    """Return the model of all rows under a metric."""
    return under(problem, root).factored(np.full(problem.Y.shape[1], alpha))


def taken(problem: KernelProblem, rows: Array) -> KernelProblem:
    """Return the problem of some rows."""
    weight = None if problem.weight is None else problem.weight[rows]
    return replace(problem, X=np.ascontiguousarray(problem.X[rows]), Y=problem.Y[rows], weight=weight)


def median_distance(X: Array) -> float:
    """Return the median of the distances between distinct rows; 1 where there are none."""
    x = X.astype(np.float64)
    squares = np.einsum("ij,ij->i", x, x)
    r2 = (squares[:, None] + squares - 2.0 * (x @ x.T))[np.triu_indices(len(x), 1)]
    r2 = r2[r2 > 1e-12 * squares.max(initial=0.0)]
    return float(np.sqrt(np.median(r2))) if len(r2) else 1.0


def candidates(kernel: Kernel, X: Array) -> list[Kernel]:
    """Return the kernel itself, or if its ``gamma`` is None, one for every length."""
    if not (isinstance(kernel, RBF | Laplace) and kernel.gamma is None):
        return [kernel]
    median = median_distance(X)
    if isinstance(kernel, RBF):
        return [RBF(gamma=0.5 / (factor * median) ** 2) for factor in FACTORS]
    power = float(kernel.power)
    return [Laplace(gamma=(factor * median) ** -power, power=power) for factor in FACTORS]
