"""Activations and their derivatives of preactivations."""

from __future__ import annotations

import re
from collections.abc import Callable
from math import factorial, pi, sqrt
from typing import Any

import numpy as np

from widelearn.persistence.onnx_graphs.functions import erf
from widelearn.persistence.onnx_graphs.graph import Value

HERMITE = re.compile(r"hermite(\d+)")
# Powers k of relu, as relu^k / k!.
POWERS = {"step": 0, "relu": 1, "relu2": 2, "relu3": 3}
# Monomials of t, or Hermite polynomials: coefficient and degree.
MONOMIALS = {"identity": (1.0, 1), "quadratic": (0.5, 2), "cubic": (1.0 / 6.0, 3)}
# σ', σ'', ... of sine by number of derivatives.
WAVES = ("sin", "cos", "-sin", "-cos")


def monomial(name: str) -> tuple[float, int, bool] | None:
    """Return coefficient, degree and whether it is of Hermite, of an activation that is such a polynomial."""
    if name in MONOMIALS:
        return (*MONOMIALS[name], False)
    found = HERMITE.fullmatch(name)
    return None if found is None else (1.0 / sqrt(factorial(int(found[1]))), int(found[1]), True)


def neurons(t: Value, activation: Any, order: int = 0) -> Value:
    """Return the derivative of some order of an activation (name, parameter[, smoothing]) at preactivations."""
    name, parameter, *rest = activation
    if rest and rest[0] > 0.0:
        return smoothed(t, rest[0], truncated=name == "truncated_relu", slope=order == 1)
    if name == "truncated_relu":
        return (step(t) * step(1.0 - t)) if order else t.at_least(0.0).at_most(1.0)
    if name == "leaky_relu":
        return step(t) * (1.0 - parameter) + parameter if order else t.greater(0.0).where(t, t * parameter)
    if name in POWERS:
        power = POWERS[name]
        return step(t) if order == power else t.op("Relu") ** (power - order) * (1.0 / factorial(power - order))
    if (found := monomial(name)) is not None:
        return polynomial(t, *found, order)
    if name not in SMOOTH:
        raise NotImplementedError(f"The activation {name!r} has no graph of ONNX operators here.")
    return SMOOTH[name](t, order)


def step(t: Value) -> Value:
    """Return 1 where t > 0 and 0 elsewhere."""
    return t.greater(0.0).to(t.dtype)


def polynomial(t: Value, coefficient: float, degree: int, hermite: bool, order: int) -> Value:
    """Return a derivative of coefficient t^degree, or of the same times a Hermite polynomial."""
    if order > degree:
        return t * 0.0
    left = degree - order
    if not hermite:
        return t**left * (coefficient * factorial(degree) / factorial(left))
    # Orthonormal ones, by their recurrence.
    before, now = t * 0.0, t * 0.0 + 1.0
    for n in range(left):
        before, now = now, (t * now - before * sqrt(n)) * (1.0 / sqrt(n + 1))
    return now * sqrt(factorial(degree) / factorial(left))


def smoothed(t: Value, s: float, *, truncated: bool, slope: bool) -> Value:
    """Return relu, or relu between 0 and 1, with normal noise of deviation s integrated out."""

    def part(t: Value) -> Value:
        normal = distribution(t * (1.0 / s))
        return normal if slope else t * normal + density(t * (1.0 / s)) * s

    return part(t) - part(t - 1.0) if truncated else part(t)


def distribution(t: Value) -> Value:
    """Return the normal distribution function."""
    return erf(t * sqrt(0.5)) * 0.5 + 0.5


def density(t: Value) -> Value:
    """Return the normal density."""
    return (t * t * -0.5).exp() * (1.0 / sqrt(2.0 * pi))


def _tanh(t: Value, order: int) -> Value:
    y = t.op("Tanh")
    if order == 0:
        return y
    slope, square = 1.0 - y * y, y * y
    later: list[Callable[[], Value]] = [
        lambda: slope,
        lambda: slope * y * -2.0,
        lambda: slope * (square * 6.0 - 2.0),
        lambda: slope * y * (16.0 - square * 24.0),
    ]
    return later[order - 1]()


def _sigmoid(t: Value, order: int) -> Value:
    s = t.op("Sigmoid")
    if order == 0:
        return s
    # 1 - s would lose digits.
    slope, about = s * (-t).op("Sigmoid"), (t * 0.5).op("Tanh")
    later: list[Callable[[], Value]] = [
        lambda: slope,
        lambda: -(slope * about),
        lambda: slope * (1.0 - slope * 6.0),
        lambda: -(slope * about * (1.0 - slope * 12.0)),
    ]
    return later[order - 1]()


def _softplus(t: Value, order: int) -> Value:
    if order:
        return _sigmoid(t, order - 1)
    # log(1 + exp(t)) as ONNX has it overflows in places, and loses digits in others.
    return t.at_least(0.0) + log1p((-t.abs()).exp())


def log1p(e: Value) -> Value:
    """Return log(1 + e) for e in [0, 1], to rounding of itself: log(u) e / (u - 1), u = 1 + e."""
    u = e + 1.0
    rest = u - 1.0
    return rest.greater(0.0).where(u.op("Log") * e / rest.greater(0.0).where(rest, rest.like(1.0)), e)


def _swish(t: Value, order: int) -> Value:
    if order == 0:
        # A product with Sigmoid would be fused to what older versions of ONNX Runtime have in single precision alone.
        return t / ((-t).exp() + 1.0)
    return t * _sigmoid(t, order) + _sigmoid(t, order - 1) * float(order)


def _gelu(t: Value, order: int) -> Value:
    if order < 2:
        found = distribution(t)
        return found + t * density(t) if order else t * found
    z = t * t
    return density(t) * (2.0 - z if order == 2 else t * (z - 4.0) if order == 3 else z * (7.0 - z) - 4.0)


def _erf(t: Value, order: int) -> Value:
    if order == 0:
        return erf(t)
    bell, z = (-(t * t)).exp() * (2.0 / sqrt(pi)), t * t
    if order == 1:
        return bell
    return bell * (t * -2.0 if order == 2 else z * 4.0 - 2.0 if order == 3 else t * (12.0 - z * 8.0))


def _exp(t: Value, order: int) -> Value:
    return t.exp()


def wave(first: int) -> Callable[[Value, int], Value]:
    """Return the derivatives of sine, from some on."""

    def found(t: Value, order: int) -> Value:
        name = WAVES[(first + order) % 4]
        values = cosine(t) if name.endswith("cos") else t.op("Sin")
        return -values if name.startswith("-") else values

    return found


def cosine(t: Value) -> Value:
    """Return the cosine: in double precision as a sine, for older versions of ONNX Runtime do not have it there."""
    return t.op("Cos") if t.dtype == np.float32 else (t + 0.5 * pi).op("Sin")


SMOOTH: dict[str, Callable[[Value, int], Value]] = {
    "erf": _erf,
    "tanh": _tanh,
    "sigmoid": _sigmoid,
    "gelu": _gelu,
    "softplus": _softplus,
    "swish": _swish,
    "cos": wave(1),
    "sin": wave(0),
    "exp": _exp,
}
