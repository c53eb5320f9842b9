"""Gaussian expectations E[σ^(k)(u) σ^(k)(v)] that are closed, of variances (n, 1), (1, m) and covariances (n, m).

The derivative of E[σ(u) σ(v)] by the covariance is E[σ'(u) σ'(v)] (Price's theorem): so higher orders come from lower.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import factorial, pi
from typing import Any

from widelearn.persistence.onnx_graphs.activation_graphs import POWERS, monomial
from widelearn.persistence.onnx_graphs.functions import arctangent, falling_sinh
from widelearn.persistence.onnx_graphs.graph import Value
from widelearn.persistence.onnx_graphs.pairs import Angles

# What relu^k / k! at equal variables of variance 1 has in the mean of squares, halves for the step.
SQUARES = {0: 0.5, 1: 0.5, 2: 0.375, 3: 5.0 / 24.0}
NO_SERIES = (
    "The kernel of a wide network of {name!r} is a series that the core sums, and no formula of ONNX operators. Take"
    " one of {known}; or random features of {name!r}, which are."
)


@dataclass(frozen=True)
class Covariances:
    """Variances (n, 1) and (1, m) of Gaussian variables, their covariances (n, m), and x y - k² where it is known."""

    x: Value
    y: Value
    k: Value
    wedge: Value | None = None


def falls(pairs: Angles, power: int, theta: Value) -> Value:
    """Return what E[relu^k relu^k] / E[relu^2k] at variances 1 falls short of 1 by, for k = `power`."""
    if power == 0:
        return theta * (1.0 / pi)
    h, g = pairs.h, pairs.g
    sine, cosine = (h * g).sqrt(), 1.0 - h
    # π - J(θ)... with what is small near θ = 0 taken apart from what is smaller.
    if power == 1:
        return h + (theta * cosine - sine) * (1.0 / pi)
    if power == 2:
        rest = theta * (cosine * cosine * 2.0 + 1.0) - sine * cosine * 3.0
        return (h * g * (2.0 * pi) + rest) * (1.0 / (3.0 * pi))
    cube = cosine * cosine * cosine
    rest = theta * (cosine * 9.0 + cube * 6.0) - sine * (15.0 - sine * sine * 11.0)
    whole = h * 9.0 + h * (cosine + cosine * cosine + 1.0) * 6.0
    return (whole * pi + rest) * (1.0 / (15.0 * pi))


@dataclass(frozen=True)
class Homogeneous:
    """An activation that is a power on each side of 0: relu^k / k!, or relu with a slope on the other side."""

    power: int
    slope: float = 0.0

    @property
    def square(self) -> float:
        """E[σ(t)²] for t of variance 1."""
        return (1.0 + self.slope**2) / 2.0 if self.power == 1 else SQUARES[self.power]

    @property
    def derivative(self) -> Homogeneous | None:
        """The derivative, None where it is constant but for a step."""
        return Homogeneous(self.power - 1) if self.power > 1 else None

    def lacks(self, pairs: Angles, theta: Value) -> Value:
        """Return how far E[σ(u) σ(v)] / (p^k) is below E[σ(t)²], for p the root of both variances' product."""
        if self.power != 1:
            return falls(pairs, self.power, theta) * self.square
        fall = falls(pairs, 1, theta) * ((1.0 - self.slope) ** 2 / 2.0)
        return fall + pairs.h * self.slope if self.slope else fall

    def mean(self, pairs: Angles, theta: Value) -> Value:
        """Return E[σ(u) σ(v)]."""
        found = self.square - self.lacks(pairs, theta)
        return found * raised(pairs, self.power)

    def slopes(self, pairs: Angles, theta: Value) -> Value:
        """Return E[σ'(u) σ'(v)]."""
        if self.derivative is not None:
            return self.derivative.mean(pairs, theta)
        if self.power == 0:
            raise ValueError("The step has no derivative that is a function.")
        fall = theta * ((1.0 - self.slope) ** 2 / (2.0 * pi))
        return (1.0 + self.slope**2) / 2.0 - fall


def raised(pairs: Angles, power: int) -> Value:
    """Return p^k; of k = 0 whether both variances are positive."""
    return both(pairs.u) * both(pairs.v) if power == 0 else pairs.product**power


def both(u: Value) -> Value:
    """Return 1 where a variance is positive."""
    return u.greater(0.0).to(u.dtype)


def homogeneous(activation: Any, order: int = 0) -> Homogeneous | None:
    """Return the derivative of some order as a power on each side of 0, None if it is none."""
    name, parameter = activation
    if name == "leaky_relu" and order == 0:
        return Homogeneous(1, parameter)
    if name == "identity" and order == 0:
        return Homogeneous(1, 1.0)
    return Homogeneous(POWERS[name] - order) if name in POWERS and order <= POWERS[name] else None


