"""Read delimited text (CSV and its kin): encoding, separator and broken lines are found out and noted."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import lzma
import re
import warnings
import zlib
from collections import Counter
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING

from widelearn.experiments.errors import InputError, counted, first_line, mismatch
from widelearn.experiments.tables import sizes

if TYPE_CHECKING:
    import pandas as pd

MISSING = ("?", "-", "--", "---", ".", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "missing", "Missing", "NIL")
OPENERS: dict[str, Callable[..., IO[bytes]]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}  # type: ignore[dict-item]


def read(path: Path, separator: str | None = None) -> tuple[pd.DataFrame, list[str]]:
    """Read separated text with a header line.

    Parameters
    ----------
    path : Path
        May end in .gz, .bz2 or .xz.
    separator : str or None
        None: the one of ``, ; tab |`` that cuts the first lines most evenly.

    Returns
    -------
    frame : pandas.DataFrame
        Its column names as the file has them, repeated ones included.
    notes : list of str
        What was found out or put right.

    Raises
    ------
    InputError
        Not text, not that compression, or not a table.
    """
    import pandas as pd

    notes: list[str] = []
    opener = OPENERS.get(path.suffix.lower())
    try:
        raw = sizes.read_text(path, opener)
    except (EOFError, zlib.error, lzma.LZMAError, OSError) as error:
        if opener is None or isinstance(error, PermissionError):
            raise
        raise InputError(f"{path} is not {path.suffix} compressed data: {first_line(error)}") from error
    text = _decode(path, raw, notes)
    del raw
    if separator is None:
        separator = _separator(text)
        if separator != ",":
            notes.append(f"fields are separated by {'tabs' if separator == chr(9) else repr(separator)}")
    header, index = _shape(path, text, separator, notes)
    frame = _parse(path, text, separator, index, notes)
    # pandas renames repeated names ("a", "a.1") itself: put the file's own names back, to be reported
    if len(header) == frame.shape[1]:
        frame.columns = pd.Index(header)
    return frame, notes


def _parse(path: Path, text: str, separator: str, index: int | bool, notes: list[str]) -> pd.DataFrame:
    """Hand the text to pandas; lines with too many fields are left out and counted, up to one in ten."""
    import pandas as pd

    def attempt(bad: str) -> pd.DataFrame:
        options = {"skipinitialspace": True, "na_values": list(MISSING), "low_memory": False, "on_bad_lines": bad}
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Length of header", category=pd.errors.ParserWarning)
            return pd.read_csv(io.StringIO(text), sep=separator, index_col=index, **options)  # type: ignore[call-overload]

    try:
        try:
            return attempt("error")
        except pd.errors.ParserError:
            frame = attempt("skip")
            width = frame.shape[1] + (index is not False)
            lines = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
            skipped = sum(len(line) > width for line in lines)
            if skipped > 0.1 * (len(frame) + skipped):
                raise InputError(
                    f"{path} is not a table: {skipped} of {len(frame) + skipped} lines have more fields than the header"
                ) from None
            notes.append(f"{counted(skipped, 'line')} with more fields than the header left out")
            return frame
    except (pd.errors.EmptyDataError, pd.errors.ParserError, ValueError, csv.Error) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"cannot read {path} as CSV: {first_line(error)}") from error


def _shape(path: Path, text: str, separator: str, notes: list[str]) -> tuple[list[str], int | bool]:
    """Return the header's cells and what pandas is to do about an index: row names, as R writes them, become one."""
    try:
        lines = csv.reader(io.StringIO(text[:1_000_000], newline=""), delimiter=separator)
        header, *rows = islice((row for row in lines if row), 200)
    except csv.Error:
        return [], False
    if all(re.fullmatch(r"\s*-?\d+([.,]\d+)?\s*", cell) for cell in header):
        notes.append("the first line holds only numbers, yet is taken as the column names")
    if not rows:
        return header, False
    extra = Counter(len(row) - len(header) for row in rows).most_common(1)[0][0]
    if extra > 1:
        raise InputError(f"{path} is not a table: lines have {extra} fields more than the header")
    if extra == 1 and all(row[-1].strip() for row in rows if len(row) > len(header)):
        notes.append("lines have one field more than the header: the first is taken as row names and left out")
        return header, 0
    if extra == 1:
        notes.append("lines end with a separator")
    elif len(rows[0]) > len(header):
        notes.append("the first row has more fields than the header: the last ones are left out")
    return header, False


def _decode(path: Path, raw: bytes, notes: list[str]) -> str:
    """Decode UTF-8, UTF-16 (with its mark) or, failing both, Western European text; refuse what is not text."""
    head = raw[:65536]
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    else:
        encoding = "utf-8-sig"
        control = sum(head.count(bytes([code])) for code in range(32) if code not in (9, 10, 12, 13))
        refused = mismatch(path, head, "CSV text")
        if b"\0" in head or control > 0.01 * len(head) or "begins like" in str(refused):
            raise refused
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError:
        text = raw.decode("cp1252", errors="replace")
        notes.append("the text is not UTF-8: read as Western European (cp1252)")
    if encoding == "utf-16":
        notes.append("the text is UTF-16")
    if not text.strip():
        raise InputError(f"{path} is empty: it holds nothing but blanks")
    return text


def _separator(text: str) -> str:
    """Choose the separator that cuts the first lines into the most fields, equally many in each."""
    end = text.rfind("\n", 0, 100_000)
    sample = text[: end if end > 0 else len(text)]
    best, most = ",", 1.0
    for candidate in (",", ";", "\t", "|"):
        try:
            counts = [len(row) for row in csv.reader(io.StringIO(sample, newline=""), delimiter=candidate) if row]
        except csv.Error:
            continue
        same = sum(count == counts[0] for count in counts) / len(counts)
        if counts[0] > 1 and counts[0] * same > most:
            best, most = candidate, counts[0] * same
    return best
