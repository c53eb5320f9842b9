"""Users' files become one matrix: what is read, what is put right and noted, what is refused in one line."""

import datetime
import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from widelearn.experiments.errors import InputError
from widelearn.experiments.tables import table as tables
from widelearn.experiments.tables.columns import Columns
from widelearn.experiments.tables.problem import Problem, Request, build
from widelearn.experiments.tables.readings import Reading
from widelearn.experiments.tables.table import Table


def written(tmp_path: Path, content: str | bytes, name: str = "table.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def frame(rows: int = 120, seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    a = random.normal(size=rows)
    columns = {"a": a, "b": random.normal(size=rows), "kind": random.choice(list("xyz"), rows)}
    return pd.DataFrame(columns | {"y": 2 * a + 0.1 * random.normal(size=rows), "c": np.where(a > 0, "p", "q")})


def problem(data: pd.DataFrame, target: str = "y", **options: object) -> Problem:
    return build(Table(data, "data"), Request(target, **options))


def said(notes: list[str], *words: str) -> bool:
    return any(all(word in note for word in words) for note in notes)


# reading files


def test_csv(tmp_path):
    table = tables.read(written(tmp_path, 'a,b c,"d"\n1,x,2.5\n2,"y,z",\n'))
    assert list(table.frame.columns) == ["a", "b c", "d"]
    assert table.frame["b c"].tolist() == ["x", "y,z"]
    assert table.frame["d"].isna().tolist() == [False, True]
    assert (table.name, table.notes) == ("table.csv", [])


@pytest.mark.parametrize(
    ("content", "note"),
    [
        (b"\xef\xbb\xbfa,b\n1,2\n", ""),
        ("a,b\n1,2\n".encode("utf-16"), "UTF-16"),
        (b"a;b\r\n1;2\r\n", "';'"),
        (b"a\tb\n1\t2\n", "tabs"),
        (b"a|b\r1|2\r", "'|'"),
        (b" a , b\n 1, 2\n", ""),
        (b"a,b\n1,2\n" * 1 + b"\n\n", ""),
    ],
)
def test_csv_dialects(tmp_path, content, note):
    table = tables.read(written(tmp_path, content))
    assert table.frame.to_dict("list") == {"a": [1], "b": [2]}
    assert table.notes == [] if not note else said(table.notes, note)


def test_csv_compressed_and_tsv(tmp_path):
    assert tables.read(written(tmp_path, gzip.compress(b"a,b\n1,2\n"), "t.csv.gz")).frame.shape == (1, 2)
    table = tables.read(written(tmp_path, "a\tb\n1,5\t2\n", "t.tsv"))
    assert (table.frame["a"].tolist(), table.notes) == (["1,5"], [])


def test_csv_in_another_encoding(tmp_path):
    table = tables.read(written(tmp_path, "name,y\nJosé,1\n".encode("cp1252")))
    assert table.frame["name"].tolist() == ["José"]
    assert said(table.notes, "cp1252")


def test_missing_values_as_people_write_them(tmp_path):
    table = tables.read(written(tmp_path, "a,b\n1,?\nNA,#DIV/0!\n-,x\n"))
    assert table.frame["a"].notna().tolist() == [True, False, False]
    assert table.frame["b"].notna().tolist() == [False, False, True]


def test_repeated_and_empty_column_names(tmp_path):
    table = tables.read(written(tmp_path, "a,a,,a.1, a\n1,2,3,4,5\n"))
    assert list(table.frame.columns) == ["a", "a.2", "column 3", "a.1", "a.3"]
    assert said(table.notes, "more than once", "a")


def test_broken_lines_are_left_out_and_counted(tmp_path):
    lines = ["a,b"] + ["1,2"] * 30 + ["1,2,3"]
    table = tables.read(written(tmp_path, "\n".join(lines)))
    assert len(table.frame) == 30
    assert said(table.notes, "1 line ")


def test_row_names_of_r(tmp_path):
    table = tables.read(written(tmp_path, "a,b\nr1,1,2\nr2,3,4\n"))
    assert table.frame.to_dict("list") == {"a": [1, 3], "b": [2, 4]}
    assert said(table.notes, "row names")


def test_a_separator_ends_every_line(tmp_path):
    table = tables.read(written(tmp_path, "a,b\n1,2,\n3,4,\n"))
    assert table.frame.to_dict("list") == {"a": [1, 3], "b": [2, 4]}
    assert said(table.notes, "end with a separator")


def test_parquet(tmp_path):
    data = pd.DataFrame({"a": [1.5, 2.5], "when": [datetime.date(2020, 1, 2), None], "k": pd.Categorical(["u", "v"])})
    data.index = pd.Index([7, 8], name="id")
    data.to_parquet(tmp_path / "t.parquet")
    table = tables.read(tmp_path / "t.parquet")
    assert set(table.frame.columns) == {"a", "when", "k", "id"}


def test_npz(tmp_path):
    X = np.arange(12, dtype=">f4").reshape(4, 3)
    np.savez(tmp_path / "t.npz", X=X, y=np.array([b"u", b"v", b"u", b"v"]), other=np.zeros(7), scalar=3)
    table = tables.read(tmp_path / "t.npz")
    assert list(table.frame.columns) == ["X0", "X1", "X2", "y"]
    assert table.frame["y"].tolist() == ["u", "v", "u", "v"]
    assert table.target == "y"
    assert said(table.notes, "other", "7")
    np.testing.assert_array_equal(table.frame[["X0", "X1", "X2"]].to_numpy(), X)


def spoiled(folder: Path) -> dict[str, bytes]:
    """Files that are not what their names say, by name."""
    frame().to_parquet(folder / "whole.parquet")
    parquet = (folder / "whole.parquet").read_bytes()
    np.savez(folder / "whole.npz", X=np.ones((9, 2)), y=np.ones(9))
    npz = (folder / "whole.npz").read_bytes()
    np.savez(folder / "objects.npz", X=np.array([{}], dtype=object))
    return {
        "nothing.csv": b"",
        "blank.csv": b"\n \n",
        "header.csv": b"a,b,y\n",
        "parquet.csv": parquet,
        "zip.csv": npz,
        "page.csv": b"<!DOCTYPE html><html></html>",
        "json.csv": b'{"a": 1}',
        "binary.csv": bytes(range(256)) * 9,
        "ragged.csv": b"a,b\n" + b"1,2,3,4\n" * 9,
        "quote.csv": b'a,b\n"1,2\n' * 3,
        "plain.csv.gz": b"a,b\n1,2\n",
        "text.parquet": b"a,b\n1,2\n",
        "cut.parquet": parquet[:900],
        "text.npz": b"a,b\n1,2\n",
        "cut.npz": npz[: len(npz) // 2],
        "objects.npz": (folder / "objects.npz").read_bytes(),
        "unknown.xyz": b"a,b\n1,2\n",
        "none": b"a,b\n1,2\n",
    }


def refusal(path: Path) -> str:
    """What the reader says against a file, "" if it takes it."""
    try:
        assert len(tables.read(path).frame)
    except InputError as error:
        return str(error)
    return ""


def test_files_that_are_not_what_they_say(tmp_path):
    for name, content in spoiled(tmp_path).items():
        path = written(tmp_path, content, name)
        message = refusal(path)
        assert name in message, (name, message)
        assert "\n" not in message, name


@pytest.mark.parametrize("name", ["absent.csv", ""])
def test_no_such_file(tmp_path, name):
    with pytest.raises(InputError, match=r"no such file|is a directory"):
        tables.read(tmp_path / name)


@given(st.binary(max_size=400), st.sampled_from(["csv", "npz", "parquet", "csv.gz"]))
def test_no_bytes_break_the_reader(tmp_path_factory, content, suffix):
    path = tmp_path_factory.mktemp("bytes") / f"t.{suffix}"
    path.write_bytes(content)
    assert "\n" not in refusal(path)


def test_nearest_column_is_named():
    with pytest.raises(InputError, match="did you mean 'price'"):
        Table(pd.DataFrame({"price": [1], "cut": [2]}), "t").column("Prise", "--target")


# reading cells


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["$1,200", "$3", "$4.5"], [1200, 3, 4.5]),
        (["1,5", "2,25", "1.000,5"], [1.5, 2.25, 1000.5]),
        (["-2,020", "0,125", "1,234"], [-2.02, 0.125, 1.234]),
        (["1,234", "5,678"], [1234, 5678]),
        (["1", "2", "abc", "4"], [1, 2, np.nan, 4]),
        (["36 months", "60 months"], [36, 60]),
        (["12%", "3.5%"], [12, 3.5]),
        (["1 200", "12"], [1200, 12]),
        (["inf", "1", "-Infinity"], [np.nan, 1, np.nan]),
        ([1, "2", 3.5, None], [1, 2, 3.5, np.nan]),
        ([True, False, None], [1, 0, np.nan]),
        ([1.0, np.inf, -np.inf, 1e200], [1, np.nan, np.nan, np.nan]),
        ([pd.Timedelta(1, "h"), pd.Timedelta(2, "s")], [3600, 2]),
    ],
)
def test_numbers(cells, expected):
    column = pd.Series(cells, name="n")
    reading, notes = Reading.of(column)
    assert reading.kind == "number"
    np.testing.assert_array_equal(reading.numbers(column), expected)
    lost = np.isnan(expected).sum() - column.isna().sum()
    assert said(notes, "'n'", f"{lost} ") == bool(lost)


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["2020-01-02", "2021-03-04T05:06:07"], ["2020-01-02", "2021-03-04 05:06:07"]),
        (["31/12/2020", "01/02/2021"], ["2020-12-31", "2021-02-01"]),
        (["12/31/2020", "01/02/2021"], ["2020-12-31", "2021-01-02"]),
        (["1.2.2020", "3.4.2021"], ["2020-02-01", "2021-04-03"]),
        (["4 Jan 2020", "Mar 3, 2021"], ["2020-01-04", "2021-03-03"]),
        ([datetime.date(2020, 1, 2), None], ["2020-01-02", None]),
        ([pd.Timestamp("2020-01-02", tz="Asia/Tokyo")], ["2020-01-01 15:00"]),
    ],
)
def test_dates(cells, expected):
    column = pd.Series(cells, name="d")
    reading, notes = Reading.of(column)
    assert (reading.kind, notes) == ("date", [])
    assert reading.dates(column).tolist() == pd.to_datetime(pd.Series(expected), utc=True, format="mixed").tolist()


