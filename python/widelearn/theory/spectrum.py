"""The eigenvalues of a kernel or covariance, in blocks of equal ones, and the mass left unresolved."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from widelearn.theory.checks import Array, non_negative

# Spheres of many dimensions have more harmonics of a degree than squares could count.
MOST = 1e300


@dataclass(frozen=True, eq=False, init=False)
class Spectrum:
    """Hold distinct eigenvalues, their multiplicities and the trace of what is too small to resolve.

    Block k stands for `multiplicities[k]` eigenvalues equal to `eigenvalues[k]`. The tail is the sum of infinitely many
    eigenvalues that are small beside the effective ridge: it acts as a ridge (the self-induced one), adding
    tail / κ to the first degrees of freedom and nothing to the second.

    Parameters
    ----------
    eigenvalues : array-like of shape (m,)
        Non-negative, in any order: those of the covariance of the features, or of the kernel's integral operator under
        the law of the inputs, so that Σ multiplicity · eigenvalue + tail = E k(x, x).
    multiplicities : array-like of shape (m,), optional
        Non-negative floats, so that 1e18 is no difficulty; None means ones.
    tail : float, default=0.0
        Non-negative.

    Raises
    ------
    ValueError
        If lengths do not match or a number is negative or not finite.

    Examples
    --------
    >>> from widelearn.theory import Spectrum
    >>> spectrum = Spectrum([1.0, 0.01], multiplicities=[10, 2000], tail=0.5)
    >>> spectrum.trace, Spectrum([1.0, 0.0, 0.01]).rank
    (30.5, 2.0)
    """

    eigenvalues: Array
    multiplicities: Array
    tail: float

    def __init__(self, eigenvalues: ArrayLike, multiplicities: ArrayLike | None = None, tail: float = 0.0) -> None:
        s = np.atleast_1d(non_negative("eigenvalues", eigenvalues))
        counts = np.ones_like(s) if multiplicities is None else multiplicities
        m = np.atleast_1d(non_negative("multiplicities", counts, most=MOST))
        if s.ndim != 1 or s.shape != m.shape:
            raise ValueError(f"There are {s.size} eigenvalues but {m.size} multiplicities: give one for each.")
        object.__setattr__(self, "eigenvalues", s)
        object.__setattr__(self, "multiplicities", m)
        object.__setattr__(self, "tail", float(non_negative("tail", tail)))

    def __len__(self) -> int:
        return len(self.eigenvalues)

    @property
    def masses(self) -> Array:
        """The trace of each block, multiplicity times eigenvalue."""
        return self.eigenvalues * self.multiplicities

    @property
    def trace(self) -> float:
        """The sum of all eigenvalues, tail included."""
        return float(self.masses.sum() + self.tail)

    @property
    def filled(self) -> Array:
        """The dimension that each block fills: its multiplicity, or 0 where the eigenvalue is 0."""
        return np.where(self.eigenvalues > 0, self.multiplicities, 0.0)

    @property
    def rank(self) -> float:
        """The number of positive eigenvalues, infinite with a tail."""
        return np.inf if self.tail > 0 else float(self.filled.sum())


def as_spectrum(spectrum: Spectrum | ArrayLike) -> Spectrum:
    """Return a Spectrum, given one or its eigenvalues."""
    return spectrum if isinstance(spectrum, Spectrum) else Spectrum(spectrum)
