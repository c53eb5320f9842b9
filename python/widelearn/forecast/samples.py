"""What one kernel matrix tells of itself: its effective ridge, degrees of freedom and left-out errors by penalty."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from widelearn.ridge.lapack import eigh
from widelearn.runtime import crossing

Doubles = NDArray[np.float64]
# Penalties of the grid, beside the mean of the matrix's diagonal, in quarters of decades, which go on to what is asked.
QUARTERS = 4
GRID: Doubles = 10.0 ** (np.arange(-20, 9) / QUARTERS)
# Penalties beyond which nothing changes.
REACH = (1e-12, 1e16)
# An unpenalised intercept is a constant that is added to the kernel, so many times the mean of its diagonal.
INTERCEPT = 1e4
# Eigenvalues below this share of the largest of the matrix without an intercept are rounding.
ROUNDING = 1e-13
# Blocks of a sample: how many parts, and how many of those are looked at; fewest rows of a part.
BLOCKS = ((1, 1), (2, 2), (4, 4), (8, 8), (16, 8))
FEWEST_ROWS = 40
# Random signs by which a trace is estimated.
PROBES = 4
# Groups of rows that are left out, one after the other, to see how forecasts depend on the sample.
GROUPS = 16


@dataclass(frozen=True)
class Sample:
    """What rows tell at each penalty α of a grid, with R = (K + α)⁻¹ and left-out errors q_i = (R y)_i / R_ii.

    Attributes
    ----------
    n : int
        Rows.
    kappa : ndarray of shape (a,)
        Effective ridge κ = 1 / tr R.
    inflation : ndarray of shape (a,)
        v = mean_i (R²)_ii / R_ii², which the noise of a target is multiplied by in a left-out error.
    error : ndarray of shape (a,)
        E = mean_i q_i², averaged over targets.
    gcv : ndarray of shape (a,)
        The generalised cross-validation error (‖R y‖² / n) / (tr R / n)².
    without : ndarray of shape (g, a)
        E without the rows of one of g groups.
    shared : ndarray of shape (a,)
        Squared relative standard error of E that the rows' errors share, by noise of the targets: 2 Σ_i≠j A_ij² /
        (tr A)² for one target, A = D⁻¹ R² D⁻¹ and D the diagonal of R. Groups left out do not show it.
    rows : ndarray of shape (n,)
        Which rows of the sample these are.
    left_out : ndarray of shape (a, n, t), float32, or None
        The left-out values y - q, where asked for.
    """

    n: int
    kappa: Doubles
    inflation: Doubles
    error: Doubles
    gcv: Doubles
    without: Doubles
    shared: Doubles
    rows: NDArray[np.intp]
    left_out: NDArray[np.float32] | None = None

    @classmethod
    def of(cls, K: Doubles, Y: Doubles, alphas: Doubles, rows: NDArray[np.intp], *, keep: bool = False) -> "Sample":
        """Look at some rows of a kernel matrix (m, m) and of targets (m, t), at every penalty; 9 n³ flops.

        The groups take turns among the rows.
        """
        n, Y = len(rows), Y[rows]
        group = np.arange(n) % GROUPS
        others = n - np.bincount(group, minlength=GROUPS)
        values, U = eigh(crossing(K, rows, rows))
        values = np.maximum(values, ROUNDING * values[-1] / INTERCEPT)
        c, squares = U.T @ Y, U * U
        W = 1.0 / (values[:, None] + alphas)
        diagonal, of_square = squares @ W, squares @ (W * W)
        error, without, kept = np.empty(len(alphas)), np.empty((GROUPS, len(alphas))), []
        shared, signs = np.empty(len(alphas)), np.random.default_rng(0).choice([-1.0, 1.0], (n, PROBES))
        for j, w in enumerate(W.T):
            q = (U @ (c * w[:, None])) / diagonal[:, j, None]
            by_row = np.square(q).mean(axis=1)
            error[j] = by_row.mean()
            without[:, j] = (by_row.sum() - np.bincount(group, by_row, minlength=GROUPS)) / others
            d = diagonal[:, j, None]
            squared = np.square(U @ (w[:, None] ** 2 * (U.T @ (signs / d))) / d).sum() / PROBES
            own = of_square[:, j] / diagonal[:, j] ** 2
            between = q.T @ q
            alike = np.square(between).sum() / np.trace(between) ** 2
            shared[j] = 2.0 * alike * max(squared - np.square(own).sum(), 0.0) / own.sum() ** 2
            if keep:
                kept.append((Y - q).astype(np.float32))
        trace = W.sum(axis=0)
        gcv = np.square(c).mean(axis=1) @ (W * W) * n / trace**2
        inflation = (of_square / diagonal**2).mean(axis=0)
        return cls(n, 1.0 / trace, inflation, error, gcv, without, shared, rows, np.array(kept) if keep else None)


def penalties(asked: Doubles) -> Doubles:
    """Return the grid of penalties, as far as all that are asked for."""
    powers = QUARTERS * np.log10(np.concatenate([GRID, asked]))
    steps = np.arange(np.floor(powers.min() + 1e-9), np.ceil(powers.max() - 1e-9) + 0.5)
    return np.asarray(10.0 ** (steps / QUARTERS))


def with_intercept(K: Doubles) -> Doubles:
    """Return a kernel matrix whose ridge regression has, but for a share of 1e-4 / n, a free intercept."""
    return K + INTERCEPT * float(np.mean(np.diag(K)))


def blocks(K: Doubles, Y: Doubles, alphas: Doubles, rng: np.random.Generator, *, keep: bool = False) -> list[Sample]:
    """Look at all rows, and at disjoint parts of them: halves, quarters, eighths and half of the sixteenths."""
    order, found = rng.permutation(len(K)), []
    for parts, looked_at in BLOCKS:
        n = len(K) // parts
        if n < FEWEST_ROWS and parts > 1:
            break
        for part in range(looked_at):
            rows = order[part * n : (part + 1) * n]
            found.append(Sample.of(K, Y, alphas, rows, keep=keep))
    return found
