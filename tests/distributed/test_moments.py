"""Fits to Dask collections are those of one machine, to rounding."""

import dask.array as da
import numpy as np
import pytest
from dask.sizeof import sizeof
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.preprocessing import StandardScaler

from lazy_rows import BLOCKS, CLOSE, MAPS, lazy, same, unknown
from widelearn import FeatureRidge, FeatureRidgeCV, NystromFeatures
from widelearn.distributed import moments as fitting
from widelearn.ridge import Moments


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("weighted", [False, True])
def test_twenty_blocks_are_one_fit(name, weighted, rows):
    X, Y, weight = rows
    weight = np.where(weight < 0.5, 0, weight) if weighted else None
    for y, fit_intercept in ((Y, True), (Y[:, 0], False), (Y[:, :1], True)):
        options = {"alpha": 0.5, "fit_intercept": fit_intercept, "random_state": 3}
        whole = FeatureRidge(MAPS[name], **options).fit(X, y, weight)
        Z = whole._model.features.transform(X)
        assert 1 + np.linalg.norm(Z.T * (1 if weight is None else weight) @ Z, 2) / 0.5 < 1e5
        cut = lazy(X, y, *([] if weight is None else [weight]))
        model = FeatureRidge(MAPS[name], **options)
        assert model.fit(*cut) is model
        same(model, whole, X)
        values = model.predict(cut[0])
        assert (values.shape, values.dtype) == (y.shape, y.dtype)
        np.testing.assert_allclose(values.compute(), whole.predict(X), **CLOSE)


def test_joined_blocks_are_one_fit(rows, monkeypatch):
    X, Y, weight = rows
    asked = FeatureRidge(MAPS["random"])
    sizes = []
    sum_blocks = fitting.sum_blocks
    monkeypatch.setattr(
        fitting, "sum_blocks", lambda plan, group: sizes.append(len(group.blocks)) or sum_blocks(plan, group)
    )
    # Rows of 4 numbers are less than 30 x 30 moments up to 225 of them, 18 blocks of 12; but 4 tasks are to remain.
    same(clone(asked).fit(*lazy(X, Y, weight)), asked.fit(X, Y, weight), X)
    assert sizes == [5] * 4
    monkeypatch.setattr(fitting, "JOINED_PRODUCTS", 3.5 * 12 * 30**2)
    same(clone(asked).fit(*lazy(X, Y, weight)), asked, X)
    assert sorted(sizes[4:]) == [2] + [3] * 6
    monkeypatch.setattr(fitting, "JOINED_PRODUCTS", 1)
    same(clone(asked).fit(*lazy(X, Y, weight)), asked, X)
    assert sizes[11:] == [1] * 20
    csr = lazy(X).map_blocks(sparse.csr_array, meta=sparse.csr_array((0, 4)))
    monkeypatch.undo()
    same(clone(asked).fit(csr, *lazy(Y, weight)), asked, X)
    np.testing.assert_allclose(asked.predict(csr).compute(), asked.predict(X), **CLOSE)


@pytest.mark.parametrize("dtype", [np.float32, np.int16, np.float16, bool])
def test_types_stay(dtype, rows):
    X, Y, _ = rows
    X, y = (2 * X).astype(dtype), (Y[:, 0] > 10).astype(dtype)
    whole = FeatureRidge(MAPS["random"]).fit(X, y)
    model = FeatureRidge(MAPS["random"]).fit(*lazy(X, y))
    # Products of single precision are of rows less another origin: 1e2 eps.
    close = {"rtol": 1e-5, "atol": 1e-5} if dtype == np.float32 else CLOSE
    same(model, whole, X, close)
    lazily = model.predict(lazy(X))
    assert lazily.dtype == lazily.compute().dtype == whole.predict(X).dtype


def test_choosing_by_gcv(rows):
    X, Y, weight = rows
    for kind in ({}, {"alpha_per_target": True}):
        model = FeatureRidgeCV(MAPS["random"], cv="gcv", **kind)
        whole = clone(model).fit(X, Y, weight)
        same(model.fit(*lazy(X, Y, weight)), whole, X)
        np.testing.assert_array_equal(model.alpha_, whole.alpha_)
        np.testing.assert_allclose(model.best_score_, whole.best_score_, rtol=1e-9)
    for cv in (None, 3):
        with pytest.raises(ValueError, match="Dask collections are summed: set cv='gcv'"):
            FeatureRidgeCV(cv=cv).fit(*lazy(X, Y))


