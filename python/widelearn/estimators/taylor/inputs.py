"""Rows and targets in the units of a Taylor model, and its linear part."""

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from scipy.linalg import block_diag

from widelearn.estimators.scaling import ORDINARY, ROWS, columns, root_mean_square
from widelearn.estimators.taylor.gates import SOFT, Gates
from widelearn.estimators.units import exponents_of, largest_of
from widelearn.runtime import Array, row_blocks

# Largest number of columns whose linear part is turned to principal axes, at d³ flops.
ROTATED = 1000
# Columns for each row from which on a fit is held in the rows' span.
MANY_COLUMNS = 2
# About so many rows tell whether targets follow them.
TOLD = 1000
# So many times its share of standardised columns one direction dominates: four noise columns of twice the size do.
DOMINANT = 2.0


def size(values: Array) -> float:
    """Return the root mean square of values, 1 where all are 0."""
    # The largest value is taken out first because the last bits of all fits hang on it.
    largest = float(np.abs(values).max(initial=0.0)) or 1.0
    return largest * root_mean_square(values / largest) or 1.0


def distance(X: Array) -> float:
    """Return how many times their own spread about their mean rows lie from zero, 0 if they do not differ."""
    mean = X.mean(axis=0, dtype=np.float64)
    Z = X - mean
    spread, far = size(Z), size(mean)
    # What differs by rounding alone does not.
    return far / spread if np.abs(Z).max(initial=0.0) > 10 * np.finfo(float).eps * far else 0.0


