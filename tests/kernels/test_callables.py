"""NNGP and NTK of activations given as functions: against closed forms of the core and against plain quadrature."""

import math
import pickle
from itertools import product

import numpy as np
import pytest
from scipy.special import erf
from sklearn.base import clone

from widelearn import KernelRidge
from widelearn.kernels import NNGP, NTK, RBF, Linear, Sum, TaylorKernel

# Relative to sqrt(k(x, x) k(y, y)): what the docstring says.
TOLERANCE = 1e-10


def relu(t):
    return np.maximum(t, 0)


def step(t):
    return t > 0


def leaky(t):
    return np.where(t > 0, t, 0.3 * t)


def leaky_slope(t):
    return np.where(t > 0, 1.0, 0.3)


def erf_slope(t):
    return 2 / np.sqrt(np.pi) * np.exp(-t * t)


def tanh_slope(t):
    return 1 / np.cosh(t) ** 2


def selu(t):
    return np.where(t > 0, t, 1.7 * np.expm1(np.minimum(t, 0)))


def selu_slope(t):
    return np.where(t > 0, 1.0, 1.7 * np.exp(np.minimum(t, 0)))


POWERS = {"relu": (relu, step), ("leaky_relu", 0.3): (leaky, leaky_slope), "cubic": (lambda t: t**3 / 6, np.square)}
POWERS["cubic"] = (POWERS["cubic"][0], lambda t: t * t / 2)
SMOOTH = {"erf": (erf, erf_slope), "sin": (np.sin, np.cos)}
CLOSED = POWERS | SMOOTH


def error(kernel, closed, X, Y=None):
    """Largest error relative to sqrt(k(x, x) k(y, y)) as the core has it."""
    wanted = closed(X, Y)
    scale = np.sqrt(np.outer(closed.diag(X), closed.diag(X if Y is None else Y)))
    gap = np.abs(kernel(X, Y) - wanted)
    assert (gap[scale == 0] == 0).all()
    return float((gap / np.where(scale > 0, scale, 1)).max())


def pair(kind, name, **parameters):
    """The same kernel by functions and in the core."""
    return kind(activation=CLOSED[name], **parameters), kind(activation=name, **parameters)


def rows(rng, n=30, d=6):
    """Rows whose variances are within a factor of two."""
    X = rng.standard_normal((n, d))
    return X * (np.sqrt(d) * np.linspace(0.9, 1.2, n) / np.linalg.norm(X, axis=1))[:, None]


def expectation(f, q, r, k):
    """E f(u) f(v) over the quadrants by Gauss-Legendre on the density of (u, v), correlated less than 0.9."""
    nodes, weights = np.polynomial.legendre.leggauss(160)
    total = 0.0
    for sign, other in product((1, -1), repeat=2):
        u, v = sign * 5 * math.sqrt(q) * (nodes + 1), other * 5 * math.sqrt(r) * (nodes + 1)
        size = 25 * math.sqrt(q * r)
        determinant = q * r - k * k
        form = (r * u[:, None] ** 2 - 2 * k * u[:, None] * v + q * v**2) / determinant
        density = np.exp(-form / 2) / (2 * math.pi * math.sqrt(determinant))
        total += size * float((weights * f(u)) @ density @ (weights * f(v)))
    return total


def second_moment(f, q):
    nodes, weights = np.polynomial.legendre.leggauss(160)
    z = 5 * (nodes + 1)
    sides = f(math.sqrt(q) * z) ** 2 + f(-math.sqrt(q) * z) ** 2
    return float(5 * (weights * sides * np.exp(-(z**2) / 2)).sum() / math.sqrt(2 * math.pi))


# Values.


