"""Kernel objects as functions h(t) of t = x.x'/d for inputs of norm √d, recognised by class name and parameters."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from widelearn.theory.activations import MONOMIALS, RECTIFIED, parse, pointwise
from widelearn.theory.checks import finite, positive, whole
from widelearn.theory.duals import Dual, Values, arccosine, dual
from widelearn.theory.given_functions import on_copies
from widelearn.theory.inputs import Domain, Sphere

Function = Callable[[Values], Values]
Parameters = dict[str, Any]

# Kernels by their strings, with the defaults that the strings stand for.
STRINGS: dict[str, tuple[str, Parameters]] = {
    "rbf": ("RBF", {"gamma": None}),
    "laplace": ("Laplace", {"gamma": None, "norm": 2, "power": 1.0}),
    "laplacian": ("Laplace", {"gamma": None, "norm": 1, "power": 1.0}),
    "polynomial": ("Polynomial", {"degree": 3, "gamma": None, "coef0": 1.0}),
    "linear": ("Linear", {}),
    "ntk": ("NTK", {"depth": 1, "activation": "relu", "weight_variance": 1.0, "bias_variance": 0.0}),
    "nngp": ("NNGP", {"depth": 1, "activation": "relu", "weight_variance": 1.0, "bias_variance": 0.0}),
}
# Degrees of the sphere's expansion where an average over weights on the sphere has no closed form.
SPHERE_DEGREES = 300
# Layers of a network: each is evaluated at every point of an integral.
MOST_LAYERS = 10_000


def name_and_parameters(kernel: Any) -> tuple[str, Parameters] | None:
    """Return a kernel object's class name and parameters; None for a plain function h(t)."""
    if isinstance(kernel, str):
        if kernel not in STRINGS:
            raise ValueError(f"Unknown kernel {kernel!r}. The names are: {', '.join(sorted(STRINGS))}.")
        return STRINGS[kernel]
    if hasattr(kernel, "get_params") and not isinstance(kernel, type):
        return type(kernel).__name__, kernel.get_params(deep=False)
    if callable(kernel) and not isinstance(kernel, type):
        return None
    raise TypeError(f"A kernel is an object of widelearn.kernels, a name or a function h(t), got {kernel!r}.")


def function_of(kernel: Any, domain: Domain) -> Function:
    """Return h with k(x, x') = h(x.x'/d) for inputs of norm √d; it takes complex arrays too."""
    found = name_and_parameters(kernel)
    if found is None:
        return on_copies(kernel)
    name, parameters = found
    if name not in FORMS:
        raise ValueError(f"{name} is not a kernel of the inner product whose spectrum is known. Give a function h(t).")
    return FORMS[name](parameters, domain)


def gamma_of(parameters: Parameters, d: int) -> float:
    """Return a kernel's gamma for d columns; refuse one a column, and one that is read from rows."""
    gamma = parameters["gamma"]
    if np.ndim(gamma) or isinstance(gamma, str):
        raise ValueError(f"A spectrum is of a kernel with one number for gamma, got {gamma!r}: theory sees no rows.")
    return 1.0 / d if gamma is None else float(finite("gamma", gamma))


def _linear(parameters: Parameters, domain: Domain) -> Function:
    return lambda t: domain.d * t


def _constant(parameters: Parameters, domain: Domain) -> Function:
    value = float(finite("value", parameters["value"]))
    return lambda t: value + 0 * t


def _polynomial(parameters: Parameters, domain: Domain) -> Function:
    scale, shift = domain.d * gamma_of(parameters, domain.d), float(finite("coef0", parameters["coef0"]))
    degree = whole("degree", parameters["degree"], 0)
    return lambda t: (scale * t + shift) ** degree


def _dot_product(parameters: Parameters, domain: Domain) -> Function:
    coefficients = np.atleast_1d(finite("coefficients", parameters["coefficients"]))
    return lambda t: np.polynomial.polynomial.polyval(t, coefficients)


def _rbf(parameters: Parameters, domain: Domain) -> Function:
    rate = 2 * domain.d * gamma_of(parameters, domain.d)
    return lambda t: np.exp(-rate * (1 - t))


def _laplace(parameters: Parameters, domain: Domain) -> Function:
    gamma, d = gamma_of(parameters, domain.d), domain.d
    if parameters["norm"] == 1:
        if isinstance(domain, Sphere):
            raise ValueError("Laplace(norm=1) is no function of the inner product on the sphere. Use the hypercube.")
        return lambda t: np.exp(-gamma * d * (1 - t))
    power = float(parameters["power"])
    return lambda t: np.exp(-gamma * (2 * d * (1 - t)) ** (power / 2))


def _matern(parameters: Parameters, domain: Domain) -> Function:
    length, nu = float(positive("length_scale", parameters["length_scale"])), float(parameters["nu"])
    polynomials = {0.5: (1.0, 1.0), 1.5: (1.0, 1.0), 2.5: (1.0, 1.0, 1 / 3)}
    if nu not in polynomials:
        raise ValueError(f"Matern: nu must be 0.5, 1.5 or 2.5, got {nu!r}.")
    terms = np.array(polynomials[nu] if nu > 0.5 else (1.0,))

    def h(t: Values) -> Values:
        r = np.sqrt(2 * nu * 2 * domain.d * (1 - t)) / length
        return np.polynomial.polynomial.polyval(r, terms) * np.exp(-r)

    return h


