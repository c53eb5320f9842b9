"""Files as people have them: read with the right values, kept as text, or refused; none is wrong silently."""

import datetime
import gzip
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import openpyxl.chart
import pandas as pd
import pytest

from made_tables import said
from widelearn.experiments.errors import InputError
from widelearn.experiments.tables import table as tables
from widelearn.experiments.tables.dialect import Dialect
from widelearn.experiments.tables.readings import Reading

NAN = float("nan")


def contents(path: Path, asked: Dialect | None = None) -> tuple[dict[str, list], list[str]]:
    """What each column holds, by its own reading: numbers, texts, or days and hours; and what is noted."""
    table = tables.read(path, asked)
    found, notes = {}, list(table.notes)
    for name in table.frame.columns:
        reading, more = Reading.of(table.frame[name], table.dialect)
        notes += more
        column = table.frame[name]
        found[name] = [reading.kind, *(reading.text(column) if reading.kind == "text" else reading.numbers(column))]
    return found, notes


def days(*dates: str) -> list[float]:
    return [(datetime.date.fromisoformat(date) - datetime.date(1970, 1, 1)).days for date in dates]


def column(*cells: str, sep: str = ",", other: str = "x") -> str:
    """A file of two columns, of which the second holds the cells (quoted)."""
    return f"k{sep}v\n" + "".join(f'{other}{k}{sep}"{cell}"\n' for k, cell in enumerate(cells))


def number(*values: float) -> dict[str, list]:
    return {"v": ["number", *values]}


def text(*values: str | None) -> dict[str, list]:
    return {"v": ["text", *values]}


