"""Cells are read as numbers, dates or text, the same way every time."""

import datetime

import numpy as np
import pandas as pd
import pytest

from made_tables import said
from widelearn.experiments.tables.dialect import Dialect
from widelearn.experiments.tables.readings import Reading, settle


def read(column: pd.Series) -> tuple[Reading, list[str]]:
    """Read a column as the only one of its table."""
    dialect, _ = settle(column.to_frame(), Dialect())
    return Reading.of(column, dialect)


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
    ],
)
def test_numbers(cells, expected):
    column = pd.Series(cells, name="n")
    reading, notes = read(column)
    assert reading.kind == "number"
    np.testing.assert_array_equal(reading.numbers(column), expected)
    assert said(notes, "infinite") == any(str(cell).lower().lstrip("-")[:3] == "inf" for cell in cells)


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
    reading, notes = read(column)
    assert (reading.kind, notes) == ("date", [])
    days = pd.to_datetime(pd.Series(expected), format="mixed").astype("datetime64[s]").astype("int64") / 86400
    np.testing.assert_allclose(reading.numbers(column), np.where(pd.isna(expected), np.nan, days), rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    "cells", [["A12", "B7"], ["a", None], ["192.168.1.1", "10.0.0.1"], ["10-20", "20-30"], ["yes", "no"], [b"u", b"v"]]
)
def test_text(cells):
    column = pd.Series(cells, name="t")
    reading, _ = read(column)
    assert reading.kind == "text"
    assert reading.text(column)[0] == (cells[0].decode() if isinstance(cells[0], bytes) else cells[0])


def test_numbers_of_a_category_are_text():
    assert read(pd.Series([1, 2, 1], dtype="category", name="n"))[0].kind == "text"
