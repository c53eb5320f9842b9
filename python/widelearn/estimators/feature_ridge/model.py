"""Fitted ridge models on a feature map, and the sums of rows that they can be solved from."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from widelearn.estimators.feature_ridge.maps import RidgeFeatures
from widelearn.estimators.penalty import Choice
from widelearn.ridge import Moments
from widelearn.runtime import Array


@dataclass(frozen=True, eq=False)
class FittedRidge:
    """A fitted map, coefficients (t, p) and intercepts (t,), and how the penalty was chosen.

    `flat` says that there is one target and no targets' axis.
    """

    features: RidgeFeatures
    coef: Array
    intercept: Array
    choice: Choice
    flat: bool

    @property
    def solved(self) -> Self:
        """The model itself."""
        return self

    def values(self, X: Array) -> Array:
        """Return the values (n, t) at validated rows."""
        return self.features.values(X, self.coef, self.intercept)


class Accumulator:
    """Rows summed in a fitted feature map, batch by batch or machine by machine.

    Moments are replaced, never written to: a shallow copy goes on from what was summed so far and leaves it as it is.
    """

    moments: Moments
    # What features and coefficients are computed in.
    dtype: np.dtype[Any]

    def __init__(self, features: RidgeFeatures, n_targets: int) -> None:
        self.features, self.n_targets = features, n_targets

    def fit(self, X: Array, Y: Array, weight: Array | None = None) -> Self:
        """Fit the feature map to rows, which are not added."""
        self.features.fit(X, Y, weight)
        self.moments, self.dtype = Moments(self.features.n_features, self.n_targets), X.dtype
        return self

    def add(self, X: Array, Y: Array, weight: Array | None = None) -> Self:
        """Add validated rows with targets (n, t)."""
        if Y.shape[1] != self.n_targets:
            raise ValueError(f"y has {Y.shape[1]} targets, but earlier batches had {self.n_targets}.")
        self.moments = self.moments.joined(self.features.moments(X, Y, weight))
        self.dtype = np.result_type(self.dtype, X.dtype)
        return self

    def merge(self, other: Moments) -> Self:
        """Add what was summed elsewhere in the same feature map; `other` is left as it is."""
        self.moments = Moments(self.features.n_features, self.n_targets).merge(self.moments).merge(other)
        return self

    def model(self, penalty: Any, *, fit_intercept: bool, flat: bool) -> FittedRidge:
        """Return the model of all rows summed so far, which stay summed."""
        choice = penalty.choose(SummedRows(self.moments, fit_intercept))
        return fitted_ridge(
            self.features, self.moments.solve(choice.penalties, fit_intercept), choice, self.dtype, flat=flat
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
    features: RidgeFeatures, solution: tuple[Any, ...], choice: Choice, dtype: np.dtype[Any], *, flat: bool
) -> FittedRidge:
    """Return the model of a solution: coefficients (p, t) or (p,), and intercepts."""
    coef, intercept = np.atleast_2d(solution[0].T), np.reshape(solution[1], -1)
    return FittedRidge(features, np.ascontiguousarray(coef, dtype=dtype), intercept.astype(dtype), choice, flat)
