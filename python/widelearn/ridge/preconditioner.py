"""The preconditioner of a ridge system: a low-rank factor plus the penalty, inverted, and how large a rank pays."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from widelearn.ridge.blas import products_of_columns, tall_product, times
from widelearn.ridge.lapack import cholesky, cholesky_solve, eigvalsh
from widelearn.ridge.operators import Dense, Operator, Weighted
from widelearn.ridge.rpcholesky import factor
from widelearn.runtime import Array, available_memory, check_memory, row_blocks

# Columns of a panel of the factor, which grows by panels.
WIDTH = 512
# Pivots proposed at once.
PROPOSED = 192
# What things cost in units of one operation of a matrix product: an entry of a product with a matrix in memory, with
# one that is made anew, an entry of the factor applied, and n k² of making the factor and its Gram matrix.
KEPT_ENTRY = 14.0
MADE_ENTRY = 45.0
APPLIED_ENTRY = 35.0
FACTOR = 3.0
# A factor of single precision serves penalties of so many of its rounding errors of the trace, or more.
SINGLE = 16.0
# Traces, that of a row and the whole, whose factors it holds.
SMALLEST, LARGEST = 1e-30, 1e30
# The products of so many rows of such a factor are summed in single precision.
SUMMED_ROWS = 2048
# By how much a shift grows that is too small for the rounding errors of the factor.
LARGER = 16.0
# How many times fewer iterations it takes than the bound foresees, as seen on tables: few eigenvalues are near λ.
EARLY = 2.5


class Preconditioner:
    """Apply (F F' + alpha I)⁻¹ = (I - F (F'F + alpha I)⁻¹ F') / alpha, one alpha a column.

    F comes in panels (n, k_j) of its columns, and was made from some rows, the pivots; `foreseen` says how many
    iterations it may take, where that was looked at.
    """

    def __init__(
        self, panels: list[Array], alphas: Array, pivots: NDArray[np.intp], foreseen: float = math.inf
    ) -> None:
        self.panels, self.pivots, self.foreseen = panels, pivots, foreseen
        self.rank = sum(panel.shape[1] for panel in panels)
        G = np.empty((self.rank, self.rank))
        starts = np.cumsum([0, *(panel.shape[1] for panel in panels)])
        for i, left in enumerate(panels):
            rows = slice(starts[i], starts[i + 1])
            for j, right in enumerate(panels[: i + 1]):
                G[rows, starts[j] : starts[j + 1]] = inner(left, right)
        # Below its rounding errors the difference above would not be positive.
        least = 64 * np.finfo(np.float64).eps * float(np.trace(G)) if self.rank else 0.0
        shifts = np.maximum(alphas, least)
        self.shifts = np.where(shifts > 0, shifts, 1.0)
        self.factors: dict[float, Any] = {}
        for shift in np.unique(self.shifts):
            taken = self.factor(G, float(shift)) if self.rank else float(shift)
            self.shifts = np.where(self.shifts == shift, taken, self.shifts)

    def factor(self, G: Array, shift: float) -> float:
        """Factor F'F + shift I, and return the shift: a larger one where rounding errors leave that indefinite."""
        while True:
            M = G.copy()
            M[np.diag_indices(self.rank)] += shift
            try:
                self.factors[shift] = cholesky(M)
            except np.linalg.LinAlgError:
                if not shift < np.trace(G):
                    raise
                shift *= LARGER
            else:
                return shift

    def solve(self, R: Array, columns: NDArray[np.intp]) -> Array:
        """Return the preconditioned residuals `R`, which belong to `columns` of the right-hand sides."""
        shifts = self.shifts[columns]
        if not self.rank:
            return R / shifts
        # Of one size, so that no precision is too narrow for them.
        size = np.abs(R).max(axis=0)
        R = R / np.where(size > 0, size, 1.0)
        V = R.astype(self.panels[0].dtype, copy=False)
        W = np.vstack([tall_product(panel.T, V) for panel in self.panels]).astype(np.float64, copy=False)
        for shift in np.unique(shifts):
            same = shifts == shift
            W[:, same] = cholesky_solve(self.factors[shift], W[:, same])
        W = W.astype(V.dtype, copy=False)
        start = 0
        for panel in self.panels:
            R -= tall_product(panel, W[start : start + panel.shape[1]])
            start += panel.shape[1]
        return R * (size / shifts)


def inner(left: Array, right: Array) -> Array:
    """Return left' right in double precision; of a panel with itself the lower triangle."""
    if left.dtype == np.float64:
        return products_of_columns(left) if left is right and left.flags.c_contiguous else times(left.T, right)
    G = np.zeros((left.shape[1], right.shape[1]))
    for rows in row_blocks(len(left), SUMMED_ROWS):
        a, b = left[rows], right[rows]
        G += products_of_columns(a) if left is right and a.flags.c_contiguous else times(a.T, b)
    return G


