"""Tables in files are fitted block by block; wrong and damaged ones are refused."""

import os
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet
from sklearn.datasets import load_iris

from block_fits import CLOSE, left_alone, same
from widelearn import FeatureRidge, FeatureRidgeClassifier


@pytest.fixture
def rows(rng):
    X = rng.standard_normal((150, 4)).round(1)
    return X, rng.standard_normal((150, 2)) + 10, rng.uniform(0, 3, 150)


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr("widelearn.estimators.feature_ridge.blocks.MOST_ROWS", 40)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, ">f4", np.int16])
@pytest.mark.parametrize("order", ["C", "F"])
def test_npy(dtype, order, rows, tmp_path, small_blocks):
    X, Y, _ = rows
    table = np.asarray(np.column_stack([X, Y[:, 0]]), dtype=dtype, order=order)
    np.save(tmp_path / "rows.npy", table)
    counts = []
    model = FeatureRidge("passthrough").fit_blocks(tmp_path / "rows.npy", callback=counts.append)
    assert counts[0] == 40
    assert counts[-1] == 150
    same(model, FeatureRidge("passthrough").fit(table[:, :-1], table[:, -1]), X)


def test_npy_classes(tmp_path, small_blocks):
    X, y = load_iris(return_X_y=True)
    np.save(tmp_path / "iris.npy", np.column_stack([X, y]))
    model = FeatureRidgeClassifier("passthrough").fit_blocks(str(tmp_path / "iris.npy"))
    np.testing.assert_allclose(model.coef_, FeatureRidgeClassifier("passthrough").fit(X, y).coef_, **CLOSE)
    np.testing.assert_array_equal(model.classes_, [0.0, 1.0, 2.0])
    np.save(tmp_path / "numbers.npy", np.column_stack([X, y + 0.5]))
    left_alone(model, ValueError, "Block 0: Unknown label type: continuous", tmp_path / "numbers.npy")
    np.save(tmp_path / "gaps.npy", np.column_stack([X, np.where(np.arange(150) == 70, np.nan, y)]))
    left_alone(model, ValueError, "Block 1: Input y contains NaN", tmp_path / "gaps.npy")


def test_parquet(rows, tmp_path, small_blocks):
    X, Y, _ = rows
    frame = pd.DataFrame(X, columns=["a", "b c", "d.e", "f"]).assign(g=np.arange(150) % 2 == 0, y=Y[:, 0])
    # An index that is a column in the file, behind the target.
    frame = frame.astype({"f": "int64"}).sample(frac=1, random_state=0)
    frame.to_parquet(tmp_path / "rows.parquet", row_group_size=70)
    assert parquet.read_schema(tmp_path / "rows.parquet").names[-1] != "y"
    model = FeatureRidge("passthrough").fit_blocks(tmp_path / "rows.parquet")
    whole = FeatureRidge("passthrough").fit(frame.drop(columns="y"), frame["y"])
    same(model, whole, frame.drop(columns="y"))
    np.testing.assert_array_equal(model.feature_names_in_, whole.feature_names_in_)
    frame = frame.drop(columns=["f", "g"]).astype(np.float32)
    frame.to_parquet(tmp_path / "single.PQ")
    single = FeatureRidge("passthrough").fit_blocks(tmp_path / "single.PQ")
    same(single, FeatureRidge("passthrough").fit(frame.drop(columns="y"), frame["y"]), frame.drop(columns="y"))


@pytest.mark.parametrize("kind", ["str", "category", "int8"])
def test_parquet_classes(kind, tmp_path, small_blocks):
    X, y = load_iris(return_X_y=True, as_frame=True)
    y = y if kind == "int8" else y.map(dict(enumerate("xyz"))).astype(kind)
    X.assign(species=y).to_parquet(tmp_path / "iris.parquet")
    model = FeatureRidgeClassifier("passthrough").fit_blocks(tmp_path / "iris.parquet")
    whole = FeatureRidgeClassifier("passthrough").fit(X, y)
    np.testing.assert_array_equal(model.predict(X), whole.predict(X))
    np.testing.assert_array_equal(model.classes_, whole.classes_)
    np.testing.assert_allclose(model.coef_, whole.coef_, **CLOSE)


