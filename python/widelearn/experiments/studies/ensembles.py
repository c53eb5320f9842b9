"""Random ensembles of studies: fits on plain arrays, targets with given masses in each degree."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Function = Callable[[Array], Array]


def new_seed(rng: np.random.Generator) -> int:
    """Draw a seed for what takes no generator."""
    return int(rng.integers(2**31))


def mean_square(errors: Array) -> float:
    """Return the mean of squares."""
    return float(np.mean(errors**2))


def ridge_fit(Z: Array, y: Array, ridge: float) -> Array:
    """Return w that minimises ‖y - Z w‖² + ridge ‖w‖², the least-norm one for ridge 0, by the smaller system."""
    n, p = Z.shape
    if p <= n:
        return kernel_fit(Z.T @ Z, Z.T @ y, ridge)
    return Z.T @ kernel_fit(Z @ Z.T, y, ridge)


def kernel_fit(K: Array, y: Array, ridge: float) -> Array:
    """Return α with (K + ridge I) α = y."""
    return np.asarray(np.linalg.solve(K + ridge * np.eye(len(K)), y), dtype=float)


def sphere(rng: np.random.Generator, n: int, d: int, radius: float | None = None) -> Array:
    """Draw rows uniformly from the sphere of radius √d, or another."""
    X = rng.standard_normal((n, d))
    X *= (np.sqrt(d) if radius is None else radius) / np.linalg.norm(X, axis=1, keepdims=True)
    return X


def polynomial(rng: np.random.Generator, d: int, linear: float, quadratic: float) -> Function:
    """Draw a function on the sphere of radius √d with these squared masses in degrees 1 and 2, none elsewhere.

    The quadratic part is ⟨x, A x⟩ with A traceless: E ⟨x, A x⟩² = 2d/(d + 2) ‖A‖².
    """
    b = np.sqrt(linear) * sphere(rng, 1, d, 1.0)[0]
    A = rng.standard_normal((d, d))
    A = (A + A.T) / 2
    A -= np.trace(A) / d * np.eye(d)
    A *= np.sqrt(quadratic * (d + 2) / (2 * d)) / np.linalg.norm(A)
    return lambda X: X @ b + np.einsum("ij,ij->i", X @ A, X)


def noisy(rng: np.random.Generator, values: Array, noise: float) -> Array:
    """Add independent normal noise of this variance."""
    return values + np.sqrt(noise) * rng.standard_normal(values.shape)
