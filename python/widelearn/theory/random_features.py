"""Random features in the proportional regime, and the ridge conventions of several papers."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from widelearn.theory.checks import finite, non_negative, positive
from widelearn.theory.engine import Risk, predict
from widelearn.theory.spectrum import Spectrum


def mei_montanari(
    psi1: ArrayLike,
    psi2: ArrayLike,
    ridge: ArrayLike,
    mu1: float,
    mu_star2: float,
    F1: float,
    F_star2: float,
    noise: ArrayLike,
) -> Risk:
    """Predict random-feature ridge regression for N/d -> ψ1, n/d -> ψ2: the double descent of Mei and Montanari.

    Inputs and weights lie on the sphere of radius √d, features are σ(⟨w_j, x⟩/√d), and the objective is
    (1/n) Σ (y - Σ_j a_j σ_j)² + (N λ/d) ‖a‖², with that paper's λ (ours is Λ = n λ/d after a -> a/√N). The target is a
    linear part of norm F1 and an isotropic nonlinear part of variance F_*². With c > 0 and ζ² = μ1²/μ_*², the equation
    is (λ/μ_*²) c = (1 - g(c)/ψ1)(1 - g(c)/ψ2), g(c) = c + ζ² c/(1 + ζ² c); c = -χ of the paper.

    Parameters
    ----------
    psi1, psi2 : float or array-like
        N/d and n/d; these, `ridge` and `noise` broadcast. Infinity gives the wide limit (kernel ridge regression) and
        the large-sample limit.
    ridge : float or array-like
        λ >= 0.
    mu1 : float
        μ1 = E[G σ(G)].
    mu_star2 : float
        μ_*² = E σ(G)² - μ0² - μ1² >= 0.
    F1 : float
        Norm of the target's linear part, not squared.
    F_star2 : float
        Variance F_*² of its nonlinear part.
    noise : float or array-like
        Variance τ² of the label noise.

    Returns
    -------
    Risk
        The excess is F1² B + (τ² + F_*²) V + F_*² in the paper's notation; degrees of freedom are per dimension, κ is d
        times the engine's, and the norm is that of a itself.

    Raises
    ------
    ValueError
        If a number is out of range.

    Notes
    -----
    The formula of :func:`risk` for the spectrum {μ1²/d, d times} with tail μ_*², to which the published polynomials
    E0, E1, E2 are equal identically (the tests compare at random points); σ is centred, μ0 = 0.

    References
    ----------
    Mei & Montanari, "The generalization error of random features regression", Communications on Pure and Applied
    Mathematics 2022 (arXiv 1908.05355), and its limits.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.theory import mei_montanari
    >>> relu = dict(mu1=0.5, mu_star2=0.25 - 1 / (2 * np.pi))
    >>> found = mei_montanari(3.0, 1.5, 1e-3, F1=1.0, F_star2=0.3, noise=0.2, **relu)
    >>> round(found.excess, 8)
    1.42685692
    """
    features, n = (positive(k, v, infinite=True) for k, v in (("psi1", psi1), ("psi2", psi2)))
    points = np.broadcast_arrays(n, non_negative("ridge", ridge), non_negative("noise", noise), features)
    shape = points[0].shape
    spectrum = Spectrum([float(finite("mu1", mu1)) ** 2], [1.0], float(non_negative("mu_star2", mu_star2)))
    signal, rest = [float(non_negative("F1", F1)) ** 2], float(non_negative("F_star2", F_star2))
    samples, ridges, noises, widths = (np.ravel(array).astype(float) for array in points)
    found = predict(spectrum, signal, samples, ridges, noises, widths, rest, shape)
    norm = found.norm / np.sqrt(points[3])
    return Risk(**{**vars(found), "norm": norm if shape else float(norm)})


def wide_optimal_ridge(psi2: float, mu1: float, mu_star2: float, F1: float, F_star2: float, noise: float) -> float:
    """Return Mei and Montanari's best λ for infinitely many features; 0 where interpolation is optimal.

    λ = μ_*² max(0, (ζ²/ρ - 1)/ψ2) with ρ = F1²/(τ² + F_*²): interpolation is optimal if and only if the signal-to-noise
    ratio ρ is at least ζ² = μ1²/μ_*².

    Parameters
    ----------
    psi2 : float
        n/d.
    mu1, mu_star2, F1, F_star2, noise : float
        As for :func:`mei_montanari`.

    Returns
    -------
    float
        λ; infinite if F1 = 0.

    Raises
    ------
    ValueError
        If a number is out of range.

    Notes
    -----
    Isotropic ridge regression: the linear part is ridge regression with the ridge λ ψ2 + μ_*² in units of μ1², whose
    best value is (τ² + F_*²)/F1². Checked in the tests by minimising :func:`mei_montanari`.

    References
    ----------
    Mei & Montanari, Communications on Pure and Applied Mathematics 2022 (the threshold ρ_*).

    Examples
    --------
    >>> from widelearn.theory import wide_optimal_ridge
    >>> wide_optimal_ridge(2.0, mu1=0.5, mu_star2=0.1, F1=2.0, F_star2=0.0, noise=0.5)
    0.0
    """
    psi2, star = float(positive("psi2", psi2)), float(non_negative("mu_star2", mu_star2))
    signal = float(non_negative("F1", F1)) ** 2
    loss = float(non_negative("noise", noise)) + float(non_negative("F_star2", F_star2))
    if signal == 0:
        return np.inf
    return max(0.0, (float(finite("mu1", mu1)) ** 2 * loss / signal - star) / psi2)


CONVENTIONS = ("alpha", "mean", "mei_montanari", "unscaled", "unscaled_tangent")


def convert_ridge(
    value: float, source: str, target: str, n: float, d: float | None = None, n_features: float | None = None
) -> float:
    """Convert a ridge from one paper's convention to another's.

    The conventions, with f = Σ_j a_j φ_j and the penalty that stands for the same fit:

    - "alpha": ‖y - f‖² + Λ ‖w‖², features φ_j/√N, or (K + Λ I) α = y. This package, scikit-learn, Defilippis et al.
      2024, Montanari & Zhong 2022 (with K_N = ΦΦ'/(N d)).
    - "mean": (1/n) ‖y - f‖² + λ ‖w‖², λ = Λ/n. Hastie et al. 2022, Cheng & Montanari 2022.
    - "mei_montanari": (1/n) ‖y - f‖² + (N λ/d) ‖a‖², features φ_j, λ = Λ d/n.
    - "unscaled": ‖y - f‖² + λ ‖a‖², features φ_j, λ = Λ N.
    - "unscaled_tangent": ‖y - f‖² + λ ‖a‖², tangent features σ'(w_j.x) x, λ = Λ N d.

    Parameters
    ----------
    value : float
        The ridge in the convention `source`.
    source, target : str
        Two of the names above.
    n : float
        Number of samples.
    d : float, optional
        Dimension of the inputs; needed by "mei_montanari" and "unscaled_tangent".
    n_features : float, optional
        Number N of features, or of neurons; needed by the unscaled conventions.

    Returns
    -------
    float
        The ridge in the convention `target`.

    Raises
    ------
    ValueError
        If a name is unknown or a number that it needs is missing.

    Notes
    -----
    Each line is checked in the tests by fitting the same data in two conventions.

    Examples
    --------
    >>> from widelearn.theory import convert_ridge
    >>> convert_ridge(0.1, "mei_montanari", "alpha", n=300, d=100)
    0.30000000000000004
    """
    return float(finite("value", value)) / _per_alpha(source, n, d, n_features) * _per_alpha(target, n, d, n_features)


def _per_alpha(name: str, n: float, d: float | None, n_features: float | None) -> float:
    """Return a convention's ridge for Λ = 1."""

    def need(what: str, number: float | None) -> float:
        if number is None:
            raise ValueError(f"The convention {name!r} needs {what}.")
        return float(positive(what, number))

    if name == "alpha":
        return 1.0
    if name == "mean":
        return 1 / need("n", n)
    if name == "mei_montanari":
        return need("d", d) / need("n", n)
    if name == "unscaled":
        return need("n_features", n_features)
    if name == "unscaled_tangent":
        return need("n_features", n_features) * need("d", d)
    raise ValueError(f"Unknown convention {name!r}. The names are: {', '.join(CONVENTIONS)}.")
