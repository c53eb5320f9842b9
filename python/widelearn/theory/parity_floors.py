"""What no fixed features, no kernel and no statistical queries can do about a hidden parity."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from widelearn.theory.checks import non_negative, numbers, positive, whole
from widelearn.theory.inputs import hypercube_multiplicity


class ParityFloor(NamedTuple):
    """Give lower bounds of losses on parities of k of d bits, averaged over which bits they are.

    Parameters
    ----------
    n_targets : float
        C(d, k), how many parities there are.
    squared : float
        Of E(y - f)², where 1 is the loss of f = 0.
    hinge : float
        Of E max(0, 1 - y f), where 1 is the loss of f = 0; 0 without a bound of the coefficients.

    Examples
    --------
    >>> from widelearn.theory import ParityFloor
    >>> ParityFloor(10.0, 0.5, 0.2).hinge
    0.2
    """

    n_targets: float
    squared: float
    hinge: float


def parity_floor(
    n_features: float, d: int, k: int, *, coefficient_norm: float = np.inf, uniform: float = 1.0
) -> ParityFloor:
    """Bound what fixed features leave of M = C(d, k) parities: squared loss q (1 - N/M), hinge loss q (1 - B √(N/M)).

    f = <w, Ψ(x)> with N features that do not depend on which k bits are hidden. A component of share q has uniform bits
    in {-1, 1}^d, on which the parities are orthonormal. The bounds hold for the mean over all M parities, w the best
    for each, and so for at least one. Kernel methods on n rows of uniform bits have N = n features, whatever the
    kernel: those rows do not depend on the hidden bits.

    Parameters
    ----------
    n_features : float
        N; for a kernel the number n of its rows.
    d, k : int
        Numbers of bits and of hidden ones.
    coefficient_norm : float, default=inf
        B >= ‖w‖, with features of mean square at most 1 on the uniform rows; without it the hinge loss has no floor,
        since a small part of a parity can be scaled up.
    uniform : float, default=1.0
        q, the share of the uniform component, from 0 to 1; rows of other components show the bits, and features made
        of them are not fixed.

    Returns
    -------
    ParityFloor
        Number of targets and the two floors, at least 0.

    Raises
    ------
    ValueError
        If a number is out of range.

    Notes
    -----
    Derived. Squared: projections of M orthonormal functions on N dimensions have squares that add up to at most N.
    Hinge: E max(0, 1 - y f) >= 1 - E y f >= 1 - B ‖E y Ψ‖, and the mean of ‖E y Ψ‖² over the parities is at most N/M.

    References
    ----------
    Barron, IEEE Transactions on Information Theory 1993. Daniely & Malach, "Learning parities with neural networks",
    NeurIPS 2020, and Shi, Wei & Liang, "A theoretical analysis on feature learning in neural networks", ICLR 2022,
    have floors of this kind for structured inputs, with other constants.

    Examples
    --------
    >>> from widelearn.theory import parity_floor
    >>> parity_floor(2000, 40, 3)._asdict()
    {'n_targets': 9880.0, 'squared': 0.7975..., 'hinge': 0.0}
    >>> round(parity_floor(2000, 100, 5, coefficient_norm=100.0, uniform=0.5).hinge, 3)
    0.242
    """
    targets = _targets(d, k)
    count = float(non_negative("n_features", n_features))
    bound, share = float(positive("coefficient_norm", coefficient_norm, infinite=True)), numbers("uniform", uniform)
    if share.ndim or not 0 <= share <= 1:
        raise ValueError(f"uniform must be a number from 0 to 1, got {uniform!r}.")
    # Without a bound any feature reaches a hinge loss of 0, however many targets there are.
    reached = np.inf if count and bound == np.inf else bound * np.sqrt(count / targets) if count else 0.0
    q = float(share)
    return ParityFloor(targets, q * max(0.0, 1 - count / targets), q * max(0.0, 1 - float(reached)))


def statistical_query_floor(d: int, k: int, tolerance: float, advantage: float = 0.01) -> float:
    """Return how many statistical queries find a parity of k uniform bits: at least τ² (M - 1/(4 ε²)), M = C(d, k).

    A query is a function of (x, y) bounded by 1, answered by its expectation up to τ; the hypothesis is to err with
    probability at most ½ - ε on the hidden parity, whichever it is.

    Parameters
    ----------
    d, k : int
        Numbers of bits and of hidden ones.
    tolerance : float
        τ, above 0. The mean over n rows is within 1/√n, about: it is what a gradient of n rows asks for.
    advantage : float, default=0.01
        ε, above 0 and at most ½.

    Returns
    -------
    float
        The floor, at least 0.

    Raises
    ------
    ValueError
        If a number is out of range.

    Notes
    -----
    Derived: the parities are orthonormal, so that a query correlates by τ or more with at most 1/τ² of them. Answered
    as if y were a fair coin, it rules out no others; and a hypothesis errs by at most ½ - ε on at most 1/(4 ε²) of
    them.

    References
    ----------
    Blum et al., "Weakly learning DNF and characterizing statistical query learning", STOC 1994 (the argument).

    Examples
    --------
    >>> from widelearn.theory import statistical_query_floor
    >>> round(statistical_query_floor(100, 10, tolerance=0.01, advantage=0.1) / 1e9, 2)
    1.73
    """
    targets = _targets(d, k)
    tau, gain = float(positive("tolerance", tolerance)), numbers("advantage", advantage)
    if gain.ndim or not 0 < gain <= 0.5:
        raise ValueError(f"advantage must be above 0 and at most 1/2, got {advantage!r}.")
    with np.errstate(over="ignore"):
        floor = tau**2 * (targets - 0.25 / np.maximum(float(gain), 1e-150) ** 2)
    return max(0.0, float(floor))


def _targets(d: int, k: int) -> float:
    """Return C(d, k), refused where float64 does not hold it."""
    bits, hidden = whole("d", d, 1), whole("k", k, 1)
    if hidden > bits:
        raise ValueError(f"k = {hidden} hidden bits must not exceed d = {bits}.")
    found = hypercube_multiplicity(bits, hidden)
    if not found < np.inf:
        raise ValueError(f"C({bits}, {hidden}) is beyond float64: take fewer bits.")
    return found
