"""Maps of kernel matrices inside ridge estimators: tags, cross-validation, weights, batches."""

import dask.array as da
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.decomposition import KernelPCA
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, QuantileTransformer, StandardScaler
from sklearn.utils import get_tags

import widelearn as wl
from widelearn.kernels import RBF

RNG = np.random.default_rng(0)
X = RNG.standard_normal((90, 4))
Y = np.sin(X[:, 0]) + X[:, 1] ** 2
K = RBF(0.1)(X)
MAPS = [
    wl.NystromFeatures("precomputed", 30, random_state=0),
    make_pipeline(wl.NystromFeatures("precomputed", 30, random_state=0), StandardScaler()),
    KernelPCA(20, kernel="precomputed"),
]
FAMILIES = [getattr(wl, name) for name in wl.__all__ if name.startswith("FeatureRidge")]
ALPHAS = (1e-4, 1e-2, 1.0, 1e2)
# A grid of few penalties, whose edges are often chosen.
pytestmark = pytest.mark.filterwarnings("ignore:alpha = ")


@pytest.mark.parametrize("family", FAMILIES)
def test_tags_are_those_of_the_map(family):
    for features in MAPS:
        assert get_tags(family(features)).input_tags.pairwise
        assert get_tags(make_pipeline(family(features))).input_tags.pairwise
    for features in (None, "passthrough", wl.NystromFeatures(), PolynomialFeatures(), wl.RandomFeatures()):
        assert not get_tags(family(features)).input_tags.pairwise
    for features in (PolynomialFeatures(), KernelPCA(), wl.NystromFeatures(), QuantileTransformer(), MAPS[0]):
        assert get_tags(family(features)).input_tags.sparse == get_tags(features).input_tags.sparse
    assert get_tags(family(wl.NystromFeatures())).input_tags.sparse
    assert not get_tags(family(MAPS[0])).input_tags.sparse


@pytest.mark.parametrize("features", MAPS)
def test_cross_validation_is_that_of_the_pipeline(features):
    pipe = make_pipeline(features, wl.FeatureRidge("passthrough", 1e-3))
    wanted = cross_val_score(pipe, K, Y, cv=KFold(5))
    found = cross_val_score(wl.FeatureRidge(features, 1e-3), K, Y, cv=KFold(5))
    np.testing.assert_allclose(found, wanted, rtol=1e-6)
    grid = {"featureridge__alpha": ALPHAS}
    search = GridSearchCV(pipe, grid, cv=KFold(5)).fit(K, Y)
    model = wl.FeatureRidgeCV(features, ALPHAS, cv=KFold(5))
    model.fit(K, Y)
    assert model.alpha_ == search.best_params_["featureridge__alpha"]
    assert model.best_score_ == pytest.approx(search.best_score_, rel=1e-6)
    across = RBF(0.1)(X[:7] + 0.1, X)
    np.testing.assert_allclose(model.predict(across), search.predict(across), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("features", MAPS)
def test_rows_without_weight_are_not_there(features):
    weight = np.random.default_rng(2).integers(0, 3, len(X)).astype(float)
    kept = np.flatnonzero(weight)
    strange = K.copy()
    strange[weight == 0] = strange[:, weight == 0] = 7.0
    found = wl.FeatureRidge(features, 1e-2).fit(strange, Y, weight)
    wanted = wl.FeatureRidge(features, 1e-2).fit(K[np.ix_(kept, kept)], Y[kept], weight[kept])
    np.testing.assert_allclose(found.predict(K), wanted.predict(K[:, kept]), rtol=1e-8, atol=1e-9)


def test_classes_and_batches():
    labels = (Y > 0.5).astype(int)
    model = wl.FeatureRidgeClassifierCV(MAPS[0], ALPHAS, cv=4)
    assert clone(model).fit(K, labels).score(K, labels) > 0.9
    parts = wl.FeatureRidge(MAPS[0], 1e-2).partial_fit(K, Y).partial_fit(K[:20], Y[:20])
    weight = np.r_[np.full(20, 2.0), np.ones(70)]
    whole = wl.FeatureRidge(MAPS[0], 1e-2).fit(K, Y, weight)
    np.testing.assert_allclose(parts.predict(K), whole.predict(K), rtol=1e-8)


def test_what_is_no_kernel_matrix():
    for family in (wl.FeatureRidge, wl.FeatureRidgeCV):
        with pytest.raises(ValueError, match=r"must be square at fit, got shape \(90, 89\)"):
            family(MAPS[0]).fit(K[:, 1:], Y)
    with pytest.raises(ValueError, match="A precomputed kernel matrix cannot be a Dask collection"):
        wl.FeatureRidge(MAPS[0]).fit(da.from_array(K), da.from_array(Y))
