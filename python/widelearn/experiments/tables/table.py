"""Read the user's CSV, Parquet or NPZ file, or one of scikit-learn's own tables, into a named frame."""

from __future__ import annotations

import zipfile
import zlib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from widelearn.experiments.errors import InputError, first_line, listing, mismatch, nearest
from widelearn.experiments.tables import delimited, sizes
from widelearn.experiments.tables.dialect import Dialect

if TYPE_CHECKING:
    import pandas as pd

BUILTIN = ("digits", "diabetes", "breast_cancer", "wine")
_TEXT = (".csv", ".tsv", ".txt")


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


def read(path: str | Path) -> Table:
    """Read a CSV (also .tsv, .txt, .gz, .bz2, .xz), Parquet or NPZ file.

    Parameters
    ----------
    path : str or Path
        The suffix says the format, and the content must agree with it. Pickled (object) arrays are never loaded.

    Returns
    -------
    Table

    Raises
    ------
    InputError
        One line: the file is missing, unreadable, empty, or not what its suffix says.
    """
    path = Path(path)
    suffixes = [suffix.lower() for suffix in path.suffixes]
    packed = suffixes[-1] if suffixes and suffixes[-1] in delimited.OPENERS else ""
    kind = suffixes[-2] if packed and len(suffixes) > 1 else (suffixes[-1] if suffixes else "")
    try:
        if path.is_dir():
            raise InputError(f"{path} is a directory, not a file")
        if not path.exists():
            raise InputError(f"no such file: {path}")
        if path.stat().st_size == 0:
            raise InputError(f"{path} is empty (0 bytes)")
        if kind in _TEXT:
            frame, notes = delimited.read(path, "\t" if kind == ".tsv" else None)
            table = Table(frame, path.name, notes=notes)
        elif kind in (".parquet", ".pq") and not packed:
            table = _read_parquet(path)
        elif kind == ".npz" and not packed:
            table = _read_npz(path)
        else:
            raise InputError(
                f"cannot tell the format of {path}: .csv, .tsv, .txt (.gz, .bz2, .xz), .parquet and .npz are read"
            )
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or first_line(error)}") from error
    table.name = path.name
    _name_columns(table)
    if len(table.frame) == 0:
        raise InputError(f"{path} has no rows")
    return table


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


def _read_parquet(path: Path) -> Table:
    """Read a Parquet file; an index that pandas stored in it becomes a column."""
    import pyarrow as pa

    with path.open("rb") as stream:
        head = stream.read(64)
    if not head.startswith(b"PAR1"):
        raise mismatch(path, head, "a Parquet file")
    try:
        frame = sizes.read_parquet(path).to_pandas(ignore_metadata=True)
    except pa.ArrowMemoryError:
        raise
    except (pa.ArrowException, OSError, ValueError, RecursionError) as error:
        raise InputError(f"cannot read {path} as Parquet: {first_line(error)}") from error
    return Table(frame, path.name)


def _read_npz(path: Path) -> Table:
    """Read an NPZ archive: the arrays that share the first length become columns, object arrays are refused."""
    import pandas as pd

    with path.open("rb") as stream:
        head = stream.read(64)
    if not head.startswith(b"PK"):
        raise mismatch(path, head, "an NPZ archive")
    arrays: dict[str, np.ndarray] = {}
    try:
        sizes.check_npz(path)
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            for name in archive.files:
                try:
                    arrays[name] = archive[name]
                except ValueError as error:
                    if "allow_pickle" in str(error) or "Object arrays" in str(error):
                        raise InputError(
                            f"array {name!r} in {path} holds Python objects, never loaded: save numbers or text"
                        ) from error
                    raise
    except (
        ValueError,
        OSError,
        EOFError,
        KeyError,
        zipfile.BadZipFile,
        zlib.error,
        NotImplementedError,
        RuntimeError,
    ) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"cannot read {path} as NPZ: {first_line(error)}") from error
    arrays = {name: array for name, array in arrays.items() if isinstance(array, np.ndarray) and array.ndim}
    if not arrays:
        raise InputError(f"{path} holds no arrays with rows")
    lengths = Counter(len(array) for array in arrays.values())
    rows = next(
        (len(arrays[name]) for name in ("y", "target") if name in arrays), max(lengths, key=lambda k: (lengths[k], k))
    )
    notes: list[str] = []
    columns: dict[str, np.ndarray] = {}
    for name, array in arrays.items():
        if len(array) != rows:
            notes.append(f"array {name!r} of length {len(array)} is left out: the others have {rows} rows")
        elif array.dtype.names or array.dtype.kind in "cV":
            notes.append(f"array {name!r} of type {array.dtype} is left out")
        elif array.ndim == 1:
            columns[name] = _text_or_numbers(array)
        else:
            flat = array.reshape(rows, -1)
            columns.update(
                {f"{name}{position}": _text_or_numbers(flat[:, position]) for position in range(flat.shape[1])}
            )
    target = next((name for name in ("y", "target") if name in columns), None)
    return Table(pd.DataFrame(columns, index=range(rows)), path.name, target=target, notes=notes)


def _text_or_numbers(array: np.ndarray) -> np.ndarray:
    """Make native arrays that pandas takes: bytes become text, half and extended floats double."""
    if array.dtype.kind == "S":
        return np.char.decode(array, "latin-1")
    if array.dtype.kind == "f":
        return array.astype(np.float64)
    return array.astype(array.dtype.newbyteorder("="))
