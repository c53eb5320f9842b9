"""Read workbooks, ARFF, JSON, Parquet and NPZ files through the libraries that keep these formats."""

from __future__ import annotations

import io
import json
import warnings
import zipfile
import zlib
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from widelearn.experiments.errors import InputError, first_line, listing, mismatch
from widelearn.experiments.tables import delimited, sizes
from widelearn.experiments.tables.dialect import Dialect

if TYPE_CHECKING:
    import pandas as pd

_DAMAGED = (
    *(ValueError, OSError, EOFError, LookupError, TypeError, AttributeError, RuntimeError, NotImplementedError),
    *(zipfile.BadZipFile, zlib.error),
)
Found = tuple["pd.DataFrame", Dialect, list[str]]


def workbook(path: Path, asked: Dialect) -> Found:
    """Read one sheet of an .xlsx workbook."""
    import pandas as pd

    _begins(path, b"PK", "an .xlsx workbook")
    notes: list[str] = []
    try:
        sizes.check_workbook(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with pd.ExcelFile(path, engine="openpyxl") as book:
                sheets = [str(name) for name in book.sheet_names]
                sheet = asked.sheet or sheets[0]
                if sheet.isdigit() and sheet not in sheets and 0 < int(sheet) <= len(sheets):
                    sheet = sheets[int(sheet) - 1]
                if sheet not in sheets:
                    raise InputError(f"{path} has no sheet {sheet!r} (--sheet): there are {listing(sheets)}")
                if asked.sheet is None and len(sheets) > 1:
                    notes.append(f"sheet {sheet!r} is read, of {listing(sheets)} (--sheet)")
                frame = book.parse(sheet, header=None, dtype=object, skiprows=asked.skip_rows, na_filter=False)
    except (
        ValueError,
        KeyError,
        OSError,
        zipfile.BadZipFile,
        zlib.error,
        TypeError,
        AttributeError,
        IndexError,
    ) as error:
        raise (
            error if isinstance(error, InputError) else InputError(f"cannot read {path} as .xlsx: {first_line(error)}")
        ) from error
    rows = np.flatnonzero((frame != "").any(axis=1))
    if not len(rows):
        raise InputError(f"sheet {sheet!r} of {path} is empty")
    # A row without a cell between others is a row: what follows it keeps its place.
    frame = frame.iloc[rows[0] : rows[-1] + 1].loc[:, (frame != "").any(axis=0)]
    texts = [[str(cell).strip() for cell in row] for row in frame.head(200).to_numpy().tolist()]
    for row in texts if asked.header is not False else []:
        while len(row) > 1 and not row[-1]:
            row.pop()
    skip, header, _ = delimited.layout(texts, asked.header, notes)
    body = frame.iloc[skip + (header is not None) :].infer_objects()
    names = (header or []) + [""] * (body.shape[1] - len(header or []))
    body.columns = pd.Index(names if header else [f"column {k + 1}" for k in range(body.shape[1])])
    return body, asked.but(sheet=sheet, header=header is not None), notes


def arff(path: Path, raw: bytes, asked: Dialect) -> Found:
    """Read an ARFF file; "?" is missing."""
    import pandas as pd
    from scipy.io import arff as reader

    notes: list[str] = []
    text, encoding = delimited.decode(path, raw, asked, notes)
    try:
        data, _ = reader.loadarff(io.StringIO(text))
    except (ValueError, NotImplementedError, StopIteration, IndexError, KeyError, reader.ArffError) as error:
        raise InputError(f"cannot read {path} as ARFF: {first_line(error)}") from error
    frame = pd.DataFrame(data)
    for name in frame.columns:
        if frame[name].dtype.kind == "O":
            cells = [cell.decode(errors="replace").strip("'\"") for cell in frame[name]]
            frame[name] = pd.Series([None if cell == "?" else cell for cell in cells], dtype=object)
    return frame, asked.but(encoding=encoding), notes


def records(path: Path, raw: bytes, asked: Dialect) -> Found:
    """Read JSON: one object a line, or a list of objects."""
    import pandas as pd

    number = 0
    try:
        text = raw.decode("utf-8-sig")
        rows: Any = json.loads(text) if text.lstrip().startswith("[") else []
        for number, line in enumerate([] if rows else text.split("\n"), 1):  # noqa: B007 - the message names it
            rows += [json.loads(line)] if line.strip() else []
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"cannot read {path} as JSON{f', line {number}' * bool(number)}: {first_line(error)}"
        ) from error
    if not rows or not all(isinstance(row, dict) for row in rows):
        raise InputError(f"{path} is not a table: give one JSON object a line, or a list of objects")
    names = dict.fromkeys(name for row in rows for name in row)
    frame = pd.DataFrame({name: pd.Series([row.get(name) for row in rows], dtype=object) for name in names})
    return frame.infer_objects(), asked, []


