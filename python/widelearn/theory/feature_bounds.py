"""What gradient features promise: how much a network loses when its directions are those that neurons were given."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from widelearn.theory.checks import Array, finite, non_negative, numbers, positive, whole

# Most neurons along one direction, and most that are drawn.
MOST = 2.0**53


class FeatureBound(NamedTuple):
    """Give a bound of the expected loss of a network along neurons' gradients, its terms, and how seldom it fails.

    Parameters
    ----------
    bound : float
        Sum of the three terms.
    opt : float
        The loss of the network along the directions themselves.
    cone : float
        Σ_i |a_i| B_x1 √(2γ): gradients are in cones about the directions.
    sampling : float
        ‖a‖ B_x1 c √(r B_x2/(δ n))/B_G, c = √2 or 2: gradients are means over n rows.
    failure : float
        δ + Σ_j P(Bin(m, p_j) < q_j): gradients are further off, or neurons are lacking.

    Examples
    --------
    >>> from widelearn.theory import FeatureBound
    >>> FeatureBound(0.3, 0.1, 0.1, 0.1, 0.05).failure
    0.05
    """

    bound: float
    opt: float
    cone: float
    sampling: float
    failure: float


def feature_learning_bound(
    opt: float,
    output_weights: ArrayLike,
    multiplicity: ArrayLike,
    *,
    cone: float,
    gradient_norm: float,
    probability: ArrayLike,
    width: int,
    n: float,
    mean_norm: float,
    mean_square: float,
    delta: float = 0.05,
) -> FeatureBound:
    """Bound the loss of a network Σ_i a_i relu(<w_i, x> - b_i) after its w_i were replaced by gradients of a start.

    The network's w_i are unit vectors, q_j of them equal to the same s_j D_j: its opposite counts as another. m neurons
    are drawn independently, each with a sign s, as of its output weight. One belongs to j with probability p_j: the
    cosine of s G and s_j D_j is above 1 - γ, and ‖G‖ >= B_G, for its simplified gradient G(w, b) with |y| <= 1. With
    probability 1 - `failure`, each of the r = Σ_j q_j neurons has a drawn one of its own, such that with w_i = s Ĝ/‖Ĝ‖,
    the gradient on n rows in its place and all a_i and b_i as they were, the expected loss is at most `bound`.

    Parameters
    ----------
    opt : float
        Expected loss of the network, or a bound of it (:func:`widelearn.diagnostics.opt_bound`). The loss changes by at
        most what the output does, as hinge and logistic.
    output_weights : array-like of shape (r,)
        The a_i.
    multiplicity : int or array-like of shape (s,)
        The q_j, at least 1; they add up to r.
    cone : float
        γ, from 0 to 1. Cones must not overlap: a neuron is to belong to one j at most.
    gradient_norm : float
        B_G, positive.
    probability : float or array-like of shape (s,)
        The p_j, or lower limits. :func:`widelearn.diagnostics.feature_sets` counts both signs together: p_j is half of
        its share where signs are fair, and all of it for a start that has every neuron with both signs, `width` being
        the number of such pairs.
    width : int
        m.
    n : float
        Number of rows of the gradients, drawn independently of the neurons; infinity for exact ones.
    mean_norm, mean_square : float
        B_x1 >= E‖x‖ and B_x2 >= E‖x‖².
    delta : float, default=0.05
        δ, the probability left to sampling, between 0 and 1.

    Returns
    -------
    FeatureBound
        The bound, its terms, and the probability that it fails, at most 1.

    Raises
    ------
    ValueError
        If a number is out of range, or the q_j do not add up to the number of output weights.

    Notes
    -----
    Derived. Relu is 1-Lipschitz, so that the loss grows by at most Σ_i |a_i| E|<u_i - w_i, x>| <= Σ_i |a_i| ‖u_i - w_i‖
    B_x1 for u_i in place of w_i. Unit vectors at a cosine of 1 - γ are √(2γ) apart. E Σ_i ‖Ĝ_i - G_i‖² <= r B_x2/n, and
    Markov's inequality bounds the sum with probability 1 - δ. Unit vectors along vectors that differ by a share ε of
    one's length are at most 2 ε apart, √2 ε where ε <= 1; none are further apart than 2. The number of independent
    neurons that belong to j is binomial, and the chances that one is too few add up.

    Output weights and thresholds are free: those of the network, not those that training finds. That a trained neuron
    keeps the threshold of its start, so that its length must fit, and how far steps get, has no term: those of the
    paper's theorem have constants that are not known here. The bound is far from tight: rows are in few directions at
    once, and :func:`widelearn.diagnostics.opt_bound` along the gradients themselves is below it.

    References
    ----------
    Shi, Wei & Liang, "Provable guarantees for neural networks via gradient feature learning", NeurIPS 2023: the terms.

    Examples
    --------
    >>> from widelearn.theory import feature_learning_bound
    >>> found = feature_learning_bound(
    ...     0.02,
    ...     [0.5, 0.5, -0.5],
    ...     [2, 1],
    ...     cone=1e-3,
    ...     gradient_norm=1.0,
    ...     probability=0.1,
    ...     width=100,
    ...     n=1e7,
    ...     mean_norm=3.0,
    ...     mean_square=10.0,
    ... )
    >>> [round(term, 4) for term in found]
    [0.2497, 0.02, 0.2012, 0.0285, 0.0503]
    """
    weights, counts = finite("output_weights", output_weights), _counts(multiplicity)
    r = weights.size
    if weights.ndim != 1 or counts.sum() != r:
        raise ValueError(
            f"multiplicity adds up to {counts.sum():g}, output_weights have the shape {weights.shape}: one is needed"
            " for every neuron."
        )
    best, gamma, fails = float(non_negative("opt", opt)), _share("cone", cone), _share("delta", delta)
    if not 0 < fails < 1:
        raise ValueError(f"delta must be between 0 and 1, got {delta!r}.")
    p = numbers("probability", probability)
    if p.shape not in ((), counts.shape) or not np.all((p >= 0) & (p <= 1)):
        raise ValueError(f"probability must be one number from 0 to 1, or {len(counts)}, got {p.tolist()}.")
    least, rows = float(positive("gradient_norm", gradient_norm)), float(positive("n", n, infinite=True))
    norm, square = float(non_negative("mean_norm", mean_norm)), float(non_negative("mean_square", mean_square))
    if norm**2 > square * (1 + 1e-9):
        raise ValueError(f"mean_square = {square:g} must be at least mean_norm² = {norm**2:g}: E‖x‖² >= (E‖x‖)².")
    total, length = float(np.abs(weights).sum()), float(np.linalg.norm(weights))
    off = float(np.sqrt(r * square / (fails * rows)) / least)
    apart = float(np.sqrt(2 * gamma))
    # A single neuron may have all of the error.
    turned = min(length * off * (np.sqrt(2) if off <= 1 else 2.0), total * (2 - apart))
    terms = (best, total * norm * apart, float(turned * norm))
    if not np.isfinite(sum(terms)):
        raise ValueError("The terms are beyond float64: take smaller numbers.")
    missed = lacking(counts, np.broadcast_to(p, counts.shape), whole("width", width, 1))
    return FeatureBound(sum(terms), *terms, failure=min(1.0, fails + missed))


def lacking(counts: Array, p: Array, width: int) -> float:
    """Return Σ_j P(Bin(m, p_j) < q_j)."""
    # Here, for it takes long to load; the special function behind it came with a later SciPy than the oldest allowed.
    from scipy.stats import binom

    return float(np.sum(binom.cdf(counts - 1.0, width, p)))


def _counts(multiplicity: ArrayLike) -> Array:
    """Return whole numbers of at least 1."""
    found = np.atleast_1d(numbers("multiplicity", multiplicity))
    if found.ndim != 1 or not found.size or not np.all((found >= 1) & (found <= MOST) & (found == np.floor(found))):
        raise ValueError(f"multiplicity must be whole numbers of at least 1, one for every direction, got {found}.")
    return found


def _share(name: str, value: Any) -> float:
    """Return a number from 0 to 1."""
    found = numbers(name, value)
    if found.ndim or not 0 <= found <= 1:
        raise ValueError(f"{name} must be a number from 0 to 1, got {value!r}.")
    return float(found)
