"""How far rounding moves the fit of a dual solution: one estimate for every precision, and what follows from it.

With S = √W the system is (S K S + alpha I) β + b S 1 = S y. Entries of S K S are known, and factored, to a unit
roundoff u of sqrt(K_ii K_jj) at best. An error δ of the matrix moves the fit by alpha (S K S + alpha I)⁻¹ δ β, which is
no longer than δ β; errors of many entries add up like independent ones, to u sqrt(tr D) ‖D^(1/2) β‖, D the diagonal.
"""

import numpy as np
from numpy.typing import DTypeLike

from widelearn.ridge.complaints import complain_once
from widelearn.ridge.normal_equations import lengths, scale_of
from widelearn.ridge.symmetric_systems import slips
from widelearn.runtime import Array

# Errors of the fit, relative to centred targets, below which float32 is as good as float64 for its users; below which
# rows at hand need no other method than their inner products; and above which a user is told. Measured on 150 problems,
# true errors are 0.3 to 4.7 of the estimate, and of rows beyond those that were fitted ten times that: up to 1e-9.
SINGLE, TRUSTED, LOST = 1e-5, 2e-11, 1e-6
# What products of float32 rows may add to what the rows themselves have lost.
SINGLE_PRODUCTS = 1e-6
# Residuals that rounding of the targets themselves leaves.
NOISE = 64 * float(np.finfo(np.float64).eps)
# Share of alpha that rounding errors may take before a factor is worth trying.
HOPELESS = 0.1
# Products of the largest eigenvalue's estimate.
POWERS = 8


def roundoff(dtype: DTypeLike) -> float:
    """Return the unit roundoff of a type."""
    return float(np.finfo(np.dtype(dtype)).eps) / 2


def blur(diagonal: Array, weight: Array | None, unit: float) -> float:
    """Return about how far rounding moves the eigenvalues of S K S, from the diagonal of K."""
    d = np.abs(np.asarray(diagonal, np.float64))
    d = d if weight is None else d * weight
    # Of the roots, for the product may leave the range of doubles.
    return unit * float(np.sqrt(d.sum()) * np.sqrt(d.max(initial=0.0)))


def fit_error(
    diagonal: Array,
    coef: Array,
    right: Array,
    root: Array,
    unit: float,
    left: float = 0.0,
    *,
    fit_intercept: bool,
) -> float:
    """Return about how far rounding moves the fit, relative to the targets about their mean, of the worst one.

    `diagonal` is that of S K S, `coef` are β and `right` S y, of shapes (n, t), and `root` S 1. `unit` is the unit
    roundoff of what the entries were computed in, `left` the system's residual beside the whole right-hand side.
    """
    d = np.abs(np.asarray(diagonal, np.float64))
    about = right - np.outer(root, (root @ right) / (root @ root))
    size, whole = lengths(about), lengths(right)
    size = size if fit_intercept else scale_of(size, whole)
    moved = unit * np.sqrt(d.sum()) * lengths(np.sqrt(d)[:, None] * coef)
    moved = np.maximum(moved, max(left - NOISE, 0.0) * whole)
    # Targets that are constant to rounding have nothing to lose.
    constant = size <= 8 * np.finfo(np.float64).eps * whole
    moved = np.divide(moved, size, out=np.zeros_like(moved), where=size > 0.0)
    if fit_intercept:
        moved = np.maximum(moved, slips(coef, root))
    return float(moved[~constant].max(initial=0.0))


def largest_eigenvalue(A: Array) -> float:
    """Return a lower bound of the largest eigenvalue in size of a symmetric matrix, within percents of it."""
    vector = np.sqrt(np.abs(A.diagonal())).astype(A.dtype)
    value = 0.0
    for _ in range(POWERS):
        length = float(np.linalg.norm(vector))
        if not (0.0 < length < np.inf):
            break
        vector = A @ (vector / vector.dtype.type(length))
        value = float(np.linalg.norm(vector))
    return value


def complain_of_left_out(doubt: Array, alphas: Array, chosen: Array | None = None) -> None:
    """Warn of left-out errors that rounding may move, with the penalty of the worst, or of those that were chosen."""
    doubt = doubt if chosen is None else np.where(np.isin(alphas, chosen), doubt, 0.0)
    worst = int(np.argmax(doubt))
    if doubt[worst] > LOST:
        # A chosen one may stand in other units than the user's, beside weights.
        which = f"alpha = {alphas[worst]:.2g}" if chosen is None else "the chosen alpha"
        complain_once(
            f"Rounding errors may leave fewer than six digits of the left-out errors of {which}. Take larger penalties,"
            " or scale the columns of X alike.",
            severity=float(doubt[worst]),
        )


def complain(error: float, A: Array, alpha: Array, unit: float) -> None:
    """Warn that rounding errors move a fit to a kernel matrix, with the ratio that makes them do so."""
    largest, penalty = largest_eigenvalue(A), float(np.min(alpha))
    ratio = f"{largest / penalty:.2g} times alpha" if penalty > 0 else f"{largest:.2g} and alpha is 0"
    more = ", or pass float64 data" if unit > roundoff(np.float64) else ""
    complain_once(
        "Rounding errors move the fit, which may keep fewer than six digits: the largest eigenvalue of the kernel"
        f" matrix is {ratio}, more than its digits hold. Raise alpha, scale the columns of X alike{more}.",
        severity=error,
    )
