"""Refuse arguments out of range with their numbers."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


# Cubes of what is larger, and of what must be positive and is smaller, may leave float64.
LARGEST, SMALLEST = 1e100, 1e-100


def whole(name: str, value: Any, least: int, most: float = 2.0**53) -> int:
    """Return a whole number of at least `least`."""
    number = float(numbers(name, value))
    top = f" and at most {most:g}" if number > most else ""
    if not (np.isfinite(number) and number == int(number) and least <= number <= most):
        raise ValueError(f"{name} must be a whole number of at least {least}{top}, got {_shown(value)}.")
    return int(number)


def positive(name: str, value: ArrayLike, *, infinite: bool = False) -> Array:
    """Return numbers above 0, infinity allowed only if `infinite`."""
    found = numbers(name, value)
    good = (found >= SMALLEST) & ((found <= LARGEST) | (infinite & (found == np.inf)))
    if not np.all(good):
        kind = "positive" if infinite else "positive and finite"
        raise ValueError(f"{name} must be {kind}, got {_worst(found, good)}.")
    return found


def non_negative(name: str, value: ArrayLike, most: float = LARGEST) -> Array:
    """Return finite numbers of at least 0."""
    found = numbers(name, value)
    good = (found >= 0) & (found <= most)
    if not np.all(good):
        raise ValueError(f"{name} must be non-negative and finite, got {_worst(found, good)}.")
    return found


def finite(name: str, value: ArrayLike) -> Array:
    """Return finite numbers."""
    found = numbers(name, value)
    good = np.abs(found) <= LARGEST
    if not np.all(good):
        raise ValueError(f"{name} must be finite, got {_worst(found, good)}.")
    return found


def numbers(name: str, value: ArrayLike) -> Array:
    """Return numbers as float64."""
    try:
        return np.asarray(value, dtype=float)
    except OverflowError:
        raise ValueError(f"{name} must be numbers that float64 can hold, got {_shown(value)}.") from None


def increasing(name: str, value: ArrayLike) -> Array:
    """Return times that are finite, at least 0, and each above the one before."""
    found = np.atleast_1d(non_negative(name, value))
    if found.ndim != 1 or not found.size or not np.all(np.diff(found) > 0):
        raise ValueError(f"{name} must be one time or more that increase, got {found.tolist()}.")
    return found


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


def _worst(found: Array, good: Any) -> str:
    """Name the first number that is wrong."""
    at = int(np.flatnonzero(~np.ravel(good))[0])
    wrong = float(np.ravel(found)[at])
    outside = wrong != 0 and np.isfinite(wrong) and not SMALLEST <= abs(wrong) <= LARGEST
    beyond = f"; sizes from {SMALLEST:g} to {LARGEST:g} are computed with" if outside else ""
    return f"{wrong:g}" + (f" (entry {at})" if found.ndim else "") + beyond


def _shown(value: Any) -> str:
    """Return a value as a message shows it: in short."""
    try:
        text = repr(value)
    except ValueError:
        return "a whole number of thousands of digits"
    return text if len(text) <= 60 else f"{text[:57]}..."
