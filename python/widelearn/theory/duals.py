"""Gaussian duals of activations: E[σ(u) σ(v)] as a function of the correlation of u and v, real or complex."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from widelearn.theory.activations import MONOMIALS, RECTIFIED, Activation, parse, pointwise
from widelearn.theory.hermite import hermite_coefficients
from widelearn.theory.quadrature import integrate

Values = NDArray[Any]
Dual = Callable[[Values], Values]

# Terms of the power series where no closed form is used; what they leave is kept as one higher power.
TERMS = 400


def arccosine(t: Values, order: int) -> Values:
    """Return J_order(θ) at cos θ = t, with 2 E[relu(u)^n relu(v)^n] = J_n / π for unit variances and correlation t.

    J_0 = π - θ, J_1 = sin θ + (π - θ) cos θ, J_2 = 3 sin θ cos θ + (π - θ)(1 + 2 cos² θ), J_3 = 15 sin θ - 11 sin³ θ +
    (π - θ)(9 cos θ + 6 cos³ θ). Source: Cho & Saul, NeurIPS 2009, for n <= 2; n = 3 from their recursion.
    """
    z = t if np.iscomplexobj(t) else np.clip(t, -1.0, 1.0)
    sine, rest = np.sqrt((1 - z) * (1 + z)), np.pi - np.arccos(z)
    if order == 0:
        return rest
    if order == 1:
        return sine + rest * z
    if order == 2:
        return 3 * sine * z + rest * (1 + 2 * z * z)
    return 15 * sine - 11 * sine**3 + rest * (9 * z + 6 * z**3)


def dual(activation: Activation, derivative: int = 0, variance: float = 1.0) -> Dual:
    """Return t -> E[σ^(j)(u) σ^(j)(v)] for Gaussian u, v of this variance and correlation t."""
    name, parameter = parse(activation)
    if name in RECTIFIED or name == "leaky_relu":
        return _rectified_dual(name, parameter, derivative, variance)
    if name == "exp":
        return lambda t: np.exp(variance * (1 + t))
    if name in ("sin", "cos"):
        odd = (name == "sin") == (derivative % 2 == 0)
        wave = np.sinh if odd else np.cosh
        return lambda t: np.exp(-variance) * wave(variance * t)
    if name == "erf" and derivative == 0:
        return lambda t: 2 / np.pi * np.arcsin(2 * variance / (1 + 2 * variance) * t)
    if name == "erf" and derivative == 1:
        return lambda t: 4 / np.pi / np.sqrt((1 + 2 * variance) ** 2 - (2 * variance * t) ** 2)
    return _power_series(activation, derivative, variance)


def _rectified_dual(name: str, slope: Any, derivative: int, variance: float) -> Dual:
    """Duals of relu^p / p! and of leaky relu and its derivative."""
    power = (1 if name == "leaky_relu" else RECTIFIED.index(name)) - derivative
    if power < 0:
        raise ValueError(f"Derivative {derivative} of {name!r} is a point mass: its kernel has an infinite diagonal.")
    factorial = (1, 1, 2, 6)[power]
    scale = variance**power / (2 * np.pi * factorial**2)
    if name != "leaky_relu":
        return lambda t: scale * arccosine(t, power)
    s = float(slope)
    if power == 1:
        return lambda t: s * variance * t + (1 - s) ** 2 * scale * arccosine(t, 1)
    return lambda t: s + (1 - s) ** 2 * scale * arccosine(t, 0)


def second_moment(activation: Activation, derivative: int = 0, scale: float = 1.0) -> float:
    """Return E[σ^(j)(scale G)²], by a way that does not sum Hermite coefficients where one is known."""
    name, parameter = parse(activation)
    if name == "functions" and derivative < len(parameter):
        f = pointwise(activation, derivative)

        def integrand(t: Values) -> Iterator[Values]:
            yield (f(scale * t) ** 2 * np.exp(-t * t / 2) / np.sqrt(2 * np.pi))[None]

        return float(integrate(integrand, np.linspace(-14.0, 14.0, 57))[0])
    if name in ("functions", "hermite", *MONOMIALS, "tanh", "sigmoid", "gelu", "softplus", "swish") or derivative > 1:
        row = hermite_coefficients(activation, TERMS, derivative, scale)
        return float(row @ row)
    return float(dual(activation, derivative, scale**2)(np.ones(1))[0])


def _power_series(activation: Activation, derivative: int, variance: float) -> Dual:
    """Σ_k μ_k² t^k; the mass that the terms leave stands at the power after them, so that t = 1 is exact."""
    scale = float(np.sqrt(variance))
    name, _ = parse(activation)
    degree = 40 if name in ("hermite", *MONOMIALS) else TERMS
    masses = hermite_coefficients(activation, degree, derivative, scale) ** 2
    left = max(second_moment(activation, derivative, scale) - masses.sum(), 0.0)
    return lambda t: np.polynomial.polynomial.polyval(t, np.append(masses, left))