# What the cells of one column become: cells, separator, what is right, and words of the note if there must be one.
COLUMNS: list[tuple[list[str], str, dict[str, list], tuple[str, ...]]] = [
    (["(1,234)", "950", "1,000"], ",", number(-1234, 950, 1000), ()),
    (["−5", "3.5", "-2"], ",", number(-5, 3.5, -2), ()),
    (["5.00-", "3.25", "0.50"], ",", number(-5, 3.25, 0.5), ()),
    (["($5.00)", "$3.25"], ",", number(-5, 3.25), ()),
    (["(1)", "(2)", "(3)"], ",", text("(1)", "(2)", "(3)"), ("parentheses",)),
    (["1.005.977", "950", "2.100"], ";", number(1005977, 950, 2100), ("comma",)),
    (["1,005,977", "950", "2,100"], ",", number(1005977, 950, 2100), ()),
    (["1.738", "950", "2.100"], ";", number(1738, 950, 2100), ("comma",)),
    (["1.738", "950", "2.100"], ",", text("1.738", "950", "2.100"), ("nothing tells",)),
    (["1.738", "2.950", "2.100"], ",", number(1.738, 2.95, 2.1), ()),
    (["1,644", "1,200"], ";", text("1,644", "1,200"), ("nothing tells",)),
    (["1,644", "1,200"], ",", number(1644, 1200), ()),
    (["1.299,99", "12,5"], ";", number(1299.99, 12.5), ("comma",)),
    (["1'234.5", "1'234'567"], ",", number(1234.5, 1234567), ()),
    (["1\u2009234,5", "12,25"], ";", number(1234.5, 12.25), ("comma",)),
    (["1\u00a0234", "12"], ",", number(1234, 12), ()),
    (["12,34,567", "1,00,000", "950"], ",", number(1234567, 100000, 950), ()),
    (["12%", "3.5 %"], ",", number(12, 3.5), ()),
    (["$1,200", "$3"], ",", number(1200, 3), ()),
    (["1,50 €", "2,25 €"], ";", number(1.5, 2.25), ("comma",)),
    (["EUR 5", "EUR 7"], ",", number(5, 7), ()),
    (["$5", "€5"], ",", text("$5", "€5"), ("units",)),
    (["5 kg", "500 g"], ",", text("5 kg", "500 g"), ("units", "kg")),
    (["5 kg", "6"], ",", text("5 kg", "6"), ("units",)),
    (["12%", "0.12"], ",", text("12%", "0.12"), ("units",)),
    (["1.5k", "2M"], ",", text("1.5k", "2M"), ("units",)),
    (["5 km/h", "7 km/h"], ",", number(5, 7), ()),
    (["120 m²", "80 m²"], ",", number(120, 80), ()),
    (["21 °C", "-3 °C"], ",", number(21, -3), ()),
    (["36 months", "60 months"], ",", number(36, 60), ()),
    (["yes", "no", "yes"], ",", text("yes", "no", "yes"), ()),
    (["TRUE", "false"], ",", number(1, 0), ()),
    (["1e5", "2.5E-3", "3"], ",", number(1e5, 0.0025, 3), ()),
    (["0x1F", "0x2A"], ",", text("0x1F", "0x2A"), ()),
    (["inf", "1", "-Infinity"], ",", number(NAN, 1, NAN), ("2 infinite",)),
    (["1", "NaN", "2"], ",", number(1, NAN, 2), ()),
    (["1", "NA", "-", "?", "null", "2.5", "3", "4"], ",", number(1, NAN, NAN, NAN, NAN, 2.5, 3, 4), ()),
    (["NA", "DE", "FR"], ",", text("NA", "DE", "FR"), ()),
    (["None", "null", "some"], ",", text("None", "null", "some"), ()),
    (["+", "-", "0"], ",", text("+", "-", "0"), ()),
    (["007", "010", "123"], ",", text("007", "010", "123"), ("leading zeros",)),
    (["01234", "98765"], ",", text("01234", "98765"), ("leading zeros",)),
    (["9007199254740993", "9007199254740992"], ",", text("9007199254740993", "9007199254740992"), ("2^53",)),
    (["123456789012345678", "1"], ",", text("123456789012345678", "1"), ("2^53",)),
    (["low", "1", "2", "3"], ",", number(NAN, 1, 2, 3), ()),
    (["<5", "7", "9"], ",", number(NAN, 7, 9), ()),
    (["A1", "A2"], ",", text("A1", "A2"), ()),
    (["1_000", "2_000"], ",", text("1_000", "2_000"), ()),
    (["10-20", "20-30"], ",", text("10-20", "20-30"), ()),
    (["1/2", "3/4"], ",", text("1/2", "3/4"), ()),
    (["192.168.1.1", "10.0.0.1"], ",", text("192.168.1.1", "10.0.0.1"), ()),
    (["1st", "2nd", "3rd"], ",", text("1st", "2nd", "3rd"), ("units",)),
    (["١٢", "٣"], ",", text("١٢", "٣"), ()),
    (["0.5", "0,25"], ";", text("0.5", "0,25"), ("disagree",)),
    (["07:45", "23:10"], ",", {"v": ["time", 7.75, 23 + 1 / 6]}, ()),
    (["7:45 PM", "12:00 AM"], ",", {"v": ["time", 19.75, 0]}, ()),
    (["1:30:00", "26:00:00"], ",", {"v": ["time", 1.5, 26]}, ()),
    (["AM", "PM"], ",", text("AM", "PM"), ()),
    (["45:10", "1:02:03"], ",", text("45:10", "1:02:03"), ("doubt",)),
    (["1h 30m", "2h 15m"], ",", {"v": ["time", 1.5, 2.25]}, ()),
    (["90 min", "2 h"], ",", {"v": ["time", 1.5, 2]}, ()),
    (["PT1H30M", "P1DT2H"], ",", {"v": ["time", 1.5, 26]}, ()),
    (["2021-01-04", "2021-12-31"], ",", {"v": ["date", *days("2021-01-04", "2021-12-31")]}, ()),
    (
        ["Monday, January 04, 2021", "Friday, December 31, 2021"],
        ",",
        {"v": ["date", *days("2021-01-04", "2021-12-31")]},
        (),
    ),
    (["31/12/2020", "01/02/2021"], ",", {"v": ["date", *days("2020-12-31", "2021-02-01")]}, ()),
    (["12/31/2020", "01/02/2021"], ",", {"v": ["date", *days("2020-12-31", "2021-01-02")]}, ()),
    (["01/02/2020", "03/04/2021"], ",", text("01/02/2020", "03/04/2021"), ("day or the month",)),
    (["31/12/2020", "12/31/2020"], ",", text("31/12/2020", "12/31/2020"), ("day or the month",)),
    (["1.2.2020", "3.4.2021"], ",", {"v": ["date", *days("2020-02-01", "2021-04-03")]}, ()),
    (["04-Jan-21", "31-Dec-99"], ",", {"v": ["date", *days("2021-01-04", "1999-12-31")]}, ("two digits",)),
    (
        ["2021-01-04T05:00:00+05:00", "2021-01-04T00:00:00Z"],
        ",",
        {"v": ["date", *days("2021-01-04", "2021-01-04")]},
        (),
    ),
    (["4 Jan 2021", "Mar 3, 2021"], ",", {"v": ["date", *days("2021-01-04", "2021-03-03")]}, ()),
    (["2021-02-30", "2021-13-01"], ",", text("2021-02-30", "2021-13-01"), ()),
    (["$ -5", "-$1,234.50"], ",", number(-5, -1234.5), ()),
    (["1.2.3", "2.3.4"], ",", text("1.2.3", "2.3.4"), ()),
    (["~5", "6", "5±1"], ",", text("~5", "6", "5±1"), ()),
    (["", "2", "4"], ",", number(NAN, 2, 4), ()),
    (["Smith, John", "Roe; Jane"], ",", text("Smith, John", "Roe; Jane"), ()),
    (["a\nb", "c"], ",", text("a\nb", "c"), ()),
    (["1½", "2½"], ",", text("1½", "2½"), ()),
    (["P1M", "P2M"], ",", text("P1M", "P2M"), ()),
    (["PT5M", "P1DT30S"], ",", {"v": ["time", 1 / 12, 24 + 1 / 120]}, ()),
    (["true", "False"], ",", number(1, 0), ()),
    (["3", "5", "true", "7"], ",", number(3, 5, NAN, 7), ()),
    (["3 kg", "5 kg", "false", "7 kg"], ",", number(3, 5, NAN, 7), ()),
    *[
        ([form.format(3), form.format(2)], ";", text(form.format(3), form.format(2)), ("2^53",))
        for form in ("9,007,199,254,740,99{}", "$900719925474099{}", "+900719925474099{}", "900719925474099{}.0")
    ],
    (["1001-01", "4711-07", "8200-03"], ",", text("1001-01", "4711-07", "8200-03"), ()),
    (["2008-09", "2009-10"], ",", text("2008-09", "2009-10"), ("next year",)),
    (["2008-09", "2009-09"], ",", {"v": ["date", *days("2008-09-01", "2009-09-01")]}, ()),
    (["21-02-15", "23-11-30"], ",", {"v": ["date", *days("2015-02-21", "1930-11-23")]}, ("2015-02-21",)),
]