@pytest.mark.parametrize("name", CLOSED, ids=str)
@pytest.mark.parametrize("depth", [1, 3])
@pytest.mark.parametrize("kind", [NNGP, NTK])
def test_closed_forms(kind, depth, name, rng):
    X = rows(rng)
    kernel, closed = pair(kind, name, depth=depth, weight_variance=1.3, bias_variance=0.2)
    assert error(kernel, closed, X) < TOLERANCE
    assert error(kernel, closed, X, np.vstack([X[:7], -X[:3], 1.1 * X[4:6]])) < TOLERANCE


def test_growth(rng):
    X = rows(rng)
    kernel, closed = NTK(activation=(np.exp, np.exp)), NTK(activation="exp")
    assert error(kernel, closed, X) < TOLERANCE


# The angle's tables are integrated from differences where variances do not matter: near rows keep their digits.
@pytest.mark.parametrize("size", [1e-2, 1e-5, 1e-8, 1e-11])
def test_near_rows(size, rng):
    X = rows(rng)
    for power, name in product((1, -1), POWERS):
        kernel, closed = pair(NTK, name, depth=3, bias_variance=0.1)
        assert error(kernel, closed, X, power * X + size * rng.standard_normal(X.shape)) < TOLERANCE


@pytest.mark.parametrize("name", POWERS, ids=str)
def test_powers_of_any_norm(name, rng):
    X = rows(rng, 60) * np.logspace(-6, 4, 60)[:, None]
    kernel, closed = pair(NTK, name, depth=2)
    assert error(kernel, closed, X) < TOLERANCE


@pytest.mark.parametrize("q", [1e-6, 1e-3, 1.0, 1e2, 1e4])
def test_variances(q):
    """One pair at a time, and a table for rows of one norm."""
    X = np.array([[np.cos(t), np.sin(t)] for t in np.linspace(0, np.pi, 7)]) * np.sqrt(2 * q)
    kernel, closed = pair(NNGP, "erf")
    assert error(kernel, closed, X[:1], X[1:4]) < TOLERANCE
    assert error(kernel, closed, X) < TOLERANCE


def test_wide_ranges_take_several_tables(rng):
    X = rows(rng, 20) * np.repeat([0.02, 0.4], 10)[:, None]
    kernel, closed = pair(NNGP, "erf")
    assert error(kernel, closed, X) < TOLERANCE
    assert error(kernel, closed, X[::-1], X[4:14]) < TOLERANCE


@pytest.mark.parametrize(
    ("f", "slope"),
    [(np.tanh, tanh_slope), (selu, selu_slope), (lambda t: np.logaddexp(0, t), lambda t: 1 / (1 + np.exp(-t)))],
    ids=["tanh", "selu", "softplus"],
)
def test_quadrature(f, slope, rng):
    X = rows(rng, 12, 5)[[0, 5, 11]]
    w, b = 1.4, 0.1
    nngp, ntk = (kind(2, (f, slope), w, b)(X[:1], X[1:])[0] for kind in (NNGP, NTK))
    Q = w * X @ X.T / 5 + b
    for j in (1, 2):
        q, r, k = Q[0, 0], Q[j, j], Q[0, j]
        tangent = k
        for _ in range(2):
            derivative = expectation(slope, q, r, k)
            q, r, k = w * second_moment(f, q) + b, w * second_moment(f, r) + b, w * expectation(f, q, r, k) + b
            tangent = k + w * derivative * tangent
        # 160 nodes over ten deviations on each side of 0 are good to 1e-12 for poles a unit from the axis.
        assert nngp[j - 1] == pytest.approx(k, abs=TOLERANCE * math.sqrt(q * r))
        assert ntk[j - 1] == pytest.approx(tangent, abs=TOLERANCE * math.sqrt(q * r))


