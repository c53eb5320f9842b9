"""Mean-field training of two-layer erf networks on erf neurons: particles in d dimensions, and few variables each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from widelearn.theory.checks import Array, finite, increasing, non_negative, positive
from widelearn.theory.trajectories import follow

# Entries of the matrix between particles, and of weights at all times, that are computed with.
LARGEST = 1 << 26


@dataclass(frozen=True)
class MeanFieldPath:
    """Hold the variables of particles along training.

    Parameters
    ----------
    t : ndarray of shape (T,)
        Times.
    risk : ndarray of shape (T,)
        E (y - f_t)².
    s : ndarray of shape (T, N) or (T, N, k)
        Each particle's components along the target's k directions; without the last axis for one.
    r : ndarray of shape (T, N)
        The length of the rest of its weights.
    a, b : ndarray of shape (T, N)
        Its output weight and its threshold.
    W : ndarray of shape (T, N, d) or None
        Its weights, where they are followed.

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
    a: Array
    b: Array
    W: Array | None = None


def mean_field_flow(
    s: ArrayLike,
    r: ArrayLike,
    target_norm: ArrayLike,
    t: ArrayLike,
    a: ArrayLike | None = None,
    *,
    scale: float = 1.0,
    train_output: bool = False,
    from_zero: bool = False,
) -> MeanFieldPath:
    """Follow the mean-field gradient flow of a two-layer erf network on few erf neurons in reduced variables.

    f(x) = (α/N) Σ_i a_i erf(⟨w_i, x⟩/√2) learns y = Σ_m erf(⟨u_m, x⟩/√2), u_m orthogonal, x ~ N(0, I_d), by dw_i/dt =
    -(N/(2 α²)) ∂R/∂w_i (and so for a_i) with the population risk R = E (y - f)². α = 1 is the mean-field scaling; large
    α leads to the linear regime, f moving at the same rate and weights by 1/α. The variables are s_i = (⟨w_i,
    u_m⟩/‖u_m‖)_m and r_i, the length of the rest of w_i. R and its flow close in them, because E erf(⟨w, x⟩/√2) erf(⟨v,
    x⟩/√2) = (2/π) asin(⟨w, v⟩/√((1 + ‖w‖²)(1 + ‖v‖²))) and ⟨w_i, w_j⟩ tends to ⟨s_i, s_j⟩ for large d, directions being
    uniform around those of the target.

    Parameters
    ----------
    s : array-like of shape (N,) or (N, k)
        Starts; for w_i ~ N(0, I/d), s_i ~ N(0, I/d).
    r : array-like of shape (N,)
        Starts; for w_i ~ N(0, I/d), r_i² ~ χ²_{d-k}/d.
    target_norm : float or array-like of shape (k,)
        ‖u_m‖; a float for (N,) starts.
    t : array-like of shape (T,)
        Increasing times from 0.
    a : array-like of shape (N,), optional
        Output weights at the start; None means ones.
    scale : float, default=1.0
        α. Without `from_zero` f starts at the order of α/√N: take N >> α².
    train_output : bool, default=False
        Whether the output weights move.
    from_zero : bool, default=False
        Whether the net at the start is subtracted from f, which costs twice as much.

    Returns
    -------
    MeanFieldPath
        Risk and variables at each time.

    Raises
    ------
    ValueError
        If lengths do not match, a number is out of range, or N² is too large to compute with.

    See Also
    --------
    mean_field_particles : The flow in d dimensions.
    multi_index_flow : Any function of few directions, thresholds, other inputs; infinitely many particles.

    Notes
    -----
    The limit d -> infinity of :func:`mean_field_particles`: at d = 100, N = 200 their risks are within 1 % for t <= 4,
    as the tests check. Runge-Kutta of order 5, relative error 1e-8; N² operations and doubles an evaluation.

    References
    ----------
    Mei, Montanari & Nguyen, "A mean field view of the landscape of two-layer neural networks", PNAS 2018; Abbe, Boix
    & Misiakiewicz, COLT 2022 (the reduction); Williams, NeurIPS 1996 (the expectation); Chizat, Oyallon & Bach,
    NeurIPS 2019 (the scale).

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.theory import mean_field_flow
    >>> path = mean_field_flow(np.linspace(-0.2, 0.2, 9), np.ones(9), 2.0, [0.0, 2.0, 4.0])
    >>> bool(np.all(np.diff(path.risk) < 0))
    True
    """
    norms = positive("target_norm", target_norm)
    along, rest = np.atleast_1d(finite("s", s)), np.atleast_1d(non_negative("r", r))
    if norms.ndim > 1 or along.shape != (len(along), *norms.shape):
        raise ValueError(
            f"s has shape {along.shape} and target_norm {norms.shape}: they must be (N,) and a number, or (N, k)"
            " and (k,)."
        )
    n, one = len(along), norms.ndim == 0
    outer = given_or("a", a, np.ones(n))
    if rest.shape != (n,) or outer.shape != (n,):
        raise ValueError(f"s, r and a have {n}, {rest.size} and {outer.size} entries: they must match.")
    training = _Training(along.reshape(n, -1), rest, outer, np.diag(np.atleast_1d(norms)), scale, from_zero)
    path = training.path(increasing("t", t), train_output)
    return MeanFieldPath(path.t, path.risk, path.s[:, :, 0] if one else path.s, path.r, path.a, path.b)


