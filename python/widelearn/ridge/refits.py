"""Left-out errors by fits without the row, for the few rows whose closed form rounding spoils."""

import numpy as np

from widelearn.ridge.normal_equations import NormalEquations
from widelearn.ridge.row_passes import RowPasses
from widelearn.ridge.row_triangle import RowTriangle
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

    def replace(self, errors: Array, bad: Array, Z: Array, right: Array, root: Array, first: int) -> int:
        """Replace scaled errors (a, b, t) where `bad` (a, b) says so; return of how many rows that is not affordable.

        The block's features, targets and √w are scaled; `first` is the number of its first row.
        """
        spoilt = 0
        for i in np.flatnonzero(bad.any(axis=0)):
            self.flops -= self.triangle + self.factor * np.count_nonzero(bad[:, i])
            if self.flops < 0.0:
                spoilt += 1
                continue
            weight = np.ones(len(self.rows.y)) if self.rows.weight is None else self.rows.weight.astype(np.float64)
            weight[first + i] = 0.0
            others = RowTriangle(self.system, self.rows._replace(weight=weight))
            for j in np.flatnonzero(bad[:, i]):
                factor = others.factor(float(self.alphas[j]))
                errors[j, i] = right[i] - Z[i] @ factor.coef - root[i] * (factor.offset - self.system.mean_y)
        return spoilt