@pytest.mark.parametrize(("cells", "sep", "right", "words"), COLUMNS, ids=[" ".join(row[0])[:40] for row in COLUMNS])
def test_columns(tmp_path, cells, sep, right, words):
    (tmp_path / "t.csv").write_text(column(*cells, sep=sep), encoding="utf-8")
    found, notes = contents(tmp_path / "t.csv")
    assert found["v"][0] == right["v"][0], notes
    if found["v"][0] == "text":
        assert found["v"] == right["v"]
    else:
        np.testing.assert_allclose(found["v"][1:], right["v"][1:], rtol=1e-12)  # rounding of one division
    assert not words or said(notes, *words), notes


def workbook(*rows: list[Any], more: bool = False) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    if more:
        book.create_sheet("second").append(["p", "q"])
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


AB = {"a": ["number", 1, 3], "b": ["number", 2, 4]}
ARFF = "@relation r\n@attribute a numeric\n@attribute c {u,v}\n@data\n1,u\n?,v\n"
RAGGED = "a,b\n" + "1,2\n" * 20 + "1,2,3\n"
TOWN = ["Москва", "Рязань", "Псков", "Казань"]
CITIES = "город,y\n" + "".join(f"{TOWN[k % 4]},{k}\n" for k in range(24))
TOWNS = ["text", "東京都", "大阪府", "京都府"]
ACCENTS = "name,y\nét,0\nüt,1\nçt,2\nêt,3\nÅt,4\n"
CODES = {"a": ["number", 1, NAN], "c": ["text", "1", "2"]}
# File name, content, what is right or the refusal's words, and words of the note.
FILES: list[tuple[str, str | bytes, dict[str, list] | str, tuple[str, ...]]] = [
    ("sep_line.csv", "sep=;\na;b\n1;2\n3;4\n", AB, ("names the separator",)),
    ("title.csv", "Report of 2021\n\na,b\n1,2\n3,4\n", AB, ("1 line above",)),
    ("comment.csv", "# made by hand\n# twice\na,b\n1,2\n# between\n3,4\n", AB, ("begin with #",)),
    ("hash_header.data", "# a b\n1 2\n3 4\n", AB, ("blanks",)),
    ("blanks.data", "a   b\n1    2\n3      4\n", AB, ("blanks",)),
    ("pipe.txt", "a|b\n1|2\n3|4\n", AB, ("'|'",)),
    ("tabs.tsv", "a\tb\n1\t2\n3\t4\n", AB, ()),
    ("bom.csv", b"\xef\xbb\xbfa,b\n1,2\n3,4\n", AB, ()),
    ("utf16.csv", "a,b\n1,2\n3,4\n".encode("utf-16"), AB, ("UTF-16",)),
    ("utf16_without_mark.csv", "a,b\n1,2\n3,4\n".encode("utf-16-le"), AB, ("UTF-16",)),
    ("cr.csv", b"a,b\r1,2\r3,4\r", AB, ()),
    ("crlf.csv", b"a,b\r\n1,2\r\n3,4\r\n", AB, ()),
    ("blank_lines.csv", "a,b\n1,2\n\n3,4\n\n\n", AB, ()),
    (
        "trailing.csv",
        "a,b,\n1,2,\n3,4,\n",
        {"a": ["number", 1, 3], "b": ["number", 2, 4], "column 3": ["number", NAN, NAN]},
        (),
    ),
    ("trailing_rows.csv", "a,b\n1,2,\n3,4,\n", AB, ("end with a separator",)),
    ("gzip.csv.gz", gzip.compress(b"a,b\n1,2\n3,4\n"), AB, ()),
    ("records.jsonl", '{"a": 1, "b": 2}\n{"a": 3, "b": 4}\n', AB, ()),
    ("list.json", '[{"a": 1, "b": 2}, {"a": 3, "b": 4}]', AB, ()),
    ("text.jsonl", '{"a": "007"}\n{"a": null}\n', {"a": ["text", "007", None]}, ("leading zeros",)),
    ("utf16.jsonl", '{"a": 1, "b": 2}\n\n{"a": 3, "b": 4}\n'.encode("utf-16"), AB, ("UTF-16",)),
    ("large.jsonl", '{"a": 9007199254740993}\n{"a": 1}\n', {"a": ["text", "9007199254740993", "1"]}, ("2^53",)),
    ("plain.arff", ARFF, {"a": ["number", 1, NAN], "c": ["text", "u", "v"]}, ()),
    ("book.xlsx", workbook(["a", "b"], [1, 2], [3, 4]), AB, ()),
    ("title.xlsx", workbook(["Report"], [], ["a", "b"], [1, 2], [3, 4]), AB, ("above",)),
    ("sheets.xlsx", workbook(["a", "b"], [1, 2], [3, 4], more=True), AB, ("second",)),
    (
        "dates.xlsx",
        workbook(
            ["d", "t", "n"],
            [pd.Timestamp("2021-01-04").to_pydatetime(), datetime.time(7, 45), "007"],
            [pd.Timestamp("2021-01-05").to_pydatetime(), datetime.time(8), "010"],
        ),
        {"d": ["date", *days("2021-01-04", "2021-01-05")], "t": ["time", 7.75, 8], "n": ["text", "007", "010"]},
        ("leading zeros",),
    ),
    (
        "no_header.csv",
        "5.1,3.5,u\n4.9,3.0,v\n4.7,3.2,u\n4.6,3.1,u\n",
        {"column 3": ["text", "u", "v", "u", "u"]},
        ("--header",),
    ),
    ("all_numbers.csv", "5.1,3.5\n4.9,3.0\n4.7,3.2\n", {"column 1": ["number", 5.1, 4.9, 4.7]}, ("--header",)),
    ("all_text.data", "x,o,x\no,o,x\nx,x,o\no,x,o\n", {"column 1": ["text", "x", "o", "x", "o"]}, ("--header",)),
    ("years.csv", "2019,2020\n5.5,6.5\n7.5,8.5\n", {"2019": ["number", 5.5, 7.5]}, ()),
    ("counted.csv", "0,1\n5.5,6.5\n7.5,8.5\n", {"0": ["number", 5.5, 7.5]}, ()),
    (
        "repeated.csv",
        "a,a,\n1,2,3\n4,5,6\n",
        {"a": ["number", 1, 4], "a.1": ["number", 2, 5], "column 3": ["number", 3, 6]},
        (),
    ),
    ("row_names.csv", "a,b\nr1,1,2\nr2,3,4\n", AB, ("row names",)),
    ("short.csv", "a,b,c\n1,2,3\n4,5\n6,7,8\n", {"c": ["number", 3, NAN, 8]}, ("fewer fields",)),
    ("ragged.csv", RAGGED, {"a": ["number", *[1] * 20]}, ("1 line with more",)),
    (
        "one_file.csv",
        "a;b\n0,5;1.738\n1,25;950\n",
        {"a": ["number", 0.5, 1.25], "b": ["number", 1738, 950]},
        ("comma",),
    ),
    ("thousandths.csv", "a;y\n0,5;1,644\n1,25;2,100\n", {"y": ["number", 1.644, 2.1]}, ("comma",)),
    ("tab_commas.tsv", "a\tb\n1,5\t2\n0,25\t4\n", {"a": ["number", 1.5, 0.25]}, ()),
    ("values_only.txt", "1,5;2\n0,25;4\n2,75;7\n", {"column 1": ["number", 1.5, 0.25, 2.75]}, ("';'",)),
    ("latin.csv", "name,y\nJosé,1\nZoë,2\n".encode("cp1252"), {"name": ["text", "José", "Zoë"]}, ("cp1252",)),
    ("one_column.csv", "a\n1\n\n3\n\n", {"a": ["number", 1, NAN, 3]}, ()),
    *[
        (f"{name}.csv", CITIES.encode(name), {"город": ["text", *TOWN * 6]}, (name.replace("-", "_"),))
        for name in ("cp1251", "koi8-r", "cp866")
    ],
    ("japanese.csv", "名前,y\n東京都,1\n大阪府,2\n京都府,3\n".encode("cp932"), {"名前": TOWNS}, ("cp932",)),
    ("mac.csv", ACCENTS.encode("mac-roman"), {"y": ["number", *range(5)]}, ("not UTF-8",)),
    ("empty_cell.data", "a  b  c\n1  2  3\n4     6\n7  8  9\n", "blanks do not tell which is missing", ()),
    ("two_tables.csv", "a,b\n1,2\n3,4\n\nc,d,e\n5,6,7\n8,9,1\n5,6,7\n", "nothing tells which", ()),
    ("thousands.csv", "id,price\n1,1,200\n2,3,400\n3,900\n", "nothing tells which field is missing", ()),
    ("ended_short.csv", "a,b,c\n1,2,3,\n4,5\n6,7,8,\n", {"c": ["number", 3, NAN, 8]}, ("fewer fields",)),
    ("pandas_names.csv", "0,1,y\n5.5,6.5,1\n7.5,8.5,2\n", {"0": ["number", 5.5, 7.5], "y": ["number", 1, 2]}, ()),
    ("codes.arff", ARFF.replace("{u,v}", "{1,2}").replace("1,u", "1,1").replace("?,v", "?,2"), CODES, ()),
    ("large.arff", ARFF.replace("\n1,u", "\n9007199254740993,u").replace("?", "5"), {}, ("2^53", "16 digits")),
    ("large_point.jsonl", '{"a": 9007199254740993.0}\n{"a": 1.5}\n', {"a": ["text", "9007199254740993.0", "1.5"]}, ()),
    ("huge.jsonl", '{"a": 1e300}\n{"a": 1.5e18}\n', {"a": ["number", NAN, 1.5e18]}, ("infinite",)),
    ("twice.jsonl", '{"a": 1, "a": 2}\n', "names 'a' more than once", ()),
    ("nul.csv", b"a,b\n1,2\x00\n3,4\n", "is not text", ()),
    ("wide.csv", "a,b\n" + "1,2,3,4\n" * 9, "fields", ()),
    ("broken.jsonl", '{"a": 1}\n{"a": \n', "line 2", ()),
    ("lists.json", "[1, 2]", "one JSON object a line", ()),
    ("strings.arff", "@relation r\n@attribute s string\n@data\n'a'\n", "cannot read", ()),
    ("empty.xlsx", workbook([]), "is empty", ()),
    ("text.xlsx", "a,b\n1,2\n", "not an .xlsx workbook", ()),
    ("old.xls", b"\xd0\xcf\x11\xe0", "cannot tell the format", ()),
]


