"""Sums of two long doubles: NumPy arrays of about 38 digits, for an oracle that no condition number reaches.

Every operation is an error-free transformation followed by a renormalisation, so that an array holds the sum of its
halves to twice the digits of a long double.

References
----------
Dekker, "A floating-point technique for extending the available precision", Numerische Mathematik 18, 1971. Hida, Li &
Bailey, "Algorithms for quad-double precision floating point arithmetic", ARITH-15, 2001.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np

LONG = np.longdouble
# Splits a significand into halves whose products are exact.
SPLITTER = LONG(2) ** ((np.finfo(LONG).nmant + 2) // 2) + LONG(1)


def two_sum(a: Any, b: Any) -> tuple[Any, Any]:
    """Return a + b and its rounding error."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


def quick_two_sum(a: Any, b: Any) -> tuple[Any, Any]:
    """Return a + b and its rounding error, for |a| >= |b|."""
    total = a + b
    return total, b - (total - a)


def halves(a: Any) -> tuple[Any, Any]:
    """Return two numbers of half the digits that add up to a."""
    scaled = SPLITTER * a
    high = scaled - (scaled - a)
    return high, a - high


def two_product(a: Any, b: Any) -> tuple[Any, Any]:
    """Return a b and its rounding error."""
    product = a * b
    (a_high, a_low), (b_high, b_low) = halves(a), halves(b)
    return product, ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low


class Pairs:
    """An array of sums of two long doubles; arithmetic, indices and shapes as of NumPy arrays."""

    __array_ufunc__ = None

    def __init__(self, high: Any, low: Any = None) -> None:
        self.high = np.asarray(high, LONG)
        self.low = np.zeros_like(self.high) if low is None else low

    @classmethod
    def of(cls, value: Any) -> Self:
        """Return a value as pairs: an array, a number, or what is one already."""
        return value if isinstance(value, cls) else cls(value)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the array."""
        return self.high.shape

    @property
    def T(self) -> Pairs:  # noqa: N802 - NumPy's name
        """The last two axes exchanged."""
        return Pairs(self.high.swapaxes(-1, -2), self.low.swapaxes(-1, -2))

    def __getitem__(self, at: Any) -> Pairs:
        return Pairs(self.high[at], self.low[at])

    def __setitem__(self, at: Any, value: Any) -> None:
        new = Pairs.of(value)
        self.high[at], self.low[at] = new.high, new.low

    def copy(self) -> Pairs:
        """Return an array of its own."""
        return Pairs(self.high.copy(), self.low.copy())

    def __neg__(self) -> Pairs:
        return Pairs(-self.high, -self.low)

    def __add__(self, other: Any) -> Pairs:
        b = Pairs.of(other)
        high, error = two_sum(self.high, b.high)
        low, rest = two_sum(self.low, b.low)
        high, error = quick_two_sum(high, error + low)
        return Pairs(*quick_two_sum(high, error + rest))

    def __sub__(self, other: Any) -> Pairs:
        return self + -Pairs.of(other)

    def __mul__(self, other: Any) -> Pairs:
        b = Pairs.of(other)
        high, error = two_product(self.high, b.high)
        return Pairs(*quick_two_sum(high, error + (self.high * b.low + self.low * b.high)))

    def __truediv__(self, other: Any) -> Pairs:
        b = Pairs.of(other)
        first = self.high / b.high
        rest = self - b * first
        second = rest.high / b.high
        rest = rest - b * second
        return Pairs(*quick_two_sum(first, second)) + rest.high / b.high

    def __rsub__(self, other: Any) -> Pairs:
        return Pairs.of(other) - self

    def __rtruediv__(self, other: Any) -> Pairs:
        return Pairs.of(other) / self

    __radd__, __rmul__ = __add__, __mul__

    def __matmul__(self, other: Any) -> Pairs:
        b = Pairs.of(other)
        return (self[..., :, :, None] * b[..., None, :, :]).sum(-2)

    def sqrt(self) -> Pairs:
        """Return the square roots."""
        root = np.sqrt(self.high)
        rest = self - Pairs(root) * root
        return Pairs(*quick_two_sum(root, rest.high / np.where(root > 0, 2 * root, 1)))

    def sum(self, axis: int) -> Pairs:
        """Return sums over one axis, by halves."""
        part = Pairs(np.moveaxis(self.high, axis, 0), np.moveaxis(self.low, axis, 0))
        while part.shape[0] > 1:
            middle = part.shape[0] // 2
            odd = part[2 * middle :]
            part = part[:middle] + part[middle : 2 * middle]
            if odd.shape[0]:
                part[:1] = part[:1] + odd
        return part[0] if part.shape[0] else Pairs(part.high.sum(axis=0))

    def rounded(self, dtype: Any = np.float64) -> Any:
        """Return the array in another type of number."""
        return (self.high + self.low).astype(dtype)
