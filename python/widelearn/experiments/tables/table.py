"""Read the user's file, or one of scikit-learn's own tables, into a frame with names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count as count_from
from pathlib import Path
from typing import TYPE_CHECKING

from widelearn.experiments.errors import InputError, first_line, listing, mismatch, nearest
from widelearn.experiments.tables import delimited, formats, sizes
from widelearn.experiments.tables.dialect import Dialect
from widelearn.experiments.tables.readings import settle

if TYPE_CHECKING:
    import pandas as pd

BUILTIN = ("digits", "diabetes", "breast_cancer", "wine")
_TEXT = (".csv", ".tsv", ".tab", ".txt", ".data", ".dat")
_RECORDS = (".jsonl", ".ndjson", ".json")
# The bytes these begin with, what they are called, and how they are read.
_FILES: dict[str, tuple[bytes, str, Callable[[Path, Dialect], formats.Found]]] = {
    ".xlsx": (b"PK", "an .xlsx workbook", formats.workbook),
    ".parquet": (b"PAR1", "a Parquet file", formats.parquet),
    ".pq": (b"PAR1", "a Parquet file", formats.parquet),
    ".npz": (b"PK", "an NPZ archive", formats.npz),
}


@dataclass
class Table:
    """A frame with unique text column names, where it came from, and what had to be put right to read it.

    The rows keep the order of the file, indexed 0..n-1. `target` and `task` are what the source implies, `notes` one
    sentence for each thing that was put right, and `dialect` says how the file was read, as asked and as decided.
    """

    frame: pd.DataFrame
    name: str
    target: str | None = None
    task: str | None = None
    notes: list[str] = field(default_factory=list)
    dialect: Dialect = field(default_factory=Dialect)

    def column(self, name: str, option: str) -> str:
        """Return `name` if it is a column; otherwise raise InputError, naming the nearest ones."""
        columns = list(self.frame.columns)
        if name in columns:
            return name
        stripped = name.strip()
        if stripped in columns:
            return stripped
        unnamed = ": its first line was taken as a row (--header takes it as names)"
        why = nearest(name, columns) + unnamed * (self.dialect.header is False)
        raise InputError(f"{self.name} has no column {name!r} ({option}): {why}")


def builtin(name: str) -> Table:
    """Load one of the tables that come inside scikit-learn.

    Parameters
    ----------
    name : {"digits", "diabetes", "breast_cancer", "wine"}

    Returns
    -------
    Table
        Its target column is called "target".
    """
    from sklearn import datasets

    if name not in BUILTIN:
        raise InputError(f"no built-in table {name!r}: --data takes {listing(BUILTIN)}")
    frame = getattr(datasets, f"load_{name}")(as_frame=True).frame
    task = "regression" if name == "diabetes" else "classification"
    return Table(frame, name, target="target", task=task)


def read(path: str | Path, dialect: Dialect | None = None, *, encoding: str | None = None) -> Table:
    """Read a table: delimited text, .xlsx, .arff, JSON lines, Parquet or NPZ; "-" is text on standard input.

    Parameters
    ----------
    path : str or Path
        The suffix says the format, and the content must agree with it; text may end in .gz, .bz2 or .xz. Pickled
        (object) arrays are never loaded.
    dialect : Dialect or None
        What is asked, or what was decided for an earlier file: then lines that do not fit are refused, not left out.
    encoding : str or None
        What this file is surely encoded in, whatever the dialect says.

    Returns
    -------
    Table
        Text cells of text files stay text; `dialect` says how they are to be read.

    Raises
    ------
    InputError
        One line: the file is missing, unreadable, empty, or not what its suffix says.
    """
    asked, path = dialect or Dialect(), Path(path)
    kind, packed = _kind(path)
    if not asked.decided:
        _check_suited(path, kind, asked)
    sure = encoding or (None if asked.decided else asked.encoding)
    try:
        if kind in _FILES:
            mark, what, reader = _FILES[kind]
            with path.open("rb") as stream:
                head = stream.read(64)
            if not head.startswith(mark):
                raise mismatch(path, head, what)
            frame, decided, notes = reader(path, asked)
        else:
            raw = sizes.read_text(path, packed)
            if kind in _RECORDS or (str(path) == "-" and raw[:64].lstrip().startswith((b"{", b"["))):
                frame, decided, notes = formats.records(path, raw, asked, sure)
            elif kind == ".arff":
                frame, decided, notes = formats.arff(path, raw, asked, sure)
            else:
                asked = asked.but(sep="\t") if kind in (".tsv", ".tab") and asked.sep is None else asked
                frame, decided, notes = delimited.read(path, raw, asked, sure)
    except formats.DAMAGED as error:
        if isinstance(error, InputError):
            raise
        why = getattr(error, "strerror", None) or first_line(error)
        raise InputError(f"cannot read {path}{f' as {kind}' * bool(kind)}: {why}") from error
    if len(frame) == 0:
        raise InputError(f"{path} has no rows")
    table = Table(frame.reset_index(drop=True), "standard input" if str(path) == "-" else path.name, notes=notes)
    _name_columns(table)
    table.target = next((name for name in ("y", "target") if kind == ".npz" and name in table.frame.columns), None)
    if not decided.decided:
        columns = ("drop", "keep", "categories", "numbers", "dates")
        named = {key: tuple(table.column(name, f"--{key}") for name in getattr(decided, key)) for key in columns}
        decided = decided.but(**named)
    table.dialect, more = settle(table.frame, decided)
    table.notes += more
    return table


def _kind(path: Path) -> tuple[str, str]:
    """Return the suffixes of the format and of the compression; refuse what is no file of a known format."""
    if str(path) == "-":
        return ".csv", ""
    if path.is_dir() or not path.exists():
        raise InputError(f"{path} is a directory, not a file" if path.is_dir() else f"no such file: {path}")
    *_, kind, packed = ["", "", *map(str.lower, path.suffixes)]
    if packed not in sizes.OPENERS:
        kind, packed = packed, ""
    if kind not in (*_TEXT, *_RECORDS, ".arff", *_FILES) or (packed and kind in _FILES):
        raise InputError(
            f"cannot tell the format of {path}: {', '.join(_TEXT)}, {', '.join(_RECORDS)}, .arff (.gz, .bz2, .xz), "
            f"{', '.join(_FILES)} are read, and text from - (standard input)"
        )
    return kind, packed


def _check_suited(path: Path, kind: str, asked: Dialect) -> None:
    """Refuse options that say nothing of a format."""
    suited = {"sep": _TEXT, "header": (*_TEXT, ".xlsx"), "skip_rows": (*_TEXT, ".xlsx"), "sheet": (".xlsx",)}
    for name, kinds in (suited | {"encoding": (*_TEXT, ".arff")}).items():
        if getattr(asked, name) not in (None, 0) and kind not in kinds:
            option = f"--{name.replace('_', '-')}"
            raise InputError(f"{option} is for {', '.join(kinds)}, and {path} is none of these: leave it out")


def _name_columns(table: Table) -> None:
    """Give every column a unique stripped text name."""
    names = [str(name).strip() or f"column {k}" for k, name in enumerate(table.frame.columns, start=1)]
    taken, seen = set(names), Counter[str]()
    for k, name in enumerate(names):
        seen[name] += 1
        if seen[name] > 1:
            names[k] = next(new for count in count_from(seen[name] - 1) if (new := f"{name}.{count}") not in taken)
            taken.add(names[k])
    if repeated := [name for name, count in seen.items() if count > 1]:
        table.notes.append(f"column names used more than once: {listing(repeated)} (later ones got .1, .2, ...)")
    table.frame.columns = names
