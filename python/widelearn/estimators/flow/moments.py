"""Eigenvalues of second moments of features, also of columns of unlike lengths, and how exact they are."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from widelearn.ridge.lapack import eigh, svd
from widelearn.ridge.normal_equations import EPS
from widelearn.runtime import Array, check_memory

# Lengths of the longest column over those of the shortest, from which on each is rounded by itself.
UNLIKE = 1e3


class Decomposed(NamedTuple):
    """A = V diag(λ) V', the coordinates V' B of right-hand sides (k, t), and their squares over λ.

    `relative` (k,) are errors of eigenvalues beside themselves.
    """

    values: Array
    vectors: Array
    projected: Array
    energies: Array
    relative: Array


def decomposed(A: Array, B: Array, least: Array) -> Decomposed:
    """Decompose second moments A (p, p), which is destroyed; columns of squares up to `least` (p,) are constant."""
    constant = A.diagonal() <= least
    A[constant] = A[:, constant] = 0.0
    B = np.where(constant[:, None], 0.0, B)
    if are_unlike(A.diagonal()):
        return _graded(A, B)
    values, vectors = eigh(A)
    largest = float(values.max(initial=0.0))
    noise = max(len(A) * EPS * largest, -2.0 * float(values.min(initial=0.0)))
    values = np.where(values > noise, values, 0.0)
    projected, seen = vectors.T @ B, values > 0.0
    divisor = np.where(seen, values, 1.0)
    energies = np.where(seen[:, None], projected**2 / divisor[:, None], 0.0)
    return Decomposed(values, vectors, projected, energies, EPS * largest / divisor * seen)


def are_unlike(squares: Array) -> bool:
    """Whether columns of these squared lengths, where they are any, are to be rounded each by itself."""
    seen = np.sqrt(squares[squares > 0.0])
    return bool(seen.size and seen.max() > UNLIKE * seen.min())


def _graded(A: Array, B: Array) -> Decomposed:
    """Decompose A = D C D, D lengths of columns, by eigenvectors of C and singular vectors of D Q √Γ.

    Errors of C beside its own smallest eigenvalue are those of eigenvalues of A beside themselves, at most, and
    singular vectors lose no squares.

    Source: Demmel & Veselić, "Jacobi's method is more accurate than QR", SIAM J. Matrix Anal. Appl. 13, 1992.
    """
    p, diagonal = len(A), A.diagonal()
    check_memory(48 * p * p, f"The singular vectors of {p} features", "Take fewer features, or scale them alike.")
    # Powers of two, the longest first.
    order = np.argsort(-diagonal, kind="stable")
    D = np.ldexp(1.0, np.frexp(diagonal)[1] // 2)[order]
    C = A[np.ix_(order, order)]
    C /= D[:, None]
    C /= D
    gamma, Q = eigh(C)
    kept = gamma > max(p * EPS * float(gamma.max(initial=0.0)), -2.0 * float(gamma.min(initial=0.0)))
    root, Q = np.sqrt(gamma[kept]), Q[:, kept]
    V, s, Ut = svd(np.ascontiguousarray(D[:, None] * (Q * root)))
    # Errors of C, EPS each, as an eigenvector meets them.
    error = EPS * np.maximum(D**2 @ V**2 / s**2, s.max(initial=0.0) / s)
    along = Ut @ ((Q.T @ (B[order] / D[:, None])) / root[:, None])
    vectors = np.empty_like(V)
    vectors[order] = V
    return Decomposed(s**2, vectors, s[:, None] * along, along**2, error)
