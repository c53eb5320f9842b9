"""Kernel ridge regression as a problem of arrays, and the model that solves it."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike
from scipy.linalg import LinAlgWarning
from sklearn.base import clone

from widelearn.estimators.feature_ridge.model import FittedRidge
from widelearn.estimators.posterior import Posterior
from widelearn.estimators.units import Units
from widelearn.kernels import NTK, Kernel, as_kernel
from widelearn.kernels.empirical import check_one_value
from widelearn.kernels.mixtures import Grams
from widelearn.kernels.operators import fitted_product
from widelearn.kernels.radial import settled
from widelearn.ridge.certificate import HOPELESS, SINGLE, blur, complain_of_left_out, fit_error, roundoff
from widelearn.ridge.dual_path import DualPath
from widelearn.ridge.kernel_systems import own_kernel_matrix, solve_dual, square
from widelearn.ridge.leave_one_out import Errors
from widelearn.ridge.operators import symmetric_kernel_matrix
from widelearn.ridge.symmetric_systems import Inverses, Solution
from widelearn.ridge.tridiagonal import dual_gcv
from widelearn.runtime import Array, available_memory, crossing, has_room, warn

NO_RESIDUALS = (
    "store_loo=True keeps left-out errors of a kernel matrix of rows, of which there is none with solver='nystrom' or a"
    " precomputed kernel: take solver='auto', 'cholesky' or 'pcg' and a kernel object."
)


@dataclass(frozen=True)
class KernelModel:
    """The function Σ_i a_i k(x, x_i) + b that was fitted; of a precomputed kernel there are no rows x_i.

    Coefficients in float64 on float32 rows ask for values in float64, which are rounded at the end.
    """

    # A kernel, or "precomputed".
    kernel: Any
    rows: Array | None
    solution: Solution
    # Of the rows that were fitted, where the coefficients' is another.
    dtype: Any = None
    # The same function by the columns of rows, where a linear kernel's matrix would lose digits.
    columns: FittedRidge | None = None
    # The Gaussian process whose mean it is, where that is known.
    posterior: Posterior | None = None

    def in_original(self, units: Units) -> Self:
        """Return the model in the user's units of targets."""
        found = self.solution
        coef = units.original(found.coef, "The dual coefficients")
        offset = units.original(found.offset, "The intercept")
        columns = None if self.columns is None else self.columns.in_original(units)
        posterior = None if self.posterior is None else self.posterior.in_original(units)
        solution = found._replace(coef=coef, offset=offset)
        return replace(self, solution=solution, columns=columns, posterior=posterior)

    def mapped(self, X: Array) -> Array:
        """Return rows as the posterior sees them."""
        return X

    def values(self, X: Array) -> Array:
        """Return the values (m, t) at rows, or at those whose kernels with all rows are given."""
        if self.columns is not None:
            return self.columns.values(X)
        dual, offset = self.solution.coef, self.solution.offset
        exact, dtype = (
            X.astype(np.result_type(X.dtype, dual.dtype), copy=False),
            np.result_type(X.dtype, self.dtype or dual.dtype),
        )
        if isinstance(self.kernel, Kernel) and self.rows is not None:
            values = fitted_product(self.kernel, exact, self.rows, dual) + offset
        else:
            values = np.asarray(exact @ dual + offset)
        return values.astype(dtype, copy=False)


