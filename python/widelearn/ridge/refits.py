"""Left-out errors by fits without the row, for the few rows whose closed form rounding spoils."""

import numpy as np

from widelearn.ridge.certificate import LOST
from widelearn.ridge.normal_equations import EPS, NormalEquations
from widelearn.ridge.row_passes import RowPasses
from widelearn.ridge.row_triangle import Factor, RowTriangle
from widelearn.runtime import Array

# What all fits of one path may cost.
FLOPS = 4e9


class Refits:
    """Fits without one row, as many as a path can afford."""

    def __init__(self, system: NormalEquations, rows: RowPasses, alphas: Array) -> None:
        self.system, self.rows, self.alphas = system, rows, alphas
        n, (p, t) = len(rows.y), system.B.shape
        self.flops = FLOPS if n > 1 else 0.0
        self.triangle, self.factor = 4.0 * n * (p + t) ** 2, 10.0 * (p + t) ** 3

    def replace(self, errors: Array, bad: Array, numbers: Array) -> int:
        """Replace scaled errors (a, b, t) where `bad` (a, b) says so; return of how many rows they stay inexact.

        `numbers` (b,) are those of the block's rows.
        """
        spoilt = 0
        for i in np.flatnonzero(bad.any(axis=0)):
            self.flops -= self.triangle + self.factor * np.count_nonzero(bad[:, i])
            if self.flops < 0.0:
                spoilt += 1
                continue
            at = np.flatnonzero(bad[:, i])
            errors[at, i], exact = self._left_out(int(numbers[i]), at)
            spoilt += not exact
        return spoilt

    def _left_out(self, i: int, at: Array) -> tuple[Array, bool]:
        """Return the scaled errors of row i (a, t) for the penalties numbered `at`, and whether all are exact."""
        weight = np.ones(len(self.rows.y)) if self.rows.weight is None else self.rows.weight.astype(np.float64)
        root, weight[i] = weight[i] ** 0.5, 0.0
        rows = self.rows._replace(weight=weight)
        system, z = self._without(rows, weight, i)
        others, errors, exact = RowTriangle(system, rows), [], True
        size = self.system.scale / max(self.system.weight, np.finfo(np.float64).tiny) ** 0.5
        # What the other rows do not vary in has no coefficient.
        z = np.where(system.spread > 0.0, z - system.center, 0.0)
        for j in at:
            factor = others.factor(float(self.alphas[j]))
            offset = factor.offset if system.fit_intercept else 0.0
            errors.append((rows.y[i] - offset) - z @ factor.coef)
            exact &= bool((doubt(factor, others.null, z) <= LOST * np.maximum(np.abs(errors[-1]), size)).all())
        return root * np.array(errors), exact

    def _without(self, rows: RowPasses, weight: Array, i: int) -> tuple[NormalEquations, Array]:
        """Return the equations' origin and sizes without row i, and its features.

        The row may be so far out that differences of the others drown in their distance from the mean of all.
        """
        p, z = len(self.system.center), self.system.center
        sums, least, most = np.zeros(p), np.full(p, np.inf), np.full(p, -np.inf)
        for part, Z in rows.blocks():
            seen, w = Z[weight[part] > 0.0], weight[part]
            sums += w @ Z
            least = np.minimum(least, seen.min(axis=0, initial=np.inf))
            most = np.maximum(most, seen.max(axis=0, initial=-np.inf))
            own = np.flatnonzero(np.arange(len(weight))[part] == i)
            if own.size:
                z = Z[own[0]].astype(np.float64)
        center, mean_y = np.zeros(p), np.zeros(rows.y.shape[1])
        if self.system.fit_intercept:
            # What is constant is so exactly.
            center = np.clip(sums / weight.sum(), least, most)
            mean_y = weight @ rows.y / weight.sum()
        spread = np.zeros(p)
        for _, Z, _, _ in rows.scaled(center, mean_y):
            spread += np.square(Z).sum(axis=0)
        return self.system._replace(center=center, mean_y=mean_y, spread=spread), z


def doubt(factor: Factor, null: Array, z: Array) -> Array:
    """Return about how far rounding moves the values (t,) of a fit at features z about its centre.

    The rows were known, and turned, to EPS of every column: with z = D⁻¹ x the error is EPS times ‖D⁻¹ W W' z‖ of what
    the fit leaves, and ‖W' z‖ of the equilibrated coefficients; so is that of directions in which no row varies.
    """
    turned = z @ factor.root
    size = np.linalg.norm(turned)
    if null.shape[1]:
        size = max(size, np.linalg.norm(z / factor.units))
    return np.asarray(EPS * (np.linalg.norm(factor.root @ turned * factor.units) * factor.left + size * factor.scaled))
