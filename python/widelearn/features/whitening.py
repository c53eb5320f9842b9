"""Whitening: the symmetric inverse root of shrunk second moments, and how much they are shrunk."""

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from widelearn.ridge.equilibrated import scales
from widelearn.ridge.lapack import eigh
from widelearn.runtime import Array

# Shares that are tried, a half of a power of ten apart; none is 0, which no row that is left out can judge.
SHARES = tuple(10.0 ** (-k / 2) for k in range(20, -1, -1))

Doubles = NDArray[np.float64]
# Gives features times a matrix, some rows at a time.
Products = Callable[[Doubles], Iterable[Array]]


class Whitening:
    """The matrix (1 - ρ) S + ρ m I and its inverse root, for second moments S (p, p) of n rows; m is their mean trace.

    Features of unlike lengths are multiplied by powers of two first, so that units do not pass for a low rank. Costs
    some 9 p³ flops. S, summed with a relative error of `eps`, is destroyed.
    """

    def __init__(self, S: Doubles, n: int, eps: float) -> None:
        self.n, self.eps, diagonal = n, eps, S.diagonal().copy()
        found = scales(diagonal, 0.0)
        self.D = np.ones(len(S)) if found is None else found
        S *= self.D
        S *= self.D[:, None]
        self.mean = float(np.mean(diagonal * self.D**2))
        values, self.axes = eigh(S)
        self.values = np.maximum(values, 0.0)

    def seen(self, values: Doubles) -> NDArray[np.bool_]:
        """Return which eigenvalues are larger than rounding errors."""
        return values > len(values) * self.eps * values.max(initial=0.0)

    def chosen(self, products: Products) -> float:
        """Return the share ρ under which rows that are left out are likeliest, as normal ones of mean zero.

        A row g leaves M = A - c g g', A = (1 - ρ) n S/(n - 1) + ρ m I and c = (1 - ρ)/(n - 1), to the others. So log
        det M + g'M⁻¹g = log det A + log(1 - c q) + q/(1 - c q) with q = g'A⁻¹g: one product with S's axes gives all.
        Directions that no row has count where rows are too few for them alone: others, as those of neurons that no row
        sets off, would be likelier without end.
        """
        if self.n < 2 or self.mean == 0.0:
            return 1.0
        rho = np.array(SHARES)[:, None]
        A = (1.0 - rho) * (self.n / (self.n - 1)) * self.values + rho * self.mean
        c = (1.0 - rho[:, 0]) / (self.n - 1)
        total, rows = np.zeros(len(SHARES)), 0
        for part in products(self.D[:, None] * self.axes):
            q = np.square(part, dtype=np.float64) @ (1.0 / A).T
            # Rounding may take a row that has a direction for itself beyond all that is there.
            left = np.maximum(1.0 - c * q, np.finfo(part.dtype).eps)
            total += (np.log(left) + q / left).sum(axis=0)
            rows += len(part)
        unseen = max(len(self.values) - self.n, 0)
        volume = np.log(A[:, self.seen(self.values)]).sum(axis=1) + unseen * np.log(rho[:, 0] * self.mean)
        return SHARES[int(np.argmin(volume + total / rows))]

    def root(self, rho: float) -> tuple[Doubles, int]:
        """Return B (p, p), for which B g is white, and its rank: directions of rounding errors' size become zero."""
        values = (1.0 - rho) * self.values + rho * self.mean
        seen = self.seen(values)
        weight = np.where(seen, 1.0 / np.sqrt(np.where(seen, values, 1.0)), 0.0)
        return ((self.axes * weight) @ self.axes.T) * self.D, int(seen.sum())
