"""Decompositions of dense matrices of doubles: Ctrl-C ends them at once, and other threads run meanwhile.

SciPy's own wrappers of LAPACK keep the interpreter until they end. After an interruption LAPACK goes on in a thread of
its own with the arrays that it was given: what a function here destroys must not be used afterwards.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from widelearn import _core
from widelearn.runtime import one_blas_thread_for, row_blocks

Doubles = NDArray[np.float64]
# Rows of a triangle that are cleared at once.
CLEARED_ROWS = 256


def eigh(A: Doubles) -> tuple[Doubles, Doubles]:
    """Return the eigenvalues of a symmetric matrix in ascending order and its eigenvectors, columns; A is destroyed."""
    work, values = by_rows(A), np.empty(len(A))
    with one_blas_thread_for(len(A)):
        _core.symmetric_eigen(work, values, vectors=True)
    return converged(values), work.T


def cholesky(A: Doubles) -> Doubles:
    """Return L in the lower triangle for A = L L', C-contiguous; A is destroyed, what lies above the diagonal stays."""
    L = by_rows(A)
    _core.cholesky(L)
    return L


def cholesky_solve(L: Doubles, B: Doubles) -> Doubles:
    """Return (L L')⁻¹ B for B (n, t)."""
    X = np.array(B.T, dtype=np.float64, order="C")
    with one_blas_thread_for(len(L)):
        _core.solve_factored(np.require(L, np.float64, ["C", "ALIGNED"]), X)
    return X.T


def inverse_diagonal(L: Doubles) -> Doubles:
    """Return the diagonal of (L L')⁻¹, for L in the lower triangle; L is destroyed."""
    out = np.empty(len(L))
    _core.inverse_diagonal(L, out)
    return out


def clear_above(L: Doubles) -> None:
    """Set what lies above the diagonal of a square matrix to zero."""
    for rows in row_blocks(len(L), CLEARED_ROWS):
        L[rows, rows] = np.tril(L[rows, rows])
        L[rows, rows.stop :] = 0.0


def ldlt_solve(A: Doubles, B: Doubles) -> tuple[Doubles, float]:
    """Return A⁻¹ B for a symmetric A, and its reciprocal condition number, 0 where the LDLᵀ factor is singular."""
    right = np.array(B.T, dtype=np.float64, order="C")
    X = np.zeros_like(right)
    with one_blas_thread_for(len(A)):
        rcond = _core.ldlt_solve(by_rows(A), np.empty(A.shape), right, X)
    return X.T, rcond


def tridiagonal(A: Doubles, B: Doubles) -> tuple[Doubles, Doubles, Doubles]:
    """Return diagonal and off-diagonal of T, A = Q T Q', and Q'B, for a symmetric A, which is destroyed."""
    d, e, right = np.empty(len(A)), np.empty(max(len(A) - 1, 0)), np.array(B.T, dtype=np.float64, order="C")
    with one_blas_thread_for(len(A)):
        _core.symmetric_tridiagonal(by_rows(A), d, e, right)
    return d, e, right.T


def triangle(A: Doubles) -> Doubles:
    """Return R (min(n, p), p), upper triangular, of A = Q R for A (n, p), which is destroyed; R's signs are free."""
    work = np.require(A, np.float64, ["C", "ALIGNED", "WRITEABLE"])
    with one_blas_thread_for(min(A.shape)):
        _core.orthogonal_triangle(work)
    return np.triu(work[: min(A.shape)])


def triangular_solve(
    T: Doubles, B: Doubles, *, lower: bool = False, transposed: bool = False, overwrite: bool = False
) -> Doubles:
    """Return T⁻¹ B, or T'⁻¹ B, for B (n, t) and T the lower or upper triangle of a matrix.

    With `overwrite` the solution takes B's place where B is F-contiguous.
    """
    X = np.require(B.T if overwrite else np.array(B.T, order="C"), np.float64, ["C", "ALIGNED", "WRITEABLE"])
    if T.flags.f_contiguous and not T.flags.c_contiguous:
        T, lower, transposed = T.T, not lower, not transposed
    with one_blas_thread_for(len(T)):
        _core.solve_triangle(np.require(T, np.float64, ["C", "ALIGNED"]), X, lower, transposed)
    return X.T


def qr(A: Doubles) -> tuple[Doubles, Doubles]:
    """Return Q (n, k), F-contiguous, and R (k, p) of A = Q R, k = min(n, p); A is destroyed if it is F-contiguous."""
    work, k = np.require(A.T, np.float64, ["C", "ALIGNED", "WRITEABLE"]), min(A.shape)
    tau = np.empty(k)
    with one_blas_thread_for(k):
        _core.orthogonal_reflectors(work, tau)
        R = np.triu(work[:, :k].T)
        _core.orthogonal_columns(work[:k], tau)
    return work[:k].T, R


def svd(A: Doubles) -> tuple[Doubles, Doubles, Doubles]:
    """Return U (n, k), the singular values (k,) in descending order, and V' (k, p), k = min(n, p); A is destroyed."""
    n, p, k = *A.shape, min(A.shape)
    u, values, vt = np.empty((n, k)), np.empty(k), np.empty((k, p))
    with one_blas_thread_for(k):
        _core.singular_values(np.require(A, np.float64, ["C", "ALIGNED", "WRITEABLE"]), values, (u, vt))
    return u, converged(values), vt


def svdvals(A: Doubles) -> Doubles:
    """Return the singular values in descending order; A is destroyed."""
    values = np.empty(min(A.shape))
    with one_blas_thread_for(len(values)):
        _core.singular_values(np.require(A, np.float64, ["C", "ALIGNED", "WRITEABLE"]), values, None)
    return converged(values)


def tridiagonal_eigvalsh(d: Doubles, e: Doubles) -> Doubles:
    """Return the eigenvalues, ascending, of a tridiagonal matrix with diagonal d and off-diagonal e."""
    values = d.copy()
    _core.tridiagonal_eigen(values, e.copy(), None)
    return converged(values)


def tridiagonal_eigh(d: Doubles, e: Doubles) -> tuple[Doubles, Doubles]:
    """Return these eigenvalues and the eigenvectors, columns."""
    values, vectors = d.copy(), np.empty((len(d), len(d)))
    with one_blas_thread_for(len(d)):
        _core.tridiagonal_eigen(values, e.copy(), vectors)
    return converged(values), vectors.T


def by_rows(A: Any) -> Doubles:
    """Return a symmetric matrix, C-contiguous and of doubles: itself or its transpose where one of them is so."""
    A = A.T if A.flags.f_contiguous and not A.flags.c_contiguous else A
    return np.require(A, np.float64, ["C", "ALIGNED", "WRITEABLE"])


def converged(values: Doubles) -> Doubles:
    """Return eigenvalues or singular values, if they are numbers."""
    if not np.isfinite(values).all():
        raise np.linalg.LinAlgError("The eigenvalues or singular values did not converge: the matrix may hold NaN.")
    return values
