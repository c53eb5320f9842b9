"""Ridge regression on a Jacobian that is read in blocks: the movement of a model's parameters."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from widelearn.kernels import Empirical
from widelearn.kernels.tangents import TangentGram
from widelearn.ridge import Moments
from widelearn.ridge.dual_rows import KernelRows, solve_rows
from widelearn.ridge.row_passes import RowPasses
from widelearn.ridge.symmetric_systems import Solution
from widelearn.runtime import Array


class TangentProblem:
    """Minimise Σ w (r - J δ - b)² + alpha ‖δ‖² for rows x (n, d) and what they lack, r (n c, t), output by output.

    The kernel has a row for every row and output. One output's b is the solver's; several have one each, and their
    rows of J and r are taken about the means of their output. All weights, one a row of r, are positive.
    """

    def __init__(self, kernel: Empirical, x: Array, r: Array, weight: Array | None, *, fit_intercept: bool) -> None:
        self.kernel, self.x, self.r, self.weight = kernel, x, r, weight
        self.c, self.p = kernel.read().sizes(x)
        self.plain, self.apart = fit_intercept and self.c == 1, fit_intercept and self.c > 1
        self.mean_r = self._mean(r)
        if self.apart:
            self.r = self._about(r, self.mean_r)
        self._mean_j: Array | None = None

    @property
    def wide(self) -> bool:
        """Whether there are fewer outputs of rows than parameters."""
        return len(self.r) < self.p

    def solve(self, alpha: Array) -> Solution:
        """Return δ (p, t), and b (t,) of one output or (c, t) of several, for one penalty a column of r."""
        if self.wide:
            rows = KernelRows(self.x, self._matrix, self._pull_back)
            found = solve_rows(rows, self.r, alpha, self.weight, fit_intercept=self.plain)
        else:
            moments = Moments(self.p, self.r.shape[1])
            for rows_of_r, Z in self._blocks():
                moments.update(Z, self.r[rows_of_r], None if self.weight is None else self.weight[rows_of_r])
            passes = RowPasses(self._blocks, self.r, self.weight)
            found = moments.solution_once(alpha, self.plain, passes)
        if not self.apart:
            return found._replace(offset=found.intercept)
        moved = self._mean(self._on(self.x).ahead([np.asarray(found.coef, np.float64)]))
        return found._replace(offset=self.mean_r - moved)

    def _on(self, x: Array) -> TangentGram:
        return TangentGram(self.kernel.read(), "full", x)

    def _blocks(self) -> Iterator[tuple[slice, Array]]:
        """Yield rows of r and their rows of J, about their means where several outputs have intercepts."""
        rows = self.kernel.read().on(self.x)
        for part, J in rows.blocks():
            if not np.isfinite(J).all():
                rows.complain(part)
            if self.apart:
                J = J - self._center()
            yield slice(part.start * self.c, part.stop * self.c), np.ascontiguousarray(J.reshape(-1, self.p))

    def _center(self) -> Array:
        """Return the mean rows of J (c, p), from a pass of their own."""
        if self._mean_j is None:
            share = self._shares().reshape(-1, self.c)
            total = np.zeros((self.c, self.p))
            for part, J in self.kernel.read().on(self.x).blocks():
                total += np.einsum("nc,ncp->cp", share[part], J)
            self._mean_j = total
        return self._mean_j

    def _matrix(self, x: Array) -> Array:
        """Return the kernel matrix, about the means."""
        K = self.kernel(x)
        if self.apart:
            K = self._about(K, self._mean(K)).T
            K = self._about(np.ascontiguousarray(K), self._mean(K))
        return K

    def _pull_back(self, x: Array, dual: Array) -> Array:
        """Return Jᵀ a (p, t), J about the means."""
        if self.apart:
            total = dual.reshape(len(x), self.c, -1).sum(axis=0)
            dual = dual - self._shares()[:, None] * np.tile(total, (len(x), 1))
        return self._on(x).back(dual)[0]

    def _shares(self) -> Array:
        """Return w / Σ w over the rows, for each output."""
        weight = np.ones(len(self.r)) if self.weight is None else self.weight
        return np.asarray(weight / weight[:: self.c].sum())

    def _mean(self, values: Array) -> Array:
        """Return the mean (c, q) over the rows of values (n c, q)."""
        shares = self._shares().reshape(-1, self.c)
        return np.einsum("nc,ncq->cq", shares, values.reshape(len(shares), self.c, -1))

    def _about(self, values: Array, mean: Array) -> Array:
        return (values.reshape(-1, *mean.shape) - mean).reshape(values.shape)


def as_columns(values: Any, c: int) -> Array:
    """Return what several outputs have, one after the other, as a column; of one output targets are columns."""
    return values if c == 1 else values.reshape(-1, 1)
