"""The path of primal ridge systems over many penalties: their left-out errors and solutions."""

import numpy as np
from scipy.linalg import eigh

from widelearn.ridge.leave_one_out import FULL, Errors, divide, products
from widelearn.ridge.moments import Moments
from widelearn.ridge.row_passes import Blocks
from widelearn.ridge.symmetric_systems import Solution
from widelearn.runtime import Array, check_memory


class PrimalPath:
    """The path of at least as many rows as features, from their moments, which are left as they are.

    Errors take a second pass over the rows: `blocks` returns blocks of features, every time anew.
    """

    def __init__(
        self, moments: Moments, alphas: Array, blocks: Blocks, y: Array, weight: Array | None, *, fit_intercept: bool
    ) -> None:
        p = moments.n_features
        check_memory(24 * p * p, f"The eigenvectors of {p} features", "Take fewer features.")
        self.moments, self.alphas, self.fit_intercept = moments, alphas, fit_intercept
        self.blocks, self.y, self.weight = blocks, y, weight
        zz, self.zy, *_ = moments.equations(fit_intercept)
        values, self.vectors = eigh(zz, overwrite_a=True, check_finite=False, driver="evd")
        noise = max(p * np.finfo(np.float64).eps * values.max(initial=0.0), -2 * values.min(initial=0.0))
        self.values = np.where(values > noise, values, 0.0)
        self.projected = self.vectors.T @ self.zy

    def inverse(self, alphas: Array) -> Array:
        """Return 1 / (λ + alpha), zero where there is neither variance nor penalty, of shape (p, a)."""
        shifted = self.values[:, None] + alphas
        return np.where(shifted > 0.0, 1.0 / np.where(shifted > 0.0, shifted, 1.0), 0.0)

    def errors(self) -> Errors:
        """Yield rows and their errors."""
        inverse, m = self.inverse(self.alphas), self.moments
        mean_z, mean_y = (m.mean_z, m.mean_y) if self.fit_intercept else (0.0, 0.0)
        for rows, Z in self.blocks():
            root = np.ones(len(Z)) if self.weight is None else np.sqrt(self.weight[rows])
            turned = ((Z - mean_z) * root[:, None]) @ self.vectors
            right = (self.y[rows] - mean_y) * root[:, None]
            fitted = products(turned, inverse, self.projected)
            own = root**2 / m.weight if self.fit_intercept else np.zeros(len(Z))
            np.square(turned, out=turned)
            left = 1.0 - own[:, None] - turned @ inverse
            yield rows, divide(right - fitted, np.where(left > FULL, left, 0.0).T)

    def solve(self, alpha: Array) -> Solution:
        """Return the coefficients (p, t) and intercepts (t,) for one penalty a target."""
        coef = self.vectors @ (self.inverse(alpha) * self.projected)
        system = self.moments.equations(self.fit_intercept)
        return Solution(coef, system.offset(coef), "eigen", center=system.center, distance=system.distance)
