"""The options that say how a table is read."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, BooleanOptionalAction, Namespace
from typing import Any

from widelearn.experiments.tables.dialect import Dialect

COLUMNS = ("drop", "keep", "categories", "numbers", "dates")


def add_reading_options(parser: ArgumentParser | Any) -> None:
    """Add the reading options to a command; what is not given is decided by the file."""
    group = parser.add_argument_group("reading the table", "each is decided once for the whole file, and told")
    add_file_options(group)
    add = group.add_argument
    add("--decimal", metavar="MARK", choices=(".", ","), help="the decimal mark, . or ,")
    add("--thousands", metavar="MARKS", help="the marks that group digits, of . , ' and a blank; none: ''")
    add("--na", metavar="TEXT,...", type=names, help="further cells that are missing, in the target, too")
    add("--header", action=BooleanOptionalAction, help="whether the first line names the columns")
    add("--day-first", action=BooleanOptionalAction, help="whether 03/04/2020 is the third of April")
    add("--drop", metavar="COL,...", type=names, help="columns that are left out")
    add("--keep", metavar="COL,...", type=names, help="columns that are never taken for identifiers")
    add("--categories", metavar="COL,...", type=names, help="columns that are categories, whatever they look like")
    add("--numbers", metavar="COL,...", type=names, help="columns that are numbers; other cells are words")
    add("--dates", metavar="COL,...", type=names, help="columns that are dates; other cells are words")


def add_file_options(parser: ArgumentParser | Any) -> None:
    """Add what may be otherwise in each file: how it is cut into cells."""
    add = parser.add_argument
    add("--sep", metavar="CHAR", help="what separates fields: a character, tab or blanks")
    add("--encoding", metavar="NAME", help="the encoding of text, such as utf-8 or cp1252")
    add("--skip-rows", metavar="N", type=rows, help="leave out the first N lines")
    add("--sheet", metavar="NAME", help="the sheet of a workbook, by name or number from 1")


def dialect(options: Namespace, earlier: Dialect | None = None) -> Dialect:
    """Return what the options ask, over what an earlier file decided."""
    fields = ("sep", "decimal", "thousands", "encoding", "na", "header", "skip_rows", "sheet", "day_first", *COLUMNS)
    asked = {name: getattr(options, name, None) for name in fields}
    return (earlier or Dialect()).but(**{name: value for name, value in asked.items() if value is not None})


def names(text: str) -> tuple[str, ...]:
    """Cut a list at its commas; a comma that belongs to a name follows a backslash."""
    parts = text.replace("\\,", "\0").split(",")
    return tuple(part.replace("\0", ",").strip() for part in parts)


def rows(text: str) -> int:
    """Read a number of lines, 0 or more."""
    value = int(text)
    if value < 0:
        raise ArgumentTypeError(f"{text} is negative")
    return value
