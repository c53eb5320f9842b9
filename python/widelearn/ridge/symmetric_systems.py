"""Symmetric linear systems with a ridge, and their solutions: Cholesky, and what is left when that fails."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import _check_sample_weight

from widelearn.ridge.complaints import complain_once
from widelearn.ridge.equilibrated import MIRROR_ROWS, Equilibrated
from widelearn.ridge.lapack import eigh, inverse_diagonal, ldlt_solve, svd
from widelearn.ridge.normal_equations import lengths
from widelearn.runtime import Array, check_memory, row_blocks

# Shares of a solution along the border from which on that is projected out of the system instead.
SLIP = 1e-10


class Solution(NamedTuple):
    """The solution of a ridge problem, and how it was found.

    Coefficients (m, t) are those of m features, or dual ones of m rows, zero for rows of weight zero; offsets (t,) are
    the intercepts, or the values at the features' `center`, where one is kept. The residual is that of the whole system
    relative to its right-hand side, of the worst column or of each; zero where it was not looked at. Conjugate
    gradients have the rank of their preconditioner, and what is left of right-hand sides, S y - (S K S + alpha I) β.
    Dual solutions have the estimated error of their fit, relative to the targets.
    """

    coef: NDArray[Any]
    offset: NDArray[Any]
    solver: str
    residual: Any = 0.0
    n_iter: int = 1
    rank: int = 0
    left: NDArray[np.float64] | None = None
    # The reciprocal condition number of the equilibrated system, of the worst column.
    rcond: float = 1.0
    # The features' centre (p,), None for zero, and how many spreads of theirs it may be away from zero.
    center: Array | None = None
    distance: float = 0.0
    error: float = 0.0
    # Of features whose system was one of rows: the dual coefficients (n, t), where inverses were asked for.
    dual: Array | None = None

    @property
    def intercept(self) -> Array:
        """The values where all features are zero."""
        return self.offset if self.center is None else np.asarray(self.offset - self.center @ self.coef)


class Inverse(NamedTuple):
    """What is known of the inverse of a positive definite matrix: its diagonal, and its product with the border."""

    diagonal: Array
    border: Array | None

    @property
    def projected(self) -> Array:
        """The diagonal of the inverse with a border of ones projected out."""
        return self.diagonal if self.border is None else self.diagonal - self.border**2 / self.border.sum()


# Those of one matrix with penalties, by penalty.
Inverses = dict[float, Inverse]


class Trouble(NamedTuple):
    """Why a system was not solved by Cholesky."""

    solver: str
    rcond: float
    rank: int


def check_alpha(alpha: ArrayLike, n_targets: int) -> NDArray[np.float64]:
    """Return the penalties as one finite non-negative number a target."""
    try:
        a = np.asarray(alpha, dtype=np.float64)
    except OverflowError as error:
        raise ValueError(f"alpha must be finite and non-negative, got a number beyond float64 ({error}).") from error
    if a.ndim > 1 or a.size not in (1, n_targets):
        raise ValueError(
            f"alpha has shape {a.shape}, but there are {n_targets} targets: give one number, or one a target."
        )
    if not (np.isfinite(a).all() and (a >= 0).all()):
        raise ValueError(f"alpha must be finite and non-negative, got {alpha!r}.")
    return a if a.shape == (n_targets,) else np.full(n_targets, a.ravel()[0])


def check_weight(sample_weight: ArrayLike, rows: Array) -> NDArray[np.float64]:
    """Return one finite non-negative weight a row, some of them positive."""
    weight = _check_sample_weight(sample_weight, rows, dtype=np.float64, ensure_non_negative=True)
    if not weight.any():
        raise ValueError("All sample weights are zero: give at least one row a positive weight.")
    return weight


def solve_symmetric(
    A: Array,
    B: Array,
    alpha: NDArray[np.float64],
    *,
    border: Array | None = None,
    definite: bool = True,
    fallback: bool = True,
    inverses: Inverses | None = None,
) -> Solution:
    """Solve (A + alpha I) X + u b' = B with u'X = 0, one alpha a column of B; without a border, (A + alpha I) X = B.

    Rank and condition are those of the equilibrated system, so that units do not matter. Cholesky first. If that fails
    or its reciprocal condition number is below the machine epsilon, an indefinite A is solved by LDLᵀ of the whole
    system, and what is singular by the eigenvectors whose eigenvalues are not rounding errors: the solution of smallest
    norm. Either way says so in one LinAlgWarning; without `fallback` it is a LinAlgError instead, and A is as it was.
    `inverses` takes that of A + alpha I in float64, for every alpha of which there is a factor in A's own units.

    The lower triangle and the diagonal of A (n, n) are destroyed; `definite` says whether A is positive semidefinite
    but for rounding, False allows LDLᵀ. X comes in the dtype of A, and with it the solver of the worst column, and the
    residual of the whole system relative to B.
    """
    u = None if border is None else border.astype(np.float64)
    # Solving for what an intercept alone leaves over keeps the digits of targets far from zero.
    origin = np.zeros(B.shape[1]) if u is None else (u @ B) / (u @ u)
    right = B if u is None else B - np.outer(u, origin)
    diagonal = checked_diagonal(A, right)
    coef, offset, rcond = np.empty(B.shape), np.zeros(B.shape[1]), 1.0
    troubles: list[Trouble] = []
    for value in np.unique(alpha) if len(alpha) > 1 else alpha:
        columns = alpha == value
        with Equilibrated(A, diagonal, value) as system:
            found: tuple[Any, ...] | None = by_cholesky(system, right[:, columns], u, mixed=inverses is None)
            if inverses is not None and found is not None and system.D is None and A.dtype == np.float64:
                # The factor is destroyed, which leaves the system with its upper triangle.
                solved = None if u is None else system.correct(u[:, None])[:, 0]
                inverses[float(value)] = Inverse(inverse_diagonal(A), solved)
        if u is not None and (found is None or slips(found[0], u).max(initial=0.0) > SLIP):
            found = projected_solution(A, right[:, columns], value, u) or found
        if found is None and not fallback:
            raise np.linalg.LinAlgError(f"A {A.dtype} factor of {len(A)} rows does not hold alpha = {value:.2g}.")
        if found is None:
            found = without_cholesky(A, diagonal, right[:, columns], value, u, definite, troubles)
        coef[:, columns], offset[columns] = found[:2]
        rcond = min(rcond, *found[2:], *(trouble.rcond for trouble in troubles))
    worst = min(troubles, key=lambda trouble: trouble.rcond, default=None)
    if worst is not None:
        complain_once(describe(worst, len(A), A.dtype), singular=True, severity=-worst.rcond)
    X = coef.astype(A.dtype)
    relative = residual(A, X.astype(np.float64), right, alpha, u, offset, lengths(B))
    return Solution(X, offset + origin, worst.solver if worst else "cholesky", relative, rcond=rcond)


def without_cholesky(
    A: Array, diagonal: Array, B: Array, alpha: float, u: Array | None, definite: bool, troubles: list[Trouble]
) -> tuple[Array, Array]:
    """Return solutions and offsets of a system that has no Cholesky factor; A stays."""
    found = None if definite else by_ldlt(A, B, alpha, u, troubles)
    if found is not None:
        return found
    size, offset = np.linalg.norm(B, axis=0), np.zeros(B.shape[1])
    for alike in (False, True):
        with Equilibrated(A, diagonal, alpha, alike=alike) as system:
            coef = singular_solution(system, B, u, definite, troubles)
        if u is not None:
            offset = (u @ (B - A @ coef)) / (u @ u)
        # What scales drop is not orthogonal to what they keep: where no solution fits, that can be worse than nothing.
        if system.D is None or residual(A, coef, B, np.full(len(size), alpha), u, offset, size) <= 1.0:
            break
        troubles.pop()
    return coef, offset


def checked_diagonal(A: Array, B: Array) -> Array:
    """Return a copy of the diagonal; refuse a system whose numbers overflow."""
    diagonal = A.diagonal().copy()
    # |A_ij|² <= A_ii A_jj: where the diagonal is finite everything is.
    if not (np.isfinite(diagonal).all() and np.isfinite(B).all()):
        raise ValueError(f"The squares of the features overflow {A.dtype}. Scale the features down.")
    return diagonal


def by_cholesky(
    system: Equilibrated, B: Array, u: Array | None, *, mixed: bool = False
) -> tuple[Array, Array, float] | None:
    """Solve by Cholesky, eliminating the border; None if the system is not positive definite to working precision."""
    found = system.solve(B if u is None else np.column_stack([B, u]), mixed=mixed)
    if found is None or not found[1] >= np.finfo(system.A.dtype).eps:
        return None
    solved, rcond = found
    if u is None:
        return solved, np.zeros(B.shape[1]), rcond
    offset = (u @ solved[:, :-1]) / (u @ solved[:, -1])
    return solved[:, :-1] - np.outer(solved[:, -1], offset), offset, rcond


def projected_solution(A: Array, B: Array, alpha: float, u: Array) -> tuple[Array, Array, float] | None:
    """Solve with the border projected out of A, for B orthogonal to it; None where that is singular.

    Eliminating the border loses all digits where A + alpha I has a small eigenvalue near it that the bordered system
    has not, as inner products about the mean of unweighted rows have under weights.
    """
    n = len(A)
    check_memory(8 * n * n, f"A copy of the system of {n} rows", "Take fewer rows.")
    P, unit = A.astype(np.float64), u / np.linalg.norm(u)
    take_out(P, unit)
    # As large as the others in the border's own direction, where the solution is zero.
    lead = float(np.abs(P.diagonal()).mean())
    for rows in row_blocks(n, MIRROR_ROWS):
        P[rows] += np.outer(lead * unit[rows], unit)
    found = by_cholesky(Equilibrated(P, P.diagonal().copy(), alpha), B, None)
    if found is None:
        return None
    X = found[0] - np.outer(unit, unit @ found[0])
    return X, (u @ (B - A @ X)) / (u @ u), found[2]


def slips(X: Array, u: Array) -> Array:
    """Return how far columns are from orthogonal to the border, beside their lengths."""
    size = lengths(X) * np.linalg.norm(u)
    return np.abs(u @ X) / np.where(size > 0.0, size, 1.0)


def by_ldlt(A: Array, B: Array, alpha: float, u: Array | None, troubles: list[Trouble]) -> tuple[Array, Array] | None:
    """Solve the bordered system by LDLᵀ; None if it is singular to working precision."""
    n = len(A)
    M, right = bordered(A, B, alpha, u)
    x, rcond = ldlt_solve(M, right)
    if not rcond >= np.finfo(A.dtype).eps:
        return None
    troubles.append(Trouble("ldlt", rcond, n))
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


def singular_solution(
    system: Equilibrated, B: Array, u: Array | None, definite: bool, troubles: list[Trouble]
) -> Array:
    """Solve in the space of the eigenvalues of M that are not rounding errors, for B orthogonal to the border."""
    n, dtype = len(system.A), system.A.dtype
    check_memory(32 * n * n, f"The eigenvectors of a singular {n} x {n} system", "Raise alpha.")
    M, border = system.matrix(), None
    if u is not None:
        border = system.turned(u[:, None])[:, 0]
        border = border / np.linalg.norm(border)
        take_out(M, border)
    values, vectors = eigh(M)
    noise = n * np.finfo(dtype).eps * np.abs(values).max()
    if definite:
        # A negative eigenvalue shows how large the rounding errors are that A was made with.
        noise = max(noise, -2 * values[0])
    kept = np.abs(values) > noise
    null = vectors[:, ~kept]
    if border is not None:
        # The border has the eigenvalue zero, but no solution has a part in it.
        directions, sizes, _ = svd(null - np.outer(border, border @ null))
        null = directions[:, sizes > 0.5]
    null = system.turned(null)
    right = system.turned(take_out_null(B, null))
    coef = system.turned(vectors[:, kept] @ ((vectors[:, kept].T @ right) / values[kept, None]))
    coef = take_out_null(coef, null)
    size = np.abs(values) if border is None else np.sort(np.abs(values))[1:]
    rcond = float(size.min() / size.max()) if size.any() else 0.0
    troubles.append(Trouble("eigen", rcond, int(kept.sum())))
    return coef if u is None else coef - np.outer(u, (u @ coef) / (u @ u))


def take_out_null(coef: Array, null: Array) -> Array:
    """Return vectors less their parts in the span of columns that change nothing: solutions of smallest norm."""
    if not null.size:
        return coef
    size = np.linalg.norm(null, axis=0)
    null = null / np.where(size > 0.0, size, 1.0)
    return np.asarray(coef - null @ np.linalg.lstsq(null, coef, rcond=None)[0])


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
        # Small kernels make large dual coefficients: their sum is taken in the units of targets.
        level = np.minimum(float(np.abs(A.diagonal()).max(initial=0.0)) + alpha, 1.0)
        left = np.vstack([left - np.outer(u, offset), (u @ X) * level])
    norms = lengths(left)
    return float(np.max(np.divide(norms, size, out=norms.copy(), where=size > 0), initial=0.0))


def describe(trouble: Trouble, n: int, dtype: object) -> str:
    """Say what was done instead of Cholesky, why, and what would help."""
    what = f"took the solution of smallest norm, of rank {trouble.rank} of {n}"
    why = f"The ridge system is singular to working precision (rcond = {trouble.rcond:.2g}): {what}"
    if trouble.solver == "ldlt":
        why = f"The kernel matrix plus alpha is indefinite: solved by LDLᵀ (rcond = {trouble.rcond:.2g})"
    return f"{why}. Raise alpha{', or pass float64 data' if dtype == np.float32 else ''}."
