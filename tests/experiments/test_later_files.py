"""No row of a later file shifts or vanishes unsaid, whatever its bytes, blanks and first line are."""

import dataclasses
import io
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge

from widelearn.experiments.comparison.fitted import FittedModel, TargetScale, versions
from widelearn.experiments.comparison.prediction import _check_width, _in_doubt, _tell_score
from widelearn.experiments.errors import InputError
from widelearn.experiments.tables.dialect import Dialect
from widelearn.experiments.tables.preparation import TablePreparation
from widelearn.experiments.tables.problem import Request, build
from widelearn.experiments.tables.table import read

ROWS = [["1", "ä"], ["", ""], ["3", "c"]]
TEXT = "größe,k\n1,ä\n,\n3,c\n"
NAMELESS = "1.5,u,3\n2.5,v,4\n3.5,u,4\n" * 4


def written(folder, content, name="t.csv"):
    path = folder / name
    path.write_bytes(content)
    return path


def first(folder, content, **asked):
    return read(written(folder, content), Dialect(**asked)).dialect


ENCODINGS = ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le"]


@pytest.mark.parametrize("then", ENCODINGS)
@pytest.mark.parametrize("now", ENCODINGS)
def test_a_later_file_may_be_encoded_otherwise(then, now, tmp_path):
    dialect = first(tmp_path, TEXT.encode(then))
    if now == "cp1252" and then != now:
        with pytest.raises(InputError, match=r"is not utf-.* text: .*--encoding"):
            read(written(tmp_path, TEXT.encode(now)), dialect)
        dialect = dialect.but(encoding=now)
    table = read(written(tmp_path, TEXT.encode(now)), dialect)
    assert list(table.frame.columns) == ["größe", "k"]
    assert table.frame.to_numpy().tolist() == ROWS
    told = any("read as UTF-8" in note for note in table.notes)
    assert told == (now == "utf-8" and then in ("cp1252", "utf-16", "utf-16-le"))


@pytest.mark.parametrize("later", [False, True])
@pytest.mark.parametrize(
    ("sep", "empty"), [(",", ",,"), (";", ";;"), ("\t", "\t\t"), (",", '"","",""'), (",", " , , ")]
)
def test_a_row_of_separators_is_a_row(sep, empty, later, tmp_path):
    lines = [f"a{sep}b{sep}c", f"1{sep}2{sep}3", empty, f"4{sep}5{sep}6", "", empty]
    path = written(tmp_path, "\n".join(lines).encode())
    frame = read(path, read(path).dialect if later else None).frame
    assert frame.to_numpy().tolist() == [["1", "2", "3"], [""] * 3, ["4", "5", "6"], [""] * 3]


def test_a_row_without_cells_keeps_its_place_in_a_workbook(tmp_path):
    frame = pd.DataFrame({"a": [1.0, None, 3.0], "b": ["u", None, "w"]})
    content = io.BytesIO()
    frame.to_excel(content, index=False, startrow=2, startcol=1)
    found = read(written(tmp_path, content.getvalue(), "t.xlsx")).frame
    assert found.to_numpy().tolist() == [[1, "u"], ["", ""], [3, "w"]]
    content = io.BytesIO()
    frame[1:].assign(c=[5, 6]).to_excel(content, index=False, header=False)
    table = read(written(tmp_path, content.getvalue(), "t.xlsx"), Dialect(header=False))
    assert table.frame["column 3"].tolist() == [5, 6]


def test_the_first_line_below_no_names_is_a_row_though_cells_are_missing(tmp_path):
    dialect = first(tmp_path, NAMELESS.encode())
    assert dialect.header is False
    for line in (",,5", "2,,", ",,", "?,NA,1", "1.5,u,3"):
        table = read(written(tmp_path, f"{line}\n2.5,v,4\n3.5,u,4\n".encode()), dialect)
        assert table.frame.iloc[0].tolist() == line.split(",")
        assert len(table.frame) == 3
    with pytest.raises(InputError, match=r"looks like names \('x', 'k', 'y'\).*--skip-rows 1"):
        read(written(tmp_path, f"x,k,y\n{NAMELESS}".encode()), dialect)
    table = read(written(tmp_path, f"x,k,y\n{NAMELESS}".encode()), dialect.but(skip_rows=1))
    assert len(table.frame) == 12
    assert table.notes == ["1 line left out, as of the model's table (--skip-rows)"]


@pytest.mark.parametrize(
    ("asked", "content", "said"),
    [
        ({"skip_rows": 9}, b"a,b\n1,2\n", "--skip-rows 9 leaves nothing of .*, which has 2 lines"),
        ({"skip_rows": 2}, b"a,b\r1,2\r", "--skip-rows 2 leaves nothing"),
        *[({"sep": sep}, b"a,b\n1,2\n", "--sep takes one character") for sep in ('"', "\n", "1", "x")],
        ({}, b'a,b\n1,"u\n2,v\n', r"\(line 3\): close each quoted field, and double"),
        ({}, b'a,b\n1,"u"v\n2,w\n', r"\(line 2\): close each quoted field, and double"),
    ],
)
def test_what_cannot_be_cut_is_refused_with_a_remedy(asked, content, said, tmp_path):
    with pytest.raises(InputError, match=said) as error:
        read(written(tmp_path, content), Dialect(**asked))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("first_day", "odd"), [(True, "01/25/2020"), (False, "25/01/2020")])
