"""The neural representation: white on the rows of fit, blind to their units, and shrunk as left-out rows ask."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.utils._param_validation import InvalidParameterError

import widelearn as wl
from widelearn import NeuralRepresentation, RandomFeatures
from widelearn.features.whitening import SHARES
from widelearn.ridge.equilibrated import scales

ACTIVATIONS = ["step", "quadratic", "relu", "tanh", (np.sin, np.cos)]


def neurons(features, X):
    """g of the docstring, from RandomFeatures on rows in their units."""
    z = (X - features.mean_) / features.scale_
    width, names = features.n_components, ("activation", "weights", "bias_scale")
    plain = RandomFeatures(width, random_state=features.seed_).set_params(**{n: getattr(features, n) for n in names})
    return plain.fit(z).transform(z)


def shrunk(G, rho):
    """The second moment of rows of neurons, shrunk to its mean diagonal entry."""
    S = G.T @ G / len(G)
    return (1 - rho) * S + rho * np.trace(S) / len(S) * np.eye(len(S))


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=str)
@pytest.mark.parametrize("weights", ["gaussian", "sphere", "orthogonal", "hadamard"])
def test_rows_of_fit_are_white(activation, weights, rng):
    X = rng.standard_normal((900, 7)) * rng.uniform(0.5, 2.0, 7) + 3.0
    features = NeuralRepresentation(20, activation, weights, shrinkage=0.0, random_state=1)
    h, p = features.fit_transform(X), 20
    assert features.rank_ == p
    # The smallest of the eigenvalues divides rounding errors of the largest.
    S = shrunk(neurons(features, X), 0.0)
    np.testing.assert_allclose(h.T @ h / len(X), np.eye(p), rtol=0, atol=p * 2.3e-16 * np.linalg.cond(S))
    new = rng.standard_normal((30, 7))
    expected = neurons(features, new) @ features.whitening_.T
    np.testing.assert_allclose(features.transform(new), expected, rtol=0, atol=1e-12 * np.abs(expected).max())


@pytest.mark.parametrize("seed", range(6))
def test_the_root_is_symmetric_and_that_of_the_shrunk_moment(seed):
    rng = np.random.default_rng(seed)
    n, d, p = rng.integers(20, 200), rng.integers(3, 9), rng.integers(5, 60)
    X, rho = rng.standard_normal((n, d)), float(10 ** rng.uniform(-4, 0))
    features = NeuralRepresentation(p, "tanh", shrinkage=rho, random_state=seed).fit(X)
    M, B = shrunk(neurons(features, X), rho), features.whitening_
    # Neurons are of alike lengths here, so that nothing is scaled.
    np.testing.assert_allclose(B, B.T, rtol=0, atol=1e-12 * np.abs(B).max())
    np.testing.assert_allclose(B @ M @ B, np.eye(p), rtol=0, atol=1e-13 * np.linalg.cond(M))
    assert (features.shrinkage_, features.rank_) == (rho, p)


def test_fewer_rows_than_neurons_give_a_projection(rng):
    X = rng.standard_normal((30, 5))
    features = NeuralRepresentation(80, shrinkage=0.0, random_state=0)
    h = features.fit_transform(X)
    values = np.linalg.eigvalsh(h.T @ h / 30)
    assert features.rank_ == np.linalg.matrix_rank(neurons(features, X)) <= 30
    np.testing.assert_allclose(values[-features.rank_ :], 1.0, atol=1e-9)
    np.testing.assert_allclose(values[: -features.rank_], 0.0, atol=1e-9)


def test_unlike_neurons_are_white_too(rng):
    """Exponential neurons with strong biases differ in length by powers of ten."""
    X = rng.standard_normal((4000, 3))
    features = NeuralRepresentation(6, "exp", bias_scale=12.0, shrinkage=0.0, random_state=0)
    h = features.fit_transform(X)
    lengths = np.linalg.norm(neurons(features, X), axis=0)
    assert lengths.max() > 1e4 * lengths.min()
    assert features.rank_ == 6
    np.testing.assert_allclose(h.T @ h / len(X), np.eye(6), rtol=0, atol=1e-8)


def left_out(G, rho):
    """Mean log det + g'M⁻¹g over rows, each with M of the others, where rows are: the long way."""
    n, p = G.shape
    mean = np.sum(G**2) / n / p
    _, sizes, axes = np.linalg.svd(G, full_matrices=False)
    G = G @ axes[sizes > 1e-7 * sizes[0]].T
    total = 0.0
    for i in range(n):
        others = np.delete(G, i, axis=0)
        M = (1 - rho) * others.T @ others / (n - 1) + rho * mean * np.eye(G.shape[1])
        total += np.linalg.slogdet(M)[1] + G[i] @ np.linalg.solve(M, G[i])
    return total / n + max(p - n, 0) * np.log(rho * mean)


