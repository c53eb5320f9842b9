"""Rows with more features than there are rows: their inner products, and the way back to coefficients."""

from collections.abc import Callable

import numpy as np

from widelearn import _core
from widelearn.ridge.kernel_systems import solve_dual
from widelearn.ridge.solution import Solution
from widelearn.runtime import Array, check_memory, empty, row_blocks

# Rows whose mean features serve as origin of inner products, and values centred at once.
ORIGIN_ROWS = 256
CENTERED_VALUES = 1 << 19


class StoredRows:
    """Features that are stored, about an origin near them where there is an intercept."""

    def __init__(self, Z: Array, fit_intercept: bool) -> None:
        self.Z = Z
        # Inner products about a point near the rows keep the digits that a mean far from zero would take; any such
        # point does, for the intercept takes the rest.
        mean = Z[:ORIGIN_ROWS].mean(axis=0, dtype=np.float64) if fit_intercept else np.zeros(Z.shape[1])
        self.center = mean.astype(Z.dtype)

    def gram(self) -> Array:
        """Return their inner products in float64, of products in their own precision."""
        n = len(self.Z)
        check_memory(8 * n * n, f"The inner products of {n} rows", "Take fewer rows.")
        out = empty((n, n), np.float64)
        _core.inner_products(np.require(self.Z, requirements=["C", "ALIGNED"]), self.center, out)
        # |z.z'|² <= |z|² |z'|²: where the diagonal is finite everything is.
        if not np.isfinite(out.diagonal()).all():
            raise ValueError(f"The squares of the features overflow {self.Z.dtype}. Scale the features down.")
        return out

    def primal(self, found: Solution) -> Solution:
        """Return a dual solution with the coefficients (p, t) and intercepts (t,) of the features."""
        Z, center = self.Z, self.center
        dual = found.coef.astype(Z.dtype)
        if not center.any():
            return found._replace(coef=Z.T @ dual, offset=found.offset.astype(Z.dtype))
        turned = np.zeros((dual.shape[1], Z.shape[1]), Z.dtype)
        for rows in row_blocks(len(Z), max(CENTERED_VALUES // Z.shape[1], 1)):
            turned += dual[rows].T @ (Z[rows] - center)
        coef = turned.T
        return found._replace(coef=coef, offset=(found.offset - center @ coef).astype(Z.dtype))


class KernelRows:
    """Features that are never stored, for a kernel gives their inner products and a function takes their sums."""

    def __init__(self, X: Array, kernel: Callable[[Array], Array], pull_back: Callable[[Array, Array], Array]) -> None:
        self.X, self._kernel, self._pull_back = X, kernel, pull_back

    def gram(self) -> Array:
        """Return the inner products in float64, of products in the rows' own precision."""
        n = len(self.X)
        check_memory(12 * n * n, f"The inner products of {n} rows", "Take fewer rows.")
        return self._kernel(self.X).astype(np.float64, copy=False)

    def primal(self, found: Solution) -> Solution:
        """Return a dual solution with the coefficients (p, t) and intercepts (t,) of the features."""
        coef = self._pull_back(self.X, found.coef.astype(self.X.dtype))
        return found._replace(coef=coef, offset=found.offset.astype(self.X.dtype))


def solve_rows(
    rows: StoredRows | KernelRows, y: Array, alpha: Array, weight: Array | None, *, fit_intercept: bool
) -> Solution:
    """Return the coefficients (p, t) and intercepts (t,) of fewer rows than features, from their dual system."""
    return rows.primal(solve_dual(rows.gram(), y, alpha, weight, fit_intercept=fit_intercept, definite=True))
