"""Refusals of wrong input: one exception, one line, with the remedy in it."""

import contextlib
import difflib
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path

_SIGNATURES = (
    (b"PAR1", "a Parquet file"),
    (b"PK\x03\x04", "a zip archive (NPZ, XLSX, ...)"),
    (b"\x93NUMPY", "a NumPy NPY file"),
    (b"\x1f\x8b", "gzip-compressed data"),
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a PNG image"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (b"<!doctype html", "a web page"),
    (b"<html", "a web page"),
    (b"<?xml", "an XML document"),
    (b"{", "JSON"),
    (b"[{", "JSON"),
    (b"ARROW1", "an Arrow (Feather) file"),
)


class InputError(ValueError):
    """Refuse an input or a usage with one line that names the remedy; the command line prints it, exit code 2."""


def nearest(name: str, names: Sequence[str]) -> str:
    """Say which of the names the user may have meant, or list them."""
    lowered = {column.lower(): column for column in reversed(names)}
    close = difflib.get_close_matches(name.lower().strip(), lowered, n=1, cutoff=0.6)
    if close:
        return f"did you mean {lowered[close[0]]!r}?"
    return f"there are {listing(names, most=20)}"


def listing(names: Iterable[object], most: int = 8) -> str:
    """Join names for a sentence, at most `most` of them."""
    texts = [str(name) for name in names]
    if len(texts) > most:
        return ", ".join(texts[:most]) + f" and {len(texts) - most} more"
    return ", ".join(texts)


def counted(number: int, noun: str) -> str:
    """Write a number of things: 1 row, 1,200 rows."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def visible(text: str, most: int = 2000) -> str:
    """Write what a terminal would obey instead of show (control characters, reversed text) by its code."""
    text = text if len(text) <= most else text[: most - 3] + "..."
    if text.isprintable():
        return text
    hidden = {"Cc", "Cf", "Cs", "Zl", "Zp"}
    return "".join(
        one.encode("unicode_escape").decode("ascii") if unicodedata.category(one) in hidden else one for one in text
    )


def shown_lines(text: str) -> str:
    """Write lines for a terminal, as `visible` does, and keep their ends."""
    return "".join(visible(line, len(line) or 1) + "\n" for line in text.split("\n")[:-1])


def complain(message: str) -> None:
    """Print one line on standard error, if there is one still."""
    with contextlib.suppress(OSError, AttributeError, ValueError):
        sys.stderr.write(f"widelearn: {visible(' '.join(message.split()))}\n")
        sys.stderr.flush()


def first_line(error: BaseException | str) -> str:
    """Return an exception's message as one short line."""
    text = " ".join(str(error).split())
    return (text[:197] + "...") if len(text) > 200 else (text or type(error).__name__)


def require(*packages: str, extra: str = "cli") -> None:
    """Refuse in one line if an optional package is missing."""

    def found(package: str) -> bool:
        try:
            return find_spec(package) is not None
        except (ImportError, ValueError):
            return False

    missing = [package for package in packages if not found(package)]
    if missing:
        raise InputError(f"{', '.join(missing)} not installed: pip install 'widelearn[{extra}]'")


def mismatch(path: Path, head: bytes, expected: str) -> InputError:
    """Build the refusal for a file whose content is not what its suffix says."""
    start = head.lstrip(b"\xef\xbb\xbf \r\n\t").lower()
    for signature, meaning in _SIGNATURES:
        if start.startswith(signature.lower()):
            return InputError(f"{path} is not {expected}: it begins like {meaning}")
    return InputError(f"{path} is not {expected}")
