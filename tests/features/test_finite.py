"""Finite-width kernels and the features they are of: tangent features, random features, features of the NTK."""

import pickle
import tracemalloc

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.kernel_ridge import KernelRidge as SklearnKernelRidge

from widelearn import (
    FeatureRidge,
    FeatureRidgeClassifier,
    FeatureRidgeCV,
    KernelRidge,
    NTKFeatures,
    RandomFeatures,
    TangentFeatures,
)
from widelearn.kernels import NTK, RBF, FiniteNTK, FiniteRF, Linear
from widelearn.ridge import Moments

ACTIVATIONS = ["relu", "step", "leaky_relu", "tanh", "gelu", "cubic", "relu2", "hermite3", (np.sin, np.cos)]
SMOOTH = [activation for activation in ACTIVATIONS if activation != "step"]


def neurons(X, width, activation, seed):
    return RandomFeatures(width, activation, weights="sphere", random_state=seed).fit_transform(X)


def exact_mirror_and_diagonal(kernel, X):
    # In the core to the last bit, through NumPy's products to rounding.
    K = kernel(X)
    tolerance = 0 if kernel.compiled else 1e-14 * np.abs(K).max()
    np.testing.assert_allclose(K, K.T, rtol=0, atol=tolerance)
    np.testing.assert_allclose(kernel.diag(X), np.diag(K), rtol=0, atol=tolerance)


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=repr)
@pytest.mark.parametrize("width", [1, 65, 301])
def test_finite_rf_is_the_inner_product_of_random_features(activation, width, rng):
    X, Y = rng.standard_normal((130, 7)), rng.standard_normal((40, 7))
    kernel = FiniteRF(width, activation, random_state=3)
    Zx, Zy = (neurons(Z, width, activation, 3) for Z in (X, Y))
    for found, wanted in ((kernel(X), Zx @ Zx.T), (kernel(X, Y), Zx @ Zy.T)):
        # Sums of `width` products of values of the size of the largest.
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-13 * np.abs(wanted).max())
    exact_mirror_and_diagonal(kernel, X)
    V = rng.standard_normal((40, 3))
    np.testing.assert_allclose(
        kernel.dot(X, Y, V), kernel(X, Y) @ V, rtol=0, atol=1e-12 * np.abs(Zx).max() ** 2 * width
    )


@pytest.mark.parametrize("activation", SMOOTH, ids=repr)
@pytest.mark.parametrize("width", [1, 65, 301])
def test_finite_ntk_is_the_inner_product_of_tangent_features(activation, width, rng):
    X, Y = rng.standard_normal((130, 7)), rng.standard_normal((40, 7))
    kernel = FiniteNTK(width, activation, random_state=3)
    features = TangentFeatures(width, activation, random_state=3).fit(X)
    Zx, Zy = features.transform(X), features.transform(Y)
    assert Zx.shape == (130, 7 * width)
    for found, wanted in ((kernel(X), Zx @ Zx.T), (kernel(X, Y), Zx @ Zy.T)):
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-12 * np.abs(wanted).max())
    exact_mirror_and_diagonal(kernel, X)
    V = rng.standard_normal((130, 2))
    np.testing.assert_allclose(kernel.dot(X, None, V), kernel(X) @ V, rtol=0, atol=1e-11 * np.abs(kernel(X)).max())


