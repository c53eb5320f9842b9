"""Read the user's file, or one of scikit-learn's own tables, into a frame with names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from widelearn.experiments.errors import InputError, first_line, listing, nearest
from widelearn.experiments.tables import delimited, formats, sizes
from widelearn.experiments.tables.dialect import Dialect
from widelearn.experiments.tables.readings import settle

if TYPE_CHECKING:
    import pandas as pd

BUILTIN = ("digits", "diabetes", "breast_cancer", "wine")
_TEXT = (".csv", ".tsv", ".tab", ".txt", ".data", ".dat")
_RECORDS = (".jsonl", ".ndjson", ".json")
_OTHERS: dict[str, Callable[[Path, Dialect], formats.Found]] = {
    ".xlsx": formats.workbook,
    ".parquet": formats.parquet,
    ".pq": formats.parquet,
    ".npz": formats.npz,
}


@dataclass
class Table:
    """A frame with unique text column names, where it came from, and what had to be put right to read it.

    Attributes
    ----------
    frame : pandas.DataFrame
        The rows in the order of the file, indexed 0..n-1.
    name : str
        The file's name, or the name of the built-in table.
    target : str or None
        The target column where the source implies one.
    task : str or None
        "classification" or "regression" where the source implies one.
    notes : list of str
        One sentence for each thing that was put right.
    dialect : Dialect
        How the file was read, as asked and as decided.
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
        raise InputError(f"{self.name} has no column {name!r} ({option}): {nearest(name, columns)}")


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


def read(
    path: str | Path, dialect: Dialect | None = None, *, strict: bool | None = None, encoding: str | None = None
) -> Table:
    """Read a table: delimited text, .xlsx, .arff, JSON lines, Parquet or NPZ; "-" is text on standard input.

    Parameters
    ----------
    path : str or Path
        The suffix says the format, and the content must agree with it; text may end in .gz, .bz2 or .xz. Pickled
        (object) arrays are never loaded.
    dialect : Dialect or None
        What is asked, or what was decided for an earlier file.
    strict : bool or None
        Refuse lines that do not fit instead of leaving them out; None: for a later file.
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
    asked = dialect or Dialect()
    path = Path(path)
    suffixes = [suffix.lower() for suffix in path.suffixes]
    packed = suffixes[-1] if suffixes and suffixes[-1] in sizes.OPENERS else ""
    kind = suffixes[-2] if packed and len(suffixes) > 1 else (suffixes[-1] if suffixes else "")
    kind = ".csv" if str(path) == "-" else kind
    if not asked.decided:
        _check_suited(path, kind, asked)
    try:
        if str(path) != "-":
            _check_there(path)
        if kind in (*_TEXT, *_RECORDS, ".arff"):
            raw = sizes.read_text(path, packed)
            if encoding is not None:
                raw, asked = delimited.recoded(path, raw, encoding), asked.but(encoding="utf-8")
            if kind in _RECORDS or (str(path) == "-" and raw[:64].lstrip().startswith((b"{", b"["))):
                frame, decided, notes = formats.records(path, raw, asked)
            elif kind == ".arff":
                frame, decided, notes = formats.arff(path, raw, asked)
            else:
                asked = asked.but(sep="\t") if kind in (".tsv", ".tab") and asked.sep is None else asked
                frame, decided, notes = delimited.read(path, raw, asked, asked.decided if strict is None else strict)
        elif kind in _OTHERS and not packed:
            frame, decided, notes = _OTHERS[kind](path, asked)
        else:
            raise InputError(
                f"cannot tell the format of {path}: {', '.join(_TEXT)}, {', '.join(_RECORDS)}, .arff (.gz, .bz2, .xz), "
                f"{', '.join(_OTHERS)} are read, and text from - (standard input)"
            )
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or first_line(error)}") from error
    if len(frame) == 0:
        raise InputError(f"{path} has no rows")
    table = Table(frame, "standard input" if str(path) == "-" else path.name, notes=notes)
    if kind == ".npz":
        table.target = next((name for name in ("y", "target") if name in frame.columns), None)
    _name_columns(table)
    table.dialect, more = settle(table.frame, _named(table, decided))
    table.notes += more
    return table


def _check_suited(path: Path, kind: str, asked: Dialect) -> None:
    """Refuse options that say nothing of a format."""
    suited = {"sep": _TEXT, "header": (*_TEXT, ".xlsx"), "skip_rows": (*_TEXT, ".xlsx"), "sheet": (".xlsx",)}
    suited["encoding"] = (*_TEXT, ".arff")
    known = (*_TEXT, *_RECORDS, ".arff", *_OTHERS)
    for name, kinds in suited.items():
        if getattr(asked, name) not in (None, 0) and kind in known and kind not in kinds:
            option = f"--{name.replace('_', '-')}"
            raise InputError(f"{option} is for {', '.join(kinds)}, and {path} is none of these: leave it out")


def _check_there(path: Path) -> None:
    """Refuse what is no file, or an empty one."""
    if path.is_dir():
        raise InputError(f"{path} is a directory, not a file")
    if not path.exists():
        raise InputError(f"no such file: {path}")
    if path.stat().st_size == 0:
        raise InputError(f"{path} is empty (0 bytes)")


def _named(table: Table, dialect: Dialect) -> Dialect:
    """Check the columns that the options name, in the first file."""
    options = () if dialect.decided else ("drop", "keep", "categories", "numbers", "dates")
    named = {key: tuple(table.column(name, f"--{key}") for name in getattr(dialect, key)) for key in options}
    return dialect.but(**named)


def _name_columns(table: Table) -> None:
    """Give every column a unique stripped text name, and number the rows from 0."""
    names = [str(name).strip() for name in table.frame.columns]
    names = [name or f"column {position}" for position, name in enumerate(names, start=1)]
    seen: Counter[str] = Counter()
    unique: list[str] = []
    taken = set(names)
    for name in names:
        seen[name] += 1
        new = name
        if seen[name] > 1:
            count = seen[name] - 1
            while (new := f"{name}.{count}") in taken:
                count += 1
            taken.add(new)
        unique.append(new)
    repeated = [name for name, count in seen.items() if count > 1]
    if repeated:
        table.notes.append(f"column names used more than once: {listing(repeated)} (later ones got .1, .2, ...)")
    table.frame.columns = unique
    table.frame = table.frame.reset_index(drop=True)