def dependence(X: Array, Y: Array) -> float:
    """Return how surely some target follows the rows, to second order: in standard deviations of what chance gives.

    With standardised z and K_ij = (1 + <z_i, z_j>/d)², centred, y'Ky of a y of variance 1 that is independent of the
    rows has the mean tr K, and, where y is normal, the variance 2 ‖K‖².
    """
    step = -(-len(X) // TOLD)
    X, Y = X[::step].astype(np.float64), Y[::step].astype(np.float64)
    if len(X) < 3:
        return 0.0
    mean, spread = X.mean(axis=0), X.std(axis=0)
    varies = spread > 10 * np.finfo(float).eps * np.abs(mean)
    Z = (X - mean)[:, varies] / spread[varies]
    K = (1.0 + Z @ Z.T / max(Z.shape[1], 1)) ** 2
    K -= K.mean(axis=0)
    K -= K.mean(axis=1, keepdims=True)
    Y = Y - Y.mean(axis=0)
    squares, chance = np.sum(Y**2, axis=0) / (len(Y) - 1), np.sqrt(2.0) * float(np.linalg.norm(K))
    varies = squares > 0
    if not (varies.any() and chance > 0):
        return 0.0
    found = np.einsum("ij,ij->j", Y, K @ Y)[varies] / squares[varies]
    return float(found.max() - np.trace(K)) / chance


def dominance(X: Array) -> tuple[float, float, float]:
    """Return the share of the squared spread along one direction, now and of standardised columns, and M_op² now.

    M_op² = λ_max / max_i ‖x_i‖² of centred rows. The longest row tells little of the others where tails are heavy, so
    that shares of the mean length are compared, by some 1,000 rows. Columns alike in size over all rows are not looked
    at further, which costs n d. Columns of 0 and one other value, classes as a rule, are not counted.
    """
    mean = X.mean(axis=0, dtype=np.float64)
    # Of all rows: a rare value is in few of those below, and would be long among them.
    squares = sum(np.square(X[rows] - mean).sum(axis=0) for rows in row_blocks(len(X), TOLD))
    spread = np.sqrt(np.asarray(squares, dtype=np.float64) / len(X))
    varies = spread > 10 * np.finfo(float).eps * np.abs(mean)
    varies &= ((X != 0) & (X.max(axis=0) != X)).any(axis=0) | (X.min(axis=0) < 0)
    spread = spread[varies]
    # No share falls by more than the largest variance is above the mean one.
    Z = (X[:: -(-len(X) // TOLD)] - mean)[:, varies]
    if not Z.any() or np.max(spread**2) < DOMINANT * np.mean(spread**2):
        return 0.0, 0.0, 0.0
    now, after = (np.linalg.norm(rows, 2) ** 2 / np.vdot(rows, rows) for rows in (Z, Z / spread))
    lengths = np.einsum("ij,ij->i", Z, Z)
    return float(now), float(after), float(now * lengths.mean() / lengths.max())


def keys_of(values: Array, drawn: Array) -> Array:
    """Return a number for each row, the same for equal ones alone: sums over columns with factors that are drawn.

    In its real part columns are as large as they are. Where large ones, or offsets, hide what rows differ in, its
    imaginary part tells, of columns from 0 to 1.
    """
    low, high = values.min(axis=0).astype(np.float64), values.max(axis=0).astype(np.float64)
    tops = np.maximum(high, -low)
    with np.errstate(over="ignore", invalid="ignore"):
        plain = np.einsum("ij,j->i", values, drawn / (tops.max() or 1.0))
    tops = np.where(tops > 0, tops, 1.0)
    low, span = low / tops, high / tops - low / tops
    key = np.where(np.isfinite(plain), plain, 0.0).astype(complex)
    for rows in row_blocks(len(values), ROWS):
        scaled = (values[rows] / tops - low) / np.where(span > 0, span, 1.0)
        key.imag[rows] = np.einsum("ij,j->i", scaled, drawn)
    return key


def mean_of(X: Array, weight: Array | None) -> Array:
    """Return the mean of rows in double precision; weights have the mean 1."""
    return X.mean(axis=0, dtype=np.float64) if weight is None else np.average(X, axis=0, weights=weight)


def weighted(X: Array, weight: Array | None) -> Array:
    """Return rows times the roots of their weights, so that squares have the weights."""
    return X if weight is None else X * np.sqrt(weight)[:, None]


def whitening(X: Array, weight: Array | None = None) -> tuple[Array, Array]:
    """Return the mean of rows and the symmetric S^(-1/2) of their covariance S, zero where S has no spread."""
    mean = mean_of(X, weight)
    Z = weighted(X - mean, weight)
    scale = size(Z)
    spread, axes = np.linalg.eigh((Z / scale).T @ (Z / scale) / len(Z))
    seen = spread > len(spread) * np.finfo(X.dtype).eps * spread.max(initial=0.0)
    root = np.where(seen, 1 / np.sqrt(np.where(seen, spread, 1.0)), 0.0) / scale
    return mean, (axes * root) @ axes.T


@dataclass(frozen=True)
class RowUnits:
    """What rows are divided by, after they are centred and whitened if there is a mean, and a last column of all."""

    mean: Array | None
    whitening: Array | None
    scale: float
    # The last column, of thresholds; 0 is none.
    last: float = 0.0

    @classmethod
    def of(cls, X: Array, weight: Array | None = None, *, whiten: bool, gates: Gates = SOFT) -> Self:
        """Measure rows."""
        mean, root = (part.astype(X.dtype) for part in whitening(X, weight)) if whiten else (None, None)
        scale = size(weighted(X if mean is None else (X - mean) @ root, weight)) / gates.weight_variance**0.5
        last = (X.shape[1] * gates.bias_variance) ** 0.5
        least, most = float(np.finfo(X.dtype).tiny), float(np.finfo(X.dtype).max)
        if not (least <= scale <= most and last <= most):
            raise ValueError(
                f"Rows over {scale:.3g} beside a column of {last:.3g} have no room in {X.dtype}, with weight_variance ="
                f" {gates.weight_variance:.3g} and bias_variance = {gates.bias_variance:.3g}. Take variances nearer to"
                " 1, or scale X."
            )
        return cls(mean, root, scale, last)

    def apply(self, X: Array) -> Array:
        """Return rows in these units."""
        if self.mean is not None and self.whitening is not None:
            X = (X - self.mean) @ self.whitening
        X = X / X.dtype.type(self.scale)
        if self.last:
            X = np.column_stack([X, np.full(len(X), self.last, X.dtype)])
        return np.ascontiguousarray(X)

    def linear_part(self, beta: Array, b: Array) -> tuple[Array, Array]:
        """Return coefficients (d, c) and intercepts (c,) for rows in the user's units."""
        beta = beta / self.scale
        if self.mean is None or self.whitening is None:
            return beta, b
        beta = self.whitening @ beta
        return beta, b - self.mean @ beta


@dataclass(frozen=True)
class Span:
    """The span of few rows of many columns: nets and linear parts that these rows teach move along its axes alone.

    Values at the rows, penalties and gradients are the same in its coordinates; a last column of thresholds stays.
    """

    # Orthonormal axes (d + last, r + last).
    axes: Array

    @classmethod
    def of(cls, X: Array, last: bool) -> Self | None:
        """Find the axes of rows, where there are MANY_COLUMNS times as many columns as different ones.

        So weights are as good as repetition.
        """
        d = X.shape[1] - last
        rows = X[:, :d]
        _, places = np.unique(keys_of(rows, np.random.RandomState(0).standard_normal(d)), return_index=True)
        if MANY_COLUMNS * len(places) > d:
            return None
        axes = np.linalg.qr(rows[np.sort(places)].T.astype(np.float64))[0]
        return cls(block_diag(axes, np.eye(int(last))) if last else axes)

    def of_rows(self, rows: Array) -> Array:
        """Return the coordinates of rows, or of neurons: (n, d) to (n, r)."""
        return np.ascontiguousarray((rows @ self.axes).astype(rows.dtype))

    def back(self, rows: Array) -> Array:
        """Return rows with the given coordinates: (n, r) to (n, d)."""
        return np.ascontiguousarray(rows @ self.axes.T)


@dataclass(frozen=True)
class TargetUnits:
    """Mean and scale (c,) of targets, 0 for a constant, and whether they have one column and no axis for it."""

    mean: Array
    scale: Array
    flat: bool

    @classmethod
    def of(cls, y: Array, weight: Array | None = None, *, centred: bool) -> Self:
        """Measure targets (n,) or (n, c): their mean, or 0, and the root mean square about it."""
        Y = columns(y)
        # Sums of numbers about 1 do not overflow.
        exponents = exponents_of(largest_of(Y), ORDINARY)
        Y = np.ldexp(Y, -exponents) if exponents.any() else Y
        mean = mean_of(Y, weight) if centred else np.zeros(Y.shape[1])
        spread = np.array([size(column) for column in weighted(Y - mean, weight).T])
        # What differs by rounding alone is a constant, and the net has no part in it.
        varies = (mean != Y).any(axis=0) & (spread > 10 * np.finfo(float).eps * np.abs(mean))
        scale = np.where(varies, spread, 0.0)
        return cls(np.ldexp(mean, exponents), np.ldexp(scale, exponents), y.ndim == 1)

    @classmethod
    def unscaled(cls, count: int) -> Self:
        """Return the units of so many columns that have none."""
        return cls(np.zeros(count), np.ones(count), count == 1)

    def varied(self) -> Self:
        """Return the units of rows of which more will come: what has not varied yet has its mean's size, or 1."""
        size = np.where(self.mean != 0, np.abs(self.mean), 1.0)
        return replace(self, scale=np.where(self.scale > 0, self.scale, size))

    def apply(self, y: Array) -> Array:
        """Return targets (n, c) in these units."""
        varies = self.scale > 0
        return (columns(y) - self.mean) * varies / np.where(varies, self.scale, 1.0)

    def without_axis(self, values: Array, axis: int = 0) -> Any:
        """Return an array without its axis of targets where they have none."""
        return values.take(0, axis) if self.flat else values


@dataclass(frozen=True)
class LinearPart:
    """The part x'β + b of a model, in coordinates γ in which ridge regression is the identity.

    With rows less their mean and the covariance V diag(s) V', β = V γ / sqrt(s + alpha): columns `Z` of the rows, and
    (alpha/2) ‖β‖² = ½ Σ penalty_j γ_j². So one gradient step from 0 solves the squared loss, whatever the columns'
    scales, and descent is not held up by them.
    """

    mean: Array
    axes: Array | None
    scale: Array
    Z: Array
    penalty: Array
    spread: Array

    @classmethod
    def of(cls, X: Array, alpha: float, weight: Array | None = None) -> Self:
        """Make the coordinates from the rows; for many columns without turning them."""
        mean = mean_of(X, weight)
        Z = X - mean
        axes, seen = None, weighted(Z, weight)
        if X.shape[1] <= ROTATED:
            spread, axes = np.linalg.eigh(seen.T @ seen / len(Z))
            Z = Z @ axes
        else:
            spread = np.mean(seen**2, axis=0)
        scale = scale_of(spread, alpha, X.dtype)
        return cls(mean, axes, scale, (Z * scale).astype(X.dtype), alpha * scale**2, spread)

    def at(self, alpha: float) -> Self:
        """Return the part for another penalty: its coordinates are these times `scale` over the other's."""
        scale = scale_of(self.spread, alpha, self.Z.dtype)
        if (scale == self.scale).all():
            return replace(self, penalty=alpha * scale**2)
        Z = (self.Z * ratio(scale, self.scale)).astype(self.Z.dtype)
        return replace(self, scale=scale, Z=Z, penalty=alpha * scale**2)

    def of_rows(self, X: Array) -> Self:
        """Return the part with the coordinates of other rows, whose further columns it does not read."""
        Z = X[:, : len(self.mean)] - self.mean
        return replace(self, Z=((Z if self.axes is None else Z @ self.axes) * self.scale).astype(X.dtype))

    def coefficients(self, gamma: Array, b: Array) -> tuple[Array, Array]:
        """Return β (d, c) and the intercept (c,) of rows that keep their mean."""
        beta = self.scale[:, None] * gamma
        beta = beta if self.axes is None else self.axes @ beta
        return beta, b - self.mean @ beta


def ratio(scale: Array, other: Array) -> Array:
    """Return scales of columns over others, 1 where both are 0."""
    return np.where(other > 0, scale, 1.0) / np.where(other > 0, other, 1.0)


def scale_of(spread: Array, alpha: float, dtype: np.dtype[Any]) -> Array:
    """Return 1 / sqrt(s + alpha) of the variances s of columns, 0 where a variance is nothing but rounding."""
    curvature = np.maximum(spread, 0) + alpha
    curvature += np.finfo(dtype).eps * curvature.max()
    # Solvers that divide by the size of gradients would follow rounding errors.
    varies = spread > len(spread) * np.finfo(np.float64).eps * spread.max(initial=0.0)
    return np.where(varies, curvature, np.inf) ** -0.5
