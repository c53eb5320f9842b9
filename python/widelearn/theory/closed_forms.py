"""Models whose risk has a closed form, or few distinct eigenvalues: isotropic, latent-space, spiked, power-law."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike
from scipy import special
from scipy.optimize import brentq

from widelearn.theory.checks import finite, non_negative, positive, whole
from widelearn.theory.engine import Risk, risk
from widelearn.theory.spectrum import Spectrum, as_spectrum

# log κ^(1/a) above which the integrals of a power law are off by a tenth or more.
FEW = math.log(0.1)
# Eigenvalues that its sums take one by one.
SUMMED = 100_000
# The logarithm of the smallest κ.
SMALLEST_LOG = -600.0


def isotropic_ridge(n: float, p: float, ridge: float, signal: float, noise: float) -> Risk:
    """Predict ridge regression on p independent features of variance 1, in closed form.

    With γ = p/n, λ = Λ/n and signal r² = ‖θ‖²: κ = [λ - 1 + γ + sqrt((λ - 1 + γ)² + 4λ)]/2, bias = r² κ²/(1 + κ)² / Δ,
    variance = τ² γ/(1 + κ)² / Δ, Δ = 1 - γ/(1 + κ)². For Λ = 0: variance τ² γ/(1 - γ) below γ = 1; bias r² (1 - 1/γ)
    and variance τ²/(γ - 1) above. The best ridge is Λ = p τ²/r².

    Parameters
    ----------
    n, p : float
        Numbers of samples and features.
    ridge : float
        Λ >= 0 of ‖y - Xθ‖² + Λ ‖θ‖².
    signal : float
        ‖θ‖².
    noise : float
        Variance τ² of the label noise.

    Returns
    -------
    Risk
        As from :func:`risk`; infinite at p = n with Λ = 0, if there is noise.

    Raises
    ------
    ValueError
        If a size is not positive, or another number is negative.

    References
    ----------
    Hastie et al., "Surprises in high-dimensional ridgeless least squares interpolation", Annals of Statistics 2022.

    Examples
    --------
    >>> from widelearn.theory import isotropic_ridge
    >>> round(isotropic_ridge(n=200, p=300, ridge=0.0, signal=1.0, noise=0.3).excess, 10)
    0.9333333333
    """
    n, p = float(positive("n", n)), float(positive("p", p))
    signal, noise = float(non_negative("signal", signal)), float(non_negative("noise", noise))
    gamma, lam = p / n, float(non_negative("ridge", ridge)) / n
    b = lam - 1 + gamma
    root = math.sqrt(b * b + 4 * lam)
    kappa = (b + root) / 2 if b >= 0 else 2 * lam / (root - b)
    gap = lam / kappa if kappa > 0 else max(1 - gamma, 0.0)
    share = 1 / (1 + kappa)
    delta = gamma * kappa * share**2  # (D - T)/n
    scale = gap + delta
    bias, variance = _over(signal * (kappa * share) ** 2, scale), _over(noise * gamma * share**2, scale)
    test = bias + variance + noise
    lost = signal * kappa * share + noise
    norm = math.sqrt(_over(gamma * share**2 * lost + gap * signal * share**2, scale))
    train = gap**2 * test if gap else 0.0
    return Risk(bias + variance, test, train, bias, variance, kappa, p * share, p * share**2, test, norm)


def _over(top: float, bottom: float) -> float:
    if top == 0:
        return 0.0
    return top / bottom if bottom > 0 else np.inf


def latent_space(n: float, p: float, d: float, mu: float, ridge: float, signal: float, noise: float) -> Risk:
    """Predict ridge regression on p noisy views of d hidden variables: the risk falls with p beyond interpolation.

    y = ⟨θ, z⟩ + ε, x = W z + u with z ~ N(0, I_d), u ~ N(0, I_p), W'W = (p μ/d) I_d. The features have d eigenvalues
    a = 1 + p μ/d and p - d ones; the target's mass r² (a - 1)/a lies in the first block, and what x does not tell of
    z is noise, σ² = τ² + r²/a. The excess is over the best linear predictor from x; `test` includes σ².

    Parameters
    ----------
    n, p, d : float
        Numbers of samples, features and hidden variables, d <= p.
    mu : float
        Signal-to-noise ratio μ >= 0 of the features, for each hidden variable.
    ridge : float
        Λ of ‖y - Xθ‖² + Λ ‖θ‖².
    signal : float
        r² = ‖θ‖².
    noise : float
        Variance τ² of ε.

    Returns
    -------
    Risk
        As from :func:`risk`.

    Raises
    ------
    ValueError
        If d > p, or a number is out of range.

    Notes
    -----
    Two blocks in :func:`risk`; for Λ = 0 it equals the closed form of the source, with which the tests compare.

    References
    ----------
    Hastie et al., Annals of Statistics 2022; Misiakiewicz & Montanari, "Six lectures on linearized neural
    networks", section 2.3.

    Examples
    --------
    >>> from widelearn.theory import latent_space
    >>> narrow, wide = (latent_space(100, p, 20, 1.0, 0.0, 1.0, 0.1).test for p in (200, 2000))
    >>> wide < narrow
    True
    """
    p, d = float(positive("p", p)), float(positive("d", d))
    if d > p:
        raise ValueError(f"d = {d:g} hidden variables must not exceed p = {p:g} features.")
    a = 1 + p * float(non_negative("mu", mu)) / d
    signal = float(non_negative("signal", signal))
    hidden = float(non_negative("noise", noise)) + signal / a
    return risk(Spectrum([a, 1.0], [d, p - d]), [signal * (a - 1) / a, 0.0], n, ridge, hidden)


def spiked(
    n: float, p: float, spikes: ArrayLike, target: ArrayLike, ridge: float, noise: float, rest: float = 0.0
) -> Risk:
    """Predict ridge regression with covariance I + Σ_j s_j u_j u_j': few strong directions among p.

    Few spikes leave κ where isotropic features have it, and direction j is learned up to (1 + s_j)/(1 + s_j + κ): a
    target in the spikes needs few samples, and its best ridge can be negative.

    Parameters
    ----------
    n, p : float
        Numbers of samples and features.
    spikes : array-like of shape (q,)
        s_j >= 0, q <= p.
    target : array-like of shape (q,)
        Squared mass (1 + s_j) θ_j² of the target along each spike.
    ridge : float
        Λ of ‖y - Xθ‖² + Λ ‖θ‖²; negative down to the critical ridge.
    noise : float
        Variance τ² of the label noise.
    rest : float, default=0.0
        Squared mass of the target in the other p - q directions.

    Returns
    -------
    Risk
        As from :func:`risk` with blocks 1 + s_j and p - q ones.

    Raises
    ------
    ValueError
        If there are more spikes than features, lengths do not match, or a number is out of range.

    References
    ----------
    Misiakiewicz & Montanari, "Six lectures on linearized neural networks", chapter 2 (the general formula).

    Examples
    --------
    >>> from widelearn.theory import spiked
    >>> round(spiked(100, 400, spikes=[99.0], target=[1.0], ridge=0.0, noise=0.0).excess, 3)
    0.001
    """
    strengths = np.atleast_1d(non_negative("spikes", spikes))
    p = float(positive("p", p))
    if strengths.size > p:
        raise ValueError(f"There are {strengths.size} spikes for p = {p:g} features: give at most p.")
    masses = np.atleast_1d(non_negative("target", target))
    if masses.shape != strengths.shape:
        raise ValueError(f"target has {masses.size} entries for {strengths.size} spikes: give one for each.")
    spectrum = Spectrum(np.append(1 + strengths, 1.0), np.append(np.ones_like(strengths), p - strengths.size))
    return risk(spectrum, np.append(masses, float(non_negative("rest", rest))), n, ridge, noise)


def power_law(
    n: float, exponent: float, noise: float, ridge: float = 0.0, signal: float = 0.0, signal_exponent: float = 2.0
) -> Risk:
    """Predict ridge regression with eigenvalues k^-a, k = 1, 2, ...: tempered overfitting, in closed form.

    Sums become integrals: D(κ) = C κ^(-1/a) with C = (π/a)/sin(π/a), Σ s²/(s + κ)² = (1 - 1/a) D, and for a target
    with masses t_k = signal · k^-b, Σ t κ²/(s + κ)² = signal · κ^((b-1)/a) B((2a - b + 1)/a, (b - 1)/a)/a. For Λ = 0,
    κ = (C/n)^a and the variance is (a - 1) τ², whatever n.

    Parameters
    ----------
    n : float
        Number of samples.
    exponent : float
        a > 1.
    noise : float
        Variance τ² of the label noise.
    ridge : float, default=0.0
        Λ >= 0 of ‖y - f‖² + Λ ‖w‖².
    signal : float, default=0.0
        The factor of the target's masses.
    signal_exponent : float, default=2.0
        b, 1 < b < 2a + 1 (smoother targets saturate).

    Returns
    -------
    Risk
        Right up to terms of relative size κ^(1/a), about 1/n; where they exceed 1/10 the sums themselves are taken.
        `norm` is not given (NaN).

    Raises
    ------
    ValueError
        If an exponent or another number is out of range.

    References
    ----------
    Mallinar et al., "Benign, tempered, or catastrophic", NeurIPS 2022 (the word); the integrals are elementary.

    Examples
    --------
    >>> from widelearn.theory import power_law
    >>> round(power_law(500, exponent=1.5, noise=1.0).test, 10)
    1.5
    """
    n, a = float(positive("n", n)), float(finite("exponent", exponent))
    b = float(finite("signal_exponent", signal_exponent))
    if a <= 1:
        raise ValueError(f"exponent must be above 1 for a finite trace, got {a:g}.")
    if not 1 < b < 2 * a + 1:
        raise ValueError(f"signal_exponent must lie between 1 and 2 exponent + 1 = {2 * a + 1:g}, got {b:g}.")
    noise, signal = float(non_negative("noise", noise)), float(non_negative("signal", signal))
    lam = float(non_negative("ridge", ridge)) / n
    constant = math.pi / a / math.sin(math.pi / a)
    reach = math.log(constant / n)
    if a * reach < SMALLEST_LOG:
        raise ValueError(
            f"exponent = {a:g} is too large for n = {n:g}: κ is below the smallest number. Take at most"
            f" {SMALLEST_LOG / reach:.4g}."
        )
    if reach > FEW:
        return _summed(n, a, (b, signal), lam * n, noise)
    least = kappa = math.exp(a * reach)
    if lam > 0:
        # with u = log(κ/κ_0), λ = κ_0 e^u (1 - e^(-u/a))
        upper = np.log1p(lam / least) + 2 * a
        kappa = least * math.exp(brentq(lambda u: np.log(-np.expm1(-u / a)) + u - np.log(lam / least), 1e-300, upper))
    if math.log(kappa) / a > FEW:
        return _summed(n, a, (b, signal), lam * n, noise)
    D = constant * kappa ** (-1 / a)
    T = (1 - 1 / a) * D
    gap = lam / kappa
    scale = gap + (D - T) / n
    missed = signal * kappa ** ((b - 1) / a) * float(special.beta((2 * a - b + 1) / a, (b - 1) / a)) / a
    bias, variance = missed / scale, noise * T / n / scale
    test = bias + variance + noise
    return Risk(bias + variance, test, gap**2 * test, bias, variance, kappa, D, T, test, np.nan)


def _summed(n: float, a: float, target: tuple[float, float], ridge: float, noise: float) -> Risk:
    """Predict from the eigenvalues themselves, as where few of them reach κ no integral stands for their sum.

    Those beyond the first ones are far below κ, and act by their sum.
    """
    b, signal = target
    k = np.arange(1.0, SUMMED + 1)
    spectrum = Spectrum(k**-a, tail=float(special.zeta(a, SUMMED + 1)))
    found = risk(spectrum, signal * k**-b, n, ridge, noise, target_tail=signal * float(special.zeta(b, SUMMED + 1)))
    return replace(found, norm=np.nan)


def self_induced_ridge(spectrum: Spectrum, degree: int) -> float:
    """Sum the masses above a degree: the ridge that unlearned directions add to the penalty.

    Kernel ridge regression with Λ acts like polynomial regression of degree ℓ with the ridge Λ + Σ_{k > ℓ} c_k.

    Parameters
    ----------
    spectrum : Spectrum
        Block k is degree k, as from :func:`kernel_spectrum`.
    degree : int
        ℓ.

    Returns
    -------
    float
        Σ_{k > ℓ} c_k, the tail included.

    References
    ----------
    Misiakiewicz & Montanari, "Six lectures on linearized neural networks", chapter 3. Checked by simulation in the
    tests: degree 2, d = 24.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.theory import kernel_spectrum, self_induced_ridge
    >>> round(self_induced_ridge(kernel_spectrum(np.exp, d=30, degree=5), degree=2), 3)
    0.195
    """
    spectrum = as_spectrum(spectrum)
    return float(spectrum.masses[whole("degree", degree, 0) + 1 :].sum() + spectrum.tail)
