"""Orthogonal triangles of rows: they lose digits to the condition number, moments to its square."""

from dataclasses import dataclass

import numpy as np

from widelearn.ridge.equilibrated import scales
from widelearn.ridge.lapack import svd, triangle, triangular_solve
from widelearn.ridge.normal_equations import EPS, NormalEquations
from widelearn.ridge.row_passes import RowPasses
from widelearn.ridge.symmetric_systems import take_out_null
from widelearn.runtime import Array, check_memory

# Rows that are triangulated at once, at least.
LEAST_ROWS = 512


@dataclass(frozen=True)
class Factor:
    """(A + alpha I)⁺ = W W' for one penalty, by its root W (p, rank), with the solution of all targets.

    `left` (t,) are the norms of what the penalised problem leaves, (‖y - f‖² + alpha ‖c‖²)^½, and `residual` those of
    y - f alone; `rcond` is that of the equilibrated root, `scaled` (t,) the norms of the equilibrated coefficients, and
    `slack` is Σ alpha / (λ + alpha).
    """

    root: Array
    coef: Array
    offset: Array
    left: Array
    residual: Array
    scaled: Array
    rcond: float
    rank: int
    slack: float
    units: Array
    # The root with the directions in which no row varies, where the penalty alone decides.
    whole: Array

    def error(self, size: Array) -> Array:
        """Return how far the fit of every target may be off, relative to its size."""
        return np.asarray(EPS * (self.left / self.rcond + self.scaled) / np.where(size > 0.0, size, np.inf))


class RowTriangle:
    """R of the QR factorisation of [√w, √w (Z - center), √w (y - mean_y)], accumulated block by block.

    Costs 4 n p² flops, and 8 (3 p)² bytes.
    """

    def __init__(self, system: NormalEquations, rows: RowPasses) -> None:
        self.system = system
        p, t = system.B.shape
        self.first = int(system.fit_intercept)
        q = self.first + p + t
        check_memory(8 * 4 * q * max(q, LEAST_ROWS), f"The triangle of {p} features", "Raise alpha.")
        R, held = np.zeros((0, q)), 0
        pending: list[Array] = []
        for _, Z, y, root in rows.scaled(system.center, system.mean_y):
            pending.append(np.column_stack([root[:, None], Z, y] if self.first else [Z, y]))
            held += len(Z)
            if held >= max(q, LEAST_ROWS):
                R, pending, held = triangle(np.vstack([R, *pending])), [], 0
        if pending:
            R = triangle(np.vstack([R, *pending]))
        self.Z, self.y = R[self.first :, self.first : self.first + p], R[self.first :, self.first + p :]
        self.null = null_space(self.Z, scales(system.spread, 0.0))
        self.shift = R[: self.first, self.first :] / R[:1, :1] if self.first else np.zeros((0, p + t))

    def factor(self, alpha: float) -> Factor:
        """Return what solves for one penalty; of singular systems the solution of smallest norm."""
        p, t = self.system.B.shape
        D = scales(self.system.spread, alpha)
        D = np.ones(p) if D is None else D
        stacked = np.zeros((max(len(self.Z), p) + p, p + t))
        stacked[: len(self.Z)] = np.column_stack([self.Z * D, self.y])
        stacked[np.arange(-p, 0), np.arange(p)] = alpha**0.5 * D
        R = triangle(stacked)
        T, right, left = R[:p, :p], R[:p, p:], np.linalg.norm(R[p:, p:], axis=0)
        root, kept = inverse(T)
        if kept is not None:
            outside = kept[:, root.shape[1] :].T @ right
            left, right = np.hypot(left, np.linalg.norm(outside, axis=0)), kept[:, : root.shape[1]].T @ right
        scaled = root @ right
        # What no row sees has no coefficient: there rounding meets the penalty alone.
        whole = D[:, None] * root
        root, coef = (take_out_null(values, self.null) for values in (whole, D[:, None] * scaled))
        size = float(np.linalg.norm(T) * np.linalg.norm(root / D[:, None]))
        offset = np.zeros(t)
        if self.first:
            offset = self.system.mean_y + self.shift[0, p:] - self.shift[0, :p] @ coef
        residual = np.linalg.norm(self.y - self.Z @ coef, axis=0)
        found = (coef, offset, left, residual, np.linalg.norm(coef / D[:, None], axis=0))
        slack = alpha * float((root**2).sum()) + self.null.shape[1]
        rcond, rank = 1.0 / size if size > 0.0 else 1.0, root.shape[1]
        return Factor(root, *found, rcond=rcond, rank=rank, slack=slack, units=1.0 / D, whole=whole)


def inverse(T: Array) -> tuple[Array, Array | None]:
    """Return T⁻¹ of an upper triangle and None, or V/s and U of its singular values, V/s of those beyond rounding."""
    p = len(T)
    least = p * EPS * np.linalg.norm(T)
    if (np.abs(T.diagonal()) > least).all():
        root = triangular_solve(T, np.eye(p))
        if np.linalg.norm(root) * least < 1.0:
            return root, None
    U, s, Vt = svd(T.copy())
    kept = s > p * EPS * s.max(initial=0.0)
    return Vt[kept].T / s[kept], U


def null_space(Z: Array, D: Array | None) -> Array:
    """Return the directions (p, k) in which no row of a triangle Z varies beyond rounding, judged with columns Z D."""
    p = Z.shape[1]
    scaled = Z if D is None else Z * D
    least = p * EPS * np.linalg.norm(scaled)
    if len(Z) >= p and (np.abs(scaled[:p].diagonal()) > least).all():
        root = triangular_solve(scaled[:p], np.eye(p))
        if np.linalg.norm(root) * least < 1.0:
            return np.empty((p, 0))
    # As many rows as columns, so that directions which no row has come too.
    _, s, Vt = svd(np.vstack([scaled, np.zeros((max(p - len(Z), 0), p))]))
    null = Vt[np.count_nonzero(s > max(scaled.shape) * EPS * s.max(initial=0.0)) :].T
    return null if D is None else null * D[:, None]