def test_wrong_files(rows, tmp_path):
    X, Y, _ = rows
    model = FeatureRidge("passthrough").fit(X, Y)
    path = tmp_path / "rows.npy"
    left_alone(model, FileNotFoundError, "rows.npy", path)
    for array, match in (
        (X[0], r"rows.npy holds float64 of shape \(4,\): it must be numbers in rows and columns"),
        (X[:, :1], "rows.npy holds 1 columns: the last column is the target, so there must be two or more"),
        (X.astype(str), r"rows.npy holds <U\d+ of shape"),
        (X.astype(object), "rows.npy cannot be read as a .npy file"),
        (X[:0], "no rows in the blocks"),
    ):
        np.save(path, array)
        left_alone(model, ValueError, match, path)
    table = pd.DataFrame(X, columns=list("abcd"))
    path = tmp_path / "rows.parquet"
    left_alone(model, FileNotFoundError, "rows.parquet", path)
    for frame, match in (
        (table[["a"]], r"rows.parquet holds the columns \['a'\]: the last column is the target"),
        (table.assign(b="x", y=1.0), r"rows.parquet has columns that are not numbers: 'b' .* Encode them first"),
        (table[:0], "no rows in the blocks"),
        (table.assign(y=pd.array([None] + [1] * 149, "Int64")), "has 1 rows without a target in 'y'"),
        (table.assign(a=pd.array([None] + [1] * 149, "Int64")), "Block 0: Input X contains NaN"),
        (table.assign(a=pd.array([None] + [True] * 149, "boolean")), "Block 0: Input X contains NaN"),
    ):
        frame.to_parquet(path, index=False)
        left_alone(model, ValueError, match, path)
    parquet.write_table(pa.table([X[:, 0], X[:, 1], Y[:, 0]], names=["a", "a", "y"]), path)
    left_alone(model, ValueError, r"rows.parquet has several columns named \['a'\]: rename them", path)


@pytest.mark.parametrize("suffix", [".npy", ".parquet"])
def test_damaged_files(suffix, rows, tmp_path):
    X, Y, _ = rows
    model = FeatureRidge("passthrough").fit(X, Y)
    path = tmp_path / f"rows{suffix}"
    if suffix == ".npy":
        np.save(path, X)
    else:
        pd.DataFrame(X, columns=list("abcd")).to_parquet(path)
    whole = path.read_bytes()
    damaged = [whole[:size] for size in (0, 3, 40, 200, len(whole) - 1)] + [b"a,b,y\n1,2,3\n"]
    # The end is whole, but pages in front of it are not.
    damaged += [whole[:4] + bytes(100) + whole[104:]]
    for content in damaged:
        path.write_bytes(content)
        left_alone(model, ValueError, rf"rows{suffix} cannot be read as a .*, it may be cut off: \w", path)


def test_without_pyarrow(tmp_path, monkeypatch):
    (tmp_path / "rows.parquet").touch()
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    left_alone(
        FeatureRidge(), ImportError, "rows.parquet needs pyarrow: pip install pyarrow", tmp_path / "rows.parquet"
    )


class Canary:
    """What a pickle that is read would do."""

    def __reduce__(self):
        return os.mkdir, ("sung",)


def test_hostile_arrays(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("objects.npy", np.array([[Canary(), 1.0]], dtype=object), allow_pickle=True)
    brackets = b"\x93NUMPY\x01\x00v\x00" + b"(" * 118
    (tmp_path / "brackets.npy").write_bytes(brackets)
    (tmp_path / "promise.npy").write_bytes(b"")
    np.save("promise.npy", np.zeros((4, 2)))
    raw = (tmp_path / "promise.npy").read_bytes().replace(b"(4, 2), }" + b" " * 8, b"(4000000000000, 2)}")
    (tmp_path / "promise.npy").write_bytes(raw[: len(raw)])
    os.mkfifo("pipe.npy")
    os.mkfifo("pipe.parquet")
    for name in ("objects.npy", "brackets.npy", "promise.npy", "pipe.npy", "pipe.parquet"):
        with pytest.raises(ValueError, match=name.replace(".", r"\.")):
            FeatureRidge("passthrough").fit_blocks(name)
    assert not os.path.exists("sung")


@pytest.mark.parametrize("text", ["[" * 100_000, "5", '{"index_columns": 5}', "{", '{"index_columns": {"a": []}}'])
def test_hostile_metadata_of_pandas(rows, tmp_path, text):
    table = pa.table({"a": rows[0][:, 0], "y": rows[1][:, 0]}).replace_schema_metadata({"pandas": text})
    parquet.write_table(table, tmp_path / "t.parquet")
    with pytest.raises(ValueError, match=r"t\.parquet"):
        FeatureRidge("passthrough").fit_blocks(tmp_path / "t.parquet")


def test_bombs_are_refused_and_long_constant_columns_are_not(tmp_path, monkeypatch):
    table = pa.table({f"x{j}": np.zeros(1 << 19) for j in range(16)} | {"y": np.arange(1 << 19) % 7})
    parquet.write_table(table, tmp_path / "bomb.parquet", use_dictionary=False, compression="zstd")
    parquet.write_table(table, tmp_path / "short.parquet")
    monkeypatch.setenv("WIDELEARN_MAX_MEMORY", "48M")
    with pytest.raises(MemoryError, match=r"bomb\.parquet needs 64 MiB .*WIDELEARN_MAX_MEMORY"):
        FeatureRidge("passthrough").fit_blocks(tmp_path / "bomb.parquet")
    FeatureRidge("passthrough").fit_blocks(tmp_path / "short.parquet")
    np.save(tmp_path / "wide.npy", np.zeros((1024, 4096)))
    with pytest.raises(MemoryError, match=r"A block of 1024 rows of .*wide\.npy needs 64 MiB"):
        FeatureRidge("passthrough").fit_blocks(tmp_path / "wide.npy")
