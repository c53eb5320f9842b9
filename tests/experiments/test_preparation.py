"""Columns become one matrix, fitted on training rows alone; each reading is told, and done again later."""

import uuid
from decimal import Decimal
from fractions import Fraction
from pathlib import PurePath

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

from made_tables import frame, problem, said
from widelearn.experiments.errors import InputError
from widelearn.experiments.tables.preparation import TablePreparation


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


def entries(preparation: TablePreparation) -> dict[str, dict]:
    return {entry["name"]: entry for entry in preparation.columns_}


def test_dirt_is_put_right_and_named():
    found = problem(dirty())
    read = {entry["name"]: entry for entry in found.data["columns"]}
    assert read["gone"]["done"] == "dropped: all values are missing"
    assert read["fixed"]["done"] == "dropped: constant"
    assert read["lists"]["done"] == "dropped: lists or records instead of values"
    assert "identifier" in read["row_id"]["done"]
    assert "identifier" in read["name"]["done"]
    assert read["spiky"]["missing"] == np.isinf(found.raw["spiky"].iloc[found.train]).sum()
    assert said(found.data["notes"], "'spiky'", "23 infinite")
    for name in ("gone", "fixed", "row_id", "name"):
        assert said(found.data["notes"], "dropped", name)
    for side in ("train", "test"):
        X = found.arrays[f"X_{side}"]
        assert X.dtype == np.float64
        assert X.flags.c_contiguous
        assert np.isfinite(X).all()
        assert found.arrays[f"N_{side}"].shape[1] == len(found.categorical)


def test_numbers_are_fitted_on_training_rows_alone():
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
    preparation = TablePreparation().fit(data[:150])
    shuffled = data[data.columns[::-1]].drop(columns=["gone", "fixed"])
    np.testing.assert_array_equal(preparation.transform(shuffled), preparation.transform(data))
    with pytest.raises(InputError, match="lacks columns that the model uses: a"):
        preparation.transform(data.drop(columns="a"))


def test_new_categories_and_new_holes_are_taken():
    data = frame()
    preparation = TablePreparation().fit(data[["a", "kind"]])
    later = pd.DataFrame({"a": ["7", "junk"], "kind": ["never seen", None]})
    assert np.isfinite(preparation.transform(later)).all()
    assert np.isnan(preparation.native(later)[1]).all()
    assert said(preparation.doubts(later), "'junk'")


def test_a_copy_of_the_target_is_not_a_feature():
    data = frame()
    data["leak"] = data["c"]
    found = problem(data, "c")
    assert {entry["name"]: entry["done"] for entry in found.data["columns"]}[
        "leak"
    ] == "dropped: the same as the target"


def test_it_works_as_any_transformer():
    data = frame(200)
    features = data[["a", "b", "kind"]].assign(price=[f"${1000 + k:,}" for k in range(200)])
    model = make_pipeline(TablePreparation(na=("x",)), Ridge(alpha=1e-6)).fit(features, data["y"])
    assert model.score(features, data["y"]) > 0.99
    copy = clone(model)[0]
    assert copy.get_params() == model[0].get_params()
    assert not hasattr(copy, "columns_")
    names = model[0].get_feature_names_out()
    assert model[0].transform(features).shape == (200, len(names))
    assert entries(model[0])["price"]["marks"] == {"thousands": ",", "unit": "$"}


@pytest.mark.parametrize(
    ("fitted", "later"),
    [
        (["2.041", "3.5"], "2,041"),
        (["2,5", "3,25"], "2.5"),
        (["1,200", "950"], "1.200"),
        (["3 kg", "4 kg"], "300 g"),
        (["$3", "$4"], "4 EUR"),
    ],
)
def test_other_marks_are_refused_by_name(fitted, later):
    preparation = TablePreparation().fit(pd.DataFrame({"mass": fitted * 10}))
    with pytest.raises(ValueError, match=r"column 'mass' has"):
        preparation.transform(pd.DataFrame({"mass": [fitted[0], later]}))


def test_numbers_that_lost_their_unit_are_refused():
    preparation = TablePreparation().fit(pd.DataFrame({"mass": ["3 kg", "4 kg"] * 10}))
    with pytest.raises(ValueError, match=r"column 'mass' has '3', '4': .*unit 'kg'"):
        preparation.transform(pd.DataFrame({"mass": ["3", "4"]}))


