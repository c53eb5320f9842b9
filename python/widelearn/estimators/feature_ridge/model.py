"""Fitted ridge models on a feature map, and the sums of rows that they can be solved from."""

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from widelearn.estimators.choice import Choice
from widelearn.estimators.feature_ridge.maps import RidgeFeatures
from widelearn.estimators.feature_ridge.posterior import KEPT, MomentsPosterior
from widelearn.estimators.posterior import Posterior
from widelearn.estimators.units import Units, largest_of
from widelearn.ridge import Moments
from widelearn.ridge.symmetric_systems import Solution
from widelearn.runtime import Array

# Powers of ten up to which squares are summed, and the least root mean square whose square keeps its digits.
MOST, LEAST = 307.0, 1e-145
NO_WEIGHT = "All sample weights are zero: give at least one row a positive weight."
# So many spreads away from zero, by bytes of a number, features lose digits in products.
FAR = {8: 100.0, 4: 4.0}


@dataclass(frozen=True, eq=False)
class FittedRidge:
    """A fitted map, coefficients (t, p) and intercepts (t,), and how the penalty was chosen.

    `flat` says that there is one target and no targets' axis. Features far from zero lose digits in products that
    their differences from a centre (p,) keep: where there is one, `offset` (t,) are the values there.
    """

    features: RidgeFeatures
    coef: Array
    intercept: Array
    choice: Choice
    flat: bool
    center: Array | None = None
    offset: Array | None = None
    # The Gaussian process whose mean it is, where what it takes is kept.
    posterior: Posterior | None = None

    @property
    def solved(self) -> Self:
        """The model itself."""
        return self

    def in_original(self, units: Units) -> Self:
        """Return the model in the user's units."""
        coef = units.original(self.coef, "The coefficients", axis=0)
        intercept = units.original(self.intercept, "The intercept")
        offset = self.offset if self.offset is None else units.original(self.offset, "The values at the centre")
        posterior = None if self.posterior is None else self.posterior.in_original(units)
        return replace(self, coef=coef, intercept=intercept, offset=offset, posterior=posterior)

    @property
    def light(self) -> Self:
        """The model without moments that are too large to be kept with it."""
        large = len(self.coef.T) > KEPT and isinstance(self.posterior, MomentsPosterior)
        return replace(self, posterior=None) if large else self

    def mapped(self, X: Array) -> Array:
        """Return rows as the posterior sees them."""
        return X

    def values(self, X: Array) -> Array:
        """Return the values (n, t) at validated rows."""
        if self.center is None:
            return self.features.values(X, self.coef, self.intercept)
        out = np.empty((X.shape[0], len(self.coef)), X.dtype)
        for rows, Z in self.features.blocks(X):
            out[rows] = self.of(Z)
        return out

    def of(self, Z: Array) -> Array:
        """Return the values of rows whose features are given."""
        if self.center is None:
            return np.asarray(Z @ self.coef.T + self.intercept)
        return np.asarray((Z - self.center) @ self.coef.T + self.offset)


