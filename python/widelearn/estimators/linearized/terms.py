"""Taylor terms of a user's model along a movement of its parameters: read in blocks of rows, and checked."""

from collections.abc import Callable
from typing import Any

import numpy as np

from widelearn.kernels.returned import numbers
from widelearn.runtime import Array, row_blocks

# Rows that the callables are given at once.
ROWS = 1024
# What rounding may leave of an identity, in float64 and float32; the factor 1.1 of a wrong gradient is far beyond.
SLACK = {8: 1e-6, 4: 1e-3}


class Terms:
    """Give T_j(X, Δ) = d^j/dt^j f(θ0 + tΔ) / j! at t = 0 for j = 1..order, and the gradient of <U, Σ_j T_j> by Δ."""

    def __init__(self, terms: Callable[..., Any] | None, vjp: Callable[..., Any] | None, order: int, p: int) -> None:
        if (terms is None) != (vjp is None):
            given, other = ("vjp", "terms") if terms is None else ("terms", "vjp")
            raise ValueError(f"{given} is given without {other}: give both, or neither for a linear model.")
        self.order, self.p = order, p
        self._terms: Callable[..., Any]
        self._vjp: Callable[..., Any]
        self._terms, self._vjp = (linear_terms, linear_vjp) if terms is None or vjp is None else (terms, vjp)
        # Numbers of outputs, and bytes of the coarsest numbers that came back.
        self.outputs, self.itemsize = 0, 8

    def values(self, X: Array, delta: Array) -> Array:
        """Return the terms one by one, (order, n, c) in float64."""
        return np.concatenate([self._read(X[rows], delta) for rows in row_blocks(len(X), ROWS)], axis=1)

    def total(self, X: Array, delta: Array) -> Array:
        """Return the sum of the terms, (n, c) in float64."""
        return np.concatenate([self._read(X[rows], delta).sum(axis=0) for rows in row_blocks(len(X), ROWS)])

    def gradient(self, X: Array, delta: Array, U: Array) -> Array:
        """Return the gradient (P,) of <U, total> by the movement in float64, for U (n, c)."""
        out = np.zeros(self.p)
        for rows in row_blocks(len(X), ROWS):
            x = X[rows]
            # Functions that users give may write into what they are given.
            found = numbers(self._vjp(x.copy(), typed(delta, x), typed(U[rows], x), self.order), "vjp")
            if found.shape != (self.p,):
                raise ValueError(f"vjp returned shape {found.shape}: it must be ({self.p},), one number a parameter.")
            self.itemsize = min(self.itemsize, found.itemsize)
            out += found
        return out

    def check(self, X: Array) -> None:
        """Refuse terms that are not homogeneous of degree j, and a gradient that is not theirs, by identities.

        Along a line the sum is a polynomial of degree 4 at most, so that differences of five points are exact.
        """
        x, rng = X[:ROWS], np.random.RandomState(0)
        delta, along = rng.standard_normal((2, self.p)) / np.sqrt(self.p)
        sizes = np.abs(self.values(x, delta)).max(axis=(1, 2))
        if self.order > 1 and sizes[0] > 0 and sizes[-1] > 0 and np.isfinite(sizes).all():
            # Where the first and the last term are alike in size, neither hides the faults of the other.
            factor = (sizes[0] / sizes[-1]) ** (1 / (self.order - 1))
            delta, along = delta * factor, along * factor
        delta, along = (typed(part, x).astype(np.float64) for part in (delta, along))
        once, twice = self.values(x, delta), self.values(x, 2 * delta)
        if not np.isfinite(twice).all():
            size = float(np.linalg.norm(delta))
            raise ValueError(
                f"terms returned NaN or infinity for a movement of length {size:.3g}: scale the model down."
            )
        slack, largest = SLACK[self.itemsize], np.abs(once).max(initial=0.0)
        for j, (one, two) in enumerate(zip(once, twice, strict=True), 1):
            size, off = np.abs(one).max(), np.abs(two / 2**j - one).max()
            if off > slack * size + slack**2 * largest:
                share = off / max(size, np.finfo(float).tiny)
                raise ValueError(
                    f"Term {j} of terms is not homogeneous of degree {j}: for twice the movement it is not {2**j} times"
                    f" as large, but off by {share:.2g} of that. Return d^j/dt^j f(θ0 + tΔ) / j! at t = 0 for j = 1 to"
                    f" {self.order}."
                )
        self._check_gradient(x, delta, along, rng)

    def _check_gradient(self, x: Array, delta: Array, along: Array, rng: np.random.RandomState) -> None:
        U = typed(rng.standard_normal((len(x), self.outputs)), x).astype(np.float64)
        heights = np.array([np.vdot(U, self.total(x, delta + t * along)) for t in (-2, -1, 1, 2)])
        wanted = float(heights @ (1, -8, 8, -1)) / 12
        found = float(self.gradient(x, delta, U) @ along)
        size = float(np.abs(heights).max())
        if not abs(found - wanted) <= SLACK[self.itemsize] * max(size, abs(wanted)):
            raise ValueError(
                f"vjp is not the gradient of terms: along a random movement it is {found:.6g}, and their sum changes by"
                f" {wanted:.6g}. Return the derivative of the sum of U times all {self.order} terms by the movement."
            )

    def _read(self, x: Array, delta: Array) -> Array:
        given = self._terms(x.copy(), typed(delta, x), self.order)
        if np.ndim(given) == 0:
            raise ValueError(
                f"terms returned one {type(given).__name__}: it must be a list of {self.order} arrays, a term each."
            )
        parts = [numbers(part, "terms") for part in given]
        shapes = {part.shape for part in parts}
        m, shape = len(x), parts[0].shape if parts else ()
        whole = len(parts) == self.order and len(shapes) == 1 and len(shape) in (1, 2) and shape[0] == m
        if not whole or 0 in shape:
            raise ValueError(
                f"terms returned {len(parts)} arrays of shapes {sorted(shapes)} for {m} rows and order {self.order}: it"
                f" must be {self.order} of shape ({m},), or ({m}, c) for c outputs."
            )
        values = np.stack(parts).reshape(self.order, m, -1)
        c = values.shape[2]
        if self.outputs not in (0, c):
            raise ValueError(f"terms returned {c} outputs, and {self.outputs} before: it must be the same number.")
        self.outputs, self.itemsize = c, min(self.itemsize, values.itemsize)
        return values.astype(np.float64)


def typed(values: Array, x: Array) -> Array:
    """Return a copy of values in the rows' type."""
    with np.errstate(over="ignore", under="ignore"):
        return np.array(values, x.dtype)


def linear_terms(X: Array, delta: Array, order: int) -> list[Array]:
    """Return the terms of a linear model, of which all but the first are 0."""
    first = X @ delta
    return [first] + [np.zeros_like(first)] * (order - 1)


def linear_vjp(X: Array, delta: Array, U: Array, order: int) -> Array:
    """Return the gradient of a linear model."""
    return X.T @ U[:, 0]
