"""Activation functions by name: values, first derivatives and Hermite coefficients."""

import re
from collections.abc import Callable, Iterator
from numbers import Real
from typing import Any

import numpy as np
from scipy import special

from widelearn.theory.checks import Array, numbers
from widelearn.theory.given_functions import on_copies
from widelearn.theory.quadrature import integrate
from widelearn.theory.recurrences import HELD, orthonormal_blocks

Activation = str | tuple[Any, ...] | Callable[[Array], Array]

LEAKY_SLOPE = 0.01
# Beyond 14 standard deviations a Gaussian times a Hermite function is below 1e-21.
REACH = 14.0
# Functions cost a pass over all nodes for every degree.
DEGREES = 10_000
NAMES = (
    "relu, leaky_relu, step, erf, tanh, sigmoid, gelu, softplus, swish, cos, sin, exp, identity, quadratic, cubic, "
    "relu2, relu3, hermite0, hermite1, ..."
)
# relu^p / p!, whose derivative is the one before it; "step" is p = 0.
RECTIFIED = ("step", "relu", "relu2", "relu3")
MONOMIALS = ("one", "identity", "quadratic", "cubic")


def _swish_slope(t: Array) -> Array:
    s = special.expit(t)
    return s + t * s * (1 - s)


def _gelu_slope(t: Array) -> Array:
    return special.ndtr(t) + t * np.exp(-t * t / 2) / np.sqrt(2 * np.pi)


SMOOTH: dict[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "erf": (special.erf, lambda t: 2 / np.sqrt(np.pi) * np.exp(-t * t)),
    "tanh": (np.tanh, lambda t: 1 - np.tanh(t) ** 2),
    "sigmoid": (special.expit, lambda t: special.expit(t) * special.expit(-t)),
    "gelu": (lambda t: t * special.ndtr(t), _gelu_slope),
    "softplus": (lambda t: np.logaddexp(0, t), special.expit),
    "swish": (lambda t: t * special.expit(t), _swish_slope),
    "cos": (np.cos, lambda t: -np.sin(t)),
    "sin": (np.sin, np.cos),
    "exp": (np.exp, np.exp),
}


def parse(activation: Activation) -> tuple[str, Any]:
    """Return a name and its parameter: a leaky relu's slope, a Hermite degree, the callables, or None."""
    match activation:
        case str() if activation == "leaky_relu":
            return activation, LEAKY_SLOPE
        case str() if activation in SMOOTH or activation in RECTIFIED or activation in MONOMIALS[1:]:
            return activation, None
        case str() if found := re.fullmatch(r"hermite(\d+)", activation):
            return "hermite", int(found[1])
        case str():
            raise ValueError(f"Unknown activation {activation!r}. The names are: {NAMES}.")
        case ("leaky_relu", Real() as slope):
            return "leaky_relu", float(slope)
        case tuple() if activation and all(callable(part) for part in activation):
            return "functions", activation
    if callable(activation):
        return "functions", (activation,)
    raise TypeError(
        f'activation must be a name, ("leaky_relu", slope), a function or a tuple of functions, got {activation!r}.'
    )


def pointwise(activation: Activation, derivative: int = 0) -> Callable[[Array], Array]:
    """Return σ or, for `derivative` 1, σ' as a NumPy function; step(0) = 0 and relu'(0) = 0."""
    name, parameter = parse(activation)
    if name in RECTIFIED:
        power = RECTIFIED.index(name) - derivative
        if power < 0:
            raise ValueError(f"The derivative of {name!r} is not a function. Use relu or a smooth activation.")
        return lambda t: np.where(t > 0, np.maximum(t, 0) ** power / special.factorial(power), 0.0)
    if name in MONOMIALS:
        power = MONOMIALS.index(name) - derivative
        return lambda t: np.zeros_like(t) if power < 0 else t**power / special.factorial(power)
    if name == "leaky_relu":
        if derivative:
            return lambda t: np.where(t > 0, 1.0, parameter)
        return lambda t: np.where(t > 0, t, parameter * t)
    if name == "hermite":
        degree = parameter - derivative
        factor = np.sqrt(parameter) if derivative else 1.0
        return lambda t: np.zeros_like(t) if degree < 0 else factor * orthonormal_hermite(t, degree)[degree]
    if name == "functions":
        if derivative >= len(parameter):
            raise ValueError(f"Give derivative {derivative} in the tuple of functions: it holds {len(parameter)}.")
        function = on_copies(parameter[derivative])
        return lambda t: numbers("The function's values", function(t)) + np.zeros_like(t)
    return SMOOTH[name][derivative]


def orthonormal_hermite(t: Array, degree: int) -> Array:
    """Return h_0(t), ..., h_degree(t), orthonormal under the standard normal law, one row a degree."""
    return next(hermite_blocks(t, degree, degree + 1))


def hermite_blocks(t: Array, degree: int, size: int) -> Iterator[Array]:
    """Yield the rows of :func:`orthonormal_hermite`, `size` at a time."""
    return orthonormal_blocks(t, np.sqrt(np.arange(1.0, degree + 1)).tolist(), size)


def coefficients(activation: Activation, degree: int, scale: float = 1.0) -> Array:
    """Return E[σ(scale G) h_k(G)] for k = 0, ..., degree: closed forms where there are, else quadrature."""
    name, parameter = parse(activation)
    if name in RECTIFIED:
        return _rectified(RECTIFIED.index(name), degree, scale)
    if name == "leaky_relu":
        line = _padded([0.0, parameter * scale], degree)
        return line + (1 - parameter) * _rectified(1, degree, scale)
    if name in MONOMIALS:
        rows = {"identity": [0, 1], "quadratic": [1 / 2, 0, 1 / np.sqrt(2)], "cubic": [0, 1 / 2, 0, 1 / np.sqrt(6)]}
        return _padded(rows[name], degree) * scale ** MONOMIALS.index(name)
    if name == "hermite" and scale == 1:
        return _padded([0.0] * parameter + [1.0], degree)
    if name == "functions":
        return _by_quadrature(pointwise(activation), degree, scale)
    return _SERIES[name](degree, scale) if name in _SERIES else _by_trapezoid(pointwise(activation), degree, scale)


