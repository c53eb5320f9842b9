"""Fitting in one pass over blocks: one fit to all rows, one block in memory, and nothing half-written."""

import weakref

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from block_fits import CLOSE, left_alone, same
from widelearn import (
    FeatureRidge,
    FeatureRidgeClassifier,
    FeatureRidgeClassifierCV,
    FeatureRidgeCV,
    FourierFeatures,
    RandomFeatures,
)

MAPS = {
    "random": RandomFeatures(30, random_state=0),
    "many": RandomFeatures(400, bias_scale=1.0, random_state=0),
    "fourier": FourierFeatures(n_components=31, random_state=0),
    "passthrough": "passthrough",
    "polynomial": PolynomialFeatures(2),
}
CUTS = (1, 70, 70, 101)


@pytest.fixture
def rows(rng):
    X = rng.standard_normal((150, 4)).round(1)
    return X, rng.standard_normal((150, 2)) + 10, rng.uniform(0, 3, 150)


def cut(*arrays):
    """Yield blocks of rows of several arrays; one block is empty."""
    for start, stop in zip((0, *CUTS), (*CUTS, len(arrays[0])), strict=True):
        yield tuple(None if array is None else array[start:stop] for array in arrays)


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_blocks_are_one_fit(name, fit_intercept, weighted, rows):
    X, Y, weight = rows
    weight = np.where(weight < 0.5, 0, weight) if weighted else None
    for y in (Y, Y[:, 0], Y[:, :1]):
        model = FeatureRidge(MAPS[name], 0.5, fit_intercept=fit_intercept)
        whole = FeatureRidge(MAPS[name], 0.5, fit_intercept=fit_intercept).fit(X, y, weight)
        assert model.fit_blocks(cut(X, y, weight)) is model
        same(model, whole, X)


def test_blocks_may_differ_in_what_they_are(rows):
    X, Y, weight = rows
    mixed = [(X[:50], Y[:50]), [X[50:90].tolist(), Y[50:90].tolist(), weight[50:90]], (X[90:], Y[90:], 2.0)]
    weight[:50], weight[90:] = 1.0, 2.0
    same(FeatureRidge(MAPS["random"]).fit_blocks(mixed), FeatureRidge(MAPS["random"]).fit(X, Y, weight), X)
    # Single and double precision together are double, as they are stacked.
    parts = [(X[:50].astype(np.float32), Y[:50]), (X[50:], Y[50:])]
    assert FeatureRidge("passthrough").fit_blocks(parts).coef_.dtype == np.float64
    single = FeatureRidge(MAPS["random"]).fit_blocks(cut(X.astype(np.float32), Y.astype(np.float32)))
    assert single.coef_.dtype == np.float32
    np.testing.assert_allclose(single.predict(X.astype(np.float32)), single.predict(X), atol=1e-4)


def test_rows_without_weight_may_hold_anything(rows):
    X, Y, weight = rows
    weight[60:80] = 0
    kept = weight > 0
    X[60:80], Y[70:75] = 1e200, -1e200
    for features in (MAPS["random"], MAPS["polynomial"], "passthrough"):
        whole = FeatureRidge(features).fit(X[kept], Y[kept], weight[kept])
        same(FeatureRidge(features).fit(X, Y, weight), whole, X[kept])
        same(FeatureRidge(features, precision="mixed").fit(X, Y, weight), whole, X[kept])
        for parts in (cut(X, Y, weight), [(X[60:80], Y[60:80], weight[60:80]), (X[kept], Y[kept], weight[kept])]):
            if features is MAPS["polynomial"]:
                # A map of any kind is fitted to the first block, and this one may not see such numbers.
                parts = [part for part in parts if len(part[0]) and part[2].any()]
            same(FeatureRidge(features).fit_blocks(parts), whole, X[kept])


@pytest.mark.parametrize("dtype", [np.float32, np.int8, np.uint16, bool])
def test_targets_of_any_type_of_number(dtype, rows):
    X, Y, weight = rows
    y = (Y > 10).astype(dtype)
    for features in (MAPS["random"], MAPS["many"], "passthrough"):
        whole = FeatureRidge(features).fit(X, y.astype(float), weight)
        same(FeatureRidge(features).fit(X, y, weight), whole, X)
        same(FeatureRidge(features).fit_blocks(cut(X, y, weight)), whole, X)


