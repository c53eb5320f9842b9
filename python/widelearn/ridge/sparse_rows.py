"""Ridge regression on sparse rows that stay sparse: by conjugate gradients, or by the inner products of the rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from widelearn.ridge.centred_rows import CentredRows, summed_squares, turned
from widelearn.ridge.heavy_columns import dual_coefficients
from widelearn.ridge.row_spectrum import RowSpectrum
from widelearn.ridge.symmetric_systems import Solution
from widelearn.runtime import Array, available_memory, check_memory, one_blas_thread, ordered, sparse_arrays

# The error of fitted values, relative to the targets about their mean, that iterations end at; most of them.
ENOUGH, MOST = 1e-10, 600
# How often what is left is computed anew.
ROUNDS = 5
# Most iterations with columns scaled alike.
SCALED = 80
# What an iteration on a stored value, and on a coefficient, costs in operations of a matrix product; those foreseen.
STORED, HELD, FORESEEN = 16.0, 24.0, 60
# Columns whose mean is so many of their spreads lose digits in products of what is stored.
FAR = 100.0
# Share of stored values below which products of sparse rows cost less than those of dense ones.
FEW = 0.05


class SparseProblem:
    """Weighted sparse rows, about the mean of their columns where there is an intercept: A = S (X - 1 m'), S = √W."""

    def __init__(self, X: Any, weight: Array | None, *, fit_intercept: bool) -> None:
        self.X, self.fit_intercept = ordered(X), fit_intercept
        self.weight = np.ones(X.shape[0]) if weight is None else weight.astype(np.float64, copy=False)
        self.total = float(self.weight.sum())
        with np.errstate(over="ignore", invalid="ignore"):
            whole = summed_squares(self.X, self.weight)
            mean = np.zeros(self.X.shape[1])
            if fit_intercept:
                mean = turned(sparse_arrays(self.X), len(mean), self.weight[:, None])[:, 0] / self.total
            # Sums of squares about the mean.
            spread = np.maximum(whole - self.total * mean**2, 0.0)
            # Where a column is far from zero, sums of stored values lose what it differs in; so where squares overflow.
            self.far = not (np.isfinite(whole).all() and (whole <= (1.0 + FAR**2) * spread).all())
            self.rows = CentredRows(self.X, mean, np.sqrt(self.weight))
        self.mean, self.spread = mean, spread

    def solve(self, y: Array, alpha: Array, most: int = MOST) -> Solution | None:
        """Return coefficients and intercepts for positive penalties (t,), None where `most` iterations do not suffice.

        With g the half of the gradient of ‖S (y - X c - b)‖² + alpha ‖c‖², fitted values are wrong by no more than
        ‖A (A'A + alpha)⁻¹ g‖ <= ‖g‖ / (2 √alpha). For c = A'd, with r what is left of (A A' + alpha) d = S y, they are
        wrong by no more than ‖A A' (A A' + alpha)⁻¹ r‖ <= ‖r‖.
        """
        if self.far or not (alpha > 0).all():
            return None
        origin = self.weight @ y / self.total if self.fit_intercept else np.zeros(y.shape[1])
        Y = (y - origin) * self.rows.root[:, None]
        # Threads of products this small wait for each other longer than they work.
        with one_blas_thread():
            if self.X.shape[0] >= self.X.shape[1]:
                return self._iterated(np.zeros((self.X.shape[1], y.shape[1])), Y, alpha, origin, most)
            return self._dually(Y, alpha, origin, most)

    def _dually(self, Y: Array, alpha: Array, origin: Array, most: int) -> Solution | None:
        """Solve for the rows' coefficients; where rounding leaves too much of them, go on with those of columns."""
        size = np.linalg.norm(Y, axis=0)
        D, count = dual_coefficients(self.rows, self.spread, Y, alpha, ENOUGH * size, most)
        C = self.rows.turned(D)
        left = np.linalg.norm(Y - self.rows.times(C) - alpha * D, axis=0)
        if (left <= ENOUGH * size).all():
            return self._solution(C, origin, count, left, size)
        return self._iterated(C, Y, alpha, origin, most, count)

    def _solution(self, C: Array, origin: Array, count: int, left: Array, size: Array) -> Solution:
        """Return coefficients with the bound of the error of fitted values, relative to the targets."""
        error = np.divide(left, size, out=np.zeros_like(left), where=size > 0).max(initial=0.0)
        return Solution(C, origin - self.mean @ C, "sparse_cg", n_iter=count, error=float(error))

    def _iterated(self, C: Array, Y: Array, alpha: Array, origin: Array, most: int, count: int = 0) -> Solution | None:
        """Descend until what is left, computed anew, is small enough."""
        bound, scaled = 2.0 * np.sqrt(alpha) * np.linalg.norm(Y, axis=0), count == 0
        for k in range(ROUNDS):
            R = Y - self.rows.times(C)
            left = np.linalg.norm(self.rows.turned(R) - alpha * C, axis=0)
            if (left <= ENOUGH * bound).all():
                return self._solution(C, origin, count, left, bound)
            if count >= most:
                break
            # Columns scaled alike take fewer iterations where penalties are large, and more where they are small.
            first = k == 0 and scaled
            scale = 1.0 / (self.spread[:, None] + alpha.min()) if first else 1.0
            count += self._descend(C, R, alpha, scale, ENOUGH / 2 * bound, min(most - count, SCALED if first else most))
        return None

    def _descend(self, C: Array, R: Array, alpha: Array, scale: Any, enough: Array, most: int) -> int:
        """Move coefficients and residuals by conjugate gradients, and return the number of iterations."""
        G = self.rows.turned(R) - alpha * C
        Z = scale * G
        P, rho = Z, np.einsum("pt,pt->t", G, Z)
        for count in range(1, most + 1):
            Q = self.rows.times(P)
            curvature = np.einsum("nt,nt->t", Q, Q) + alpha * np.einsum("pt,pt->t", P, P)
            step = np.divide(rho, curvature, out=np.zeros_like(rho), where=curvature > 0)
            C += step * P
            R -= step * Q
            G = self.rows.turned(R) - alpha * C
            if (np.linalg.norm(G, axis=0) <= enough).all():
                return count
            Z = scale * G
            before, rho = rho, np.einsum("pt,pt->t", G, Z)
            P = Z + np.divide(rho, before, out=np.zeros_like(rho), where=before > 0) * P
        return most


def affordable(X: Any, targets: int) -> int:
    """Return how many iterations cost no more than the smaller dense system of rows (n, p); 0 where those are few."""
    n, p = X.shape
    small, large = min(n, p), max(n, p)
    dense = float(small) ** 2 * large + float(small) ** 3 / 3
    most = dense / (targets * (STORED * X.nnz + HELD * (n + p)))
    return 0 if most < FORESEEN else int(min(most, MOST))


def stored_rows(X: Any) -> StoredSparseRows | None:
    """Return rows for a dual system of sparse rows, None where products of dense ones cost less or are more exact."""
    n, p = X.shape
    few = X.nnz < FEW * n * p
    return StoredSparseRows(X) if few and not SparseProblem(X, None, fit_intercept=True).far else None


class StoredSparseRows:
    """Sparse rows as features of which there are more than rows: their inner products, and sums of them."""

    def __init__(self, X: Any) -> None:
        self.X, self.dtype = ordered(X).astype(np.float64, copy=False), np.dtype(np.float64)

    def gram(self, dtype: np.dtype[np.floating]) -> Array:
        """Return the inner products in float64."""
        n = self.X.shape[0]
        # The product may be full, in compressed form.
        check_memory(8 * n * n + 12 * n * n, f"The inner products of {n} rows", "Take fewer rows.")
        return np.ascontiguousarray((self.X @ self.X.T).toarray())

    def spectrum(self, y: Array, weight: Array | None, fit_intercept: bool) -> RowSpectrum | None:
        """Return the singular vectors of the rows made dense, None where they do not fit into memory."""
        if RowSpectrum.need(*self.X.shape) > available_memory()[0]:
            return None
        return RowSpectrum(self.X.toarray(), y, weight, fit_intercept=fit_intercept)

    def primal(self, found: Solution, dtype: np.dtype[np.floating]) -> Solution:
        """Return a dual solution with the coefficients (p, t) of the columns."""
        return found._replace(coef=np.asarray(self.X.T @ found.coef))
