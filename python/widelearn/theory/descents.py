"""Risk over the number of samples: peaks of multiple descent, and the rates between its steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize_scalar

from widelearn.theory.checks import Array, non_negative, positive
from widelearn.theory.closed_forms import self_induced_ridge
from widelearn.theory.engine import masses_of, risk
from widelearn.theory.kernel_staircase import critical_samples
from widelearn.theory.spectrum import Spectrum, as_spectrum

# Points of a curve, if none are given.
POINTS = 161
# Ridges about 1 that are tried first, and how the best is refined: 12 decades each way, 61 points, 4 times.
DECADES, GRID, ZOOMS = 12.0, 61, 4


@dataclass(frozen=True, eq=False)
class MultipleDescent:
    """Hold a curve of risk over samples, and its peaks.

    Parameters
    ----------
    n : ndarray of shape (m,)
        Numbers of samples.
    excess : ndarray of shape (m,)
        Excess risk at the given ridge.
    best : ndarray of shape (m,)
        Excess risk with the best ridge for each n: it has no peaks.
    peaks, heights : ndarray of shape (p,)
        Where the risk has a local maximum, and its value.
    critical : ndarray of shape (q,)
        Σ_{k <= ℓ} B_k of the degrees inside the range of n: where interpolation would peak.

    Examples
    --------
    >>> from widelearn.theory import Spectrum, multiple_descent
    >>> multiple_descent(
    ...     Spectrum([1.0], [100]), [1.0], 0.01, 0.5, n=[50, 100, 200]
    ... ).peaks.round()
    array([100.])
    """

    n: Array
    excess: Array
    best: Array
    peaks: Array
    heights: Array
    critical: Array


def multiple_descent(
    spectrum: Spectrum,
    target: ArrayLike,
    ridge: float,
    noise: float,
    n: ArrayLike | None = None,
    target_tail: float = 0.0,
) -> MultipleDescent:
    """Predict the risk over the number of samples, with its peaks: one for each degree that outweighs those above it.

    At n of the order of B_ℓ degree ℓ is learned, and the risk peaks near n = Σ_{k <= ℓ} B_k where the ridge and the
    masses above are small beside c_ℓ. With the best ridge at each n there is no peak.

    Parameters
    ----------
    spectrum : Spectrum
        Block k is degree k, as from :func:`kernel_spectrum`.
    target : array-like of shape (m,)
        Squared mass in each degree.
    ridge : float
        Λ of ‖y - f‖² + Λ ‖w‖².
    noise : float
        Variance τ² of the label noise.
    n : array-like, optional
        Numbers of samples, increasing; None takes 161 from 1 to half of the functions of the spectrum's degrees.
    target_tail : float, default=0.0
        Squared mass of the target above the spectrum's degrees.

    Returns
    -------
    MultipleDescent
        The curve, that of the best ridge, and the peaks.

    Raises
    ------
    ValueError
        If numbers of samples do not increase, or as :func:`risk`.

    Notes
    -----
    Peaks between two of the given numbers are refined to 1e-6; those narrower than their distance are missed. The best
    ridge is that of a grid over 24 decades, refined to a thousandth of a decade.

    References
    ----------
    Xiao et al., "Precise learning curves and higher-order scaling limits for dot-product kernel regression", NeurIPS
    2022 (arXiv 2205.14846).

    Examples
    --------
    >>> from widelearn.theory import kernel_spectrum, multiple_descent
    >>> spectrum = kernel_spectrum(lambda t: t + 0.1 * t**2 + 1e-3 * t**3, d=40, degree=3)
    >>> n = [20, 40, 80, 400, 800, 1600]
    >>> found = multiple_descent(spectrum, [0, 0.5, 0.5, 0], ridge=0.0, noise=0.2, n=n)
    >>> found.peaks.round(), found.critical
    (array([ 41., 861.]), array([ 41., 860.]))
    """
    spectrum = as_spectrum(spectrum)
    critical = critical_samples(spectrum)
    if n is None and not critical.size:
        raise ValueError(
            "spectrum has no eigenvalue, so no critical numbers of samples: give n, or a spectrum with one."
        )
    if n is None:
        samples = np.geomspace(1.0, max(float(critical[-1]) / 2, 4.0), POINTS)
    else:
        samples = np.atleast_1d(positive("n", n))
        if samples.ndim != 1 or np.any(np.diff(samples) <= 0):
            raise ValueError(f"n must be numbers that increase, got {samples.tolist()}.")

    def excess(at: Array) -> Array:
        return np.asarray(risk(spectrum, target, at, ridge, noise, target_tail=target_tail).excess)

    curve = excess(samples)
    inner = np.flatnonzero((curve[1:-1] >= curve[:-2]) & (curve[1:-1] >= curve[2:])) + 1
    peaks, heights = [], []
    for i in inner:
        ends = np.log(samples[[i - 1, i + 1]])
        found = minimize_scalar(
            lambda x: -float(excess(np.exp(x))), bounds=tuple(ends), method="bounded", options={"xatol": 1e-7}
        )
        # A peak that is infinite at one number of samples is that number.
        top = float(np.exp(found.x)) if -found.fun > curve[i] else float(samples[i])
        peaks.append(top)
        heights.append(max(float(-found.fun), float(curve[i])))
    best = _best(
        lambda at, lam: np.asarray(risk(spectrum, target, at, lam, noise, target_tail=target_tail).excess), samples
    )
    inside = np.unique(critical[(critical > samples[0]) & (critical < samples[-1])])
    return MultipleDescent(samples, curve, best, np.array(peaks), np.array(heights), inside)


def _best(excess: Callable[[Array, Array], Array], samples: Array) -> Array:
    """Return the least risk over ridges from 0 on, by a grid of their logarithms that is refined about its best."""
    least = excess(samples, np.zeros_like(samples))
    center, half = np.zeros_like(samples), DECADES
    for _ in range(ZOOMS):
        grid = center[:, None] + np.linspace(-half, half, GRID)
        values = excess(samples[:, None], 10.0**grid)
        at = np.argmin(values, axis=1)
        least = np.minimum(least, values.min(axis=1))
        center, half = np.take_along_axis(grid, at[:, None], axis=1)[:, 0], 2 * half / (GRID - 1)
    return least


@dataclass(frozen=True)
class PolynomialRates:
    """Hold leading orders of the risk between two steps.

    Parameters
    ----------
    degree : int
        ℓ, the highest degree that n samples fill.
    bias : float
        Σ_{k > ℓ} t_k + Σ_{k <= ℓ} t_k (B_k (Λ + c_{>ℓ})/(n c_k))².
    variance : float
        (τ² + Σ_{k > ℓ} t_k) (Σ_{k <= ℓ} B_k/n + n Σ_{k > ℓ} c_k²/B_k/(Λ + c_{>ℓ})²).
    excess : float
        Their sum.

    Examples
    --------
    >>> from widelearn.theory import PolynomialRates
    >>> PolynomialRates(1, 0.5, 0.1, 0.6).excess
    0.6
    """

    degree: int
    bias: float
    variance: float
    excess: float


def polynomial_rates(
    spectrum: Spectrum, target: ArrayLike, n: float, ridge: float, noise: float, target_tail: float = 0.0
) -> PolynomialRates:
    """Return the leading orders of the risk between two steps, Σ_{k <= ℓ} B_k << n << B_{ℓ+1}.

    What is above degree ℓ is not learned and acts as noise and as ridge; degree k <= ℓ is missed by the square of
    B_k (Λ + c_{>ℓ})/(n c_k). The variance falls like B_ℓ/n, then rises like
    n/B_{ℓ+1}: it is least between the steps.

    Parameters
    ----------
    spectrum : Spectrum
        Block k is degree k, as from :func:`kernel_spectrum` or :func:`neuron_spectrum`.
    target : array-like of shape (m,)
        Squared mass in each degree.
    n : float
        Number of samples, above B_0 and below the functions of the spectrum's degrees.
    ridge : float
        Λ >= 0 of ‖y - f‖² + Λ ‖w‖².
    noise : float
        Variance τ² of the label noise.
    target_tail : float, default=0.0
        Squared mass of the target above the spectrum's degrees.

    Returns
    -------
    PolynomialRates
        Degree, bias, variance and their sum.

    Raises
    ------
    ValueError
        If n lies outside the spectrum's steps, or Λ + c_{>ℓ} = 0.

    Notes
    -----
    What is left out is of relative size B_ℓ/n + n/B_{ℓ+1}: use :func:`risk` for numbers.

    References
    ----------
    Ghorbani et al., Annals of Statistics 2021; Misiakiewicz & Montanari, "Six lectures on linearized neural networks",
    chapter 3. From :func:`risk` with κ = (Λ + c_{>ℓ})/n.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.theory import kernel_spectrum, polynomial_rates
    >>> spectrum = kernel_spectrum(np.exp, d=1000, degree=4)
    >>> found = polynomial_rates(spectrum, [0, 0.6, 0.4, 0, 0], n=30_000, ridge=0.0, noise=0.1)
    >>> found.degree, round(found.excess, 2)
    (1, 0.43)
    """
    spectrum = as_spectrum(spectrum)
    masses, counts = masses_of(target, spectrum), spectrum.filled
    n, lam = float(positive("n", n)), float(non_negative("ridge", ridge))
    taken = np.cumsum(counts)
    degree = int(np.searchsorted(taken, n)) - 1
    if degree < 0 or degree + 1 >= len(spectrum):
        raise ValueError(
            f"n = {n:g} must lie between {taken[0]:g} and {taken[-1]:g}, the functions of degree 0 and of all"
            f" {len(spectrum)} degrees."
        )
    total = lam + self_induced_ridge(spectrum, degree)
    if not total > 0:
        raise ValueError(f"Λ + c_(>{degree}) is 0: nothing regularises. Give a ridge, or resolve more degrees.")
    above = float(masses[degree + 1 :].sum()) + float(non_negative("target_tail", target_tail))
    known = spectrum.eigenvalues[: degree + 1]
    lost = np.where(known > 0, total / (n * np.where(known > 0, known, 1.0)), 1.0)
    bias = above + float(masses[: degree + 1] @ lost**2)
    following = float(spectrum.eigenvalues[degree + 1 :] ** 2 @ counts[degree + 1 :])
    share = float(taken[degree]) / n + n * following / total**2
    variance = (float(non_negative("noise", noise)) + above) * share
    return PolynomialRates(degree, bias, variance, bias + variance)