@pytest.mark.parametrize(
    "cells", [["A12", "B7"], ["a", None], ["192.168.1.1", "10.0.0.1"], ["10-20", "20-30"], ["yes", "no"], [b"u", b"v"]]
)
def test_text(cells):
    column = pd.Series(cells, name="t")
    reading, _ = Reading.of(column)
    assert reading.kind == "text"
    assert reading.text(column)[0] == (cells[0].decode() if isinstance(cells[0], bytes) else cells[0])


def test_numbers_of_a_category_are_text():
    assert Reading.of(pd.Series([1, 2, 1], dtype="category"))[0].kind == "text"


# preparing columns


def dirty(rows: int = 200) -> pd.DataFrame:
    random = np.random.default_rng(1)
    data = frame(rows)
    data["gone"], data["fixed"], data["lists"] = np.nan, 7, [[1]] * rows
    data["row_id"], data["name"] = np.arange(rows) + 1000, [f"person {k}" for k in range(rows)]
    data["spiky"] = np.where(np.arange(rows) % 9 == 0, np.inf, random.normal(size=rows))
    data["holes"] = np.where(random.random(rows) < 0.2, np.nan, random.normal(size=rows))
    data["city"] = [f"city {k % 50}" for k in range(rows)]
    data["when"] = pd.date_range("2020-01-01", periods=rows, freq="D").astype(str)
    data["flag"] = pd.Series(random.choice([True, False, None], rows), dtype=object)
    data["nullable"] = pd.array(random.choice([1, 2, 3, None], rows), dtype="Int64")
    return data


