"""Mean-field training of two-layer networks on functions of one direction, reduced to few variables a particle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.integrate import solve_ivp

from widelearn.theory.activations import Activation
from widelearn.theory.checks import Array, finite, increasing, non_negative, positive, whole
from widelearn.theory.hermite import hermite_coefficients

# Evaluations of a flow that are worth waiting for: some seconds.
EVALUATIONS = 30_000


@dataclass(frozen=True)
class MeanFieldPath:
    """Hold the reduced variables of particles along training.

    Parameters
    ----------
    t : ndarray of shape (T,)
        Times.
    risk : ndarray of shape (T,)
        E (y - f_t)².
    s, r : ndarray of shape (T, N)
        Each particle's component along the target's direction, and the length of the rest.

    Examples
    --------
    >>> from widelearn.theory import mean_field_flow
    >>> path = mean_field_flow(s=[0.1, -0.1], r=[1.0, 1.0], target_norm=2.0, t=[0.0, 1.0])
    >>> bool(path.risk[1] < path.risk[0])
    True
    """

    t: Array
    risk: Array
    s: Array
    r: Array


def mean_field_flow(
    s: ArrayLike, r: ArrayLike, target_norm: float, t: ArrayLike, a: ArrayLike | None = None
) -> MeanFieldPath:
    """Follow the mean-field gradient flow of a two-layer erf network on erf(⟨u, x⟩/√2) in reduced variables.

    f(x) = (1/N) Σ_i a_i erf(⟨w_i, x⟩/√2), x ~ N(0, I_d), and dw_i/dt = -(N/2) ∂R/∂w_i with the population risk R = E (y
    - f)². The variables are s_i = ⟨w_i, u⟩/‖u‖ and r_i, the length of the rest of w_i. R and its flow close in them,
    because E erf(⟨w, x⟩/√2) erf(⟨v, x⟩/√2) = (2/π) asin(⟨w, v⟩/√((1 + ‖w‖²)(1 + ‖v‖²))) and ⟨w_i, w_j⟩ tends to s_i s_j
    for large d, directions being uniform around u.

    Parameters
    ----------
    s, r : array-like of shape (N,)
        Starts; for w_i ~ N(0, I/d), s_i ~ N(0, 1/d) and r_i² ~ χ²_{d-1}/d.
    target_norm : float
        ‖u‖.
    t : array-like of shape (T,)
        Increasing times from 0.
    a : array-like of shape (N,), optional
        Output weights, fixed; None means ones.

    Returns
    -------
    MeanFieldPath
        Risk and variables at each time.

    Raises
    ------
    ValueError
        If lengths do not match or a number is out of range.

    Notes
    -----
    The limit d -> infinity of the flow in d dimensions: at d = 100, N = 200 its risk is within 1 % of it for t <= 4, as
    the tests check. Runge-Kutta of order 5, relative error 1e-8; N² operations an evaluation.

    References
    ----------
    Mei, Montanari & Nguyen, "A mean field view of the landscape of two-layer neural networks", PNAS 2018; Abbe, Boix
    & Misiakiewicz, COLT 2022 (the reduction); Williams, NeurIPS 1996 (the expectation).

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.theory import mean_field_flow
    >>> path = mean_field_flow(np.linspace(-0.2, 0.2, 9), np.ones(9), 2.0, [0.0, 2.0, 4.0])
    >>> bool(np.all(np.diff(path.risk) < 0))
    True
    """
    along, rest = np.atleast_1d(finite("s", s)), np.atleast_1d(non_negative("r", r))
    n = len(along)
    outer = np.ones(n) if a is None else np.atleast_1d(finite("a", a))
    if rest.shape != along.shape or outer.shape != along.shape:
        raise ValueError(f"s, r and a have {along.size}, {rest.size} and {outer.size} entries: they must match.")
    norm = float(positive("target_norm", target_norm))
    times = increasing("t", t)

    def rhs(_: float, state: Array) -> Array:
        return np.concatenate(_velocities(state[:n], state[n:], outer, norm))

    path = _integrate(rhs, np.concatenate([along, rest]), times)
    risks = np.array([_risk(state[:n], state[n:], outer, norm) for state in path])
    return MeanFieldPath(times, risks, path[:, :n], path[:, n:])


def _integrate(rhs: Callable[[float, Array], Array], start: Array, times: Array) -> Array:
    """Return the solution at each time, of shape (T, variables)."""
    if times[-1] == 0:
        return start[None]
    count = 0

    def counted(t: float, state: Array) -> Array:
        nonlocal count
        count += 1
        if count > EVALUATIONS:
            raise ValueError(f"The flow gets to t = {t:.4g} of {times[-1]:g} in {EVALUATIONS} steps. Stop earlier.")
        return rhs(t, state)

    found = solve_ivp(counted, (0.0, float(times[-1])), start, t_eval=times, rtol=1e-8, atol=1e-10)
    return np.asarray(found.y.T)


def _cosines(s: Array, r: Array, norm: float) -> tuple[Array, Array, Array, Array]:
    """Return 1 + ‖w‖², and the asin arguments between particles and with the target."""
    size = 1 + s**2 + r**2
    between = np.outer(s, s)
    np.fill_diagonal(between, s**2 + r**2)
    scale = np.sqrt(np.outer(size, size))
    return size, between, between / scale, norm * s / np.sqrt(size * (1 + norm**2))


def _risk(s: Array, r: Array, a: Array, norm: float) -> float:
    _, _, pairs, with_target = _cosines(s, r, norm)
    own = np.arcsin(norm**2 / (1 + norm**2))
    return float(2 / np.pi * (own - 2 * np.mean(a * np.arcsin(with_target)) + a @ np.arcsin(pairs) @ a / len(a) ** 2))


def _velocities(s: Array, r: Array, a: Array, norm: float) -> tuple[Array, Array]:
    """Return ds/dt and dr/dt: ∇_w of asin is (v/√(pq) - C w/p)/√(1 - C²), p = 1 + ‖w‖², q = 1 + ‖v‖²."""
    size, _, pairs, with_target = _cosines(s, r, norm)
    pull = 2 / np.pi * a / np.sqrt(1 - with_target**2)
    ds = pull * (norm / np.sqrt(size * (1 + norm**2)) - with_target * s / size)
    dr = -pull * with_target * r / size
    push = 2 / np.pi * np.outer(a, a) / np.sqrt(1 - pairs**2) / len(a)
    ds -= (push / np.sqrt(np.outer(size, size))) @ s - (push * pairs).sum(axis=1) * s / size
    dr += (push * pairs).sum(axis=1) * r / size - np.diag(push) * r / size
    return ds, dr


def correlation_flow(activation: Activation, target: Activation, m0: float, t: ArrayLike, degree: int = 30) -> Array:
    """Follow the overlap of one neuron on the sphere with the direction of a single-index target.

    For f = σ(⟨w, x⟩), ‖w‖ = 1, and y = φ(⟨u, x⟩), the flow of E[y f] on the sphere gives dm/dt = (1 - m²) Σ_k k μ_k(σ)
    μ_k(φ) m^(k-1), m = ⟨w, u⟩.

    Parameters
    ----------
    activation, target : str, tuple or callable
        σ and φ, as for :func:`hermite_coefficients`.
    m0 : float
        Overlap at the start, between -1 and 1; of order d^(-1/2) for a random start.
    t : array-like of shape (T,)
        Increasing times from 0.
    degree : int, default=30
        Where the series ends.

    Returns
    -------
    ndarray of shape (T,)
        m at each time.

    Raises
    ------
    ValueError
        If a number is out of range.

    References
    ----------
    Ben Arous, Gheissari & Jagannath, JMLR 2021 (population dynamics). Derived from E[h_j(⟨w, x⟩) h_k(⟨u, x⟩)] =
    δ_jk m^k; the tests compare with a flow in d dimensions.

    Examples
    --------
    >>> from widelearn.theory import correlation_flow
    >>> bool(correlation_flow("relu", "relu", m0=0.1, t=[0.0, 20.0])[-1] > 0.99)
    True
    """
    start = float(finite("m0", m0))
    if abs(start) > 1:
        raise ValueError(f"m0 must lie between -1 and 1, got {start:g}.")
    times = increasing("t", t)
    degree = whole("degree", degree, 1)
    products = hermite_coefficients(activation, degree) * hermite_coefficients(target, degree)
    slope = np.arange(1, degree + 1) * products[1:]

    def rhs(_: float, m: Array) -> Array:
        return (1 - m**2) * np.polynomial.polynomial.polyval(m, slope)

    return _integrate(rhs, np.array([start]), times)[:, 0]