def test_tangent_features_are_the_formula(rng):
    X = rng.standard_normal((9, 4))
    W = RandomFeatures(5, weights="sphere", random_state=1).fit(X).directions()
    wanted = (X @ W.T > 0)[:, :, None] * X[:, None, :] / np.sqrt(5 * 4)
    found = TangentFeatures(5, random_state=1).fit_transform(X)
    np.testing.assert_allclose(found, wanted.reshape(9, 20), rtol=1e-15)
    # The gradient of a smooth network by its first layer, by central differences.
    h, features = 1e-6, TangentFeatures(5, "tanh", random_state=1).fit(X)
    for j, k in ((0, 0), (2, 3), (4, 1)):
        up, down = W.copy(), W.copy()
        up[j, k] += h
        down[j, k] -= h
        slope = (np.tanh(X @ up.T) - np.tanh(X @ down.T)).sum(axis=1) / (2 * h) / np.sqrt(20)
        np.testing.assert_allclose(features.transform(X)[:, 4 * j + k], slope, atol=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sums_with_other_kernels(dtype, rng):
    X = rng.standard_normal((250, 6)).astype(dtype)
    kernel = FiniteNTK(70, "tanh") * RBF(0.1) + 2.0 * FiniteRF(33) + Linear()
    wanted = FiniteNTK(70, "tanh")(X) * RBF(0.1)(X) + 2 * FiniteRF(33)(X) + Linear()(X)
    assert kernel(X).dtype == dtype
    np.testing.assert_allclose(kernel(X), wanted, rtol=8 * np.finfo(dtype).eps, atol=40 * np.finfo(dtype).eps)
    np.testing.assert_array_equal(kernel.diag(X), np.diag(kernel(X)))
    # With functions of the user's the sum is NumPy's.
    own = FiniteNTK(70, (np.tanh, lambda t: 1 / np.cosh(t) ** 2)) * RBF(0.1) + 2.0 * FiniteRF(33) + Linear()
    np.testing.assert_allclose(own(X), kernel(X), rtol=0, atol=100 * np.finfo(dtype).eps)


def test_bits_for_any_number_of_threads(threads, rng):
    X = rng.standard_normal((700, 20))
    for kernel in (FiniteNTK(301, "erf"), FiniteNTK(301), FiniteRF(150, "gelu")):
        seen = set()
        for k in (1, 2, 3, 4):
            threads(k)
            arrays = (kernel(X), kernel(X[:50], X), kernel.dot(X, None, X[:, :3]), kernel.diag(X))
            seen.add(tuple(array.tobytes() for array in arrays))
        assert len(seen) == 1
        np.testing.assert_array_equal(kernel(X)[300:350], kernel(X[300:350], X))


def test_rate_of_the_limit(rng):
    X = rng.standard_normal((30, 10))
    K = NTK()(X)
    widths = np.array([100, 400, 1600, 6400])
    errors = [
        np.sqrt(
            np.mean([np.mean((FiniteNTK(N, "relu", s)(X) + FiniteRF(N, "relu", s)(X) - K) ** 2) for s in range(40)])
        )
        for N in widths
    ]
    slope = np.polyfit(np.log(widths), np.log(errors), 1)[0]
    # 40 draws leave about a tenth of an error's logarithm between widths 64 times apart: 0.02 of the slope.
    assert abs(slope + 0.5) < 0.05


def test_memory_is_that_of_the_result(rng):
    X = rng.standard_normal((1500, 10))
    tracemalloc.start()
    FiniteNTK(4000).dot(X, None, X[:, :1])
    FeatureRidge(TangentFeatures(4000), alpha=1.0).fit(X, X[:, 0])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # The system of 1,500 rows and copies of it, neurons of some rows, the 40,000 coefficients; not 1,500 x 40,000.
    assert peak < 6 * 8 * 1500**2


@pytest.mark.parametrize("n", [40, 300])
@pytest.mark.parametrize("weighted", [False, True])
def test_ridge_on_tangent_features_either_way(n, weighted, rng):
    X, y = rng.standard_normal((n, 7)), rng.standard_normal((n, 2)) + 5
    weight = rng.integers(0, 3, n).astype(float) if weighted else None
    for width in (3, 16):
        features = TangentFeatures(width, "tanh", random_state=1)
        Z = features.fit_transform(X)
        for make in (
            lambda f: FeatureRidge(f, alpha=0.1),
            lambda f: FeatureRidge(f, alpha=(0.1, 10.0), fit_intercept=False),
            lambda f: FeatureRidgeCV(f),
            lambda f: FeatureRidgeCV(f, cv="gcv"),
        ):
            ours, stored = make(features).fit(X, y, weight), make("passthrough").fit(Z, y, weight)
            np.testing.assert_allclose(ours.coef_, stored.coef_, rtol=0, atol=1e-10)
            np.testing.assert_allclose(ours.predict(X), stored.predict(Z), rtol=0, atol=1e-10)
    classes = y[:, 0] > 5
    found = FeatureRidgeClassifier(features).fit(X, classes).predict(X)
    np.testing.assert_array_equal(found, FeatureRidgeClassifier("passthrough").fit(Z, classes).predict(Z))


def test_tangent_ridge_is_kernel_ridge(rng):
    X, y = rng.standard_normal((60, 5)), rng.standard_normal(60)
    ours = FeatureRidge(TangentFeatures(40, random_state=2), alpha=0.3, fit_intercept=False).fit(X, y)
    kernel = FiniteNTK(40, random_state=2)
    dual = KernelRidge(kernel, alpha=0.3, fit_intercept=False).fit(X, y)
    theirs = SklearnKernelRidge(kernel="precomputed", alpha=0.3).fit(kernel(X), y)
    T = rng.standard_normal((20, 5))
    np.testing.assert_allclose(ours.predict(T), dual.predict(T), rtol=0, atol=1e-11)
    np.testing.assert_allclose(ours.predict(T), theirs.predict(kernel(T, X)), rtol=0, atol=1e-11)


@pytest.mark.parametrize("features", [TangentFeatures(9, "gelu"), NTKFeatures(40), NTKFeatures(70, depth=3)], ids=repr)
def test_passes_without_the_features(features, rng):
    X, Y = rng.standard_normal((333, 6)), rng.standard_normal((333, 3))
    features = clone(features).set_params(random_state=4).fit(X)
    Z, w = features.transform(X), rng.random(333)
    coef = rng.standard_normal((Z.shape[1], 3))
    np.testing.assert_allclose(features.dot(X, coef), Z @ coef, rtol=0, atol=1e-12)
    np.testing.assert_allclose(features.dot(X, coef[:, 0]), Z @ coef[:, 0], rtol=0, atol=1e-12)
    ours = Moments(Z.shape[1], 3).absorb(*features.moments(X, Y, w))
    stored = Moments(Z.shape[1], 3).update(Z, Y, w)
    for name in ("mean_z", "zz", "zy", "yy"):
        np.testing.assert_allclose(getattr(ours, name), getattr(stored, name), rtol=1e-10, atol=1e-12)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(features)).transform(X), Z)
    np.testing.assert_allclose(features.transform(X.astype(np.float32)), Z, rtol=0, atol=3e-6 * np.abs(Z).max())


