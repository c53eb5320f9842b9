"""The posterior of ridge regression on features: by the moments of rows that are many, or by few rows themselves."""

from __future__ import annotations

import copy
from typing import Any, NamedTuple, Self

import numpy as np

from widelearn.estimators.posterior import Posterior
from widelearn.ridge import Moments
from widelearn.ridge.factor import RidgeFactor
from widelearn.ridge.moments import add_outer
from widelearn.ridge.normal_equations import EPS
from widelearn.ridge.row_passes import RowPasses
from widelearn.ridge.symmetric_systems import Solution
from widelearn.runtime import Array, available_memory, has_room, row_blocks

# Features whose second moments a fit keeps: 32 MiB.
KEPT = 2048
# Rows that are kept for left-out errors, at most, their bytes, and rows of which fewer are not worth keeping.
KEPT_ROWS, KEPT_BYTES, FEWEST = 4096, 1 << 24, 16
# Weights that are looked at together.
LOOKED_AT = 1 << 14
# Rounding errors of sums, in units of the last place, and the share of an objective that they may be.
ULPS, SUMMED = 8.0, 1e-9


class KeptRows(NamedTuple):
    """Rows that have a weight, with targets (n, t) and weights, all in units; each stands for `share` of them.

    Their fitted values are (z - center).c + offset.
    """

    X: Any
    Y: Array
    weight: Array | None
    center: Array | None
    offset: Array
    share: float

    @classmethod
    def of(cls, X: Any, Y: Array, weight: Array | None, solution: Solution) -> Self | None:
        """Copy rows: all, or as many as are allowed, drawn uniformly; None where memory has no room for them."""
        count = X.shape[0] if weight is None else np.count_nonzero(weight)
        size = max(getattr(X, "data", X).nbytes, 1)
        room = KEPT_BYTES if has_room(8 * min(size, KEPT_BYTES)) else available_memory()[0] // 8
        most = min(KEPT_ROWS, room * X.shape[0] // size)
        if count == 0 or most < min(count, FEWEST):
            return None
        share = max(count / most, 1.0)
        # No array as long as all rows is made.
        ranks = (
            np.arange(count)
            if count <= most
            else np.random.default_rng(0).choice(count, most, replace=False, shuffle=False)
        )
        ranks.sort()
        among = ranks if weight is None else places_of(ranks, weight)
        weight = None if weight is None else weight[among]
        offset = np.asarray(solution.offset, np.float64)
        return cls(X[among], Y[among].astype(np.float64), weight, solution.center, offset, share)


def places_of(ranks: Array, weight: Array) -> Array:
    """Return the rows of some ranks among those that have a weight; ranks ascend."""
    found, seen = [], 0
    for rows in row_blocks(len(weight), LOOKED_AT):
        among = np.flatnonzero(weight[rows])
        mine = ranks[(ranks >= seen) & (ranks < seen + len(among))] - seen
        found.append(rows.start + among[mine])
        seen += len(among)
    return np.concatenate(found)


class MomentsPosterior(Posterior):
    """The process of features φ of independent standard normal coefficients: alpha φ' (Z'WZ + alpha I)⁻¹ φ is left.

    The moments are kept as they are, not copied; `raw` says that their second ones were turned to be about zero.
    """

    # Σ w (y - f)² + alpha ‖w‖² of every target (t,) as the rows say it, None where moments suffice.
    objectives: Array | None = None
    # What left-out errors take, None where fits were given the rows in batches.
    kept_rows: KeptRows | None = None

    def __init__(
        self, features: Any, moments: Moments, solution: Solution, penalties: Array, *, raw: bool = False
    ) -> None:
        super().__init__(penalties, moments.weight)
        self.features, self.moments, self.raw = features, moments, raw
        self.coef, self.intercept = solution.coef.astype(np.float64), solution.intercept.astype(np.float64)

    def _factor(self, penalty: float) -> RidgeFactor:
        second = self.moments.zz.copy()
        if not self.raw:
            add_outer(second, self.moments.mean_z + self.moments.rest_z, self.moments.weight)
        return RidgeFactor(second, penalty)

    def _variance(self, factor: RidgeFactor, X: Array) -> Array:
        return explained(factor, self._columns(X))

    def _columns(self, X: Array) -> Array:
        """Return the features of rows as columns."""
        return np.asarray(self.features.transform(X), np.float64).T

    def by_rows(self, solution: Solution, passes: RowPasses) -> Self:
        """Take the objectives from the rows where they are small differences of the moments."""
        lost = [rounding > SUMMED * value for value, rounding in map(self._summed, range(len(self.penalties)))]
        if any(lost):
            coef, left = self.coef, np.zeros(len(lost))
            center = np.zeros(len(coef)) if solution.center is None else solution.center
            for _, Z, Y, _ in passes.scaled(center, solution.offset.astype(np.float64)):
                left += np.square(Y - Z @ coef).sum(axis=0)
            self.objectives = left + self.penalties * np.square(coef).sum(axis=0)
        return self

    def _summed(self, target: int) -> tuple[float, float]:
        """Return the objective, and its rounding: of Σ w (y - b)² a minimiser takes its product with Σ w z (y - b)."""
        found, coef = self.moments, self.coef[:, target]
        about = found.mean_y[target] - self.intercept[target]
        whole = found.yy[target] + found.weight * about**2
        explained = coef @ found.zy[:, target] + found.weight * about * (coef @ (found.mean_z + found.rest_z))
        return float(max(whole - explained, 0.0)), ULPS * EPS * float(whole)

    def _quadratic(self, factor: RidgeFactor, target: int) -> tuple[float, float]:
        """Return the objective over alpha."""
        if self.objectives is not None:
            value = float(self.objectives[target]) / factor.alpha
            return value, ULPS * EPS * value
        value, rounding = self._summed(target)
        return value / factor.alpha, rounding / factor.alpha


class CentrePosterior(MomentsPosterior):
    """The process of a kernel that a few rows explain, whose features these make: what they do not explain is left."""

    def __init__(self, kernel: Any, *given: Any, raw: bool) -> None:
        super().__init__(*given, raw=raw)
        self.kernel = kernel

    def _variance(self, factor: RidgeFactor, X: Array) -> Array:
        Z = self._columns(X)
        unexplained = self.kernel.diag(X.astype(np.float64, copy=False)) - np.square(Z).sum(axis=0)
        return np.maximum(unexplained, 0.0) + explained(factor, Z)


class InnerProducts:
    """The kernel of a fitted map of features."""

    def __init__(self, features: Any) -> None:
        self.features = features

    def __call__(self, X: Any, Y: Any = None) -> Array:
        """Return φ(X) φ(Y)'."""
        if self.features.keeps_sparse(X):
            return np.asarray((X @ (X if Y is None else Y).T).toarray())
        Z = self.features.transform(X)
        return np.asarray(Z @ (Z if Y is None else self.features.transform(Y)).T)

    def diag(self, X: Any) -> Array:
        """Return ‖φ(x)‖² for every row."""
        if self.features.keeps_sparse(X):
            return np.asarray(X.multiply(X).sum(axis=1)).ravel()
        return np.asarray(np.square(self.features.transform(X)).sum(axis=1))


def explained(factor: RidgeFactor, Z: Array) -> Array:
    """Return the variance that is left of what columns of features explain."""
    return factor.alpha * factor.squares(Z) + factor.outside(Z)


def kept_moments(moments: Moments, most: float = KEPT) -> Moments | None:
    """Return moments that a solution will forget, None where they are too large to be kept with a model.

    Solvers give their matrix back as it was, but without an intercept it is then about zero.
    """
    return None if moments.n_features > most else copy.copy(moments)