def test_dates_of_the_other_order_are_refused(first_day, odd):
    days = pd.date_range("2020-01-09", periods=40).strftime("%d/%m/%Y" if first_day else "%m/%d/%Y")
    frame = pd.DataFrame({"day": days})
    fitted = TablePreparation().fit(frame)
    assert fitted.transform(frame).shape == (40, len(fitted.get_feature_names_out()))
    later = pd.DataFrame({"day": ["01/02/2020", odd, "03/04/2020"]})
    with pytest.raises(InputError, match=f"'day' has '{odd}': the table of the model wrote the .*2020-12-31"):
        fitted.transform(later)
    # Who names the order of a table that has both is not refused that table, and finds the odd ones as words.
    both = pd.concat([frame, frame, later[1:2]])
    asked = TablePreparation(day_first=first_day, dates=("day",)).fit(both)
    assert len(asked.transform(both)) == 81
    assert any(odd in note for note in asked.notes_)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    x = np.linspace(0.5, 9.5, 40).round(2)
    text = pd.DataFrame({"x": x, "y": (3 * x + 0.25).round(2)}).to_csv(index=False)
    problem = build(read(written(tmp_path_factory.mktemp("first"), text.encode())), Request("y"))
    scale = TargetScale.of(problem.arrays["y_train"])
    ridge = Ridge(1e-9).fit(problem.arrays["X_train"], scale.forward(problem.arrays["y_train"]))
    about = {"row": {"model": "ridge"}, "versions": versions(), "data": "t.csv"}
    return FittedModel(problem.preparation, ridge, scale, None, problem.target, about)


@pytest.mark.parametrize(
    ("targets", "said"),
    [
        (["3.25", "6.25", "9.25"], "r2 1.0000 ± 0.0000 on the 3 rows with 'y'\n"),
        (
            ["3,25", "6,25", "9,25"],
            "no score: column 'y' has '3,25', '6,25', '9,25': the table of the model wrote numbers",
        ),
        (["3,250", "6,250", "9,250"], "no score: column 'y' has '3,250'"),
        (["3.25 kg", "6.25 kg", "9.25 kg"], "no score: column 'y' has '3.25 kg'"),
        (["3.25", "about 6", "9.25"], "note: 'y': 1 cell no number: 'about 6'\nr2 1.0000"),
        (["?", "", "NA"], None),
    ],
)
def test_targets_of_a_later_file_that_are_not_read_are_told(model, targets, said, capsys):
    frame = pd.DataFrame({"x": ["1.0", "2.0", "3.0"], "y": targets})
    _tell_score(model, frame, model.predict(frame))
    err = capsys.readouterr().err
    assert err == "" if said is None else said in err


def test_lists_among_numbers_are_refused(model):
    frame = pd.DataFrame({"x": [1.0, [2.0], {"a": 1}]})
    for refused in (lambda: model.preparation.doubts(frame), lambda: model.predict(frame)):
        with pytest.raises(InputError, match="'x' holds lists or records, where the model's table has a number"):
            refused()


def test_options_of_other_formats_and_targets_of_other_marks_are_refused(tmp_path):
    for name, asked in (("t.csv", {"sheet": "a"}), ("t.jsonl", {"sep": ";"}), ("t.npz", {"skip_rows": 2})):
        with pytest.raises(InputError, match=f"--{next(iter(asked)).replace('_', '-')} is for .*: leave it out"):
            read(written(tmp_path, b"a,b\n1,2\n", name), Dialect(**asked))
    rows = "".join(f"{k};{k / 4}\n" for k in range(1, 60))
    table = read(written(tmp_path, f"x;y\n{rows}".encode()), Dialect(decimal=","))
    with pytest.raises(InputError, match=r"'y' holds .*, no numbers with the decimal mark ',': --decimal, or --task"):
        build(table, Request("y"))
    rows = "".join(f"{k};{k % 3}.{k % 3}\n" for k in range(1, 60))
    table = read(written(tmp_path, f"x;y\n{rows}".encode()), Dialect(decimal=","))
    assert build(table, Request("y")).classes == ["0.0", "1.1", "2.2"]


def fitted(**columns):
    return TablePreparation().fit(pd.DataFrame(columns))


PERCENT, CLOCK = ["5%", "6%", "7.5%"] * 4, ["1:30:00", "2:45:10", "0:10:00"] * 4


