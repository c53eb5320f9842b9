"""Mean-field training of infinitely wide networks on any function of few directions or bits, in many dimensions."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import erf, ndtr

from widelearn.theory.checks import Array, finite, increasing, non_negative, positive, whole
from widelearn.theory.mean_field import MeanFieldPath, given_or
from widelearn.theory.trajectories import follow

Link = Callable[[Array], ArrayLike]
# E σ(m + r G), G standard normal, and its derivatives by m and r.
Smoothed = Callable[[Array, Array], tuple[Array, Array, Array]]
# Values of particles at nodes that are computed with.
LARGEST = 1 << 24
INPUTS = ("gaussian", "hypercube")


def multi_index_flow(
    link: Link,
    s: ArrayLike,
    r: ArrayLike,
    t: ArrayLike,
    a: ArrayLike | None = None,
    b: ArrayLike | None = None,
    *,
    activation: str = "erf",
    inputs: str = "gaussian",
    scale: float = 1.0,
    train_output: bool = True,
    train_bias: bool = True,
    n_nodes: int = 24,
) -> MeanFieldPath:
    """Follow the mean-field gradient flow of a wide two-layer network on g(z), z few directions or bits of the inputs.

    f(x) = (α/N) Σ_i a_i σ(⟨w_i, x⟩ - b_i) learns y = g(z), z = U x, U of k orthonormal rows, by dθ_i/dt = -(N/(2 α²))
    ∂R/∂θ_i, θ_i = (a_i, w_i, b_i), with the population risk R = E (y - f)². For large d and N the variables are s_i = U
    w_i, r_i, the length of the rest of w_i, a_i and b_i. Given z, ⟨w_i, x⟩ is normal with mean ⟨s_i, z⟩ and variance
    r_i², independent between neurons. So f(z) = (α/N) Σ_i a_i E_G σ(⟨s_i, z⟩ + r_i G - b_i), and R = E_z (g - f)².

    Parameters
    ----------
    link : callable
        g, from (m, k) to (m,).
    s : array-like of shape (N, k)
        Starts; for w_i ~ N(0, I/d), s_i ~ N(0, I/d). Zeros are the limit of large d.
    r : array-like of shape (N,)
        Starts; for w_i ~ N(0, I/d), r_i is about 1.
    t : array-like of shape (T,)
        Increasing times from 0.
    a, b : array-like of shape (N,), optional
        Output weights and thresholds at the start; None means ones, and zeros.
    activation : {"erf", "relu"}, default="erf"
        σ; erf is erf(t).
    inputs : {"gaussian", "hypercube"}, default="gaussian"
        z ~ N(0, I_k), or bits of ±1.
    scale : float, default=1.0
        α: large values lead to the linear regime, in which nothing of degree above 1 is learned in a time of order 1.
    train_output, train_bias : bool, default=True
        Whether a, and whether b, moves.
    n_nodes : int, default=24
        Points of the Gauss-Hermite rule in each direction; bits have 2.

    Returns
    -------
    MeanFieldPath
        Risk and variables at each time.

    Raises
    ------
    ValueError
        If lengths do not match, a number or a name is out of range, the link returns another shape, or particles times
        nodes are too many to compute with.

    Notes
    -----
    The tests compare with networks that gradient descent trains on fresh samples. Runge-Kutta of order 5, relative
    error 1e-8; N times nodes operations an evaluation.

    References
    ----------
    Abbe, Boix-Adsera & Misiakiewicz, "The merged-staircase property", COLT 2022 (bits); Mei, Montanari & Nguyen, PNAS
    2018. The reduction is derived: E_G[σ''] is the derivative by r over r.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.theory import multi_index_flow
    >>> rng = np.random.default_rng(0)
    >>> start = {"s": np.zeros((50, 2)), "r": np.ones(50), "a": rng.choice([-1.0, 1.0], 50)}
    >>> start["b"] = rng.standard_normal(50)
    >>> stairs = multi_index_flow(
    ...     lambda z: z[:, 0] + z[:, 0] * z[:, 1], t=[0.0, 20.0], inputs="hypercube", **start
    ... )
    >>> parity = multi_index_flow(
    ...     lambda z: z[:, 0] * z[:, 1], t=[0.0, 20.0], inputs="hypercube", **start
    ... )
    >>> bool(stairs.risk[-1] < 0.3), bool(parity.risk[-1] > 0.9)
    (True, True)
    """
    along, rest = finite("s", s), np.atleast_1d(non_negative("r", r))
    if along.ndim != 2 or not along.size or rest.shape != (len(along),):
        raise ValueError(f"s has shape {along.shape} and r {rest.shape}: they must be (N, k) and (N,).")
    n, k = along.shape
    outer, thresholds = given_or("a", a, np.ones(n)), given_or("b", b, np.zeros(n))
    if outer.shape != (n,) or thresholds.shape != (n,):
        raise ValueError(f"s, a and b have {n}, {outer.size} and {thresholds.size} entries: they must match.")
    if activation not in SMOOTHED:
        raise ValueError(f"activation must be one of {', '.join(SMOOTHED)}, got {activation!r}.")
    times, size = increasing("t", t), float(positive("scale", scale))
    z, share = _nodes(inputs, k, n, whole("n_nodes", n_nodes, 2, 200))
    target = np.asarray(link(z), dtype=float)
    if target.shape != (len(z),) or not np.all(np.isfinite(target)):
        raise ValueError(f"The link must return {len(z)} finite numbers, one a row, but returned {target.shape}.")
    smoothed = SMOOTHED[activation]
    free = np.repeat([1.0, 1.0, float(train_output), float(train_bias)], [n * k, n, n, n])

    def parts(state: Array) -> tuple[Array, Array, Array, Array]:
        s, (r, a, b) = state[: n * k].reshape(n, k), state[n * k :].reshape(3, n)
        return s, r, a, b

    def residual(a: Array, values: Array) -> Array:
        return target - size / n * (a @ values)

    def rhs(_: float, state: Array) -> Array:
        s, r, a, b = parts(state)
        values, by_mean, by_r = smoothed(s @ z.T - b[:, None], r[:, None])
        error = share * residual(a, values)
        slopes = by_mean * error
        moves = a[:, None] * (slopes @ z), a * (by_r @ error), values @ error, -a * slopes.sum(axis=1)
        return free * np.concatenate([one.ravel() for one in moves]) / size

    def risk(s: Array, r: Array, a: Array, b: Array) -> float:
        values = smoothed(s @ z.T - b[:, None], r[:, None])[0]
        return float(share @ residual(a, values) ** 2)

    states = [parts(one) for one in follow(rhs, np.concatenate([along.ravel(), rest, outer, thresholds]), times)]
    with np.errstate(all="ignore"):
        risks = np.array([risk(*one) for one in states])
    return MeanFieldPath(times, risks, *(np.stack(one) for one in zip(*states, strict=True)))


def _nodes(inputs: str, k: int, n: int, n_nodes: int) -> tuple[Array, Array]:
    """Return points (m, k) and their weights: all of a cube, or a Gauss-Hermite rule in each direction."""
    if inputs not in INPUTS:
        raise ValueError(f"inputs must be one of {', '.join(INPUTS)}, got {inputs!r}.")
    each = 2 if inputs == "hypercube" else n_nodes
    if k * np.log(each) + np.log(n) > np.log(LARGEST):
        raise ValueError(
            f"{n} particles at {each}^{k} nodes are more than {LARGEST:g}: take fewer directions or nodes."
        )
    if inputs == "hypercube":
        points, weights = np.array([1.0, -1.0]), np.array([0.5, 0.5])
    else:
        points, weights = np.polynomial.hermite_e.hermegauss(n_nodes)
        weights = weights / weights.sum()
    return np.array(list(product(points, repeat=k))), np.array(list(product(weights, repeat=k))).prod(axis=1)


def _erf(m: Array, r: Array) -> tuple[Array, Array, Array]:
    """E erf(m + r G) = erf(m/√(1 + 2 r²))."""
    width = np.sqrt(1 + 2 * r**2)
    slope = 2 / np.sqrt(np.pi) * np.exp(-((m / width) ** 2)) / width
    return erf(m / width), slope, -2 * r * m / width**2 * slope


def _relu(m: Array, r: Array) -> tuple[Array, Array, Array]:
    """E relu(m + r G) = m Φ(m/r) + r φ(m/r)."""
    spread = np.maximum(r, 1e-100)
    ratio = m / spread
    above, density = ndtr(ratio), np.exp(-(ratio**2) / 2) / np.sqrt(2 * np.pi)
    return m * above + spread * density, above, density


SMOOTHED: dict[str, Smoothed] = {"erf": _erf, "relu": _relu}