def mean_field_particles(
    W: ArrayLike,
    u: ArrayLike,
    t: ArrayLike,
    a: ArrayLike | None = None,
    *,
    scale: float = 1.0,
    train_output: bool = False,
    from_zero: bool = False,
) -> MeanFieldPath:
    """Follow the gradient flow of the population risk of N erf neurons in d dimensions on few erf neurons.

    The flow that :func:`mean_field_flow` is the limit of, with its scalings and conventions: f(x) = (α/N) Σ_i a_i
    erf(⟨w_i, x⟩/√2) and dw_i/dt = -(N/(2 α²)) ∂R/∂w_i. Nothing is sampled.

    Parameters
    ----------
    W : array-like of shape (N, d)
        First-layer weights at the start.
    u : array-like of shape (d,) or (k, d)
        The target's directions; they need not be orthogonal.
    t : array-like of shape (T,)
        Increasing times from 0; ``0.0`` gives the risk of a net.
    a : array-like of shape (N,), optional
        Output weights at the start; None means ones.
    scale : float, default=1.0
        α; √N is the scaling of the neural tangent kernel.
    train_output : bool, default=False
        Whether the output weights move.
    from_zero : bool, default=False
        Whether the net at the start is subtracted from f.

    Returns
    -------
    MeanFieldPath
        Risk and variables at each time: s along the span of the directions (⟨w_i, u⟩/‖u‖ for one), and W.

    Raises
    ------
    ValueError
        If lengths do not match, a number is out of range, or N² or N d T is too large to compute with.

    Notes
    -----
    Runge-Kutta of order 5, relative error 1e-8; 4 N² d flops and N² doubles an evaluation. A neuron σ(⟨w, x⟩) of
    :class:`~widelearn.TwoLayerRegressor` with σ = "erf" is erf(⟨w, x⟩): its w times √2 is a row here.

    References
    ----------
    Mei, Montanari & Nguyen, PNAS 2018; Williams, NeurIPS 1996 (the expectation).

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.theory import mean_field_particles
    >>> W = np.random.default_rng(0).standard_normal((20, 10)) / np.sqrt(10)
    >>> path = mean_field_particles(W, 2 * np.eye(10)[0], [0.0, 2.0, 4.0])
    >>> bool(np.all(np.diff(path.risk) < 0))
    True
    """
    weights, target = finite("W", W), finite("u", u)
    directions = np.atleast_2d(target)
    if weights.ndim != 2 or not weights.size or target.ndim > 2 or directions.shape[1] != weights.shape[1]:
        raise ValueError(f"W has shape {weights.shape} and u {target.shape}: they must be (N, d) and (d,) or (k, d).")
    if not np.all(np.any(directions != 0, axis=1)):
        raise ValueError("u must have no row of zeros.")
    n, times = len(weights), increasing("t", t)
    outer = given_or("a", a, np.ones(n))
    if outer.shape != (n,):
        raise ValueError(f"W has {n} rows and a {outer.size} entries: they must match.")
    if len(times) * weights.size > LARGEST:
        raise ValueError(f"{len(times)} times of {weights.size} weights are more than {LARGEST:g}: take fewer times.")
    path = _Training(weights, np.zeros(n), outer, directions, scale, from_zero).path(times, train_output)
    # orthonormal, in the span of the directions, and the direction itself where there is one
    basis = target[None] / np.linalg.norm(target) if target.ndim == 1 else np.linalg.qr(target.T)[0].T
    along = path.s @ basis.T
    rest = np.linalg.norm(path.s - along @ basis, axis=2)
    return MeanFieldPath(times, path.risk, along[:, :, 0] if target.ndim == 1 else along, rest, path.a, path.b, path.s)


def given_or(name: str, values: ArrayLike | None, default: Array) -> Array:
    """Return what particles start with."""
    return default if values is None else np.atleast_1d(finite(name, values))


