"""Symmetric systems with rows and columns scaled by powers of two, so that units do not pass for singularity."""

from functools import lru_cache
from typing import Self

import numpy as np
from numpy.typing import NDArray

from widelearn import _core
from widelearn.ridge.lapack import cholesky_solve, inverse_diagonal
from widelearn.runtime import Array, has_room, row_blocks

MIRROR_ROWS = 512
# Rows of small matrices, which are mirrored at once.
FEW = 256
# Scales that differ by no more are left alone: they change a condition number by the square at most.
ALIKE = 8.0
# From so many rows on a factor in float32 saves more than the products that make up for it cost, where its rounding
# errors, in the direction of the smallest penalty, are no more than this share of that.
MIXED_ROWS, MIXED_SHARE = 1500, 0.1


def scales(diagonal: Array, alpha: float) -> NDArray[np.float64] | None:
    """Return powers of two near 1/√(A_jj + alpha); None where they are nearly alike."""
    size = np.abs(diagonal.astype(np.float64)) + alpha
    powers = np.ldexp(1.0, -(np.frexp(size)[1] // 2))
    powers[size == 0.0] = 1.0
    return None if powers.max(initial=1.0) <= ALIKE * powers.min(initial=np.inf) else powers


class Equilibrated:
    """M = D (A + alpha I) D with a diagonal near one, in place of A; D is a power of two in every row, so exact.

    With `alike` nothing is scaled. Of A (n, n), symmetric, the upper triangle stays while the lower one becomes a
    factor: :meth:`restore` gives A back,
    as the end of a with statement does.
    """

    def __init__(self, A: Array, diagonal: Array, alpha: float, *, alike: bool = False) -> None:
        self.A, self.diagonal, self.alpha = A, diagonal, float(alpha)
        self.D = None if alike else scales(diagonal, alpha)
        # Whether A is as it was but for its scales.
        self.whole = True
        if self.D is not None:
            scale(A, self.D)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.restore()

    @property
    def ridge(self) -> float | Array:
        """What M has on its diagonal beside D A D."""
        return self.alpha if self.D is None else self.alpha * self.D * self.D

    def turned(self, B: Array) -> Array:
        """Return D B, for right-hand sides as well as for solutions."""
        return B if self.D is None else self.D[:, None] * B

    def solve(self, B: Array, *, mixed: bool = False) -> tuple[Array, float] | None:
        """Return (A + alpha I)⁻¹ B and the reciprocal condition number of M; None where M is not positive definite.

        `mixed` allows a factor in float32 of a matrix in float64 where that gives a residual as small: it leaves no
        factor behind.
        """
        # A copy: the core solves in place.
        X = np.array(self.turned(B), dtype=self.A.dtype, order="C")
        found = self._solve_mixed(X) if mixed else None
        if found is not None:
            return self.turned(X), found
        self.whole = False
        try:
            rcond, _ = _core.cholesky_solve(self.A, X, self.ridge)
        except np.linalg.LinAlgError:
            return None
        return self.turned(X.astype(np.float64, copy=False)), rcond

    def _solve_mixed(self, X: Array) -> float | None:
        """Solve in place by a factor in float32 and conjugate gradients, None where that is not worth a try or fails.

        Returns the reciprocal condition number of M.
        """
        n = len(self.A)
        if self.A.dtype != np.float64 or n < MIXED_ROWS or not has_room(4 * n * n):
            return None
        scale = 1.0 if self.D is None else self.D
        ridge = np.broadcast_to(np.asarray(self.ridge, np.float64), (n,)).copy()
        size = scale * np.abs(self.diagonal) * scale + ridge
        moved = np.finfo(np.float32).eps / 2 * float(np.sqrt(size.sum()) * np.sqrt(size.max()))
        if not moved <= MIXED_SHARE * ridge.min():
            return None
        found = _core.mixed_solve(self.A, X, ridge)
        return None if found is None else found[0]

    def correct(self, B: Array) -> Array:
        """Return (A + alpha I)⁻¹ B from the factor that :meth:`solve` has left."""
        return self.turned(cholesky_solve(self.A, self.turned(B)))

    def inverse_trace(self) -> float:
        """Return the trace of (A + alpha I)⁻¹ from the factor that :meth:`solve` has left."""
        diagonal = inverse_diagonal(self.A.astype(np.float64))
        return float(np.sum(diagonal if self.D is None else self.D * diagonal * self.D))

    def matrix(self) -> NDArray[np.float64]:
        """Return M in float64."""
        mirror(self.A)
        M = self.A.astype(np.float64)
        D = 1.0 if self.D is None else self.D
        M[np.diag_indices(len(M))] = D * self.diagonal.astype(np.float64) * D + self.ridge
        return M

    def restore(self) -> None:
        """Give A back, as it was."""
        if not self.whole:
            mirror(self.A)
        if self.D is not None:
            scale(self.A, 1.0 / self.D)
        np.fill_diagonal(self.A, self.diagonal)


def scale(A: Array, D: Array) -> None:
    """Scale rows and columns of a symmetric matrix, in place."""
    D = D.astype(A.dtype)
    A *= D[:, None]
    A *= D


@lru_cache(maxsize=4)
def below(n: int) -> NDArray[np.bool_]:
    """Return which entries lie below the diagonal."""
    return np.tri(n, k=-1, dtype=bool)


def mirror(A: Array) -> None:
    """Restore the lower triangle of a symmetric matrix from the upper one."""
    if len(A) <= FEW:
        np.copyto(A, A.T, where=below(len(A)))
        return
    for rows in row_blocks(len(A), MIRROR_ROWS):
        upper = np.triu(A[rows, rows], 1)
        A[rows, rows] = upper + upper.T
        A[rows.stop :, rows] = A[rows, rows.stop :].T
