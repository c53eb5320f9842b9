"""Tangent kernels of nets at any weights: J Jᵀ of explicit Jacobians, trained nets, products, FiniteNTK, fits."""

import pickle
from itertools import product

import numpy as np
import pytest
from sklearn.base import clone

import reference_nets as oracle
import widelearn as wl
from widelearn.kernels import Empirical, FiniteNTK, FiniteRF, Linear
from widelearn.nets import TangentKernel, TwoLayer

SUBSETS = ["W", "b", "a", "Wb", "Wa", "ba", "Wba"]
ACTIVATIONS = [("relu", 0.0), ("step", 0.0), ("tanh", 0.0), ("gelu", 0.0), ("softplus", 0.0), ("swish", 0.0)]
ACTIVATIONS += [("truncated_relu", 0.0), ("relu", 0.3), ("truncated_relu", 0.4), ("cubic", 0.0), ("hermite3", 0.0)]
# Relative to the largest value: sums of some hundred products, each of activations good to a few ulps.
ROUNDING = {"float64": 1e-13, "float32": 2e-5}


def draw(seed, d, m, c, dtype=np.float64):
    rng = np.random.default_rng(seed)
    W, b, a = rng.standard_normal((m, d)) / np.sqrt(d), rng.standard_normal(m), rng.standard_normal((m, c))
    return [part.astype(dtype) for part in (W, b, a)]


def jacobian(X, W, b, a, activation, smoothing, parameters):
    """J (n, c, P) in doubles, the parameters in the order W, b, a."""
    x, w, t, v = (part.astype(np.float64) for part in (X, W, b, a))
    z, spec = x @ w.T - t, (activation, 0.0)
    n, c, parts = len(x), v.shape[1], []
    if set(parameters) & {"W", "b"}:
        by_z = oracle.smoothed(spec, z, 1, smoothing)[:, None, :] * v.T
        if "W" in parameters:
            parts.append((by_z[..., None] * x[:, None, None, :]).reshape(n, c, -1))
        if "b" in parameters:
            parts.append(-by_z)
    if "a" in parameters:
        sigma = oracle.smoothed(spec, z, 0, smoothing)
        parts.append((sigma[:, None, :, None] * np.eye(c)[None, :, None, :]).reshape(n, c, -1))
    return np.concatenate(parts, axis=2)


def close(found, wanted, rtol):
    assert found.shape == wanted.shape
    assert np.abs(found - wanted).max() <= rtol * np.abs(wanted).max()


@pytest.mark.parametrize("dtype", ROUNDING)
@pytest.mark.parametrize(("activation", "smoothing"), ACTIVATIONS)
def test_values_and_products_are_those_of_the_jacobian(activation, smoothing, dtype):
    rtol = ROUNDING[dtype]
    for seed, (d, m, c) in enumerate([(1, 1, 1), (5, 7, 2), (33, 97, 1), (4, 300, 3)]):
        W, b, a = draw(seed, d, m, c, dtype)
        X = np.random.default_rng(100 + seed).standard_normal((120, d)).astype(dtype)
        net = TwoLayer(W, b, a, activation, smoothing=smoothing)
        subsets = SUBSETS if activation != "step" else ["a"]
        # J Jᵀ is a sum over the parameters.
        by = {one: jacobian(X, W, b, a, activation, smoothing, one).reshape(len(X), -1) for one in subsets[-1]}
        by = {one: J @ J.T for one, J in by.items()}
        for parameters in subsets:
            K, kernel = sum(by[one] for one in parameters), TangentKernel(net, parameters)
            close(kernel(X), K, rtol)
            close(kernel(X[:9], X), K[:9], rtol)
            close(net.tangent_kernel(X, X[:5], parameters=parameters), K[:, :5], rtol)
            assert np.array_equal(kernel.diag(X), kernel(X).diagonal())
            V = np.ones((len(X), 2), dtype)
            close(kernel.operator(X) @ V, K @ V, 10 * rtol)


def trained(net, X, Y, steps, rate):
    """The net after steps of gradient descent on all parameters."""
    W, b, a = net.W.copy(), net.b.copy(), net.a.copy()
    for _ in range(steps):
        found = TwoLayer(W, b, a, net.activation).loss_gradient(X, Y, "squared")
        W, b, a = W - rate * found.W, b - rate * found.b, a - rate * found.a
    return TwoLayer(W, b, a, net.activation)


