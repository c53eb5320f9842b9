"""A triangle of the columns of rows, and of their penalty, that rounds every column and every row by itself."""

import numpy as np

from widelearn.ridge.lapack import triangle, triangular_solve
from widelearn.runtime import Array, check_memory

# Columns that are pivoted, one after another, at most.
MOST_PIVOTS = 512


class GradedFactor:
    """A A' + alpha I = D⁻¹ R'R D⁻¹ for scaled rows A (n, p), orthogonal to their weights' roots where those are given.

    R is the triangle of [A'; √alpha I] D, the largest of its rows first, D powers of two, its columns pivoted where
    they are few. So columns of unlike lengths and rows far out do not blur the others. Costs 4 n² (n + p) flops.

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
        # Rows keep digits of their own where every column is the one of which most is left.
        self.order = pivots(triangle(B.copy())) if n <= MOST_PIVOTS else np.arange(n)
        self.R = triangle(B[:, self.order])

    def __call__(self, B: Array) -> Array:
        """Return (A A' + alpha I)⁻¹ B, without the part along the roots."""
        X = self.D[:, None] * (B - np.outer(self.unit, self.unit @ B))
        solved = triangular_solve(self.R, triangular_solve(self.R, X[self.order], transposed=True))
        X[self.order] = solved
        X *= self.D[:, None]
        return X - np.outer(self.unit, self.unit @ X)


def pivots(R: Array) -> Array:
    """Return the order of the columns of a square matrix, next the one of which those before leave most."""
    left, order = R, np.arange(len(R))
    for i in range(len(R) - 1):
        lengths = np.linalg.norm(left[:, order[i:]], axis=0)
        best = i + int(np.argmax(lengths))
        order[[i, best]] = order[[best, i]]
        if lengths[best - i] > 0.0:
            unit = left[:, order[i]] / lengths[best - i]
            left = left - np.outer(unit, unit @ left)
    return order
