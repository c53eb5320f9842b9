"""The neural tangent model: interpolation, smallest eigenvalue, effective ridge, concentration."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from widelearn.theory.activations import Activation
from widelearn.theory.checks import non_negative, positive, whole
from widelearn.theory.duals import second_moment
from widelearn.theory.engine import Risk, risk
from widelearn.theory.hermite import hermite_coefficients
from widelearn.theory.inputs import sphere_multiplicity
from widelearn.theory.kernel_spectra import neuron_spectrum
from widelearn.theory.kernel_staircase import smallest_eigenvalue

# Degrees with fewer functions than this multiple of the samples are resolved, up to the last.
FAR, MOST_DEGREES = 30.0, 12


def nt_effective_ridge(activation: Activation, ridge: float) -> float:
    """Return the ridge of the linear regression that the tangent model equals for n of the order of d.

    Tangent features with the ridge Λ act like ridge regression with the kernel x.x'/d and the ridge γ = (Λ +
    v_1(σ)) / μ_0(σ')², v_1 = Var σ'(G): degrees above 1 of the tangent kernel are its own ridge, and what the target
    has beyond its linear part is noise.

    Parameters
    ----------
    activation : str, tuple or callable
        As for :func:`hermite_coefficients`, with E σ' != 0.
    ridge : float
        Λ >= 0 of (K_N + Λ I) α = y with K_N(x, x') = (x.x'/d)(1/N) Σ_j σ'(w_j.x) σ'(w_j.x'), FiniteNTK's kernel.

    Returns
    -------
    float
        γ, the ridge for the kernel x.x'/d; for the features x themselves it is γ d.

    Raises
    ------
    ValueError
        If the ridge is negative or E σ'(G) = 0, where the model learns no linear function.

    Notes
    -----
    A limit for n, d, N -> infinity with N d >> n; the tests find relu at d = 80, N = 400 within 5 % by simulation.

    References
    ----------
    Montanari & Zhong, "The interpolation phase transition in neural networks", Annals of Statistics 2022
    (arXiv 2007.12826).

    Examples
    --------
    >>> from widelearn.theory import nt_effective_ridge
    >>> round(nt_effective_ridge("relu", ridge=0.25), 12)
    2.0
    """
    mean = float(hermite_coefficients(activation, 0, derivative=1)[0])
    if abs(mean) < 1e-12:
        raise ValueError("E σ'(G) is 0: the tangent model of this activation learns no linear function of x.")
    left = second_moment(activation, 1) - mean**2
    return (float(non_negative("ridge", ridge)) + max(left, 0.0)) / mean**2


def nt_lambda_min(activation: Activation, n: float, d: int, width: float = np.inf) -> float:
    """Return the smallest eigenvalue of the tangent kernel matrix at n samples.

    For d^ℓ << n << d^(ℓ+1) it is v_ℓ(σ) = Σ_{k >= ℓ} μ_k(σ')²; at finite sizes c_{>ℓ} + c_ℓ (1 - √(n_ℓ/B_ℓ))² with the
    masses c_k of the tangent kernel on the sphere (:func:`smallest_eigenvalue`). N neurons count as N d features: from
    0 at the threshold N d = n it grows to the limit for N d >> n.

    Parameters
    ----------
    activation : str, tuple or callable
        As for :func:`hermite_coefficients`.
    n : float
        Number of samples.
    d : int
        Dimension of the inputs, on the sphere of radius √d.
    width : float, default=inf
        Number N of neurons.

    Returns
    -------
    float
        The eigenvalue of K(x_i, x_j), scaled as FiniteNTK.

    Raises
    ------
    ValueError
        If n is not positive, or n fills all of the first 12 degrees.

    Notes
    -----
    Relu at d = 40, n = 80 and 320: within 3 % of simulation for N d from 5 n to 200 n, as the tests check. Few neurons
    leave rows at which none of them is active: then it is 0.

    References
    ----------
    Montanari & Zhong, Annals of Statistics 2022 (the limit); the finite-size edge is that of
    Marchenko and Pastur for degree ℓ.

    Examples
    --------
    >>> from widelearn.theory import nt_lambda_min
    >>> round(nt_lambda_min("relu", n=320, d=40), 4)
    0.1145
    """
    spectrum = neuron_spectrum(activation, d, 12, tangent=True)
    taken = float(spectrum.filled.sum())
    if float(positive("n", n)) > taken:
        raise ValueError(f"n = {float(n):g} exceeds the {taken:g} functions of the first 12 degrees: use n below it.")
    features = float(positive("width", width, infinite=True)) * d
    return smallest_eigenvalue(spectrum, n, features)


def nt_threshold(n: float, d: float) -> int:
    """Return the least number of neurons N with N d >= n: from it on the tangent model interpolates any labels.

    Parameters
    ----------
    n : float
        Number of samples.
    d : float
        Dimension of the inputs.

    Returns
    -------
    int
        ⌈n/d⌉. The features have rank min(n, N d) in general position, as the tests check for relu; right at the
        threshold the smallest eigenvalue is near 0, and it is of order 1 for N d >> n.

    Raises
    ------
    ValueError
        If a number is not positive.

    References
    ----------
    Montanari & Zhong, Annals of Statistics 2022.

    Examples
    --------
    >>> from widelearn.theory import nt_threshold
    >>> nt_threshold(n=400, d=20)
    20
    """
    return math.ceil(float(positive("n", n)) / float(positive("d", d)))


def nt_noise_train(n: float, width: int, d: float) -> float:
    """Return the training error of the min-norm tangent fit to pure noise of variance 1: 1 - N d/n, or 0.

    Parameters
    ----------
    n : float
        Number of samples.
    width : int
        Number N of neurons.
    d : float
        Dimension of the inputs.

    Returns
    -------
    float
        The share of directions that N d features leave.

    Raises
    ------
    ValueError
        If a number is out of range.

    Notes
    -----
    Exact in expectation where the features have rank min(n, N d).

    References
    ----------
    Montanari & Zhong, Annals of Statistics 2022, figure 1 (the experiment).

    Examples
    --------
    >>> from widelearn.theory import nt_noise_train
    >>> nt_noise_train(n=400, width=10, d=20)
    0.5
    """
    return max(0.0, 1 - whole("width", width, 1) * float(positive("d", d)) / float(positive("n", n)))


def nt_concentration(n: float, width: int, d: float) -> float:
    """Estimate how far the tangent kernel of N neurons is from its limit: ‖K^(-1/2) K_N K^(-1/2) - I‖.

    2 √r + r with r = n/(N d): the edge of Marchenko and Pastur for n rows with N d independent entries.

    Parameters
    ----------
    n : float
        Number of samples.
    width : int
        Number N of neurons.
    d : float
        Dimension of the inputs.

    Returns
    -------
    float
        The operator norm, small where N d >> n: then tangent model and kernel ridge regression give the same risk.

    Raises
    ------
    ValueError
        If a number is out of range.

    Notes
    -----
    A description, not a theorem: proved is the order √r up to logarithms. The tests find relu at d = 40, n/d >= 4,
    N = 400 within 10 % of it by simulation; for n below d it is too small.

    References
    ----------
    Montanari & Zhong, Annals of Statistics 2022 (the order).

    Examples
    --------
    >>> from widelearn.theory import nt_concentration
    >>> round(nt_concentration(n=160, width=400, d=40), 3)
    0.21
    """
    r = float(positive("n", n)) / (whole("width", width, 1) * float(positive("d", d)))
    return 2 * float(np.sqrt(r)) + r


def nt_risk(
    activation: Activation,
    target: ArrayLike,
    n: float,
    d: int,
    ridge: float,
    noise: float,
    width: float = np.inf,
    target_tail: float = 0.0,
) -> Risk:
    """Predict ridge regression with the tangent features of N random neurons on the sphere.

    The finite-size formula of :func:`risk` with the spectrum of the tangent kernel's limit (:func:`neuron_spectrum`)
    and N d features. N infinite is kernel ridge regression with that limit; in between the risk is higher, by a share
    of the order of n/(N d).

    Parameters
    ----------
    activation : str, tuple or callable
        As for :func:`hermite_coefficients`.
    target : array-like of shape (m,)
        Squared mass of the target in degree 0, 1, ...
    n : float
        Number of samples.
    d : int
        Dimension of the inputs, on the sphere of radius √d.
    ridge : float
        Λ >= 0 of (K_N + Λ I) α = y with FiniteNTK's kernel K_N.
    noise : float
        Variance τ² of the label noise.
    width : float, default=inf
        Number N of neurons, N d >= n.
    target_tail : float, default=0.0
        Squared mass above the degrees of `target`.

    Returns
    -------
    Risk
        As from :func:`risk`.

    Raises
    ------
    ValueError
        If a number is out of range, or N d < n: neurons share directions there, and do not count as N d features.

    Notes
    -----
    Neurons share directions, so that N d features are a little fewer: simulations of relu at d = 40 agree within 3
    standard errors of 2 % for N d >= 3 n, are 6 % higher at N d = 2.5 n and 13 % at 1.5 n.

    References
    ----------
    Montanari & Zhong, Annals of Statistics 2022; Misiakiewicz & Montanari, "Six lectures on linearized neural
    networks", chapter 5.

    Examples
    --------
    >>> from widelearn.theory import nt_risk
    >>> target = [0.0, 0.6, 0.4]
    >>> [
    ...     round(nt_risk("relu", target, 160, 40, 0.0, 0.1, width).excess, 3)
    ...     for width in (20, 800)
    ... ]
    [0.62, 0.474]
    """
    masses = np.atleast_1d(non_negative("target", target))
    samples, features = float(positive("n", n)), float(positive("width", width, infinite=True)) * whole("d", d, 3)
    if features < samples:
        raise ValueError(
            f"N d = {features:g} parameters are below n = {samples:g}: give {nt_threshold(samples, d)} neurons or more."
        )
    degree = len(masses) - 1
    # What is not resolved must be far from being learned.
    while degree < MOST_DEGREES and sphere_multiplicity(d, degree + 1) < FAR * samples:
        degree += 1
    spectrum = neuron_spectrum(activation, d, degree, tangent=True)
    padded = np.append(masses, np.zeros(degree + 1 - len(masses)))
    return risk(spectrum, padded, samples, ridge, noise, features, target_tail)
