"""Nyström features: their formula, and what singular kernels do to them."""

import pickle

import numpy as np
import pytest
from scipy.linalg import LinAlgWarning
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.kernel_approximation import Nystroem
from sklearn.utils import get_tags
from sklearn.utils._param_validation import InvalidParameterError

import widelearn as wl
from reference import nystrom
from widelearn import NystromFeatures
from widelearn.kernels import NTK, RBF, Laplace, Linear, Polynomial
from widelearn.ridge import Moments

# The features.


@pytest.mark.parametrize("sampling", ["rpcholesky", "uniform"])
@pytest.mark.parametrize("kernel", [RBF(gamma=0.3), NTK(depth=2), "polynomial", lambda X, Y: np.exp(X @ Y.T / 9)])
def test_features_are_the_formula(sampling, kernel, rng):
    X, Y = rng.standard_normal((200, 4)), rng.standard_normal((30, 4))
    features = NystromFeatures(kernel, 25, sampling, random_state=2)
    Z = features.fit_transform(X)
    k, C = features.kernel_, features.components_
    np.testing.assert_array_equal(C, X[features.component_indices_])
    assert Z.shape == (200, 25)
    new = features.transform(Y)
    size = np.sqrt(k.diag(X).max() * k.diag(Y).max())
    np.testing.assert_allclose(new @ Z.T, nystrom(k(Y, C), k(C, C), k(C, X)), rtol=0, atol=1e-9 * size)
    np.testing.assert_allclose(features.transform(X), Z, rtol=0, atol=1e-9 * size**0.5)
    np.testing.assert_allclose(k(Y, C) @ features.normalization_.T, new, rtol=0, atol=1e-8 * size**0.5)
    assert ((new**2).sum(axis=1) <= k.diag(Y) * (1 + 1e-9)).all()
    # Exact at the centres.
    np.testing.assert_allclose(features.transform(C) @ new.T, k(C, Y), rtol=0, atol=1e-9 * size)


def test_smooth_kernels_keep_their_digits(rng):
    """The case of the docstring's bound: a kernel so smooth that its factor ends at rounding errors."""
    X = np.linspace(-1, 1, 200)[:, None]
    features = NystromFeatures(RBF(gamma=1.0), 50, random_state=0)
    Z = features.fit_transform(X)
    assert len(features.component_indices_) < 50
    assert (Z[:, len(features.component_indices_) :] == 0).all()
    # n ε over the smallest pivot's root, sqrt(64 ε).
    np.testing.assert_allclose(features.transform(X), Z, rtol=0, atol=1e-6)
    np.testing.assert_allclose(Z @ Z.T, RBF(gamma=1.0)(X), rtol=0, atol=1e-6)


def test_better_than_scikit_learn_on_clusters(rng):
    X = np.vstack([rng.standard_normal((500, 3)), 9 + 3 * rng.standard_normal((40, 3))])
    errors = {"ours": 0.0, "theirs": 0.0}
    for seed in range(3):
        ours = NystromFeatures(RBF(gamma=0.1), 40, random_state=seed).fit_transform(X)
        theirs = Nystroem(gamma=0.1, n_components=40, random_state=seed).fit_transform(X)
        errors["ours"] += 540 - (ours**2).sum()
        errors["theirs"] += 540 - (theirs**2).sum()
    assert errors["ours"] < 0.5 * errors["theirs"]


def test_precomputed_is_the_kernel(rng):
    X, Y = rng.standard_normal((80, 4)), rng.standard_normal((9, 4))
    kernel = Laplace(gamma=0.3)
    for sampling in ("rpcholesky", "uniform"):
        plain = NystromFeatures(kernel, 20, sampling, random_state=0).fit(X)
        given = NystromFeatures("precomputed", 20, sampling, random_state=0)
        Z = given.fit_transform(kernel(X))
        np.testing.assert_array_equal(given.component_indices_, plain.component_indices_)
        np.testing.assert_allclose(Z, plain.transform(X), rtol=0, atol=1e-12)
        np.testing.assert_allclose(given.transform(kernel(Y, X)), plain.transform(Y), rtol=0, atol=1e-12)
        assert not hasattr(given, "components_")
        assert get_tags(given).input_tags.pairwise
    with pytest.raises(ValueError, match=r"must be square at fit, got shape \(9, 80\)"):
        given.fit(kernel(Y, X))
    with pytest.raises(ValueError, match="not symmetric"):
        given.fit(rng.standard_normal((20, 20)))