def test_other_ways_to_solve(rows):
    X, Y, weight = rows
    weight[:30] = 0
    for model in (
        FeatureRidge(MAPS["random"], precision="mixed"),
        FeatureRidgeCV(MAPS["random"], cv="gcv"),
        FeatureRidgeCV(MAPS["random"], cv="gcv", alpha_per_target=True),
    ):
        whole = clone(model).fit(X, Y, weight)
        same(model.fit_blocks(cut(X, Y, weight)), whole, X)
    np.testing.assert_array_equal(model.alpha_, whole.alpha_)
    model = FeatureRidgeClassifierCV(MAPS["random"], cv="gcv").fit_blocks(
        [(X[:60], Y[:60] > 10), (X[60:], Y[60:] > 10)]
    )
    assert model.alpha_ == FeatureRidgeClassifierCV(MAPS["random"], cv="gcv").fit(X, Y > 10).alpha_
    # Moments are not enough for left-out errors.
    for kind in (FeatureRidgeCV, FeatureRidgeClassifierCV):
        assert not hasattr(kind(), "fit_blocks")
    with pytest.raises(AttributeError, match="fit_blocks"):
        FeatureRidgeCV().fit_blocks([(X, Y)])
    # They convert targets and leave out rows as they always did.
    for y in (Y > 10, Y.astype(np.float32)):
        left_out = FeatureRidgeCV(MAPS["random"]).fit(X, y, weight.astype(np.float32))
        whole = FeatureRidgeCV(MAPS["random"]).fit(X, y.astype(float), weight.astype(np.float32))
        np.testing.assert_array_equal(left_out.coef_, whole.coef_)


def test_a_map_sees_the_first_block_alone(rows):
    X, Y, _ = rows
    model = FeatureRidge(StandardScaler()).fit_blocks([(X[:60], Y[:60]), (X[60:], Y[60:])])
    np.testing.assert_allclose(model.features_.mean_, X[:60].mean(axis=0))


@pytest.mark.parametrize("features", [MAPS["random"], "passthrough"])
def test_classes(features, rng):
    X, y = load_iris(return_X_y=True)
    weight = rng.uniform(0.1, 2, 150)
    for labels in (y, (y == 1).astype(np.int8), np.array(["a", "b", "c"])[y], y.astype(np.float32)):
        whole = FeatureRidgeClassifier(features).fit(X, labels, weight)
        model = FeatureRidgeClassifier(features).fit_blocks(cut(X, labels, weight), classes=np.unique(labels))
        np.testing.assert_allclose(model.decision_function(X), whole.decision_function(X), **CLOSE)
        np.testing.assert_array_equal(model.predict(X), whole.predict(X))
        np.testing.assert_array_equal(model.classes_, whole.classes_)
        assert set(vars(model)) == set(vars(whole))
    indicator = rng.integers(0, 2, (150, 3))
    model = FeatureRidgeClassifier(features).fit_blocks(cut(X, indicator))
    np.testing.assert_allclose(model.coef_, FeatureRidgeClassifier(features).fit(X, indicator).coef_, **CLOSE)


@pytest.mark.parametrize("class_weight", [{1: 3.0}, {0: 0.0, 1: 2.0, 2: 1.0}])
def test_blocks_need_not_hold_every_weighted_class(class_weight):
    X, y = load_iris(return_X_y=True)
    model = FeatureRidgeClassifier("passthrough", class_weight=class_weight)
    whole = FeatureRidgeClassifier("passthrough", class_weight=class_weight).fit(X, y)
    parts = [(X[y == k], y[y == k]) for k in range(3)]
    np.testing.assert_allclose(model.fit_blocks(parts, classes=[0, 1, 2]).coef_, whole.coef_, **CLOSE)


