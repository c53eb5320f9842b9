"""Hermite coefficients of activations: golden values, an integrator as oracle, refusals."""

import math

import numpy as np
import pytest
from scipy import integrate, special

from activation_values import NAMES, VALUES
from widelearn.theory import (
    hermite_coefficients,
)


def oracle(name, k, scale=1.0):
    """E[σ(scale G) h_k(G)] by SciPy's integrator, to 1e-12."""

    def integrand(t):
        return VALUES[name](scale * t) * special.eval_hermitenorm(k, t) * np.exp(-t * t / 2)

    parts = [integrate.quad(integrand, *ends, epsabs=1e-12)[0] for ends in ((-14, 0), (0, 14))]
    return sum(parts) / math.sqrt(2 * math.pi * math.factorial(k))


def test_the_oracle_knows_every_name():
    assert list(VALUES) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_hermite_coefficients(name):
    row = hermite_coefficients(name, 7)
    for k in range(8):
        assert row[k] == pytest.approx(oracle(name, k), abs=2e-12)


@pytest.mark.parametrize(
    "name", ["relu2", "tanh", "gelu", "exp", "cos", "cubic", "hermite3", "swish", "softplus", "erf"]
)
def test_hermite_coefficients_of_stretched_activations(name):
    row = hermite_coefficients(name, 4, scale=1.7)
    for k in (0, 2, 3):
        assert row[k] == pytest.approx(oracle(name, k, 1.7), abs=3e-12)


def test_hermite_golden():
    for name, degrees, golden in (
        ("relu", 0, [0.398942280, 0.5, 0.282094792, 0, -0.0814337520, 0, 0.0446031029]),
        ("relu", 1, [0.5, 0.398942280, 0, -0.162867504, 0, 0.109254843]),
        ("tanh", 0, [0, 0.605705510, 0, -0.148437191]),
    ):
        row = hermite_coefficients(name, len(golden) - 1, derivative=degrees)
        np.testing.assert_allclose(row, golden, atol=1e-9)
    assert np.sum(hermite_coefficients("tanh", 300) ** 2) == pytest.approx(0.3942944904, abs=1e-10)


@pytest.mark.parametrize("name", ["erf", "tanh", "sigmoid", "gelu", "softplus", "swish", "cos", "sin", "exp", "cubic"])
def test_derivatives(name):
    """E[σ'(G) h_k(G)] with σ' from central differences."""
    step = 1e-5
    value = VALUES[name]

    t, w = special.roots_hermitenorm(60)
    slope = (value(t + step) - value(t - step)) / (2 * step)
    row = hermite_coefficients(name, 3, derivative=1)
    h = np.array([np.ones_like(t), t, (t * t - 1) / np.sqrt(2), (t**3 - 3 * t) / np.sqrt(6)])
    # differences: 1e-11 of rounding, 1e-10 of curvature; Gauss-Hermite with 60 nodes: 1e-5 for tanh's poles
    np.testing.assert_allclose(row, h @ (w * slope) / np.sqrt(2 * np.pi), atol=2e-5)


def test_derivatives_of_functions_are_given_or_derived():
    for functions in ((np.tanh,), (np.tanh, lambda t: 1 - np.tanh(t) ** 2)):
        for derivative in (0, 1, 2):
            ours = hermite_coefficients(functions, 6, derivative)
            np.testing.assert_allclose(ours, hermite_coefficients("tanh", 6, derivative), atol=1e-12)


def test_functions_with_kinks_and_jumps_anywhere():
    ours = hermite_coefficients(lambda t: (t > 0.3137) * 1.0, 3)
    density = np.exp(-(0.3137**2) / 2) / np.sqrt(2 * np.pi)
    exact = [special.ndtr(-0.3137), density, density * 0.3137 / np.sqrt(2), density * (0.3137**2 - 1) / np.sqrt(6)]
    np.testing.assert_allclose(ours, exact, atol=1e-12)


def test_functions_of_high_degree():
    """Degrees that are held in parts have the values of the closed form; beyond the limit a function is refused."""
    ours, exact = (hermite_coefficients(name, 500) for name in (lambda t: np.maximum(t, 0.0), "relu"))
    np.testing.assert_allclose(ours, exact, atol=1e-13)
    with pytest.raises(ValueError, match="up to degree 10000, got 10001"):
        hermite_coefficients(np.tanh, 10_001)


def test_activations_are_checked():
    with pytest.raises(ValueError, match=r"Unknown activation 'reul'. The names are: relu"):
        hermite_coefficients("reul", 2)
    with pytest.raises(TypeError, match="activation must be a name"):
        hermite_coefficients(3, 2)
    with pytest.raises(ValueError, match="degree must be a whole number of at least 0, got -1"):
        hermite_coefficients("relu", -1)
    with pytest.raises(ValueError, match="scale must be positive"):
        hermite_coefficients("relu", 1, scale=0)


def test_orders_of_derivatives_beyond_what_float64_holds_are_refused():
    assert np.isfinite(hermite_coefficients("exp", 2, derivative=150)).all()
    with pytest.raises(
        ValueError, match="derivative must be a whole number of at least 0 and at most 150, got 1000000"
    ):
        hermite_coefficients("relu", 2, derivative=1_000_000)
    with pytest.raises(ValueError, match="Coefficients of the derivative of order 150 leave float64"):
        hermite_coefficients("relu", 2, derivative=150, scale=1e-3)