@pytest.mark.parametrize(("n", "p"), [(60, 8), (60, 24), (40, 40), (24, 40), (9, 60)])
@pytest.mark.parametrize("activation", ["tanh", "step", "quadratic"])
def test_the_share_is_that_of_rows_left_out_one_by_one(n, p, activation, rng):
    X = rng.standard_normal((n, 6))
    features = NeuralRepresentation(p, activation, random_state=3).fit(X)
    G = neurons(features, X)
    D = scales(np.mean(G**2, axis=0), 0.0)
    G = G if D is None else G * D
    scores = {rho: left_out(G, rho) for rho in SHARES if rho > 1e-8}
    assert left_out(G, max(features.shrinkage_, 1.1e-8)) <= min(scores.values()) + 1e-5


def test_more_rows_are_shrunk_less(rng):
    X = rng.standard_normal((20_000, 10))
    found = [NeuralRepresentation(100, random_state=0).fit(X[:n]).shrinkage_ for n in (50, 500, 20_000)]
    assert found[0] > found[1] >= found[2]
    assert found[0] >= 0.01
    assert found[2] <= 1e-3


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("power", [-100, -3, 5, 100])
def test_powers_of_two_change_no_bit(dtype, power, rng):
    X = rng.standard_normal((80, 4)).astype(dtype)
    features = NeuralRepresentation(30, random_state=0)
    np.testing.assert_array_equal(features.fit_transform(np.ldexp(X, power)), features.fit_transform(X))


def test_units_and_places_of_rows_do_not_matter(rng):
    """Of smooth neurons, which rounding does not throw over."""
    X = rng.standard_normal((200, 4))
    features = NeuralRepresentation(20, "tanh", shrinkage=0.1, random_state=0)
    h = features.fit_transform(X)
    for moved in (1e-160 * X, 3e300 * X, X + 1e6, 7 * X - 40):
        # What rounding takes from rows far from zero, and the root's condition.
        np.testing.assert_allclose(features.fit_transform(moved), h, rtol=0, atol=1e-7)


def test_rows_without_spread(rng):
    for X in (np.full((5, 3), 0.1), np.zeros((1, 3)), np.full((4, 2), 1e300)):
        for shrinkage in ("auto", 0.0, 1.0):
            h = NeuralRepresentation(6, shrinkage=shrinkage, random_state=0).fit_transform(X)
            assert np.isfinite(h).all()
            assert (h == h[0]).all()


def test_without_whitening_they_are_neurons(rng):
    X = rng.standard_normal((50, 4))
    features = NeuralRepresentation(9, whiten=False, random_state=5).fit(X)
    np.testing.assert_array_equal(features.transform(X), neurons(features, X))
    assert not hasattr(features, "whitening_")
    # A parameter set later is the next fit's.
    np.testing.assert_array_equal(features.set_params(whiten=True).transform(X), neurons(features, X))
    np.testing.assert_array_equal(features.dot(X, np.eye(9)), features.transform(X))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("whiten", [True, False])
