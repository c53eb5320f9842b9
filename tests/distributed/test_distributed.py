"""Fits to Dask collections are those of one machine, to rounding and in any order; what goes wrong says so."""

import os
import runpy
import signal
import subprocess
import sys
import warnings
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace

import dask
import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from dask.callbacks import Callback
from dask.sizeof import sizeof
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

import widelearn as wl
from distributed import Client, LocalCluster, wait
from widelearn import (
    FeatureRidge,
    FeatureRidgeClassifier,
    FeatureRidgeClassifierCV,
    FeatureRidgeCV,
    FourierFeatures,
    KernelRidge,
    KernelRidgeClassifier,
    NystromFeatures,
    RandomFeatures,
)
from widelearn.distributed import cluster as scheduling
from widelearn.distributed import moments as fitting
from widelearn.ridge import Moments

# Sums in another order differ by eps sqrt(n), and the solution by that times the condition number, at most 1e5 here
# (asserted): 5e-10 at worst, and 1e-10 is asked for.
CLOSE = {"rtol": 1e-10, "atol": 1e-10}
MAPS = {
    "random": RandomFeatures(30, random_state=0),
    "open seed": RandomFeatures(30),
    "many": RandomFeatures(300, bias_scale=1.0, random_state=0),
    "fourier": FourierFeatures(n_components=31, random_state=0),
    "passthrough": "passthrough",
    "polynomial": PolynomialFeatures(2),
}
N, BLOCKS = 240, 20
COLUMNS = list("abcd")


@pytest.fixture(autouse=True)
def here():
    """Compute in this thread, but where a test has a client."""
    with dask.config.set(scheduler="synchronous"):
        yield


@pytest.fixture
def rows(rng):
    return rng.standard_normal((N, 4)), rng.standard_normal((N, 2)) + 10, rng.uniform(0, 3, N)


def lazy(*arrays, blocks=BLOCKS):
    """Cut arrays into blocks of rows, not all of the same length."""
    cuts = np.linspace(0, len(arrays[0]), blocks + 1).astype(int)
    found = [da.from_array(a, chunks=(tuple(np.diff(cuts)), *a.shape[1:])) for a in arrays]
    return found if len(found) > 1 else found[0]


def unknown(array):
    """The same blocks, of lengths that Dask does not know."""
    return da.concatenate(
        [da.from_delayed(block, (np.nan, *array.shape[1:]), array.dtype) for block in array.to_delayed().ravel()],
        allow_unknown_chunksizes=True,
    )


def lying(array, number, change):
    """An array of which one block is not what Dask was told."""

    def block(x, block_info=None):
        return change(x) if block_info and block_info[0]["chunk-location"][0] == number else x

    return array.map_blocks(block, dtype=array.dtype, meta=np.empty((0,) * array.ndim, array.dtype))


def same(model, whole, X, close=CLOSE):
    np.testing.assert_allclose(model.coef_, whole.coef_, **close)
    np.testing.assert_allclose(model.predict(X), whole.predict(X), **close)
    assert model.coef_.dtype == whole.coef_.dtype
    assert set(vars(model)) == set(vars(whole))


# The same as on one machine.


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


@pytest.mark.parametrize(
    ("labels", "class_weight"),
    [("number", None), ("text", "balanced"), ("two", "dict"), ("one", None), ("column", "dict"), ("two", "balanced")],
)
def test_classes(labels, class_weight, rows, rng):
    X, _, weight = rows
    y = np.digitize(X[:, 0] + 0.5 * rng.standard_normal(N), [-1.5, 0.8])
    # Sorted, so that most blocks hold one class.
    y.sort()
    y = {"text": np.array(["a", "bb", "c"])[y], "two": y > 0, "one": 0 * y}.get(labels, y)
    weights = (
        {label: 1.5 + i for i, label in enumerate(np.unique(y).tolist())} if class_weight == "dict" else class_weight
    )
    for model in (
        FeatureRidgeClassifier(MAPS["random"], class_weight=weights),
        FeatureRidgeClassifierCV(MAPS["random"], cv="gcv", class_weight=weights),
    ):
        whole = clone(model).fit(X, y, weight)
        target = lazy(y[:, None] if labels == "column" else y)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model.fit(lazy(X), target, lazy(weight))
        assert [str(one.message)[:27] for one in caught] == ["A column-vector y was passe"] * (labels == "column")
        assert set(vars(model)) == set(vars(whole))
        assert model.class_weight == weights
        np.testing.assert_array_equal(model.classes_, whole.classes_)
        values, found = model.decision_function(lazy(X)), model.predict(lazy(X))
        np.testing.assert_allclose(values.compute(), whole.decision_function(X), **CLOSE)
        assert (found.dtype, found.shape) == (whole.predict(X).dtype, (N,))
        np.testing.assert_array_equal(found.compute(), whole.predict(X))
        assert model.score(lazy(X), target) == pytest.approx(whole.score(X, y))