# Features of the infinitely wide network.


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("d", [20, 70])
def test_ntk_features_have_the_right_mean(depth, d, rng):
    X, draws = rng.standard_normal((6, d)), 200
    X[1], X[2] = -X[0], X[0]
    found = np.array(
        [(lambda Z: Z @ Z.T)(NTKFeatures(256, depth, random_state=seed).fit_transform(X)) for seed in range(draws)]
    )
    error = found.mean(axis=0) - NTK(depth)(X)
    # Hidden layers are finite: the kernel of a random covariance is off by some multiple of its variance, 1/256.
    bias = 0 if depth == 1 else 2 * depth / 256
    assert (np.abs(error) < 4 * found.std(axis=0) / np.sqrt(draws) + bias).all()


def finite_gradients(X, p, depth, rng):
    """Inner products of all gradients of a finite relu network with about p parameters."""
    d = X.shape[1]
    # depth 1: m (d + 1) parameters, depth 2: m (d + m + 1).
    m = p // (d + 1) if depth == 1 else int((-(d + 1) + np.sqrt((d + 1) ** 2 + 4 * p)) / 2)
    hidden, widths = X, [m] * depth
    layers, inputs = [], []
    for width in widths:
        inputs.append(hidden)
        z = hidden @ rng.standard_normal((hidden.shape[1], width)) / np.sqrt(hidden.shape[1])
        layers.append(z)
        hidden = np.maximum(z, 0)
    out = rng.standard_normal(m)
    K = hidden @ hidden.T / m
    # Backwards: the derivative of the output by each pre-activation. Weights are redrawn, which changes no mean.
    back = (layers[-1] > 0) * out / np.sqrt(m)
    for layer in reversed(range(depth)):
        K = K + (inputs[layer] @ inputs[layer].T / inputs[layer].shape[1]) * (back @ back.T)
        if layer:
            back = (layers[layer - 1] > 0) * (back @ (rng.standard_normal((m, m)) / np.sqrt(m)))
    return K


