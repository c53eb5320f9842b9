"""Rows of a study on disk: a line for what was asked, then a line for each draw of a cell, whole or not there."""

import json
import math
import os
import time
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from widelearn.experiments.errors import InputError, first_line
from widelearn.experiments.store import parse, write_csv, write_text
from widelearn.experiments.studies.rows import Row
from widelearn.experiments.studies.spec import Unit
from widelearn.runtime.whole_files import OPEN, read_regular

Kept = dict[Unit, list[Row]]
# A machine that stops loses the rows of so many seconds at most.
BETWEEN_SYNCS = 1.0
# So many bytes of rows are read back at most.
MOST_ROWS = 1 << 30
# Each line ends with a checksum of what stands before.
CHECK = ', "crc": "'


def load(path: Path) -> tuple[dict[str, Any], Kept]:
    """Read what was asked and the rows there are; the line that a dying process left unfinished does not count.

    Raises
    ------
    InputError
        The file is none of these: anyone may have put it there.
    """
    try:
        first, *lines = read_regular(path, MOST_ROWS).split(b"\n")[:-1] or [b""]
        question = _checked(first)
        if not isinstance(question, dict):
            raise ValueError("its first line is no question")
        kept: Kept = {}
        for one in map(_checked, lines):
            if not _is_record(one):
                raise ValueError("a line is no record of rows")
            if kept.setdefault((one["cell"], one["draw"]), one["rows"]) != one["rows"]:
                raise ValueError(f"draw {one['draw']} of cell {one['cell']} is there twice, differently")
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} is damaged, {first_line(error)}: remove it, or start anew by --force") from error
    return question, kept


def _checked(line: bytes) -> Any:
    """Read a line as it was written; ValueError if somebody changed it since."""
    content, _, check = line.rpartition(CHECK.encode())
    if check != f'{zlib.crc32(content):08x}"}}'.encode():
        raise ValueError("a line is not as it was written")
    return parse(content + b"}")


def _is_record(one: Any) -> bool:
    return (
        isinstance(one, dict)
        and one.keys() == {"cell", "draw", "rows"}
        and all(type(one[key]) is int for key in ("cell", "draw"))
        and isinstance(one["rows"], list)
        and all(map(_is_row, one["rows"]))
    )


def _is_row(row: Any) -> bool:
    return (
        isinstance(row, dict)
        and isinstance(row.get("series"), str)
        and isinstance(row.get("x"), float)
        and isinstance(row.get("value", row), float | None)
        and all(isinstance(part, str | int | float | None) for part in row.values())
        and all(math.isfinite(part) for part in row.values() if isinstance(part, float))
    )


def write(path: Path, question: Mapping[str, Any], kept: Kept) -> None:
    """Write all rows in their order, whole or not at all."""
    lines = [_line(question), *(_line(_record(unit, kept[unit])) for unit in sorted(kept))]
    write_text(path, "\n".join(lines) + "\n")


def write_table(path: Path, kept: Kept) -> None:
    """Write all rows as CSV, a line for what each draw found at a place, whole or not at all."""
    units = sorted(kept)
    write_csv(path, [{"cell": unit[0], "draw": unit[1], **row} for unit in units for row in kept[unit]])


def _record(unit: Unit, rows: list[Row]) -> dict[str, Any]:
    return {"cell": unit[0], "draw": unit[1], "rows": rows}


def _line(content: Mapping[str, Any]) -> str:
    text = json.dumps(content, allow_nan=False, ensure_ascii=False).removesuffix("}")
    return f'{text}{CHECK}{zlib.crc32(text.encode("utf-8", errors="backslashreplace")):08x}"}}'


class Ledger:
    """A file that takes the rows of each draw of a cell as they come; nothing of it is lost when the process dies."""

    def __init__(self, path: Path, question: Mapping[str, Any], kept: Kept) -> None:
        self.path, self.question, self.kept = path, question, kept
        self.handle, self.synced = -1, 0.0

    def __enter__(self) -> Self:
        write(self.path, self.question, self.kept)
        self.handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | OPEN)
        self.synced = time.monotonic()
        return self

    def add(self, unit: Unit, rows: list[Row]) -> None:
        """Append the rows of a unit."""
        self.kept[unit] = rows
        left = memoryview((_line(_record(unit, rows)) + "\n").encode("utf-8", errors="backslashreplace"))
        while left:
            left = left[os.write(self.handle, left) :]
        if time.monotonic() - self.synced > BETWEEN_SYNCS:
            os.fsync(self.handle)
            self.synced = time.monotonic()

    def __exit__(self, *_: object) -> None:
        os.close(self.handle)
