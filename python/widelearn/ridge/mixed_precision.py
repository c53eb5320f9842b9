"""Ridge solutions from single-precision moments, refined in double precision by further passes over the rows."""

import numpy as np
from scipy.linalg import lapack

from widelearn import _core
from widelearn.ridge.moments import Moments
from widelearn.ridge.primal_path import Blocks
from widelearn.ridge.symmetric_systems import Solution
from widelearn.runtime import Array, check_memory

# Relative errors in the norm of fitted values: what is left when refinement ends, what its first correction may be.
LEFT = 1e-10
TOO_LARGE = 0.1
# A first correction of relative size s says that errors shrink by about s a pass, in the worst direction by so much
# less.
WORSE = 100.0
PASSES = 8
# Squared means beyond so many variances are taken out before features are multiplied.
FAR = 1e4


class Factors:
    """The Cholesky factors of A + alpha I, one for every distinct penalty of the targets; A is destroyed."""

    def __init__(self, A: Array, alpha: Array) -> None:
        penalties, self.which = np.unique(alpha, return_inverse=True)
        self.factors = [A if at == len(penalties) - 1 else A.copy() for at in range(len(penalties))]
        for matrix, penalty in zip(self.factors, penalties, strict=True):
            matrix[np.diag_indices(len(A))] += penalty
            _core.cholesky(matrix)

    def solve(self, right: Array) -> Array:
        """Return the solutions for right-hand sides (p, t)."""
        out = np.empty_like(right)
        for at, factor in enumerate(self.factors):
            # LAPACK sees the lower triangle by rows as an upper one by columns.
            out[:, self.which == at] = lapack.dpotrs(factor.T, right[:, self.which == at], lower=0)[0]
        return out


def solve_refined(
    moments: Moments, alpha: Array, blocks: Blocks, y: Array, weight: Array | None, *, fit_intercept: bool
) -> Solution | None:
    """Solve the ridge problem of all rows by iterative refinement with an approximate factor.

    With c the solution so far, A the moments' matrix and r the residuals of all rows in double precision, the
    correction is (A + alpha I)⁻¹ (Z'W r - alpha c). Its size is that of the error before it, and its ratio to the last
    one the rate at which errors shrink; one pass is enough where single precision was nearly so.

    The moments are of features in single precision, and destroyed; blocks of rows come with features in double
    precision, every time anew. None says that the corrections do not shrink: then double precision must do all.
    """
    p, t = moments.n_features, moments.n_targets
    n_factors = len(np.unique(alpha))
    check_memory(8 * p * p * n_factors, f"The factors of {n_factors} penalties", "Pass one penalty.")
    zz, center = moments.zz, moments.mean_z if fit_intercept else np.zeros(p)
    # Far from zero, features lose in products the digits that their mean has beyond their spread.
    far = bool((center**2 > FAR * zz.diagonal() / moments.weight).any())
    right = moments.system(zz, fit_intercept)
    try:
        factors = Factors(zz, alpha)
    except np.linalg.LinAlgError:
        return None
    coef, offset = factors.solve(right), moments.mean_y.copy() if fit_intercept else np.zeros(t)
    # The size of the correction before, none at first.
    last = 0.0
    for passed in range(PASSES):
        gradient, sums, size_of_fit = -alpha * coef, np.zeros(t), np.zeros(t)
        for rows, Z in blocks():
            Z = Z - center if far else Z
            fitted = Z @ coef - (0.0 if far else center @ coef)
            left = y[rows] - fitted - offset
            if weight is not None:
                left *= weight[rows][:, None]
            gradient += Z.T @ left
            sums += left.sum(axis=0)
            if not far:
                gradient -= np.outer(center, left.sum(axis=0))
            size_of_fit += (fitted**2).sum(axis=0)
        step = factors.solve(gradient)
        coef = coef + step
        if fit_intercept:
            offset = offset + sums / moments.weight
        # |Z step|² = step'(gradient - alpha step), to the accuracy of the factor.
        moved = np.maximum((step * (gradient - alpha * step)).sum(axis=0), 0.0)
        size = float(np.sqrt(np.max(moved / np.where(size_of_fit > 0.0, size_of_fit, 1.0))))
        if size * (size / last if last > 0.0 else WORSE * size) <= LEFT:
            offset = offset - center @ coef if fit_intercept else offset
            return Solution(coef, offset, "refined", n_iter=passed + 1)
        if not size <= (last / 2 if last > 0.0 else TOO_LARGE):
            return None
        last = size
    return None
