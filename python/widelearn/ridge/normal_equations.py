"""The normal equations of ridge regression, with what says how accurate their solutions are."""

from typing import Any, NamedTuple

import numpy as np

from widelearn.runtime import Array

EPS = float(np.finfo(np.float64).eps)
# Targets of less relative spread are one number and rounding errors.
CONSTANT = 1e-7


class NormalEquations(NamedTuple):
    """(A + alpha I) C = B for moments about a centre: A (p, p), which a solution destroys, and B (p, t).

    The mean of the features is `center` + `rest`, zero without an intercept. Sizes (t,) are the norms of the targets,
    about their means where there is an intercept; scales (t,) are what errors are measured beside, see
    :func:`scale_of`.
    """

    A: Array
    B: Array
    center: Array
    rest: Array
    mean_y: Array
    size: Array
    weight: float
    fit_intercept: bool
    # Σ w (z - center)² of every feature.
    spread: Array
    scale: Array

    @property
    def distance(self) -> float:
        """How many spreads of theirs the features' means are away from zero, at most."""
        seen = self.spread > 0.0
        return float(np.sqrt((self.center[seen] ** 2 * self.weight / self.spread[seen]).max(initial=0.0)))

    def offset(self, coef: Array, targets: Any = slice(None)) -> Array:
        """Return the values at the centre that an unpenalised intercept gives to some targets' coefficients."""
        return np.asarray(self.mean_y[targets] - self.rest @ coef)

    def error(self, coef: Array, alpha: float, rcond: float, unit: float, targets: Any) -> float:
        """Return how far the fit of coefficients may be off, relative to the targets, in the norm of fitted values.

        A was summed with relative errors of about `unit`. With M = D (A + alpha I) D of unit diagonal and c = D⁻¹ coef
        an error δM moves the fit by |M^(1/2) M⁻¹ δM c| <= |M⁻¹|^(1/2) unit |c|.
        """
        return unit / EPS * self.rounding(coef, alpha, targets) / max(rcond, np.finfo(np.float64).tiny) ** 0.5

    def rounding(self, coef: Array, alpha: float, targets: Any) -> float:
        """Return how far rounding of the coefficients alone moves the fit, relative to the targets."""
        scaled = np.sqrt(self.spread + alpha)[:, None] * coef
        scale = self.scale[targets]
        relative = lengths(scaled) / np.where(scale > 0.0, scale, np.inf)
        return float(EPS * relative.max(initial=0.0))


def lengths(columns: Array) -> Array:
    """Return the norms of columns: those of `numpy.linalg.norm`, which takes longer than the sums of few rows."""
    columns = columns if columns.dtype.kind == "f" else columns.astype(np.float64)
    return np.asarray(np.sqrt(np.add.reduce(columns * columns, axis=0)))


def scale_of(spread: Array, size: Array) -> Array:
    """Return the norms of targets about their means, with an intercept or without; the norm of what does not vary.

    A fit without an intercept to targets far from zero is as good as what it makes of their differences.
    """
    return np.asarray(np.where(spread > CONSTANT * size, spread, size))
