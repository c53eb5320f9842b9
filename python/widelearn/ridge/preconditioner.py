"""The preconditioner of a ridge system: a low-rank factor plus the penalty, inverted, and how large a rank pays."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from widelearn.ridge.blas import products_of_columns, tall_product, times
from widelearn.ridge.certificate import HOPELESS, blur
from widelearn.ridge.certificate import SINGLE as SINGLE_FIT
from widelearn.ridge.lapack import cholesky, cholesky_solve
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
# A look at the residual with the choice of pivots, and an iteration beside its products; products that take true
# residuals; an entry of the matrix in a direct solution beside n³ / 3, of each precision; and how many times that two
# factors take, one in double precision after one in single precision, or that one alone.
LOOK, ITERATION, TRUE = 3e8, 4e7, 2
DIRECT_SINGLE, DIRECT_DOUBLE, AGAIN, DOUBLE = 350.0, 700.0, 2.5, 2.0
# A direct solution is taken where the rest of the iterations costs so many times as much, before and after the search
# has cost a share of it: what is foreseen is a quarter off.
EARLIER, LATER, SEARCHED = 0.95, 1.3, 0.08
# Pivots that a block gives, and those that leading eigenvalues take, which have no part in what follows.
BLOCK, FIRST = 110, 24
# Ranks that are looked forward to, in the one at hand.
AHEAD = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0)
# The share of targets that no factor explains, as far as rounding errors of a fit are foreseen.
NOISE = 0.3
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
# Products of the largest eigenvalue's estimate.
POWERS = 12


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
    A: Operator, alphas: Array, rank: int | None, tol: float, max_iter: int, rng: Any, rule: Rule | None = None
) -> Preconditioner:
    """Return the preconditioner of A + alpha I; rank None takes what pays, as a rule says."""
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
    rule = Rule(A, alphas, tol, max_iter) if rule is None else rule
    enough = rule if rank is None else lambda *_: False
    pivots, panels, _ = factor(A, limit, min(PROPOSED, n), rng, width=WIDTH, enough=enough, dtype=dtype)
    if rule.hopeless:
        panels, pivots = [], pivots[:0]
    return Preconditioner(panels, alphas, pivots, rule.foreseen)


def worth_it(A: Operator, alphas: Array, tol: float, max_iter: int, rng: Any) -> Preconditioner | None:
    """Return a preconditioner with which iterations cost less than a factor of all of A, or None.

    The search ends as soon as what is foreseen costs more than that factor.
    """
    rule = Rule(A, alphas, tol, max_iter, among=True)
    found = precondition(A, alphas, None, tol, max_iter, rng, rule)
    return None if rule.hopeless else found


def step_cost(A: Operator, k: int) -> float:
    """Return what an iteration of one column costs."""
    n, inner = A.shape[0], A.A if isinstance(A, Weighted) else A
    return (KEPT_ENTRY if isinstance(inner, Dense) else MADE_ENTRY) * n * n + APPLIED_ENTRY * n * k


def most_rank(n: int) -> int:
    """Return the largest rank whose factor, and a panel that is being made, take a third of the memory available."""
    return max(min(n, available_memory()[0] // 3 // (8 * n) - 2 * PROPOSED), 0)


class Rule:
    """Says when a factor has cost more in its last two blocks than the iterations they save.

    Those are foreseen from the largest eigenvalue λ of the residual, that on rows drawn by its diagonal, and from the
    mean one: sqrt(1 + λ / alpha) log(2 / tol) / 2 of either (Saad, "Iterative methods for sparse linear systems", 2003,
    section 6.11.3), the first over `EARLY`. Their geometric mean is within a third of what was counted.

    With `among` it also says when the best rank that is foreseen costs more than a direct solution: `hopeless`.
    """

    def __init__(self, A: Operator, alphas: Array, tol: float, max_iter: int, *, among: bool = False) -> None:
        self.A, self.alphas, self.tol, self.max_iter, self.among = A, alphas, tol, max_iter, among
        self.past: list[tuple[int, float]] = []
        self.traces: list[float] = []
        self.hopeless = False

    @property
    def foreseen(self) -> float:
        """How many iterations the factor so far may take."""
        return self.past[-1][1] if self.past else math.inf

    def __call__(self, k: int, H: Array, u: Array, trace: float) -> bool:
        """Say so for rank `k`, given the residual `H` where the proposed rows cross, its diagonal and its trace."""
        n = self.A.shape[0]
        scale = 1 / np.sqrt(u)
        top = leading(H * scale * scale[:, None]) * trace / len(u)
        self.traces.append(trace)
        alpha = max(float(self.alphas.min()), np.finfo(np.float64).eps * trace)
        self.past.append((k, min(self.count(top / alpha, trace / n / alpha), self.foreseen)))
        step = len(self.alphas) * step_cost(self.A, k)
        if self.among and k > 0 and self.behind(k, top, alpha):
            self.hopeless = True
            return True
        if FACTOR * n * k * k > self.max_iter * step:
            return True
        if len(self.past) < 3:
            return False
        before, were = self.past[-3]
        return FACTOR * n * (k * k - before * before) + 2 * LOOK >= (were - self.foreseen) * step

    def count(self, top: float, mean: float) -> float:
        """Return the iterations that the largest and the mean eigenvalue of the residual over alpha foresee."""
        return math.sqrt(math.sqrt((1 + top) * (1 + mean)) / EARLY) * math.log(2 / self.tol) / 2

    def behind(self, k: int, top: float, alpha: float) -> bool:
        """Whether what is left to do costs more than a direct solution, at whatever rank."""
        n, t = self.A.shape[0], len(self.alphas)
        (last, *_), (were, trace) = self.past[-2], self.traces[-2:]
        # Eigenvalues fall as a power of the rank, as the trace has.
        power = math.log(max(were / trace, 1.0)) / math.log(k / last if last else 1 + k / FIRST)
        costs = []
        for more in AHEAD:
            share, rank = more**-power, more * k
            count = self.count(share * top / alpha, share * trace / n / alpha)
            added = FACTOR * n * (rank**2 - k**2) + LOOK * (rank - k) / BLOCK
            costs.append(added + (count + TRUE) * (t * step_cost(self.A, int(rank)) + ITERATION))
        direct = self.direct(alpha, trace / n * AHEAD[-1] ** -power)
        spent = FACTOR * n * k * k + LOOK * len(self.past)
        return min(costs) > (EARLIER if spent < SEARCHED * direct or len(self.past) == 2 else LATER) * direct

    def direct(self, alpha: float, mean: float) -> float:
        """Return what a direct solution costs, of which the residual's mean eigenvalue comes down to `mean`."""
        n = self.A.shape[0]
        moved = blur(self.A.diag(), None, float(np.finfo(np.float32).eps) / 2)
        if self.A.dtype == np.float32:
            factors, entry = AGAIN if NOISE * moved > SINGLE_FIT * (alpha + mean) else 1.0, DIRECT_SINGLE
        else:
            factors, entry = DOUBLE if moved > HOPELESS * alpha else 1.0, DIRECT_DOUBLE
        return factors * (n**3 / 3 + entry * n * n)


def leading(M: Array) -> float:
    """Return the largest eigenvalue of a positive semidefinite matrix, from below and within percents of it."""
    v = M[int(np.argmax(np.einsum("ij,ij->i", M, M)))]
    size = 0.0
    for _ in range(POWERS):
        length = float(np.linalg.norm(v))
        if not length > 0.0:
            break
        v = M @ (v / length)
        size = float(np.linalg.norm(v))
    return size