def test_earlier_rows_are_forgotten(rows):
    X, Y, _ = rows
    model = FeatureRidge("passthrough").partial_fit(pd.DataFrame(9 * X, columns=list("abcd")), Y)
    model.note = "mine"
    whole = FeatureRidge("passthrough").fit(X, Y)
    model.fit_blocks(cut(X, Y))
    assert not hasattr(model, "moments_")
    assert not hasattr(model, "feature_names_in_")
    assert vars(model).pop("note") == "mine"
    np.testing.assert_allclose(model.coef_, whole.coef_, **CLOSE)
    with pytest.warns(UserWarning, match="the rows given to fit are forgotten"):
        model.partial_fit(X, Y)
    frames = ((pd.DataFrame(x, columns=list("abcd")), pd.DataFrame(y)) for x, y in cut(X, Y))
    assert list(model.fit_blocks(frames).feature_names_in_) == list("abcd")


def test_one_block_is_held(rng):
    seen, most = [], 0

    def parts():
        nonlocal most
        for _ in range(5):
            most = max(most, sum(ref() is not None for ref in seen))
            block = rng.standard_normal((30, 4)), rng.standard_normal(30)
            seen.extend(weakref.ref(array) for array in block)
            yield block
            del block

    FeatureRidge("passthrough").fit_blocks(parts())
    assert (len(seen), most) == (10, 0)


def test_the_callback_counts_rows(rows):
    X, Y, _ = rows
    counts = []
    FeatureRidge("passthrough").fit_blocks(cut(X, Y), callback=counts.append)
    assert counts == [1, 70, 101, 150]
    FeatureRidgeClassifier("passthrough").fit_blocks([(X, Y > 10)], callback=lambda n: True)
    with pytest.raises(TypeError, match="callback must be a function of the number of rows, got 3"):
        FeatureRidge().fit_blocks(cut(X, Y), callback=3)


def failing(error, *blocks):
    yield from blocks
    raise error


@pytest.mark.parametrize("error", [OSError("disk"), ValueError("theirs"), KeyboardInterrupt(), GeneratorExit()])
def test_interruptions(error, rows):
    X, Y, _ = rows

    def callback(n):
        raise error

    for model in (FeatureRidge(), FeatureRidge().fit(X, Y), FeatureRidge("passthrough").partial_fit(X, Y)):
        left_alone(model, type(error), f"^{error}$", failing(error, (X, Y), (X, Y)))
        left_alone(model, type(error), f"^{error}$", cut(X, Y), callback=callback)


