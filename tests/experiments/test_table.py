"""Users' files become one frame: what is read, what is put right and noted, what is refused in one line."""

import datetime
import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from made_tables import frame, said
from widelearn.experiments.errors import InputError
from widelearn.experiments.tables import table as tables
from widelearn.experiments.tables.problem import Request, build
from widelearn.experiments.tables.table import Table


def written(tmp_path: Path, content: str | bytes, name: str = "table.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_csv(tmp_path):
    table = tables.read(written(tmp_path, 'a,b c,"d"\n1,x,2.5\n2,"y,z",\n'))
    assert list(table.frame.columns) == ["a", "b c", "d"]
    assert table.frame["b c"].tolist() == ["x", "y,z"]
    assert table.frame["d"].tolist() == ["2.5", ""]
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
    assert table.frame.to_dict("list") == {"a": ["1"], "b": ["2"]}
    assert table.notes == [] if not note else said(table.notes, note)


def test_csv_compressed_and_tsv(tmp_path):
    assert tables.read(written(tmp_path, gzip.compress(b"a,b\n1,2\n"), "t.csv.gz")).frame.shape == (1, 2)
    table = tables.read(written(tmp_path, "a\tb\n1,5\t2\n", "t.tsv"))
    assert (table.frame["a"].tolist(), table.dialect.decimal) == (["1,5"], ",")


def test_csv_in_another_encoding(tmp_path):
    table = tables.read(written(tmp_path, "name,y\nJosé,1\n".encode("cp1252")))
    assert table.frame["name"].tolist() == ["José"]
    assert said(table.notes, "cp1252")


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
    assert table.frame.to_dict("list") == {"a": ["1", "3"], "b": ["2", "4"]}
    assert said(table.notes, "row names")


def test_a_separator_ends_every_line(tmp_path):
    table = tables.read(written(tmp_path, "a,b\n1,2,\n3,4,\n"))
    assert table.frame.to_dict("list") == {"a": ["1", "3"], "b": ["2", "4"]}
    assert said(table.notes, "end with a separator")


def test_large_numbers_with_gaps_in_parquet_keep_their_digits(tmp_path):
    ids = [2**60 + k for k in range(50)]
    data = pd.DataFrame({"id": pd.array([*ids[:-1], None], dtype="Int64"), "n": pd.array([*range(49), None], "Int64")})
    data["y"] = np.arange(50) % 2
    data.to_parquet(tmp_path / "t.parquet")
    frame = tables.read(tmp_path / "t.parquet").frame
    assert frame["id"].tolist()[:-1] == ids[:-1]
    assert frame["id"].isna().sum() == 1
    assert frame["n"].dtype == np.float64


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


@pytest.mark.parametrize("name", tables.BUILTIN)
def test_built_in_tables(name):
    found = build(tables.builtin(name), Request("target"))
    assert found.task == ("regression" if name == "diabetes" else "classification")
    assert found.split["n_train"] + found.split["n_test"] == found.data["n_rows"]
