"""Rows and targets as a Taylor model sees them: divided by one number, or whitened; a linear part beside it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
# Up to so many columns the linear part is turned to principal axes, at d³ flops.
ROTATED = 1000


def root_mean_square(values: Array) -> float:
    """Return sqrt(mean v²), free of overflow; 1 where all values are 0."""
    largest = float(np.abs(values).max(initial=0.0))
    if largest == 0:
        return 1.0
    return largest * float(np.sqrt(np.mean(np.square(values / largest), dtype=np.float64)))


def whitening(X: Array) -> tuple[Array, Array]:
    """Return the mean of rows and the symmetric S^(-1/2) of their covariance S, zero where S has no spread."""
    mean = X.mean(axis=0, dtype=np.float64)
    Z = X - mean
    scale = root_mean_square(Z)
    spread, axes = np.linalg.eigh((Z / scale).T @ (Z / scale) / len(Z))
    seen = spread > len(spread) * np.finfo(X.dtype).eps * spread.max(initial=0.0)
    root = np.where(seen, 1 / np.sqrt(np.where(seen, spread, 1.0)), 0.0) / scale
    return mean, (axes * root) @ axes.T


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

    @classmethod
    def of(cls, X: Array, alpha: float) -> "LinearPart":
        """Make the coordinates from the rows; for many columns without turning them."""
        mean = X.mean(axis=0, dtype=np.float64)
        Z = X - mean
        axes = None
        if X.shape[1] <= ROTATED:
            spread, axes = np.linalg.eigh(Z.T @ Z / len(Z))
            Z = Z @ axes
        else:
            spread = np.mean(Z**2, axis=0)
        curvature = np.maximum(spread, 0) + alpha
        curvature += np.finfo(X.dtype).eps * curvature.max()
        scale = np.where(curvature > 0, curvature, 1.0) ** -0.5
        return cls(mean, axes, scale, (Z * scale).astype(X.dtype), alpha * scale**2)

    def coefficients(self, gamma: Array, b: Array) -> tuple[Array, Array]:
        """Return β (d, c) and the intercept (c,) of rows that keep their mean."""
        beta = self.scale[:, None] * gamma
        beta = beta if self.axes is None else self.axes @ beta
        return beta, b - self.mean @ beta