@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("d", [20, 50])
def test_ntk_features_err_as_the_root_and_less_than_finite_networks(depth, d, rng):
    X = rng.standard_normal((20, d))
    K = NTK(depth)(X)

    def error(make):
        return np.sqrt(np.mean([np.mean((make(seed) - K) ** 2) for seed in range(12)]))

    def ours(p):
        return lambda seed: (lambda Z: Z @ Z.T)(NTKFeatures(p, depth, random_state=seed).fit_transform(X))

    sizes = np.array([256, 1024, 4096])
    errors = [error(ours(p)) for p in sizes]
    # 12 draws of 210 correlated pairs leave about 0.1 in an error's logarithm: 0.05 in the slope over a factor 16.
    assert abs(np.polyfit(np.log(sizes), np.log(errors), 1)[0] + 0.5) < 0.1
    assert errors[1] < error(lambda seed: finite_gradients(X, 1024, depth, rng))


# The door.


def test_wrong_parameters(rng):
    X = rng.standard_normal((5, 3))
    for make, message in (
        (lambda: FiniteRF(0)(X), "width must be >= 1"),
        (lambda: FiniteRF(-1)(X), "width must not be negative"),
        (lambda: FiniteNTK(5, "step")(X), 'derivative 1 of activation "step" is no function'),
        (lambda: FiniteNTK(5, "gelo")(X), 'did you mean "gelu"'),
        (lambda: FiniteNTK(5, random_state=None)(X), "random_state must be a non-negative integer, got None"),
        (lambda: FiniteNTK(5, random_state=-3)(X), "random_state must be a non-negative integer, got -3"),
        (lambda: FiniteNTK(5, (np.tanh,))(X), r"give \(σ, σ'\)"),
        (lambda: TangentFeatures(5, (np.tanh,)).fit(X), r"give \(σ, σ'\)"),
        (lambda: TangentFeatures(5, "step").fit(X), 'derivative 1 of activation "step" is no function'),
        (lambda: TangentFeatures(0).fit(X), "width"),
        (lambda: NTKFeatures(0).fit(X), "n_components"),
        (lambda: NTKFeatures(depth=0).fit(X), "depth"),
    ):
        with pytest.raises(ValueError, match=message):
            make()
    with pytest.raises(TypeError, match="width must be an integer"):
        FiniteRF(2.5)(X)


def test_one_of_everything(rng):
    X = rng.standard_normal((1, 1))
    assert FiniteNTK(1)(X).shape == FiniteRF(1, "tanh")(X).shape == (1, 1)
    for features in (TangentFeatures(1), NTKFeatures(1), NTKFeatures(1, depth=4)):
        assert clone(features).fit_transform(X).shape == (1, 1)
        assert np.isfinite(FeatureRidge(features, random_state=0).fit(X, [1.0]).predict(X)).all()


def test_zero_rows(rng):
    X = np.zeros((3, 4))
    for kernel in (FiniteNTK(5), FiniteRF(5), FiniteNTK(5, "tanh")):
        np.testing.assert_array_equal(kernel(X), 0)