@pytest.mark.parametrize("class_weight", [None, "balanced"])
def test_multilabel_indicators(class_weight, rows, rng):
    X, _, weight = rows
    y = (rng.uniform(size=(N, 3)) < [0.1, 0.5, 0.9]).astype(int)
    whole = FeatureRidgeClassifier(MAPS["random"], class_weight=class_weight).fit(X, y, weight)
    model = FeatureRidgeClassifier(MAPS["random"], class_weight=class_weight).fit(*lazy(X, y, weight))
    same(model, whole, X)
    np.testing.assert_array_equal(model.predict(lazy(X)).compute(), whole.predict(X))


def test_dataframes(rows):
    X, Y, weight = rows
    frame = pd.DataFrame(X, columns=COLUMNS).assign(
        y=Y[:, 0], z=Y[:, 1], w=weight, label=np.where(X[:, 0] > 0, "p", "n")
    )
    table = dd.from_pandas(frame, npartitions=BLOCKS)
    whole = FeatureRidge(MAPS["random"]).fit(frame[COLUMNS], frame.y, frame.w)
    model = FeatureRidge(MAPS["random"]).fit(table[COLUMNS], table.y, table.w)
    same(model, whole, frame[COLUMNS])
    assert list(model.feature_names_in_) == COLUMNS
    values = model.predict(table[COLUMNS])
    assert isinstance(values, da.Array)
    np.testing.assert_allclose(values.compute(), whole.predict(frame[COLUMNS]), **CLOSE)
    # Some partitions are empty then.
    some = table[table.a > 1.2]
    few = frame[frame.a > 1.2]
    model.fit(some[COLUMNS], some[["y", "z"]])
    same(model, FeatureRidge(MAPS["random"]).fit(few[COLUMNS], few[["y", "z"]]), few[COLUMNS])
    assert model.predict(some[COLUMNS]).compute().shape == (len(few), 2)
    classifier = FeatureRidgeClassifier(MAPS["random"]).fit(table[COLUMNS], table.label)
    assert list(classifier.classes_) == ["n", "p"]
    wanted = FeatureRidgeClassifier(MAPS["random"]).fit(frame[COLUMNS], frame.label).predict(frame[COLUMNS])
    np.testing.assert_array_equal(classifier.predict(table[COLUMNS]).compute(), wanted)
    # Arrays beside a dataframe belong to its partitions.
    same(model.fit(table[COLUMNS], table.y.to_dask_array()), whole.fit(frame[COLUMNS], frame.y), frame[COLUMNS])


