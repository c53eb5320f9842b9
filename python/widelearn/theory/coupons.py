"""How many neurons meet every feature of a set: the law of collecting coupons with unequal chances."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import comb

from widelearn.theory.checks import Array, numbers, whole

# Features whose subsets are counted one by one; terms of equal ones.
MOST_UNEQUAL, MOST_EQUAL = 20, 60
WIDEST = 2.0**53


def feature_coverage(probability: ArrayLike, width: int, *, n_features: int | None = None) -> float:
    """Return the probability that independent neurons meet every feature at least once: Σ_S (-1)^|S| (1 - p_S)^m.

    A neuron meets feature j with probability p_j, and two features never at once, as cones that do not overlap; p_S
    adds up the features of S.

    Parameters
    ----------
    probability : float or array-like of shape (r,)
        p_j; their sum is at most 1. One number is that of each of `n_features`.
    width : int
        Number m of neurons drawn independently: of a symmetric start every second one, or fourth.
    n_features : int, optional
        r, where one probability is given; at most 60.

    Returns
    -------
    float
        Between 0 and 1; rounding errors are below 1e-16 times the number of subsets.

    Raises
    ------
    ValueError
        If a number is out of range, or there are more than 20 features of unequal probability.

    Notes
    -----
    2^r terms, r + 1 where the probabilities are equal. A sum that cancels to more than 1e-6 is refused.

    References
    ----------
    Inclusion and exclusion.

    Examples
    --------
    >>> from widelearn.theory import feature_coverage
    >>> [round(feature_coverage(0.25, q, n_features=4), 3) for q in (4, 8, 16)]
    [0.094, 0.623, 0.96]
    """
    p, m = _chances(probability, n_features), whole("width", width, 0)
    if p.sum() > 1 + 1e-9:
        raise ValueError(f"probability must add up to at most 1, got {p.sum():g}: the features exclude each other.")
    r = len(p)
    if np.all(p == p[0]):
        if r > MOST_EQUAL:
            raise ValueError(f"n_features must be at most {MOST_EQUAL}, got {r}: take covering_width's bound.")
        j = np.arange(r + 1)
        count, met = comb(r, j), j * p[0]
        signs = (-1.0) ** j
    else:
        if r > MOST_UNEQUAL:
            raise ValueError(f"{r} unequal features have too many subsets: at most {MOST_UNEQUAL} are counted.")
        met, signs = np.zeros(1), np.ones(1)
        for chance in p:
            met, signs = np.concatenate([met, met + chance]), np.concatenate([signs, -signs])
        count = np.ones(len(met))
    # By logarithms, since 1 - p is rounded where p is small.
    with np.errstate(divide="ignore"):
        terms = count * signs * np.exp(m * np.log1p(-np.clip(met, 0.0, 1.0))) if m else count * signs
    if np.abs(terms).sum() * 1e-16 > 1e-6:
        raise ValueError(f"The sum over {r} features cancels beyond 1e-6: take a larger width, or fewer features.")
    return float(np.clip(terms.sum(), 0.0, 1.0))


def covering_width(probability: ArrayLike, delta: float = 0.05, *, n_features: int | None = None) -> float:
    """Return the width from which every feature is met with probability 1 - δ: the least m with Σ_j (1 - p_j)^m <= δ.

    For r equal features it is ln(r/δ)/(-ln(1 - p)). The features may overlap: the bound adds up what each misses.

    Parameters
    ----------
    probability : float or array-like of shape (r,)
        p_j of each feature, or one number for `n_features` of them. A lower limit of p_j gives a width that is enough.
    delta : float, default=0.05
        δ, between 0 and 1.
    n_features : int, optional
        r, where one probability is given.

    Returns
    -------
    float
        A whole number of neurons drawn independently; infinite if a feature has probability 0.

    Raises
    ------
    ValueError
        If a number is out of range.

    Notes
    -----
    Some 60 evaluations of the sum. A symmetric start repeats its neurons in pairs or quadruples: its width is two or
    four times this.

    References
    ----------
    Derived: the union bound.

    Examples
    --------
    >>> from widelearn.theory import covering_width
    >>> covering_width(0.045, 0.01, n_features=4)
    131.0
    """
    p = _chances(probability, n_features)
    found = numbers("delta", delta)
    if found.ndim or not 0 < found < 1:
        raise ValueError(f"delta must be between 0 and 1, got {delta!r}.")
    if p.min() == 0:
        return np.inf
    with np.errstate(divide="ignore"):
        missing = np.log1p(-p)

    def missed(m: float) -> float:
        return float(np.exp(m * missing).sum())

    # One feature alone, and r of the rarest, are on either side.
    low, high = 0.0, float(np.ceil(np.log(len(p) / float(found)) / -missing.max()))
    if not high <= WIDEST:
        return np.inf
    while high - low > 1:
        middle = np.floor((low + high) / 2)
        low, high = (low, middle) if missed(middle) <= float(found) else (middle, high)
    return max(high, 1.0)


def _chances(probability: ArrayLike, n_features: int | None) -> Array:
    """Return the probability of every feature."""
    p = numbers("probability", probability)
    if p.ndim > 1 or not p.size or not np.all((p >= 0) & (p <= 1)):
        raise ValueError(f"probability must be numbers from 0 to 1, one a feature, got {np.asarray(p).tolist()}.")
    if p.ndim == 0:
        return np.full(1 if n_features is None else whole("n_features", n_features, 1, 1e6), float(p))
    if n_features is not None and whole("n_features", n_features, 1) != len(p):
        raise ValueError(f"n_features = {n_features} does not fit {len(p)} probabilities: leave it out.")
    return p
