"""Risk of kernel ridge regression on any data, from the kernel matrix of a sample, its bias removed."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from widelearn.theory.checks import Array, eigenvectors, finite, positive, whole
from widelearn.theory.engine import risk
from widelearn.theory.spectrum import Spectrum


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
    K: ArrayLike, target: ArrayLike, n: float, ridge: float, noise: float, splits: int = 4, random_state: int = 0
) -> float:
    """Predict the excess risk of kernel ridge regression at n samples from a kernel matrix of M >> n.

    The prediction T(M) from M rows is too low by about a multiple of n/M, so halves of the sample give an extrapolation
    that removes it: 2 T(M) - T(M/2).

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
        Random halvings; each gives two halves.
    random_state : int, default=0
        Seed of the halvings.

    Returns
    -------
    float
        Excess risk.

    Raises
    ------
    ValueError
        If n is not below M/2, or as :func:`empirical_spectrum`.

    Notes
    -----
    The order of the bias is observed, not proved; the tests compare with simulations (a kernel on spiked inputs).

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
    for _ in range(whole("splits", splits, 1, 10_000)):
        order = rng.permutation(m)
        halves += [predicted(np.sort(order[: m // 2])), predicted(np.sort(order[m // 2 :]))]
    return max(2 * predicted(np.arange(m)) - float(np.mean(halves)), 0.0)
