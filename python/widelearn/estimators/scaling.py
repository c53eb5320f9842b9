"""Scales of numbers: of all entries of an array, and of columns."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from widelearn.estimators.units import exponents_of, largest_of
from widelearn.estimators.weights import rooted
from widelearn.runtime import Array, row_blocks

# Rows scaled at once, and entries that are measured at once.
ROWS, MEASURED = 4096, 1 << 23
# Columns whose largest number lies between these powers of two stay as they are.
ORDINARY = 200
# Between these a square keeps its digits.
SAFE = (1e-140, 1e150)


def root_mean_square(values: Array) -> float:
    """Return sqrt(mean v²) in double precision, free of overflow; 0 where all values are 0."""
    with np.errstate(over="ignore", under="ignore"):
        found = float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))
    if SAFE[0] < found < SAFE[1]:
        return found
    # A power of two, which rounds nothing.
    unit = float(np.ldexp(1.0, np.frexp(np.abs(values).max(initial=0.0))[1] - 1))
    return float(unit * np.sqrt(np.mean(np.square(values / values.dtype.type(unit), dtype=np.float64))))


@dataclass(frozen=True)
class Scaling:
    """Offsets and scales of columns: values are taken as (x - offset)/scale."""

    offset: Array
    scale: Array

    @classmethod
    def of(cls, X: Array, kind: str | None, weight: Array | None = None) -> Self:
        """Measure a table of weighted rows.

        "standard" takes means and standard deviations, "scalar" √(mean ‖x‖²/d) alone, None nothing.
        """
        d = X.shape[1]
        if kind == "standard":
            # With what it loads it would double the time to import the package.
            from sklearn.preprocessing import StandardScaler

            # Squares of numbers about 1 neither overflow nor vanish.
            exponents = exponents_of(largest_of(X), ORDINARY)
            found = StandardScaler()
            for rows in row_blocks(len(X), max(1, MEASURED // d)):
                values = X[rows].astype(np.float64, copy=False)
                values = np.ldexp(values, -exponents) if exponents.any() else values
                found.partial_fit(values, None, None if weight is None else weight[rows])
            return cls(np.ldexp(found.mean_, exponents), np.ldexp(found.scale_, exponents))
        size = (root_mean_square(rooted(X, weight)) or 1.0) if kind == "scalar" else 1.0
        return cls(np.zeros(d), np.full(d, size))

    def apply(self, X: Array) -> Array:
        """Return scaled rows of the same type."""
        if not self.offset.any() and (self.scale == 1).all():
            return np.require(X, requirements=["C", "ALIGNED"])
        # In double precision: an offset far larger than the spread would cancel the digits of single precision.
        out = np.empty(X.shape, X.dtype)
        for rows in row_blocks(len(X), ROWS):
            out[rows] = (X[rows] - self.offset) / self.scale
        return out

    def undo(self, X: Array) -> Array:
        """Scale back in place, and return that."""
        for rows in row_blocks(len(X), ROWS):
            X[rows] = X[rows] * self.scale + self.offset
        return X


def columns(y: Array) -> Array:
    """Return targets in double precision, a column each."""
    return y.reshape(len(y), -1).astype(np.float64)