def expectation(activation: Any, order: int, of: Covariances) -> Value:
    """Return E[σ^(k)(u) σ^(k)(v)] of an activation that is smooth."""
    name = activation[0]
    if (found := monomial(name)) is not None:
        return of_polynomial(*found, order, of)
    if name not in CLOSED:
        known = ", ".join(sorted([*POWERS, "leaky_relu", "identity", "quadratic", "cubic", "hermite...", *CLOSED]))
        raise NotImplementedError(NO_SERIES.format(name=name, known=known))
    return CLOSED[name](order, of)


def of_polynomial(coefficient: float, degree: int, hermite: bool, order: int, of: Covariances) -> Value:
    """Return Σ_j k^j / j! E[P^(j)(u)] E[P^(j)(v)], P the derivative of a monomial or of a Hermite polynomial."""
    left = degree - order
    if left < 0:
        return of.k * 0.0
    x, y = (of.x - 1.0, of.y - 1.0) if hermite else (of.x, of.y)
    about, total = x * y, of.k * 0.0
    for j in range(left, -1, -2):
        # E of the remaining degree, which is even: (degree - j - 1)!! variance^((degree - j) / 2).
        pairs = (left - j) // 2
        mean = factorial(left) / (2.0**pairs * factorial(pairs) * factorial(j))
        factor = mean**2 * factorial(j)
        term = of.k**j if j else None
        rest = about**pairs if pairs else None
        both = term * rest if term is not None and rest is not None else term if rest is None else rest
        total = total + (both * factor if both is not None else factor)
    return total * (coefficient * factorial(degree) / factorial(left)) ** 2


def of_erf(order: int, of: Covariances) -> Value:
    """Return the expectation of the error function, or of its derivatives."""
    k, s = of.k, determinant(of, 2.0)
    if order == 0:
        return arctangent(k * 2.0 / s.sqrt()) * (2.0 / pi)
    root, square = 1.0 / s.sqrt(), k * k
    parts: list[Callable[[], Value]] = [
        lambda: root,
        lambda: k * root**3 * 4.0,
        lambda: root**3 * 4.0 + square * root**5 * 48.0,
        lambda: k * root**5 * 144.0 + square * k * root**7 * 960.0,
    ]
    return parts[order - 1]() * (4.0 / pi)


def determinant(of: Covariances, scale: float) -> Value:
    """Return (1 + s x)(1 + s y) - s² k², whose digits are those of 1 + s (x + y) at least."""
    inner = of.x * of.y - of.k * of.k if of.wedge is None else of.wedge
    return (of.x + of.y) * scale + 1.0 + inner.at_least(0.0) * scale**2


def of_gelu(order: int, of: Covariances) -> Value:
    """Return the expectation of t Φ(t), or of its derivatives."""
    k, s = of.k, determinant(of, 1.0)
    x, y = of.x + 1.0, of.y + 1.0
    r, q, z = 1.0 / s.sqrt(), 1.0 / x + 1.0 / y, k * k
    if order < 2:
        tangent = arctangent(k * r) * (1.0 / (2.0 * pi)) + 0.25
        if order:
            return tangent + (k * q * r + k * r**3) * (1.0 / (2.0 * pi))
        return k * tangent + r * (of.x * of.y + z * (q - 1.0)) * (1.0 / (2.0 * pi))
    parts: list[Callable[[], Value]] = [
        lambda: r + q * (r + z * r**3) + r**3 + z * r**5 * 3.0,
        lambda: k * (r**3 + q * (r**3 * 3.0 + z * r**5 * 3.0) + r**5 * 9.0 + z * r**7 * 15.0),
        lambda: (
            (r**3 + z * r**5 * 3.0 + q * (r**3 * 3.0 + z * r**5 * 18.0 + z * z * r**7 * 15.0))
            + (r**5 * 9.0 + z * r**7 * 90.0 + z * z * r**9 * 105.0)
        ),
    ]
    return parts[order - 2]() * (1.0 / (2.0 * pi))


def of_sine(order: int, of: Covariances) -> Value:
    """Return exp(-(x + y)/2) sinh k, or cosh k after an odd number of derivatives."""
    fall = (of.x + of.y) * 0.5
    return falling_cosh(of.k, fall) if order % 2 else falling_sinh(of.k, fall)


def falling_cosh(k: Value, fall: Value) -> Value:
    """Return cosh(k) exp(-fall) for fall >= abs(k)."""
    return ((k - fall).exp() + (-(k + fall)).exp()) * 0.5


CLOSED: dict[str, Callable[[int, Covariances], Value]] = {
    "erf": of_erf,
    "gelu": of_gelu,
    "sin": of_sine,
    "cos": lambda order, of: of_sine(order + 1, of),
    "exp": lambda order, of: ((of.x + of.y) * 0.5 + of.k).exp(),
}
