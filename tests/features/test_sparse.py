"""Sparse rows: what comes out is what comes out for the same rows made dense."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone

from widelearn import (
    FeatureRidge,
    FeatureRidgeClassifierCV,
    FeatureRidgeCV,
    FourierFeatures,
    RandomFeatures,
    TangentFeatures,
    _core,
)
from widelearn.kernels import Matern

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
    for model in (TangentFeatures(), FeatureRidge(TangentFeatures())):
        with pytest.raises(TypeError, match="toarray"):
            model.fit(X, np.ones(20))
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
            _core.transform_sparse(spec, np.array(indptr), np.array(indices, np.int32), ones, 30, out)
