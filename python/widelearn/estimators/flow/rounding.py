"""Rounding errors of kernel values in a flow: which eigenvalues they hide, and how far they move its values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.linalg import LinAlgWarning
from scipy.sparse import issparse

from widelearn.estimators.flow import stored
from widelearn.ridge.certificate import LOST, fit_error
from widelearn.ridge.dual_path import DualPath
from widelearn.ridge.normal_equations import EPS
from widelearn.runtime import Array, warn

# Shares of the largest eigenvalue, and of the trace, by which a smallest one is below zero by more than rounding.
# Kernels keep 1e-13 of √(k(x, x) k(x', x')); errors of all entries add up to that share of the trace at most.
INDEFINITE, PROMISED = 1e-8, 1e-13
# Mean kernel values of a row with itself over the largest eigenvalue, from which on differences of rows are hidden.
HIDDEN = 100.0
# Machine epsilons of the trace that eigenvalues of equal rows come to, measured on kernels of up to 400 rows.
TRACE = 8.0
# How much larger other eigenvalues of rounding may be than the negative one that shows them.
OTHERS = 4.0
# Numbers below it, and rows whose squares are, have lost digits.
TINY = float(np.finfo(np.float64).tiny)


@dataclass(frozen=True, eq=False)
class OfMatrix:
    """What rounding errors of S K S, S = √W, do to its flow: eigenvalues below `noise` are none.

    Errors of entries are `unit` times the roots of products of the diagonal, far larger than the eigenvalues where rows
    are near each other and far from zero.
    """

    # In units of a power of two, whose exponent follows.
    diagonal: Array
    exponent: int
    root: Array
    right: Array
    unit: float
    noise: float
    # About how long errors of the matrix are.
    error: float
    # Whether eigenvalues may be hidden that are none of rounding beside the others.
    hides: bool
    fit_intercept: bool

    @classmethod
    def of(cls, path: DualPath, values: Array, *, fit_intercept: bool) -> OfMatrix:
        """Return what the eigenvalues beside the intercept say of it; warn where the matrix is indefinite."""
        trace, top = (
            float(np.ldexp(one, path.exponent)) for one in (path.diagonal.sum(), path.diagonal.max(initial=0.0))
        )
        largest, least = float(np.abs(values).max(initial=0.0)), float(values.min(initial=0.0))
        allowed = max(INDEFINITE * largest, PROMISED * trace)
        if least < -allowed:
            warn(
                f"The kernel matrix is not positive semidefinite: its smallest eigenvalue is {least:.3g}, its largest"
                f" {float(values.max()):.3g}. Along negative ones gradient flow grows without bound: they are left"
                " out.",
                LinAlgWarning,
            )
        # What a smallest eigenvalue shows of rounding errors, others have, too.
        seen, own = -max(least, -allowed), float(np.ldexp(path.noise, path.exponent))
        noise = max(own, TRACE * EPS * trace, OTHERS * seen)
        size = float(np.sqrt(trace) * np.sqrt(top))
        unit = max(path.unit, seen / (2.0 * size)) if size > 0.0 else path.unit
        hides = trace > HIDDEN * len(values) * largest
        return cls(path.diagonal, path.exponent, path.root, path.y, unit, noise, unit * size, hides, fit_intercept)

    def moved(self, spectrum: Any, learned: Array) -> float:
        """Return about how far rounding moves the values at the rows, relative to the targets, for learned shares.

        An error δ of the matrix moves those of a flow by ∫ exp(-K s) δ r_(t-s) ds, r its residuals, whose integral are
        the dual coefficients: by no more than ridge regression of these. What is never learned mixes with the rest.
        """
        dual = np.ldexp(spectrum.coef(learned), self.exponent) / self.root[:, None]
        options = {"fit_intercept": self.fit_intercept}
        own = fit_error(self.diagonal, dual, self.right, self.root, self.unit, **options)
        return max(own, self.error * float(spectrum.shares(learned).max(initial=0.0)) * spectrum.missed())


@dataclass(frozen=True, eq=False)
class OfMoments:
    """What rounding errors of second moments do: errors of eigenvalues beside themselves, and the largest of all."""

    relative: Array
    noise: float
    hides: ClassVar[bool] = False

    def moved(self, spectrum: Any, learned: Array) -> float:
        """Return about how far rounding moves the values at the rows, relative to the targets, for learned shares."""
        squares = (learned[0] * self.relative) ** 2 @ spectrum.energies
        whole = spectrum.energies.sum(axis=0) + spectrum.outside
        return float(np.sqrt(np.divide(squares, whole, out=np.zeros_like(whole), where=whole > 0.0)).max())


def complain(problem: Any, time: float, learned: Array, *, chosen: bool) -> None:
    """Warn where rounding moves the flow at a time by more than the last digits, or hides the rows' differences."""
    spectrum, rounding = problem.spectrum, problem.spectrum.rounding
    if rounding is None:
        return
    largest = float(spectrum.eigenvalues.max(initial=0.0))
    doubt = rounding.moved(spectrum, learned)
    if rounding.hides and not alike(problem.X):
        # What is learned along directions that are hidden, at most; of chosen times none would be late enough.
        late = chosen and rounding.noise > LOST * largest
        doubt = max(doubt, 1.0 if late else min(1.0, rounding.noise / spectrum.total * time) * spectrum.missed())
    if doubt <= LOST:
        return
    seen = spectrum.eigenvalues[spectrum.eigenvalues > 0.0]
    beside = f"those of the rows' differences are {seen.min():.2g} to {largest:.2g}" if seen.size else "all are less"
    warn(
        f"Rounding errors may leave fewer than six digits of the flow at time {time:.3g}: they make eigenvalues of"
        f" about {rounding.noise:.2g}, and {beside}. Center the columns of X and scale them alike, or take an earlier"
        " time.",
        LinAlgWarning,
    )


def alike(X: Any) -> bool:
    """Whether all rows are one."""
    if issparse(X):
        return stored.alike(X)
    return bool((X[:1] == X).all())


def check_digits(diagonal: Array, X: Any) -> None:
    """Refuse inner products of rows or features so small that float64 has lost their digits."""
    largest = float(np.abs(diagonal).max(initial=0.0))
    if largest >= TINY:
        return
    size = float(np.abs(stored.values_of(X)).max(initial=0.0))
    if largest > 0.0 or 0.0 < size < TINY**0.5:
        raise ValueError(
            f"Kernel values of rows of numbers about {size:.3g} are at most {largest:.3g}, and float64 keeps all digits"
            f" of numbers from {TINY:.3g} on: scale X up."
        )
