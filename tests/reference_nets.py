"""The naive oracle of two-layer nets: every formula once, in NumPy, all rows at a time."""

import re
from collections.abc import Callable
from math import factorial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

Array = NDArray[Any]

POWERS = ("step", "relu", "relu2", "relu3")
MONOMIALS = ("one", "identity", "quadratic", "cubic")
SMOOTHNESS = {"step": 0, "relu": 1, "leaky_relu": 1, "truncated_relu": 1, "relu2": 2, "relu3": 3}
MAX_ORDER = 4


def logistic(t: Array, order: int) -> Array:
    """Return derivatives of 1 / (1 + e^-t)."""
    s, rest = special.expit(t), special.expit(-t)
    both, gap = s * rest, rest - s
    return [s, both, both * gap, both * (1 - 6 * both), both * gap * (1 - 12 * both)][order]


def slope(spec: tuple[str, float], t: Array, order: int = 0) -> Array:
    """Return the derivative of this order at `t`; derivatives at a jump are 0."""
    name, parameter = spec
    most = SMOOTHNESS.get(name, MAX_ORDER)
    if order > most:
        raise ValueError(f"derivative {order} of {name!r} is no function")
    if name in POWERS:
        power = POWERS.index(name) - order
        return np.where(t > 0, np.maximum(t, 0) ** power / special.factorial(power), 0).astype(t.dtype)
    if name in MONOMIALS:
        power = MONOMIALS.index(name) - order
        return np.zeros_like(t) if power < 0 else (t**power / special.factorial(power)).astype(t.dtype)
    if name == "truncated_relu":
        return np.clip(t, 0, 1) if order == 0 else ((t > 0) & (t < 1)).astype(t.dtype)
    if name == "leaky_relu":
        return np.where(t > 0, 1 if order else t, parameter * (1 if order else t)).astype(t.dtype)
    if found := re.fullmatch(r"hermite(\d+)", name):
        return hermite(int(found[1]), t, order).astype(t.dtype)
    if name not in SMOOTH:
        raise ValueError(f"activation {name!r} is unknown")
    return SMOOTH[name](t, order).astype(t.dtype)


def hermite(degree: int, t: Array, order: int) -> Array:
    """Return derivatives of the orthonormal Hermite polynomial."""
    below = degree - order
    if below < 0:
        return np.zeros_like(t)
    factor = np.sqrt(float(np.prod(np.arange(below + 1, degree + 1))))
    return factor / np.sqrt(special.factorial(below)) * special.eval_hermitenorm(below, t.astype(np.float64))


def tanh(t: Array, order: int) -> Array:
    """Return derivatives of tanh."""
    h, s = np.tanh(t), 1 / np.cosh(np.clip(t, -40, 40)) ** 2
    return [h, s, -2 * h * s, s * (6 * h * h - 2), s * h * (16 - 24 * h * h)][order]


def erf(t: Array, order: int) -> Array:
    """Return derivatives of the error function."""
    bell = 2 / np.sqrt(np.pi) * np.exp(-t * t)
    if order == 0:
        return special.erf(t)
    return [bell, -2 * t * bell, (4 * t * t - 2) * bell, t * (12 - 8 * t * t) * bell][order - 1]


def gelu(t: Array, order: int) -> Array:
    """Return derivatives of t Φ(t)."""
    bell = np.exp(-t * t / 2) / np.sqrt(2 * np.pi)
    if order < 2:
        return t * special.ndtr(t) if order == 0 else special.ndtr(t) + t * bell
    return [(2 - t * t) * bell, t * (t * t - 4) * bell, (t * t * (7 - t * t) - 4) * bell][order - 2]


SMOOTH: dict[str, Callable[[Array, int], Array]] = {
    "erf": erf,
    "tanh": tanh,
    "gelu": gelu,
    "sigmoid": logistic,
    "softplus": lambda t, k: np.logaddexp(0, t) if k == 0 else logistic(t, k - 1),
    "swish": lambda t, k: t * logistic(t, k) + (k * logistic(t, k - 1) if k else 0),
    "cos": lambda t, k: [np.cos(t), -np.sin(t), -np.cos(t), np.sin(t)][k % 4],
    "sin": lambda t, k: [np.sin(t), np.cos(t), -np.sin(t), -np.cos(t)][k % 4],
    "exp": lambda t, _: np.exp(t),
}


def smoothed(spec: tuple[str, float], t: Array, order: int, s: float) -> Array:
    """Return E σ(t + s ξ), ξ ~ N(0, 1), or its derivative by t."""
    if s == 0:
        return slope(spec, t, order)
    value = relu_smoothed(t, order, s)
    return value - relu_smoothed(t - 1, order, s) if spec[0] == "truncated_relu" else value


def relu_smoothed(t: Array, order: int, s: float) -> Array:
    """Return t Φ(t/s) + s φ(t/s), or Φ(t/s)."""
    z = t / s
    if order:
        return special.ndtr(z).astype(t.dtype)
    return (t * special.ndtr(z) + s * np.exp(-z * z / 2) / np.sqrt(2 * np.pi)).astype(t.dtype)


def row_losses(loss: str, Y: Array, F: Array) -> Array:
    """Return the loss of every row, (n,)."""
    if loss == "squared":
        return 0.5 * ((F - Y) ** 2).sum(axis=1)
    if loss == "logistic":
        return np.logaddexp(0, -Y * F).sum(axis=1)
    if loss == "hinge":
        return np.maximum(0, 1 - Y * F).sum(axis=1)
    return Y.sum(axis=1) * special.logsumexp(F, axis=1) - (Y * F).sum(axis=1)