def _arccosine(parameters: Parameters, domain: Domain) -> Function:
    order = whole("order", parameters["order"], 0)
    if order > 2:
        raise ValueError(f"ArcCosine: order must be 0, 1 or 2, got {order}.")
    scale = float(domain.d) ** order / np.pi
    return lambda t: scale * arccosine(t, order)


def _deep(tangent: bool) -> Callable[[Parameters, Domain], Function]:
    """NNGP, or NTK if `tangent`: all inputs have one norm, so each layer is a function of the correlation before it."""

    def form(parameters: Parameters, domain: Domain) -> Function:
        depth = whole("depth", parameters["depth"], 0, MOST_LAYERS)
        weight = float(positive("weight_variance", parameters["weight_variance"]))
        bias = float(finite("bias_variance", parameters["bias_variance"]))
        layers: list[tuple[float, Dual, Dual | None]] = []
        variance = weight + bias
        for _ in range(depth):
            outer = dual(parameters["activation"], 0, variance)
            inner = dual(parameters["activation"], 1, variance) if tangent else None
            layers.append((variance, outer, inner))
            variance = weight * float(np.real(outer(np.ones(1))[0])) + bias

        def h(t: Values) -> Values:
            covariance = weight * t + bias
            slope = covariance
            for at, outer, inner in layers:
                with np.errstate(invalid="ignore"):  # variances that vanish leave no number, which is refused
                    correlation = covariance / at
                covariance = weight * outer(correlation) + bias
                if inner is not None:
                    slope = covariance + weight * inner(correlation) * slope
            return slope if tangent else covariance

        return h

    return form


def _taylor(parameters: Parameters, domain: Domain) -> Function:
    order = whole("order", parameters["order"], 0)
    inner = dual(parameters["activation"], order, 1.0)
    scale = float(domain.d) ** order / float(np.prod(np.arange(1.0, order + 1))) ** 2
    return lambda t: scale * t**order * inner(t)


def sphere_average(activation: Any, derivative: int, d: int) -> Function:
    """Return t -> E[σ^(j)(w.x) σ^(j)(w.x')] over w uniform on the unit sphere.

    A Gaussian w of covariance I/d is such a direction times a length r, E r^(2p) = d (d + 2) ... (d + 2p - 2) / d^p, so
    homogeneous activations have their Gaussian dual over that; others their expansion in Gegenbauer polynomials.
    """
    name, _ = parse(activation)
    degree = {"leaky_relu": 1, **{a: p for p, a in enumerate(RECTIFIED)}, **{a: p for p, a in enumerate(MONOMIALS)}}
    if name in degree and not (name == "quadratic" and derivative > 2):
        power = max(degree[name] - derivative, 0)
        lengths = float(np.prod([(d + 2 * i) / d for i in range(power)]))
        gaussian = dual(activation, derivative, 1.0)
        return lambda t: gaussian(t) / lengths
    sphere = Sphere(d)
    roots, square = neuron_moments(activation, derivative, sphere, SPHERE_DEGREES)
    masses = np.append(roots**2, max(square - float(roots @ roots), 0.0))
    return lambda t: sphere.evaluate(masses, t)


def neuron_moments(activation: Any, derivative: int, sphere: Sphere, degree: int) -> tuple[NDArray[np.float64], float]:
    """Return E[σ^(j)(√d t) √B_k q_k(t)] for k <= degree, the singular values of one neuron times √B_k, and E[...²]."""
    f = pointwise(activation, derivative)
    root = np.sqrt(sphere.d)
    return sphere.project(lambda t: f(root * t), degree)


def _finite_rf(parameters: Parameters, domain: Domain) -> Function:
    return sphere_average(parameters["activation"], 0, domain.d)


def _finite_ntk(parameters: Parameters, domain: Domain) -> Function:
    inner = sphere_average(parameters["activation"], 1, domain.d)
    return lambda t: t * inner(t)


def _combine(join: Callable[[Values, Values], Values]) -> Callable[[Parameters, Domain], Function]:
    def form(parameters: Parameters, domain: Domain) -> Function:
        first, second = (function_of(part_of(parameters[key]), domain) for key in ("k1", "k2"))
        return lambda t: join(first(t), second(t))

    return form


def part_of(part: Any) -> Any:
    """Return a part of a sum or product; a function of two blocks of rows has no known form."""
    if name_and_parameters(part) is None:
        raise ValueError("A function (X, Y) inside a sum or product has no known form. Write the whole as h(t).")
    return part


FORMS: dict[str, Callable[[Parameters, Domain], Function]] = {
    "Linear": _linear,
    "Constant": _constant,
    "Polynomial": _polynomial,
    "DotProduct": _dot_product,
    "RBF": _rbf,
    "Laplace": _laplace,
    "Matern": _matern,
    "ArcCosine": _arccosine,
    "NNGP": _deep(tangent=False),
    "NTK": _deep(tangent=True),
    "TaylorKernel": _taylor,
    "FiniteRF": _finite_rf,
    "FiniteNTK": _finite_ntk,
    "Sum": _combine(lambda a, b: a + b),
    "Product": _combine(lambda a, b: a * b),
}