class _Training:
    """A flow: moving neurons, and those that stay, which are the start and the target with a minus.

    f - y = Σ_j c_j erf(⟨w_j, x⟩/√2) over all of them, and R = Σ_ij c_i c_j Q_ij. Neurons have components `s` (N, k),
    whose inner products count, and the rest `r`, of directions that are orthogonal but for a neuron and its start.
    """

    def __init__(self, s: Array, r: Array, a: Array, target: Array, scale: float, from_zero: bool) -> None:
        self.start = s, r, a
        self.scale, self.n = float(positive("scale", scale)), len(s)
        n = self.n
        kept = (s, r, -self.scale * a / n) if from_zero else (s[:0], r[:0], a[:0])
        self.from_zero = from_zero
        self.fixed_s, self.fixed_r = np.concatenate([kept[0], target]), np.append(kept[1], np.zeros(len(target)))
        self.fixed_c = np.append(kept[2], -np.ones(len(target)))
        if (n + len(self.fixed_c)) ** 2 > LARGEST:
            raise ValueError(f"The matrix between {n} neurons has more than {LARGEST:g} entries: take fewer.")
        with np.errstate(all="ignore"):
            among = self.fixed_s @ self.fixed_s.T
            among[np.diag_indices_from(among)] += self.fixed_r**2
            sizes = np.sqrt(1 + np.diag(among))
            self.constant = float(self.fixed_c @ _expectation(among / sizes / sizes[:, None]) @ self.fixed_c)

    def path(self, times: Array, train_output: bool) -> MeanFieldPath:
        """Return the path from the start."""
        s, r, a = self.start

        def rhs(_: float, state: Array) -> Array:
            ds, dr, da = self.velocity(*self.parts(state))
            return np.concatenate([ds.ravel(), dr, da if train_output else np.zeros(self.n)])

        states = [self.parts(one) for one in follow(rhs, np.concatenate([s.ravel(), r, a]), times)]
        with np.errstate(all="ignore"):
            risks = np.array([self.risk(*one) for one in states])
        along, rest, outer = (np.stack(one) for one in zip(*states, strict=True))
        return MeanFieldPath(times, risks, along, rest, outer, np.zeros_like(outer))

    def parts(self, state: Array) -> tuple[Array, Array, Array]:
        """Cut a state into s, r and a."""
        n = self.n
        return state[: -2 * n].reshape(n, -1), state[-2 * n : -n], state[-n:]

    def cosines(self, s: Array, r: Array) -> tuple[Array, Array, Array]:
        """Return √(1 + ‖w‖²) of moving and of all neurons, and the asin arguments between them."""
        n, at = self.n, np.arange(self.n)
        products = s @ np.concatenate([s, self.fixed_s]).T
        products[at, at] += r**2
        if self.from_zero:
            products[at, n + at] += r * self.fixed_r[:n]
        own = np.sqrt(1 + products[at, at])
        all_sizes = np.append(own, np.sqrt(1 + np.sum(self.fixed_s**2, axis=1) + self.fixed_r**2))
        return own, all_sizes, products / own[:, None] / all_sizes

    def risk(self, s: Array, r: Array, a: Array) -> float:
        """Return R."""
        _, _, cosine = self.cosines(s, r)
        moving, pairs = self.scale * a / self.n, _expectation(cosine)
        n = self.n
        return float(moving @ (pairs[:, :n] @ moving + 2 * pairs[:, n:] @ self.fixed_c)) + self.constant

    def velocity(self, s: Array, r: Array, a: Array) -> tuple[Array, Array, Array]:
        """Return ds/dt, dr/dt and da/dt: ∇_w of asin C is (v/√(pq) - C w/p)/√(1 - C²), p = 1 + ‖w‖², q = 1 + ‖v‖²."""
        n, at = self.n, np.arange(self.n)
        own, sizes, cosine = self.cosines(s, r)
        charges = np.append(self.scale * a / n, self.fixed_c)
        slope = 2 / np.pi * charges / np.sqrt(1 - cosine**2)
        push = slope / own[:, None] / sizes
        shrink = (slope * cosine).sum(axis=1) / own**2
        ds = push @ np.concatenate([s, self.fixed_s]) - shrink[:, None] * s
        dr = push[at, at] * r - shrink * r
        if self.from_zero:
            dr += push[at, n + at] * self.fixed_r[:n]
        factor = -a / self.scale
        return factor[:, None] * ds, factor * dr, -(_expectation(cosine) @ charges) / self.scale


def _expectation(cosine: Array) -> Array:
    """Return E of the product of two erf neurons."""
    return 2 / np.pi * np.arcsin(cosine)
