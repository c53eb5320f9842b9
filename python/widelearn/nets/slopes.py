"""Activations and their derivatives up to order 4, smoothed ones too."""

import re
from collections.abc import Callable
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
        raise ValueError(
            f"derivative {order} of activation {name!r} is no function, as derivative {most} jumps at 0; take "
            '"softplus" or "erf", which have all'
        )
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