@pytest.mark.parametrize(("name", "content", "right", "words"), FILES, ids=[row[0] for row in FILES])
def test_files(tmp_path, name, content, right, words):
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    if isinstance(right, str):
        with pytest.raises(InputError, match=right) as caught:
            tables.read(path)
        assert "\n" not in str(caught.value)
        return
    found, notes = contents(path)
    for key, values in right.items():
        assert found[key][0] == values[0], (key, found, notes)
        assert found[key][1:] == pytest.approx(values[1:], nan_ok=True), key
    assert not words or said(notes, *words), notes


@pytest.mark.parametrize(
    ("content", "asked", "right"),
    [
        ("a;b\n1,644;2\n1,200;4\n", {"decimal": ","}, {"a": ["number", 1.644, 1.2]}),
        ("x\nx\na,b\n1,2\n3,4\n", {"skip_rows": 2}, AB),
        ("1,2\n3,4\n", {"header": True}, {"1": ["number", 3], "2": ["number", 4]}),
        ("a,b\nu,v\n", {"header": False}, {"column 1": ["text", "a", "u"]}),
        ("a#b\n1#2\n3#4\n", {"sep": "#"}, AB),
        ("a,b\n1,999\n3,2\n", {"na": ("999",)}, {"b": ["number", NAN, 2]}),
        ("a\n01/02/2020\n03/04/2020\n", {"day_first": True}, {"a": ["date", *days("2020-02-01", "2020-04-03")]}),
    ],
)
def test_what_is_asked_decides(tmp_path, content, asked, right):
    (tmp_path / "t.csv").write_text(content)
    found, _ = contents(tmp_path / "t.csv", Dialect(**asked))
    for key, values in right.items():
        assert found[key] == pytest.approx(values, nan_ok=True) if values[0] != "text" else found[key] == values


