"""The ways to solve a kernel ridge problem."""

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import partial
from os import PathLike
from typing import Any, Self

import numpy as np
from sklearn.utils import check_random_state

from widelearn.estimators.feature_ridge.maps import with_weight
from widelearn.estimators.feature_ridge.posterior import CentrePosterior, KeptRows, kept_moments
from widelearn.estimators.kernel_ridge.durations import announce, worth_keeping
from widelearn.estimators.kernel_ridge.linear import LinearProblem, by_columns
from widelearn.estimators.kernel_ridge.model import KernelModel, KernelProblem, fits
from widelearn.features import NystromFeatures
from widelearn.kernels import Kernel
from widelearn.ridge import Moments
from widelearn.ridge.iterations import NotFiniteError
from widelearn.ridge.kernel_systems import FEW_ROWS, own_kernel_matrix, solve_iteratively, worth_iterating
from widelearn.ridge.operators import Dense, Operator, cached, symmetric_kernel_matrix
from widelearn.ridge.row_passes import RowPasses
from widelearn.ridge.symmetric_systems import Solution
from widelearn.runtime import Array, available_memory, watched

# Rows whose factor fits into so large a part of memory choose the centres.
PART = 3
# Where rounding errors end conjugate gradients at a larger relative residual, a factor may leave less.
FAILED = 1e-4


@dataclass(frozen=True)
class Solver:
    """How a problem is solved for given penalties; the fields are :class:`KernelRidge`'s parameters of that name."""

    solver: str = "cholesky"
    tol: float = 1e-8
    n_components: int | None = None
    max_iter: int = 1000
    random_state: Any = None
    callback: Callable[[int, Array], object] | None = None
    checkpoint: str | PathLike[str] | None = None
    verbose: bool | int = False

    @classmethod
    def of(cls, estimator: Any) -> Self:
        """Return the solver that an estimator's parameters describe."""
        given = {field.name: getattr(estimator, field.name) for field in fields(cls)}
        return cls(**given | {"callback": watched(estimator, residual_line)})

    @property
    def seed(self) -> Any:
        """The source of centres or pivots, repeatable where none is given."""
        return 0 if self.random_state is None else self.random_state

    def solve(self, problem: KernelProblem, alpha: Array) -> KernelModel:
        """Return the model for one penalty a target."""
        if self.solver == "nystrom":
            return self._on_centres(problem, alpha)
        if self.solver != "pcg" and by_columns(problem, alpha):
            return LinearProblem(problem, path=False).chosen(alpha)
        announce(problem, self.solver, self.max_iter, self.verbose)
        few = problem.X.shape[0] < FEW_ROWS or problem.inverses is not None
        if self.solver == "cholesky" or (self.solver == "auto" and few and fits(problem.X)):
            return problem.factored(alpha)
        return self._iterated(problem, alpha)

    def _iterated(self, problem: KernelProblem, alpha: Array) -> KernelModel:
        """Solve by conjugate gradients, or by a factor where "auto" finds that cheaper and it fits."""
        X, kernel = problem.X, problem.kernel
        if isinstance(kernel, Kernel):
            whole = kernel.operator(X)
            # A state on disk is gone on from by the same products, whatever this machine's rates are now.
            keeps = self.checkpoint is not None or worth_keeping(problem)
            A: Operator = cached(whole, whole.dense) if keeps else whole
        else:
            A = Dense(symmetric_kernel_matrix(X))
        options: dict[str, Any] = {"fit_intercept": problem.fit_intercept, "tol": self.tol, "max_iter": self.max_iter}
        options |= {"random_state": self.seed}
        preconditioner = None
        own = A.matrix if isinstance(A, Dense) and A.dtype == X.dtype else None
        if self.solver == "auto" and (own is not None or fits(X)):
            preconditioner = worth_iterating(A, alpha, problem.weight, **options)
            if preconditioner is None and own is None:
                return problem.factored(alpha)
            if preconditioner is None and own is not None:
                # A matrix that is kept can be factored in its place.
                return problem.factored(alpha, own_kernel_matrix(X) if own is X else problem.checked(own))
        options |= {"rank": self.n_components, "callback": self.callback, "checkpoint": self.checkpoint}
        options |= {"preconditioner": preconditioner}
        try:
            found = solve_iteratively(A, problem.Y, alpha, problem.weight, **options)
        except np.linalg.LinAlgError as error:
            if preconditioner is None and not (isinstance(error, NotFiniteError) and fits(X)):
                raise
            # An indefinite kernel is the direct solver's, which says so, like products beyond the type's range.
            return problem.factored(alpha)
        model = problem.model(found._replace(left=None))
        if found.residual <= FAILED or found.n_iter == self.max_iter:
            return model
        if by_columns(problem, alpha):
            return LinearProblem(problem, path=False).chosen(alpha)
        if not fits(X):
            return model
        direct = problem.factored(alpha)
        return direct if direct.solution.residual < found.residual else model

    def _on_centres(self, problem: KernelProblem, alpha: Array) -> KernelModel:
        """Solve the model that is restricted to combinations of some rows' kernels."""
        n_components = self.n_components or default_centres(problem.X.shape[0])
        features = NystromFeatures(problem.kernel, n_components, random_state=self.seed)
        options = {"fit_intercept": problem.fit_intercept}
        found, process = fit_on_centres(features, problem.X, problem.Y, alpha, problem.weight, **options)
        if isinstance(problem.kernel, Kernel):
            posterior = None
            if process is not None:
                posterior = CentrePosterior(problem.kernel, features, *process, alpha, raw=not problem.fit_intercept)
                posterior.fit_intercept = problem.fit_intercept
                posterior.kept_rows = KeptRows.of(problem.X, problem.Y, problem.weight, process[1])
            return KernelModel(problem.kernel, features.components_, found, posterior=posterior)
        dual = np.zeros(problem.Y.shape, problem.X.dtype)
        dual[features.component_indices_] = found.coef
        return KernelModel(problem.kernel, None, found._replace(coef=dual))