def precondition(
    A: Operator, alphas: Array, rank: int | None, tol: float, max_iter: int, rng: Any, most: float = math.inf
) -> Preconditioner:
    """Return the preconditioner of A + alpha I; rank None takes what pays, and costs `most` at most."""
    n = A.shape[0]
    limit = most_rank(n) if rank is None else min(rank, n)
    if limit == 0:
        return Preconditioner([], alphas, np.empty(0, np.intp))
    trace = float(np.asarray(A.diag(), np.float64).clip(min=0.0).sum())
    if trace <= np.finfo(np.float64).eps * alphas.min():
        # Beside the penalties the matrix is nothing, and panels of it may vanish.
        return Preconditioner([], alphas, np.empty(0, np.intp), 1.0)
    single = (rank is None or rank < n) and alphas.min() >= SINGLE * float(np.finfo(np.float32).eps) * trace
    single = single and trace / n >= SMALLEST and trace <= LARGEST
    dtype = np.dtype(np.float32 if single else np.float64)
    need = dtype.itemsize * n * (limit + PROPOSED) + 16 * limit * limit
    check_memory(need, f"The preconditioner of rank {limit} of {n} rows", "Take a smaller rank, or None.")
    rule = Rule(A, alphas, tol, max_iter, most)
    enough = rule if rank is None else lambda *_: False
    pivots, panels, _ = factor(A, limit, min(PROPOSED, n), rng, width=WIDTH, enough=enough, dtype=dtype)
    return Preconditioner(panels, alphas, pivots, rule.foreseen)


def worth_it(A: Operator, alphas: Array, tol: float, max_iter: int, rng: Any) -> Preconditioner | None:
    """Return a preconditioner with which iterations cost less than a factor of all of A, or None.

    The search costs a quarter of that factor at most.
    """
    n, t = A.shape[0], len(alphas)
    direct = n**3 / 3
    found = precondition(A, alphas, None, tol, max_iter, rng, direct / 4)
    cost = FACTOR * n * found.rank**2 + found.foreseen * t * step_cost(A, found.rank)
    return found if cost < direct else None


def step_cost(A: Operator, k: int) -> float:
    """Return what an iteration of one column costs."""
    n, inner = A.shape[0], A.A if isinstance(A, Weighted) else A
    return (KEPT_ENTRY if isinstance(inner, Dense) else MADE_ENTRY) * n * n + APPLIED_ENTRY * n * k


def most_rank(n: int) -> int:
    """Return the largest rank whose factor, and a panel that is being made, take a third of the memory available."""
    return max(min(n, available_memory()[0] // 3 // (8 * n) - 2 * PROPOSED), 0)


class Rule:
    """Says when a factor has cost more in its last two blocks than the iterations they save.

    Those are foreseen from the largest eigenvalue λ of the residual: sqrt(1 + λ / alpha) log(2 / tol) / 2 at most
    (Saad, "Iterative methods for sparse linear systems", 2003, section 6.11.3), with λ that of the residual on rows
    drawn by its diagonal.
    """

    def __init__(self, A: Operator, alphas: Array, tol: float, max_iter: int, most: float) -> None:
        self.A, self.alphas, self.tol, self.max_iter, self.most = A, alphas, tol, max_iter, most
        self.past: list[tuple[int, float]] = []

    @property
    def foreseen(self) -> float:
        """How many iterations the factor so far may take."""
        return self.past[-1][1] if self.past else math.inf

    def __call__(self, k: int, H: Array, u: Array, trace: float) -> bool:
        """Say so for rank `k`, given the residual `H` where the proposed rows cross, its diagonal and its trace."""
        n = self.A.shape[0]
        scale = 1 / np.sqrt(u)
        M = H * scale * scale[:, None] * (trace / len(u))
        top = float(eigvalsh(M)[-1])
        alpha = max(float(self.alphas.min()), np.finfo(np.float64).eps * trace)
        left = math.sqrt(1 + max(top, 0.0) / alpha) * math.log(2 / self.tol) / 2 / EARLY
        self.past.append((k, min(left, self.foreseen)))
        step = len(self.alphas) * step_cost(self.A, k)
        if FACTOR * n * k * k > min(self.most, self.max_iter * step):
            return True
        if len(self.past) < 3:
            return False
        before, were = self.past[-3]
        return FACTOR * n * (k * k - before * before) >= (were - self.foreseen) * step
