"""Kernels at their best ridge, which feature learning is compared with."""

from typing import Any

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from widelearn import RandomFeatures
from widelearn.experiments.studies.ensembles import Array, mean_square
from widelearn.kernels import DotProduct

# Ridges relative to the kernel's mean diagonal entry.
RIDGES = tuple(10.0**power for power in range(-6, 5))


class Rival:
    """A kernel's matrices of rows and test rows, which serve fits to any number of the first rows.

    Choosing the best ridge by the test rows favours the kernel.
    """

    def __init__(self, kernel: Any, X: Array, test: Array) -> None:
        self.K, self.cross = np.asarray(kernel(X), float), np.asarray(kernel(test, X), float)

    def fits(self, y: Array) -> list[Array]:
        """Return the predictions of the test rows by the first rows, of targets y, for every ridge of a grid."""
        n = len(y)
        K = self.K[:n, :n]
        scale = float(np.trace(K)) / n
        # Factors for eleven ridges take half the time of one eigendecomposition.
        duals = [_dual(K, y, scale * ridge) for ridge in RIDGES]
        return list((self.cross[:, :n] @ np.stack(duals, axis=1)).T)

    def accuracy(self, y: Array, truth: Array) -> float:
        """Return the best share of signs that fits to ±1 get right, over ridges."""
        return max(self.accuracies(y, truth))

    def accuracies(self, y: Array, truth: Array) -> list[float]:
        """Return the share of signs that are right at each ridge of the grid."""
        return [float(np.mean(np.sign(fit) == truth)) for fit in self.fits(y)]

    def error(self, y: Array, truth: Array) -> float:
        """Return the least mean squared error over ridges."""
        return min(mean_square(fit - truth) for fit in self.fits(y))


def _dual(K: Array, y: Array, ridge: float) -> Array:
    """Return α with (K + ridge I) α = y, for a ridge far above K's rounding errors."""
    shifted = K.copy()
    shifted.flat[:: len(K) + 1] += ridge
    # The transpose, equal as K is symmetric, has the order of LAPACK, so that nothing is copied.
    factor = cho_factor(shifted.T, lower=True, overwrite_a=True, check_finite=False)
    return np.asarray(cho_solve(factor, y, check_finite=False), dtype=float)


def best_accuracy(kernel: Any, X: Array, y: Array, test: Array, truth: Array) -> float:
    """Return the best share of signs that kernel ridge regression on ±1 gets right, over ridges."""
    return Rival(kernel, X, test).accuracy(y, truth)


def best_error(kernel: Any, X: Array, y: Array, test: Array, truth: Array) -> float:
    """Return the least mean squared error of kernel ridge regression over ridges."""
    return Rival(kernel, X, test).error(y, truth)


def feature_kernel(features: RandomFeatures) -> Any:
    """Return the kernel of fitted random features."""
    linear = DotProduct((0.0, 1.0))

    def kernel(X: Any, Y: Any = None) -> Any:
        Z = features.transform(X)
        return linear(Z, None if Y is None else features.transform(Y))

    return kernel