def test_dirt_is_put_right_and_named():
    data = dirty()
    found = problem(data)
    dropped = found.data["dropped"]
    assert dropped["all values are missing"] == ["gone"]
    assert dropped["constant"] == ["fixed"]
    assert dropped["lists or records instead of values"] == ["lists"]
    assert {name for reason, names in dropped.items() if "identifier" in reason for name in names} == {"row_id", "name"}
    notes = found.data["notes"]
    assert said(notes, "'spiky'", "23 infinite")
    assert said(notes, "encoded", "city (50 values)")
    for name in ("gone", "fixed", "row_id", "name"):
        assert said(notes, "dropped", name)
    for side in ("train", "test"):
        X = found.arrays[f"X_{side}"]
        assert X.dtype == np.float64
        assert X.flags.c_contiguous
        assert np.isfinite(X).all()


def test_preparation_is_fitted_on_training_rows_alone():
    data = dirty()
    base = problem(data)
    changed = data.copy()
    rows = base.arrays["y_test"]
    held_out = data.index[data["y"].isin(rows)]
    changed.loc[held_out, ["a", "holes"]] = 1e6
    changed.loc[held_out, "city"] = "elsewhere"
    np.testing.assert_array_equal(problem(changed).arrays["X_train"], base.arrays["X_train"])