@pytest.mark.parametrize("name", ["relu", "sin", "cos"])
def test_zero_rows(name, rng):
    functions = {"cos": (np.cos, lambda t: -np.sin(t))} | CLOSED
    # Rows of one norm in the first layer; cos(0) = 1 gives zero rows another in the second.
    X = np.vstack([np.zeros((2, 6)), 0.9 * rng.choice([-1.0, 1.0], (6, 6))])
    for kind in (NNGP, NTK):
        closed = kind(2, name)
        assert error(kind(2, functions[name]), closed, X) < TOLERANCE
        assert error(kind(2, functions[name]), closed, X[:5], X[1:]) < TOLERANCE


def test_tables_agree_with_pairs(rng):
    """Jumps of the derivative at 0, no power of t, rows near and far: a table against quadrature of each pair."""
    X = rows(rng)
    Y = np.vstack([X[:4], X[4:8] + 0.05 * rng.standard_normal((4, 6)), -X[:3]])
    kernel = NTK(2, (selu, selu_slope), bias_variance=0.1)
    K = kernel(X, Y)
    scale = np.sqrt(np.outer(kernel.diag(X), kernel.diag(Y)))
    for i, j in [(0, 0), (4, 4), (5, 5), (0, 8), (20, 3)]:
        assert abs(K[i, j] - kernel(X[i], Y[j])) < TOLERANCE * scale[i, j]


# Rows and types.


def test_equal_rows_have_the_diagonal(rng):
    X = rows(rng)
    for kernel in (NTK(2, (np.tanh, tanh_slope)), NNGP(2, (relu,), 1.0, 0.3)):
        K = kernel(X)
        assert np.array_equal(K, K.T)
        assert np.array_equal(np.diag(K), kernel.diag(X))
        assert np.array_equal(np.diag(kernel(X, X.copy())), kernel.diag(X))
        assert np.array_equal(kernel.diag(X[3:5]), kernel.diag(X)[3:5])
        assert kernel(X[0], X[0]) == kernel.diag(X[0])


def test_single_precision(rng):
    x = rows(rng).astype(np.float32)
    kernel = NTK(2, (np.tanh, tanh_slope))
    K = kernel(x)
    assert K.dtype == kernel.diag(x).dtype == kernel.dot(x, None, x).dtype == np.float32
    np.testing.assert_array_equal(K, kernel(x.astype(float)).astype(np.float32))
    with pytest.raises(ValueError, match=r"overflows float32 at row 0 of X\. Scale X down"):
        NNGP(activation=(relu,))(np.full((2, 2), 1e30, np.float32))
    for call in (NNGP(activation=(relu,)), NNGP(activation=(relu,)).diag):
        with pytest.raises(ValueError, match=r"overflows float64 at row 0 of X\. Scale X down"):
            call(np.full((2, 2), 1e200))


def test_products_and_threads(rng, threads):
    X, Y = rng.standard_normal((300, 4)), rng.standard_normal((400, 4))
    V = rng.standard_normal((400, 2))
    kernel = NTK(2, (relu, step), bias_variance=0.1)
    threads(1)
    K = kernel(X, Y)
    # Sums of 400 terms.
    np.testing.assert_allclose(kernel.dot(X, Y, V), K @ V, rtol=0, atol=1e-10 * np.abs(K).max())
    np.testing.assert_allclose(kernel.operator(Y) @ V, kernel(Y) @ V, rtol=0, atol=1e-10 * np.abs(K).max())
    threads(3)
    assert np.array_equal(kernel(X, Y), K)


def test_combinations(rng):
    X, Y = rows(rng), rows(rng, 10)
    kernel = NNGP(2, SMOOTH["erf"])
    both = Sum(kernel, RBF())
    np.testing.assert_allclose(both(X, Y), kernel(X, Y) + RBF()(X, Y), rtol=1e-14)
    np.testing.assert_allclose(both.diag(X), np.diag(both(X)), rtol=1e-14)
    np.testing.assert_allclose(both.dot(X, Y, Y), both(X, Y) @ Y, rtol=0, atol=1e-12)
    np.testing.assert_allclose((2.0 * kernel * Linear())(X), 2 * kernel(X) * (X @ X.T), rtol=1e-12, atol=1e-14)