@pytest.mark.parametrize("sampling", ["rpcholesky", "uniform"])
def test_float32_rows_give_float32_features(sampling, rng):
    X = rng.standard_normal((300, 5))
    single = NystromFeatures(RBF(gamma=0.1), 30, sampling, random_state=0)
    Z = single.fit_transform(X.astype(np.float32))
    assert Z.dtype == single.transform(X[:9].astype(np.float32)).dtype == np.float32
    double = NystromFeatures(RBF(gamma=0.1), 30, sampling, random_state=0).fit(X)
    np.testing.assert_array_equal(single.component_indices_, double.component_indices_)
    # Kernel values are off by 1e-6 at most, and the smallest pivot divides by its root.
    bound = 30 * 1e-6 / double._factor.diagonal().min()
    assert bound < 1e-2
    np.testing.assert_allclose(Z, double.transform(X), rtol=0, atol=bound)
    np.testing.assert_allclose(single.transform(X.astype(np.float32)), Z, rtol=0, atol=1e-6)


@pytest.mark.parametrize("sampling", ["rpcholesky", "uniform"])
def test_singular_kernels_end_in_zero_columns(sampling, rng):
    X = rng.standard_normal((50, 3))
    features = NystromFeatures(Linear(), 10, sampling, random_state=0)
    Z = features.fit_transform(X)
    assert Z.shape == (50, 10)
    assert features.components_.shape == (3, 3)
    assert features.normalization_.shape == (10, 3)
    assert (Z[:, 3:] == 0).all()
    np.testing.assert_allclose(Z @ Z.T, X @ X.T, rtol=0, atol=1e-11)
    copies = np.repeat(X[:5], 10, axis=0)
    Z = NystromFeatures(RBF(gamma=1.0), 20, sampling, random_state=0).fit(copies).transform(copies)
    np.testing.assert_allclose(Z[:, 5:], 0, atol=0)
    # Twenty uniform draws of fifty hold one copy of each but for a chance of 5 C(40,20)/C(50,20), 0.1 %; this one does.
    np.testing.assert_allclose(Z @ Z.T, RBF(gamma=1.0)(copies), rtol=0, atol=1e-11)


def test_no_rank_at_all():
    features = NystromFeatures(Linear(), 4).fit(np.zeros((9, 2)))
    np.testing.assert_array_equal(features.transform(np.ones((3, 2))), np.zeros((3, 4)))
    np.testing.assert_array_equal(features.dot(np.ones((3, 2)), np.ones(4)), np.zeros(3))
    assert features.normalization_.shape == (4, 0)


@pytest.mark.parametrize("sampling", ["rpcholesky", "uniform"])
def test_all_rows_are_the_kernel(sampling, rng):
    X = rng.standard_normal((40, 6))
    for p in (40, 41, 500):
        Z = NystromFeatures(RBF(gamma=0.2), p, sampling, random_state=0).fit_transform(X)
        assert Z.shape == (40, 40)
        np.testing.assert_allclose(Z @ Z.T, RBF(gamma=0.2)(X), rtol=0, atol=1e-11)
    Z = NystromFeatures(n_components=1, sampling=sampling, random_state=0).fit_transform(X)
    assert Z.shape == (40, 1)
    assert Z.max() == pytest.approx(1.0, abs=1e-15)


def test_products_and_moments_store_no_features(rng, monkeypatch):
    monkeypatch.setattr("widelearn.features.nystrom.BLOCK_VALUES", 600)
    X, y = rng.standard_normal((250, 4)), rng.standard_normal((250, 2))
    weight = rng.uniform(0.5, 2, 250)
    for kernel, dtype, tolerance in ((RBF(gamma=0.3), np.float64, 1e-11), (Linear(), np.float32, 1e-5)):
        x = X.astype(dtype)
        features = NystromFeatures(kernel, 20, random_state=0).fit(x)
        Z, C = features.transform(x), rng.standard_normal((20, 3))
        for coef in (C, C[:, 0]):
            assert features.dot(x, coef).dtype == dtype
            np.testing.assert_allclose(features.dot(x, coef), Z @ coef, rtol=0, atol=100 * tolerance)
        with pytest.raises(ValueError, match=r"coef has shape \(19, 3\), but there are 20 features"):
            features.dot(x, C[1:])
        for w in (None, weight):
            ours = Moments(20, 2).absorb(*features.moments(x, y, w))
            wanted = Moments(20, 2).update(Z, y, w)
            for name in ("weight", "mean_z", "mean_y", "zz", "zy", "yy"):
                np.testing.assert_allclose(getattr(ours, name), getattr(wanted, name), rtol=0, atol=300 * tolerance)


