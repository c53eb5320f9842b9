"""Kernels at their best ridge, which feature learning is compared with."""

from typing import Any

import numpy as np
from scipy.linalg import eigh

from widelearn.experiments.studies.ensembles import Array, mean_square

# Ridges relative to the kernel's mean diagonal entry.
RIDGES = tuple(10.0**power for power in range(-6, 5))


def best_fits(kernel: Any, X: Array, y: Array, test: Array) -> list[Array]:
    """Return the kernel ridge predictions of `test` for every ridge of a grid, from one decomposition.

    Choosing the best of them by the test rows favours the kernel.
    """
    K, cross = np.asarray(kernel(X), float), np.asarray(kernel(test, X), float)
    values, vectors = eigh(K, check_finite=False)
    right, left = vectors.T @ y, cross @ vectors
    scale = float(np.trace(K)) / len(K)
    return [left @ (right / (values + scale * ridge)) for ridge in RIDGES]


def best_accuracy(kernel: Any, X: Array, y: Array, test: Array, truth: Array) -> float:
    """Return the best share of signs that kernel ridge regression on ±1 gets right, over ridges."""
    return max(float(np.mean(np.sign(fit) == truth)) for fit in best_fits(kernel, X, y, test))


def best_error(kernel: Any, X: Array, y: Array, test: Array, truth: Array) -> float:
    """Return the least mean squared error of kernel ridge regression over ridges."""
    return min(mean_square(fit - truth) for fit in best_fits(kernel, X, y, test))
