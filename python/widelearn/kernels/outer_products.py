"""Products of rows of which each is a matrix, given whole or as a sum of outer products of factors."""

from dataclasses import dataclass
from functools import partial
from threading import Event
from typing import Any, Protocol, Self

import numpy as np

from widelearn.kernels.long_rows import added, product, summed
from widelearn.runtime import Array, one_blas_thread, row_blocks

# Multiplications of matrices that take as long as one of entry by entry, which waits for memory.
ENTRY = 16
# Numbers of the rows that are formed at once, by every thread, and of how many values delta.
FORMED, NEURONS = 1 << 20, 32


class Part(Protocol):
    """What a layer adds to products of rows."""

    @property
    def columns(self) -> int:
        """Numbers of a row."""

    @property
    def work(self) -> float:
        """Multiplications of a product of two rows."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: slice) -> Self: ...

    def times(self, other: Any) -> Array:
        """Return the products with others, in float64."""

    def back(self, V: Array) -> Array:
        """Return the sum of rows times V (n, t), of shape (columns, t)."""

    def ahead(self, theta: Array) -> Array:
        """Return rows times theta (columns, t)."""

    def squares(self) -> Array:
        """Return each row's product with itself."""


@dataclass(frozen=True, eq=False)
class Whole:
    """Rows J (n, p)."""

    J: Array

    @property
    def columns(self) -> int:
        """Numbers of a row."""
        return self.J.shape[1]

    work = columns

    def __len__(self) -> int:
        return len(self.J)

    def __getitem__(self, rows: slice) -> "Whole":
        return Whole(self.J[rows])

    def times(self, other: "Whole") -> Array:
        """Return the products with others, in float64."""
        return product(self.J, self.J if other is self else other.J)

    def back(self, V: Array) -> Array:
        """Return the sum of rows times V (n, t), of shape (p, t)."""
        return self.J.T @ V

    def ahead(self, theta: Array) -> Array:
        """Return rows times theta (p, t)."""
        return self.J @ theta

    def squares(self) -> Array:
        """Return each row's product with itself."""
        return np.einsum("ij,ij->i", self.J, self.J, dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Outer:
    """Rows Σ_t delta_t a_tᵀ of delta (n, T, ...), all of whose last axes are one, and a (m, T, in).

    `each` rows, one after the other, share their a; the first of them is number `start` of those that do.
    """

    delta: Array
    a: Array
    each: int = 1
    start: int = 0

    @property
    def columns(self) -> int:
        """Numbers of a row."""
        return self.delta[0, 0].size * self.a.shape[2]

    @property
    def work(self) -> float:
        """Multiplications of a product of two rows."""
        return min(self.columns, self._by_factors)

    @property
    def _by_factors(self) -> float:
        places = self.a.shape[1] ** 2
        return places * (self.delta[0, 0].size + self.a.shape[2] / self.each**2 + ENTRY)

    def __len__(self) -> int:
        return len(self.delta)

    def __getitem__(self, rows: slice) -> "Outer":
        first, last = self.start + rows.start, self.start + rows.stop
        shared = slice(first // self.each, -(-last // self.each))
        return Outer(self.delta[rows], self.a[shared], self.each, first % self.each)

    def times(self, other: "Outer") -> Array:
        """Return the products with others, in float64: of both factors, or of rows that are formed in parts."""
        left = self._flat()
        right = left if other is self else other._flat()
        if self.columns <= self._by_factors:
            q = left.shape[2]
            return added(partial(self._formed, other, left, right), q, len(left) * len(right) * self.columns)
        out = np.zeros((len(left), len(right)))
        for t in range(self.a.shape[1]):
            for u in range(self.a.shape[1]):
                found = product(left[:, t], right[:, u])
                found *= self._spread(product(self.a[:, t], other.a[:, u]), other)
                out += found
        return out

    def back(self, V: Array) -> Array:
        """Return the sum of rows times V (n, t), of shape (columns, t)."""
        delta, a = self._grouped(), self.a.reshape(-1, self.a.shape[2])
        out = np.empty((self.columns, V.shape[1]))
        for j in range(V.shape[1]):
            mixed = np.einsum("irtq,ir->itq", delta, V[:, j].reshape(delta.shape[:2]))
            out[:, j] = product(mixed.reshape(len(a), -1).T, a.T).ravel()
        return out

    def ahead(self, theta: Array) -> Array:
        """Return rows times theta (columns, t)."""
        delta, a = self._grouped(), self.a.reshape(-1, self.a.shape[2])
        out = np.empty((len(self), theta.shape[1]))
        for j in range(theta.shape[1]):
            moved = product(a, np.ascontiguousarray(theta[:, j]).reshape(-1, a.shape[1]))
            out[:, j] = np.einsum("irtq,itq->ir", delta, moved.reshape(len(delta), *delta.shape[2:])).ravel()
        return out

    def squares(self) -> Array:
        """Return each row's product with itself."""
        delta, a = self._flat().astype(np.float64, copy=False), self.a.astype(np.float64, copy=False)
        inner = np.matmul(a, a.swapaxes(1, 2))[self._shared()]
        return np.einsum("itu,itu->i", np.matmul(delta, delta.swapaxes(1, 2)), inner)

    def _flat(self) -> Array:
        """Return delta with one last axis."""
        return self.delta.reshape(*self.delta.shape[:2], -1)

    def _grouped(self) -> Array:
        """Return delta (m, each, T, q)."""
        delta = self._flat()
        return delta.reshape(len(self.a), self.each, *delta.shape[1:])

    def _shared(self) -> Any:
        """Return where each row's a is."""
        return slice(None) if self.each == 1 else (self.start + np.arange(len(self))) // self.each

    def _spread(self, values: Array, other: "Outer") -> Array:
        """Return products of the shared factors for all rows."""
        return values if self.each == 1 else values[np.ix_(self._shared(), other._shared())]

    def _formed(self, other: "Outer", left: Array, right: Array, neurons: slice, stop: Event) -> Array:
        """Return the products of the columns of some values delta, which are formed block by block."""
        out, width = np.zeros((len(left), len(right))), self.a.shape[2]
        for some in row_blocks(neurons.stop - neurons.start, NEURONS):
            q = slice(neurons.start + some.start, neurons.start + some.stop)
            for columns in row_blocks(width, max(FORMED // (max(out.shape) * (q.stop - q.start)), 1)):
                if stop.is_set():
                    return out
                A = joined(left[:, :, q], self.a[:, :, columns][self._shared()])
                B = A if other is self else joined(right[:, :, q], other.a[:, :, columns][other._shared()])
                out += summed(A, B, slice(0, A.shape[1]), stop)
        return out


class Lot:
    """Rows that are multiplied with one another, in parts of every layer."""

    def __init__(self, parts: list[Part]) -> None:
        self.parts = parts

    @property
    def columns(self) -> int:
        """Numbers of a row."""
        return sum(part.columns for part in self.parts)

    @property
    def work(self) -> float:
        """Multiplications of a product of two rows."""
        return sum(part.work for part in self.parts)

    def __len__(self) -> int:
        return len(self.parts[0])

    def __getitem__(self, rows: slice) -> "Lot":
        return Lot([part[rows] for part in self.parts])

    def times(self, other: "Lot") -> Array:
        """Return the products with others, in float64."""
        pairs = zip(self.parts, other.parts, strict=True)
        out = next(one.times(another) for one, another in pairs)
        for one, another in pairs:
            out += one.times(another)
        return out

    def back(self, V: Array, out: Array) -> None:
        """Add the sum of rows times V (n, t) to what there is (columns, t)."""
        for part, places in zip(self.parts, self._places(), strict=True):
            out[places] += part.back(V)

    def ahead(self, theta: Array) -> Array:
        """Return rows times theta (columns, t)."""
        found = [part.ahead(theta[places]) for part, places in zip(self.parts, self._places(), strict=True)]
        return sum(found[1:], found[0])

    def squares(self) -> Array:
        """Return each row's product with itself."""
        found = [part.squares() for part in self.parts]
        return sum(found[1:], found[0])

    def _places(self) -> list[slice]:
        """Return where each part's numbers are in a row."""
        ends = np.cumsum([part.columns for part in self.parts])
        return [slice(end - part.columns, end) for part, end in zip(self.parts, ends, strict=True)]


def joined(delta: Array, a: Array) -> Array:
    """Return Σ_t delta_t a_tᵀ (n, q in) of delta (n, T, q) and a (n, T, in)."""
    with one_blas_thread(), np.errstate(over="ignore", invalid="ignore"):
        J: Array = np.matmul(delta.swapaxes(1, 2), a)
    return J.reshape(len(J), -1)
