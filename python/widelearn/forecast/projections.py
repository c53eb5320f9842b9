"""What share of a target's variance lies in each mode of a kernel."""

import numpy as np

from widelearn.forecast.samples import Doubles
from widelearn.theory.hermite_modes import HermiteSpectrum

# Variances below this share of the largest are rounding. Rows for each mode that a target is projected on.
ROUNDING, ROWS_A_MODE = 1e-10, 4


def shares_of(spectrum: HermiteSpectrum, Z: Doubles, Y: Doubles) -> tuple[Doubles, float]:
    """Return the share of the targets' variance in each mode, and in none, by projections one after the other.

    Of the square of a projection the variance that noise gives it is taken off.
    """
    n, told = len(Z), max(min(len(spectrum.modes), len(Z) // ROWS_A_MODE), 1)
    first = HermiteSpectrum(spectrum.eigenvalues[:told], spectrum.modes[:told], 0.0)
    # The constant is every target's mean, whatever its place.
    Y = Y - Y.mean(axis=0)
    constant = np.array([not mode for mode in first.modes])
    F = first.features(Z)
    F[:, ~constant] -= F[:, ~constant].mean(axis=0)
    Q, R = np.linalg.qr(F)
    # Modes that the rows do not tell from earlier ones have nothing of their own.
    own = (np.abs(np.diag(R)) > np.sqrt(ROUNDING) * np.linalg.norm(F, axis=0).clip(1e-300)) & ~constant
    squares = np.where(own[:, None], np.square(Q.T @ Y), 0.0)
    total = np.square(Y).sum(axis=0)
    noise = np.maximum(total - squares.sum(axis=0), 0.0) / max(n - 1 - int(own.sum()), 1)
    part = (np.where(own[:, None], squares - noise, 0.0) / total).mean(axis=1)
    shares = np.full(len(spectrum.modes), np.nan)
    shares[:told] = part
    return shares, float(1.0 - part.sum())
