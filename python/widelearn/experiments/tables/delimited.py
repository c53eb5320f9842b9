"""Read delimited text: encoding, separator, title lines and header are found out once a file, and told."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from widelearn.experiments.errors import InputError, counted, first_line, listing, mismatch
from widelearn.experiments.tables import numerals
from widelearn.experiments.tables.dialect import Dialect
from widelearn.experiments.tables.readings import NEVER, OFTEN

if TYPE_CHECKING:
    import pandas as pd

SEPARATORS = {",": "','", ";": "';'", "\t": "tabs", "|": "'|'", " ": "blanks"}
_MARKS = {
    "utf-8-sig": (codecs.BOM_UTF8,),
    "utf-32": (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE),
    "utf-16": (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE),
}
_LIKELY = ["cp1252", "cp1250", "cp1251", "cp1253", "cp932", "gb18030", "big5", "euc_kr"]
GONE = NEVER | OFTEN
PART = 10_000
Rows = list[list[str]]


def decode(path: Path, raw: bytes, asked: Dialect, notes: list[str]) -> tuple[str, str]:
    """Return the text and its encoding: by its mark, UTF-8, or what charset-normalizer finds; refuse what is none."""
    head = raw[:65536]
    marked = next((name for name, marks in _MARKS.items() if head.startswith(marks)), "")
    encoding = _earlier(raw, asked, marked, notes) if asked.decided else asked.encoding or marked
    encoding = (
        "utf-8-sig" if marked == "utf-8-sig" and encoding.lower().replace("_", "-") in ("utf-8", "utf8") else encoding
    )
    if not encoding and b"\0" in head and abs(head[::2].count(0) - head[1::2].count(0)) > 0.3 * len(head):
        encoding = "utf-16-le" if head[1::2].count(0) > head[::2].count(0) else "utf-16-be"
    if not encoding:
        control = sum(head.count(bytes([code])) for code in range(32) if code not in (9, 10, 12, 13))
        if b"\0" in raw or control > 0.01 * len(head) or "begins like" in str(mismatch(path, head, "CSV text")):
            raise mismatch(path, head, "CSV text")
    try:
        text = raw.decode(encoding or "utf-8")
    except (UnicodeError, LookupError) as error:
        if encoding:
            raise InputError(f"{path} is not {encoding} text: {first_line(error)} (--encoding)") from error
        import charset_normalizer

        found = list(charset_normalizer.from_bytes(raw[:200_000], cp_isolation=_LIKELY))
        western = [match.chaos for match in found if match.encoding == "cp1252"]
        encoding = "cp1252" if not found or western[:1] <= [found[0].chaos] else found[0].encoding
        text = raw.decode(encoding, errors="replace")
        notes.append(f"the text is not UTF-8: read as {encoding} (--encoding decides)")
    if encoding.startswith("utf-16"):
        notes.append("the text is UTF-16")
    if not text.strip():
        raise InputError(f"{path} is empty: it holds nothing but blanks")
    return text if "\n" in text else text.replace("\r", "\n"), encoding or "utf-8"


def _earlier(raw: bytes, asked: Dialect, marked: str, notes: list[str]) -> str:
    """Return the encoding of a later file: its own where it is sure, or else that of the first one."""
    first = asked.encoding or ""
    if marked or b"\0" in raw:
        return marked or (first if first.startswith(("utf-16-", "utf-32-")) else "")
    try:
        raw.decode("utf-8")
    except UnicodeError:
        return first
    if not raw.isascii() and not first.startswith("utf-8"):
        notes.append(f"the text is UTF-8, that of the model's table was {first}: read as UTF-8")
    return "utf-8"


def recoded(path: Path, raw: bytes, encoding: str) -> bytes:
    """Return text as UTF-8; refuse what is not encoded so."""
    try:
        return raw.decode(encoding).encode("utf-8")
    except (UnicodeError, LookupError) as error:
        raise InputError(f"{path} is not {encoding} text: {first_line(error)} (--encoding)") from error


def lines(text: str, sep: str) -> Iterator[tuple[int, list[str]]]:
    """Cut lines into stripped cells, each with the number of its last line; blank lines have no cells."""
    if sep == " ":
        text = re.sub(r"(?m)^ +| +$", "", text.replace("\t", " "))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=sep, skipinitialspace=True, strict=True)
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            yield reader.line_num, cells if len(cells) > 1 or any(cells) else []
    except csv.Error as error:
        remedy = "close each quoted field, and double the quotes inside it"
        raise csv.Error(f"{error} (line {reader.line_num}): {remedy}") from error


def separator(text: str) -> str:
    """Choose the separator that cuts most lines into equally many fields, with none of the others left inside."""
    best, most = ",", 0.0
    for sep in SEPARATORS:
        try:
            rows = [row for _, row in islice(lines(text, sep), 200) if row]
        except csv.Error:
            continue
        if not rows or (sep == " " and most and not re.search(r"(?m)^ *[^\s,;|]+ {2,}[^\s,;|]", text)):
            continue
        width, count = Counter(map(len, rows)).most_common(1)[0]
        cells = [cell for row in rows for cell in row]
        odd = sum(any(mark in cell for mark in ",;\t|") and numerals.amount(cell) is None for cell in cells)
        score = (width > 1) * width * (count / len(rows)) ** 2 * (1 - odd / len(cells)) ** 2
        if score > most:
            best, most = sep, score
    return best


def layout(rows: Rows, asked: bool | None, notes: list[str]) -> tuple[int, list[str] | None, int]:
    """Return how many rows stand above the table, its header or None, and the number of columns."""
    widths = Counter(len(row) for row in rows if not row[0].startswith("#")) or Counter(map(len, rows))
    width = max(widths, key=lambda width: (widths[width], width))
    fewest = 0 if asked is False else 2
    fits = [width == 1 or (len(row) >= width - 1 and sum(map(bool, row)) >= fewest) for row in rows]
    skip = fits.index(True) if any(fits) else 0
    if skip:
        notes.append(f"{counted(skip, 'line')} above the table left out")
    header, below = rows[skip], rows[skip + 1 :]
    if skip and sum(map(bool, rows[skip - 1])) > 1 and all(numerals.amount(cell) for cell in header):
        raise InputError(f"not a table: the header has {len(rows[skip - 1])} fields, lines below it {width}")
    if asked is None and below and _values(header, below):
        asked = False
        notes.append(
            "the first line looks like values: taken as a row, and columns are called column 1, 2, ... (--header)"
        )
    return skip, None if asked is False else header, width


def _values(first: list[str], below: Rows) -> bool:
    """Whether the first row holds values like those below it, not names."""
    names, values, numbers = _tally(first, below)
    years = all(re.fullmatch(r"(?:19|20)[0-9]{2}", text) for text in numbers)
    from_0 = [str(k) for k in range(len(numbers) + 1)]
    return values > names and not (len(numbers) > 1 and (years or numbers in (from_0[:-1], from_0[1:])))


def _tally(first: list[str], below: Rows) -> tuple[int, int, list[str]]:
    """Count cells of the first row that are names, and values, by the rows below; return those above numbers, too."""
    names = values = 0
    numbers = []
    for k, cell in enumerate(first):
        column = [row[k] for row in below if k < len(row) and row[k]]
        number = [numerals.amount(text) is not None for text in column]
        if column and sum(number) > 0.9 * len(number):
            values += numerals.amount(cell) is not None
            names += bool(cell) and numerals.amount(cell) is None and cell not in GONE
            numbers.append(cell)
        else:
            values += cell in column
    return names, values, numbers


def read(path: Path, raw: bytes, asked: Dialect, strict: bool) -> tuple[pd.DataFrame, Dialect, list[str]]:
    """Read separated text as text.

    Parameters
    ----------
    path : Path
        For messages.
    raw : bytes
    asked : Dialect
    strict : bool
        Refuse lines with too many fields instead of leaving them out, so that every row keeps its place.

    Returns
    -------
    frame : pandas.DataFrame of str, None where a line ends early
    dialect : Dialect
    notes : list of str

    Raises
    ------
    InputError
        Not text, or not a table.
    """
    notes: list[str] = []
    text, encoding = decode(path, raw, asked, notes)
    text = _below(path, text, asked, notes)
    sep = {"\\t": "\t", "tab": "\t", "blanks": " ", "\\s+": " "}.get(asked.sep or "", asked.sep)
    if named := re.match(r"\s*\"?sep=(.)\"?\s*\n", text):
        sep = sep or named[1]
        notes.append(f"the first line names the separator {named[1]!r}")
        text = text[named.end() :]
    found = separator(text[: text.rfind("\n", 0, 60_000) + 1 or None])
    if sep is None and found != ",":
        notes.append(f"fields are separated by {SEPARATORS[found]}")
    sep = sep or found
    if len(sep) != 1 or sep.isalnum() or sep in '"\r\n':
        raise InputError(f"--sep takes one character that is no letter, digit or quote, tab or blanks, not {sep!r}")
    try:
        sample = [row for _, row in islice(lines(text, sep), 200) if row]
        if not any(any(row) for row in sample):
            raise InputError(f"{path} is empty: it holds nothing but separators")
        if asked.decided and found != sep and max(map(len, sample)) == 1:
            told = f"{SEPARATORS[found]}, those of the model's table by {SEPARATORS.get(sep, repr(sep))}"
            raise InputError(f"fields of {path} are separated by {told}: write it alike, or name --sep")
        skip, header, width = layout(sample, asked.header, notes)
        if asked.decided and header is None:
            _check_values(path, sample[skip:])
        names = [f"column {k + 1}" for k in range(width)] if header is None else header
        names = names[1:] if names[0] == "#" and len(names) > width else [names[0].lstrip("# ") or "#", *names[1:]]
        above, width = skip + (header is not None), max(width, len(names))
        frame, short = _collected(path, lines(text, sep), above, width, strict, notes)
    except (csv.Error, InputError) as error:
        known = str(path) in str(error)
        raise InputError(str(error) if known else f"cannot read {path} as CSV: {first_line(error)}") from error
    frame = _named(frame, names, short, notes)
    return frame, asked.but(sep=sep, encoding=encoding, header=header is not None), notes


def _below(path: Path, text: str, asked: Dialect, notes: list[str]) -> str:
    """Leave out the lines that --skip-rows counts; there must be others."""
    if not asked.skip_rows:
        return text
    rest = text.split("\n", asked.skip_rows)
    if len(rest) <= asked.skip_rows or not rest[-1].strip():
        raise InputError(
            f"--skip-rows {asked.skip_rows} leaves nothing of {path}, which has {len(text.splitlines())} lines"
        )
    if asked.decided:
        notes.append(f"{counted(asked.skip_rows, 'line')} left out, as of the model's table (--skip-rows)")
    return rest[-1]


def _check_values(path: Path, rows: Rows) -> None:
    """Refuse names above a later file of a first one without: they would be taken as a row."""
    names, values, _ = _tally(rows[0], rows[1:])
    if names > values:
        first = listing(map(repr, rows[0]), 3)
        raise InputError(
            f"the first line of {path} looks like names ({first}), and the model's had none: --skip-rows 1"
        )


def _collected(
    path: Path, cut: Iterator[tuple[int, list[str]]], above: int, width: int, strict: bool, notes: list[str]
) -> tuple[pd.DataFrame, int]:
    """Collect rows of one width, and how many end early; lines with more fields are left out, or refused."""
    import pandas as pd

    parts: list[pd.DataFrame] = []
    rows: list[list[str | None]] = []
    long: list[int] = []
    seen = blank = short = remarks = 0
    for line, row in cut:
        if seen < above or not row:
            seen += bool(row)
            blank += not row and seen >= above and width == 1
            continue
        if row[0].startswith("#") and len(row) < width:
            remarks += 1
            continue
        while len(row) > width and not row[-1]:
            row.pop()
        if len(row) > width:
            long.append(line)
            continue
        short += len(row) < width
        rows += [[None] for _ in range(blank)]
        rows.append([*row, *[None] * (width - len(row))])
        blank = 0
        if len(rows) >= PART:
            parts.append(pd.DataFrame(rows, columns=range(width)))
            rows = []
    frame = pd.concat([*parts, pd.DataFrame(rows, columns=range(width))], ignore_index=True)
    total = len(frame) + len(long)
    if long and (strict or len(long) > 0.1 * total):
        why = f"{len(long)} of {total} lines have more fields than the header (line {listing(long, 3)})"
        raise InputError(f"{path} is not a table: {why}")
    if long:
        notes.append(f"{counted(len(long), 'line')} with more fields than the header left out")
    if remarks:
        notes.append(f"{counted(remarks, 'line')} that begin with # left out")
    return frame, short


def _named(frame: pd.DataFrame, names: list[str], short: int, notes: list[str]) -> pd.DataFrame:
    """Give the columns their names; a first column without one holds row names, as R writes them."""
    extra = frame.shape[1] - len(names)
    if extra == 1 and frame[frame.shape[1] - 1].isin(["", None]).all():
        notes.append("lines end with a separator")
        frame = frame.iloc[:, :-1]
    elif extra == 1:
        notes.append("lines have one field more than the header: the first is taken as row names and left out")
        frame = frame.iloc[:, 1:]
    elif short:
        notes.append(f"{counted(short, 'line')} with fewer fields than the header: the rest is missing")
    frame.columns = names
    return frame
