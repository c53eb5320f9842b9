"""Read workbooks, ARFF, JSON, Parquet and NPZ files through the libraries that keep these formats."""

from __future__ import annotations

import io
import json
import re
import warnings
import zipfile
import zlib
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from widelearn.experiments.errors import InputError, listing
from widelearn.experiments.tables import sizes
from widelearn.experiments.tables.delimited import decode, layout
from widelearn.experiments.tables.dialect import Dialect

if TYPE_CHECKING:
    import pandas as pd

# What these libraries raise on a damaged file.
DAMAGED = (
    *(ValueError, OSError, EOFError, LookupError, TypeError, AttributeError, RuntimeError, StopIteration),
    *(zipfile.BadZipFile, zlib.error),
)
MERGED = re.compile(rb'<(?:\w+:)?mergeCell\s[^>]*?ref="([A-Z]+\d+:[A-Z]+(\d+))"')
Found = tuple["pd.DataFrame", Dialect, list[str]]


def workbook(path: Path, asked: Dialect) -> Found:
    """Read one sheet of an .xlsx workbook."""
    import pandas as pd

    sizes.check_workbook(path)
    notes: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pd.ExcelFile(path, engine="openpyxl") as book:
            # Sheets that are charts hold no cells.
            sheets = [str(sheet.title) for sheet in book.book.worksheets]
            sheet = asked.sheet or sheets[0]
            if sheet not in sheets and sheet.isdigit() and 0 < int(sheet) <= len(sheets):
                sheet = sheets[int(sheet) - 1]
            if sheet not in sheets:
                raise InputError(f"{path} has no sheet {sheet!r} (--sheet): there are {listing(sheets)}")
            if asked.sheet is None and len(sheets) > 1:
                notes.append(f"sheet {sheet!r} is read, of {listing(sheets)} (--sheet)")
            frame = pd.read_excel(book, sheet, header=None, dtype=object, skiprows=asked.skip_rows, na_filter=False)
            merged = _merged(path, book.book[sheet])
    there = (frame != "").to_numpy()
    rows = np.flatnonzero(there.any(axis=1))
    if not len(rows):
        raise InputError(f"sheet {sheet!r} of {path} is empty")
    # A row without a cell between others is a row: what follows it keeps its place.
    frame = frame.iloc[rows[0] : rows[-1] + 1, np.flatnonzero(there.any(axis=0))]
    texts = [[str(cell).strip() for cell in row] for row in frame.head(200).to_numpy().tolist()]
    for row in texts if asked.header is not False else []:
        while len(row) > 1 and not row[-1]:
            row.pop()
    skip, header, _ = layout(path, texts, asked, notes)
    body = frame.iloc[skip + (header is not None) :].infer_objects()
    names = [f"column {k + 1}" for k in range(body.shape[1])]
    body.columns = pd.Index((header or []) + names[len(header or []) :])
    first = int(body.index[0]) + asked.skip_rows + 1 if len(body) else 0
    if within := [area for area, last in merged if len(body) and last >= first]:
        what = "merged cells" if len(within) == 1 else f"{len(within)} areas of merged cells"
        notes.append(
            f"sheet {sheet!r} has {what} among its rows ({listing(within)}): the first cell alone holds a value, the"
            " others are read as missing. Unmerge and fill them, if the value is meant for all"
        )
    return body, asked.but(sheet=sheet, header=header is not None, width=body.shape[1]), notes


def _merged(path: Path, sheet: Any) -> list[tuple[str, int]]:
    """Return the areas of merged cells of a sheet that is read row by row, each with its last row."""
    found: list[tuple[str, int]] = []
    with zipfile.ZipFile(path) as archive, archive.open(sheet._worksheet_path.lstrip("/")) as stream:
        kept = b""
        while part := stream.read(sizes.STEP):
            text = kept + part
            # What may be the begin of one that goes on in the next part is read with it.
            end = text.rfind(b"<")
            found += [(area.decode(), int(row)) for area, row in MERGED.findall(text[:end])]
            kept = text[end:]
        found += [(area.decode(), int(row)) for area, row in MERGED.findall(kept)]
    return sorted(found, key=lambda one: one[1])


def arff(path: Path, raw: bytes, asked: Dialect, sure: str | None) -> Found:
    """Read an ARFF file; "?" is missing, and what is declared as categories is none of numbers."""
    import pandas as pd
    from scipy.io.arff import loadarff

    notes: list[str] = []
    text, encoding = decode(path, raw, asked, sure, notes)
    frame = pd.DataFrame(loadarff(io.StringIO(text))[0])
    for name, column in frame.items():
        if column.dtype.kind == "O":
            texts = column.str.decode("utf-8", errors="replace").str.strip("'\"")
            frame[name] = texts.mask(texts == "?").astype("category")
        elif (column % 1 == 0).all() and column.abs().max() >= 2**53:
            notes.append(f"{name!r} holds whole numbers from 2^53 on, of which only some 16 digits are kept")
    return frame, asked.but(encoding=encoding), notes


