"""How often signs of kernel ridge fits are right: on sparse parities, and on clusters labelled by exclusive or."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr

from widelearn.theory.checks import Array, non_negative, numbers, positive, whole
from widelearn.theory.engine import Risk, risk
from widelearn.theory.spectrum import Spectrum, as_spectrum

# A search for the best ridge: decades about the trace, points on each of its rounds.
DECADES, POINTS, ROUNDS = 8.0, 61, 3
# Two normal variables at steps of a tenth: integrals of smooth functions are right to rounding.
NODES = np.linspace(-8.0, 8.0, 161)
WEIGHTS = np.exp(-(NODES**2) / 2) / np.exp(-(NODES**2) / 2).sum()


def parity_accuracy(
    spectrum: Spectrum | ArrayLike,
    k: int,
    n: float,
    ridge: float | None = None,
    *,
    label_noise: float = 0.0,
    n_features: float = np.inf,
) -> float:
    """Predict how often the sign of a ridge fit is right on a parity of k bits: Φ(ρ L/√(E - ρ² (1 - L)²)).

    The labels y = ±1 are an eigenfunction χ of block k. The fit is f = ρ L χ + g, where L = s_k/(s_k + κ) is the share
    that is learned and ρ = 1 - 2 `label_noise`. g adds up many eigenfunctions, so it is nearly normal; its variance is
    what the excess risk E has beyond ρ² (1 - L)².

    Parameters
    ----------
    spectrum : Spectrum or array-like of eigenvalues
        Of the kernel on the cube, block k of degree k: ``kernel_spectrum(kernel, d, degree, "hypercube")``.
    k : int
        The block of the target: for a parity the number of its bits.
    n : float
        Number of rows.
    ridge : float, optional
        Λ of ‖y - f‖² + Λ ‖w‖², without an intercept. None takes the ridge of the best accuracy.
    label_noise : float, default=0.0
        Probability that a label of the rows is flipped, at most 1/2. The accuracy is on labels without noise.
    n_features : float, default=inf
        Number N of random features whose limiting kernel has the spectrum.

    Returns
    -------
    float
        The mean over draws of the rows, between 1/2 and 1.

    Raises
    ------
    ValueError
        If the spectrum has no block k, a number is out of range, or rows, features and the rank of the spectrum are as
        many without a ridge.

    Notes
    -----
    At ten points (the tests) within 1 % of simulations or three standard errors; at d = 20 and 100 to 190 rows off by
    up to .014, measured. A search for the ridge takes 183 points of :func:`risk`.

    References
    ----------
    Derived from :func:`risk`; Simon et al., "The eigenlearning framework", TMLR 2023 (the share L).

    See Also
    --------
    parity_floor : What no kernel can do about a parity.

    Examples
    --------
    >>> from widelearn.kernels import NTK, Polynomial
    >>> from widelearn.theory import kernel_spectrum, parity_accuracy
    >>> own = kernel_spectrum(Polynomial(2, coef0=0), 100, 2, "hypercube")
    >>> tangent = kernel_spectrum(NTK(), 100, 8, "hypercube")
    >>> [round(parity_accuracy(one, 2, 800), 3) for one in (own, tangent)]
    [0.669, 0.596]
    """
    spectrum, block = as_spectrum(spectrum), whole("k", k, 0)
    if block >= len(spectrum):
        raise ValueError(f"spectrum has {len(spectrum)} blocks, none of degree k = {block}: give one that has.")
    n, n_features = float(positive("n", n)), float(positive("n_features", n_features, infinite=True))
    kept = 1 - 2 * _noise(label_noise)
    target = kept**2 * np.eye(len(spectrum))[block]
    s = float(spectrum.eigenvalues[block])

    def accuracy(ridges: Array) -> Array:
        if s == 0:
            return np.full(ridges.shape, 0.5)
        found = risk(spectrum, target, n, ridges, 1 - kept**2, n_features)
        learned = kept * s / (s + found.effective_ridge)
        return _right(learned, _spread(found, learned, kept - learned, n, n_features))

    return _at_ridge(accuracy, ridge, spectrum.trace)


def xor_accuracy(n: float, d: int, radius: float, ridge: float | None = None) -> float:
    """Predict how often the sign of a ridge fit with the quadratic kernel is right on ``datasets.xor_mixture``.

    The kernel is (x.x'/d)², ``Polynomial(2, coef0=0)``. With D = d + R² and u_1 = R + z_1, u_2 = z_2 along the hidden
    directions (z normal), the fit at x has the mean m = (R²/2)(u_1² - u_2²) and, over draws of the rows, the variance
    V/n, so that the accuracy is E Φ(√n m/√V), for labels without noise,

    V = [2D² + 2R² D s/(1 + t)² + (D + R² s/2)²/(1 + c)²] [1 + h (2q + q²)]/(1 - n/(p (1 + r)²)), s = u_1² + u_2².

    What is finite in the ridge r, that of (x.x')² in units of D²: t = n (R² + 2)/(D² (1 + r)) and c = n (D +
    R⁴/2)/(D² (1 + r)), by which features of one hidden direction, and the constant, are fitted; q = n (R⁴/2 + 2R² +
    2)/(D² (1 + r)), by which the labels' own feature is, and the share h of its variance within clusters; p =
    (d + 2)(d - 1)/2 features.

    Parameters
    ----------
    n : float
        Number of rows, at most d²/8.
    d : int
        Dimension, at least 2.
    radius : float
        R, the distance of the clusters from 0.
    ridge : float, optional
        Λ of ‖y - f‖² + Λ ‖w‖², without an intercept. None takes the ridge of the best accuracy.

    Returns
    -------
    float
        The mean over draws of the rows, between 1/2 and 1.

    Raises
    ------
    ValueError
        If a number is out of range, or n exceeds d²/8, where the kernel's features are no longer many.

    Notes
    -----
    Within 1 % of simulations from d = 100 on (the tests compare). Without what is finite in r, the large ridge, it is
    E Φ(√n m/√(2D² + 2R² D (u_1² + u_2²))), which is up to 2 % too high. 61 x 161² values of Φ a round of the search.

    References
    ----------
    Derived. The problem is that of Refinetti et al., "Classifying high-dimensional Gaussian mixtures: where kernel
    methods fail and neural networks succeed", ICML 2021.

    Examples
    --------
    >>> from widelearn.theory import xor_accuracy
    >>> [round(xor_accuracy(3 * d // 2, d, radius=4.0), 3) for d in (250, 1000, 4000)]
    [0.982, 0.961, 0.897]
    """
    d, n, R = whole("d", d, 2), float(positive("n", n)), float(positive("radius", radius))
    if n > d * d / 8:
        raise ValueError(f"n must be at most d²/8 = {d * d / 8:g}, got {n:g}: features are too few beside the rows.")
    if d < R * R:
        raise ValueError(f"radius must be at most √d = {d**0.5:g}, got {R:g}: beyond it the clusters are far apart.")
    D, features = d + R * R, (d + 2) * (d - 1) / 2
    one, other = (R + NODES)[:, None] ** 2, NODES**2
    mean, both = R * R * (one - other) / 2, R * R * (one + other)
    signal, within = R**4 / 2, 2 * R * R + 2

    def accuracy(ridges: Array) -> Array:
        found = []
        for r in ridges * (d / D) ** 2:
            rows = n / (D * D * (1 + r))
            line, constant, own = rows * (R * R + 2), rows * (D + R**4 / 2), rows * (signal + within)
            variance = 2 * D * D + 2 * D * both / (1 + line) ** 2 + ((D + both / 2) / (1 + constant)) ** 2
            variance *= 1 + within / (signal + within) * (2 * own + own * own)
            spread = variance / (1 - n / (features * (1 + r) ** 2)) / n
            found.append(WEIGHTS @ _right(mean, spread) @ WEIGHTS)
        return np.array(found)

    return _at_ridge(accuracy, ridge, (D / d) ** 2)


def _spread(found: Risk, learned: Array, missed: Array, n: float, p: float) -> Array:
    """Return the excess risk less missed², without the cancellation of a large ridge."""
    D, T = found.df1, found.df2
    g, h, delta = np.maximum(1 - D / n, 0.0), np.maximum(1 - D / p, 0.0), D - T
    scale = g * h + delta / n * h + delta / p * g
    with np.errstate(divide="ignore", invalid="ignore"):
        lost = missed**2 * (h * T / n + delta / p * D / n) + delta / p * learned * missed
        # What is learned whole leaves nothing, as many rows as features included.
        bias = np.where(lost == 0, 0.0, lost / scale)
    return np.asarray(np.where(np.isfinite(found.excess), bias + found.variance, np.inf))


def _right(mean: Array, variance: Array) -> Array:
    """Return how often normal numbers of this mean and variance are positive; 1/2 where nothing is known of them."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = mean / np.sqrt(variance)
    return np.asarray(ndtr(np.where(mean == 0, 0.0, ratio)), dtype=float)


def _at_ridge(accuracy: Callable[[Array], Array], ridge: float | None, scale: float) -> float:
    """Return the accuracy at a ridge, or the best of all ridges; `scale` is where these matter."""
    if ridge is not None:
        found = accuracy(np.array([float(non_negative("ridge", ridge))]))
        if not np.isfinite(found[0]):
            raise ValueError(
                f"Nothing is known at ridge = {ridge:g}: numbers are too large or equal. Take a ridge above."
            )
        return float(found[0])
    low, high, best = -DECADES, DECADES, 0.0
    for _ in range(ROUNDS):
        powers = np.linspace(low, high, POINTS)
        found = accuracy((scale or 1.0) * 10.0**powers)
        if not np.isfinite(found).any():
            raise ValueError("Nothing is known at any ridge: numbers are too large or too small for float64.")
        at = int(np.nanargmax(found))
        best = max(best, float(found[at]))
        low, high = powers[max(at - 1, 0)], powers[min(at + 1, POINTS - 1)]
    return best


def _noise(label_noise: float) -> float:
    """Return the probability of a flipped label."""
    found = numbers("label_noise", label_noise)
    if found.ndim or not 0 <= found <= 0.5:
        raise ValueError(f"label_noise must be a number from 0 to 1/2, got {label_noise!r}.")
    return float(found)
