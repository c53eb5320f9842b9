"""Symmetric linear systems with a ridge, and their solutions: Cholesky, and what is left when that fails."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import LinAlgWarning, eigh, lapack

from widelearn import _core
from widelearn.runtime import Array, check_memory, row_blocks, warn

MIRROR_ROWS = 512


class Solution(NamedTuple):
    """The solution of a ridge problem, and how it was found.

    Coefficients (m, t) are those of m features, or dual ones of m rows, zero for rows of weight zero; offsets (t,) are
    the intercepts. The residual is that of the whole system relative to its right-hand side, of the worst column or of
    each; zero where it was not looked at. Conjugate gradients have the rank of their preconditioner, and what is left
    of the right-hand sides, S y - (S K S + alpha I) β.
    """

    coef: NDArray[Any]
    offset: NDArray[Any]
    solver: str
    residual: Any = 0.0
    n_iter: int = 1
    rank: int = 0
    left: NDArray[np.float64] | None = None


class Trouble(NamedTuple):
    """Why a system was not solved by Cholesky."""

    solver: str
    rcond: float
    rank: int


def check_alpha(alpha: ArrayLike, n_targets: int) -> NDArray[np.float64]:
    """Return the penalties as one finite non-negative number a target."""
    a = np.asarray(alpha, dtype=np.float64)
    if a.ndim > 1 or a.size not in (1, n_targets):
        raise ValueError(
            f"alpha has shape {a.shape}, but there are {n_targets} targets: give one number, or one a target."
        )
    if not (np.isfinite(a).all() and (a >= 0).all()):
        raise ValueError(f"alpha must be finite and non-negative, got {alpha!r}.")
    return np.broadcast_to(a.ravel(), (n_targets,))


def solve_symmetric(
    A: Array, B: Array, alpha: NDArray[np.float64], *, border: Array | None = None, definite: bool = True
) -> Solution:
    """Solve (A + alpha I) X + u b' = B with u'X = 0, one alpha a column of B; without a border, (A + alpha I) X = B.

    Cholesky first. If that fails or its reciprocal condition number is below the machine epsilon, an indefinite A is
    solved by LDLᵀ of the whole system, and what is singular by the eigenvectors of A whose eigenvalues are not
    rounding errors: the solution of smallest norm. Either way says so in one LinAlgWarning.

    The lower triangle and the diagonal of A (n, n) are destroyed; `definite` says whether A is positive semidefinite
    but for rounding, False allows LDLᵀ. X comes in the dtype of A, and with it the solver of the worst column, and the
    residual of the whole system relative to B.
    """
    u = None if border is None else border.astype(np.float64)
    # Solving for what an intercept alone leaves over keeps the digits of targets far from zero.
    origin = np.zeros(B.shape[1]) if u is None else (u @ B) / (u @ u)
    right = B if u is None else B - np.outer(u, origin)
    diagonal = A.diagonal().copy()
    # |A_ij|² <= A_ii A_jj: where the diagonal is finite everything is.
    if not (np.isfinite(diagonal).all() and np.isfinite(right).all()):
        raise ValueError(f"The squares of the features overflow {A.dtype}. Scale the features down.")
    coef, offset = np.empty(B.shape), np.zeros(B.shape[1])
    troubles: list[Trouble] = []
    spectrum: Spectrum | None = None
    for value in np.unique(alpha):
        columns = alpha == value
        found = None if spectrum else by_cholesky(A, right[:, columns], value, u)
        if found is None:
            mirror(A, diagonal)
            if spectrum is None and not definite:
                found = by_ldlt(A, right[:, columns], value, u, troubles)
            if found is None:
                spectrum = spectrum or Spectrum(A, u, definite)
                found = spectrum.solve(right[:, columns], value, troubles)
        coef[:, columns], offset[columns] = found
        mirror(A, diagonal)
    worst = min(troubles, key=lambda trouble: trouble.rcond, default=None)
    if worst is not None:
        warn(describe(worst, len(A), A.dtype), LinAlgWarning)
    X = coef.astype(A.dtype)
    relative = residual(A, X.astype(np.float64), right, alpha, u, offset, np.linalg.norm(B, axis=0))
    return Solution(X, offset + origin, worst.solver if worst else "cholesky", relative)


def by_cholesky(A: Array, B: Array, alpha: float, u: Array | None) -> tuple[Array, Array] | None:
    """Solve by Cholesky, eliminating the border; None if A + alpha I is not positive definite to working precision."""
    stacked = np.ascontiguousarray(B if u is None else np.column_stack([B, u]), dtype=A.dtype)
    try:
        rcond, _ = _core.cholesky_solve(A, stacked, float(alpha))
    except np.linalg.LinAlgError:
        return None
    if not rcond >= np.finfo(A.dtype).eps:
        return None
    solved = stacked.astype(np.float64)
    if u is None:
        return solved, np.zeros(B.shape[1])
    offset = (u @ solved[:, :-1]) / (u @ solved[:, -1])
    return solved[:, :-1] - np.outer(solved[:, -1], offset), offset


def by_ldlt(A: Array, B: Array, alpha: float, u: Array | None, troubles: list[Trouble]) -> tuple[Array, Array] | None:
    """Solve the bordered system by LDLᵀ; None if it is singular to working precision."""
    n = len(A)
    M, right = bordered(A, B, alpha, u)
    *_, x, rcond, _, _, info = lapack.dsysvx(M, right, overwrite_a=1, overwrite_b=1)
    if info != 0 or not rcond >= np.finfo(A.dtype).eps:
        return None
    troubles.append(Trouble("ldlt", float(rcond), n))
    return x[:n], x[n] if u is not None else np.zeros(B.shape[1])


def bordered(A: Array, B: Array, alpha: float, u: Array | None) -> tuple[Array, Array]:
    """Return [[A + alpha I, u], [u', 0]] and [B, 0] in float64, in Fortran's order, for LAPACK."""
    n, size = len(A), len(A) + (u is not None)
    check_memory(16 * size * size, f"The factor of {n} rows of a matrix that is not definite", "Take fewer rows.")
    M, right = np.zeros((size, size), order="F"), np.zeros((size, B.shape[1]), order="F")
    M[:n, :n], right[:n] = A, B
    M[np.diag_indices(n)] += alpha
    if u is not None:
        M[:n, n] = M[n, :n] = u
    return M, right


class Spectrum:
    """The eigenvectors of A, or of A with the border projected out, in float64."""

    def __init__(self, A: Array, u: Array | None, definite: bool) -> None:
        n = len(A)
        check_memory(24 * n * n, f"The eigenvectors of a singular {n} x {n} system", "Raise alpha.")
        self.u = None if u is None else u / np.linalg.norm(u)
        self.length = 1.0 if u is None else float(np.linalg.norm(u))
        self.A = A
        P = A.astype(np.float64)
        if self.u is not None:
            take_out(P, self.u)
        self.values, self.vectors = eigh(P, overwrite_a=True, check_finite=False)
        self.noise = n * np.finfo(A.dtype).eps * np.abs(self.values).max()
        if definite:
            # A negative eigenvalue shows how large the rounding errors are that A was made with.
            self.noise = max(self.noise, -2 * self.values[0])

    def solve(self, B: Array, alpha: float, troubles: list[Trouble]) -> tuple[Array, Array]:
        """Solve in the space of the eigenvalues that are not rounding errors, for B orthogonal to the border."""
        shifted = self.values + alpha
        kept = np.abs(shifted) > self.noise
        vectors = self.vectors[:, kept]
        coef = vectors @ ((vectors.T @ B) / shifted[kept, None])
        size = np.abs(shifted)
        rcond = float(size.min() / size.max()) if size.max() > 0 else 0.0
        troubles.append(Trouble("eigen", rcond, int(kept.sum())))
        if self.u is None:
            return coef, np.zeros(B.shape[1])
        # The border itself has the eigenvalue zero, so rounding in that direction was divided by alpha alone.
        coef -= np.outer(self.u, self.u @ coef)
        return coef, (self.u @ (B - self.A @ coef)) / self.length


def take_out(P: Array, u: Array) -> None:
    """Project the unit vector `u` out of a symmetric matrix, in place."""
    product = P @ u
    product -= u * (u @ product) / 2
    for rows in row_blocks(len(P), MIRROR_ROWS):
        P[rows] -= np.outer(u[rows], product) + np.outer(product[rows], u)


def residual(A: Array, X: Array, B: Array, alpha: Array, u: Array | None, offset: Array, size: Array) -> float:
    """Return the largest residual of a column of the whole system, relative to `size`."""
    left = B - (A @ X.astype(A.dtype)) - X * alpha
    if u is not None:
        left = np.vstack([left - np.outer(u, offset), u @ X])
    norms = np.linalg.norm(left, axis=0)
    return float(np.max(np.divide(norms, size, out=norms.copy(), where=size > 0), initial=0.0))


def mirror(A: Array, diagonal: Array) -> None:
    """Restore the diagonal, and the lower triangle from the upper one."""
    for rows in row_blocks(len(A), MIRROR_ROWS):
        upper = np.triu(A[rows, rows], 1)
        A[rows, rows] = upper + upper.T
        A[rows.stop :, rows] = A[rows, rows.stop :].T
    np.fill_diagonal(A, diagonal)


def describe(trouble: Trouble, n: int, dtype: object) -> str:
    """Say what was done instead of Cholesky, why, and what would help."""
    what = f"took the solution of smallest norm, of rank {trouble.rank} of {n}"
    why = f"The ridge system is singular to working precision (rcond = {trouble.rcond:.2g}): {what}"
    if trouble.solver == "ldlt":
        why = f"The kernel matrix plus alpha is indefinite: solved by LDLᵀ (rcond = {trouble.rcond:.2g})"
    return f"{why}. Raise alpha{', or pass float64 data' if dtype == np.float32 else ''}."
