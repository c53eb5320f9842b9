"""Numbers written in any style of any country are read back, or stay text with a note; none is another number."""

import csv
import io
import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from made_tables import said
from widelearn.experiments.errors import InputError
from widelearn.experiments.tables import numerals
from widelearn.experiments.tables import table as tables
from widelearn.experiments.tables.dialect import Dialect
from widelearn.experiments.tables.readings import Reading

STYLES = st.fixed_dictionaries(
    {
        "decimal": st.sampled_from(".,"),
        "group": st.sampled_from(["", "'", " ", "\u202f", "other"]),
        "places": st.integers(0, 4),
        "negative": st.sampled_from(["-{}", "−{}", "({})", "{}-"]),
        "unit": st.sampled_from(["{}", "{} kg", "${}", "{}%", "{} €"]),
        "sep": st.sampled_from(",;\t|"),
    }
)


def written(value: int, style: dict) -> str:
    """One number, given in units of its last place, in a style."""
    whole, part = divmod(abs(value), 10 ** style["places"])
    group = {"other": "," if style["decimal"] == "." else "."}.get(style["group"], style["group"])
    text = f"{whole:,}".replace(",", group)
    if style["places"]:
        text += style["decimal"] + str(part).zfill(style["places"])
    text = style["unit"].format(text)
    return style["negative"].format(text) if value < 0 else text


@settings(max_examples=150, deadline=None)
@given(STYLES, st.lists(st.integers(-(10**9), 10**9), min_size=2, max_size=12))
def test_a_style_is_read_back_or_said(tmp_path_factory, style, values):
    path = tmp_path_factory.mktemp("style", numbered=True) / "t.csv"
    stream = io.StringIO()
    rows = csv.writer(stream, delimiter=style["sep"])
    rows.writerows([["k", "v"], *([f"row {k}", written(value, style)] for k, value in enumerate(values))])
    path.write_text(stream.getvalue(), encoding="utf-8")
    table = tables.read(path)
    reading, notes = Reading.of(table.frame["v"], table.dialect)
    right = np.array(values) / 10 ** style["places"]
    if reading.kind == "number" and not said(table.notes, "by convention alone"):
        np.testing.assert_allclose(reading.numbers(table.frame["v"]), right, rtol=1e-15)
    elif reading.kind == "number":
        # All cells are such as 1,234: three digits after one mark.
        found = [numerals.amount(cell) for cell in table.frame["v"]]
        assert any(one.point != one.comma for one in found)
    else:
        assert reading.kind == "text"
        assert notes + table.notes


@given(st.floats(allow_nan=False, allow_infinity=False, width=64))
def test_what_programs_write_is_exact(value):
    for text in (repr(value), f"{value:.17g}", json.dumps(value)):
        found = numerals.amount(text)
        assert found is not None
        assert found.point == float(text)


@given(st.text(max_size=12))
def test_no_text_breaks_the_reader(text):
    numerals.amount(text)
    numerals.evidence([text, "1"])


def test_evidence_is_of_different_cells():
    seen = numerals.evidence(["0,5", "1.234", "1.234,5", "7", "x"])
    assert seen == {"comma": 2, "either.": 1, "none": 1, ",.": 2}
    assert numerals.decide({"a": seen}, ";", None)[:2] == (",", ".")
    assert numerals.decide({}, None, None)[:2] == (".", "")
    assert pd.isna(Reading("v", "number").numbers(pd.Series(["0,5"]))).all()


def test_marks_that_are_asked_for_agree():
    assert numerals.asked(None, None) == (None, None)
    assert numerals.asked("", "") == ("", "")
    assert numerals.asked(None, "") == (None, "")
    for groups, decimal in ((".", ","), (",", "."), ("'", None), ("\u00a0", None), (",’", ".")):
        assert numerals.asked(None, groups)[0] == decimal
        assert numerals.asked(decimal, groups) == numerals.asked(None, groups)
    for decimal, groups in ((",", ","), (".", ".'"), (None, ".,")):
        with pytest.raises(InputError, match="cannot be the decimal mark and group digits"):
            numerals.asked(decimal, groups)
    for groups in ("abc", "_", "-"):
        with pytest.raises(InputError, match="--thousands"):
            numerals.asked(None, groups)


@pytest.mark.parametrize(
    ("cells", "kind"), [(["007", "012", "450"], "text"), ([f"-{2**53 + k}" for k in (1, 2)], "text")]
)
def test_codes_stay_apart_unless_numbers_are_asked_for(cells, kind):
    column = pd.Series(cells * 5, name="x")
    assert Reading.of(column, Dialect(decimal="."))[0].kind == kind
    asked, _ = Reading.of(column, Dialect(decimal="."), "number")
    assert asked.numbers(column).tolist() == [float(cell) for cell in cells] * 5
