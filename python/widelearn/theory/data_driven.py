"""Effective ridge and test error of ridge regression from one sample's kernel matrix: generalised cross-validation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from widelearn.theory.checks import Array, eigenvectors, finite, non_negative

Number = Any
# How far rounding moves eigenvalues of X X', beside the largest one: measured, 1 to 2.5 ulps for 30 to 1000 rows. Moves
# of estimates that are refused.
ROUNDING, MOVED = 6 * float(np.finfo(float).eps), 1e-2


@dataclass(frozen=True)
class GCV:
    """Hold what one sample says of its own ridge fit; numbers, or arrays where there are several ridges.

    Parameters
    ----------
    test : float
        (‖(K + Λ)^(-1) y‖²/n)/(Tr (K + Λ)^(-1)/n)²: an estimate of the test error, noise included.
    train : float
        Mean square error on the sample.
    effective_ridge : float
        1/Tr (K + Λ)^(-1), an estimate of κ.
    df1 : float
        Tr K (K + Λ)^(-1), an estimate of the degrees of freedom D.

    Examples
    --------
    >>> from widelearn.theory import gcv
    >>> gcv([[1.0, 0.0], [0.0, 1.0]], [1.0, 1.0], ridge=1.0).df1
    1.0
    """

    test: Number
    train: Number
    effective_ridge: Number
    df1: Number


def gcv(K: ArrayLike, y: ArrayLike, ridge: ArrayLike) -> GCV:
    """Estimate test error and effective ridge of kernel ridge regression from its own training sample.

    S = K (K + Λ)^(-1) has GCV(Λ) = (‖y - S y‖²/n)/(1 - Tr S/n)², written with (K + Λ)^(-1) so that it has its value at
    Λ = 0 too. Nothing of the spectrum is assumed: the same concentration that gives :func:`risk` makes it exact for
    large n.

    Parameters
    ----------
    K : array-like of shape (n, n)
        Kernel matrix of the sample, or X X' of features; symmetric, positive semidefinite.
    y : array-like of shape (n,)
        Targets, with their noise.
    ridge : float or array-like of shape (k,)
        Λ >= 0 of ‖y - f‖² + Λ ‖w‖²; 0 for kernel matrices of full rank.

    Returns
    -------
    GCV
        Estimates for each ridge.

    Raises
    ------
    ValueError
        If shapes do not fit, K is not symmetric positive semidefinite, or rounding of a K that is nearly singular moves
        an estimate by 1 %, as at a ridge of 0.

    Notes
    -----
    One eigendecomposition, 9 n³ flops, serves all ridges. The relative error is of the order 1/√n.

    References
    ----------
    Golub, Heath & Wahba, Technometrics 1979; Misiakiewicz & Montanari, "Six lectures on linearized neural networks",
    chapter 2 (κ from the trace).

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.theory import gcv
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((300, 450))
    >>> found = gcv(X @ X.T, X[:, 0] + rng.standard_normal(300), ridge=30.0)
    >>> round(found.effective_ridge, 1)  # of 450 features: 0.7 in theory
    0.7
    """
    targets, ridges = finite("y", y), non_negative("ridge", ridge)
    if not targets.size or ridges.ndim > 1 or not ridges.size:
        raise ValueError(f"y and ridge must not be empty, and ridge a number or one axis, got {ridges.shape}.")
    values, vectors = eigenvectors(K, targets, "y")
    lam, n = np.atleast_1d(ridges), len(targets)
    # What rounding leaves of eigenvalues that are 0 is none.
    rounding = ROUNDING * float(values[-1])
    values = np.where(values > rounding, values, 0.0)
    _check_rounding(values, lam, rounding)
    inverse = 1 / (values + lam[:, None])
    trace = inverse.sum(axis=1)
    squares = (inverse * (vectors.T @ targets)) ** 2
    residual = squares.sum(axis=1)
    found = (residual * n / trace**2, lam**2 * residual / n, 1 / trace, (values * inverse).sum(axis=1))
    return GCV(*(one if ridges.ndim else float(one[0]) for one in found))


def _check_rounding(values: Array, ridges: Array, rounding: float) -> None:
    """Refuse ridges whose estimates rounding of a matrix moves by 1 %.

    Eigenvalues move by `rounding`, and those that are taken for 0 turn: the squares of what they take of the targets
    count, beside the ridge.
    """
    kept = float(values[values > 0.0].min(initial=np.inf))
    least = max(rounding / MOVED - kept, 0.0 if values.all() else rounding / MOVED**0.5)
    ridge = float(ridges.min())
    if ridge < least or (ridge == 0.0 and not values.all()):
        raise ValueError(
            f"K is singular to rounding errors of {rounding:.2g}, and a ridge is {ridge:.3g}: 1/(K + Λ) has no value"
            f" that they leave within 1 %. Take ridges above {1.1 * least:.2g}."
        )
