"""A triangle of the columns of rows, and of their penalty, that rounds every column and every row by itself."""

import numpy as np

from widelearn.ridge.lapack import triangle, triangular_solve
from widelearn.runtime import Array, check_memory


class GradedFactor:
    """A A' + alpha I = D⁻¹ R'R D⁻¹ for scaled rows A (n, p), orthogonal to their weights' roots where those are given.

    R is the triangle of [A'; √alpha I] D, the largest of its rows first, D powers of two. So columns of unlike
    lengths and rows far out do not blur the others. Costs 2 n² (n + p) flops.

    Source: Cox & Higham, "Stability of Householder QR factorization for weighted least squares problems", in Numerical
    Analysis 1997, 1998.
    """

    def __init__(self, A: Array, alpha: float, root: Array | None) -> None:
        n, p = A.shape
        check_memory(8 * 2 * n * (n + p + 1), f"A triangle of {n} rows and {p} features", "Raise alpha.")
        self.unit = np.zeros(n) if root is None else root / np.linalg.norm(root)
        # The direction of the intercept is larger than all others, so that none mixes with it.
        B = np.vstack([A.T, alpha**0.5 * np.eye(n), 2.0 * np.linalg.norm(A) * self.unit])
        norms = np.linalg.norm(B, axis=0)
        self.D = np.ldexp(1.0, -np.frexp(np.where(norms > 0.0, norms, 1.0))[1])
        B *= self.D
        B = B[np.argsort(-np.abs(B).max(axis=1), kind="stable")]
        self.R = triangle(B)

    def __call__(self, B: Array) -> Array:
        """Return (A A' + alpha I)⁻¹ B, without the part along the roots."""
        X = self.D[:, None] * (B - np.outer(self.unit, self.unit @ B))
        X = self.D[:, None] * triangular_solve(self.R, triangular_solve(self.R, X, transposed=True))
        return X - np.outer(self.unit, self.unit @ X)