def test_columns_are_found_by_name_later():
    data = dirty()
    columns = Columns(data).fit(data[:150])
    shuffled = data[data.columns[::-1]].drop(columns=["gone", "fixed"])
    np.testing.assert_array_equal(columns.transform(shuffled), columns.transform(data))
    with pytest.raises(InputError, match="lacks columns that the model uses: a"):
        columns.transform(data.drop(columns="a"))


def test_new_categories_and_new_holes_are_taken():
    data = frame()
    columns = Columns(data[["a", "kind"]]).fit(data)
    later = pd.DataFrame({"a": ["7", "junk"], "kind": ["never seen", None]})
    assert np.isfinite(columns.transform(later)).all()


def test_a_copy_of_the_target_is_not_a_feature():
    data = frame()
    data["leak"] = data["c"]
    found = problem(data, "c")
    assert found.data["dropped"]["the same as the target"] == ["leak"]


@pytest.mark.parametrize("name", tables.BUILTIN)
def test_built_in_tables(name):
    found = build(tables.builtin(name), Request("target"))
    assert found.task == ("regression" if name == "diabetes" else "classification")
    assert found.split["n_train"] + found.split["n_test"] == found.data["n_rows"]


# the target


@pytest.mark.parametrize(
    ("cells", "task", "classes"),
    [
        (["yes", "no"] * 30, "classification", ["no", "yes"]),
        ([True, False] * 30, "classification", ["False", "True"]),
        ([0, 1, 2] * 20, "classification", [0, 1, 2]),
        ([0.0, 1.0] * 30, "classification", [0, 1]),
        (list(range(60)), "regression", None),
        ([0.5, 1.5, 2.5] * 20, "regression", None),
        (["$1,200", "$3", "$4.5"] * 20, "regression", None),
        (["1", "2", "unknown"] * 20, "classification", ["1", "2", "unknown"]),
    ],
)
def test_task_follows_the_target(cells, task, classes):
    data = frame(60).assign(target=cells)
    found = problem(data, "target")
    assert (found.task, found.classes) == (task, classes)


def test_task_can_be_asked_for():
    data = frame(60).assign(target=[0, 1, 2] * 20)
    assert problem(data, "target", task="regression").task == "regression"
    assert said(problem(data, "target").data["notes"], "3 different whole numbers", "--task regression")


def test_rows_without_a_target_are_counted():
    data = frame()
    data.loc[:4, "y"] = [np.nan, np.inf, -np.inf, np.nan, np.nan]
    found = problem(data)
    assert found.data["n_used"] == 115
    assert said(found.data["notes"], "5 rows", "'y'")


