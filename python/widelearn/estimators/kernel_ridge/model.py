"""Kernel ridge regression as a problem of arrays, and the model that solves it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import clone

from widelearn.estimators.penalty import Choice
from widelearn.kernels import NTK, Kernel, as_kernel
from widelearn.ridge.dual_path import DualPath
from widelearn.ridge.kernel_systems import own_kernel_matrix, solve_dual
from widelearn.ridge.leave_one_out import Errors
from widelearn.ridge.operators import symmetric_kernel_matrix
from widelearn.ridge.symmetric_systems import Solution
from widelearn.runtime import Array


@dataclass(frozen=True)
class KernelModel:
    """The function Σ_i a_i k(x, x_i) + b that was fitted; of a precomputed kernel there are no rows x_i."""

    # A kernel, or "precomputed".
    kernel: Any
    rows: Array | None
    solution: Solution

    def values(self, X: Array) -> Array:
        """Return the values (m, t) at rows, or at those whose kernels with all rows are given."""
        dual, offset = self.solution.coef, self.solution.offset
        if isinstance(self.kernel, Kernel) and self.rows is not None:
            # A view: the product of rows with themselves adds up in another order than that with their copy.
            return self.kernel.dot(X, self.rows.view(), dual) + offset
        return np.asarray(X @ dual + offset)


@dataclass(frozen=True)
class KernelProblem:
    """Kernel ridge regression of targets (n, t) on rows, or on their precomputed kernel matrix."""

    kernel: Any
    X: Array
    Y: Array
    weight: Array | None
    fit_intercept: bool

    def checked(self, K: Array) -> Array:
        """Return the kernel matrix, which is refused if it is not symmetric; ours are."""
        return K if isinstance(self.kernel, Kernel) and self.kernel.compiled else symmetric_kernel_matrix(K)

    def matrix(self) -> Array:
        """Return the kernel matrix, to be destroyed by a solve."""
        return self.checked(self.kernel(self.X) if isinstance(self.kernel, Kernel) else own_kernel_matrix(self.X))

    @property
    def kept(self) -> Array:
        """The kernel matrix, made once."""
        # Before Python 3.12 a cached_property holds a lock, for which fits in other threads would wait.
        if "_kept" not in vars(self):
            vars(self)["_kept"] = self.matrix()
        return vars(self)["_kept"]

    def factored(self, alpha: Array, K: Array) -> KernelModel:
        """Return the model from a factor of the kernel matrix, which is destroyed."""
        found = solve_dual(K, self.Y, alpha, self.weight, fit_intercept=self.fit_intercept, symmetric=True)
        return self.model(found._replace(offset=found.offset.astype(K.dtype)))

    def model(self, found: Solution) -> KernelModel:
        """Return the model of a solution for all rows."""
        return KernelModel(self.kernel, self.X if isinstance(self.kernel, Kernel) else None, found)

    def path(self, K: Array, rows: Array, alphas: Array) -> DualPath:
        """Return the path of some rows that have a weight, whose kernel matrix is destroyed."""
        weight = None if self.weight is None else self.weight[rows]
        return DualPath(K, self.Y[rows], alphas, weight, fit_intercept=self.fit_intercept, definite=False)

    def whole_path(self, alphas: Array) -> DualPath:
        """Return the path of all rows that have a weight."""
        K, rows = self.matrix(), np.arange(len(self.Y)) if self.weight is None else np.flatnonzero(self.weight)
        return self.path(K if len(rows) == len(K) else K[np.ix_(rows, rows)], rows, alphas)

    def left_out(self, alphas: Array) -> Errors:
        """Yield rows and scaled leave-one-out errors (a, rows, t), numbered among the rows that have a weight."""
        return self.whole_path(alphas).errors()

    def refit(self, train: Array, test: Array, alphas: Array) -> Iterator[Array]:
        """Yield for every penalty the values (m, t) at m rows of a fit to others; all of them have a weight."""
        K = self.kept
        found, across = self.path(K[np.ix_(train, train)], train, alphas), K[np.ix_(test, train)]
        for alpha in alphas:
            solved = found.solve(np.full(self.Y.shape[1], alpha))
            yield across @ solved.coef + solved.offset


def choose_kernel(kernels: Iterable[Kernel | str], penalty: Any, *problem: Any) -> tuple[KernelProblem, Choice]:
    """Return the problem of the kernel whose penalty, chosen by an object, has the best score; and the choice."""
    best: tuple[KernelProblem, Choice] | None = None
    for kernel in kernels:
        choice = penalty.choose(KernelProblem(kernel, *problem))
        if best is None or choice.score > best[1].score:
            best = KernelProblem(kernel, *problem), choice
    if best is None:
        raise ValueError("kernel must name at least one kernel, and a list may not hold 'precomputed'.")
    return best


def kernel_of(kernel: Any) -> Kernel | str:
    """Return the kernel that a parameter stands for, a copy, or "precomputed"."""
    return "precomputed" if is_precomputed(kernel) else clone(as_kernel(kernel, NTK()))


def is_precomputed(kernel: Any) -> bool:
    """Whether rows are given as their kernel matrix."""
    return isinstance(kernel, str) and kernel == "precomputed"
