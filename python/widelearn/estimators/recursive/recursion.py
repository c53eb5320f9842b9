"""The recursion of recursive feature machines: fit, take gradients, change the metric, and choose where to stop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple, Protocol, Self

import numpy as np
from scipy.spatial.distance import pdist

from widelearn.estimators.choice import Choice
from widelearn.estimators.kernel_ridge.choice import choose_kernel
from widelearn.estimators.kernel_ridge.model import KernelModel, KernelProblem
from widelearn.estimators.recursive.leaves import ROUGH, JudgedLeaves, Leaves, grown, leaf_rows, taken
from widelearn.estimators.recursive.metric import applied, next_metric, outer_product
from widelearn.kernels import RBF, Kernel, Laplace
from widelearn.ridge.leave_one_out import Errors
from widelearn.ridge.paths import check_alphas
from widelearn.runtime import Array, one_blas_thread

# Rows that choose the length; rows up to which all choose penalty and iteration, each left out.
LENGTH_ROWS = 600
CHOICE_ROWS = 1000
# Of more, share and most that are held out to choose, and most of the others that are fitted meanwhile.
HELD_OUT, HELD_OUT_ROWS, TRIED_ROWS = 0.25, 2000, 2500
# Share and most of all rows that make the metric in the end, where these are more.
METRIC_SHARE, METRIC_ROWS = 0.5, 10_000
# Lengths to choose from, as multiples of the median distance between rows.
FACTORS = (1.0, 0.5, 2.0, 4.0)
# Penalties beside the mean weight up to which gradients learn too: where the kernel itself prefers to give up, and
# where those of a fit to every row show more. Kernel values of equal rows are 1.
SHARP, SHARPEST = 0.1, 1e-3
# Standard errors by which an iteration must beat the kernel itself.
MARGIN = 2.0
# Iterations after which a run ends that did not get better.
PATIENCE = 2
# A metric and its root, matrices or diagonals.
Metric = tuple[Array, Array]


@dataclass(frozen=True)
class LeaveOneOutByRow:
    """The penalty of the smallest mean squared left-out error; its choice holds what rows say of that penalty, (n, 2).

    That is their mean squared error over targets, and whether they are misclassified, or the share of their labels that
    is, by weight; numbers, the default `kind` of targets, never are. Codes are plus or minus `code`, or equal rows'
    means of such.
    """

    alphas: Array
    kind: str = "numbers"
    code: float = 1.0

    def choose(self, problem: Any) -> Choice:
        """Return the best penalty, minus its error, and its errors."""
        errors, weight = np.zeros((len(self.alphas), len(problem.Y), 2)), problem.weight
        for rows, block in problem.left_out(self.alphas):
            errors[:, rows, 0] = (block**2).mean(axis=2)
            if self.kind != "numbers":
                own = None if weight is None else weight[rows, None]
                found = self.wrong(problem.Y[rows], block if own is None else block / np.sqrt(own))
                errors[:, rows, 1] = found if own is None else found * own[:, 0]
        if weight is not None:
            errors /= weight.mean()
        best = int(errors[:, :, 0].mean(axis=1).argmin())
        alpha = float(self.alphas[best])
        score = -float(errors[best, :, 0].mean())
        return Choice(np.full(problem.Y.shape[1], alpha), alpha, score, errors[best], merit=score)

    def wrong(self, codes: Array, errors: Array) -> Array:
        """Return which share of each row of codes (n, t), or of its labels, fits of these errors (a, n, t) miss."""
        values, codes = codes - errors, codes / self.code
        if self.kind == "labels" or codes.shape[1] == 1:
            return np.asarray(np.where(values == 0.0, 1.0, (1.0 - np.sign(values) * codes) / 2.0).mean(axis=2))
        return np.asarray((1.0 - codes[np.arange(len(codes)), values.argmax(axis=2)]) / 2.0)


def climbed(
    trial: Judge, alphas: Array, start: int, steps: tuple[int, ...], kind: str = "numbers", code: float = 1.0
) -> Choice:
    """Return the best of a penalty and those beside it, going on in a direction while errors fall."""
    places = {start, *(start + step for step in steps if 0 <= start + step < len(alphas))}
    best = LeaveOneOutByRow(alphas[sorted(places)], kind, code).choose(trial)
    for step in steps:
        at = start + step
        while 0 <= at < len(alphas) and best.alpha == alphas[at]:
            at += step
            if 0 <= at < len(alphas):
                other = LeaveOneOutByRow(alphas[at : at + 1], kind, code).choose(trial)
                best = other if other.score > best.score else best
    return best


class Judge(Protocol):
    """Rows that judge penalties."""

    Y: Array
    weight: Array | None

    def left_out(self, alphas: Array) -> Errors:
        """Yield judged rows and their scaled errors (a, rows, t) for every penalty."""


class Trial(Judge, Protocol):
    """Rows that judge a metric in which their own targets had no part, and the fits whose gradients change it."""

    def step(self, recursion: Recursion, alpha: float) -> bool:
        """Change the metric by the gradients of fits with a penalty; False where they vanish."""

    def settled(self, recursion: Recursion, penalties: list[float]) -> Metric:
        """Return the metric of the last fit, after so many changes by gradients of fits with these penalties."""


class LeftOut:
    """All rows: each is left out of the fit to all others, under the metric of the other folds."""

    def __init__(self, problem: KernelProblem, n_folds: int) -> None:
        n, d = problem.X.shape
        self.problem, self.Y, self.weight = problem, problem.Y, problem.weight
        self.folds = np.arange(n) % min(n_folds, n)
        self.roots = [np.ones(d)] * (int(self.folds.max()) + 1)
        self.moved = False

    def left_out(self, alphas: Array) -> Errors:
        """Yield rows and scaled leave-one-out errors (a, rows, t), all of a fold in the fit to all rows."""
        for fold, root in enumerate(self.roots if self.moved else self.roots[:1]):
            own = self.folds == fold if self.moved else np.ones(len(self.folds), bool)
            for rows, block in under(self.problem, root).left_out(alphas):
                yield np.flatnonzero(own[rows]) + rows.start, block[:, own[rows]]

    def step(self, recursion: Recursion, alpha: float) -> bool:
        """Give every fold the metric of the others."""
        if len(self.roots) < 2:
            return False
        for fold, root in enumerate(self.roots):
            part = taken(self.problem, np.flatnonzero(self.folds != fold))
            found = recursion.step(part, root, alpha)
            if found is None:
                return False
            self.roots[fold] = found[1]
        self.moved = True
        return True

    def settled(self, recursion: Recursion, penalties: list[float]) -> Metric:
        """Change the metric of all rows with one penalty after another."""
        return recursion.iterate(self.problem, penalties)


class HeldOut:
    """Some rows of many: others are fitted, in float32 where that is exact enough to choose, and give the metric."""

    def __init__(self, problem: KernelProblem, order: Array, initial: Metric) -> None:
        count = min(int(HELD_OUT * len(order)), HELD_OUT_ROWS)
        rough = replace(problem, X=problem.X.astype(np.float32, copy=False), tolerance=ROUGH)
        self.judges = taken(rough, order[:count])
        self.fitted = taken(rough, order[count : count + TRIED_ROWS])
        self.rough, self.most = rough, order[: min(int(METRIC_SHARE * len(order)), METRIC_ROWS)]
        self.Y, self.weight, self.metrics = self.judges.Y, self.judges.weight, [initial]
        self.models: dict[float, KernelModel] = {}

    @property
    def root(self) -> Array:
        """The root of the metric."""
        return self.metrics[-1][1]

    def left_out(self, alphas: Array) -> Errors:
        """Yield all judged rows and their scaled errors (a, rows, t)."""
        problem, X = under(self.fitted, self.root), under(self.judges, self.root).X
        found = {float(alpha): with_penalty(problem, alpha) for alpha in alphas}
        errors = np.array([self.Y - model.values(X) for model in found.values()])
        self.models |= found
        yield slice(0, len(X)), errors if self.weight is None else errors * np.sqrt(self.weight)[:, None]

    def step(self, recursion: Recursion, alpha: float) -> bool:
        """Change the metric by the rows that do not judge."""
        found = recursion.step(self.fitted, self.root, alpha, self.models.get(alpha))
        if found is not None:
            self.metrics.append(found)
            self.models = {}
        return found is not None

    def settled(self, recursion: Recursion, penalties: list[float]) -> Metric:
        """Return the metric that was judged, or one that more rows make the same way."""
        if len(self.most) <= len(self.fitted.Y):
            return self.metrics[len(penalties)]
        return recursion.iterate(taken(self.rough, np.sort(self.most)), penalties)


class Run(NamedTuple):
    """Iterations: what judged rows say of each (n, 2), its penalty, and the largest one that gradients had."""

    judged: list[Array]
    alphas: list[float]
    cap: float

    def behind(self, rival: Run) -> bool:
        """Whether the last iteration was no better than that of another run."""
        at = len(self.judged) - 1
        return len(rival.judged) > at and self.history[at].mean() >= rival.history[at].mean()

    @property
    def history(self) -> list[Array]:
        """Squared errors (n,) of judged rows after each iteration."""
        return [found[:, 0] for found in self.judged]

    @property
    def rises(self) -> bool:
        """Whether the last iterations were no better than one before them."""
        means = [float(errors.mean()) for errors in self.history]
        return len(means) > PATIENCE and min(means[:-PATIENCE]) <= min(means[-PATIENCE:])

    @property
    def error(self) -> float:
        """The mean squared error of the best iteration."""
        return float(self.history[self.best].mean())

    @property
    def best(self) -> int:
        """The iteration of the smallest error, among those that surely beat iteration 0, or that.

        Those that misclassify more than it does, beside rounding of weights, are not among them.
        """
        best, most = 0, float(self.judged[0][:, 1].mean()) * (1.0 + 1e-9)
        for iteration, errors in enumerate(self.history):
            gain = self.history[0] - errors
            sure = gain.mean() > MARGIN * gain.std() / np.sqrt(len(gain))
            sure &= float(self.judged[iteration][:, 1].mean()) <= most
            if sure and errors.mean() < self.history[best].mean():
                best = iteration
        return best


class Learned(NamedTuple):
    """The model of the mapped rows, its penalty, the metric M, its root, and the run that chose the iteration."""

    model: KernelModel | Leaves
    alpha: float
    M: Array
    root: Array
    run: Run


@dataclass(frozen=True)
class Recursion:
    """The recursion's options: the fields are :class:`RecursiveFeatureMachine`'s parameters of that name.

    Only the last two are none of them: the `kind` of targets, "numbers", codes of "classes", or of "labels" in any
    number, and how large a `code` is.
    """

    alphas: Any
    n_iter: int
    metric: str
    exponent: float
    n_folds: int
    leaf_size: int | None
    callback: Callable[[int, float], object] | None
    kind: str = "numbers"
    code: float = 1.0

    @classmethod
    def of(cls, estimator: Any) -> Self:
        """Return the recursion that an estimator describes by its parameters, and by how it read targets."""
        labels = getattr(estimator, "multilabel_", None)
        kind = "numbers" if labels is None else "labels" if labels else "classes"
        return cls(**{field.name: getattr(estimator, field.name) for field in fields(cls)[:-2]}, kind=kind)

    def learn(self, problem: KernelProblem, order: Array) -> Learned:
        """Choose length, penalties and iteration on the first rows in some order, and then fit all rows."""
        size = leaf_rows(len(problem.X), problem.X.shape[1], problem.Y.shape[1], self.leaf_size)
        first, alphas = taken(problem, order[:LENGTH_ROWS]), check_alphas(self.alphas)
        shared = first.X, first.Y, first.weight, first.fit_intercept
        with one_blas_thread():
            found, start = choose_kernel(
                candidates(problem.kernel, first.X), LeaveOneOutByRow(alphas, self.kind, self.code), *shared
            )
        problem = replace(problem, kernel=found.kernel)
        start = start if len(order) <= min(LENGTH_ROWS, CHOICE_ROWS) else start._replace(errors=None)
        trial = self.trial(problem, order)
        run = self.run(trial, start, np.inf)
        unit = 1.0 if problem.weight is None else float(problem.weight.mean())
        for cap in self.caps(run.alphas[0], unit):
            known = start._replace(alpha=run.alphas[0], score=-float(run.history[0].mean()), errors=run.judged[0])
            second = self.trial(problem, order)
            other = self.run(second, known, cap, None if cap > SHARPEST * unit else run)
            if other.error < run.error:
                trial, run = second, other
        M, root = trial.settled(self, [min(alpha, run.cap) for alpha in run.alphas[: run.best]])
        alpha = run.alphas[run.best]
        if size >= len(order):
            return Learned(solved(problem, root, alpha), alpha, M, root, run)
        return Learned(*self.in_leaves(under(taken(problem, order), root), size, alpha), M, root, run)

    def in_leaves(self, problem: KernelProblem, size: int, alpha: float) -> tuple[Leaves, float]:
        """Return machines of at most so many mapped rows each, and their penalty, chosen by going on from one."""
        leaves, alphas = grown(problem.X, size), np.sort(check_alphas(self.alphas))
        judged = JudgedLeaves(problem, leaves[0])
        alpha = climbed(judged, alphas, int(np.flatnonzero(alphas == alpha)[0]), (-1, 1)).alpha
        return Leaves.fitted(problem, leaves, alpha, judged.held_out(alpha)), alpha

    def trial(self, problem: KernelProblem, order: Array) -> Trial:
        """Return who judges the iterations: all rows of few, some of many."""
        if len(order) <= CHOICE_ROWS:
            return LeftOut(taken(problem, order), self.n_folds)
        return HeldOut(problem, order, self.initial(problem))

    def caps(self, alpha: float, size: float = 1.0) -> list[float]:
        """Return further largest penalties of gradients to try: small ones, if the best penalty is larger.

        `size` is the mean weight, beside which penalties stand.
        """
        alphas, found = check_alphas(self.alphas), []
        for sharp in (SHARP, SHARPEST) if self.n_iter else ():
            small = alphas[alphas <= sharp * size]
            if alpha > sharp * size and len(small) and float(small.max()) not in found:
                found.append(float(small.max()))
        return found

    def run(self, trial: Trial, start: Choice, cap: float, rival: Run | None = None) -> Run:
        """Return a run whose gradients are those of fits with penalties of at most a cap.

        It ends after iteration 1 if a rival was better there.

        Every penalty is found from the one before, that of iteration 1 from the cap where there is one.
        """
        alphas = np.sort(check_alphas(self.alphas))
        run, choice, near, toward = Run([], [], cap), start, start.alpha, -1
        for iteration in range(self.n_iter + 1):
            if iteration or choice.errors is None:
                j = int(np.flatnonzero(alphas == near)[0])
                choice = climbed(trial, alphas, j, (toward,) if iteration else (-1, 1), self.kind, self.code)
                toward = -toward if choice.alpha == near else toward
            run.judged.append(np.asarray(choice.errors))
            run.alphas.append(choice.alpha)
            near = choice.alpha if iteration or not np.isfinite(cap) else cap
            if self.callback is not None:
                self.callback(iteration, -choice.score)
            late = iteration == 1 and rival is not None and run.behind(rival)
            if iteration == self.n_iter or late or run.rises or not trial.step(self, min(choice.alpha, cap)):
                break
        return run

    def step(self, problem: KernelProblem, root: Array, alpha: float, fit: KernelModel | None = None) -> Metric | None:
        """Return the metric, and its root, of the gradients of a fit under a metric; None if they vanish."""
        fit, diagonal = solved(problem, root, alpha) if fit is None else fit, self.metric == "diagonal"
        dual = fit.solution.coef
        rows = np.asarray(fit.rows).astype(dual.dtype, copy=False)
        product = outer_product(problem.kernel, rows, dual, problem.weight, diagonal=diagonal)
        return next_metric(root, product, self.exponent)

    def iterate(self, problem: KernelProblem, penalties: list[float]) -> Metric:
        """Return the metric after changes by the gradients of fits with one penalty after another."""
        found = self.initial(problem)
        for alpha in penalties:
            found = self.step(problem, found[1], alpha) or found
        return found

    def initial(self, problem: KernelProblem) -> Metric:
        """Return the metric that changes nothing."""
        d = problem.X.shape[1]
        return np.ones(d) if self.metric == "diagonal" else np.eye(d), np.ones(d)


def under(problem: KernelProblem, root: Array) -> KernelProblem:
    """Return the problem of rows times the root of a metric."""
    return replace(problem, X=np.ascontiguousarray(applied(root, problem.X), problem.X.dtype))


def solved(problem: KernelProblem, root: Array, alpha: float) -> KernelModel:
    """Return the model of all rows under a metric."""
    return with_penalty(under(problem, root), alpha)


def with_penalty(problem: KernelProblem, alpha: float) -> KernelModel:
    """Return the model of all rows with one penalty for all targets."""
    return problem.factored(np.full(problem.Y.shape[1], alpha))


def median_distance(X: Array, norm: int = 2) -> float:
    """Return the median of the distances between distinct rows; 1 where there are none."""
    x = X.astype(np.float64)
    if norm == 1:
        r = pdist(x, "cityblock")
        return float(np.median(r[r > 0.0])) if r.any() else 1.0
    squares = np.einsum("ij,ij->i", x, x)
    r2 = (squares[:, None] + squares - 2.0 * (x @ x.T))[np.triu_indices(len(x), 1)]
    r2 = r2[r2 > 1e-12 * squares.max(initial=0.0)]
    return float(np.sqrt(np.median(r2))) if len(r2) else 1.0


def candidates(kernel: Kernel, X: Array) -> list[Kernel]:
    """Return the kernel itself, or if its ``gamma`` is None, one for every length."""
    if not (isinstance(kernel, RBF | Laplace) and kernel.gamma is None):
        return [kernel]
    median = median_distance(X, 1 if isinstance(kernel, Laplace) and kernel.norm == 1 else 2)
    if isinstance(kernel, RBF):
        return [RBF(gamma=0.5 / (factor * median) ** 2) for factor in FACTORS]
    power = float(kernel.power)
    return [replace(kernel, gamma=(factor * median) ** -power) for factor in FACTORS]