def test_blocks_of_every_cut(rows):
    X, Y, weight = rows
    whole = FeatureRidge(MAPS["random"]).fit(X, Y, weight)
    x, y, w = lazy(X, Y, weight)
    model = FeatureRidge(MAPS["random"])
    for cut in (
        (x.rechunk((None, 1)), y.rechunk((77, 1)), w.rechunk(240)),
        (x, Y, weight),
        (x, Y.tolist(), pd.Series(weight)),
        (unknown(x), unknown(y), unknown(w)),
        (unknown(x), y, unknown(w)),
        (lazy(X, blocks=1), lazy(Y, blocks=2), weight),
        (da.concatenate([x[:0], x[:50], x[50:50], x[50:]]), y, w),
    ):
        same(model.fit(*cut), whole, X)
        np.testing.assert_allclose(model.predict(cut[0]).compute(), whole.predict(X), **CLOSE)
    same(model.fit(x, y, 2.0), FeatureRidge(MAPS["random"]).fit(X, Y, 2.0), X)
    # Without their lengths blocks are taken as they come, and none may be of no rows in the end.
    positive = x[:, 0] > 0
    few = FeatureRidge(MAPS["random"]).fit(X[X[:, 0] > 0], Y[X[:, 0] > 0])
    same(model.fit(x[positive], y[positive]), few, X)
    assert model.predict(x[positive]).shape[1] == 2


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


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_kernel_ridge_on_centres(dtype, rows):
    X, Y, weight = rows
    X = X.astype(dtype)
    x, y, w = lazy(X, Y, weight)
    close = CLOSE if dtype == np.float64 else {"rtol": 2e-4, "atol": 2e-4}
    for alpha, targets, lazily in ((1e-2, Y, y), ([1e-2, 1.0], Y, y), (1e-2, Y[:, 0], y[:, 0])):
        model = KernelRidge("rbf", alpha, solver="nystrom", n_components=60)
        whole = clone(model).fit(X, targets, weight)
        model.fit(x, lazily, w)
        assert (model.dual_coef_.shape, model.dual_coef_.dtype) == (whole.dual_coef_.shape, dtype)
        assert (model.solver_, model.n_iter_, model.n_features_in_) == ("nystrom", 1, 4)
        predicted = model.predict(x)
        assert isinstance(predicted, da.Array)
        assert predicted.dtype == dtype
        np.testing.assert_allclose(predicted.compute(), whole.predict(X), **close)
        np.testing.assert_allclose(model.predict(X), whole.predict(X), **close)
    frame = dd.from_pandas(pd.DataFrame(X, columns=COLUMNS), npartitions=5)
    model.fit(frame, frame.a)
    assert list(model.feature_names_in_) == COLUMNS
    labels = np.array(["no", "yes", "so"])[np.digitize(X[:, 0], [-0.5, 0.5])]
    kind = KernelRidgeClassifier("rbf", 1e-2, solver="nystrom", class_weight="balanced")
    model, whole = clone(kind).fit(x, lazy(labels)), clone(kind).fit(X, labels)
    np.testing.assert_array_equal(model.classes_, whole.classes_)
    np.testing.assert_array_equal(model.predict(x).compute(), whole.predict(X))
    np.testing.assert_allclose(model.decision_function(x).compute(), whole.decision_function(X), **close)


def test_kernel_ridge_says_what_it_cannot_do_with_lazy_rows(rows):
    x, y = lazy(*rows[:2])
    whole = KernelRidge(n_components=5, solver="nystrom").fit(*rows[:2])
    for changes, match in (
        ({"solver": "pcg"}, "Dask collections are fitted with solver='nystrom' .* got solver='pcg'.*FeatureRidge"),
        ({"kernel": "precomputed"}, "a kernel of rows, got .*'precomputed'"),
        ({"alpha": [1.0, 2.0, 3.0]}, "alpha"),
    ):
        left_alone(
            whole.set_params(**{"kernel": None, "alpha": 1.0, "solver": "nystrom"} | changes), ValueError, match, x, y
        )
    whole.set_params(alpha=1.0, n_components=None)
    left_alone(whole, ValueError, "how many rows X has is unknown: set n_components", unknown(x), y)


# Nothing is computed before it is asked for, nor twice.


class Counter(Callback):
    """How often Dask has computed anything."""

    def __init__(self):
        self.runs = 0
        super().__init__(start=self._count)

    def _count(self, graph):
        self.runs += 1


def test_outputs_are_lazy(rows):
    X, Y, _ = rows
    x, y, label = lazy(X, Y, Y[:, 0] > 10)
    regressor = FeatureRidge(MAPS["random"]).fit(x, y)
    classifier = FeatureRidgeClassifier(MAPS["random"]).fit(x, label)
    with Counter() as counter:
        outputs = {
            "predict": (regressor.predict(x), regressor.predict(X)),
            "classes": (classifier.predict(x), classifier.predict(X)),
            "decision": (classifier.decision_function(x), classifier.decision_function(X)),
            "transform": (MAPS["random"].fit_transform(x), clone(MAPS["random"]).fit_transform(X)),
        }
    assert counter.runs == 0
    for name, (values, wanted) in outputs.items():
        assert isinstance(values, da.Array), name
        assert (values.chunks[0], values.shape, values.dtype) == (x.chunks[0], wanted.shape, wanted.dtype), name
        np.testing.assert_allclose(values.compute(), wanted, err_msg=name)
        np.testing.assert_allclose(values[5:40].compute(), wanted[5:40], err_msg=name)


def test_a_block_that_rows_and_targets_are_cut_from_is_made_once(rows):
    X, Y, _ = rows
    made = []

    def block(x):
        made.append(len(x))
        return x

    whole = lazy(np.hstack([X, Y])).map_blocks(block, dtype=float, meta=np.empty((0, 0)))
    FeatureRidge(MAPS["random"]).fit(whole[:, :4], whole[:, 4:5], abs(whole[:, 5]))
    assert len(made) == BLOCKS


# The same bits, whoever computes.


