"""A factor of a positive semidefinite matrix with a ridge, for quadratic forms of its inverse."""

import numpy as np
from scipy.linalg.lapack import dtrtri

from widelearn.ridge.certificate import LOST, POWERS, blur, roundoff
from widelearn.ridge.equilibrated import mirror
from widelearn.ridge.lapack import by_rows, cholesky, clear_above, eigh, inverse_diagonal, triangular_solve
from widelearn.runtime import Array, check_memory


class RidgeFactor:
    """M + alpha I = L L', or its eigenvectors where rounding leaves no factor; M is destroyed.

    Directions of eigenvalues that are rounding errors, where alpha is none either, are left out of the inverse.
    """

    def __init__(self, M: Array, alpha: float) -> None:
        n = len(M)
        self.alpha, self.blur = alpha, blur(M.diagonal(), None, roundoff(np.float64))
        check_memory(8 * n * n, f"The factor of {n} rows", "Take fewer rows, or solver='nystrom'.")
        self.values: Array | None = None
        own = by_rows(M)
        diagonal = own.diagonal().copy()
        own[np.diag_indices(n)] += alpha
        try:
            self.factor = cholesky(own)
            clear_above(self.factor)
            return
        except np.linalg.LinAlgError:
            # What lies above the diagonal stayed.
            mirror(own)
            np.fill_diagonal(own, diagonal)
        values, vectors = eigh(own)
        noise = n * np.finfo(np.float64).eps * float(np.abs(values).max(initial=0.0))
        shifted = np.maximum(values, 0.0) + alpha
        self.values, self.factor, self.shifted = np.where(shifted > noise, shifted, 0.0), vectors, shifted

    def squares(self, B: Array) -> Array:
        """Return b' (M + alpha I)⁻¹ b for every column of B."""
        if self.values is None:
            return np.square(triangular_solve(self.factor, B, lower=True)).sum(axis=0)
        seen = self.values > 0.0
        return np.square(self.factor[:, seen].T @ B / np.sqrt(self.values[seen])[:, None]).sum(axis=0)

    def norms(self, B: Array) -> Array:
        """Return b' (M + alpha I) b for every column of B."""
        turned = self.factor.T @ B
        return np.square(turned if self.values is None else np.sqrt(self.values)[:, None] * turned).sum(axis=0)

    def outside(self, B: Array) -> Array:
        """Return the squares of what every column of B has in the directions that are left out."""
        if self.values is None:
            return np.zeros(B.shape[1])
        return np.square(self.left_out().T @ B).sum(axis=0)

    def left_out(self) -> Array:
        """Return the directions (n, k) that are left out of the inverse, orthonormal."""
        return self.factor[:, self.values == 0.0] if self.values is not None else np.zeros((len(self.factor), 0))

    def log_determinant(self) -> float:
        """Return log |M + alpha I|, of directions that are left out too; minus infinity where alpha is 0 there."""
        with np.errstate(divide="ignore"):
            if self.values is None:
                return float(2.0 * np.log(self.factor.diagonal()).sum())
            return float(np.log(self.shifted).sum())

    def solve(self, B: Array) -> Array:
        """Return (M + alpha I)⁻¹ B."""
        if self.values is None:
            return triangular_solve(
                self.factor, triangular_solve(self.factor, B, lower=True), lower=True, transposed=True
            )
        seen = self.values > 0.0
        V = self.factor[:, seen]
        return np.asarray(V @ ((V.T @ B) / self.values[seen, None]))

    def inverse_diagonal(self) -> Array:
        """Return the diagonal of (M + alpha I)⁻¹."""
        if self.values is None:
            return inverse_diagonal(self.factor.copy())
        seen = self.values > 0.0
        return np.asarray((np.square(self.factor[:, seen]) / self.values[seen]).sum(axis=1))

    def inverse_factor(self) -> Array | None:
        """Return L⁻¹, lower triangular, by n³ / 3 flops; None where there are eigenvectors instead."""
        if self.values is not None:
            return None
        n = len(self.factor)
        check_memory(16 * n * n, f"The inverse factor of {n} rows", "Take fewer features.")
        # L, C-contiguous, is an upper triangle by columns; all that is above L's diagonal is zero.
        found, _ = dtrtri(self.factor.T, lower=0)
        return np.asarray(found.T)

    def log_error(self) -> float:
        """Return about how far rounding of M moves the log determinant: eigenvalues independently, by `blur`."""
        n, alpha = len(self.factor), self.alpha
        error = self.blur * n**0.5 / alpha if alpha > 0.0 else np.inf
        if not LOST < error < np.inf:
            return error
        if self.values is not None:
            return float(self.blur * np.linalg.norm(1.0 / self.shifted))
        check_memory(16 * n * n, f"The inverse factor of {n} rows", "Raise alpha.")
        # The trace of the inverse, none of whose eigenvalues is above 1/alpha.
        trace = np.square(triangular_solve(self.factor, np.eye(n), lower=True)).sum()
        return float(self.blur * np.sqrt(trace / alpha))

    def largest(self) -> float:
        """Return a lower bound of the largest eigenvalue, within percents of it."""
        if self.values is not None:
            return float(self.shifted.max(initial=0.0))
        vector, value = np.sqrt(np.square(self.factor).sum(axis=1)), 0.0
        for _ in range(POWERS):
            vector = self.factor @ (self.factor.T @ (vector / np.linalg.norm(vector)))
            value = float(np.linalg.norm(vector))
        return value