def row_slopes(loss: str, Y: Array, F: Array) -> Array:
    """Return the derivative by every output, (n, c); that of the hinge is 0 at its kink."""
    if loss == "squared":
        return F - Y
    if loss == "logistic":
        return -Y * special.expit(-Y * F)
    if loss == "hinge":
        return np.where(Y * F < 1, -Y, 0)
    return Y.sum(axis=1, keepdims=True) * special.softmax(F, axis=1) - Y


def curvature_product(loss: str, Y: Array, F: Array, D: Array) -> Array:
    """Return the loss's second derivative by the outputs times a direction of outputs, (n, c)."""
    if loss == "squared":
        return D
    if loss == "logistic":
        return special.expit(F) * special.expit(-F) * D
    if loss == "hinge":
        return np.zeros_like(D)
    p = special.softmax(F, axis=1)
    return Y.sum(axis=1, keepdims=True) * p * (D - (p * D).sum(axis=1, keepdims=True))


def shares(sample_weight, n):
    """Return w / Σ w."""
    w = np.ones(n) if sample_weight is None else np.asarray(sample_weight, dtype=float)
    return w / w.sum()


def forward(X, W, b, a, spec, s=0.0):
    """Return Σ_r a_r σ(<w_r, x> - b_r)."""
    return smoothed(spec, X @ W.T - b, 0, s) @ a


def loss_gradient(X, Y, W, b, a, spec, loss, s=0.0, sample_weight=None):
    """Return the mean loss and its derivatives by W, b and a."""
    w, Z = shares(sample_weight, len(X)), X @ W.T - b
    S = smoothed(spec, Z, 0, s)
    R = row_slopes(loss, Y, S @ a) * w[:, None]
    T = (R @ a.T) * smoothed(spec, Z, 1, s)
    return w @ row_losses(loss, Y, S @ a), T.T @ X, -T.sum(axis=0), S.T @ R


def simplified_gradient(X, Y, W, b, sample_weight=None):
    """Return E[y x 1{<w, x> > b}], column by column of y."""
    active = (X @ W.T - b > 0) * shares(sample_weight, len(X))[:, None]
    return np.array([(active * y[:, None]).T @ X for y in Y.T])


def terms(spec, U, P, orders, derivative):
    """Return the derivative by p of Σ_k σ^(k)(u) p^k / k!."""
    parts = [slope(spec, U, k) * P ** (k - derivative) / factorial(k - derivative) for k in orders if k >= derivative]
    return sum(parts, np.zeros(U.shape))


def taylor_loss_gradient(X, Y, W0, a, W, spec, orders, loss, offset, sample_weight=None):
    """Return the mean loss, its derivative by W and that by the outputs."""
    w, U, P = shares(sample_weight, len(X)), X @ W0.T, X @ W.T
    F = terms(spec, U, P, orders, 0) @ a + offset
    R = row_slopes(loss, Y, F) * w[:, None]
    return w @ row_losses(loss, Y, F), ((R @ a.T) * terms(spec, U, P, orders, 1)).T @ X, R


def taylor_hessian_product(X, Y, W0, a, W, V, spec, orders, loss, offset, sample_weight=None):
    """Return the second derivative of that loss by W, times V."""
    w, U, P, Q = shares(sample_weight, len(X))[:, None], X @ W0.T, X @ W.T, X @ V.T
    once, F = terms(spec, U, P, orders, 1), terms(spec, U, P, orders, 0) @ a + offset
    D = curvature_product(loss, Y, F, (once * Q) @ a)
    T = ((D * w) @ a.T) * once + ((row_slopes(loss, Y, F) * w) @ a.T) * terms(spec, U, P, orders, 2) * Q
    return T.T @ X


def halves(spec, U, P, order):
    """Return the even and the odd part in p of a derivative at u + p."""
    up, down = slope(spec, U + P, order), slope(spec, U - P, order)
    return (up + down) / 2, (up - down) / 2


def mean_loss(loss, Y, F, C):
    """Return the mean loss of rows at mean F (n, c) and covariance C (n, c, c), as the package defines it."""
    V = np.einsum("ikk->ik", C)
    if loss == "squared":
        return row_losses(loss, Y, F) + V.sum(axis=1) / 2
    if loss == "softmax":
        p = special.softmax(F, axis=1)
        H = p[:, :, None] * np.eye(F.shape[1]) - p[:, :, None] * p[:, None, :]
        return row_losses(loss, Y, F) + Y.sum(axis=1) * (H * C).sum(axis=(1, 2)) / 2
    nodes, weights = np.polynomial.hermite_e.hermegauss(9)
    parts = [w * row_losses(loss, Y, F + np.sqrt(V) * z) for z, w in zip(nodes, weights / weights.sum(), strict=True)]
    return sum(parts)


def marginal_loss(X, Y, W0, a, W, spec, loss, offset, sample_weight=None):
    """Return the mean over random row signs of the mean loss."""
    even, odd = halves(spec, X @ W0.T, X @ W.T, 0)
    C = np.einsum("ir,rk,rl->ikl", odd**2, a, a)
    return shares(sample_weight, len(X)) @ mean_loss(loss, Y, even @ a + offset, C)