def test_options_overrule():
    rows = np.arange(40)
    data = pd.DataFrame({"id": rows, "code": rows % 3, "zip": [f"0{k}" for k in rows + 10], "x": rows % 7})
    plain = entries(TablePreparation().fit(data))
    assert plain["id"]["done"].startswith("dropped: an identifier")
    assert plain["zip"]["kind"] == "category"
    asked = entries(TablePreparation(keep=("id",), categories=("code",), numbers=("zip",), drop=("x",)).fit(data))
    assert [asked[name]["kind"] for name in ("id", "code", "zip")] == ["number", "category", "number"]
    assert asked["x"]["done"] == "dropped: asked for"
    with pytest.raises(ValueError, match="keep names no column: ix"):
        TablePreparation(keep=("ix",)).fit(data)


def test_days_without_marks_are_dates_when_asked():
    texts = [f"2021{month:02}{day:02}" for month in (1, 2, 3) for day in range(1, 15)]
    for cells in (texts, [int(text) for text in texts]):
        data = pd.DataFrame({"day": cells, "x": np.arange(42) % 5})
        assert entries(TablePreparation().fit(data))["day"]["kind"] == "number"
        asked = TablePreparation(dates=("day",)).fit(data)
        assert entries(asked)["day"]["kind"] == "date"
        days = pd.to_datetime(pd.Series(texts)).astype("datetime64[s]").astype("int64") / 86400
        np.testing.assert_array_equal(asked.native(data)[:, 0], days)


def test_a_table_without_a_frame():
    X = np.arange(40.0).reshape(20, 2) ** 2
    preparation = TablePreparation().fit(X)
    assert preparation.get_feature_names_out().tolist() == ["x0", "x1"]
    np.testing.assert_allclose(preparation.transform(X), (X - X.mean(0)) / X.std(0), rtol=1e-12)  # rounding
    with pytest.raises(ValueError, match="3 features"):
        preparation.transform(np.ones((2, 3)))


KINDS = {
    "interval": ("category", pd.Interval),
    "complex": ("category", lambda k, _: complex(k, 1)),
    "uuid": ("category", lambda k, _: uuid.UUID(int=k)),
    "path": ("category", lambda k, _: PurePath(f"part {k}")),
    "tuple": ("category", lambda *pair: pair),
    "frozenset": ("category", lambda *pair: frozenset(pair)),
    "large": ("category", lambda k, _: 2**70 + k),
    "large or missing": ("category", lambda k, _: 2**60 + k if k else None),
    "period": ("date", lambda k, _: pd.Period(f"2020-{k + 1:02}", "M")),
    "decimal": ("number", lambda k, _: Decimal(k) / 2),
    "fraction": ("number", lambda k, _: Fraction(k, 3)),
    "list": ("none", lambda k, _: [k]),
    "set": ("none", lambda k, _: {k}),
    "array": ("none", lambda k, _: np.arange(k)),
}


@pytest.mark.parametrize("name", KINDS)
def test_cells_of_any_type_are_read_or_left_out(name):
    kind, made = KINDS[name]
    cells = pd.Series([made(k % 4, k % 4 + 1) for k in range(24)], dtype=object)
    data = pd.DataFrame({"x": np.arange(24) % 5 * 1.0, "cells": cells})
    preparation = TablePreparation().fit(data)
    assert entries(preparation)["cells"]["kind"] == kind
    assert np.isfinite(preparation.transform(data)).all()
    # Four values of one column stay four.
    codes = np.nan_to_num(preparation.native(data)[:, 1:], nan=-1.0)
    assert len(np.unique(codes, axis=0)) == 4 or kind == "none"
    later = data.assign(x=cells)
    if kind == "none" or name == "complex":
        with pytest.raises(InputError, match="column 'x' h"):
            preparation.transform(later)
    else:
        assert np.isfinite(preparation.transform(later)).all()


def test_lists_of_arrow_are_left_out():
    lists = pd.Series([[k % 3] for k in range(24)]).astype(pd.ArrowDtype(pa.list_(pa.int64())))
    data = pd.DataFrame({"x": np.arange(24) % 5 * 1.0, "lists": lists})
    assert entries(TablePreparation().fit(data))["lists"]["done"] == "dropped: lists or records instead of values"
