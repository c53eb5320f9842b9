"""Simplified gradients of a population in closed form: Gaussian mixtures and quadratic targets."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr

from widelearn.theory.checks import Array, finite, non_negative, positive


class PopulationGradient(NamedTuple):
    """Give the simplified gradient G(w, b) = E[y x 1{<w, x> > b}] of every neuron, and what its sampling error needs.

    The mean over n independent rows is off by E‖Ĝ - G‖² = (energy - ‖G‖²)/n.

    Parameters
    ----------
    G : array of shape (m, d)
        The vectors.
    activity : array of shape (m,)
        P(<w, x> > b).
    energy : array of shape (m,)
        E[y² ‖x‖² 1{<w, x> > b}].

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.theory import PopulationGradient
    >>> PopulationGradient(np.ones((1, 2)), np.array([0.5]), np.array([3.0])).energy
    array([3.])
    """

    G: Array
    activity: Array
    energy: Array


def mixture_gradient(
    W: ArrayLike,
    b: ArrayLike,
    means: ArrayLike,
    labels: ArrayLike,
    weights: ArrayLike | None = None,
    *,
    scale: ArrayLike = 1.0,
    covariances: ArrayLike | None = None,
) -> PopulationGradient:
    """Return the simplified gradients of a labelled Gaussian mixture, x ~ Σ_j p_j N(μ_j, Σ_j) with label y_j.

    G(w, b) = Σ_j p_j y_j [μ_j Φ(t_j) + φ(t_j) Σ_j w/s_j] with s_j² = wᵀΣ_j w and t_j = (<w, μ_j> - b)/s_j.

    Parameters
    ----------
    W : array-like of shape (m, d)
        First layer.
    b : array-like of shape (m,) or float
        Thresholds.
    means : array-like of shape (r, d)
        The μ_j.
    labels : array-like of shape (r,)
        The y_j, numbers.
    weights : array-like of shape (r,), optional
        The p_j, divided by their sum; equal if not given.
    scale : float or array-like of shape (r,), default=1.0
        Standard deviations: Σ_j = scale_j² I.
    covariances : array-like of shape (r, d, d), optional
        The Σ_j in place of `scale`, symmetric and positive semidefinite.

    Returns
    -------
    PopulationGradient
        G, and the activity and the energy of every neuron.

    Raises
    ------
    ValueError
        If shapes do not fit or a number is out of range.

    Notes
    -----
    m r d operations, m r d² with covariances. The parts of a Gaussian along and across w are integrated by
    E[z 1{z > -t}] = φ(t) and E[z² 1{z > -t}] = Φ(t) - t φ(t).

    References
    ----------
    Shi, Wei & Liang, "Provable guarantees for neural networks via gradient feature learning", NeurIPS 2023 (the
    definition, and mixtures of Gaussians); the formula is derived as said in the notes.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.theory import mixture_gradient
    >>> means = [[3.0, 0.0], [-3.0, 0.0], [0.0, 3.0], [0.0, -3.0]]
    >>> mixture_gradient([[1.0, 0.2]], [2.0], means, [1, 1, -1, -1]).G.round(3)
    array([[ 0.646, -0.056]])
    """
    rows, thresholds = neurons_of(W, b)
    centres, signs = finite("means", means), finite("labels", labels)
    r, d = len(centres) if centres.ndim == 2 else 0, rows.shape[1]
    if r < 1 or centres.shape != (r, d) or signs.shape != (r,):
        raise ValueError(f"means {centres.shape} must be of shape (r, {d}) and labels {signs.shape} of shape (r,).")
    p = np.ones(r) if weights is None else non_negative("weights", weights)
    if p.shape != (r,) or not p.sum() > 0:
        raise ValueError(f"weights must be {r} numbers, not all 0, got shape {p.shape}.")
    shares = p / p.sum()
    square = _covariances(scale, covariances, r, d)
    G, activity, energy = np.zeros_like(rows), np.zeros(len(rows)), np.zeros(len(rows))
    with np.errstate(over="ignore", invalid="ignore"):
        for share, y, mean, spread in zip(shares, signs, centres, square, strict=True):
            along = rows * spread if spread.ndim == 0 else rows @ spread
            s = np.sqrt(np.maximum(np.einsum("ij,ij->i", rows, along), 0.0))
            inside, density, slope = _half_line(rows @ mean - thresholds, s)
            unit = along / np.where(s > 0, s, 1.0)[:, None]
            G += share * y * (inside[:, None] * mean + density[:, None] * unit)
            activity += share * inside
            trace = d * float(spread) if spread.ndim == 0 else float(np.trace(spread))
            second = (mean @ mean + trace) * inside + 2 * density * (unit @ mean) - slope * np.sum(unit**2, axis=1)
            energy += share * y**2 * second
    if not (np.isfinite(G).all() and np.isfinite(energy).all()):
        raise ValueError("The gradients are beyond float64: take smaller means, labels or scales.")
    return PopulationGradient(G, activity, energy)


def quadratic_gradient(W: ArrayLike, b: ArrayLike, H: ArrayLike) -> Array:
    """Return the simplified gradients of y = ½ (xᵀH x - tr H), x ~ N(0, I): φ(c) [H u - ½ (1 - c²)(uᵀH u) u].

    u = w/‖w‖ and c = b/‖w‖. It is what the part of degree 2 of any target of Gaussian inputs adds, H the mean of its
    Hessian: a network sees the directions that H does.

    Parameters
    ----------
    W : array-like of shape (m, d)
        First layer, no row 0.
    b : array-like of shape (m,) or float
        Thresholds.
    H : array-like of shape (d, d)
        A symmetric matrix.

    Returns
    -------
    array of shape (m, d)
        G.

    Raises
    ------
    ValueError
        If shapes do not fit, a row of W is 0, or a number is out of range.

    References
    ----------
    Damian, Lee & Soltanolkotabi, "Neural networks can learn representations with gradient descent", COLT 2022 (the
    role of H). Derived: across u by E[z 1{z > c}] = φ(c), along it by E[z³ 1{z > c}] = (c² + 2) φ(c).

    Examples
    --------
    >>> from widelearn.theory import quadratic_gradient
    >>> quadratic_gradient([[1.0, 0.0]], [0.0], [[0.0, 1.0], [1.0, 0.0]]).round(4)
    array([[0.    , 0.3989]])
    """
    rows, thresholds = neurons_of(W, b)
    form = finite("H", H)
    d = rows.shape[1]
    if form.shape != (d, d) or not np.allclose(form, form.T, rtol=1e-9, atol=1e-12 * np.abs(form).max(initial=0.0)):
        raise ValueError(f"H must be symmetric, of shape ({d}, {d}), got shape {form.shape}.")
    if not np.all(np.any(rows != 0, axis=1)):
        raise ValueError("A row of W is 0: it has no direction. Leave it out.")
    lengths = np.linalg.norm(rows, axis=1)
    u, c = rows / lengths[:, None], np.clip(thresholds / lengths, -1e100, 1e100)
    density = np.exp(-0.5 * np.minimum(c * c, 1e4)) / np.sqrt(2 * np.pi)
    turned = u @ form
    curved = np.einsum("ij,ij->i", turned, u)
    with np.errstate(invalid="ignore"):
        square = np.where(density > 0, c * c, 0.0)
    return np.asarray(density[:, None] * (turned - 0.5 * ((1 - square) * curved)[:, None] * u))


def sampling_angle(gradient_norm: ArrayLike, energy: ArrayLike, n: ArrayLike) -> Array | float:
    """Return the angle in degrees by which a simplified gradient of n rows is off: tan θ = ‖Ĝ - G‖/‖G‖.

    The error is put at its root mean square, √((energy - ‖G‖²)/n); in many dimensions it is across G and varies little.

    Parameters
    ----------
    gradient_norm : float or array-like
        ‖G‖.
    energy : float or array-like
        E[y² ‖x‖² 1{<w, x> > b}], at least ‖G‖².
    n : float or array-like
        Number of rows.

    Returns
    -------
    float or ndarray
        Between 0 and 90; 90 where G = 0.

    Raises
    ------
    ValueError
        If a number is out of range, or the energy below ‖G‖².

    References
    ----------
    Derived: the variance of a mean of n independent vectors.

    Examples
    --------
    >>> from widelearn.theory import sampling_angle
    >>> round(sampling_angle(0.5, energy=50.0, n=40_000), 2)
    4.03
    """
    norm, total, rows = non_negative("gradient_norm", gradient_norm), non_negative("energy", energy), positive("n", n)
    if np.any(total < norm**2 * (1 - 1e-12)):
        raise ValueError("energy must be at least gradient_norm²: E‖v‖² is never below ‖E v‖².")
    found = np.degrees(np.arctan2(np.sqrt(np.maximum(total - norm**2, 0.0) / rows), norm))
    found = np.where(norm > 0, found, 90.0)
    return found if found.ndim else float(found)


def neurons_of(W: ArrayLike, b: ArrayLike) -> tuple[Array, Array]:
    """Return a first layer and its thresholds, every neuron divided by its largest weight."""
    rows, thresholds = finite("W", W), finite("b", b)
    if rows.ndim != 2 or not rows.size or thresholds.shape not in ((), (len(rows),)):
        raise ValueError(f"W {rows.shape} must be of shape (m, d) and b {thresholds.shape} of shape (m,).")
    largest = np.abs(rows).max(axis=1)
    size = np.where(largest > 0, largest, 1.0)
    return rows / size[:, None], np.broadcast_to(thresholds, len(rows)) / size


def _covariances(scale: ArrayLike, covariances: ArrayLike | None, r: int, d: int) -> Array:
    """Return the variance of every cluster, one number or a matrix."""
    if covariances is None:
        s = positive("scale", scale)
        if s.shape not in ((), (r,)):
            raise ValueError(f"scale must be one number or {r}, got shape {s.shape}.")
        return np.broadcast_to(s**2, r)
    found = finite("covariances", covariances)
    if found.shape != (r, d, d):
        raise ValueError(f"covariances must be of shape {(r, d, d)}, got {found.shape}.")
    if not np.allclose(found, found.transpose(0, 2, 1), rtol=1e-9, atol=1e-12 * np.abs(found).max(initial=0.0)):
        raise ValueError("covariances must be symmetric.")
    least = np.linalg.eigvalsh(found)
    if np.any(least[:, 0] < -1e-9 * np.maximum(least[:, -1], 0.0)):
        raise ValueError(f"covariances must be positive semidefinite, the least eigenvalue is {least.min():.3g}.")
    return found


def _half_line(distance: Array, s: Array) -> tuple[Array, Array, Array]:
    """Return Φ(t), φ(t) and t φ(t) at t = distance/s; a neuron that does not vary is active or not."""
    with np.errstate(divide="ignore", over="ignore"):
        t = np.where(s > 0, distance / np.where(s > 0, s, 1.0), np.where(distance > 0, np.inf, -np.inf))
    near = np.clip(t, -50.0, 50.0)
    density = np.exp(-0.5 * near**2) / np.sqrt(2 * np.pi)
    return ndtr(t), density, near * density