def _padded(row: list[float], degree: int) -> Array:
    return np.array((list(row) + [0.0] * (degree + 1))[: degree + 1], dtype=float)


def _at_zero(degree: int) -> Array:
    """Return h_k(0)."""
    return orthonormal_hermite(np.zeros(1), degree)[:, 0]


def _raise(derivative: Array, mean: float) -> Array:
    """Return the coefficients of a function from those of its derivative (Stein) and its mean."""
    return np.concatenate([[mean], derivative / np.sqrt(np.arange(1, len(derivative) + 1))])


def _times_t(row: Array) -> Array:
    """Return the coefficients of t f(t), one fewer than those of f."""
    k = np.arange(len(row) - 1)
    below = np.concatenate([[0.0], row[:-2]])
    return np.sqrt(k) * below + np.sqrt(k + 1) * row[1:]


def _rectified(power: int, degree: int, scale: float) -> Array:
    """Coefficients of relu(t)^p / p!: that of δ is φ(0) h_k(0), and each power integrates the one before."""
    density = 1 / np.sqrt(2 * np.pi)
    row = density * _at_zero(degree)
    for mean in (0.5, density, 0.25, density / 3)[: power + 1]:
        row = _raise(row, mean)[: degree + 1]
    return row * scale**power


def _erf(degree: int, scale: float) -> Array:
    """erf(s t) has the derivative 2 s / √π exp(-b t² / 2), b = 2 s²: a narrower Gaussian in each coefficient."""
    b = 2 * scale**2
    k = np.arange(degree + 1)
    slope = 2 * scale / np.sqrt(np.pi * (1 + b)) * _at_zero(degree) * (b / (1 + b)) ** (k / 2)
    return _raise(slope, 0.0)[: degree + 1]


def _sigmoid_series(degree: int, scale: float) -> Array:
    return _padded([0.5], degree) + 0.5 * _by_trapezoid(np.tanh, degree, scale / 2)


def _softplus(degree: int, scale: float) -> Array:
    mean = _by_trapezoid(pointwise("softplus"), 0, scale)[0]
    return _raise(scale * _sigmoid_series(degree, scale), mean)[: degree + 1]


def _gelu(degree: int, scale: float) -> Array:
    normal = _padded([0.5], degree + 1) + 0.5 * _erf(degree + 1, scale / np.sqrt(2))
    return scale * _times_t(normal)


def _exp(degree: int, scale: float) -> Array:
    return np.exp(scale**2 / 2) * _power_over_root_factorial(degree, scale)


def _power_over_root_factorial(degree: int, scale: float) -> Array:
    """Return scale^k / √k! by logarithms: neither overflows alone."""
    k = np.arange(degree + 1)
    return np.exp(k * np.log(scale) - special.gammaln(k + 1) / 2)


def _wave(phase: int) -> Callable[[int, float], Array]:
    """Cos (phase 0) or sin (1): real or imaginary part of E[exp(i s G) h_k(G)] = (i s)^k exp(-s²/2) / √k!."""

    def series(degree: int, scale: float) -> Array:
        k = np.arange(degree + 1)
        sign = np.where((k - phase) % 2 == 0, (-1.0) ** ((k - phase) // 2), 0.0)
        return sign * np.exp(-(scale**2) / 2) * _power_over_root_factorial(degree, scale)

    return series


_SERIES: dict[str, Callable[[int, float], Array]] = {
    "erf": _erf,
    "sigmoid": _sigmoid_series,
    "softplus": _softplus,
    "gelu": _gelu,
    "swish": lambda degree, scale: scale * _times_t(_sigmoid_series(degree + 1, scale)),
    "exp": _exp,
    "cos": _wave(0),
    "sin": _wave(1),
}


def _by_trapezoid(f: Callable[[Array], Array], degree: int, scale: float) -> Array:
    """Coefficients of functions analytic in |Im t| < π/2, by the trapezoidal rule.

    Its error falls like exp(-2 π a / step) with a = π / (2 scale), the half-width of the strip of f(scale t), and the
    step resolves the waves of h_degree.
    """
    step = min(0.02, 0.2 / scale, 1 / np.sqrt(degree + 1.0))
    count = int(np.ceil(REACH / step))
    t = step * np.arange(-count, count + 1)
    weight = step * np.exp(-t * t / 2) / np.sqrt(2 * np.pi)
    return orthonormal_hermite(t, degree) @ (weight * f(scale * t))


def _by_quadrature(f: Callable[[Array], Array], degree: int, scale: float) -> Array:
    """Coefficients of any function; kinks at 0 and at whole numbers lie at edges, others are found."""
    if degree > DEGREES:
        raise ValueError(f"Functions are expanded up to degree {DEGREES}, got {degree}. Use a name, or fewer degrees.")
    size = min(degree + 1, HELD)

    def integrand(t: Array) -> Iterator[Array]:
        weighted = f(scale * t) * np.exp(-t * t / 2) / np.sqrt(2 * np.pi)
        for rows in hermite_blocks(t, degree, size):
            rows *= weighted
            yield rows

    return integrate(integrand, np.linspace(-REACH, REACH, int(4 * REACH) + 1), size)
