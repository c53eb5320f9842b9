"""The first gradient step of a wide network on one direction: where it points, and what can be learned there."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from widelearn.theory.activations import Activation
from widelearn.theory.checks import Array, non_negative, positive
from widelearn.theory.duals import second_moment
from widelearn.theory.hermite import hermite_coefficients

# Where the Hermite series of a link ends; the mass beyond counts as one degree higher.
TERMS = 400


def one_step_overlap(activation: Activation, n: ArrayLike, d: float, noise: float = 0.0) -> Array | float:
    """Return the squared overlap of the first gradient step with the direction of a single-index target.

    For y = φ(⟨u, x⟩) + ε, x ~ N(0, I_d), the first gradient of a wide network's weights is of rank one, along X'(y -
    ȳ): its squared cosine with u is μ_1(φ)²/(μ_1(φ)² + (d/n) Var y).

    Parameters
    ----------
    activation : str, tuple or callable
        φ, as for :func:`hermite_coefficients`.
    n : float or array-like
        Number of samples.
    d : float
        Dimension of the inputs.
    noise : float, default=0.0
        Variance of ε.

    Returns
    -------
    float or ndarray
        Between 0 and 1: near 1 for n >> d if μ_1 != 0, and 0 for even φ.

    Raises
    ------
    ValueError
        If a number is out of range.

    Notes
    -----
    Ratio of expectations, n and d large; the tests find 4 % at d = 200 by simulation.

    References
    ----------
    Ba et al., "High-dimensional asymptotics of feature learning", NeurIPS 2022 (arXiv 2205.01445).

    Examples
    --------
    >>> from widelearn.theory import one_step_overlap
    >>> round(one_step_overlap("relu", n=1600, d=200, noise=0.1), 3)
    0.819
    """
    mean, slope = hermite_coefficients(activation, 1)
    variance = second_moment(activation) - mean**2 + float(non_negative("noise", noise))
    samples = positive("n", n)
    with np.errstate(invalid="ignore"):
        found = slope**2 / (slope**2 + float(positive("d", d)) / samples * variance)
    found = np.where(np.abs(slope) < 1e-14, 0.0, found)
    return found if np.ndim(n) else float(found)


def one_step_risk(activation: Activation, n: ArrayLike, d: float, noise: float = 0.0) -> Array | float:
    """Return the least risk of functions of the direction that the first gradient finds: Σ_k μ_k(φ)² (1 - q^k).

    q is :func:`one_step_overlap`: for y = φ(⟨u, x⟩) + ε and the unit vector v along X'(y - ȳ), the best prediction from
    ⟨v, x⟩ is Σ_k μ_k(φ) m^k h_k(⟨v, x⟩), m = ⟨u, v⟩. A network whose first layer is replaced by its first gradient,
    which is along v where weights start near 0, comes close once its output weights are fitted to many fresh samples.

    Parameters
    ----------
    activation : str, tuple or callable
        φ, as for :func:`hermite_coefficients`.
    n : float or array-like
        Number of samples of the gradient.
    d : float
        Dimension of the inputs.
    noise : float, default=0.0
        Variance of ε.

    Returns
    -------
    float or ndarray
        The risk without the noise: E φ² - μ_0² for small n, 0 for large n if μ_1 != 0. Compare with
        :func:`single_neuron_floor`, which kernels do not go below.

    Raises
    ------
    ValueError
        If a number is out of range.

    Notes
    -----
    n and d large; the tests compare with networks whose output weights are fitted to 20,000 fresh samples. Steps that
    leave most of the start in the first layer do not learn this way: they stay above the floor of degree 1.

    References
    ----------
    Ba et al., NeurIPS 2022 (the regimes of the step). Derived from E[h_j(⟨u, x⟩) h_k(⟨v, x⟩)] = δ_jk m^k.

    Examples
    --------
    >>> from widelearn.theory import one_step_risk, single_neuron_floor
    >>> round(one_step_risk("relu", n=8000, d=200), 4), round(single_neuron_floor("relu", 1), 4)
    (0.0156, 0.0908)
    """
    q = np.asarray(one_step_overlap(activation, n, d, noise))
    row = hermite_coefficients(activation, TERMS)
    tail = max(0.0, second_moment(activation) - float(row @ row))
    masses = np.append(row**2, tail)
    masses[0] = 0.0
    # 1 - q^k from the difference 1 - q, which is small for n >> d
    with np.errstate(divide="ignore"):
        left = -np.expm1(np.multiply.outer(np.log(q), np.arange(1, TERMS + 2)))
    found = left @ masses[1:]
    return found if np.ndim(n) else float(found)
