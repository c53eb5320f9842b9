"""The path of primal ridge systems over many penalties: their left-out errors and solutions."""

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgWarning

from widelearn.ridge.lapack import eigh
from widelearn.ridge.leave_one_out import FULL, Errors, divide, products
from widelearn.ridge.moments import Moments
from widelearn.ridge.normal_equations import EPS
from widelearn.ridge.primal_systems import PrimalSolver
from widelearn.ridge.refits import Refits
from widelearn.ridge.row_passes import RowPasses
from widelearn.ridge.row_triangle import Factor
from widelearn.ridge.symmetric_systems import Solution
from widelearn.runtime import Array, check_memory, row_blocks, warn

# Errors of fitted values relative to the targets up to which one decomposition serves: for left-out errors, and for
# coefficients; the same for moments of single precision, measured beside those of one penalty.
ERRORS, COEFFICIENTS = 1e-9, 1e-10
SINGLE = 1e-5
# Errors of a leverage that a share of one must exceed so many times for a left-out error of that relative accuracy.
ACCURACY, ACCURACY_SINGLE = 1e6, 10.0
# Means beyond so many spreads are not held by one number each.
FAR = 1e3
# Coefficients of several penalties that are held together, in values.
TOGETHER = 1 << 16


class PrimalPath:
    """The path of at least as many rows as features, from their moments, which are left as they are.

    One eigendecomposition serves the penalties that its rounding errors leave unharmed; each of the others has a
    triangle of the rows to itself. Errors take a second pass over the rows, which all have weight.
    """

    def __init__(self, moments: Moments, alphas: Array, rows: RowPasses, *, fit_intercept: bool) -> None:
        p = moments.n_features
        check_memory(24 * p * p, f"The eigenvectors of {p} features", "Take fewer features.")
        self.moments, self.alphas, self.rows, self.fit_intercept = moments, alphas, rows, fit_intercept
        self.system = moments.equations(fit_intercept)
        values, self.vectors = eigh(self.system.A)
        self.largest = float(values.max(initial=0.0))
        noise = max(p * EPS * self.largest, -2 * values.min(initial=0.0))
        self.values = np.where(values > noise, values, 0.0)
        self.projected = self.vectors.T @ self.system.B
        self.single = moments.unit > EPS
        self.sizes = self._sizes(alphas)
        self.inexact = self.error(alphas, self.sizes) > (SINGLE if self.single else ERRORS)
        self._solver: PrimalSolver | None = None

    def inverse(self, alphas: Array) -> Array:
        """Return 1 / (λ + alpha), zero where there is neither variance nor penalty, of shape (p, a)."""
        shifted = self.values[:, None] + alphas
        return np.where(shifted > 0.0, 1.0 / np.where(shifted > 0.0, shifted, 1.0), 0.0)

    def noise(self, alphas: Array) -> NDArray[np.float64]:
        """Return the errors of leverages (a,): A is off by unit λ_max, and (z' (A + alpha)⁻¹)² at most h / λ_min."""
        least = self.values.min(initial=np.inf) + alphas
        return np.where(least > 0.0, self.moments.unit * self.largest / np.where(least > 0.0, least, 1.0), np.inf)

    def _sizes(self, alphas: Array) -> Array:
        """Return ‖c‖ over the norm of the targets (a,), the largest of all targets."""
        size, inverse = np.where(self.system.scale > 0.0, self.system.scale, np.inf), self.inverse(alphas)
        found = np.empty(len(alphas))
        for part in row_blocks(len(alphas), max(1, TOGETHER // max(1, self.projected.size))):
            coef = np.linalg.norm(inverse[:, part, None] * self.projected[:, None, :], axis=0)
            found[part] = (coef / size).max(axis=1, initial=0.0)
        return found

    def error(self, alphas: Array, sizes: Array) -> NDArray[np.float64]:
        """Return how far fits by eigenvectors may be off, relative to targets: unit λ_max ‖c‖ (λ_min + alpha)^-½."""
        noise, unit = self.noise(alphas), self.moments.unit * self.largest
        moved = np.sqrt(noise * unit) * sizes
        return np.asarray(np.where(np.isfinite(noise), moved, 0.0 if unit == 0.0 else np.inf))

    @property
    def solver(self) -> PrimalSolver:
        """What solves for one penalty at a time."""
        if self._solver is None:
            system = self.moments.equations(self.fit_intercept)
            self._solver = PrimalSolver(system, self.rows, unit=self.moments.unit)
        return self._solver

    def errors(self) -> Errors:
        """Yield rows and their errors; where the closed form loses a row's own share to rounding, those of refits."""
        factors = {int(j): self.solver.triangle().factor(float(self.alphas[j])) for j in np.flatnonzero(self.inexact)}
        refits, first, spoilt = Refits(self.system, self.rows, self.alphas), 0, 0
        for rows, Z, right, root in self.rows.scaled(self.system.center, self.system.mean_y):
            errors, bad = self._closed_form(Z, right, root, factors)
            spoilt += refits.replace(errors, bad, np.arange(len(self.rows.y))[rows])
            first += len(Z)
            yield rows, errors
        if spoilt:
            warn(
                f"{spoilt} of {first} rows nearly determine their own fitted values, so rounding may spoil their"
                " left-out errors. Raise the smallest alpha, or look at these rows' scale.",
                LinAlgWarning,
            )

    def _closed_form(
        self, Z: Array, right: Array, root: Array, factors: dict[int, Factor]
    ) -> tuple[Array, NDArray[np.bool_]]:
        """Return errors (a, b, t) of scaled rows, and where rounding may have spoilt them (a, b)."""
        system, exact = self.system, ~self.inexact
        own = root**2 / system.weight if self.fit_intercept else np.zeros(len(Z))
        left, bad = np.empty((len(self.alphas), len(Z))), np.zeros((len(self.alphas), len(Z)), bool)
        errors = np.empty((*left.shape, right.shape[1]))
        if self.fit_intercept and (factors or system.distance > FAR):
            Z = Z - root[:, None] * system.rest
        if exact.any():
            inverse, turned = self.inverse(self.alphas[exact]), Z @ self.vectors
            errors[exact] = right - products(turned, inverse, self.projected)
            np.square(turned, out=turned)
            left[exact] = (1.0 - own[:, None] - turned @ inverse).T
            spoilt = self._spoilt(left[exact], turned, inverse, self.sizes[exact])
            bad[exact] = spoilt | (left[exact] < ACCURACY * EPS * own)
        for j, factor in factors.items():
            offset = factor.offset - system.mean_y + system.rest @ factor.coef
            errors[j] = right - Z @ factor.coef - root[:, None] * offset
            turned = Z @ factor.root
            left[j] = 1.0 - own - np.square(turned).sum(axis=1)
            size = self._relative(factor.left)
            bad[j] = left[j] < ACCURACY * EPS * (
                np.linalg.norm(turned @ factor.root.T * factor.units, axis=1) * (1.0 + size)
                + self._relative(factor.scaled)
                + own
            )
        return divide(errors, np.where(left > FULL, left, 0.0)), bad

    def _relative(self, norms: Array) -> float:
        """Return the largest of norms (t,), relative to the root mean squares of the targets."""
        size = self.system.scale / len(self.rows.y) ** 0.5
        return float((norms / np.where(size > 0.0, size, np.inf)).max(initial=0.0))

    def _spoilt(self, left: Array, squares: Array, inverse: Array, sizes: Array) -> NDArray[np.bool_]:
        """Return where shares (a, b) of rows are not safely above their rounding errors, by `sizes` of coefficients.

        Moments are off by e = unit λ_max. With x = (A + alpha)⁻¹ z the share is off by e ‖x‖² and the error by
        e ‖x‖ ‖c‖, which are bounded first, and looked at only in rows that the bound does not clear.
        """
        off, accuracy = self.moments.unit * self.largest, ACCURACY_SINGLE if self.single else ACCURACY
        coef = sizes * len(self.rows.y) ** 0.5
        most = np.sqrt(inverse.max(axis=0, initial=0.0))
        bad = np.asarray(left < (accuracy * off * most * (most + coef))[:, None])
        rows = np.flatnonzero(bad.any(axis=0))
        if rows.size:
            size = np.sqrt(squares[rows] @ inverse**2).T
            bad[:, rows] = left[:, rows] < accuracy * off * size * (size + coef[:, None])
        return bad

    def solve(self, alpha: Array) -> Solution:
        """Return the coefficients (p, t) and values at the centre (t,) for one penalty a target."""
        distinct = np.unique(alpha)
        if (self.error(distinct, self._sizes(distinct)) > (SINGLE if self.single else COEFFICIENTS)).any():
            return self.solver.solve(alpha)
        coef = self.vectors @ (self.inverse(alpha) * self.projected)
        found = Solution(coef, self.system.offset(coef), "eigen")
        if not self.fit_intercept:
            return found
        return found._replace(center=self.system.center, distance=self.system.distance)