def records(path: Path, raw: bytes, asked: Dialect, sure: str | None) -> Found:
    """Read JSON: one object a line, or a list of objects."""
    import pandas as pd

    notes: list[str] = []
    text, _ = decode(path, raw, asked, sure, notes)
    lines = "[" + ",\n".join(line for line in text.split("\n") if line.strip()) + "]"
    whole = text if text.lstrip().startswith("[") else lines
    rows = json.loads(whole, parse_float=_fraction, object_pairs_hook=_once)
    if not rows or not all(isinstance(row, dict) for row in rows):
        raise InputError(f"{path} is not a table: give one JSON object a line, or a list of objects")
    names = dict.fromkeys(name for row in rows for name in row)
    frame = pd.DataFrame({name: pd.Series([row.get(name) for row in rows], dtype=object) for name in names})
    return frame.infer_objects(), asked, notes


def _fraction(text: str) -> float | Decimal:
    """Return a number of JSON with a point: whole ones that no float keeps apart stay exact."""
    value = float(text)
    return Decimal(text) if abs(value) >= 2**53 and "e" not in text.lower() else value


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Return an object of JSON whose names are there once."""
    if len(found := dict(pairs)) < len(pairs):
        twice = sorted(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        raise InputError(f"a record names {listing(map(repr, twice))} more than once: which value is meant?")
    return found


def parquet(path: Path, asked: Dialect) -> Found:
    """Read a Parquet file; an index that pandas stored in it becomes a column."""
    import pandas as pd
    import pyarrow as pa
    from pyarrow import compute

    table = sizes.read_parquet(path)
    frame = table.to_pandas(ignore_metadata=True)
    for k, column in enumerate(table.columns):
        # With gaps they are floats, which keep whole numbers apart up to 2^53 alone.
        if pa.types.is_integer(column.type) and column.null_count:
            ends = compute.min_max(column).as_py().values()
            if any(end is not None and abs(end) > 2**53 for end in ends):
                frame.isetitem(k, pd.Series(column.to_pylist(), dtype=object))
    return frame, asked, []


def npz(path: Path, asked: Dialect) -> Found:
    """Read arrays with as many rows as the target, or as most of them, as columns."""
    import pandas as pd

    sizes.check_npz(path)
    with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    arrays = {name: array for name, array in arrays.items() if isinstance(array, np.ndarray) and array.ndim}
    if not arrays:
        raise InputError(f"{path} holds no arrays with rows")
    lengths = Counter(len(array) for array in arrays.values())
    most = max(lengths, key=lambda length: (lengths[length], length))
    rows = next((len(arrays[name]) for name in ("y", "target") if name in arrays), most)
    notes: list[str] = []
    columns: list[tuple[str, np.ndarray]] = []
    for name, array in arrays.items():
        if len(array) != rows or array.dtype.names or array.dtype.kind in "cV":
            notes.append(f"array {name!r} of {len(array)} {array.dtype} is left out: others have {rows} rows")
            continue
        flat = array.reshape(rows, -1)
        one_hot = flat.shape[1] > 1 and np.isin(flat, (0, 1)).all() and ((flat == 1).sum(axis=1) == 1).all()
        if name in ("y", "target") and one_hot:
            notes.append(f"array {name!r} has one 1 a row: read as the number of that column")
            flat = flat.argmax(axis=1)[:, None]
        # pandas takes no bytes, no half or extended floats, no foreign order of bytes.
        own = np.float64 if flat.dtype.kind == "f" else flat.dtype.newbyteorder("=")
        flat = _texts(flat) if flat.dtype.kind == "S" else flat.astype(own)
        single = array.ndim == 1 or flat.shape[1] == 1
        columns += [(name if single else f"{name}{k}", flat[:, k]) for k in range(flat.shape[1])]
    frame = pd.DataFrame({k: values for k, (_, values) in enumerate(columns)}, index=range(rows))
    return frame.set_axis([name for name, _ in columns], axis=1), asked, notes


def _texts(array: np.ndarray) -> np.ndarray:
    """Return bytes as text, by Latin-1 where they are not UTF-8."""
    try:
        return np.char.decode(array, "utf-8")
    except UnicodeDecodeError:
        return np.char.decode(array, "latin-1")