@pytest.fixture(scope="module")
def client():
    kept = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": ":0", "memory_limit": 0}
    with LocalCluster(**kept) as cluster, Client(cluster, set_as_default=False) as client:
        yield client


@contextmanager
def computing(client):
    with client.as_current(), dask.config.set(scheduler="distributed"):
        yield


def test_the_same_bits_in_any_order(client, rows):
    X, Y, weight = rows
    cut = lazy(X, Y, weight)
    models = [FeatureRidge(MAPS["random"]).fit(*cut) for _ in range(1)]
    with dask.config.set(scheduler="threads", num_workers=3):
        models.append(FeatureRidge(MAPS["random"]).fit(*cut))
    one = next(iter(client.scheduler_info()["workers"]))
    with computing(client):
        models.append(FeatureRidge(MAPS["random"]).fit(*cut))
        kept = client.persist(cut, workers=[one], allow_other_workers=True)
        wait(kept)
        models.append(FeatureRidge(MAPS["random"]).fit(*kept))
        values = models[-1].predict(kept[0]).compute()
    for model in models:
        np.testing.assert_array_equal(model.coef_, models[0].coef_)
        np.testing.assert_array_equal(model.intercept_, models[0].intercept_)
    np.testing.assert_array_equal(values, models[0].predict(X))
    looks = FeatureRidge(NystromFeatures(n_components=10, random_state=0))
    here = clone(looks).fit(*cut)
    with computing(client):
        # BLAS on another number of threads: equal to rounding, at a condition number of 1e5 at most.
        same(looks.fit(*cut), here, X)
        with pytest.raises(ValueError, match=r"^Block 7: Input X contains NaN"):
            looks.fit(lying(cut[0], 7, lambda x: x * np.nan), *cut[1:])


def test_a_worker_that_dies_costs_time_alone(client, rows, tmp_path):
    X, Y, _ = rows
    x, y = lazy(X, Y)
    mark, victims = tmp_path / "mark", client.run(os.getpid)

    def die(block):
        # Once, in the middle of the fit, its process being the worker's.
        if not mark.exists():
            mark.write_text(str(os.getpid()))
            os.kill(os.getpid(), 9)
        return block

    wanted = FeatureRidge(MAPS["random"]).fit(x, y)
    with computing(client):
        model = FeatureRidge(MAPS["random"]).fit(lying(x, 11, die), y)
    assert int(mark.read_text()) in victims.values()
    np.testing.assert_array_equal(model.coef_, wanted.coef_)
    np.testing.assert_array_equal(model.predict(X), wanted.predict(X))
    client.wait_for_workers(2, timeout=60)


def test_workers_use_their_threads(client, monkeypatch, threads):
    for name in ("WIDELEARN_NUM_THREADS", "RAYON_NUM_THREADS"):
        if name not in os.environ:
            assert set(client.run(wl.get_num_threads).values()) == {1}
    # A worker of three threads, its process started with OMP_NUM_THREADS=1 as all are.
    threads(1)
    monkeypatch.setattr("distributed.get_worker", lambda: SimpleNamespace(state=SimpleNamespace(nthreads=3)))
    scheduling.use_own_threads()
    assert wl.get_num_threads() == 1
    monkeypatch.setattr(scheduling, "threads_source", lambda: "OMP_NUM_THREADS")
    scheduling.use_own_threads()
    assert wl.get_num_threads() == 3
    monkeypatch.undo()
    monkeypatch.setattr(scheduling, "threads_source", lambda: "OMP_NUM_THREADS")
    scheduling.use_own_threads()
    assert wl.get_num_threads() == 3


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


# What goes wrong says so, and leaves the estimator as it was.


def left_alone(model, error, match, *arguments):
    before = dict(vars(model))
    with pytest.raises(error, match=match):
        model.fit(*arguments)
    assert vars(model).keys() == before.keys()
    assert all(vars(model)[name] is value for name, value in before.items())


