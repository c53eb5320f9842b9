"""Kernel and random-feature ridge in high dimension: plateaus, critical regimes, kernel matrices."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from widelearn.theory.checks import Array, non_negative, numbers, positive, whole
from widelearn.theory.closed_forms import isotropic_ridge, self_induced_ridge
from widelearn.theory.engine import Risk, critical_ridge, masses_of, risk
from widelearn.theory.spectrum import Spectrum, as_spectrum


def staircase(
    target: ArrayLike, n: ArrayLike, d: float, n_features: ArrayLike = np.inf, target_tail: float = 0.0
) -> Any:
    """Return the plateaus of the risk in high dimension: what lies above the degree that n and N allow.

    For d^ℓ << n << d^(ℓ+1) kernel ridge regression with any bounded ridge learns the target's parts of degree <= ℓ and
    nothing more: R -> Σ_{k > ℓ} t_k. N random features allow the degree ℓ with d^ℓ << N << d^(ℓ+1) likewise, and the
    smaller degree decides.

    Parameters
    ----------
    target : array-like of shape (m,)
        Squared mass of the target in degree 0, 1, ...
    n : float or array-like
        Number of samples.
    d : float
        Dimension of the inputs.
    n_features : float or array-like, default=inf
        Number N of random features.
    target_tail : float, default=0.0
        Squared mass above the degrees of `target`.

    Returns
    -------
    float or ndarray
        Σ_{k > ℓ} t_k, ℓ the whole part of log min(n, N) / log d.

    Raises
    ------
    ValueError
        If a number is out of range.

    Notes
    -----
    Limits for d -> infinity away from n = d^ℓ and from N = n; they need a kernel with positive masses in all degrees <=
    ℓ and above. At finite d use :func:`risk` with :func:`kernel_spectrum`, which the tests compare with both this limit
    and simulations.

    References
    ----------
    Ghorbani et al., Annals of Statistics 2021; Mei, Misiakiewicz & Montanari, "Generalization error of
    random feature and kernel methods", Applied and Computational Harmonic Analysis 2022.

    Examples
    --------
    >>> from widelearn.theory import staircase
    >>> staircase([0.0, 0.5, 0.3, 0.2], n=[50, 5000, 500_000], d=100).round(12)
    array([1. , 0.5, 0.2])
    """
    masses = np.append(np.atleast_1d(non_negative("target", target)), float(non_negative("target_tail", target_tail)))
    d = float(positive("d", d))
    if d <= 1:
        raise ValueError(f"d must be above 1, got {d:g}.")
    least = np.minimum(positive("n", n, infinite=True), positive("n_features", n_features, infinite=True))
    with np.errstate(divide="ignore"):
        degree = np.floor(np.log(least) / np.log(d) + 1e-12)
    learned = np.clip(degree + 1, 0, len(masses) - 1).astype(int)
    above = np.append(np.cumsum(masses[::-1])[::-1], 0.0)
    found = above[learned]
    return found if np.ndim(found) else float(found)


def critical_regime(
    spectrum: Spectrum, target: ArrayLike, n: float, ridge: float, noise: float, degree: int, target_tail: float = 0.0
) -> Risk:
    """Predict kernel ridge regression at n of the order of B_ℓ, about d^ℓ/ℓ!, in closed form.

    Degrees below ℓ are learned and take n - n_ℓ = Σ_{k < ℓ} B_k of the samples; those above act as noise and as ridge.
    Degree ℓ is an isotropic ridge regression with B_ℓ features and n_ℓ samples: in units where they have variance 1,
    Λ' = (Λ + Σ_{k > ℓ} c_k) B_ℓ / c_ℓ and noise τ² + Σ_{k > ℓ} t_k, and its test error times n/n_ℓ is that of all.
    For small Λ + Σ_{k > ℓ} c_k beside c_ℓ the risk peaks at n_ℓ = B_ℓ: descent is multiple.

    Parameters
    ----------
    spectrum : Spectrum
        Block k is degree k, as from :func:`kernel_spectrum`.
    target : array-like
        Squared mass in each degree.
    n : float
        Number of samples, more than Σ_{k < ℓ} B_k.
    ridge : float
        Λ >= 0 of ‖y - f‖² + Λ ‖w‖².
    noise : float
        Variance τ² of the label noise.
    degree : int
        ℓ.
    target_tail : float, default=0.0
        Squared mass of the target above the spectrum's degrees.

    Returns
    -------
    Risk
        Of the whole target: bias and excess include Σ_{k > ℓ} t_k. κ is in units of the kernel's eigenvalues; degrees
        of freedom and norm are those of degree ℓ alone.

    Raises
    ------
    ValueError
        If the degree is not in the spectrum or has no mass there, or n does not exceed Σ_{k < ℓ} B_k.

    Notes
    -----
    Use :func:`risk` first, which needs no assumption on which degrees are learned; this is its limit for d -> infinity
    at fixed n/B_ℓ, in closed form. With c_3 beside c_2 as in exp the excess is 5 % higher at d = 24 and n <= B_2, and
    11 % at 2 B_2; at d = 300 1 %.

    References
    ----------
    Xiao et al., "Precise learning curves and higher-order scaling limits for dot-product kernel regression", NeurIPS
    2022 (arXiv 2205.14846); Misiakiewicz, arXiv 2204.10425.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.theory import critical_regime, kernel_spectrum
    >>> spectrum = kernel_spectrum(np.exp, d=300, degree=4)
    >>> found = critical_regime(spectrum, [0, 0.3, 0.4, 0.3, 0], 30_000, 0.1, 0.05, degree=2)
    >>> round(found.excess, 2)
    0.59
    """
    spectrum = as_spectrum(spectrum)
    masses, (degree, n_left) = masses_of(target, spectrum), _left(spectrum, n, degree)
    if spectrum.eigenvalues[degree] == 0:
        raise ValueError(f"Degree {degree} has no mass in the spectrum of {len(spectrum)} degrees.")
    s, count = float(spectrum.eigenvalues[degree]), float(spectrum.multiplicities[degree])
    above = float(masses[degree + 1 :].sum()) + float(non_negative("target_tail", target_tail))
    total = (float(non_negative("ridge", ridge)) + self_induced_ridge(spectrum, degree)) / s
    noise = float(non_negative("noise", noise))
    found = isotropic_ridge(n_left, count, total, float(masses[degree]), noise + above)
    # what is unlearned is noise to the isotropic problem and risk to the whole one
    lost = n / n_left
    test = lost * found.test
    noise_part = lost * (noise + found.variance * _share(noise, above)) - noise
    excess = test - noise
    gap = (float(ridge) / s / n) / found.effective_ridge if found.effective_ridge else 0.0
    kappa, norm = found.effective_ridge * s, found.norm / math.sqrt(s)
    bias = excess - noise_part
    return Risk(excess, test, gap**2 * test, bias, noise_part, kappa, found.df1, found.df2, test, norm)


def _share(part: float, rest: float) -> float:
    return part / (part + rest) if part + rest else 0.0


def critical_samples(spectrum: Spectrum) -> Array:
    """Return the numbers of samples at which the risk of interpolation peaks: Σ_{k <= ℓ} B_k for each degree ℓ.

    Parameters
    ----------
    spectrum : Spectrum
        Block k is degree k, as from :func:`kernel_spectrum`; degrees without mass count nothing.

    Returns
    -------
    ndarray of shape (degrees,)
        About d^ℓ/ℓ!. A peak shows where Σ_{k > ℓ} c_k is small beside c_ℓ.

    References
    ----------
    Xiao et al., NeurIPS 2022 (arXiv 2205.14846).

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.theory import critical_samples, kernel_spectrum
    >>> critical_samples(kernel_spectrum(np.exp, d=24, degree=3))
    array([1.00e+00, 2.50e+01, 3.24e+02, 2.90e+03])
    """
    return np.cumsum(as_spectrum(spectrum).filled)


def phase_diagram(
    spectrum: Spectrum,
    target: ArrayLike,
    n: ArrayLike,
    n_features: ArrayLike,
    ridge: float,
    noise: float,
    target_tail: float = 0.0,
) -> Array:
    """Compute the risk of random-feature ridge regression over a grid of samples and features.

    Parameters
    ----------
    spectrum, target, ridge, noise, target_tail
        As for :func:`risk`.
    n : array-like of shape (a,)
        Numbers of samples.
    n_features : array-like of shape (b,)
        Numbers of random features.

    Returns
    -------
    ndarray of shape (a, b)
        Excess risk: an L-shaped staircase, limited by the smaller of n and N, with a ridge along N = n for small Λ.

    Raises
    ------
    ValueError
        As :func:`risk`.

    Notes
    -----
    100 x 100 points with ten degrees take about 0.2 s.

    References
    ----------
    Mei, Misiakiewicz & Montanari, Applied and Computational Harmonic Analysis 2022 (the limits, :func:`staircase`).

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.theory import kernel_spectrum, phase_diagram
    >>> spectrum = kernel_spectrum(np.exp, d=100, degree=4)
    >>> grid = phase_diagram(
    ...     spectrum, [0, 0.5, 0.5, 0, 0], [10, 1e3, 1e5], [10, 1e3, 1e5], 1e-3, 0
    ... )
    >>> grid.shape, bool(grid[2, 2] < grid[1, 1])
    ((3, 3), True)
    """
    samples = np.atleast_1d(numbers("n", n))[:, None]
    features = np.atleast_1d(numbers("n_features", n_features))
    return np.asarray(risk(spectrum, target, samples, ridge, noise, features, target_tail).excess)


def marchenko_pastur_edges(spectrum: Spectrum, n: float, degree: int) -> tuple[float, float]:
    """Return the edges of one degree's cluster in the spectrum of the kernel matrix.

    K is about Σ_{k <= ℓ} (c_k/B_k) Y_k Y_k' + c_{>ℓ} I with Y_k of shape (n, B_k), so degree ℓ fills (c_ℓ/B_ℓ)
    (√n_ℓ ± √B_ℓ)² + c_{>ℓ}, n_ℓ = n - Σ_{k < ℓ} B_k: the directions of lower degrees are taken (a correction that
    vanishes with d, and helps).

    Parameters
    ----------
    spectrum : Spectrum
        Block k is degree k, as from :func:`kernel_spectrum`.
    n : float
        Number of samples, more than Σ_{k < ℓ} B_k.
    degree : int
        ℓ.

    Returns
    -------
    tuple of float
        Lower and upper edge of the min(n_ℓ, B_ℓ) eigenvalues of K that belong to the degree.

    Raises
    ------
    ValueError
        If the degree is not in the spectrum, or n does not exceed Σ_{k < ℓ} B_k.

    Notes
    -----
    Limits; at d = 30 and n = 1,400 extreme eigenvalues are within 4 % (upper) and 8 % (lower, mean over draws), as the
    tests check by simulation.

    References
    ----------
    Misiakiewicz, arXiv 2204.10425; Misiakiewicz & Montanari, "Six lectures on linearized neural networks", chapter 3.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.theory import kernel_spectrum, marchenko_pastur_edges
    >>> spectrum = kernel_spectrum(np.exp, d=30, degree=5)
    >>> low, high = marchenko_pastur_edges(spectrum, n=1400, degree=2)
    >>> round(low, 3), round(high, 3)
    (0.448, 3.818)
    """
    spectrum = as_spectrum(spectrum)
    degree, n_left = _left(spectrum, n, degree)
    s, count = float(spectrum.eigenvalues[degree]), float(spectrum.multiplicities[degree])
    above = self_induced_ridge(spectrum, degree)
    low, high = (s * (math.sqrt(n_left) + sign * math.sqrt(count)) ** 2 + above for sign in (-1.0, 1.0))
    return low, high


def smallest_eigenvalue(spectrum: Spectrum, n: float, n_features: float = np.inf) -> float:
    """Return the smallest eigenvalue of the kernel matrix of n samples, about c_{>ℓ} + c_ℓ (1 - √(n_ℓ/B_ℓ))².

    ℓ is the first degree with mass that n does not fill, n_ℓ = n - Σ_{k < ℓ} B_k <= B_ℓ. For n << B_ℓ it is Σ_{k >= ℓ}
    c_k. With N features it is the edge that their products have, minus the :func:`critical_ridge`.

    Parameters
    ----------
    spectrum : Spectrum
        Block k is degree k, as from :func:`kernel_spectrum`.
    n : float
        Number of samples.
    n_features : float, default=inf
        Number N of random features whose products make the matrix; 0 is the result where n >= N.

    Returns
    -------
    float
        The lower edge; for N infinite the tail if n fills every degree of the spectrum.

    Raises
    ------
    ValueError
        If n or n_features is not positive, or with N finite n fills every degree of the spectrum.

    Notes
    -----
    Within 3 % at d = 40, n = 80 and 320 for the tangent kernel of relu, as the tests check.

    References
    ----------
    Montanari & Zhong, "The interpolation phase transition in neural networks", Annals of Statistics 2022 (n << B_ℓ).

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.theory import kernel_spectrum, smallest_eigenvalue
    >>> round(smallest_eigenvalue(kernel_spectrum(np.exp, d=30, degree=5), n=300), 3)
    0.223
    """
    spectrum, left = as_spectrum(spectrum), float(positive("n", n))
    features = float(positive("n_features", n_features, infinite=True))
    if features < np.inf:
        if left >= float(spectrum.filled.sum()):
            raise ValueError(
                f"n = {left:g} fills the {float(spectrum.filled.sum()):g} functions: resolve more degrees."
            )
        return 0.0 if left >= features else -critical_ridge(spectrum, left, features)
    for degree in range(len(spectrum)):
        if spectrum.eigenvalues[degree] == 0:
            continue
        count = float(spectrum.multiplicities[degree])
        if left <= count:
            gap = (1 - math.sqrt(left / count)) ** 2
            return self_induced_ridge(spectrum, degree) + float(spectrum.masses[degree]) * gap
        left -= count
    return spectrum.tail


def _left(spectrum: Spectrum, n: float, degree: int) -> tuple[int, float]:
    """Check a degree and return the samples that lower degrees leave to it."""
    degree = whole("degree", degree, 0)
    if degree >= len(spectrum):
        raise ValueError(f"Degree {degree} has no mass in the spectrum of {len(spectrum)} degrees.")
    taken = float(spectrum.filled[:degree].sum())
    left = float(positive("n", n)) - taken
    if left <= 0:
        raise ValueError(f"n = {n:g} samples do not reach degree {degree}: lower degrees take {taken:g}.")
    return degree, left
