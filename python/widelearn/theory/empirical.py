"""Risk of kernel ridge regression on any data, from the kernel matrix of a sample, its bias removed."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from widelearn.theory.checks import Array, eigenvectors, finite, positive, whole
from widelearn.theory.engine import risk
from widelearn.theory.spectrum import Spectrum

# Refits that a prediction is compared with, and what it may differ by: standard errors, and a share.
REFITS, ERRORS, SHARE = 16, 3.0, 0.05
# Halvings beyond which their mean no longer changes by what the bias would show.
MOST = 1000


def empirical_spectrum(K: ArrayLike, target: ArrayLike) -> tuple[Spectrum, Array]:
    """Estimate a kernel's spectrum and a target's masses from a kernel matrix: s = eig(K)/M, t = (U'f)²/M.

    Parameters
    ----------
    K : array-like of shape (M, M)
        Kernel matrix of a sample; symmetric, positive semidefinite.
    target : array-like of shape (M,)
        The target at the sample, without noise.

    Returns
    -------
    spectrum : Spectrum
        M eigenvalues.
    masses : ndarray of shape (M,)
        The target's squared masses.

    Raises
    ------
    ValueError
        If shapes do not fit, or K is not symmetric positive semidefinite.

    Notes
    -----
    The estimate is biased: eigenvalues beyond the first M are missing, and those found are spread. So risks at n
    samples come out too low, by about n/M; :func:`empirical_risk` corrects for it. The cost is 9 M³ flops.

    References
    ----------
    Misiakiewicz & Montanari, "Six lectures on linearized neural networks", chapter 3; Simon et al., TMLR 2023.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.theory import empirical_spectrum
    >>> spectrum, masses = empirical_spectrum(np.diag([2.0, 4.0]), [1.0, 0.0])
    >>> spectrum.eigenvalues, masses
    (array([1., 2.]), array([0.5, 0. ]))
    """
    f = finite("target", target)
    values, vectors = eigenvectors(K, f, "target")
    # null directions of the matrix hold rounding alone
    values = np.where(values > 1e-13 * values[-1], values, 0.0)
    return Spectrum(values / len(f)), (vectors.T @ f) ** 2 / len(f)


def empirical_risk(
    K: ArrayLike,
    target: ArrayLike,
    n: float,
    ridge: float,
    noise: float,
    splits: int = 4,
    random_state: int = 0,
    check: bool = True,
) -> float:
    """Predict the excess risk of kernel ridge regression at n samples from a kernel matrix of M >> n.

    The prediction T(M) from M rows is too low by about a multiple of n/M, so halves of the sample give an extrapolation
    that removes it: 2 T(M) - T(M/2). Where features do not concentrate it is wrong nevertheless, so that refits on n
    of the rows, tested on the others, decide whether it is given.

    Parameters
    ----------
    K : array-like of shape (M, M)
        Kernel matrix of a sample of the inputs.
    target : array-like of shape (M,)
        The target there, without noise.
    n : float
        Number of samples to predict for, below M/2.
    ridge : float
        Λ of (K + Λ I) α = y.
    noise : float
        Variance τ² of the label noise.
    splits : int, default=4
        Random halvings, at most 1,000; each gives two halves.
    random_state : int, default=0
        Seed of the halvings and of the refits.
    check : bool, default=True
        Whether to refuse a prediction that differs from 16 refits by more than 3 standard errors and by more than 5 %.

    Returns
    -------
    float
        Excess risk.

    Raises
    ------
    ValueError
        If n is not below M/2, or refits contradict the prediction, or as :func:`empirical_spectrum`.

    Notes
    -----
    The order of the bias is observed, not proved, and so is its removal: in simulations it holds on spheres and for
    spiked inputs while n/M is small. For inputs of few dimensions predictions are too low, by a seventh and more:
    those are refused. 9 M³ flops a halving, n³/3 a refit.

    References
    ----------
    Wei, Hu & Steinhardt, "More than a toy", ICML 2022 (predictions from empirical kernels).

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.theory import empirical_risk
    >>> X = np.random.default_rng(0).standard_normal((200, 5))
    >>> risk = empirical_risk(X @ X.T / 5, X[:, 0], n=20, ridge=0.1, noise=0.0)
    >>> 0 < risk < 0.05
    True
    """
    gram, f = finite("K", K), finite("target", target)
    m = f.size
    if f.ndim != 1 or gram.shape != (m, m):
        raise ValueError(f"K has shape {gram.shape} and target {f.shape}: they must be (M, M) and (M,).")
    if not float(positive("n", n)) < m / 2:
        raise ValueError(f"n = {float(n):g} must be below half of the {m} rows of K. Use more rows.")

    def predicted(rows: NDArray[np.intp]) -> float:
        spectrum, masses = empirical_spectrum(gram[np.ix_(rows, rows)], f[rows])
        return float(risk(spectrum, masses, n, ridge, noise).excess)

    rng = np.random.default_rng(random_state)
    halves = []
    for _ in range(whole("splits", splits, 1, MOST)):
        order = rng.permutation(m)
        halves += [predicted(np.sort(order[: m // 2])), predicted(np.sort(order[m // 2 :]))]
    found = max(2 * predicted(np.arange(m)) - float(np.mean(halves)), 0.0)
    if check:
        _compare(found, _refits((gram, f), float(n), ridge, noise, rng))
    return found


def _refits(
    sample: tuple[Array, Array], n: float, ridge: float, noise: float, rng: np.random.Generator
) -> tuple[float, float]:
    """Return the excess risk of fits on n rows, tested on the others: the mean and its standard error."""
    gram, f = sample
    count, values = max(round(n), 1), []
    for _ in range(REFITS):
        order = rng.permutation(len(f))
        fitted, others = order[:count], order[count:]
        y = f[fitted] + np.sqrt(noise) * rng.standard_normal(count)
        system = gram[np.ix_(fitted, fitted)] + ridge * np.eye(count)
        weights = np.linalg.solve(system, y) if ridge else np.linalg.lstsq(system, y)[0]
        values.append(np.mean((gram[np.ix_(others, fitted)] @ weights - f[others]) ** 2))
    return float(np.mean(values)), float(np.std(values, ddof=1) / np.sqrt(REFITS))


def _compare(predicted: float, measured: tuple[float, float]) -> None:
    """Refuse a prediction that refits contradict."""
    mean, error = measured
    if abs(predicted - mean) > max(ERRORS * error, SHARE * mean):
        raise ValueError(
            f"The prediction {predicted:.4g} differs from refits on rows of the sample, {mean:.4g} ± {error:.2g}: its"
            " features do not concentrate, or n is too large beside the rows of K. Take the refits' number, more rows,"
            " or check=False."
        )
