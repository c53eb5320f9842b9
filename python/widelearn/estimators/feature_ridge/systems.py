"""Ridge problems of rows at hand: the feature map fitted to them, and the smaller of its two systems."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cached_property, partial
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import issparse

from widelearn.estimators.choice import Choice
from widelearn.estimators.feature_ridge.maps import BLOCK_ROWS, RidgeFeatures, is_pairwise, with_weight
from widelearn.estimators.feature_ridge.model import NO_WEIGHT, fitted_ridge
from widelearn.estimators.feature_ridge.posterior import KEPT, InnerProducts, KeptRows, MomentsPosterior, kept_moments
from widelearn.estimators.labels import Labels
from widelearn.estimators.posterior import Posterior, RowPosterior
from widelearn.estimators.units import ONES, Units
from widelearn.ridge import Moments
from widelearn.ridge.dual_rows import DualRows, DualRowsPath, gcv_of_rows, solve_rows
from widelearn.ridge.leave_one_out import Errors
from widelearn.ridge.normal_equations import EPS
from widelearn.ridge.primal_gcv import PrimalGcv
from widelearn.ridge.primal_path import PrimalPath
from widelearn.ridge.primal_systems import PrimalSolver
from widelearn.ridge.row_passes import RowPasses
from widelearn.ridge.sparse_rows import SparseProblem, affordable
from widelearn.ridge.symmetric_systems import Inverses, Solution
from widelearn.runtime import Array, row_blocks

# Rows turned to float32 at once, and values whose squares float32 may not hold.
MIXED_ROWS, LARGEST = 1 << 16, 1e15


class Rows(NamedTuple):
    """Validated rows, targets (n, t) and weights; whether there is no targets' axis, and the labels of a classifier.

    Targets and weights are in units, at first the user's; groups are those of rows that folds keep together.
    """

    X: Any
    Y: Array
    weight: Array | None
    flat: bool
    labels: Labels | None = None
    units: Units = ONES
    groups: Any = None

    def check_weight(self) -> None:
        """Refuse rows of which none has a weight."""
        if self.weight is not None and not self.weight.any():
            raise ValueError(NO_WEIGHT)

    def in_units(self, *, weights: bool = True, shared: bool = False) -> Rows:
        """Return the rows with targets, all of which or each, and weights in units that make them about 1."""
        units = Units.of(self.Y, self.weight, self.X.dtype, weights=weights, shared=shared)
        Y, weight = units.take_out(self.Y, self.weight)
        return self._replace(Y=Y, weight=weight, units=units)


class RowProblem:
    """Ridge regression of rows on a feature map: a problem as the choice of a penalty sees it.

    `path` says that a penalty is to be chosen: then targets and weights are in float64. The map is cloned.
    """

    def __init__(
        self, rows: Rows, features: Any, random_state: Any, *, fit_intercept: bool, precision: str = "auto", path: bool
    ) -> None:
        self.X, self.Y, self.weight = rows.X, rows.Y, rows.weight
        self.source = features, random_state
        self.fit_intercept, self.precision, self.path = fit_intercept, precision, path

    @cached_property
    def features(self) -> RidgeFeatures:
        """The feature map, fitted to the rows."""
        return RidgeFeatures(*self.source).fit(self.X, self.Y, self.weight)

    @cached_property
    def system(self) -> Tall | Wide:
        """The smaller of the two systems."""
        return self._smaller_system(self.features)

    def _smaller_system(self, features: RidgeFeatures) -> Tall | Wide:
        X, Y, weight = self.X, self.Y, self.weight
        n = X.shape[0] if weight is None else int(np.count_nonzero(weight))
        # Eigenvectors of as many rows as features cost the same, and their errors less.
        wide = features.is_wide(n, X.shape[1]) or (self.path and n == features.n_features)
        mixed = self.precision == "mixed"
        if wide or mixed or self.path:
            X, Y, weight = with_weight(X, Y, weight)
        if wide:
            weight = None if weight is None else weight.astype(np.float64)
            return Wide(features, X, Y.astype(np.float64), weight, self.fit_intercept)
        return Tall(features, X, Y, weight, self.fit_intercept, mixed)

    def left_out(self, alphas: Array) -> Errors:
        """Yield rows and scaled leave-one-out errors (a, rows, t), numbered among the rows that have a weight."""
        return self.system.decompose(alphas).errors()

    def gcv(self, alphas: Array) -> Array:
        """Return the generalised cross-validation errors (a, t)."""
        return self.system.gcv(alphas)

    def refit(self, train: Array, test: Array, alphas: Array) -> Array:
        """Return for every penalty the values (m, t) at m rows of a fit to others, with a feature map of its own."""
        features, random_state = self.source
        # A kernel matrix has a column for every row.
        columns = train if is_pairwise(features) else slice(None)
        X, left_out = self.X[train][:, columns], self.X[test][:, columns]
        rows = Rows(X, self.Y[train], None if self.weight is None else self.weight[train], False)
        part = RowProblem(rows, features, copy.deepcopy(random_state), fit_intercept=self.fit_intercept, path=True)
        part.system.decompose(alphas)
        models = [part.solve(Choice(np.full(self.Y.shape[1], alpha), alpha)) for alpha in alphas]
        values = np.empty((len(alphas), len(test), self.Y.shape[1]))
        for block, Z in part.system.features.blocks(left_out):
            for j, model in enumerate(models):
                values[j, block] = model.of(Z)
        return values

    def remember(self) -> None:
        """Keep what left-out errors take, whatever its size."""
        if isinstance(self.system, Tall):
            self.system.most = np.inf
        else:
            self.system.inverses = {}

    def known(self) -> tuple[Inverses, Array | None]:
        """Return what is known of inverses of inner products of rows, and the dual coefficients."""
        return (self.system.inverses or {}, self.system.dual) if isinstance(self.system, Wide) else ({}, None)

    def solve(self, choice: Choice, *, flat: bool = False, keep: bool = False) -> Any:
        """Return the fitted model of the chosen penalties, and `keep` what its posterior takes."""
        found = None if self.path else self._solved_sparse(choice.penalties)
        if found is None:
            self.system.keep = keep
            found = self.system.solve(choice.penalties), self.system.posterior
        solution, posterior = found
        model = fitted_ridge(self.features, solution, choice, self.X.dtype, flat=flat)
        return replace(model, posterior=posterior(solution, choice.penalties)) if keep else model

    def _solved_sparse(self, alpha: Array) -> tuple[Solution, Callable[..., Posterior | None]] | None:
        """Solve by iterations on the values that sparse rows store; None where those do not pay, or fail.

        With the solution comes what makes its Gaussian process: of as many rows as columns nothing that is small.
        Few columns are left to the dense system, which keeps their moments for one.
        """
        if not self.features.keeps_sparse(self.X):
            return None
        X, Y, weight = with_weight(self.X, self.Y, self.weight)
        wide = self.features.is_wide(*X.shape)
        if not wide and self.features.n_features <= KEPT:
            return None
        most, Y = affordable(X, Y.shape[1]), Y.astype(np.float64)
        if not most:
            return None
        found = SparseProblem(X, weight, fit_intercept=self.fit_intercept).solve(Y, alpha, most)
        if found is None:
            return None
        if not wide:
            return found, lambda solution, penalties: None
        weight = None if weight is None else weight.astype(np.float64)
        return found, partial(row_posterior, self.features, (X, Y, weight), self.fit_intercept)


class Tall:
    """At least as many rows as features: their moments, and further passes over blocks of features."""

    path: PrimalPath | None = None
    moments: Moments | None = None
    # Whether moments outlive the solution, and those that do.
    keep = False
    kept: Moments | None = None
    # Most features of which they do.
    most: float = KEPT

    def __init__(
        self, features: RidgeFeatures, X: Array, Y: Array, weight: Array | None, fit_intercept: bool, mixed: bool
    ) -> None:
        self.features, self.X, self.Y, self.weight = features, X, Y, weight
        self.fit_intercept, self.mixed = fit_intercept, mixed

    def summed(self) -> Moments:
        """Return the moments of all rows, in one pass over them."""
        if self.moments is None:
            self.moments = self.features.moments(self.X, self.Y, self.weight)
        return self.moments

    def decompose(self, alphas: Array) -> PrimalPath:
        """Take the eigenvectors, which solve for all penalties."""
        self.path = PrimalPath(self.summed(), alphas, self.passes(), fit_intercept=self.fit_intercept)
        if self.path.single and self.path.inexact.any():
            # What products in single precision have lost is not in their moments.
            self.moments = self._double()
            self.path = PrimalPath(self.moments, alphas, self.passes(), fit_intercept=self.fit_intercept)
        return self.path

    def gcv(self, alphas: Array) -> Array:
        """Return the generalised cross-validation errors."""
        found = PrimalGcv(
            partial(self.summed().equations, self.fit_intercept), alphas, self.summed().unit, self.passes()
        )
        if self.summed().unit > EPS and found.inexact.any():
            self.moments = self._double()
            return self.moments.gcv_errors(alphas, self.fit_intercept, self.passes())
        return found.errors()

    def solve(self, alpha: Array) -> Solution:
        """Return coefficients, with values at the features' centre; the moments are used up."""
        if self.path is not None:
            self.kept = self.moments if self.features.n_features <= self.most else None
            return self.path.solve(alpha)
        summed = self._single() if self.mixed and self.features.is_fused else self.summed()
        if summed is not None and summed.unit > EPS:
            self.kept = kept_moments(summed, self.most) if self.keep else None
            solver = PrimalSolver(
                summed.equations(self.fit_intercept, once=True),
                self.passes(),
                unit=summed.unit,
                enough=0.0 if self.mixed else None,
            )
            found = solver.confirmed(alpha)
            if found is not None:
                return found
            summed = None
        self.moments = None
        summed = self._double() if summed is None else summed
        self.kept = kept_moments(summed, self.most) if self.keep else None
        return summed.solution_once(alpha, self.fit_intercept, self.passes())

    def posterior(self, solution: Solution, penalties: Array) -> MomentsPosterior | None:
        """Return the Gaussian process of the solution, None where its moments are too large to be kept."""
        if self.kept is None:
            return None
        raw = not self.fit_intercept and self.path is None
        found = MomentsPosterior(self.features, self.kept, solution, penalties, raw=raw)
        found.fit_intercept = self.fit_intercept
        found.kept_rows = KeptRows.of(self.X, self.Y, self.weight, solution)
        return found.by_rows(solution, self.passes())

    def passes(self) -> RowPasses:
        """Return passes over the rows' features, in double precision where single precision is no wish of the rows."""
        return RowPasses(self._blocks, self.Y, self.weight)

    def _blocks(self) -> Iterator[tuple[Any, Array]]:
        """Yield rows that have a weight, and their features."""
        dtype = np.float64 if self.mixed else None
        if self.weight is None or self.weight.all():
            yield from self.features.blocks(self.X, dtype)
            return
        kept = np.flatnonzero(self.weight)
        for part in row_blocks(len(kept), BLOCK_ROWS):
            rows = kept[part]
            yield rows, self.features.transform(self.X[rows] if dtype is None else self.X[rows].astype(dtype))

    def _single(self) -> Moments | None:
        """Return moments summed from rows in single precision; None where that does not hold them."""
        X, Y, weight = self.X, self.Y, self.weight
        moments = Moments(self.features.n_features, Y.shape[1])
        for rows in row_blocks(X.shape[0], MIXED_ROWS):
            with np.errstate(over="ignore"):
                single = X[rows].astype(np.float32)
            if not np.abs(single.data if issparse(single) else single).max(initial=0.0) < LARGEST:
                return None
            moments.merge(self.features.moments(single, Y[rows], None if weight is None else weight[rows]))
        return moments

    def _double(self) -> Moments:
        """Return moments of the rows' features whose products are taken in double precision."""
        if self.X.dtype == np.float64:
            return self.features.moments(self.X, self.Y, self.weight)
        moments = Moments(self.features.n_features, self.Y.shape[1])
        for rows, Z in self._blocks():
            moments.update(Z, self.Y[rows], None if self.weight is None else self.weight[rows])
        return moments