A, B = np.eye(3), np.arange(3.0)
WRONG = {
    "nothing": ([], "no rows in the blocks: they are empty, or an iterator .* used up. Give a new one"),
    "no rows": ([(A[:0], B[:0])], "no rows in the blocks"),
    "columns": ([(A, B), (A[:, :2], B)], "Block 1: X has 2 features, but FeatureRidge is expecting 3"),
    "targets": ([(A, A), (A, A[:, :2])], "Block 1: y has 2 targets, but earlier batches had 3"),
    "dimensions": ([(A, B), (A, A)], "Block 1: y has 2 dimensions, but earlier batches had 1"),
    "nan": ([(A, B), (A[:0], B[:0]), (A * np.nan, B)], "Block 2: Input X contains NaN"),
    "nan target": ([(A, B * np.nan)], "Block 0: Input y contains NaN"),
    "lengths": ([(A, B[:2])], r"Block 0: Found input variables with inconsistent numbers of samples: \[3, 2\]"),
    "empty": ([(A[:0], B)], "Block 0: Found array with 0 sample"),
    "no weight": ([(A, B, 0 * B), (A, B, 0.0)], "All sample weights are zero: give at least one row"),
    "weights": ([(A, B, [0, 0])], "Block 0: Found input variables with inconsistent numbers of samples"),
    "negative": ([(A, B, B - 1)], "Block 0: sample_weight is negative"),
    "an array": ((A, B), "Block 0 is of type ndarray: it must be .X, y. or .X, y, sample_weight."),
    "one thing": ([(A, B), (A,)], "Block 1 is 1 things"),
    "suffix": ("rows.csv", "rows.csv has the suffix '.csv': .npy and .parquet are read"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_blocks(name):
    blocks, match = WRONG[name]
    for model in (FeatureRidge("passthrough"), FeatureRidge("passthrough").fit(A, B)):
        left_alone(model, ValueError, match, blocks)


def test_wrong_kinds():
    model = FeatureRidge("passthrough").fit(A, B)
    left_alone(model, TypeError, "not iterable", 3)
    left_alone(model, TypeError, "Block 0: Expected sequence or array-like", [(3, B)])
    left_alone(FeatureRidge(alpha=[1.0, 2.0]), ValueError, r"alpha has shape \(2,\)", [(A, B)])


def test_wrong_labels():
    model = FeatureRidgeClassifier("passthrough").fit(A, [0, 1, 1])
    left_alone(model, ValueError, "Block 0: classes must name all classes", [(A, B)])
    left_alone(model, ValueError, r"Block 1: y has labels \[2.0\]", [(A, [0, 1, 1]), (A, B)], classes=[0, 1])
    left_alone(model, ValueError, "Block 1: Some batches have one label a row", [(A, A), (A, B)])
    left_alone(model, ValueError, "Block 1: Some batches", [(A, B), (A, A)], classes=B)
    left_alone(model, ValueError, "Block 0: Unknown label type: continuous", [(A, B + 0.5)], classes=[0.5])
    left_alone(model, ValueError, "Block 1: y has 2 targets, but earlier batches had 3", [(A, A), (A, A[:, :2])])
    balanced = FeatureRidgeClassifier("passthrough", class_weight="balanced")
    left_alone(balanced, ValueError, "balanced", [(A, B)], classes=B)


def test_no_weight_in_one_fit():
    with pytest.raises(ValueError, match="All sample weights are zero"):
        FeatureRidgeClassifier("passthrough", class_weight={0: 0.0, 1: 0.0}).fit(A, [0, 1, 1])


GROWTH = """
import re, threading, time
import numpy as np
import widelearn as wl

def anonymous():
    return int(re.search(r"^RssAnon:\\s+(\\d+) kB", open("/proc/self/status").read(), re.M)[1]) / 1024

def peak(call):
    stop, most = threading.Event(), [anonymous()]
    def watch():
        while not stop.wait(0.001):
            most.append(anonymous())
    watcher = threading.Thread(target=watch)
    watcher.start()
    call()
    stop.set()
    watcher.join()
    return max(most)

def rows(n):
    x, y, w = (np.memmap(f"{FOLDER}/{name}{n}", np.float32, "w+", shape=s) for name, s in
               (("x", (n, 16)), ("y", n), ("w", n)))
    for start in range(0, n, 10_000):
        x[start : start + 10_000] = np.random.default_rng(start).standard_normal((10_000, 16))
    y[:], w[:] = x[:, 0], x[:, 1] > 0
    return x, y, w

model = wl.FeatureRidge(wl.FourierFeatures(n_components=64, random_state=0))
blocks = lambda *arrays: (tuple(a[i : i + 20_000] for a in arrays) for i in range(0, len(arrays[0]), 20_000))
jobs = {
    "fit": lambda x, y, w: model.fit(x, y),
    "fit with weights": lambda x, y, w: model.fit(x, y, w),
    "fit_blocks": lambda x, y, w: model.fit_blocks(blocks(x, y)),
    "fit_blocks with weights": lambda x, y, w: model.fit_blocks(blocks(x, y, w)),
}
few, many = rows(100_000), rows(400_000)
for name, job in jobs.items():
    job(*few)
    growth = peak(lambda: job(*many)) - peak(lambda: job(*few))
    print(f"{name}: {growth:.1f} MB")
    assert growth < 2, (name, growth)
"""


def test_memory_does_not_grow_with_rows(script, tmp_path):
    """A copy of the rows would be 19 MB more, boolean masks of them 5 MB, and targets in double precision 2.4 MB."""
    assert script(f"FOLDER = {str(tmp_path)!r}\n" + GROWTH).count("MB") == 4
