"""Sparse rows: what comes out is what comes out for the same rows made dense."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.utils import get_tags

from widelearn import (
    FeatureRidge,
    FeatureRidgeClassifierCV,
    FeatureRidgeCV,
    FourierFeatures,
    NeuralRepresentation,
    NTKFeatures,
    NystromFeatures,
    RandomFeatures,
    TangentFeatures,
    _core,
)
from widelearn.kernels import RBF, FiniteNTK, Laplace, Matern

MAPS = [
    RandomFeatures(70, "erf", bias_scale=0.3, random_state=1),
    RandomFeatures(70, weights="sphere", random_state=1),
    RandomFeatures(70, "tanh", weights="orthogonal", random_state=1),
    RandomFeatures(70, weights="hadamard", random_state=1),
    RandomFeatures(70, (np.tanh,), random_state=1),
    FourierFeatures(n_components=70, random_state=1),
    FourierFeatures(Matern(), n_components=33, random_state=1),
    FourierFeatures(n_components=1, random_state=1),
]


def rows(n, d, density, dtype=np.float64):
    return sparse.random(n, d, density=density, format="csr", dtype=dtype, random_state=0)


@pytest.mark.parametrize("features", MAPS, ids=repr)
@pytest.mark.parametrize("density", [0.0, 0.02, 0.9])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_features(features, density, dtype):
    X = rows(60, 300, density, dtype)
    features = clone(features).fit(X)
    Z, wanted = features.transform(X), features.transform(X.toarray())
    assert Z.dtype == dtype
    # Products of the same numbers in another order.
    tolerance = 1e-14 if dtype == np.float64 else 1e-6
    np.testing.assert_allclose(Z, wanted, rtol=0, atol=tolerance)
    for other in (X.tocsc(), sparse.csr_matrix(X), X.tocoo()):
        np.testing.assert_array_equal(features.transform(other), Z)
    coef = np.ones((Z.shape[1], 2), dtype)
    np.testing.assert_allclose(features.dot(X, coef), Z @ coef, rtol=0, atol=70 * tolerance)


def test_more_weights_than_fit_a_pass():
    # 64 MiB of weights hold 8 directions of so long rows: many passes, of which each writes its columns.
    X = rows(30, 1_000_000, 1e-5)
    for features in (RandomFeatures(21, random_state=0), FourierFeatures(n_components=37, random_state=0)):
        Z = features.fit(X).transform(X)
        # The same rows without the columns in which all are zero, and the weights without them.
        kept = np.unique(X.indices)
        W = np.empty((Z.shape[1] if isinstance(features, RandomFeatures) else 19, X.shape[1]))
        _core.feature_weights(features._spec, X.shape[1], W)
        projections = X[:, kept] @ W[:, kept].T
        if isinstance(features, RandomFeatures):
            wanted = np.maximum(projections, 0) / np.sqrt(21)
            np.testing.assert_allclose(Z, wanted, rtol=0, atol=1e-14)
        else:
            waves = np.sqrt(2 / 37) * np.hstack([np.sin(projections)[:, :18], np.cos(projections)[:, :18]])
            np.testing.assert_allclose(Z[:, :36], waves, rtol=0, atol=1e-14)


def test_values_of_the_same_place_add_up():
    X = sparse.csr_array(([1.0, 2.0, 4.0], [1, 1, 0], [0, 2, 3]), shape=(2, 40))
    assert not X.has_canonical_format
    for features in MAPS:
        features = clone(features).fit(X)
        np.testing.assert_allclose(features.transform(X), features.transform(X.toarray()), rtol=0, atol=1e-15)


# Targets that are sums of the columns have no noise: the smallest penalty is right.
@pytest.mark.filterwarnings("ignore:alpha = ")
@pytest.mark.parametrize("features", [MAPS[0], MAPS[3], RandomFeatures(300, random_state=1), "passthrough"], ids=repr)
def test_ridge(features, rng):
    X = rows(150, 200, 0.05)
    y = np.column_stack([X.toarray().sum(axis=1), rng.standard_normal(150)])
    for model in (
        FeatureRidge(features),
        FeatureRidge(features, precision="mixed"),
        FeatureRidgeCV(features),
        FeatureRidgeCV(features, cv="gcv"),
        FeatureRidgeCV(features, cv=3),
    ):
        weight = rng.integers(0, 3, 150).astype(float) if model.get_params().get("cv") != 3 else None
        found = clone(model).fit(X, y, weight).predict(X)
        wanted = clone(model).fit(X.toarray(), y, weight).predict(X.toarray())
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-9)
    parts = FeatureRidge(features)
    for part in (slice(0, 70), slice(70, 150)):
        parts.partial_fit(X[part], y[part])
    np.testing.assert_allclose(parts.predict(X), FeatureRidge(features).fit(X, y).predict(X), rtol=0, atol=1e-9)
    classes = y[:, 0] > np.median(y[:, 0])
    model = FeatureRidgeClassifierCV(features)
    np.testing.assert_array_equal(
        model.fit(X, classes).predict(X), clone(model).fit(X.toarray(), classes).predict(X.toarray())
    )


def test_refusals():
    X = rows(20, 30, 0.1)
    square = rows(20, 20, 0.1)
    for features in (NystromFeatures(lambda x, y: x @ y.T), NystromFeatures("precomputed")):
        for model in (features, FeatureRidge(features)):
            assert not get_tags(model).input_tags.sparse
            with pytest.raises(TypeError, match="toarray"):
                model.fit(square, np.ones(20))
    # What was fitted has the say.
    fitted = NystromFeatures(n_components=5, random_state=0).fit(X)
    assert fitted.set_params(kernel="precomputed").transform(X).shape == (20, 5)
    spec, out = MAPS[0].fit(X)._spec, np.empty((1, 70))
    ones = np.ones(1)
    for indptr, indices, message in (
        ([0, 1], [30], "column 30 is not one of 30"),
        ([0, 1], [-1], "column -1 is not one of 30"),
        ([0, 2], [0], "indptr must rise from 0 to 1"),
        ([1, 0], [0], "indptr must rise from 0 to 1"),
        ([0, 1], [0, 1], "indices of sparse rows: expected 1, got 2"),
        ([0, 0, 1], [0], "elements of out: expected 140, got 70"),
    ):
        with pytest.raises(ValueError, match=message):
            _core.transform_sparse(spec, (np.array(indptr), np.array(indices, np.int32), ones), 30, out)


TANH = (np.tanh, lambda t: 1 - np.tanh(t) ** 2)
# Maps of two passes or more, and those that look at rows.
OTHERS = [
    TangentFeatures(7, random_state=0),
    TangentFeatures(7, TANH, random_state=0),
    NTKFeatures(64, random_state=0),
    NTKFeatures(64, depth=3, random_state=0),
    NystromFeatures(n_components=20, random_state=0),
    NystromFeatures("ntk", n_components=20, sampling="uniform", random_state=0),
    NystromFeatures(FiniteNTK(50) + Laplace(norm=1), n_components=20, random_state=0),
    NeuralRepresentation(20, "erf", random_state=0),
    NeuralRepresentation(20, random_state=0),
    NeuralRepresentation(20, "gelu", weights="hadamard", shrinkage=0.1, random_state=0),
    NeuralRepresentation(20, (np.tanh,), whiten=False, random_state=0),
]


def spoilt(X, rng):
    """Return rows of any order, in which halves add up, zeros are stored and one row twice; one is empty."""
    rows = sparse.coo_array(X)
    zeros = rng.integers(0, X.shape[0], 9), rng.integers(0, X.shape[1], 9)
    places = np.hstack([rows.coords, rows.coords, zeros])
    values = np.concatenate([rows.data / 2, rows.data / 2, np.zeros(9, X.dtype)])
    order = np.lexsort((rng.random(len(values)), places[0]))
    indptr = np.searchsorted(places[0][order], np.arange(X.shape[0] + 1))
    found = sparse.csr_matrix((values[order], places[1][order], indptr), X.shape)
    assert not found.has_canonical_format
    return found


@pytest.mark.parametrize("features", OTHERS, ids=range(len(OTHERS)))
@pytest.mark.parametrize("d", [1, 30, 90])
def test_maps_of_more_passes(features, d):
    for scale in (1e-3, 1.0, 1e3):
        rng = np.random.default_rng(d)
        dense = rng.standard_normal((60, d)) * (rng.random((60, d)) < 0.2) * scale
        dense[3], dense[5], dense[7] = dense[4], 0.0, dense[8] * (1 + 1e-9)
        for dtype, close in ((np.float64, 1e-12), (np.float32, 2e-4)):
            X = dense.astype(dtype)
            S = spoilt(X, rng)
            one, other = (clone(features).fit(rows) for rows in (X, S))
            Z, found = one.transform(X), other.transform(S)
            assert found.dtype == dtype
            # Sums in other orders; those of whitened or triangular features are as ill-conditioned as these.
            np.testing.assert_allclose(found, Z, rtol=0, atol=close * max(np.abs(Z).max(), 1e-30))
            for rows in (S.tocsc(), sparse.csr_array(S), S.tocoo(), X):
                np.testing.assert_allclose(other.transform(rows), found, rtol=0, atol=close * np.abs(Z).max() + 1e-30)
            coef, dual = rng.standard_normal((Z.shape[1], 2)).astype(dtype), rng.standard_normal((60, 2)).astype(dtype)
            bound = close * np.abs(Z).max() * np.array([np.abs(coef).sum(), np.abs(dual).sum()]) + 1e-30
            np.testing.assert_allclose(other.dot(S, coef), one.dot(X, coef), rtol=0, atol=bound[0])
            np.testing.assert_allclose(other.pull_back(S, dual), one.pull_back(X, dual), rtol=0, atol=bound[1])
            if dtype == np.float64:
                y = rng.standard_normal(60)
                for a, b in zip(other.moments(S, y), one.moments(X, y), strict=True):
                    np.testing.assert_allclose(a, b, rtol=0, atol=60 * close * max(1.0, np.abs(Z).max() ** 2))


def test_whole_numbers_are_rows():
    X = sparse.csr_matrix(np.random.default_rng(0).integers(0, 2, (30, 40)))
    for features in OTHERS:
        one, other = (clone(features).fit(rows) for rows in (X, X.toarray()))
        np.testing.assert_allclose(one.transform(X), other.transform(X.toarray()), rtol=0, atol=1e-11)


def test_a_mean_far_from_zero_keeps_its_digits():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((50, 4)) * 1e-6 + 1e3
    X[:, 2] = 0.0
    features = NeuralRepresentation(20, "erf", random_state=0)
    one, other = clone(features).fit(X), clone(features).fit(sparse.csr_matrix(X))
    assert one.scale_ == pytest.approx(other.scale_, rel=1e-9)
    # Means differ by their last place, 1e-13, and z by that of 1e-6.
    np.testing.assert_allclose(
        other.transform(sparse.csr_matrix(X)), one.transform(X), rtol=0, atol=1e-5 * np.abs(one.transform(X)).max()
    )
    equal = np.tile(X[:1], (9, 1))
    for rows in (equal, 0.0 * equal):
        found = NeuralRepresentation(20, "erf", shrinkage=0.1, random_state=0).fit(sparse.csr_matrix(rows))
        wanted = NeuralRepresentation(20, "erf", shrinkage=0.1, random_state=0).fit(rows)
        np.testing.assert_allclose(found.transform(sparse.csr_matrix(rows)), wanted.transform(rows), atol=1e-9)
    with pytest.raises(ValueError, match="times the size of the rows of fit"):
        one.transform(sparse.csr_matrix(X[:1] * 1e160))


# Labels of the smooth target are learned by any penalty.
@pytest.mark.filterwarnings("ignore:alpha = ")
@pytest.mark.parametrize("features", [OTHERS[0], OTHERS[3], OTHERS[4], OTHERS[7]], ids=repr)
@pytest.mark.parametrize("n", [40, 400])
def test_ridge_on_maps_of_more_passes(features, n):
    rng = np.random.default_rng(n)
    dense = rng.standard_normal((n, 50)) * (rng.random((n, 50)) < 0.2)
    X, fresh = spoilt(dense, rng), spoilt(dense[::-1] + 0.0, rng)
    y = np.column_stack([np.sin(dense[:, :5].sum(axis=1)), dense[:, 0] + 0.1 * rng.standard_normal(n)])
    for model in (FeatureRidge(features, 0.1), FeatureRidgeCV(features), FeatureRidgeCV(features, cv=3)):
        assert get_tags(model).input_tags.sparse
        found, wanted = clone(model).fit(X, y), clone(model).fit(dense, y)
        np.testing.assert_allclose(found.predict(fresh), wanted.predict(fresh.toarray()), rtol=0, atol=1e-9)
        np.testing.assert_allclose(
            found.predict(fresh, return_std=True)[1], wanted.predict(dense[::-1], return_std=True)[1], atol=1e-7
        )
    parts = FeatureRidge(features, 0.1)
    for part in (slice(0, n // 2), slice(n // 2, n)):
        parts.partial_fit(X[part], y[part])
    assert np.isfinite(parts.predict(X)).all()
    labels = y[:, 0] > 0
    model = FeatureRidgeClassifierCV(features)
    np.testing.assert_array_equal(model.fit(X, labels).predict(X), clone(model).fit(dense, labels).predict(dense))


def test_no_row_of_any_map_is_made_dense(monkeypatch):
    # 700 dense rows take 1.1 GB.
    rng = np.random.default_rng(0)
    X = sparse.csr_array((rng.random(14_000), rng.integers(0, 200_000, 14_000), np.arange(701) * 20), (700, 200_000))
    y = rng.integers(0, 2, 700)
    monkeypatch.setenv("WIDELEARN_MAX_MEMORY", "300M")
    for features in (
        TangentFeatures(4, random_state=0),
        NTKFeatures(256, random_state=0),
        NystromFeatures(RBF(np.full(200_000, 0.1)), n_components=50, random_state=0),
        NeuralRepresentation(32, random_state=0),
    ):
        model = FeatureRidge(features).fit(X, y)
        assert np.isfinite(model.predict(X)).all()
