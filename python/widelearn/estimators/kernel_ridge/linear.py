"""The linear kernel where its matrix would lose digits: ridge regression on the columns, with the same functions."""

from typing import Any

import numpy as np
from scipy.sparse import issparse

from widelearn.estimators.choice import Choice
from widelearn.estimators.feature_ridge.model import fitted_ridge
from widelearn.estimators.feature_ridge.systems import RowProblem, Rows
from widelearn.estimators.kernel_ridge.model import KernelModel, KernelProblem
from widelearn.features.stored_mean import dense
from widelearn.kernels import Linear
from widelearn.ridge.certificate import TRUSTED, blur, roundoff
from widelearn.ridge.leave_one_out import Errors
from widelearn.ridge.row_spectrum import RowSpectrum
from widelearn.ridge.symmetric_systems import Solution
from widelearn.runtime import Array, row_blocks

# What rounding may do to alpha before float32 rows are solved by columns, and rows whose values are held at once.
SINGLE_BLUR, BLOCK_ROWS = 1e-7, 4096


def by_columns(problem: KernelProblem, alphas: Array) -> bool:
    """Whether rounding of a linear kernel's matrix would show beside the smallest penalty."""
    if type(problem.kernel) is not Linear:
        return False
    if issparse(problem.X):
        # Singular vectors of fewer rows than columns would make them dense, and their matrix is that of full rank.
        n = problem.X.shape[0] if problem.weight is None else int(np.count_nonzero(problem.weight))
        if n <= problem.X.shape[1] + problem.fit_intercept or not alphas.min() > 0.0:
            return False
    single = problem.X.dtype == np.float32
    moved = blur(problem.diagonal(), problem.weight, roundoff(problem.X.dtype))
    return moved > (SINGLE_BLUR if single else TRUSTED) * float(alphas.min())


class LinearProblem:
    """A problem of the linear kernel as one of the columns: a :class:`KernelProblem` to who chooses a penalty."""

    def __init__(self, problem: KernelProblem, *, path: bool) -> None:
        self.kernel, self.X, self.Y, self.weight = problem.kernel, problem.X, problem.Y, problem.weight
        self.fit_intercept = problem.fit_intercept
        rows = Rows(problem.X, problem.Y, problem.weight, False)
        self.inner = RowProblem(rows, "passthrough", None, fit_intercept=self.fit_intercept, path=path)

    def left_out(self, alphas: Array) -> Errors:
        """Yield rows and scaled leave-one-out errors (a, rows, t), numbered among the rows that have a weight."""
        return self.inner.left_out(alphas)

    def gcv(self, alphas: Array) -> Array:
        """Return the generalised cross-validation errors (a, t)."""
        return self.inner.gcv(alphas)

    def refit(self, train: Array, test: Array, alphas: Array) -> Any:
        """Return for every penalty the values (m, t) at m rows of a fit to others; all of them have a weight."""
        return self.inner.refit(train, test, alphas)

    def rest(self) -> None:
        """Keep everything, which is small."""

    def chosen(self, alpha: Array) -> KernelModel:
        """Return the model of penalties, with the dual coefficients of its values."""
        system = self.inner.system
        system.keep = True
        found = system.solve(alpha)
        columns = fitted_ridge(system.features, found, Choice(alpha, alpha), self.X.dtype, flat=False)
        dual = self._dual(found, alpha)
        solution = Solution(dual.astype(self.X.dtype), columns.intercept, "columns", error=found.error)
        return KernelModel(self.kernel, self.X, solution, self.X.dtype, columns, system.posterior(found, alpha))

    def _dual(self, found: Solution, alpha: Array) -> Array:
        """Return a = W (y - f) / alpha; where that is all rounding, the a whose sums of rows are f."""
        dual, free = np.zeros(self.Y.shape), alpha == 0.0
        kept = np.arange(len(self.Y)) if self.weight is None else np.flatnonzero(self.weight)
        if len(kept) <= self.X.shape[1] + self.fit_intercept:
            # As many columns as rows leave nothing of the targets.
            spectrum = RowSpectrum(self.X, self.Y, self.weight, fit_intercept=self.fit_intercept)
            dual[kept] = spectrum.dual(alpha)
            return dual
        center = np.zeros(self.X.shape[1]) if found.center is None else found.center
        weight = np.ones(len(self.Y)) if self.weight is None else self.weight
        for part in row_blocks(len(kept), BLOCK_ROWS):
            rows = kept[part]
            dual[rows] = self.Y[rows] - found.offset - (dense(self.X[rows]) - center) @ found.coef
        dual *= weight[:, None] / np.where(alpha > 0.0, alpha, 1.0)
        if free.any():
            root, about = np.sqrt(weight[kept])[:, None], self.X[kept].astype(np.float64) - center
            if self.fit_intercept:
                about -= (weight[kept] / weight.sum()) @ about
            dual[np.ix_(kept, free)] = root * np.linalg.lstsq((root * about).T, found.coef[:, free], rcond=None)[0]
        return dual
