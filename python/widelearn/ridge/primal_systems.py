"""Primal ridge systems by the cheapest way that is accurate: a factor of moments, refinement, or a QR of the rows."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from widelearn.ridge.complaints import complain_once
from widelearn.ridge.equilibrated import Equilibrated
from widelearn.ridge.exact_refinement import refine_exactly
from widelearn.ridge.normal_equations import EPS, NormalEquations
from widelearn.ridge.refinement import refine
from widelearn.ridge.row_passes import RowPasses
from widelearn.ridge.row_triangle import RowTriangle
from widelearn.ridge.symmetric_systems import Solution, Trouble, checked_diagonal, describe, singular_solution
from widelearn.ridge.triangle_refinement import TOO_MUCH_OF_COEFFICIENTS, refine_factor
from widelearn.runtime import Array

# Errors of fitted values relative to the targets: below the first a solution is left as it is, above the last we warn.
ENOUGH, TOO_MUCH = 1e-11, 1e-6
# The same for moments of single precision. Measured on 30 problems of random features: where the estimate is below 1e-5
# errors are at most half of it, and 7 times those of scikit-learn's Ridge in single precision; up to 1e-4, 38 times.
ENOUGH_SINGLE, TOO_MUCH_SINGLE = 1e-5, 1e-2
# What refinement leaves: of moments in double precision, of single precision that is to be as good, or good enough.
LEFT, LEFT_MIXED, LEFT_SINGLE = 1e-11, 1e-10, 1e-8
# A factor whose errors unit / rcond are below this is good enough to refine with.
CONTRACTS = 1e-2
# The same where a triangle of the rows is cheap: refined fits are exact, but not how equal columns share a coefficient.
CONTRACTS_WELL, CHEAP_FLOPS = 1e-7, 4e9


class PrimalSolver:
    """Solves one system penalty by penalty: moments alone, or moments with the rows that they were summed from.

    `unit` is the rounding error that products were summed with, `enough` the error that needs no care.
    """

    def __init__(
        self,
        system: NormalEquations,
        rows: RowPasses | None = None,
        *,
        unit: float = EPS / 2,
        enough: float | None = None,
    ) -> None:
        self.system, self.rows, self.unit = system, rows, unit
        single = unit > EPS
        self.enough = (ENOUGH_SINGLE if single else ENOUGH) if enough is None else enough
        self.left = LEFT if not single else LEFT_SINGLE if enough is None else LEFT_MIXED
        self.too_much = TOO_MUCH_SINGLE if single else TOO_MUCH
        self.diagonal = checked_diagonal(system.A, system.B)
        self.troubles: list[Trouble] = []
        # The largest estimate of what is left of errors, and the condition number that it came with.
        self.error, self.rcond = 0.0, 1.0
        self.solver, self.n_iter = "cholesky", 1
        self._triangle: RowTriangle | None = None

    def solve(self, alpha: NDArray[np.float64]) -> Solution:
        """Return coefficients (p, t), and offsets at the centre, for one penalty a target; warns of what is inexact."""
        coef, offset = np.empty(self.system.B.shape), np.zeros(len(alpha))
        for value in np.unique(alpha):
            at = np.flatnonzero(alpha == value)
            coef[:, at], offset[at] = self.solve_one(float(value), at)
        found = self._solution(coef, offset)
        self.warn()
        return found

    def confirmed(self, alpha: NDArray[np.float64]) -> Solution | None:
        """Return what a factor of the moments gives, corrected by the rows where need be; None where that is inexact.

        For moments in single precision: then moments in double precision are the next thing to try.
        """
        coef, offset = np.empty(self.system.B.shape), np.zeros(len(alpha))
        for value in np.unique(alpha):
            at = np.flatnonzero(alpha == value)
            with Equilibrated(self.system.A, self.diagonal, value) as system:
                found = self._by_factor(system, float(value), at)
            if found is None or not found[2]:
                return None
            coef[:, at], offset[at] = found[:2]
        return self._solution(coef, offset)

    def _solution(self, coef: Array, offset: Array) -> Solution:
        found = Solution(coef, offset, self.solver, n_iter=self.n_iter, rcond=self.rcond)
        if not self.system.fit_intercept:
            return found
        return found._replace(center=self.system.center, distance=self.system.distance)

    def solve_one(self, alpha: float, at: Any) -> tuple[Array, Array]:
        """Return coefficients and offsets of the targets `at` for one penalty; A is left as it was."""
        with Equilibrated(self.system.A, self.diagonal, alpha) as system:
            found = self._by_factor(system, alpha, at)
            if found is not None and (found[2] or self.rows is None):
                return found[:2]
            if self.rows is not None:
                return self._from_rows(alpha, at)
            coef = singular_solution(system, self.system.B[:, at], None, True, self.troubles)
            self.solver = "eigen"
            return coef, self.system.offset(coef, at)

    def _by_factor(self, system: Equilibrated, alpha: float, at: Any) -> tuple[Array, Array, bool] | None:
        """Solve by Cholesky, corrected by the rows where need be; say whether that is exact, None if it is singular."""
        found = system.solve(self.system.B[:, at])
        if found is None or not found[1] >= EPS:
            return None
        coef, rcond = found
        error = self.system.error(coef, alpha, rcond, self.unit, at)
        self.rcond = min(self.rcond, rcond)
        if error > self.enough and self.rows is not None and self._contracts(rcond, self.rows):
            refined = self._refined(system, alpha, coef, rcond, at)
            if refined is not None:
                self.solver, self.n_iter = "refined", max(self.n_iter, refined[2])
                return *refined[:2], True
        if self.rows is None:
            self.error = max(self.error, error)
        return coef, self.system.offset(coef, at), error <= self.enough

    def _refined(self, system: Equilibrated, alpha: float, coef: Array, rcond: float, at: Any) -> Any:
        """Return a factor's solution corrected by the rows, and in how many passes; None where that is not exact."""
        if self.rows is None:
            return None
        # Residuals in double precision do not see less than rounding of the coefficients.
        if self.system.rounding(coef, alpha, at) > self.left:
            found = refine_exactly(self.system, alpha, coef, system.correct, self.rows, targets=at)
            return found if found is not None and found.left <= TOO_MUCH else None
        options = {"targets": at, "left": self.left, "floor": 10 * EPS / rcond**0.5}
        return refine(self.system, alpha, coef, system.correct, self.rows, **options)

    def _contracts(self, rcond: float, rows: RowPasses) -> bool:
        """Whether refinement with a factor of this condition does better than what else there is."""
        cheap = self.unit < EPS and 4.0 * len(rows.y) * len(self.diagonal) ** 2 <= CHEAP_FLOPS
        return self.unit <= (CONTRACTS_WELL if cheap else CONTRACTS) * rcond

    def triangle(self) -> RowTriangle:
        """Return the triangle of the rows."""
        if self._triangle is None:
            if self.rows is None:
                raise ValueError("There are no rows at hand, but moments alone.")
            self._triangle = RowTriangle(self.system, self.rows)
        return self._triangle

    def _from_rows(self, alpha: float, at: Any) -> tuple[Array, Array]:
        """Solve by orthogonal triangles of the rows, which lose half the digits that moments lose."""
        factor = self.triangle().factor(alpha)
        coef, offset = factor.coef[:, at], factor.offset[at]
        self.solver, self.rcond = "qr", min(self.rcond, factor.rcond**2)
        error = float(factor.error(self.system.scale)[at].max(initial=0.0))
        refined = None if self.rows is None else refine_factor(self.triangle(), self.rows, alpha, factor, at)
        if refined is None:
            self.error = max(self.error, error)
        else:
            rounding = self.system.rounding(refined.coef, alpha, at)
            self.error = max(self.error, refined.left, rounding if rounding > TOO_MUCH_OF_COEFFICIENTS else 0.0)
            coef, offset, self.n_iter = *refined[:2], max(self.n_iter, refined.n_iter)
        # What no row sees has no coefficient under any penalty; without one that is a choice to be told of.
        if factor.rank + (self.triangle().null.shape[1] if alpha > 0.0 else 0) < len(coef):
            self.troubles.append(Trouble("eigen", factor.rcond**2, factor.rank))
        return coef, offset

    def warn(self) -> None:
        """Say once what is singular, or what may be inexact."""
        worst, error, rcond = (
            min(self.troubles, key=lambda trouble: trouble.rcond, default=None),
            self.error,
            self.rcond,
        )
        self.troubles, self.error, self.rcond = [], 0.0, 1.0
        if worst is not None:
            complain_once(
                describe(worst, len(self.system.A), self.system.A.dtype), singular=True, severity=-worst.rcond
            )
        elif error > self.too_much:
            complain_once(
                f"The ridge system is nearly singular (rcond = {rcond:.2g}): rounding may leave fewer than"
                f" {'two' if self.too_much > TOO_MUCH else 'six'} digits of fitted values. Raise alpha"
                f"{', or give all rows to one fit, which can correct this' if self.rows is None else ''}.",
                severity=error,
            )
