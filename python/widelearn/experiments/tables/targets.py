"""Read the target column: which task it poses, which rows have it, and the classes it holds."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from widelearn.experiments.errors import InputError, counted, listing
from widelearn.experiments.tables import numerals
from widelearn.experiments.tables.dialect import Dialect
from widelearn.experiments.tables.readings import OFTEN, Reading, cells, plain_values
from widelearn.experiments.tables.table import Table

if TYPE_CHECKING:
    import pandas as pd

RARE = 5
# Among digits that are classes these mean missing; other words are classes, too.
GONE = frozenset(("NA", "N/A", "n/a", "?", "NULL", "null"))
MOST_INTEGER_CLASSES = 20


def settle_task(table: Table, target: str, asked: str, dialect: Dialect) -> tuple[Reading, str, list[str]]:
    """Read the target and settle the task.

    Text and booleans are classes. Numbers are classes if they are at most 20 different whole ones, each five times
    on average.

    Parameters
    ----------
    table : Table
    target : str
    asked : {"auto", "classification", "regression"}
    dialect : Dialect
        As decided for the file.

    Returns
    -------
    reading : Reading
        How the target's cells are read.
    task : {"classification", "regression"}
    notes : list of str
        Why this task, if it was not asked for.

    Raises
    ------
    InputError
        The target has no values, or none that suit the task.
    """
    column = table.frame[target]
    if not plain_values(column):
        raise InputError(f"the target {target!r} holds lists or records, not values")
    if not any(cell is not None for cell in cells(column, dialect.na)):
        raise InputError(f"the target {target!r} has no values")
    text = Reading(target, "text", na=dialect.na)
    forced = "text" if target in dialect.categories else "number" if target in dialect.numbers else None
    reading, notes = Reading.of(column, dialect, forced)
    if reading.logical:
        return text, "classification" if asked != "regression" else _no_numbers(column, target), []
    if reading.kind == "date" and asked != "classification":
        raise InputError(f"the target {target!r} holds dates: give a number or a class to predict")
    _refuse_doubtful(column, reading, dialect, asked)
    if reading.kind in ("text", "date"):
        if asked == "regression":
            _no_numbers(column, target, notes)
        return text, "classification", _labels_like_missing(column, text)
    numbers, texts = reading.read(column)
    words = [cell for cell in texts if cell is not None]
    asked = table.task or asked if asked == "auto" and target == table.target else asked
    if asked == "regression" or (asked == "auto" and not _few(numbers)):
        few_words = forced is not None or len(words) <= 0.05 * (len(words) + np.isfinite(numbers).sum())
        if not few_words and asked == "auto":
            return text, "classification", _labels_like_missing(column, text)
        if not few_words:
            _no_numbers(column, target, [f"{len(words):,} cells are none, such as {words[0]!r}"])
        if words:
            odd = listing(map(repr, sorted(set(words))), 3)
            notes.append(f"{target!r}: {odd} are no numbers, so these rows have no target")
        return reading, "regression", notes
    if words or reading.unit or set(cells(column, dialect.na)) & OFTEN - GONE:
        return text, "classification", _labels_like_missing(column, text)
    return reading, "classification", notes + ([_taken_as_classes(target, numbers)] if asked == "auto" else [])


def _taken_as_classes(target: str, numbers: NDArray[np.float64]) -> str:
    distinct = len(np.unique(numbers[~np.isnan(numbers)]))
    return f"{target!r} holds {distinct} different whole numbers: taken as classes (--task regression for numbers)"


def _refuse_doubtful(column: pd.Series, reading: Reading, dialect: Dialect, asked: str) -> None:
    """Refuse a target most of whose cells are numbers, some one with a decimal point and another with a comma."""
    if asked == "classification" or reading.kind != "text" or str(column.name) in dialect.categories:
        return
    texts = [cell for cell in cells(column, dialect.na) if isinstance(cell, str) and cell not in OFTEN]
    amounts = [numerals.amount(cell) for cell in texts]
    both = [cell for cell, one in zip(texts, amounts, strict=True) if one and one.point != one.comma]
    wrong = sum(
        one is not None and one.value(dialect.decimal or "", dialect.thousands or "") is None for one in amounts
    )
    if (
        dialect.decimal
        and wrong > 0.5 * len(texts)
        and not len(set(texts)) <= min(MOST_INTEGER_CLASSES, len(texts) / 5)
    ):
        why = f"no numbers with the decimal mark {dialect.decimal!r}: --decimal, or --task classification for labels"
        raise InputError(f"the target {column.name!r} holds {listing(map(repr, sorted(set(texts))), 3)}, {why}")
    if dialect.decimal == "" and both and sum(one is not None for one in amounts) > 0.5 * len(amounts):
        why = "nothing in the table tells whether a point or a comma is the decimal mark: add --decimal"
        raise InputError(f"the target {column.name!r} holds numbers such as {both[0]!r}, and {why}")


def _few(values: NDArray[np.float64]) -> bool:
    """Whether numbers are few different whole ones, each of them often there."""
    known = values[~np.isnan(values)]
    distinct = len(np.unique(known))
    return distinct <= MOST_INTEGER_CLASSES and len(known) >= 5 * distinct and not (known % 1).any()


def _no_numbers(column: pd.Series, target: str, notes: list[str] | None = None) -> str:
    why = f" ({notes[0]})" if notes else ""
    raise InputError(
        f"the target {target!r} is text (such as {column.dropna().iloc[0]!r}): --task regression needs numbers{why}"
    )


def _labels_like_missing(column: pd.Series, text: Reading) -> list[str]:
    """Note classes that elsewhere mean missing: a label is a label."""
    found = Counter(text.text(column).tolist())
    odd = [f"{label!r} ({found[label]} rows)" for label in sorted(set(found) & OFTEN)]
    return [f"{text.name!r} has the classes {listing(odd)}: if they mean missing, name them by --na"] if odd else []


def labelled(table: Table, reading: Reading, task: str, notes: list[str]) -> NDArray[np.bool_]:
    """Mark the rows that have a target."""
    column = table.frame[reading.name]
    if reading.kind == "text":
        keep = np.array([cell is not None for cell in reading.text(column)])
    else:
        keep = ~np.isnan(reading.numbers(column))
    count(
        int((~keep).sum()), f"without a {'class' if task == 'classification' else 'number'} in {reading.name!r}", notes
    )
    return keep


def count(number: int, what: str, notes: list[str]) -> None:
    """Note how many rows are left out, if any."""
    if number:
        notes.append(f"{counted(number, 'row')} {what} left out")


def encode(column: pd.Series, reading: Reading, task: str) -> tuple[NDArray[Any], list[Any] | None]:
    """Return float targets, or positions in the sorted list of classes."""
    if reading.kind != "text":
        values = reading.numbers(column)
        if task == "regression":
            return values, None
        labels, codes = np.unique(values, return_inverse=True)
        return codes.astype(np.int64), [int(label) if float(label).is_integer() else float(label) for label in labels]
    labels, codes = np.unique(reading.text(column).astype(str), return_inverse=True)
    return codes.astype(np.int64), [str(label) for label in labels]


def without_rare(
    column: pd.Series, reading: Reading, keep: NDArray[np.bool_], drop_rare: bool, notes: list[str]
) -> NDArray[np.bool_]:
    """Refuse classes with fewer than 5 rows, or leave them out when asked to."""
    rows = np.flatnonzero(keep)
    if not len(rows):
        return keep
    codes, labels = encode(column.iloc[rows], reading, "classification")
    classes = labels or []
    counts = np.bincount(codes)
    rare = np.flatnonzero(counts < RARE)
    if not len(rare):
        return keep
    named = listing([f"{classes[code]} ({counts[code]})" for code in rare], most=5)
    what = f"{reading.name!r} has classes with fewer than {RARE} rows ({len(rare)} of {len(classes)}): {named}"
    if not drop_rare:
        number = reading.kind != "text"
        raise InputError(f"{what}; add --drop-rare to leave them out" + (" or --task regression" if number else ""))
    keep = keep.copy()
    keep[rows[np.isin(codes, rare)]] = False
    notes.append(f"{what}; their {int(counts[rare].sum())} rows are left out")
    return keep