@pytest.mark.parametrize(
    ("then", "now", "message"),
    [
        (PERCENT, [0.05, 0.06], "'x' has the numbers 0.05, 0.06, and those .* had the unit '%'"),
        (PERCENT, ["5%", 0.06], "the numbers 0.06"),
        (PERCENT, ["5%", "0.06"], "unit '%'"),
        (CLOCK, ["3:20", "1:00:00"], "has 3:20: .* times as a:b:c"),
        (["3:20", "4:50"] * 6, ["3:20:00"], "times as a:b,"),
    ],
)
def test_cells_of_another_scale_are_refused(then, now, message):
    with pytest.raises(InputError, match=message):
        fitted(x=then).transform(pd.DataFrame({"x": now}))


@pytest.mark.parametrize(
    ("then", "now"),
    [
        (pd.date_range("2021-01-01", periods=12), [44200, 44201.5]),
        (["2021-01-04", "2021-03-05"] * 6, [44200, 44201.5]),
        (CLOCK, [0.1, 0.2]),
        ([1.5, 2.5, 3.5] * 4, [True, False]),
        (["true", "false"] * 6, [5, 7]),
    ],
)
def test_cells_of_another_kind_are_refused_and_one_among_many_is_told(then, now):
    preparation = fitted(x=then)
    with pytest.raises(InputError, match="cells are none here"):
        preparation.doubts(pd.DataFrame({"x": now}))
    mixed = pd.DataFrame({"x": [*then, now[0]]}, dtype=object)
    [note] = preparation.doubts(mixed)
    assert note == f"'x': 1 cell never seen, taken as missing: {str(now[0])!r}"


def test_what_counts_as_missing_in_later_rows_is_told():
    preparation = fitted(x=[1.5, 2.5] * 6, day=pd.date_range("2021-01-01", periods=12), kind=list("ab") * 6)
    far = np.array([10**13, 0], "datetime64[s]")
    notes = preparation.doubts(pd.DataFrame({"x": [np.inf, 1], "day": far, "kind": ["c", "a"]}))
    assert notes == [
        "'x': 1 infinite value counted as missing",
        "'day': 1 date beyond the years 1 to 9999 counted as missing",
        "'kind': 1 cell never seen, taken as none of those known: 'c'",
    ]
    assert fitted(x=range(12), y=[1, 5] * 6).doubts(np.array([[1.0, 5.0]])) == []


def test_truth_in_a_later_file_may_be_a_number():
    preparation = fitted(x=["true", "false", "true"] * 4)
    wanted = preparation.transform(pd.DataFrame({"x": ["True", "FALSE"]}))
    for cells in ([True, False], [1, 0], ["1", "0"], [1.0, 0.0]):
        np.testing.assert_array_equal(preparation.transform(pd.DataFrame({"x": cells})), wanted)


def test_rows_that_begin_with_a_number_sign_do_not_vanish(tmp_path):
    dialect = first(tmp_path, b"#id,x,p\n#1,0.1,5\n#2,0.2,6\n#3,0.3,7\n")
    with pytest.raises(InputError, match="1 line begin with # and have fewer fields"):
        read(written(tmp_path, b"#id,x,p\n#1,0.1,5\n#2,0.2\n#3,0.3,7\n"), dialect)
    with pytest.raises(InputError, match="rows or comments"):
        read(written(tmp_path, b"id,x,p\n1,0.1,5\n#2,0.2\n3,0.3,7\n"), dialect)


def test_a_table_without_names_has_as_many_columns_but_for_a_last_target(model, tmp_path):
    content = "1.5,2.5,7\n2.5,3.5,7\n3.5,4.5,7\n"
    last = dataclasses.replace(model.target, name="column 3")
    fitted = dataclasses.replace(model, target=last, dialect=first(tmp_path, content.encode()))
    assert fitted.dialect.width == 3
    for text, target, refused in [
        (content, "column 3", None),
        ("1.5,2.5\n", "column 3", None),
        ("1.5,2.5\n", "column 1", "has 2 columns and no names, the model's table had 3: give all"),
        ("1.5\n2.5\n", "column 3", "1 column and no names, .* 3 .or one less"),
    ]:
        table = read(written(tmp_path, text.encode()), fitted.dialect)
        one = dataclasses.replace(fitted, target=dataclasses.replace(last, name=target))
        if refused is None:
            _check_width(one, table)
        else:
            with pytest.raises(InputError, match=refused):
                _check_width(one, table)


def test_parts_of_an_edited_model_that_do_not_fit_are_one_line(model):
    options = SimpleNamespace(model="m.model", file="t.csv")
    edited = dataclasses.replace(model, scale=dataclasses.replace(model.scale, scale={"a": 1}))
    message = r"m.model does not predict t.csv \(\w+Error: .* as if the file was edited"
    with pytest.raises(InputError, match=message), _in_doubt(options):
        edited.predict(pd.DataFrame({"x": ["1.0", "2.0"]}))