def test_rare_classes():
    data = frame()
    data.loc[:2, "c"] = "rare"
    with pytest.raises(InputError, match=r"'c' has classes with fewer than 5 rows.*rare \(3\); add --drop-rare"):
        problem(data, "c")
    found = problem(data, "c", drop_rare=True)
    assert found.classes == ["p", "q"]
    assert said(found.data["notes"], "3 rows are left out")


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({"y": 1.0}, {}, "constant"),
        ({"y": np.nan}, {}, "no values"),
        ({"c": "p"}, {"target": "c"}, "constant"),
        ({}, {"target": "c", "task": "regression"}, "is text"),
        ({"y": pd.date_range("2020", periods=120)}, {}, "dates"),
        ({}, {"weight": "kind"}, "does not hold numbers"),
        ({}, {"weight": "a"}, "negative"),
        ({"w": 0.0}, {"weight": "w"}, "0 usable rows"),
        ({}, {"time": "kind"}, "neither dates nor numbers"),
        ({"t": 1}, {"time": "t"}, "one value"),
        ({"g": 1}, {"group": "g"}, "1 different"),
        ({}, {"group": "y"}, "same column"),
        ({}, {"group": "a", "time": "b"}, "cannot be combined"),
        ({}, {"test_size": 118}, "leave at least 5"),
        ({"a": 0, "b": 0, "kind": 0, "c": 0}, {}, "no usable column"),
    ],
)
def test_refusals(change, options, message):
    data = frame().assign(**change)
    with pytest.raises(InputError, match=message) as caught:
        problem(data, **{"target": "y"} | options)
    assert "\n" not in str(caught.value)


# the split


def test_split_is_stratified_and_seeded():
    data = frame(400)
    found = problem(data, "c")
    for side in ("train", "test"):
        assert np.bincount(found.arrays[f"y_{side}"])[0] / found.split[f"n_{side}"] == pytest.approx(
            (data["c"] == "p").mean(), abs=0.01
        )
    np.testing.assert_array_equal(problem(data, "c").arrays["X_test"], found.arrays["X_test"])
    assert not np.array_equal(problem(data, "c", seed=1).arrays["X_test"], found.arrays["X_test"])


@pytest.mark.parametrize("target", ["y", "c"])
def test_groups_stay_together(target):
    data = frame(240)
    data["g"] = np.arange(240) // 6
    data["mark"] = data["g"] + 0.5
    found = problem(data, target, group="g")
    mark = list(found.columns._numbers).index("mark")
    train, test = (set(found.arrays[f"X_{side}"][:, mark]) for side in ("train", "test"))
    assert not train & test
    tuned = found.arrays["X_train"][found.arrays["tune"], mark]
    for fold in range(found.split["folds"]):
        fit, check = (set(tuned[found.arrays[f"fold{fold}_{side}"]]) for side in ("fit", "check"))
        assert not fit & check
    assert len(np.unique(found.arrays["group_test"])) == len(test)
    assert said(found.data["notes"], "'g' (group)")


def test_the_latest_rows_are_held_out():
    data = frame(200).sample(frac=1.0, random_state=0)
    data["t"] = pd.date_range("2020-01-01", periods=200, freq="D")[data.index].astype(str)
    data["order"] = data.index + 0.5
    found = problem(data.reset_index(drop=True), time="t")
    order = list(found.columns._numbers).index("order")
    train, test = (found.arrays[f"X_{side}"][:, order] for side in ("train", "test"))
    assert (np.diff(train) > 0).all()
    assert train.max() < test.min()
    for fold in range(found.split["folds"]):
        assert found.arrays[f"fold{fold}_fit"].max() < found.arrays[f"fold{fold}_check"].min()


def test_rows_of_one_time_stay_together():
    data = frame(200).assign(year=np.repeat([2019, 2020, 2021, 2022, 2023], 40))
    found = problem(data, time="year")
    assert found.split["n_test"] == 40


def test_weights():
    data = frame().assign(w=np.r_[np.zeros(5), np.ones(115)])
    found = problem(data, weight="w")
    assert len(found.arrays["w_train"]) + len(found.arrays["w_test"]) == 115
    assert said(found.data["notes"], "weighted by 'w'")
    assert said(found.data["notes"], "5 rows without a positive weight")


def test_large_tables_are_tuned_on_a_stratified_sample():
    random = np.random.default_rng(0)
    rows = 16_000
    data = pd.DataFrame({"a": random.normal(size=rows), "c": np.where(np.arange(rows) % 1000 < 2, "few", "many")})
    found = problem(data, "c")
    codes = found.arrays["y_train"]
    for name, size in (("tune", 3_000), ("some", 8_000)):
        assert len(found.arrays[name]) == size
        assert np.mean(codes[found.arrays[name]] == 0) == pytest.approx(0.002, abs=3e-4)
    checks = np.concatenate([found.arrays[f"fold{k}_check"] for k in range(3)])
    np.testing.assert_array_equal(np.sort(checks), np.arange(3_000))