def test_feature_ridge_streams_over_it(rng):
    X = rng.standard_normal((400, 3))
    y = np.sin(X[:, 0]) + X[:, 1]
    # All rows as centres: kernel ridge itself.
    ridge = wl.FeatureRidge(NystromFeatures(RBF(gamma=0.2), 400), alpha=0.1, random_state=0).fit(X, y)
    kernel = wl.KernelRidge(RBF(gamma=0.2), alpha=0.1).fit(X, y)
    # Rows of the factor are those of K to 64 ε: residuals of 400 of them over alpha.
    np.testing.assert_allclose(ridge.predict(X), kernel.predict(X), rtol=0, atol=1e-7)
    some = wl.FeatureRidge(NystromFeatures(n_components=64, random_state=0), alpha=1e-3).fit(X, y)
    assert some.score(X, y) > 0.99
    # Rows without weight are no centres.
    weight = np.zeros(400)
    weight[:50] = 1.0
    few = wl.FeatureRidge(NystromFeatures(n_components=64, random_state=0)).fit(X, y, weight)
    assert few.features_.component_indices_.max() < 50


def test_seeds_clones_and_pickles(rng):
    X = rng.standard_normal((100, 3))
    first = NystromFeatures(n_components=9, random_state=7).fit(X)
    again = clone(first).fit(X)
    np.testing.assert_array_equal(again.component_indices_, first.component_indices_)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(first)).transform(X), first.transform(X))
    other = NystromFeatures(n_components=9, random_state=np.random.RandomState(3)).fit(X)
    assert list(other.component_indices_) != list(first.component_indices_)
    assert NystromFeatures().set_params(kernel__gamma=2.0).kernel == RBF(gamma=2.0)
    assert NystromFeatures("polynomial").set_params(kernel__degree=2).kernel == Polynomial(degree=2)
    # Fitted anew on a matrix, nothing of the rows is left.
    assert not hasattr(first.set_params(kernel="precomputed").fit(RBF()(X)), "components_")


def test_memory_is_asked_for_first(rng, monkeypatch):
    X = rng.standard_normal((3000, 3))
    fitted = NystromFeatures(n_components=50, sampling="uniform", random_state=0).fit(X)
    monkeypatch.setenv("WIDELEARN_MAX_MEMORY", "700K")
    monkeypatch.setattr("widelearn.features.nystrom.BLOCK_VALUES", 10_000)
    with pytest.raises(MemoryError, match=r"factor of rank 50 of 3000 rows needs .* \(5808000 bytes\)"):
        NystromFeatures(n_components=50).fit(X)
    with pytest.raises(MemoryError, match=r"feature matrix of 3000 x 50 needs .* FeatureRidge"):
        fitted.transform(X)
    assert fitted.dot(X, np.ones(50)).shape == (3000,)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_components": 0}, "n_components"),
        ({"n_components": 2.5}, "n_components"),
        ({"sampling": "leverage"}, "sampling"),
        ({"kernel": 3}, "kernel"),
    ],
)
def test_wrong_parameters(parameters, message):
    with pytest.raises(InvalidParameterError, match=message):
        NystromFeatures(**parameters).fit(np.eye(3))


def test_wrong_input():
    with pytest.raises(ValueError, match="Unknown kernel 'rbff'"):
        NystromFeatures("rbff").fit(np.eye(3))
    with pytest.raises(NotFittedError):
        NystromFeatures().transform(np.eye(3))
    with pytest.raises(ValueError, match="NaN"):
        NystromFeatures().fit(np.full((3, 2), np.nan))
    with pytest.raises(ValueError, match="squared norm beyond"):
        NystromFeatures("linear").fit(np.full((3, 2), 1e200))
    with pytest.warns(LinAlgWarning, match="not positive semidefinite"):
        NystromFeatures(lambda X, Y: 1 - X @ Y.T, random_state=0).fit(0.5 * np.ones((4, 1)) * [[1], [-1], [1.5], [0.1]])
