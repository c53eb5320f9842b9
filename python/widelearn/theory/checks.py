"""Refuse arguments out of range with their numbers."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def whole(name: str, value: Any, least: int) -> int:
    """Return a whole number of at least `least`."""
    number = float(value)
    if not (np.isfinite(number) and number == int(number) and number >= least):
        raise ValueError(f"{name} must be a whole number of at least {least}, got {value!r}.")
    return int(number)


def positive(name: str, value: ArrayLike, *, infinite: bool = False) -> Array:
    """Return numbers above 0, infinity allowed only if `infinite`."""
    numbers = np.asarray(value, dtype=float)
    if not (np.all(numbers > 0) and (infinite or np.all(np.isfinite(numbers)))):
        kind = "positive" if infinite else "positive and finite"
        raise ValueError(f"{name} must be {kind}, got {_worst(numbers, numbers > 0)}.")
    return numbers


def non_negative(name: str, value: ArrayLike) -> Array:
    """Return finite numbers of at least 0."""
    numbers = np.asarray(value, dtype=float)
    good = (numbers >= 0) & np.isfinite(numbers)
    if not np.all(good):
        raise ValueError(f"{name} must be non-negative and finite, got {_worst(numbers, good)}.")
    return numbers


def finite(name: str, value: ArrayLike) -> Array:
    """Return finite numbers."""
    numbers = np.asarray(value, dtype=float)
    if not np.all(np.isfinite(numbers)):
        raise ValueError(f"{name} must be finite, got {_worst(numbers, np.isfinite(numbers))}.")
    return numbers


def increasing(name: str, value: ArrayLike) -> Array:
    """Return times that are finite, at least 0, and each above the one before."""
    numbers = np.atleast_1d(non_negative(name, value))
    if not np.all(np.diff(numbers) > 0):
        raise ValueError(f"{name} must increase, got {numbers.tolist()}.")
    return numbers


def eigenvectors(K: ArrayLike, values: Array, what: str) -> tuple[Array, Array]:
    """Return the eigenvalues and eigenvectors of a symmetric, positive semidefinite matrix, one row a value."""
    gram = finite("K", K)
    n = len(values)
    if gram.shape != (n, n) or values.ndim != 1:
        raise ValueError(f"K has shape {gram.shape} and {what} {values.shape}: they must be (n, n) and (n,).")
    if not np.allclose(gram, gram.T, rtol=1e-9, atol=1e-12 * np.abs(gram).max(initial=0.0)):
        raise ValueError(f"K must be symmetric, but K and its transpose differ by {np.abs(gram - gram.T).max():.3g}.")
    found, vectors = np.linalg.eigh(gram)
    if n and found[0] < -1e-8 * max(found[-1], 1e-300):
        raise ValueError(f"K must be positive semidefinite, but its smallest eigenvalue is {found[0]:.3g}.")
    return found, vectors


def _worst(numbers: Array, good: Any) -> str:
    """Name the first number that is wrong."""
    bad = np.atleast_1d(numbers)[~np.atleast_1d(good)] if not np.all(good) else np.atleast_1d(numbers)
    where = "" if numbers.ndim == 0 else f" (entry {int(np.flatnonzero(~np.ravel(good))[0])})" if bad.size else ""
    return f"{float(bad[0]):g}{where}" if not np.all(good) else "infinity"
