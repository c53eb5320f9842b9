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


def _worst(numbers: Array, good: Any) -> str:
    """Name the first number that is wrong."""
    bad = np.atleast_1d(numbers)[~np.atleast_1d(good)] if not np.all(good) else np.atleast_1d(numbers)
    where = "" if numbers.ndim == 0 else f" (entry {int(np.flatnonzero(~np.ravel(good))[0])})" if bad.size else ""
    return f"{float(bad[0]):g}{where}" if not np.all(good) else "infinity"
