"""Gaussian moments of the activations against quadrature: the closed forms are those of the functions they name."""

import numpy as np
import pytest
from scipy.special import erf

from widelearn.kernels import NNGP, NTK

NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(120)
WEIGHTS = WEIGHTS / WEIGHTS.sum()
HALF = (NODES[:, None] * np.ones_like(NODES), np.ones_like(NODES)[:, None] * NODES, np.outer(WEIGHTS, WEIGHTS))

# name: function, derivative. Smooth ones only: Gauss-Hermite nodes see no kink; relu, step have their oracle elsewhere.
SMOOTH = {
    "erf": (erf, lambda t: 2 / np.sqrt(np.pi) * np.exp(-t * t)),
    "cos": (np.cos, lambda t: -np.sin(t)),
    "sin": (np.sin, np.cos),
    "exp": (np.exp, np.exp),
    "identity": (lambda t: t, np.ones_like),
    "quadratic": (lambda t: t * t / 2, lambda t: t),
    "cubic": (lambda t: t**3 / 6, lambda t: t * t / 2),
    "hermite2": (lambda t: (t * t - 1) / np.sqrt(2), lambda t: np.sqrt(2) * t),
    "hermite3": (lambda t: (t**3 - 3 * t) / np.sqrt(6), lambda t: (3 * t * t - 3) / np.sqrt(6)),
}


def expectation(f, q, r, k):
    """E f(u) f(v) for (u, v) Gaussian with variances q, r and covariance k."""
    a, b, weights = HALF
    u = np.sqrt(q) * a
    v = k / np.sqrt(q) * a + np.sqrt(max(r - k * k / q, 0.0)) * b
    return float((weights * f(u) * f(v)).sum())


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize("bias_variance", [0.0, 0.3])
def test_two_layers(name, bias_variance, rng):
    f, slope = SMOOTH[name]
    x, y = rng.standard_normal((2, 5))
    w, b = 0.8, bias_variance
    q, r, k = (w * v / 5 + b for v in (x @ x, y @ y, x @ y))
    theta = k
    for _ in range(2):
        value, tangent = expectation(f, q, r, k), expectation(slope, q, r, k)
        q, r = (w * expectation(f, v, v, v) + b for v in (q, r))
        k = w * value + b
        theta = k + w * theta * tangent
    parameters = {"depth": 2, "activation": name, "weight_variance": w, "bias_variance": b}
    # Quadrature with 120 nodes a side is exact for the polynomials and good to 1e-9 for erf's Gaussian slope.
    assert float(NNGP(**parameters)(x, y)) == pytest.approx(k, rel=1e-8)
    assert float(NTK(**parameters)(x, y)) == pytest.approx(theta, rel=1e-8)


def test_leaky_relu_is_between_relu_and_identity(rng):
    X = rng.standard_normal((6, 4))
    for kind in (NNGP, NTK):
        assert np.array_equal(kind(2, ("leaky_relu", 0.0))(X), kind(2, "relu")(X))
        np.testing.assert_allclose(kind(2, ("leaky_relu", 1.0))(X), kind(2, "identity")(X), rtol=1e-13, atol=1e-15)
        assert np.array_equal(kind(2, ("leaky_relu", 0.01))(X), kind(2, "leaky_relu")(X))


@pytest.mark.parametrize(
    ("kernel", "match"),
    [
        (NTK(activation="step"), "infinite diagonal"),
        (NNGP(activation="rleu"), 'did you mean "relu"'),
        (NNGP(activation="hermite99"), "highest degree"),
        (NNGP(activation=("leaky_relu", np.inf)), "slope must be finite"),
    ],
)
def test_wrong_activations(kernel, match):
    with pytest.raises(ValueError, match=match):
        kernel([[1.0, 2.0]])


def test_activations_are_names_or_leaky_pairs():
    with pytest.raises(TypeError, match="must be a name"):
        NNGP(activation=3)([[1.0]])