def test_passes_are_those_of_the_features(dtype, whiten, rng):
    X, y, coef = rng.standard_normal((400, 5)).astype(dtype), rng.standard_normal(400), rng.standard_normal((30, 2))
    features = NeuralRepresentation(30, whiten=whiten, shrinkage=0.05, random_state=0).fit(X)
    h, tol = features.transform(X), 1e-13 if dtype == np.float64 else 1e-5
    assert h.dtype == dtype
    np.testing.assert_allclose(features.dot(X, coef), h @ coef, rtol=0, atol=50 * tol)
    moments = wl.ridge.Moments(30).absorb(*features.moments(X, y))
    centred = (h - h.mean(axis=0)).astype(float)
    np.testing.assert_allclose(moments.zz, centred.T @ centred, rtol=0, atol=400 * 30 * tol)
    double = clone(features).fit(X.astype(float)).transform(X.astype(float))
    np.testing.assert_allclose(h, double, rtol=0, atol=100 * tol)


def test_blocks_of_rows_do_not_matter(rng, monkeypatch):
    X, features = rng.standard_normal((500, 4)), NeuralRepresentation(25, random_state=0)
    whole = features.fit_transform(X)
    np.testing.assert_array_equal(features.transform(np.asfortranarray(X)), whole)
    np.testing.assert_array_equal(features.transform(X[7:8]), whole[7:8])
    monkeypatch.setattr("widelearn.features.representation.BLOCK_VALUES", 300)
    np.testing.assert_allclose(features.fit_transform(X), whole, rtol=0, atol=1e-9)


def test_bits_for_any_number_of_threads(threads, rng):
    X, features, seen = rng.standard_normal((5000, 12)), NeuralRepresentation(120, random_state=0), set()
    for k in (1, 2, 4):
        threads(k)
        h = features.fit_transform(X)
        seen.add((h.tobytes(), features.whitening_.tobytes(), features.shrinkage_))
    assert len(seen) == 1


def test_seeds_names_and_state(rng):
    X = rng.standard_normal((60, 3))
    first = NeuralRepresentation(12, random_state=7).fit(X)
    assert first.seed_ == 7
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(first)).transform(X), first.transform(X))
    other = NeuralRepresentation(12, random_state=np.random.RandomState(1)).fit(X)
    again = NeuralRepresentation(12, random_state=other.seed_).fit(X)
    np.testing.assert_array_equal(other.transform(X), again.transform(X))
    assert first.get_feature_names_out()[:2].tolist() == ["neuralrepresentation0", "neuralrepresentation1"]


def test_what_is_wrong_is_said(rng):
    X = rng.standard_normal((20, 3))
    for wrong in ({"shrinkage": 1.5}, {"shrinkage": "most"}, {"whiten": 3}, {"n_components": 0}, {"bias_scale": -1.0}):
        with pytest.raises(InvalidParameterError, match=next(iter(wrong))):
            NeuralRepresentation(**wrong).fit(X)
    with pytest.raises(ValueError, match="step"):
        NeuralRepresentation(activation="stepp").fit(X)
    fitted = NeuralRepresentation(4, random_state=0).fit(X)
    with pytest.raises(ValueError, match=r"times the size of the rows of fit, and .* is the most"):
        fitted.transform(1e200 * X)


def test_a_quadratic_model_on_it_has_degree_four(rng):
    """The theory's use: (d + 1)(d + 2)/2 quadratic neurons, and a target of degree 4 in one direction."""
    d, n = 8, 700
    X = wl.datasets.sphere(n + 1000, d, random_state=0)
    u = X[:, 0]
    y = (u**4 - 6 * u**2 + 3) / 24**0.5
    taylor = wl.TaylorRegressor(width=64, alpha=1e-3, linear_term=False, random_state=0)
    features = NeuralRepresentation(45, "quadratic", random_state=0)
    errors = [
        np.mean((model.fit(X[:n], y[:n]).predict(X[n:]) - y[n:]) ** 2) / np.var(y[n:])
        for model in (make_pipeline(features, taylor), taylor)
    ]
    assert errors[0] < 0.1 < errors[1]
