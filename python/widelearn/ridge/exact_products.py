"""Products of features summed in twice the precision of doubles: what corrections of a solution are taken from.

A residual is a small difference of large products where columns are far from zero or in unlike units; a double keeps
as few digits of it as the solution has to lose. Splitting and adding without error costs some twenty operations for
one of a matrix product.

Source: Ogita, Rump & Oishi, "Accurate sum and dot product", SIAM Journal on Scientific Computing 26, 2005, algorithm
5.3; products by Dekker, "A floating-point technique for extending the available precision", Numerische Mathematik 18,
1971.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from widelearn.runtime import Array, row_blocks

# Splits a significand of 53 bits into halves whose products are exact.
SPLITTER = 2.0**27 + 1.0
# Products that are split at once, few enough to stay in cache, and rows at least, so that calls cost little.
HELD, LEAST_ROWS = 1 << 14, 8


def two_sum(a: Array, b: Array) -> tuple[Array, Array]:
    """Return the rounded sum, and what rounding took from it."""
    total = a + b
    shadow = total - a
    return total, (a - (total - shadow)) + (b - shadow)


def halves(a: Array) -> tuple[Array, Array]:
    """Return two numbers of half the digits that add up to a."""
    scaled = SPLITTER * a
    high = scaled - (scaled - a)
    return high, a - high


def two_product(a: Array, b: Array) -> tuple[Array, Array]:
    """Return the rounded product, and what rounding took from it."""
    product, (a_high, a_low), (b_high, b_low) = a * b, halves(a), halves(b)
    return product, ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low


def summed(terms: Array, rest: Array) -> tuple[Array, Array]:
    """Return the sums over the last axis of `terms` plus `rest`, and what rounding took from them."""
    lost = rest.sum(axis=-1)
    while terms.shape[-1] > 1:
        middle = terms.shape[-1] // 2
        total, error = two_sum(terms[..., :middle], terms[..., middle : 2 * middle])
        lost += error.sum(axis=-1)
        terms = np.concatenate([total, terms[..., 2 * middle :]], axis=-1)
    return two_sum(terms[..., 0] if terms.shape[-1] else np.zeros(terms.shape[:-1]), lost)


def blocks(Z: Array) -> Iterator[slice]:
    """Yield rows of features of which few enough values are split at once."""
    yield from row_blocks(len(Z), max(HELD // max(Z.shape[1], 1), LEAST_ROWS))


def residuals(Z: Array, center: Array, coef: Array, y: Array, offset: Array) -> NDArray[np.float64]:
    """Return y - offset - (Z - center) coef (n, t) for features (n, p), rounded once."""
    out = np.empty(y.shape)
    columns = [(c, *halves(c), *summed(*two_product(center, c))) for c in np.ascontiguousarray(coef.T)]
    for rows in blocks(Z):
        z = Z[rows].astype(np.float64, copy=False)
        high, low = halves(z)
        for j, (c, c_high, c_low, level, level_rest) in enumerate(columns):
            product = z * c
            rest = ((high * c_high - product) + high * c_low + low * c_high) + low * c_low
            value, value_rest = summed(product, rest)
            target, error = two_sum(y[rows, j], np.full(len(z), -offset[j]))
            target, more = two_sum(target, np.full(len(z), level))
            total, last = two_sum(target, -value)
            out[rows, j] = total + (last + ((error + more) + (level_rest - value_rest)))
    return out


class ExactSums:
    """Σ z a' (p, t) and Σ a (t,) of rows z that come block by block, with numbers a for every target."""

    def __init__(self, p: int, t: int) -> None:
        self.value, self.rest = np.zeros((p + 1, t)), np.zeros((p + 1, t))

    def add(self, Z: Array, a: Array) -> None:
        """Add rows (n, p) with numbers (n, t)."""
        for rows in blocks(Z):
            z = np.ascontiguousarray(Z[rows].T, dtype=np.float64)
            z = np.vstack([z, np.ones(z.shape[1])])
            high, low = halves(z)
            for j, b in enumerate(np.ascontiguousarray(a[rows].T)):
                b_high, b_low = halves(b)
                product = z * b
                value, rest = summed(product, ((high * b_high - product) + high * b_low + low * b_high) + low * b_low)
                self.value[:, j], error = two_sum(self.value[:, j], value)
                self.rest[:, j] += error + rest

    @property
    def totals(self) -> NDArray[np.float64]:
        """Σ a (t,)."""
        return np.asarray(self.value[-1] + self.rest[-1])

    def less(self, center: Array, coef: Array, scale: Array | float) -> NDArray[np.float64]:
        """Return Σ (z - center) a' - scale coef (p, t), rounded once."""
        total, rest = self.value[:-1], self.rest[:-1]
        for a, b in ((center[:, None], self.value[-1]), (np.asarray(scale, np.float64), coef)):
            product, lost = two_product(a, b)
            total, error = two_sum(total, -product)
            rest = rest + (error - lost)
        return np.asarray(total + (rest - center[:, None] * self.rest[-1]))
