"""What gradient features promise of a network, term by term, each constant derived."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from widelearn.theory.checks import non_negative, numbers, positive, whole


class FeatureLearningBound(NamedTuple):
    """Give a bound of the expected loss of a network that has learned gradient features, and its terms.

    Parameters
    ----------
    bound : float
        Sum of the terms.
    opt : float
        The loss of the best network along the directions.
    cone : float
        r B_a1 B_x1 √(2γ): directions of neurons are within a cone of those wanted.
    sampling : float
        r B_a1 B_x1 √2 ε, ε = √(r B_x2/(δ n))/B_G: the gradient is that of n rows.
    scale : float
        r B_a1 B_x1 ρ: a neuron's length is off by a factor up to 1 ± ρ.
    optimisation : float
        ‖a*‖ H/√T: output weights after T steps.
    failure : float
        δ + r (1 - p)^m: where a gradient is further off than ε, or a direction has no neuron.

    Examples
    --------
    >>> from widelearn.theory import FeatureLearningBound
    >>> FeatureLearningBound(0.3, 0.1, 0.1, 0.1, 0.0, 0.0, 0.05).failure
    0.05
    """

    bound: float
    opt: float
    cone: float
    sampling: float
    scale: float
    optimisation: float
    failure: float


def feature_learning_bound(
    opt: float,
    n_neurons: int,
    largest_weight: float,
    *,
    cone: float,
    gradient_norm: float,
    probability: float,
    width: int,
    n: float,
    mean_norm: float,
    mean_square: float,
    delta: float = 0.05,
    scale_error: float = 0.0,
    steps: float = np.inf,
    largest_bias: float = 0.0,
) -> FeatureLearningBound:
    """Bound the loss of a network whose first layer is one gradient step: OPT, and what each imperfection adds.

    m neurons are drawn, and each weight vector is replaced by the unit vector along its simplified gradient on n rows,
    |y| <= 1. The directions of the best r neurons, weights |a_i| <= B_a1, are in S_{p, γ, B_G}. Thresholds are chosen
    freely, and output weights by the mean of T steps of stochastic gradient descent on fresh rows, from 0 and at the
    best constant rate. The loss is 1-Lipschitz, as hinge and logistic.

    Parameters
    ----------
    opt : float
        OPT, or an upper bound of it (:func:`widelearn.diagnostics.opt_bound`).
    n_neurons : int
        r.
    largest_weight : float
        B_a1.
    cone : float
        γ, from 0 to 1.
    gradient_norm : float
        B_G, positive.
    probability : float
        p, such as the lower end of an interval of :func:`widelearn.diagnostics.feature_sets`.
    width : int
        Number m of neurons drawn independently.
    n : float
        Number of rows of the gradient.
    mean_norm, mean_square : float
        B_x1 >= E‖x‖ and B_x2 >= E‖x‖².
    delta : float, default=0.05
        Probability left to sampling, between 0 and 1.
    scale_error : float, default=0.0
        ρ, where lengths of neurons are as they come: the largest relative distance from the length wanted.
    steps : float, default=inf
        T; infinity is the best output weights.
    largest_bias : float, default=0.0
        B_b >= |b_i|, for the optimisation.

    Returns
    -------
    FeatureLearningBound
        The bound, its terms, and the probability that it fails.

    Raises
    ------
    ValueError
        If a number is out of range.

    Notes
    -----
    Derived. Cone: unit vectors at cosine 1 - γ are √(2γ) apart, and relu is 1-Lipschitz. Sampling: E‖Ĝ - G‖² <= B_x2/n
    at each of r neurons that were chosen by G, and Markov's inequality; unit vectors along vectors that differ by ε
    <= 1 of one's length are √2 ε apart at most, others 2, as all are. Scale: |relu(s z - b) - relu(z - b)| <= |s - 1|
    |z|. Optimisation: convex losses, ‖a*‖ <= √r B_a1 and H² = E‖h‖² <= 2 m (B_x2 + B_b²); it is a mean over the fresh
    rows. The theorem of the paper trains both layers and has other powers of its quantities; its constants are not
    known here, and no number of this function is taken from it.

    References
    ----------
    Shi, Wei & Liang, "Provable guarantees for neural networks via gradient feature learning", NeurIPS 2023: the terms.

    Examples
    --------
    >>> from widelearn.theory import feature_learning_bound
    >>> found = feature_learning_bound(
    ...     0.02,
    ...     2,
    ...     0.5,
    ...     cone=1e-3,
    ...     gradient_norm=1.0,
    ...     probability=0.2,
    ...     width=64,
    ...     n=1e6,
    ...     mean_norm=3.0,
    ...     mean_square=10.0,
    ... )
    >>> (
    ...     round(found.bound, 3),
    ...     round(found.cone, 3),
    ...     round(found.sampling, 3),
    ...     round(found.failure, 3),
    ... )
    (0.239, 0.134, 0.085, 0.05)
    """
    r, m = whole("n_neurons", n_neurons, 1), whole("width", width, 1)
    gamma, p, fails = _share("cone", cone), _share("probability", probability), _share("delta", delta)
    if not 0 < fails < 1:
        raise ValueError(f"delta must be between 0 and 1, got {delta!r}.")
    least, rows = float(positive("gradient_norm", gradient_norm)), float(positive("n", n))
    norm, square = float(non_negative("mean_norm", mean_norm)), float(non_negative("mean_square", mean_square))
    if norm**2 > square * (1 + 1e-9):
        raise ValueError(f"mean_square = {square:g} must be at least mean_norm² = {norm**2:g}: E‖x‖² >= (E‖x‖)².")
    weight, best = float(positive("largest_weight", largest_weight)), float(non_negative("opt", opt))
    count, bias = float(positive("steps", steps, infinite=True)), float(non_negative("largest_bias", largest_bias))
    rho = float(non_negative("scale_error", scale_error))
    lipschitz = r * weight * norm
    epsilon = float(np.sqrt(r * square / (fails * rows)) / least)
    # No two unit vectors are further apart than 2: the terms of the cone and of sampling share it.
    apart = float(np.sqrt(2 * gamma))
    turned = min(np.sqrt(2) * epsilon if epsilon <= 1 else 2.0, 2.0 - apart)
    last = float(np.sqrt(r) * weight * np.sqrt(2 * m * (square + bias**2)) / np.sqrt(count))
    terms = (best, lipschitz * apart, float(lipschitz * turned), lipschitz * rho, last)
    if not np.isfinite(terms).all():
        raise ValueError("The terms are beyond float64: take smaller numbers.")
    missed = r * float(np.exp(m * np.log1p(-p))) if p < 1 else 0.0
    return FeatureLearningBound(sum(terms), *terms, failure=min(1.0, fails + missed))


def _share(name: str, value: float) -> float:
    """Return a number from 0 to 1."""
    found = numbers(name, value)
    if found.ndim or not 0 <= found <= 1:
        raise ValueError(f"{name} must be a number from 0 to 1, got {value!r}.")
    return float(found)