def parquet(path: Path, asked: Dialect) -> Found:
    """Read a Parquet file; an index that pandas stored in it becomes a column."""
    import pyarrow as pa

    _begins(path, b"PAR1", "a Parquet file")
    try:
        return sizes.read_parquet(path).to_pandas(ignore_metadata=True), asked, []
    except pa.ArrowMemoryError:
        raise
    except (pa.ArrowException, OSError, ValueError, RecursionError) as error:
        raise InputError(f"cannot read {path} as Parquet: {first_line(error)}") from error


def npz(path: Path, asked: Dialect) -> Found:
    """Read an NPZ archive: arrays that share their length become columns, object arrays are refused."""
    import pandas as pd

    _begins(path, b"PK", "an NPZ archive")
    arrays: dict[str, np.ndarray] = {}
    try:
        sizes.check_npz(path)
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            for name in archive.files:
                try:
                    arrays[name] = archive[name]
                except ValueError as error:
                    if "allow_pickle" in str(error) or "Object arrays" in str(error):
                        why = "holds Python objects, never loaded: save numbers or text"
                        raise InputError(f"array {name!r} in {path} {why}") from error
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
        raise (
            error if isinstance(error, InputError) else InputError(f"cannot read {path} as NPZ: {first_line(error)}")
        ) from error
    arrays = {name: array for name, array in arrays.items() if isinstance(array, np.ndarray) and array.ndim}
    if not arrays:
        raise InputError(f"{path} holds no arrays with rows")
    lengths = Counter(len(array) for array in arrays.values())
    most = max(lengths, key=lambda length: (lengths[length], length))
    rows = next((len(arrays[name]) for name in ("y", "target") if name in arrays), most)
    notes: list[str] = []
    columns: dict[str, np.ndarray] = {}
    for name, array in arrays.items():
        if len(array) != rows or array.dtype.names or array.dtype.kind in "cV":
            notes.append(f"array {name!r} of {len(array)} {array.dtype} is left out: others have {rows} rows")
            continue
        flat = array.reshape(rows, -1)
        if name in ("y", "target") and flat.shape[1] > 1 and ((flat != 0).sum(axis=1) == 1).all():
            notes.append(f"array {name!r} has one 1 a row: read as the number of that column")
            flat = flat.argmax(axis=1)[:, None]
        single = array.ndim == 1 or flat.shape[1] == 1
        columns |= {name if single else f"{name}{k}": _native(flat[:, k]) for k in range(flat.shape[1])}
    return pd.DataFrame(columns, index=range(rows)), asked, notes


def _refused(path: Path, what: str, error: Exception) -> InputError:
    return error if isinstance(error, InputError) else InputError(f"cannot read {path} as {what}: {first_line(error)}")


def _begins(path: Path, mark: bytes, what: str) -> None:
    with path.open("rb") as stream:
        head = stream.read(64)
    if not head.startswith(mark):
        raise mismatch(path, head, what)


def _native(array: np.ndarray) -> np.ndarray:
    """Make native arrays that pandas takes: bytes become text, half and extended floats double."""
    if array.dtype.kind == "S":
        return np.char.decode(array, "latin-1")
    return array.astype(np.float64 if array.dtype.kind == "f" else array.dtype.newbyteorder("="))
