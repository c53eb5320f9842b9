"""Generalised cross-validation of primal ridge systems: a tridiagonal form, and what stands in where it is inexact."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgWarning

from widelearn.ridge.equilibrated import Equilibrated
from widelearn.ridge.normal_equations import EPS, NormalEquations
from widelearn.ridge.primal_systems import TOO_MUCH, PrimalSolver
from widelearn.ridge.row_passes import RowPasses
from widelearn.ridge.tridiagonal import Tridiagonal, gcv_errors
from widelearn.runtime import Array, warn

# Relative errors of residuals and of degrees of freedom up to which the tridiagonal form serves, for moments of double
# and of single precision.
EXACT, EXACT_SINGLE = 1e-8, 0.1


class PrimalGcv:
    """The errors (a, t) of many penalties; `system` returns the normal equations, to be destroyed, every time anew."""

    def __init__(
        self, system: Callable[[], NormalEquations], alphas: Array, unit: float, rows: RowPasses | None = None
    ) -> None:
        self.system, self.alphas, self.unit, self.rows = system, alphas, unit, rows
        equations = system()
        p, t = equations.B.shape
        self.weight, self.spent = equations.weight, p + equations.fit_intercept
        form, total = Tridiagonal(equations.A, equations.B), equations.size**2
        self.rss, noise, self.slack = np.empty((len(alphas), t)), np.empty((len(alphas), t)), form.slack(alphas)
        largest = float(form.values.max(initial=0.0))
        for j, alpha in enumerate(alphas):
            coef = form.solve(alpha)
            squares = (coef**2).sum(axis=0)
            self.rss[j] = total - (form.right * coef).sum(axis=0) - alpha * squares
            noise[j] = unit * (total + largest * squares)
        shifted = form.values[:, None] + alphas
        # Quotient by quotient, for squares may leave the range of doubles.
        shifted = np.where(shifted > 0.0, shifted, 1.0)
        lost = unit * (largest / shifted * (alphas / shifted)).sum(axis=0)
        exact = EXACT_SINGLE if unit > EPS else EXACT
        self.inexact = (noise > exact * self.rss).any(axis=1) | (lost > exact * np.abs(self.left))
        # What is left of the squares by rounding is no residual, but none at all would be no error either.
        self.rss = np.maximum(self.rss, noise)

    @property
    def left(self) -> NDArray[np.float64]:
        """Return n less the degrees of freedom (a,)."""
        return np.asarray((self.weight - self.spent) + self.slack)

    def errors(self) -> Array:
        """Return the errors; warn of those that moments alone do not hold."""
        if self.inexact.any():
            solver = PrimalSolver(self.system(), self.rows, unit=self.unit)
            uncertain = [j for j in np.flatnonzero(self.inexact) if not self._replace(solver, int(j))]
            # Where nothing is left, that is known well enough.
            uncertain = [j for j in uncertain if np.isfinite(gcv_errors(self.rss, self.left, self.weight)[j]).all()]
            if uncertain:
                worst = float(self.alphas[uncertain].max())
                warn(
                    f"The moments are too nearly singular for the GCV errors of {len(uncertain)} of {len(self.alphas)}"
                    f" penalties, up to alpha = {worst:.2g}. Raise alpha, or give all rows to one fit.",
                    LinAlgWarning,
                )
        return gcv_errors(self.rss, self.left, self.weight)

    def _replace(self, solver: PrimalSolver, j: int) -> bool:
        """Take one penalty from a triangle of the rows or, without rows, from a factor; say whether that is exact."""
        alpha, system = float(self.alphas[j]), solver.system
        if self.rows is not None:
            factor = solver.triangle().factor(alpha)
            noise = EPS * (system.size + factor.scaled)
            self.rss[j], self.slack[j] = np.maximum(factor.residual, noise) ** 2, factor.slack
            return True
        with Equilibrated(system.A, solver.diagonal, alpha) as scaled:
            found = scaled.solve(system.B)
            if found is None:
                return False
            coef, rcond = found
            self.slack[j] = alpha * scaled.inverse_trace()
        total, squares = system.size**2, ((np.sqrt(system.spread + alpha)[:, None] * coef) ** 2).sum(axis=0)
        rss = total - (system.B * coef).sum(axis=0) - alpha * (coef**2).sum(axis=0)
        self.rss[j] = np.maximum(rss, self.unit * (total + squares))
        return rcond >= EPS and system.error(coef, alpha, rcond, self.unit, slice(None)) <= TOO_MUCH
