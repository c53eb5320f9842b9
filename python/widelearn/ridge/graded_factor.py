"""A triangle of the columns of rows, and of their penalty, that rounds every column and every row by itself."""

import numpy as np

from widelearn.ridge.lapack import qr, triangle, triangular_solve
from widelearn.runtime import Array, check_memory

# Columns that are pivoted, one after another, at most.
MOST_PIVOTS = 512


class GradedFactor:
    """A A' + alpha I = D⁻¹ R'R D⁻¹ for scaled rows A (n, p), orthogonal to their weights' roots where those are given.

    Q R = [A'; √alpha I] D, the largest of its rows first, D powers of two, its columns pivoted where they are few. So
    columns of unlike lengths and rows far out do not blur the others. Costs 8 n² (n + p) flops.

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
        largest = np.argsort(-np.abs(B).max(axis=1), kind="stable")
        B = B[largest]
        # Rows keep digits of their own where every column is the one of which most is left.
        self.order = pivots(triangle(B.copy())) if n <= MOST_PIVOTS else np.arange(n)
        Q, self.R = qr(B[:, self.order])
        self.Q = Q[np.argsort(largest)[:p]]

    def __call__(self, right: Array, gap: Array | None = None) -> tuple[Array, Array]:
        """Return δv and δc of (A A' + alpha I) δv = right - A gap and δc = A' δv + gap, without a part along roots.

        No product with A or A' is formed, in which digits would cancel: δc is Q R'⁻¹ right + (I - Q Q') gap.

        Source: Björck, "Iterative refinement of linear least squares solutions I", BIT 7, 1967.
        """
        X = self.D[:, None] * (right - np.outer(self.unit, self.unit @ right))
        half = triangular_solve(self.R, X[self.order], transposed=True)
        turn = self.Q @ half
        if gap is not None:
            along = self.Q.T @ gap
            turn += gap - self.Q @ along
            half -= along
        X[self.order] = triangular_solve(self.R, half)
        X *= self.D[:, None]
        return X - np.outer(self.unit, self.unit @ X), turn


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
