"""Generalised cross-validation of many penalties from a tridiagonal form: no eigenvectors."""

import numpy as np
from scipy.linalg.lapack import dptsv

from widelearn.ridge.lapack import tridiagonal, tridiagonal_eigh, tridiagonal_eigvalsh
from widelearn.ridge.symmetric_systems import take_out
from widelearn.ridge.unit_systems import into_range
from widelearn.runtime import Array

# The share of the largest eigenvalue to which a penalty is nothing, beside the rounding errors of the others.
NOTHING = 1e-60


class Tridiagonal:
    """A positive semidefinite matrix A = Q T Q' with tridiagonal T, and right-hand sides Q' B; A may be destroyed.

    Costs 4 m³ / 3 flops for A (m, m), a seventh of all eigenvectors; then each penalty O(m t) for B (m, t).
    """

    def __init__(self, A: Array, B: Array) -> None:
        m = len(A)
        self.d, self.e, self.right = tridiagonal(A, B)
        values = tridiagonal_eigvalsh(self.d, self.e)
        # A negative eigenvalue shows how large the rounding errors are that A was made with.
        noise = max(m * np.finfo(np.float64).eps * np.abs(values).max(initial=0.0), -2 * values.min(initial=0.0))
        self.values = np.where(values > noise, values, 0.0)
        self.noise = noise

    def slack(self, alphas: Array, null: int = 0) -> Array:
        """Return m - Σ λ / (λ + alpha) = Σ alpha / (λ + alpha) for every penalty, without cancellation.

        Of the smallest eigenvalues `null` are left out.
        """
        shifted = np.sort(self.values)[null:, None] + alphas
        return np.asarray(np.where(shifted > 0.0, alphas / np.where(shifted > 0.0, shifted, 1.0), 1.0).sum(axis=0))

    def solve(self, alpha: float) -> Array:
        """Return (T + alpha I)⁻¹ Q' B, for alpha = 0 the solution of smallest norm."""
        found = self._solve_definite(alpha)
        if found is not None:
            return found
        values, vectors = tridiagonal_eigh(self.d, self.e)
        kept = values > self.noise
        vectors = vectors[:, kept]
        return np.asarray(vectors @ ((vectors.T @ self.right) / (values[kept, None] + alpha)))

    def residual(self, alpha: float) -> Array:
        """Return the squares (t,) of alpha (T + alpha I)⁻¹ Q' B, for alpha = 0 of what T's range leaves of Q' B."""
        found = self._solve_definite(alpha) if alpha > 0.0 else None
        if found is not None:
            return np.asarray(alpha**2 * (found**2).sum(axis=0))
        values, vectors = tridiagonal_eigh(self.d, self.e)
        squares = (vectors.T @ self.right) ** 2
        whole, outside = squares.sum(axis=0), squares[values <= self.noise].sum(axis=0)
        # What rounding leaves in directions without variance is no residual.
        outside[outside <= whole * len(self.d) * np.finfo(np.float64).eps] = 0.0
        inside = values > self.noise
        return np.asarray(outside + ((alpha / (values[inside] + alpha))[:, None] ** 2 * squares[inside]).sum(axis=0))

    def _solve_definite(self, alpha: float) -> Array | None:
        """Return the solution where T + alpha I is positive definite beyond rounding, else None."""
        if not (alpha > self.noise or (alpha + self.values.min(initial=np.inf)) > self.noise):
            return None
        if len(self.d) == 1:
            return np.asarray(self.right / (self.d[0] + alpha))
        x, info = dptsv(self.d + alpha, self.e.copy(), self.right)[2:]
        return np.asarray(x) if info == 0 else None


def noticed(alphas: Array, largest: float) -> Array:
    """Return penalties of which none is nothing beside the largest eigenvalue: smaller ones are as good as the least.

    Squares of smaller ones would vanish. No penalty stays none.
    """
    return np.where(alphas > 0.0, np.maximum(alphas, NOTHING * largest), 0.0)


def gcv_errors(rss: Array, left: Array, weight: float, *, exact: bool = False) -> Array:
    """Return (rss / n) / (left / n)² for n = `weight` and left = n - df, infinite where nothing is left.

    `exact` says that what is left is no difference of larger numbers.
    """
    spent = left <= (0.0 if exact else 1e3 * weight * np.finfo(np.float64).eps)
    errors = weight * np.maximum(rss, 0.0) / np.where(spent, 1.0, left)[:, None] ** 2
    errors[spent] = np.inf
    return errors


def dual_gcv(K: Array, y: Array, alphas: Array, weight: Array | None, *, fit_intercept: bool) -> tuple[Array, float]:
    """Return the GCV errors (a, t) of a positive semidefinite kernel matrix, which is destroyed.

    With them comes its least eigenvalue beside that of the intercept.
    """
    root = np.ones(len(K)) if weight is None else np.sqrt(weight)
    P = K.astype(np.float64, copy=False)
    P *= root[:, None]
    P *= root
    if len(K) == fit_intercept:
        # The intercept is the one target.
        return np.zeros((len(alphas), y.shape[1])), np.inf
    alphas, exponent = into_range(P, alphas)
    y = y * root[:, None]
    if fit_intercept:
        u = root / np.linalg.norm(root)
        take_out(P, u)
        y = y - np.outer(u, u @ y)
    form = Tridiagonal(P, y)
    alphas = noticed(alphas, float(form.values.max(initial=0.0)))
    rss = np.stack([form.residual(alpha) for alpha in alphas])
    total, null = float((root**2).sum()), int(fit_intercept)
    errors = gcv_errors(rss, (total - len(K)) + form.slack(alphas, null), total, exact=total == len(K))
    return errors, float(np.ldexp(np.sort(form.values)[null:].min(initial=np.inf), exponent))