@pytest.mark.parametrize(("activation", "c"), list(product(["relu", "tanh"], [1, 2])))
def test_the_kernel_of_a_trained_net_is_that_of_the_differences_of_its_outputs(activation, c):
    rng = np.random.default_rng(5)
    X, Y = rng.standard_normal((30, 4)), rng.standard_normal((30, c))
    start = TwoLayer(*draw(5, 4, 20, c), activation)
    net = trained(start, X, Y, 50, 0.02)
    J = jacobian(X, net.W, net.b, net.a, activation, 0.0, "Wba")
    close(TangentKernel(net)(X), np.einsum("ikp,jkp->ij", J, J), 1e-13)
    assert np.abs(TangentKernel(net)(X) - TangentKernel(start)(X)).max() > 0.1
    # Along the gradient the outputs move as J Jᵀ says: central differences, exact to h².
    residual, h = Y - net.outputs(X), 1e-5
    step = np.einsum("ncp,nc->p", J, residual)
    sizes = np.cumsum([net.W.size, net.b.size])
    by_W, by_b, by_a = np.split(step, sizes)
    by_W, by_a = by_W.reshape(net.W.shape), by_a.reshape(net.a.shape)
    ahead, behind = (
        TwoLayer(net.W + s * by_W, net.b + s * by_b, net.a + s * by_a, activation).outputs(X) for s in (h, -h)
    )
    moved = np.einsum("ikp,jlp,jl->ik", J, J, residual)
    close((ahead - behind) / (2 * h), moved, 1e-6)


def test_random_first_layers_are_nets():
    rng = np.random.default_rng(6)
    X, width = rng.standard_normal((40, 6)), 50
    directions = wl.RandomFeatures(width, weights="sphere", random_state=3).fit(X).directions()
    for activation in ("relu", "gelu"):
        a = np.full((width, 1), 1 / np.sqrt(width * 6))
        net = TwoLayer(directions, np.zeros(width), a, activation)
        close(TangentKernel(net, "W")(X), FiniteNTK(width, activation, 3)(X), 1e-14)
        close(TangentKernel(net, "a")(X) / width, FiniteRF(width, activation, 3)(X), 1e-14)


def test_it_is_a_kernel_like_any_other():
    W, b, a = draw(7, 3, 40, 1)
    net, rng = TwoLayer(W, b, a, "softplus"), np.random.default_rng(7)
    X, new, y = rng.standard_normal((60, 3)), rng.standard_normal((9, 3)), rng.standard_normal(60)
    kernel = TangentKernel(net)

    def full(X):
        return jacobian(X, W, b, a, "softplus", 0.0, "Wba")

    wanted = wl.KernelRidge(Empirical(full), alpha=0.1).fit(X, y).predict(new)
    for options in ({}, {"solver": "pcg", "tol": 1e-11}):
        close(wl.KernelRidge(kernel, alpha=0.1, **options).fit(X, y).predict(new), wanted, 1e-8)
    close((2.0 * kernel + Linear())(X), 2.0 * kernel(X) + X @ X.T, 1e-14)
    assert kernel == TangentKernel(net) != TangentKernel(net, "W")
    model = wl.KernelRidge(kernel).fit(X, y)
    before = model.predict(new)
    W += 1.0
    # The kernel follows the net, a fit took a copy.
    assert np.array_equal(model.predict(new), before)
    assert np.abs(kernel(X) - clone(model.kernel_)(X)).max() > 0.1
    assert np.array_equal(pickle.loads(pickle.dumps(kernel))(X), kernel(X))


def test_refusals():
    W, b, a = draw(8, 3, 4, 1)
    X, net = np.ones((2, 3)), TwoLayer(W, b, a, "relu")
    for parameters in ("", "x", "WW", None, 3, ("W", "c"), [b]):
        with pytest.raises(ValueError, match='parameters must be some of "W", "b" and "a"'):
            TangentKernel(net, parameters)(X)
        with pytest.raises(ValueError, match='parameters must be some of "W", "b" and "a"'):
            net.tangent_kernel(X, parameters=parameters)
    with pytest.raises(TypeError, match=r"widelearn\.nets\.TwoLayer, got ndarray"):
        TangentKernel(W)(X)
    with pytest.raises(ValueError, match="columns of W: expected 3, got 2"):
        TangentKernel(net)(X[:, :2])
    with pytest.raises(ValueError, match=r'"step".*is no function'):
        TangentKernel(TwoLayer(W, b, a, "step"))(X)
    with pytest.raises(ValueError, match=r"X\[1, 0\] is nan"):
        net.tangent_kernel(np.array([[1.0, 1.0, 1.0], [np.nan, 1.0, 1.0]]))