@dataclass
class KernelProblem:
    """Kernel ridge regression of targets (n, t) on rows, or on their precomputed kernel matrix.

    The matrix that chose a penalty is in float64, whatever the rows are, and solves for the penalty that was chosen.
    """

    kernel: Any
    X: Array
    Y: Array
    weight: Array | None
    fit_intercept: bool
    # Takes what is known of the inverses of the kernel matrix with penalties, where it is asked for.
    inverses: Inverses | None = None
    # The error of fitted values, relative to the targets, up to which float32 rows are solved in float32.
    tolerance: float = SINGLE
    # Kernel matrices of terms that it shares with others it is compared with.
    grams: Grams | None = field(default=None, init=False)
    # What chose the penalty: the kernel matrix of refits to folds, or the path of left-out rows.
    _kept: Array | None = field(default=None, init=False)
    _path: DualPath | None = field(default=None, init=False)
    _doubt: Array = field(default_factory=lambda: np.zeros(0), init=False)

    def __post_init__(self) -> None:
        if isinstance(self.kernel, Kernel):
            check_one_value(self.kernel, self.X)

    def checked(self, K: Array) -> Array:
        """Return the kernel matrix, which is refused if it is not symmetric; ours are."""
        return K if isinstance(self.kernel, Kernel) and self.kernel.compiled else symmetric_kernel_matrix(K)

    def matrix(self, dtype: DTypeLike = np.float64) -> Array:
        """Return the kernel matrix of the exact rows, to be destroyed by a solve."""
        if isinstance(self.kernel, Kernel):
            rows = self.X.astype(dtype, copy=False)
            if self.grams is not None and np.dtype(dtype) == np.float64:
                return self.checked(self.grams.matrix(self.kernel, rows))
            return self.checked(self.kernel(rows))
        return self.checked(own_kernel_matrix(self.X, dtype))

    def factored(self, alpha: Array, K: Array | None = None) -> KernelModel:
        """Return the model from a factor of the kernel matrix, which is destroyed if it is given.

        Of float32 rows that is one in float32 where the fit keeps its digits so, and else one in float64.
        """
        if self.X.dtype == np.float32:
            found = None if self.inverses is not None else self._in_single(alpha, K)
            if found is not None:
                return self.model(found)
            K, need = None, 8 * self.X.shape[0] ** 2
            if need > available_memory()[0]:
                warn(
                    f"The kernel matrix of {self.X.shape[0]} rows in float64, {need} bytes, does not fit into memory:"
                    " this fit in float32 loses digits. Raise alpha, or take solver='pcg' or 'nystrom'.",
                    LinAlgWarning,
                )
                K = self.matrix(np.float32)
        return self.model(self._solved(alpha, self.matrix() if K is None else K))

    def _solved(self, alpha: Array, K: Array, *, fallback: bool = True) -> Solution:
        options: dict[str, Any] = {"fit_intercept": self.fit_intercept, "symmetric": True, "fallback": fallback}
        options["inverses"] = self.inverses
        return solve_dual(K, self.Y, alpha, self.weight, **options)

    def _in_single(self, alpha: Array, K: Array | None) -> Solution | None:
        """Return the solution in float32, None where it loses digits of the fit."""
        # Where this holds the factor fails, or its solution is none: nothing is lost by not trying.
        if blur(self.diagonal(), self.weight, roundoff(np.float32)) > HOPELESS * alpha.min():
            return None
        try:
            found = self._solved(alpha, self.matrix(np.float32) if K is None else K, fallback=False)
        except np.linalg.LinAlgError:
            return None
        return found if found.error <= self.tolerance else None

    def diagonal(self) -> Array:
        """Return the diagonal of the kernel matrix."""
        if isinstance(self.kernel, Kernel):
            return self.kernel.diag(self.X)
        return square(self.X).diagonal()

    def model(self, found: Solution) -> KernelModel:
        """Return the model of a solution for all rows, in float32 where float32 rows lose nothing by that."""
        rows, dtype = self.X if isinstance(self.kernel, Kernel) else None, found.coef.dtype
        if self.X.dtype == np.float32 and dtype != np.float32:
            kept = slice(None) if self.weight is None else self.weight > 0
            root = np.ones(len(self.Y)) if self.weight is None else np.sqrt(self.weight)
            root, Y, coef = root[kept, None], self.Y[kept], found.coef[kept]
            diagonal = root[:, 0] ** 2 * self.diagonal()[kept]
            options: dict[str, Any] = {"fit_intercept": self.fit_intercept}
            error = fit_error(diagonal, coef / root, root * Y, root[:, 0], roundoff(np.float32), **options)
            dtype = np.dtype(np.float32 if error <= self.tolerance else np.float64)
        found = found._replace(coef=found.coef.astype(dtype, copy=False), offset=found.offset.astype(dtype))
        return KernelModel(self.kernel, rows, found, self.X.dtype)

    def path(self, K: Array, rows: Array, alphas: Array) -> DualPath:
        """Return the path of some rows that have a weight, whose kernel matrix is destroyed."""
        weight = None if self.weight is None else self.weight[rows]
        return DualPath(K, self.Y[rows], alphas, weight, fit_intercept=self.fit_intercept, definite=False)

    def left_out(self, alphas: Array) -> Errors:
        """Yield rows and scaled leave-one-out errors (a, rows, t), numbered among the rows that have a weight."""
        K, rows = self.matrix(), self._rows()
        self._path = self.path(K if len(rows) == len(K) else crossing(K, rows, rows), rows, alphas)
        return self._path.errors()

    def _rows(self) -> Array:
        return np.arange(len(self.Y)) if self.weight is None else np.flatnonzero(self.weight)

    def gcv(self, alphas: Array) -> Array:
        """Return the generalised cross-validation errors (a, t)."""
        K, rows = self.matrix(), self._rows()
        K = K if len(rows) == len(K) else crossing(K, rows, rows)
        weight = None if self.weight is None else self.weight[rows]
        return dual_gcv(K, self.Y[rows], alphas, weight, fit_intercept=self.fit_intercept)[0]

    def refit(self, train: Array, test: Array, alphas: Array) -> Iterator[Array]:
        """Yield for every penalty the values (m, t) at m rows of a fit to others; all of them have a weight."""
        if self._kept is None:
            self._kept = self.matrix()
        K = self._kept
        found, across = self.path(crossing(K, train, train), train, alphas), crossing(K, test, train)
        for alpha in alphas:
            solved = found.solve(np.full(self.Y.shape[1], alpha))
            yield across @ solved.coef + solved.offset

    def rest(self) -> None:
        """Let go of all but the matrix that chose the penalty."""
        if self._path is not None:
            self._doubt = self._path.doubt()
            self._path.forget()

    def chosen(self, alpha: Array) -> KernelModel:
        """Return the model of chosen penalties, from the matrix that chose them, which is destroyed."""
        if self._path is not None:
            complain_of_left_out(self._doubt, self._path.given, alpha)
            found, rows = self._path.factored(alpha), self._rows()
            coef = np.zeros(self.Y.shape)
            coef[rows] = found.coef
            return self.model(found._replace(coef=coef))
        return self.model(self._solved(alpha, self.matrix() if self._kept is None else self._kept))


def kernel_of(kernel: Any, X: Array | None = None) -> Kernel | str:
    """Return the kernel that a parameter stands for at rows X, a copy, or "precomputed"."""
    if is_precomputed(kernel):
        return "precomputed"
    found: Kernel = clone(as_kernel(kernel, NTK()))
    return found if X is None else settled(found, X)


def is_precomputed(kernel: Any) -> bool:
    """Whether rows are given as their kernel matrix."""
    return isinstance(kernel, str) and kernel == "precomputed"


def fits(X: Array) -> bool:
    """Whether a kernel matrix of all rows, and its factor, fit into memory."""
    return has_room(X.shape[0] ** 2 * X.dtype.itemsize)


def check_stored(estimator: Any) -> None:
    """Refuse to keep left-out errors where there is no kernel matrix of rows."""
    if getattr(estimator, "store_loo", False) and (estimator.solver == "nystrom" or is_precomputed(estimator.kernel)):
        raise ValueError(NO_RESIDUALS)
