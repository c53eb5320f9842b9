"""What a flow needs to know of rows: eigenvalues, and how much of the targets lies along each eigenvector."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from widelearn.estimators.flow.moments import decomposed
from widelearn.estimators.flow.rounding import OfMatrix, OfMoments
from widelearn.estimators.units import Units
from widelearn.ridge import Moments
from widelearn.ridge.dual_path import DualPath
from widelearn.ridge.normal_equations import EPS, NormalEquations
from widelearn.ridge.row_spectrum import RowSpectrum
from widelearn.runtime import Array, check_memory

# Units of the last place by which a map's features of one row differ from place to place.
ULPS = 4.0


@dataclass(frozen=True)
class Spectrum:
    """The flow of Σ w (y - f)²/(2 Σ w) as f_t(x) = ȳ + (r(x) - r̄)' E diag(q_t/λ) c.

    r(x) are the kernels of x with all rows, or its features, r̄ their weighted mean, q_t (k,) the shares that are
    learned at rates λ/Σ w. Without an intercept ȳ and r̄ are zero. In rows E = S V for S = √W and V the eigenvectors of
    S K S, in features those of the second moments.
    """

    eigenvalues: Array
    directions: Array
    projected: Array
    center: Array
    mean: Array
    total: float
    # Squares (k, t) of the weighted targets along each direction, and of what lies along none (t,).
    energies: Array
    outside: Array
    # What rounding errors do, while the flow is fitted.
    rounding: OfMatrix | OfMoments | None = None

    @property
    def rates(self) -> Array:
        """The rates (k,) of all directions."""
        return self.eigenvalues / self.total

    @property
    def fastest(self) -> float:
        """The largest rate."""
        return float(self.rates.max(initial=0.0))

    def coef(self, learned: Array) -> Array:
        """Return the coefficients (q, T t) of every time and target, for learned shares (T, k)."""
        return self.directions @ self._weights(learned)

    def combined(self, rows: Array, learned: Array) -> Array:
        """Return the values (m, T, t) of rows that are given by their kernels or features."""
        scores = rows @ self.directions - self.center @ self.directions
        found = scores @ self._weights(learned)
        return found.reshape(len(rows), len(learned), -1) + self.mean

    def means(self, times: int) -> Array:
        """Return the means of targets (T t,) for so many times."""
        return np.tile(self.mean, times)

    def left(self, learned: Array) -> Array:
        """Return the weighted squares (T, t) of what is left of the targets."""
        return self.outside + (1.0 - learned) ** 2 @ self.energies

    def missed(self) -> float:
        """Return the largest share of a target's length along directions that count as none."""
        squares = self.energies[self.eigenvalues <= 0.0].sum(axis=0)
        whole = self.energies.sum(axis=0) + self.outside
        return float(np.sqrt(np.divide(squares, whole, out=np.zeros_like(whole), where=whole > 0.0)).max())

    def in_original(self, units: Units) -> Self:
        """Return what predicts in the user's units of targets."""
        projected = units.original(self.projected, "What is learned")
        return replace(self, projected=projected, mean=units.original(self.mean, "The mean of y"), rounding=None)

    def row_scores(self, weight: Array | None) -> Array:
        """Return the principal components (n, k) of the rows themselves, where directions are of rows."""
        return np.sqrt(self.eigenvalues) * (self.directions if weight is None else self.directions / weight[:, None])

    def leverages(self, scores: Array, learned: Array, weight: Array | None) -> Array:
        """Return the leverages (m, T) of rows by their principal components (m, k), without that of the intercept."""
        found = scores**2 @ self.shares(learned).T
        # Of a row that counts more than once, what one of its copies has.
        return found if weight is None else found * np.minimum(weight, 1.0)[:, None]

    def shares(self, learned: Array) -> Array:
        """Return q/λ (T, k), zero where λ is."""
        seen = self.eigenvalues > 0.0
        return np.where(seen, learned, 0.0) / np.where(seen, self.eigenvalues, 1.0)

    def _weights(self, learned: Array) -> Array:
        """Return diag(q/λ) c (k, T t)."""
        shares = self.shares(learned)
        return (shares.T[:, :, None] * self.projected[:, None, :]).reshape(len(shares.T), len(shares) * len(self.mean))


def of_matrix(K: Array, Y: Array, weight: Array | None, *, fit_intercept: bool) -> Spectrum:
    """Return the spectrum of rows that all have weight, by their kernel matrix, which is destroyed."""
    path = DualPath(K, Y, np.zeros(1), weight, fit_intercept=fit_intercept, definite=False)
    values = np.ldexp(path.values, path.exponent)
    rounding = OfMatrix.of(path, values, fit_intercept=fit_intercept)
    values = np.where(values > rounding.noise, values, 0.0)
    root, total = path.root, float(path.root @ path.root)
    mean, center = np.zeros(Y.shape[1]), np.zeros(len(root))
    if fit_intercept:
        mean = root @ path.y / total
        center = np.ldexp(path.K @ root, path.exponent) / root / total
    projected = path.vectors.T @ (path.y - root[:, None] * mean)
    directions = root[:, None] * path.vectors
    none = np.zeros(Y.shape[1])
    return Spectrum(values, directions, projected, center, mean, total, projected**2, none, rounding)


def of_moments(moments: Moments, *, fit_intercept: bool, exact: bool) -> tuple[Spectrum, Any]:
    """Return the spectrum of rows by the moments of their features, and the normal equations, whose matrix is gone.

    `exact` says that features of equal rows are equal.
    """
    p = moments.n_features
    check_memory(24 * p * p, f"The eigenvectors of {p} features", "Take fewer features.")
    system = moments.equations(fit_intercept, once=True)
    least = system.weight * ((0.0 if exact else ULPS * EPS) * system.center) ** 2
    values, vectors, projected, energies, relative = decomposed(system.A, system.B, least)
    outside = np.maximum(system.size**2 - energies.sum(axis=0), 0.0)
    center, mean, total = system.center, system.mean_y, system.weight
    noise = float((relative * values).max(initial=0.0))
    rounding = OfMoments(relative, noise)
    found = Spectrum(values, vectors, projected, center, mean, total, energies, outside, rounding)
    return found, system._replace(A=np.empty(0))


def of_rows(rows: RowSpectrum, *, fit_intercept: bool) -> tuple[Spectrum, Any]:
    """Return what :func:`of_moments` does, of fewer rows than features, by their singular vectors: no squares."""
    largest, seen = float(rows.s.max(initial=0.0)), rows.s > 0.0
    relative = np.where(seen, EPS * largest / np.where(seen, rows.s, 1.0), 0.0)
    along, total = rows.U.T @ rows.y, float(rows.root @ rows.root)
    energies = np.where(seen[:, None], along**2, 0.0)
    outside = np.maximum((rows.y**2).sum(axis=0) - energies.sum(axis=0), 0.0)
    rounding = OfMoments(relative, EPS * largest**2)
    projected = rows.s[:, None] * along
    found = Spectrum(rows.s**2, rows.Vt.T, projected, rows.center, rows.mean, total, energies, outside, rounding)
    where = rows.center, np.zeros_like(rows.center), rows.mean, rows.size, total, fit_intercept
    none = np.empty(0)
    return found, NormalEquations(none, none, *where, rows.lengths**2, rows.size)