def test_options_that_name_nothing_are_refused(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    (tmp_path / "t.xlsx").write_bytes(workbook(["a"], [1]))
    for asked, message in [
        ({"drop": ("aa",)}, "--drop"),
        ({"encoding": "klingon"}, "klingon"),
        ({"sep": ",,"}, "--sep"),
    ]:
        with pytest.raises(InputError, match=message):
            tables.read(tmp_path / "t.csv", Dialect(**asked))
    with pytest.raises(InputError, match="no sheet 'b'"):
        tables.read(tmp_path / "t.xlsx", Dialect(sheet="b"))


def test_standard_input(monkeypatch):
    for text in ("a,b\n1,2\n3,4\n", json.dumps([{"a": 1, "b": 2}, {"a": 3, "b": 4}])):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
        table = tables.read("-")
        assert table.name == "standard input"
        assert pd.to_numeric(table.frame["b"]).tolist() == [2, 4]


def test_a_later_file_is_read_as_the_first(tmp_path):
    (tmp_path / "first.csv").write_text("a;b\n0,5;1\n1,25;2\n")
    dialect = tables.read(tmp_path / "first.csv").dialect
    assert Dialect.from_dict(json.loads(json.dumps(dialect.to_dict()))) == dialect
    (tmp_path / "later.csv").write_text("a,b\n0.5,1\n")
    with pytest.raises(InputError, match="separated by ',', those of the model's table by ';'"):
        tables.read(tmp_path / "later.csv", dialect)
    (tmp_path / "long.csv").write_text("a;b\n" + "1,5;2\n" * 20 + "1;2;3\n1,5;2\n")
    with pytest.raises(InputError, match="line 22"):
        tables.read(tmp_path / "long.csv", dialect)


@pytest.mark.parametrize("encoding", ["cp1251", "cp866", "koi8-r", "mac-roman", "cp437", "cp932", "gb18030"])
def test_different_bytes_stay_different_texts(tmp_path, encoding):
    labels = {"cp866": "БНПРЭ", "cp1251": "БНПРЭ", "koi8-r": "БНПРЭ", "cp932": "東大京都府", "gb18030": "东大京都府"}
    labels = [f"{mark}t" for mark in labels.get(encoding, "éüÅÉÇ")]
    (tmp_path / "t.csv").write_bytes(("y,k\n" + "".join(f"{label},1\n" for label in labels)).encode(encoding))
    table = tables.read(tmp_path / "t.csv")
    assert len(set(table.frame["y"])) == 5
    assert said(table.notes, "not UTF-8")
    assert list(tables.read(tmp_path / "t.csv", Dialect(encoding=encoding)).frame["y"]) == labels


def test_arrays_keep_their_columns_and_values(tmp_path):
    X = np.arange(12.0).reshape(3, 4)
    np.savez(
        tmp_path / "t.npz", X=X, X0=X[:, 0] + 50, y=[[0, 2.5], [1.5, 0], [0, 3]], k=np.array(["é".encode(), b"u", b"e"])
    )
    table = tables.read(tmp_path / "t.npz")
    assert table.frame["X0"].tolist() == [0, 4, 8]
    assert table.frame["X0.1"].tolist() == [50, 54, 58]
    assert table.frame["y0"].tolist() == [0, 1.5, 0]
    assert table.frame["k"].tolist() == ["é", "u", "e"]
    np.savez(tmp_path / "hot.npz", X=X, y=[[0, 1], [1, 0], [0, 1]])
    assert tables.read(tmp_path / "hot.npz").frame["y"].tolist() == [1, 0, 1]


def test_a_chart_before_the_cells_is_no_sheet(tmp_path):
    book = openpyxl.Workbook()
    sheet, chart = book.active, openpyxl.chart.BarChart()
    sheet.append(["a", "b"])
    sheet.append([1, 2])
    chart.add_data(openpyxl.chart.Reference(sheet, min_col=1, min_row=1, max_row=2))
    book.create_chartsheet("chart", 0).add_chart(chart)
    book.save(tmp_path / "t.xlsx")
    assert tables.read(tmp_path / "t.xlsx").frame.to_numpy().tolist() == [[1, 2]]
