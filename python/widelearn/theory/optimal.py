"""The ridge that makes the risk least, and the share of each mode that is learned."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from widelearn.theory.checks import Array, non_negative, positive
from widelearn.theory.engine import critical_ridge, effective_ridge, masses_of, risk
from widelearn.theory.equation import Traces
from widelearn.theory.spectrum import Spectrum, as_spectrum

POINTS = 401
ROUNDS = 6


def optimal_ridge(
    spectrum: Spectrum | ArrayLike,
    target: ArrayLike,
    n: float,
    noise: float,
    n_features: float = np.inf,
    target_tail: float = 0.0,
    negative: bool = False,
) -> float:
    """Find the ridge with the least predicted risk; 0 where interpolation is optimal.

    Parameters
    ----------
    spectrum, target, n, noise, n_features, target_tail
        As for :func:`risk`.
    negative : bool, default=False
        Whether to look below 0 too, down to the critical ridge: with strong spikes the unlearned directions regularise
        more than is good, and the best ridge takes some of it back.

    Returns
    -------
    float
        Λ of ‖y - f‖² + Λ ‖w‖²; infinite if learning does not pay at all (no mass of the target in the spectrum).

    Raises
    ------
    ValueError
        As :func:`risk`.

    Notes
    -----
    A grid of 401 ridges over 40 decades, refined 6 times: right to about 1e-7 of the ridge, the square root of
    rounding, and the global optimum on that grid. Isotropic features: n_params · noise / ‖θ‖².

    References
    ----------
    Hastie et al., Annals of Statistics 2022 (isotropic); Kobak, Lomond & Sanchez, JMLR 2020 (negative
    ridges).

    Examples
    --------
    >>> from widelearn.theory import Spectrum, optimal_ridge
    >>> round(optimal_ridge(Spectrum([1.0], [300]), [2.0], n=100, noise=0.5), 3)
    75.0
    """
    spectrum = as_spectrum(spectrum)
    masses = masses_of(target, spectrum)
    n, n_features = float(positive("n", n, infinite=True)), float(positive("n_features", n_features, infinite=True))
    noise, target_tail = float(non_negative("noise", noise)), float(non_negative("target_tail", target_tail))
    learnable = float(masses[spectrum.eigenvalues > 0].sum())

    def excess(ridges: Array) -> Array:
        return np.asarray(risk(spectrum, masses, n, ridges, noise, n_features, target_tail).excess)

    start = critical_ridge(spectrum, n, n_features) if negative else 0.0
    if learnable == 0:
        excess(np.array([1.0]))  # refuses what is out of range
        return np.inf if noise + target_tail > 0 else 0.0
    largest = float(spectrum.eigenvalues.max()) * min(n, n_features)
    loss = (noise + target_tail) / learnable
    low = np.log(spectrum.trace) - 30 * np.log(10)
    high = np.log(spectrum.trace + largest) + np.log1p(loss) + 8 * np.log(10)
    at_start = float(excess(np.array([0.0]))[0]) if start == 0 else np.inf
    best, value = start, at_start
    for _ in range(ROUNDS):
        x = np.linspace(low, high, POINTS)
        ridges = start + np.exp(x)
        values = excess(ridges)
        k = int(np.argmin(values))
        if values[k] < value:
            best, value = float(ridges[k]), float(values[k])
        low, high = x[max(k - 1, 0)], x[min(k + 1, POINTS - 1)]
    # What rounding alone gains is no reason to penalise.
    return start if value > at_start * (1 - 1e-10) else best


def learnability(spectrum: Spectrum | ArrayLike, n: ArrayLike, ridge: ArrayLike, n_features: ArrayLike = np.inf) -> Any:
    """Return the share s/(s + κ) of each block of the target that is learned on average.

    Parameters
    ----------
    spectrum, n, ridge, n_features
        As for :func:`effective_ridge`.

    Returns
    -------
    ndarray of shape (..., m)
        One share a block; weighted by multiplicities they add up, with tail/κ, to the degrees of freedom, at most n.

    Raises
    ------
    ValueError
        As :func:`effective_ridge`.

    References
    ----------
    Simon et al., "The eigenlearning framework", TMLR 2023 (arXiv 2110.03922).

    Examples
    --------
    >>> from widelearn.theory import Spectrum, learnability
    >>> learnability(Spectrum([1.0], [300]), n=150, ridge=0.0).round(12)
    array([0.5])
    """
    spectrum = as_spectrum(spectrum)
    kappa = np.asarray(effective_ridge(spectrum, n, ridge, n_features))[..., None]
    s = spectrum.eigenvalues
    with np.errstate(invalid="ignore"):
        return np.where(s == 0, 0.0, s / (s + kappa))


def samples_to_learn(spectrum: Spectrum | ArrayLike, ridge: ArrayLike, share: float = 0.5) -> Any:
    """Return the number of samples from which on each block is learned to a share: n = Λ/κ + D(κ), κ = s (1/share - 1).

    The inverse of :func:`learnability` in n, for a kernel or infinitely many features.

    Parameters
    ----------
    spectrum : Spectrum or array-like of eigenvalues
        Of the covariance of the features, or of the kernel.
    ridge : float or array-like
        Λ of ‖y - f‖² + Λ ‖w‖² (scikit-learn's alpha), not negative.
    share : float, default=0.5
        Between 0 and 1, both left out.

    Returns
    -------
    ndarray of shape (..., m)
        One number a block, those of the largest eigenvalues the smallest; infinite where an eigenvalue is 0.

    Raises
    ------
    ValueError
        If a ridge is negative or the share is not between 0 and 1.

    Notes
    -----
    What :func:`effective_ridge` assumes. A sum over the spectrum for each block.

    References
    ----------
    Simon et al., "The eigenlearning framework", TMLR 2023 (arXiv 2110.03922).

    Examples
    --------
    >>> from widelearn.theory import Spectrum, samples_to_learn
    >>> samples_to_learn(Spectrum([1.0, 0.01], [10, 2000]), ridge=0.0).round(1)
    array([  24.8, 1009.9])
    """
    spectrum = as_spectrum(spectrum)
    lam = np.asarray(non_negative("ridge", ridge))[..., None]
    part = float(positive("share", share))
    if part >= 1.0:
        raise ValueError(f"share must be below 1, which no number of samples reaches, got {part:g}.")
    traces, s = Traces(spectrum), spectrum.eigenvalues
    kappa = s[s > 0] * (1.0 / part - 1.0)
    D = np.concatenate([traces.sums(kappa[block])[0] for block in traces.chunks(len(kappa))] or [kappa])
    found = np.full((*lam.shape[:-1], len(s)), np.inf)
    with np.errstate(over="ignore"):
        found[..., s > 0] = D + lam / kappa
    return found