class Wide:
    """Fewer rows than features: their inner products, or where those are not exact enough the rows themselves."""

    path: DualRowsPath | None = None
    keep = False
    # Take what is known of inverses, where it is asked for, and the dual coefficients.
    inverses: Inverses | None = None
    dual: Array | None = None

    def __init__(self, features: RidgeFeatures, X: Array, Y: Array, weight: Array | None, fit_intercept: bool) -> None:
        self.features, self.X = features, X
        self.rows: DualRows = features.dual_rows(X, fit_intercept)
        self.Y, self.weight, self.fit_intercept = Y, weight, fit_intercept

    def decompose(self, alphas: Array) -> DualRowsPath:
        """Take what solves for all penalties."""
        self.path = DualRowsPath(self.rows, self.Y, alphas, self.weight, fit_intercept=self.fit_intercept)
        return self.path

    def gcv(self, alphas: Array) -> Array:
        """Return the generalised cross-validation errors."""
        return gcv_of_rows(self.rows, self.Y, alphas, self.weight, fit_intercept=self.fit_intercept)

    def solve(self, alpha: Array) -> Solution:
        """Return coefficients and offsets."""
        if self.path is not None:
            return self.path.solve(alpha)
        options: dict[str, Any] = {"fit_intercept": self.fit_intercept, "inverses": self.inverses}
        found = solve_rows(self.rows, self.Y, alpha, self.weight, **options)
        self.dual = found.dual
        return found

    def posterior(self, solution: Solution, penalties: Array) -> RowPosterior:
        """Return the Gaussian process of the solution."""
        rows = self.X, self.Y, self.weight
        return row_posterior(self.features, rows, self.fit_intercept, solution, penalties)


def row_posterior(
    features: RidgeFeatures,
    rows: tuple[Any, Array, Array | None],
    fit_intercept: bool,
    solution: Solution,
    penalties: Array,
) -> RowPosterior:
    """Return the Gaussian process of a solution from its rows, targets and weights."""
    X, Y, weight = rows
    kernel = features.kernel() or InnerProducts(features)
    found = RowPosterior(kernel, X, weight, penalties, about=Y - solution.intercept)
    found.fit_intercept = fit_intercept
    return found
