"""Read delimited text: encoding, separator, title lines and header are found out once a file, and told."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
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
_ASKED = {"\\t": "\t", "tab": "\t", "blanks": " ", "\\s+": " "}
_LIKELY = ["cp1252", "cp1250", "cp1251", "cp1253", "cp932", "gb18030", "big5", "euc_kr", "koi8_r", "cp866"]
_GONE = NEVER | OFTEN
PART = 10_000
Row = list[str]


def decode(path: Path, raw: bytes, asked: Dialect, sure: str | None, notes: list[str]) -> tuple[str, str]:
    """Return the text and its encoding: what is sure, UTF-16 or UTF-8, or that of the first file or the likeliest."""
    head, first = raw[:65536], asked.encoding or ""
    even, odd = head[::2].count(0), head[1::2].count(0)
    encoding = sure or ("utf-16" if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "")
    if not encoding and abs(even - odd) > 0.3 * len(head):
        encoding = "utf-16-le" if odd > even else "utf-16-be"
    text = _decoded(raw, encoding or "utf-8")
    if text is not None and not encoding and first and not first.startswith("utf-8") and not raw.isascii():
        notes += [f"the text is UTF-8, that of the model's table was {first}: read as UTF-8"] * (text[:1] != "\ufeff")
    if text is None and not encoding:
        text, encoding = (_decoded(raw, first), first) if first else _likeliest(raw)
        notes += [] if first else [f"the text is not UTF-8: read as {encoding} (--encoding decides)"]
    if text is None:
        raise InputError(f"{path} is not {encoding} text: name its encoding by --encoding")
    if "\0" in text:
        raise mismatch(path, head, "text")
    if not text.strip("\ufeff \t\r\n"):
        raise InputError(f"{path} is empty: it holds nothing but blanks")
    notes += ["the text is UTF-16"] if encoding.startswith("utf-16") else []
    text = text.removeprefix("\ufeff")
    return text if "\n" in text else text.replace("\r", "\n"), encoding or "utf-8"


def _decoded(raw: bytes, encoding: str) -> str | None:
    """Return the text, None if it is not encoded so."""
    try:
        return raw.decode(encoding)
    except (UnicodeError, LookupError):
        return None


def _likeliest(raw: bytes) -> tuple[str, str]:
    """Return the text by the encoding that charset-normalizer finds, the Western one where it is about as likely.

    Letters between ASCII ones are Western. Latin-1, which has a character for every byte, is the last: different bytes
    never become one.
    """
    import charset_normalizer

    found = list(charset_normalizer.from_bytes(raw[:200_000], cp_isolation=_LIKELY, threshold=0.5))
    # Encodings that make the same text of it are one match.
    western = [match.chaos for match in found if "cp1252" in match.could_be_from_charset]
    alone = re.search(rb"[\x80-\xff]{2}", raw) is None
    first = ["cp1252"] if alone or (western and western[0] <= found[0].chaos + 0.1) else []
    names = [*first, *(match.encoding for match in found), "cp1252", "latin-1"]
    return next((text, name) for name in names if (text := _decoded(raw, name)) is not None)


def lines(text: str, sep: str) -> Iterator[tuple[int, Row]]:
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


def layout(path: Path, rows: list[Row], asked: Dialect, notes: list[str]) -> tuple[int, Row | None, int]:
    """Return how many rows stand above the table, its header or None, and the number of columns."""
    widths = Counter(len(row) for row in rows if not row[0].startswith("#")) or Counter(map(len, rows))
    width = max(widths, key=lambda width: (widths[width], width))
    fewest = 0 if asked.header is False else 2
    fits = [width == 1 or (len(row) >= width - 1 and sum(map(bool, row)) >= fewest) for row in rows]
    skip = fits.index(True) if any(fits) else 0
    if skip:
        notes.append(f"{counted(skip, 'line')} above the table left out")
    first, below = rows[skip], rows[skip + 1 :]
    if skip and sum(map(bool, rows[skip - 1])) > 1 and all(map(numerals.amount, first)):
        raise InputError(f"{path} is not a table: its header has {len(rows[skip - 1])} fields, lines below it {width}")
    names, values = _names_and_values(first, below)
    if asked.header is None and values > names:
        notes.append("the first line looks like values: taken as a row, columns are called column 1, 2, ... (--header)")
        return skip, None, width
    if asked.decided and asked.header is False and names > values:
        some = listing(map(repr, first), 3)
        raise InputError(f"the first line of {path} looks like names ({some}), the model's had none: --skip-rows 1")
    return skip, None if asked.header is False else first, width


def _names_and_values(first: Row, below: list[Row]) -> tuple[int, int]:
    """Count cells of the first row that are names of the columns below it, and that are values like those in them."""
    names = values = 0
    above = []
    for k, cell in enumerate(first):
        column = [row[k] for row in below if k < len(row) and row[k]]
        numbers = sum(numerals.amount(text) is not None for text in column)
        if numbers > 0.9 * len(column):
            above.append(cell)
            values += numerals.amount(cell) is not None
            names += numerals.amount(cell) is None and cell not in _GONE
        else:
            values += cell in column
    # Counts and years are names, too: 0, 1, 2 or 2019, 2020, alone or before a name.
    digits = [cell for cell in above if numerals.amount(cell)]
    counts = [str(k) for k in range(len(digits) + 1)]
    years = all(re.fullmatch(r"(?:19|20)[0-9]{2}", cell) for cell in digits)
    return names, 0 if len(digits) > 1 and (years or digits in (counts[:-1], counts[1:])) else values


def read(path: Path, raw: bytes, asked: Dialect, sure: str | None) -> tuple[pd.DataFrame, Dialect, list[str]]:
    """Read separated text as text, None where a line ends early.

    A later file with lines of too many fields is refused, so that every row keeps its place; `sure` is the encoding
    that the user names.
    """
    notes: list[str] = []
    text, encoding = decode(path, raw, asked, sure, notes)
    if "begins like" in str(refusal := mismatch(path, raw[:64], "CSV text")):
        raise refusal
    text = _below(path, text, asked, notes)
    sep = _ASKED.get(asked.sep or "", asked.sep)
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
        if not any(map(any, sample)):
            raise InputError(f"{path} is empty: it holds nothing but separators")
        if asked.decided and found != sep and max(map(len, sample)) == 1:
            told = f"{SEPARATORS[found]}, those of the model's table by {SEPARATORS.get(sep, repr(sep))}"
            raise InputError(f"fields of {path} are separated by {told}: write it alike, or name --sep")
        skip, header, width = layout(path, sample, asked, notes)
        names = header or [f"column {k + 1}" for k in range(width)]
        names = names[1:] if names[0] == "#" and len(names) > width else [names[0].lstrip("# ") or "#", *names[1:]]
        cut = lines(text, sep)
        for _ in range(skip + (header is not None)):
            next(row for _, row in cut if row)
        frame = _collected(path, cut, names, max(width, len(names)), asked.but(sep=sep), notes)
    except csv.Error as error:
        raise InputError(f"cannot read {path} as CSV: {first_line(error)}") from error
    settled = asked.but(sep=sep, encoding=encoding, header=header is not None, width=frame.shape[1])
    return frame, settled, notes


def _below(path: Path, text: str, asked: Dialect, notes: list[str]) -> str:
    """Leave out the lines that --skip-rows counts; there must be others."""
    rest = text.split("\n", asked.skip_rows)
    if len(rest) <= asked.skip_rows or not rest[-1].strip():
        count = len(text.splitlines())
        raise InputError(f"--skip-rows {asked.skip_rows} leaves nothing of {path}, which has {count} lines")
    if asked.decided and asked.skip_rows:
        notes.append(f"{counted(asked.skip_rows, 'line')} left out, as of the model's table (--skip-rows)")
    return rest[-1]


def _collected(
    path: Path, cut: Iterator[tuple[int, Row]], names: Row, width: int, asked: Dialect, notes: list[str]
) -> pd.DataFrame:
    """Collect rows of one width under their names; lines with more fields are left out, or refused.

    Refused are lines of which nothing tells the field that is missing.
    """
    import pandas as pd

    strict, blanks = asked.decided, asked.sep == " "
    long: list[int] = []
    seen: Counter[str] = Counter()
    rows, parts = _fitting(cut, width, long, seen), []
    while part := list(islice(rows, PART)):
        parts.append(pd.DataFrame(part, columns=range(width)))
    frame = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=range(width))
    total = len(frame) + len(long)
    if seen["maybe"] and (strict or seen["# row"]):
        why = f"{counted(seen['maybe'], 'line')} begin with # and have fewer fields than the header"
        raise InputError(f"{path}: {why}: rows or comments? Write missing fields as ?, or leave these lines out")
    if long and (strict or len(long) > 0.1 * total):
        why = f"{len(long)} of {total} lines have more fields than the header (line {listing(long, 3)})"
        raise InputError(f"{path} is not a table: {why}")
    notes += [f"{counted(len(long), 'line')} with more fields than the header left out"] if long else []
    notes += [f"{counted(seen['#'], 'line')} that begin with # left out"] if seen["#"] else []
    ended = width == len(names) + 1 and bool(frame[width - 1].isin(["", None]).all())
    short = seen["short"] + seen["one less"] * (not ended)
    if width == len(names) + 1 and not ended and short:
        why = f"{counted(short, 'line')} of {len(frame)} have as many fields as the header or fewer, others one more"
        raise InputError(f"{path} is not a table: {why}: nothing tells which field is missing")
    if short and blanks:
        why = f"{counted(short, 'line')} have fewer fields than the header, and blanks do not tell which is missing"
        raise InputError(f"{path}: {why}: write missing fields as ?")
    if ended:
        notes.append("lines end with a separator")
        frame = frame.iloc[:, :-1]
    elif width == len(names) + 1:
        notes.append("lines have one field more than the header: the first is taken as row names and left out")
        frame = frame.iloc[:, 1:]
    if short:
        notes.append(f"{counted(short, 'line')} with fewer fields than the header: the rest is missing")
    return frame.set_axis(names, axis=1)


def _fitting(
    cut: Iterator[tuple[int, Row]], width: int, long: list[int], seen: Counter[str]
) -> Iterator[Sequence[str | None]]:
    """Make lines one width, but for longer ones; a blank line between others is a row where there is one column."""
    blank = 0
    for line, row in cut:
        if not row:
            blank += width == 1
        elif row[0].startswith("#") and len(row) < width:
            seen["#"] += 1
            seen["maybe"] += len(row) > 1
        elif len(row) > width and any(row[width:]):
            long.append(line)
        else:
            seen["short"] += len(row) < width - 1
            seen["one less"] += len(row) == width - 1
            seen["# row"] += row[0].startswith("#")
            yield from [[None]] * blank
            blank = 0
            yield [*row[:width], *[None] * (width - len(row))]
