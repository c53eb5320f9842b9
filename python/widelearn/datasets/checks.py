"""What problems and laws of inputs ask of their arguments, and of memory."""

from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from widelearn.runtime import check_memory

Array = NDArray[Any]
# The largest count, the largest number, and how many arrays as large as its rows the drawing of a problem holds.
MOST, LARGEST, COPIES = 1 << 53, 1e300, 4


def sizes(**values: int) -> list[int]:
    """Return whole numbers of at least 1, as integers that no sum overflows."""
    for name, value in values.items():
        if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
            raise ValueError(f"{name} must be a whole number of at least 1, got {value!r}.")
        if value > MOST:
            raise ValueError(f"{name} must be at most 2^53, got {float(min(value, 10**300)):g}.")
    return [int(value) for value in values.values()]


def fits(what: str, n: int, d: int) -> None:
    """Refuse a problem whose rows, some copies of them while they are drawn included, do not fit into memory."""
    check_memory(COPIES * 8 * int(n) * int(d), f"Drawing {what} of {n} x {d}", "Take fewer rows at a time.")


def numbers(name: str, value: ArrayLike) -> NDArray[np.float64]:
    """Return numbers as float64."""
    try:
        return np.asarray(value, dtype=float)
    except OverflowError:
        raise ValueError(f"{name} must be numbers that float64 can hold.") from None


def positive(name: str, value: float) -> float:
    """Return a number that must be positive and finite."""
    if not (isinstance(value, Real) and 0 < value <= LARGEST):
        raise ValueError(f"{name} must be positive and finite, got {value!r}.")
    return float(value)


def between(name: str, value: float, low: float, high: float) -> float:
    """Return a number that must lie in a closed interval, whose upper end may be infinite and is then left out."""
    if not (isinstance(value, Real) and low <= value <= high and value <= LARGEST):
        raise ValueError(f"{name} must be a finite number from {low:g} to {high:g}, got {value!r}.")
    return float(value)


def bits(support: ArrayLike, shape: tuple[int, ...], d: int) -> NDArray[np.intp]:
    """Return the numbers of hidden features, all different."""
    found = np.asarray(support)
    if found.size != np.prod(shape) or found.dtype.kind not in "iu" or len(np.unique(found)) != found.size:
        raise ValueError(f"support must be different whole numbers, of shape {shape}, got {found.tolist()}.")
    if found.min() < 0 or found.max() >= d:
        raise ValueError(f"support must lie in 0 to d - 1 = {d - 1}, got {found.tolist()}.")
    return found.reshape(shape).astype(np.intp)


def orthonormal(rng: np.random.RandomState, given: ArrayLike | None, r: int, d: int) -> NDArray[np.float64]:
    """Return r orthonormal rows: random ones, which are drawn in any case, or those given."""
    fits("directions", r, d)
    drawn: NDArray[np.float64] = np.ascontiguousarray(np.linalg.qr(rng.standard_normal((d, r)))[0].T)
    if given is None:
        return drawn
    rows = numbers("directions", given)
    if rows.shape != (r, d) or not np.allclose(rows @ rows.T, np.eye(r), atol=1e-8):
        raise ValueError(f"directions must be {r} orthonormal rows of {d} features, got shape {rows.shape}.")
    return rows
