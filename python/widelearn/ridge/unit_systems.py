"""Ridge systems in units of their own: powers of two keep every square of the iterations within a double's range."""

import numpy as np
from numpy.typing import NDArray

from widelearn.ridge.operators import Operator
from widelearn.runtime import Array

# Matrices without weights are taken as they are if their largest entry is a power of two up to this one or its inverse.
ORDINARY, ORDINARY_SINGLE = 200.0, 40.0


class Units:
    """The system (S K S + alpha I) β = S y with S² and alpha times 4^power, and each y over its own power of two.

    Both leave K a + alpha W⁻¹ a = y as it is. Without weights `root`, the diagonal of S, is None where S is 1.
    """

    def __init__(self, A: Operator, right: Array, alphas: Array, weight: Array | None) -> None:
        sizes = np.abs(np.asarray(A.diag(), np.float64))
        level = max(largest_log2(sizes, weight), largest_log2(alphas))
        ordinary = ORDINARY if A.dtype == np.float64 else ORDINARY_SINGLE
        plain = not np.isfinite(level) or (weight is None and abs(level) <= ordinary)
        self.power = 0 if plain else -round(level / 2)
        self.heights = heights(right)
        self.right = np.ldexp(right, -self.heights)
        self.alphas = np.ldexp(np.ldexp(alphas, self.power), self.power)
        self.root = None
        if weight is not None:
            # An even power goes into the root exactly.
            even = np.frexp(weight)[1] // 2 * 2
            self.root = np.ldexp(np.sqrt(np.ldexp(weight, -even)), even // 2 + self.power)
        elif self.power:
            self.root = np.full(len(right), np.ldexp(1.0, self.power))

    def times(self, V: NDArray[np.float64], power: int = 0) -> NDArray[np.float64]:
        """Return what belongs to the right-hand sides as they were given, times a power of two."""
        return np.ldexp(V, self.heights + power)

    def divide(self, V: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what belongs to these right-hand sides."""
        return np.ldexp(V, -self.heights)


def heights(V: Array) -> NDArray[np.intp]:
    """Return the exponents of the powers of two just above the columns' largest entries."""
    return np.frexp(np.abs(V).max(axis=0, initial=0.0))[1]


def unit_weights(weight: Array | None, alphas: Array) -> tuple[Array | None, Array]:
    """Return weights of which the largest is of order one, and the penalties times the same power of two."""
    if weight is None:
        return None, alphas
    power = -int(np.frexp(weight.max(initial=0.0))[1])
    return np.ldexp(weight, power), np.ldexp(alphas, power)


def largest_log2(sizes: Array, weight: Array | None = None) -> float:
    """Return the logarithm of the largest of some sizes, times their weights; -inf where all are zero."""
    with np.errstate(divide="ignore"):
        logs = np.log2(sizes) + (0.0 if weight is None else np.log2(weight))
    return float(np.max(logs, initial=-np.inf))


def into_range(K: Array, alphas: Array) -> tuple[Array, int]:
    """Divide a matrix, in place, and its penalties by a power of two; return these and its exponent, often 0.

    Neither squares of entries nor those of inverses then leave the range of doubles.
    """
    largest = max(float(np.abs(K.diagonal()).max(initial=0.0)), float(alphas.max(initial=0.0)))
    exponent = int(np.frexp(largest)[1])
    if not np.isfinite(largest) or abs(exponent) <= int(ORDINARY):
        return alphas, 0
    np.ldexp(K, -exponent, out=K)
    return np.ldexp(alphas, -exponent), exponent