def fit_on_centres(
    features: NystromFeatures, X: Array, y: Array, alpha: Array, weight: Array | None, *, fit_intercept: bool
) -> tuple[Solution, tuple[Moments, Solution] | None]:
    """Fit f(x) = k(x, C) a + b to rows, minimising Σ w (y - f)² + alpha a'K(C, C)a over the a of r centres.

    With K(C, C) = L L' it is ridge on φ(x) = L⁻¹ k(C, x), a = L⁻ᵀ c. The centres are chosen among all rows that have
    weight, or where the factor of those does not fit among as many, drawn uniformly, as do; then rows are mapped block
    by block. With the solution come the moments of φ and its coefficients, where they are small enough to be kept.
    """
    X, y, weight = with_weight(X, y, weight)
    n = X.shape[0]
    p = min(features.n_components, n)
    room = max(available_memory()[0] // PART // (8 * (p + 256)), p)
    moments, passes = None, None
    if n <= room:
        Z = features.fit_transform(X)
        moments = Moments(Z.shape[1], y.shape[1]).update(Z, y, weight)
        if weight is not None:
            # The rows correct what moments lose of those whose weights are far apart.
            passes = RowPasses(partial(list, [(slice(0, n), Z)]), y, weight)
        del Z
    else:
        rng = check_random_state(features.random_state)
        features.fit(X[np.sort(rng.permutation(n)[:room])])
        moments = Moments(features.n_features_out, y.shape[1]).absorb(*features.moments(X, y, weight))
    remembered = kept_moments(moments)
    solved = moments.solution_once(alpha, fit_intercept, passes)
    dual = features.dual(solved.coef)
    found = Solution(dual.astype(X.dtype), solved.intercept.astype(X.dtype), "nystrom", 0.0)
    return found, None if remembered is None else (remembered, solved)


def residual_line(residuals: Array) -> str:
    """Write what an iteration has left of right-hand sides."""
    return f"relative residual {float(np.max(residuals)):.2e}"


def default_centres(n: int) -> int:
    """Return how many centres n rows have unless told otherwise."""
    return max(min(10 * math.isqrt(n), n), 1)
