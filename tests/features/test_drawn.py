"""Weights that maps keep between calls: the same bits as weights drawn anew, and no part of maps, copies or files."""

import copy
import gc
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from sklearn.base import clone

from widelearn import FeatureRidge, FourierFeatures, RandomFeatures, _core
from widelearn.features import drawn
from widelearn.features.drawn import DRAWN, DrawnMaps
from widelearn.kernels import RBF

MAPS = {
    "fourier, odd": FourierFeatures(RBF(gamma=0.1), 201, random_state=0),
    "hadamard": RandomFeatures(200, weights="hadamard", random_state=0),
    "biases": RandomFeatures(200, "erf", bias_scale=0.5, random_state=0),
}


def rows(rng, n=40, d=7, dtype=np.float64):
    return rng.standard_normal((n, d)).astype(dtype)


def known(features, X):
    return DRAWN.known(features, features._spec, X) is not None


@pytest.fixture
def model(rng):
    X = rows(rng, 300)
    return FeatureRidge(RandomFeatures(200, random_state=0)).fit(X, X[:, 0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", MAPS)
def test_bits_are_those_of_weights_drawn_anew(rng, name, dtype):
    X = rows(rng, 230, dtype=dtype)
    features = clone(MAPS[name]).fit(X)
    p, coef = features.n_features_out, rng.standard_normal((features.n_features_out, 2)).astype(dtype)
    held = _core.draw_features(features._spec, X[:0])
    found = []
    for given in (features._spec, held):
        Z, values = np.empty((230, p), dtype), np.empty((230, 2), dtype)
        sums = np.zeros(p), np.zeros(1), np.zeros((p, p)), np.zeros((p, 1)), np.zeros(1 + p + 2)
        _core.transform(given, X, Z)
        _core.predict(given, X, coef, values)
        _core.moments(given, X, X[:, :1].astype(np.float64), None, *sums)
        found.append([Z, values, *sums])
    for anew, kept in zip(*found, strict=True):
        np.testing.assert_array_equal(kept, anew)


def test_one_row_has_the_features_that_it_has_among_others(rng):
    X = rows(rng, 230)
    features = clone(MAPS["biases"]).fit(X)
    np.testing.assert_array_equal(features.transform(X[3:4]), features.transform(X)[3:4])
    coef = rng.standard_normal(200)
    # Sums of 200 terms of size about 1 / sqrt(200), in another order.
    np.testing.assert_allclose(features.dot(X[3:4], coef), features.dot(X, coef)[3:4], rtol=0, atol=1e-13)


def test_calls_of_other_types_and_fits_draw_anew(rng):
    X, features = rows(rng), RandomFeatures(50, random_state=0)
    single, double = X.astype(np.float32), features.fit(X).transform(X)
    assert features.transform(single).dtype == np.float32
    np.testing.assert_array_equal(features.transform(X), double)
    # Parameters change the next fit, not this one.
    features.set_params(random_state=1)
    np.testing.assert_array_equal(features.transform(X), double)
    np.testing.assert_array_equal(features.fit(X).transform(X), RandomFeatures(50, random_state=1).fit_transform(X))
    wider = rows(rng, d=9)
    np.testing.assert_array_equal(
        features.fit(wider).transform(wider), RandomFeatures(50, random_state=1).fit_transform(wider)
    )


def test_refits_of_a_model_predict_as_new_models_do(rng, model):
    X, y = rows(rng, 300), rng.standard_normal(300)
    model.predict(X[:1])
    model.set_params(features__random_state=5).fit(X, y)
    fresh = FeatureRidge(RandomFeatures(200, random_state=5)).fit(X, y)
    np.testing.assert_array_equal(model.predict(X[:3]), fresh.predict(X[:3]))


def test_pickles_and_copies_have_no_weights(rng, model):
    X = rows(rng)
    before, attributes = pickle.dumps(model), dict(vars(model.features_))
    values = model.predict(X)
    assert known(model.features_, X)
    assert pickle.dumps(model) == before
    assert vars(model.features_) == attributes
    for other in (pickle.loads(before), copy.deepcopy(model)):
        assert not known(other.features_, X)
        np.testing.assert_array_equal(other.predict(X), values)


def test_weights_end_with_their_map(rng):
    gc.collect()
    X, count = rows(rng), len(DRAWN.kept)
    features = RandomFeatures(50, random_state=0).fit(X)
    features.transform(X)
    assert len(DRAWN.kept) == count + 1
    del features
    gc.collect()
    assert len(DRAWN.kept) == count


def test_the_oldest_make_room(rng, monkeypatch):
    X, kept = rows(rng, d=64), DrawnMaps()
    maps = [RandomFeatures(512, random_state=seed).fit(X) for seed in range(4)]
    size = 8 * 64 * 512
    monkeypatch.setattr(drawn, "MOST", 3 * size)
    for features in maps:
        found = kept.drawn(features, features._spec, X, size)
        # Panels of weights are padded, and every weight has a norm and a bias.
        assert size < found.nbytes < 1.2 * size
    assert [kept.known(features, features._spec, X) is not None for features in maps] == [False, False, True, True]
    assert kept.drawn(maps[0], maps[0]._spec, X, 4 * size) is maps[0]._spec


def test_a_limit_of_memory_keeps_weights_away(rng, monkeypatch):
    X = rows(rng, d=64)
    features = RandomFeatures(2048, random_state=0).fit(X)
    monkeypatch.setenv("WIDELEARN_MAX_MEMORY", "6M")
    values = features.transform(X)
    assert not known(features, X)
    monkeypatch.delenv("WIDELEARN_MAX_MEMORY")
    np.testing.assert_array_equal(features.transform(X), values)
    assert known(features, X)


def test_threads_predict_the_same_at_once(rng):
    X = rows(rng, 300, 20)
    model = FeatureRidge(FourierFeatures(RBF(gamma=0.05), 512, random_state=0)).fit(X, X[:, 0])
    wanted = np.concatenate([model.predict(X[i : i + 1]) for i in range(64)])
    for _ in range(5):
        DRAWN.kept.pop(model.features_, None)
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda i: model.predict(X[i : i + 1]), range(64)))
        np.testing.assert_array_equal(np.concatenate(found), wanted)


def test_rows_of_another_kind_are_refused(rng):
    X = rows(rng)
    held = _core.draw_features(RandomFeatures(50, random_state=0).fit(X)._spec, X)
    with pytest.raises(ValueError, match="rows of another type"):
        _core.transform(held, X.astype(np.float32), np.empty((40, 50), np.float32))
    sums = np.zeros(50), np.zeros(1), np.zeros((50, 50)), np.zeros((50, 1)), np.zeros(53)
    for call in (
        lambda x: _core.transform(held, x, np.empty((40, 50))),
        lambda x: _core.predict(held, x, np.ones((50, 1)), np.empty((40, 1))),
        lambda x: _core.moments(held, x, np.ones((40, 1)), None, *sums),
    ):
        with pytest.raises(ValueError, match="columns of x: expected 7, got 6"):
            call(np.ascontiguousarray(X[:, :6]))
