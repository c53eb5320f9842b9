"""Columns become one matrix, fitted on training rows alone; what is dropped or changed is named."""

import numpy as np
import pandas as pd
import pytest

from made_tables import frame, problem, said
from widelearn.experiments.errors import InputError
from widelearn.experiments.tables.columns import Columns


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
