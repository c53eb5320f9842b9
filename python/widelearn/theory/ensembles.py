"""Ensembles of infinitely wide networks over their initialisations: mean and covariance of what they predict."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from widelearn.theory.checks import Array, eigenvectors, finite, non_negative, numbers
from widelearn.theory.given_functions import on_copies

Kernel = Callable[[Any, Any], ArrayLike]
# Shares of the largest eigenvalue below which an eigenvalue is a rounding error.
NULL = 1e-14


class Ensemble(NamedTuple):
    """Hold the mean and the covariance of predictions at other inputs.

    Parameters
    ----------
    mean : ndarray of shape (m,) or (m, c), or with a first axis of times
        Mean of every output.
    cov : ndarray of shape (m, m), or (T, m, m)
        Covariance of the predictions of one output between inputs; outputs are independent and alike.

    Examples
    --------
    >>> from widelearn.theory import ensemble
    >>> ensemble(lambda x, y: x @ y.T, lambda x, y: x @ y.T, [[1.0]], [2.0], [[3.0]], t=0.0)
    Ensemble(mean=array([0.]), cov=array([[9.]]))
    """

    mean: Array
    cov: Array


def ensemble(ntk: Kernel, nngp: Kernel, X: ArrayLike, y: ArrayLike, X_test: ArrayLike, t: ArrayLike) -> Ensemble:
    """Return mean and covariance of infinitely wide networks over their initialisations, trained until time t.

    Networks start as draws of a Gaussian process of covariance 𝒦, the NNGP kernel, and flow by the tangent kernel Θ,
    which stays, down the loss ‖y - f‖²/(2n). With A_t = Θ(x, X) Θ⁻¹ (I - exp(-Θ t/n)) the prediction is f_t(x) = f_0(x)
    + A_t (y - f_0(X)), so its mean is A_t y and its covariance 𝒦(x, x') - A_t 𝒦(X, x') - (A_t 𝒦(X, x))' + A_t 𝒦(X, X)
    A_t'.

    Parameters
    ----------
    ntk, nngp : callable
        Tangent kernel Θ and covariance 𝒦: functions of two blocks of rows (n, d), (m, d) that return (n, m), such as
        the objects of :mod:`widelearn.kernels`. The NNGP for both trains the last layer alone; t infinite is then
        :func:`nngp_posterior` without noise.
    X : array-like of shape (n, d)
        Training inputs.
    y : array-like of shape (n,) or (n, c)
        Targets.
    X_test : array-like of shape (m, d)
        Inputs of the predictions.
    t : float or array-like of shape (T,)
        Times >= 0, infinity allowed; those of :func:`gradient_flow`.

    Returns
    -------
    Ensemble
        ``mean`` (m,) or (m, c), and ``cov`` (m, m); with a first axis for several times.

    Raises
    ------
    ValueError
        If shapes do not fit, a time is negative, or Θ is not symmetric positive semidefinite.

    Notes
    -----
    One eigendecomposition of n rows, 9 n³ flops, serves all times, each of which costs 2 n² m + 4 n m² more. Some
    libraries divide the loss by the number c of outputs, too: their time is c times this one.

    References
    ----------
    Lee, Xiao, Schoenholz, Bahri, Novak, Sohl-Dickstein & Pennington, "Wide neural networks of any depth evolve as
    linear models under gradient descent", NeurIPS 2019, equations 14 and 15.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.kernels import NNGP, NTK
    >>> from widelearn.theory import ensemble
    >>> X, y = np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([1.0, -1.0])
    >>> found = ensemble(NTK(), NNGP(), X, y, X, t=np.inf)
    >>> bool(np.allclose(found.mean, y) and np.allclose(found.cov, 0.0))
    True
    """
    rows, test, targets, times = *_inputs(X, X_test, y), numbers("t", t)
    if times.ndim > 1 or not np.all(times >= 0):
        raise ValueError(f"t must be a number or a row of them of at least 0, infinity allowed; got {times.tolist()}.")
    values, vectors = eigenvectors(_matrix("ntk", ntk, rows, rows), np.zeros(len(rows)), "y")
    largest = float(values.max(initial=0.0))
    seen = values > NULL * largest
    values, vectors = values[seen], vectors[:, seen]
    cross = _matrix("ntk", ntk, test, rows) @ vectors
    prior, between = _matrix("nngp", nngp, test, test), vectors.T @ _matrix("nngp", nngp, rows, test)
    within = vectors.T @ _matrix("nngp", nngp, rows, rows) @ vectors
    projected, means, covs = vectors.T @ targets, [], []
    for time in np.atleast_1d(times):
        A = cross * (-np.expm1(-time * (values / len(rows))) / values)
        mixed = A @ between
        means.append(A @ projected)
        covs.append(prior - mixed - mixed.T + A @ within @ A.T)
    mean, cov = np.stack(means), np.stack(covs)
    return Ensemble(mean, cov) if times.ndim else Ensemble(mean[0], cov[0])


def nngp_posterior(nngp: Kernel, X: ArrayLike, y: ArrayLike, X_test: ArrayLike, noise: float = 0.0) -> Ensemble:
    """Return the posterior of a Bayesian network of infinite width: Gaussian process regression with its NNGP kernel.

    Mean 𝒦(x, X) (𝒦 + noise I)⁻¹ y and covariance 𝒦(x, x') - 𝒦(x, X) (𝒦 + noise I)⁻¹ 𝒦(X, x'), of the function without
    the noise.

    Parameters
    ----------
    nngp : callable
        Covariance 𝒦: a function of two blocks of rows that returns their kernels, as in :func:`ensemble`.
    X : array-like of shape (n, d)
        Training inputs.
    y : array-like of shape (n,) or (n, c)
        Targets.
    X_test : array-like of shape (m, d)
        Inputs of the predictions.
    noise : float, default=0.0
        Variance of the noise of targets.

    Returns
    -------
    Ensemble
        ``mean`` (m,) or (m, c), and ``cov`` (m, m).

    Raises
    ------
    ValueError
        If shapes do not fit, the noise is negative, or 𝒦 is not symmetric positive semidefinite.

    References
    ----------
    Lee, Bahri, Novak, Schoenholz, Pennington & Sohl-Dickstein, "Deep neural networks as Gaussian processes", ICLR 2018,
    equations 8 and 9.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.kernels import NNGP
    >>> from widelearn.theory import nngp_posterior
    >>> X = np.array([[1.0, 0.0], [0.0, 1.0]])
    >>> nngp_posterior(NNGP(), X, [1.0, -1.0], X).mean.round(6)
    array([ 1., -1.])
    """
    rows, test, targets = _inputs(X, X_test, y)
    variance = float(non_negative("noise", noise))
    values, vectors = eigenvectors(_matrix("nngp", nngp, rows, rows), np.zeros(len(rows)), "y")
    shifted = np.maximum(values, 0.0) + variance
    seen = shifted > NULL * float(shifted.max(initial=0.0))
    half = _matrix("nngp", nngp, test, rows) @ vectors[:, seen] / np.sqrt(shifted[seen])
    mean = half @ ((vectors[:, seen].T @ targets).T / np.sqrt(shifted[seen])).T
    return Ensemble(mean, _matrix("nngp", nngp, test, test) - half @ half.T)


def _inputs(X: ArrayLike, X_test: ArrayLike, y: ArrayLike) -> tuple[Array, Array, Array]:
    """Return checked training inputs, other inputs and targets."""
    rows, test, targets = finite("X", X), finite("X_test", X_test), finite("y", y)
    fits = rows.ndim == test.ndim == 2 and rows.shape[1] == test.shape[1] and targets.ndim in (1, 2)
    if not fits or len(targets) != len(rows) or not len(rows):
        raise ValueError(
            f"X has shape {rows.shape}, y {targets.shape} and X_test {test.shape}: they must be (n, d), (n,) or (n, c),"
            " and (m, d)."
        )
    return rows, test, targets


def _matrix(name: str, kernel: Kernel, rows: Array, columns: Array) -> Array:
    """Return the values of a kernel, which is asked for two blocks of rows."""
    if not callable(kernel):
        raise TypeError(f"{name} must be a function of rows (n, d), (m, d) -> (n, m), got {kernel!r:.60}.")
    found, wanted = finite(name, on_copies(kernel)(rows, columns)), (len(rows), len(columns))
    if found.shape != wanted:
        raise ValueError(f"{name} returned shape {found.shape} for {wanted} rows: it must return (n, m).")
    return found
