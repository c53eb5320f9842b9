"""Arrays and dataframes of every cut are fitted; those that do not belong together are refused."""

import dask
import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import StandardScaler

from lazy_rows import BLOCKS, CLOSE, COLUMNS, MAPS, lazy, left_alone, lying, same, unknown
from widelearn import FeatureRidge, FeatureRidgeClassifier


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
    "weights": (ValueError, r"Block \d: sample_weight is negative", X1, Y1, -da.ones(60, chunks=10)),
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


def test_wrong_blocks_of_a_dataframe():
    # Dask itself looks at some of this, unless it is told not to.
    raw = {"meta": NAMED[:0], "enforce_metadata": False}
    order = FRAME.map_partitions(lambda part: part[["b", "a", "c"]] if part.index[0] == 20 else part, **raw)
    left_alone(FeatureRidge(), ValueError, "Block 2: The feature names should match", order, FRAME.a)
    other = FRAME.map_partitions(lambda part: part.assign(a="x") if part.index[0] == 20 else part, **raw)
    left_alone(FeatureRidge(), ValueError, r"Block 2: X holds 'a' \(\w+\), but numbers in", other, FRAME.a)
    left_alone(FeatureRidge(alpha=[1, 2]), ValueError, "alpha", X1, Y1)