def test_ridge(rng):
    X = rows(rng, 60)
    y = np.sin(X[:, 0])
    model = KernelRidge(NTK(activation=(relu, step)), alpha=1e-2).fit(X, y)
    wanted = KernelRidge(NTK(), alpha=1e-2).fit(X, y)
    # The kernel's error times the condition of K + alpha, below 1e5.
    np.testing.assert_allclose(model.predict(X), wanted.predict(X), rtol=0, atol=1e-8)


def test_parameter_objects():
    kernel = NTK(2, (np.tanh, tanh_slope), bias_variance=0.1)
    for copy in (clone(kernel), pickle.loads(pickle.dumps(kernel))):
        assert copy == kernel
        assert hash(copy) == hash(kernel)
        assert repr(copy) == repr(kernel)
    assert kernel.get_params()["activation"] == (np.tanh, tanh_slope)
    assert kernel != NTK(2, (np.sin, np.cos), bias_variance=0.1)
    assert not kernel.compiled
    assert not (kernel + RBF()).compiled
    assert kernel.set_params(activation="relu").compiled


# Errors.


def corner(t):
    return np.clip(t, -1, 1)


@pytest.mark.parametrize(
    ("kernel", "error_type", "match"),
    [
        (NTK(activation=(np.tanh,)), ValueError, r"NTK needs the derivative of the activation: pass \(σ, σ'\)"),
        (NNGP(activation=np.tanh), TypeError, r"tuple of functions .*write \(function, derivative\)"),
        (NNGP(activation=()), TypeError, "must be a name, .* or a tuple of functions"),
        (NNGP(activation=(np.tanh, 3)), TypeError, "must be a name, .* or a tuple of functions"),
        (NNGP(activation=(lambda t: 1.0,)), ValueError, r"returned shape \(\) for .*full_like"),
        (NNGP(activation=(lambda t: t[:-1],)), ValueError, "one value for each entry"),
        (NNGP(activation=(lambda t: t * 1j,)), ValueError, "complex128 values: an activation returns real"),
        (NNGP(activation=(lambda t: 1 / t,)), ValueError, r"is inf at t = 0: it must be finite"),
        (NNGP(activation=(lambda t: np.log(t + 1e-3),)), ValueError, "is nan at t = -"),
        (NNGP(activation=(math.tanh,)), ValueError, r"takes an array and returns .*numpy\.vectorize"),
        (NNGP(activation=(lambda t: np.exp(t * t),)), ValueError, "grows too fast|must be finite"),
        (NNGP(activation=(corner,)), ValueError, r"only known to \d.*not to 1e-10.*named activation"),
        (NNGP(0, (np.tanh,)), ValueError, "depth must be >= 1, got 0"),
        (NNGP(1, (np.tanh,), 0.0), ValueError, "weight_variance must be positive and finite, got 0"),
        (NNGP(1, (np.tanh,), 1.0, -1.0), ValueError, "bias_variance must be finite and >= 0, got -1"),
    ],
)
def test_errors(kernel, error_type, match):
    X = np.eye(3) * [1.0, 2.0, 3.0]
    for call in (kernel, kernel.diag, lambda X: kernel.dot(X, None, X)):
        with pytest.raises(error_type, match=match):
            call(X)


def test_taylor_kernels(rng):
    X, Y = rng.standard_normal((12, 4)), rng.standard_normal((5, 4))
    functions = (erf, erf_slope, lambda t: -2 * t * erf_slope(t))
    for order in range(3):
        kernel, closed = TaylorKernel(order, functions), TaylorKernel(order, "erf")
        assert error(kernel, closed, X) < TOLERANCE
        assert error(kernel, closed, X, Y) < TOLERANCE
    with pytest.raises(ValueError, match="needs derivative 3 of the activation, but the tuple holds 3 functions"):
        TaylorKernel(3, functions)(X)