class Accumulator:
    """Rows summed in a fitted feature map, batch by batch or machine by machine.

    Moments are replaced, never written to: a shallow copy goes on from what was summed so far and leaves it as it is.
    """

    # None until a map that looks at rows has seen some that have a weight.
    moments: Moments | None = None
    # What features and coefficients are computed in.
    dtype: np.dtype[Any]

    def __init__(self, features: RidgeFeatures, n_targets: int) -> None:
        self.features, self.n_targets = features, n_targets

    def fit(self, X: Array, Y: Array, weight: Array | None = None) -> Self:
        """Fit the feature map to rows, which are not added; one that looks at rows waits for some with a weight."""
        self.dtype = X.dtype
        if not self.features.looks_at_rows or weight is None or weight.any():
            self._begin(X, Y, weight)
        return self

    def _begin(self, X: Array, Y: Array, weight: Array | None) -> None:
        self.features.fit(X, Y, weight)
        self.moments = Moments(self.features.n_features, self.n_targets)

    def add(self, X: Array, Y: Array, weight: Array | None = None) -> Self:
        """Add validated rows with targets (n, t)."""
        if Y.shape[1] != self.n_targets:
            raise ValueError(f"y has {Y.shape[1]} targets, but earlier batches had {self.n_targets}.")
        check_squares(Y, weight)
        if self.moments is None and (weight is None or weight.any()):
            self.features = self.features.unfitted()
            self._begin(X, Y, weight)
        if self.moments is not None:
            self.moments = self.moments.joined(self.features.moments(X, Y, weight))
        self.dtype = np.result_type(self.dtype, X.dtype)
        return self

    def merge(self, other: Moments) -> Self:
        """Add what was summed elsewhere in the same feature map; `other` is left as it is."""
        empty = Moments(self.features.n_features, self.n_targets)
        self.moments = (empty if self.moments is None else empty.merge(self.moments)).merge(other)
        return self

    def model(self, penalty: Any, *, fit_intercept: bool, flat: bool) -> FittedRidge:
        """Return the model of all rows summed so far, which stay summed."""
        if self.moments is None or self.moments.weight == 0.0:
            raise ValueError(NO_WEIGHT)
        check_sums(self.moments)
        choice = penalty.choose(SummedRows(self.moments, fit_intercept))
        choice.warn()
        found = self.moments.solution(choice.penalties, fit_intercept)
        model = fitted_ridge(self.features, found, choice, self.dtype, flat=flat)
        return replace(model, posterior=MomentsPosterior(self.features, self.moments, found, choice.penalties))


def check_squares(Y: Array, weight: Array | None) -> None:
    """Refuse targets (n, t) whose weighted squares overflow when they are summed, which no unit takes out of them."""
    largest, heaviest = float(largest_of(Y, weight).max()), 1.0 if weight is None else float(weight.max(initial=0.0))
    if largest > 0 and heaviest > 0 and 2 * np.log10(largest) + np.log10(heaviest) + np.log10(len(Y)) > MOST:
        raise ValueError(
            f"y reaches {largest:.3g}, whose squares are more than float64 can sum: scale y down, or give all rows to"
            " one fit, which does so by itself."
        )


def check_sums(moments: Moments) -> None:
    """Refuse sums of targets so small that those of their squares are lost."""
    size = np.maximum(np.abs(moments.mean_y), np.sqrt(moments.yy / moments.weight))
    lost = (size < LEAST) & ((size > 0) | moments.zy.any(axis=0))
    if lost.any():
        raise ValueError(
            f"The root mean square of a target, {float(size[lost].max()):.3g}, is below {LEAST:g}, and sums of its"
            " squares are lost in float64: scale y up, or give all rows to one fit, which does so by itself."
        )


class SummedRidge:
    """The model of rows that were summed, solved when it is asked for."""

    def __init__(self, sums: Accumulator, penalty: Any, *, fit_intercept: bool, flat: bool) -> None:
        self.sums, self.penalty, self.fit_intercept, self.flat = sums, penalty, fit_intercept, flat
        self._found: FittedRidge | None = None

    @property
    def features(self) -> RidgeFeatures:
        """The fitted map."""
        return self.sums.features

    @property
    def solved(self) -> FittedRidge:
        """The fitted model."""
        if self._found is None:
            self._found = self.sums.model(self.penalty, fit_intercept=self.fit_intercept, flat=self.flat)
        return self._found


@dataclass(frozen=True)
class SummedRows:
    """Moments as a problem whose penalty is chosen by GCV."""

    moments: Moments
    fit_intercept: bool

    def gcv(self, alphas: Array) -> Array:
        """Return the generalised cross-validation errors (a, t)."""
        return self.moments.gcv(alphas, self.fit_intercept).reshape(len(alphas), -1)


def fitted_ridge(
    features: RidgeFeatures, solution: Solution, choice: Choice, dtype: np.dtype[Any], *, flat: bool
) -> FittedRidge:
    """Return the model of a solution: coefficients (p, t), and values at its centre or where features are zero."""
    coef, intercept = np.ascontiguousarray(solution.coef.T, dtype=dtype), solution.intercept.astype(dtype)
    center = offset = None
    if not features.is_fused and solution.distance > FAR[dtype.itemsize]:
        center, offset = solution.center, solution.offset
    return FittedRidge(features, coef, intercept, choice, flat, center, offset)
