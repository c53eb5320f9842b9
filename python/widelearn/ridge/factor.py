"""A factor of a positive semidefinite matrix with a ridge, for quadratic forms of its inverse."""

import numpy as np

from widelearn.ridge.lapack import cholesky, eigh, triangular_solve
from widelearn.runtime import Array, check_memory


class RidgeFactor:
    """M + alpha I = L L', or its eigenvectors where rounding leaves no factor; M is destroyed.

    Directions of eigenvalues that are rounding errors, where alpha is none either, are left out of the inverse.
    """

    def __init__(self, M: Array, alpha: float) -> None:
        n = len(M)
        self.alpha, self.noise = alpha, 0.0
        check_memory(8 * n * n, f"The factor of {n} rows", "Take fewer rows, or solver='nystrom'.")
        own = M.copy()
        own[np.diag_indices(n)] += alpha
        self.values: Array | None = None
        try:
            self.factor = np.tril(cholesky(own))
            return
        except np.linalg.LinAlgError:
            pass
        values, vectors = eigh(M)
        noise = n * np.finfo(np.float64).eps * float(np.abs(values).max(initial=0.0))
        shifted = np.maximum(values, 0.0) + alpha
        self.values, self.factor = np.where(shifted > noise, shifted, 0.0), vectors

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
        return np.square(self.factor[:, self.values == 0.0].T @ B).sum(axis=0)

    def log_determinant(self) -> float:
        """Return log |M + alpha I|, minus infinity where directions are left out."""
        with np.errstate(divide="ignore"):
            if self.values is None:
                return float(2.0 * np.log(self.factor.diagonal()).sum())
            return float(np.log(self.values).sum())
