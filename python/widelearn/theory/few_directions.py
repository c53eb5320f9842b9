"""Mean-field training of infinitely wide networks on any function of few directions or bits, in many dimensions."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from widelearn.theory.checks import Array, finite, increasing, non_negative, positive, whole
from widelearn.theory.mean_field import MeanFieldPath, given_or
from widelearn.theory.particle_nodes import MOMENTS, SMOOTHED, Link, Nodes, ParticleFlow, Points
from widelearn.theory.trajectories import follow

# Errors of the risk that are refused, relative to itself and a part of the target's mean square.
RESOLVED, NEGLIGIBLE = 1e-2, 1e-3
MOST_NODES = 200


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
    check: bool = True,
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
        Points of the Gauss-Hermite rule in each direction, at most 200; bits have 2, which are exact.
    check : bool, default=True
        Whether risks are refused that are off by 1 %, as about twice as many nodes say.

    Returns
    -------
    MeanFieldPath
        Risk and variables at each time.

    Raises
    ------
    ValueError
        If lengths do not match, a number or a name is out of range, the link returns another shape, or particles times
        nodes are too many to compute with; or if the nodes do not resolve the link or steep neurons.

    Notes
    -----
    The tests compare with networks that gradient descent trains on fresh samples. Runge-Kutta of order 5, relative
    error 1e-8 beside that of the nodes, which jumps and kinks of the link leave at 1/n_nodes; N times nodes operations
    an evaluation.

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
    nodes = Nodes.of(inputs, k, n, whole("n_nodes", n_nodes, 2, MOST_NODES))
    free = np.repeat([1.0, 1.0, float(bool(train_output)), float(bool(train_bias))], [n * k, n, n, n])
    flow = ParticleFlow(link, SMOOTHED[activation], free, size, n, k)
    (known,) = map(flow.read, nodes.parts())
    start = np.concatenate([along.ravel(), rest, outer, thresholds])
    states = follow(lambda _, state: flow.velocity([known], state), start, times, n * len(known.share))
    with np.errstate(all="ignore"):
        risks = np.array([flow.risk([known], state) for state in states])
        if check and inputs == "gaussian":
            _check_nodes(flow, nodes, known, times, states, risks)
    parts = [flow.parts(state) for state in states]
    return MeanFieldPath(times, risks, *(np.stack(one) for one in zip(*parts, strict=True)))


def _check_nodes(flow: ParticleFlow, nodes: Nodes, known: Points, times: Array, states: Array, risks: Array) -> None:
    """Refuse nodes that do not resolve what other ones see along the path."""
    at = np.unique(np.linspace(0, len(times) - 1, MOMENTS).round().astype(int))
    other = nodes.another()
    error, mean_square = flow.unresolved(known, other, states[at], risks[at]), float(known.share @ known.target**2)
    share = error / (risks[at] + NEGLIGIBLE * mean_square)
    worst = int(np.argmax(share))
    if not share[worst] <= RESOLVED:
        raise ValueError(
            f"n_nodes = {nodes.each} does not resolve the link or the neurons: the risk {risks[at][worst]:.4g} at t ="
            f" {times[at][worst]:.4g} is about {error[worst]:.2g} off, by {other.each} nodes. Take more of them, at"
            f" most {MOST_NODES}, a smoother link, or weights s of smaller size; check=False gives it."
        )
