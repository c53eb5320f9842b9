"""The oracle of ridge regression: Cholesky of centred, equilibrated columns, in pairs of long doubles.

It shares no line with the package, and keeps some twenty digits where a double keeps none.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from fuzz.pairs import LONG, Pairs

# Left-out fits made at once.
AT_ONCE = 64


class Ridge(NamedTuple):
    """The fit that minimises Σ w (y - z.c - b)² + alpha ‖c‖²: means of rows and targets, zero without b, and c."""

    mean_z: Pairs
    mean_y: Pairs
    coef: Pairs

    def values(self, Z: Any) -> Pairs:
        """Return the values (m, t) at rows (m, p)."""
        return (Pairs.of(Z) - self.mean_z) @ self.coef + self.mean_y


class Sums(NamedTuple):
    """Weight, means and second moments about them; about zero without an intercept."""

    weight: Pairs
    mean_z: Pairs
    mean_y: Pairs
    zz: Pairs
    zy: Pairs


def cholesky(A: Pairs) -> Pairs:
    """Return the lower factors of positive definite matrices (..., p, p)."""
    p = A.shape[-1]
    left, L = A.copy(), Pairs(np.zeros(A.shape, LONG))
    for j in range(p):
        L[..., j:, j] = left[..., j:, j] / left[..., j, j].sqrt()[..., None]
        column = L[..., j + 1 :, j]
        left[..., j + 1 :, j + 1 :] = left[..., j + 1 :, j + 1 :] - column[..., :, None] * column[..., None, :]
    return L


def solve(A: Pairs, B: Pairs) -> Pairs:
    """Solve A X = B for positive definite A (..., p, p), whose diagonal is first brought near one."""
    diagonal = np.einsum("...jj->...j", A.high).astype(np.float64)
    scale = np.exp2(-np.round(np.log2(diagonal) / 2)).astype(LONG)[..., None]
    L, X = cholesky(scaled(scaled(A, scale), scale.swapaxes(-1, -2))), scaled(B, scale)
    for j in range(A.shape[-1]):
        X[..., j, :] = X[..., j, :] / L[..., j, j, None]
        X[..., j + 1 :, :] = X[..., j + 1 :, :] - L[..., j + 1 :, j, None] * X[..., j, None, :]
    for j in reversed(range(A.shape[-1])):
        X[..., j, :] = X[..., j, :] / L[..., j, j, None]
        X[..., :j, :] = X[..., :j, :] - L[..., j, :j, None] * X[..., j, None, :]
    return scaled(X, scale)


def scaled(A: Pairs, power: Any) -> Pairs:
    """Return A times powers of two, which is exact."""
    return Pairs(A.high * power, A.low * power)


def sums(Z: Any, y: Any, weight: Any, *, fit_intercept: bool) -> Sums:
    """Return the sums of rows (n, p) with targets (n, t) and weights (n,)."""
    z, t, w = Pairs.of(Z), Pairs.of(y), Pairs.of(weight)[:, None]
    total = w.sum(0)
    mean_z, mean_y = (((w * a).sum(0) / total if fit_intercept else Pairs(np.zeros(a.shape[1]))) for a in (z, t))
    centred = z - mean_z
    weighted = (w * centred).T
    return Sums(total[0], mean_z, mean_y, weighted @ centred, weighted @ (t - mean_y))


def fit(found: Sums, alpha: float) -> Ridge:
    """Return the ridge fit of sums."""
    return Ridge(found.mean_z, found.mean_y, solve(penalised(found.zz, alpha), found.zy))


def penalised(zz: Pairs, alpha: float) -> Pairs:
    """Return matrices with alpha on their diagonals."""
    return zz + Pairs(LONG(alpha) * np.eye(zz.shape[-1], dtype=LONG))


def left_out(Z: Any, y: Any, weight: Any, alpha: float, *, fit_intercept: bool) -> Pairs:
    """Return what the fit to all other rows predicts at each row (n, t), by as many refits; weights are positive."""
    z, t, w = Pairs.of(Z), Pairs.of(y), Pairs.of(weight)
    found = sums(z, t, w, fit_intercept=fit_intercept)
    out = Pairs(np.zeros(t.shape, LONG))
    for start in range(0, z.shape[0], AT_ONCE):
        rows = slice(start, start + AT_ONCE)
        dz, dy = (z[rows] - found.mean_z), (t[rows] - found.mean_y)
        # The moments of all rows less one, about the mean of the others, follow from those of all.
        share = w[rows] * found.weight / (found.weight - w[rows]) if fit_intercept else w[rows]
        factor = (share[:, None] * dz)[:, :, None]
        shift = w[rows] / (found.weight - w[rows]) if fit_intercept else Pairs(np.zeros(dz.shape[0]))
        coef = solve(penalised(found.zz - factor * dz[:, None, :], alpha), found.zy - factor * dy[:, None, :])
        gap = dz * (shift[:, None] + 1) if fit_intercept else dz
        values = (gap[:, None, :] @ coef)[:, 0, :]
        out[rows] = found.mean_y - shift[:, None] * dy + values
    return out