def test_rows_without_weight_may_hold_anything(rows):
    X, Y, weight = rows
    weight[100:150] = 0
    X[100:150], Y[100:140] = 1e200, -1e200
    kept = weight > 0
    for features in (MAPS["random"], MAPS["polynomial"]):
        whole = FeatureRidge(features).fit(X[kept], Y[kept], weight[kept])
        same(FeatureRidge(features).fit(*lazy(X, Y, weight)), whole, X[kept])


def test_a_map_that_looks_sees_rows_of_all_blocks_that_have_weight(rows, monkeypatch):
    X, Y, weight = rows
    weight[:12] = 0
    x, y, w = lazy(X, Y, weight)
    x, y, w = (da.concatenate([a[:0], a]) for a in (x, y, w))
    # Few rows are seen all.
    model = FeatureRidge(StandardScaler()).fit(x, y, w)
    np.testing.assert_allclose(model.features_.mean_, X[12:].mean(axis=0))
    features = NystromFeatures(n_components=10, random_state=0)
    model = FeatureRidge(features).fit(x, y, w)
    np.testing.assert_array_equal(model.features_.components_, clone(features).fit(X[12:]).components_)
    # Of many, as many of each block as it has a share: 60 of 240, and none without weight.
    monkeypatch.setattr(fitting, "SEEN_ROWS", 60)
    for cut in ((x, y, w), tuple(map(unknown, (x, y, w)))):
        scaler = FeatureRidge(Seen()).fit(*cut).features_
        found = np.searchsorted(X[:, 0], scaler.rows_[:, 0], sorter=np.argsort(X[:, 0]))
        blocks = np.argsort(X[:, 0])[found] // 12
        np.testing.assert_array_equal(np.bincount(blocks, minlength=BLOCKS), [0] + [3] * 19)
    np.testing.assert_allclose(model.features_.transform(x).compute(), model.features_.transform(X))
    with pytest.raises(TypeError, match=r"NystromFeatures looks at the rows .* fit it to an array of some of them"):
        features.fit(x)


class Seen(TransformerMixin, BaseEstimator):
    """A map that remembers the rows that it was fitted to."""

    def fit(self, X, y=None):
        self.rows_ = X
        return self

    def transform(self, X):
        return X


def test_merging_leaves_moments_alone(rng):
    parts = [Moments(40, 2).update(rng.standard_normal((9, 40)), rng.standard_normal((9, 2))) for _ in range(2)]
    before = [part.zz.copy() for part in parts]
    first, again = (fitting.merge(*parts) for _ in range(2))
    np.testing.assert_array_equal(first.zz, again.zz)
    for part, zz in zip(parts, before, strict=True):
        np.testing.assert_array_equal(part.zz, zz)
    assert sizeof(first) >= 40 * 40 * 8


def test_moments_of_rows_that_are_not_aligned(rng):
    # As they come from another process.
    Z, y, weight = rng.standard_normal((9, 4)), rng.standard_normal((9, 2)), rng.uniform(size=9)
    parts = [np.frombuffer(b"." + a.tobytes(), np.uint8)[1:].view(a.dtype).reshape(a.shape) for a in (Z, y, weight)]
    assert not any(part.flags.aligned for part in parts)
    np.testing.assert_array_equal(Moments(4, 2).update(*parts).zz, Moments(4, 2).update(Z, y, weight).zz)


@pytest.mark.parametrize("factor", [1e-100, 1e-40, 1e60, 1e100])
def test_targets_and_weights_of_any_size_that_sums_hold(factor, rows):
    X, Y, weight = rows
    plain = FeatureRidge(MAPS["random"], 0.5).fit(*lazy(X, Y, weight)).predict(X)
    model = FeatureRidge(MAPS["random"], 0.5)
    np.testing.assert_allclose(model.fit(*lazy(X, Y * factor, weight)).predict(X) / factor, plain, rtol=1e-9, atol=1e-9)
    model = FeatureRidge(MAPS["random"], 0.5 * factor)
    np.testing.assert_allclose(model.fit(*lazy(X, Y, weight * factor)).predict(X), plain, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("factor", [1e-170, 1e160])
def test_targets_that_sums_do_not_hold(factor, rows):
    X, Y, weight = rows
    with pytest.raises(ValueError, match=r"scale y (up|down), or give all rows to one fit"):
        FeatureRidge(MAPS["random"]).fit(*lazy(X, Y * factor, weight))
    with pytest.raises(ValueError, match=r"Block 0: sample_weight is negative, infinite or NaN at 1 of"):
        FeatureRidge(MAPS["random"]).fit(*lazy(X, Y, np.r_[-1.0, weight[1:]]))