X0, Y0 = np.random.default_rng(0).standard_normal((2, 60, 3))
X1, Y1 = lazy(X0, Y0, blocks=6)
NAMED = pd.DataFrame(X0, columns=list("abc"))
FRAME = dd.from_pandas(NAMED, npartitions=6)
WRONG = {
    "rows": (ValueError, r"X has blocks of \(10, .* and y blocks of \(10, .*60 and 50 rows do not belong", X1, Y1[:50]),
    "unknown": (ValueError, r"\(nan, .* and y blocks of \(30, 30\) .*compute_chunk_sizes", unknown(X1), Y1.rechunk(30)),
    "array": (ValueError, r"y is no Dask collection .*\(nan, .*compute_chunk_sizes\(\)", unknown(X1), Y0),
    "partitions": (ValueError, "cannot be aligned", FRAME, dd.from_pandas(NAMED, npartitions=5)),
    "columns": (ValueError, r"X has shape \(60, nan\)", da.from_delayed(dask.delayed(X0), (60, np.nan), float), Y1),
    "axes": (ValueError, r"X has shape \(6, 10, 3\)", X1.reshape(6, 10, 3), Y1),
    "flat": (ValueError, "Expected 2D array", X1[:, 0], Y1),
    "bag": (TypeError, "X must be a Dask array or dataframe, got dask.delayed", dask.delayed(X0), Y1),
    "objects": (
        ValueError,
        r"X holds object: encode it, or make it numbers with astype\(float\)",
        X1.astype(object),
        Y1,
    ),
    "texts": (ValueError, r"X holds 't' \(\w+\): encode it", FRAME.assign(t="x"), FRAME.a),
    "text targets": (ValueError, "y holds <U32: encode it", X1, Y1[:, 0].astype(str)),
    "block of objects": (
        ValueError,
        "Block 4: X holds object, but numbers in",
        lying(X1, 4, lambda x: x.astype(object)),
        Y1,
    ),
    "block of texts": (ValueError, "Block 4: X holds <U32, but numbers in", lying(X1, 4, lambda x: x.astype(str)), Y1),
    "block type": (ValueError, "Block 2: X holds float32, but float64", lying(X1, 2, np.float32), Y1),
    "block width": (ValueError, "Block 3: X has 2 features, but Fe", lying(X1, 3, lambda x: x[:, :2]), Y1),
    "block targets": (
        ValueError,
        "Block 1: y has 2 targets, but other blocks have 3",
        X1,
        lying(Y1, 1, lambda x: x[:, :2]),
    ),
    "block length": (ValueError, r"Block 5: .*inconsistent .*\[10, 4\]", X1, lying(Y1, 5, lambda x: x[:4])),
    "block nan": (ValueError, "Block 0: Input X contains NaN", lying(X1, 0, lambda x: x / 0 * 0), Y1),
    "weights": (ValueError, r"Block \d: Negative values", X1, Y1, -da.ones(60, chunks=10)),
    "no weight": (ValueError, "no rows with a positive weight", X1, Y1, da.zeros(60, chunks=10)),
    "no rows": (ValueError, "no rows with a positive weight", X1[:0], Y1[:0]),
    "lost rows": (ValueError, "no rows with a positive weight", X1[X1[:, 0] > 99], Y1[X1[:, 0] > 99]),
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.filterwarnings("ignore:invalid value|divide by zero:RuntimeWarning")
def test_wrong_input(name):
    error, match, *arguments = WRONG[name]
    for model in (FeatureRidge(alpha=0.5), FeatureRidge("passthrough").fit(X0, Y0), FeatureRidge(StandardScaler())):
        left_alone(model, error, match, *arguments)


def test_wrong_blocks_of_a_dataframe_and_of_labels():
    # Dask itself looks at some of this, unless it is told not to.
    raw = {"meta": NAMED[:0], "enforce_metadata": False}
    order = FRAME.map_partitions(lambda part: part[["b", "a", "c"]] if part.index[0] == 20 else part, **raw)
    left_alone(FeatureRidge(), ValueError, "Block 2: The feature names should match", order, FRAME.a)
    other = FRAME.map_partitions(lambda part: part.assign(a="x") if part.index[0] == 20 else part, **raw)
    left_alone(FeatureRidge(), ValueError, r"Block 2: X holds 'a' \(\w+\), but numbers in", other, FRAME.a)
    model = FeatureRidgeClassifier().fit(X0, Y0[:, 0] > 0)
    left_alone(model, ValueError, r"Block \d: Unknown label type: continuous", X1, Y1[:, 0])
    left_alone(
        model, ValueError, "Block 1: Input y contains NaN", X1, lying(da.ones(60, chunks=10), 1, lambda y: y * np.nan)
    )
    left_alone(
        model,
        ValueError,
        r"Block \d: Some batches have one label a row",
        X1,
        da.ones((60, 3), int, chunks=10).cumsum(axis=1),
    )
    left_alone(model, ValueError, "There are no rows in y", X1[:0], Y1[:0, 0])
    left_alone(FeatureRidge(alpha=[1, 2]), ValueError, "alpha", X1, Y1)
    with pytest.raises(ValueError, match="X has 2 features, but FeatureRidgeClassifier is expecting 3"):
        model.predict(X1[:, :2])
    with pytest.raises(ValueError, match="X holds object: encode"):
        model.predict(X1.astype(object))


# The recipe for a laptop, a scheduler's address and SLURM.

RECIPE = Path(__file__).parents[2] / "examples" / "dask_cluster.py"
# What stands in for SLURM: a job starts here and now, in a group of processes of its own.
SBATCH = """#!/bin/sh
jobs=$(dirname "$0")
cp "$1" "$jobs/$$.job"
setsid bash "$jobs/$$.job" > "$jobs/$$.log" 2>&1 &
echo $! > "$jobs/$$.pid"
echo "Submitted batch job $$"
"""
SCANCEL = """#!/bin/sh
touch "$(dirname "$0")/$1.cancelled"
kill -TERM -- "-$(cat "$(dirname "$0")/$1.pid")"
"""
PRINTED = ["2 workers, 20 blocks, 2000 rows", "unexplained variance: 0.034", "as on one machine: True"]


def test_recipe_on_a_laptop_and_on_slurm(tmp_path):
    for name, text in (("sbatch", SBATCH), ("scancel", SCANCEL)):
        (tmp_path / name).write_text(text, encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    # A machine without a network has no other interface.
    env = os.environ | {"PATH": path, "DASK_JOBQUEUE__SLURM__INTERFACE": "lo"}
    command = [sys.executable, "-W", "error", str(RECIPE), "--quick"]
    kept = {"env": env, "cwd": tmp_path, "text": True, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    runs = [subprocess.Popen([*command, *where], **kept) for where in ([], ["slurm"])]
    try:
        for run in runs:
            output, errors = run.communicate(timeout=120)
            assert run.returncode == 0, errors[-4000:]
            assert output.splitlines() == PRINTED
    finally:
        for run in runs:
            run.kill()
            run.communicate()
        jobs = list(tmp_path.glob("*.pid"))
        for job in jobs:
            with suppress(ProcessLookupError):
                os.killpg(int(job.read_text()), signal.SIGKILL)
    assert len(jobs) == len(list(tmp_path.glob("*.cancelled"))) == 2
    script = next(tmp_path.glob("*.job")).read_text()
    assert "#SBATCH --cpus-per-task=1" in script
    assert "--nthreads 1" in script


def test_recipe_on_an_address(client, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [str(RECIPE), client.scheduler.address, "--quick"])
    with dask.config.set(scheduler=None):
        runpy.run_path(str(RECIPE), run_name="__main__")
    assert capsys.readouterr().out.splitlines() == PRINTED


# A scheduler that goes.

SCHEDULER = """
import asyncio
from distributed import Scheduler, Worker

async def main():
    async with Scheduler(host="127.0.0.1", port=0, dashboard_address=':0') as scheduler:
        async with Worker(scheduler.address, nthreads=1, dashboard_address=':0'):
            print(scheduler.address, flush=True)
            await scheduler.finished()

asyncio.run(main())
"""


def test_a_lost_scheduler(rows):
    X, Y, _ = rows
    x, y = lazy(X, Y)
    whole = FeatureRidge("passthrough").fit(X, Y)
    process = subprocess.Popen([sys.executable, "-c", SCHEDULER], stdout=subprocess.PIPE, text=True)
    try:
        address = process.stdout.readline().strip()
        with Client(address, set_as_default=False) as client, computing(client):
            same(FeatureRidge("passthrough").fit(x, y), whole, X)
            # The worker is in the scheduler's process, and ends both.
            last = lying(x, 11, lambda block: os.kill(os.getpid(), 9))
            for what, rows in (("was lost before it had answered", last), ("cannot be reached", x)):
                match = f"The Dask scheduler at {address} {what}.*estimator is as it was: start a scheduler, connect"
                left_alone(whole, RuntimeError, match, rows, y)
            client.close(timeout=20)
    finally:
        process.kill()
        process.communicate()


def test_dask_is_not_needed_for_arrays(script):
    code = """
import sys
import numpy as np
import widelearn as wl

x = np.eye(5)
wl.FeatureRidgeClassifier().fit(x, [0, 1, 0, 1, 0]).predict(x)
heavy = ("dask", "distributed", "widelearn.distributed")
print([name for name in sys.modules if name.startswith(heavy)])
"""
    assert script(code) == "[]\n"
