"""Read the target column: which task it poses, which rows have it, and the classes it holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from widelearn.experiments.errors import InputError, counted, listing
from widelearn.experiments.tables.readings import Reading
from widelearn.experiments.tables.table import Table

if TYPE_CHECKING:
    import pandas as pd

RARE = 5
MOST_INTEGER_CLASSES = 20


def settle_task(table: Table, target: str, asked: str) -> tuple[Reading, str, list[str]]:
    """Read the target and settle the task.

    Text and booleans are classes. Numbers are classes if they are at most 20 different whole ones, each five times
    on average.

    Parameters
    ----------
    table : Table
    target : str
    asked : {"auto", "classification", "regression"}

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
    import pandas as pd

    column = table.frame[target]
    if not column.notna().any():
        raise InputError(f"the target {target!r} has no values")
    reading, notes = Reading.of(column, share=0.95)
    if pd.api.types.is_bool_dtype(column.dtype) or column.dropna().map(lambda cell: isinstance(cell, bool)).all():
        reading, notes = Reading(target, "text"), []
    if reading.kind == "date" and asked != "classification":
        raise InputError(f"the target {target!r} holds dates: give a number or a class to predict")
    if asked == "regression" and reading.kind != "number":
        raise InputError(
            f"the target {target!r} is text (such as {column.dropna().iloc[0]!r}): --task regression needs numbers"
        )
    notes = [note for note in notes if "counted as missing" not in note]
    if asked != "auto":
        return reading, asked, notes
    if table.task is not None and target == table.target:
        return reading, table.task, notes
    if reading.kind == "text":
        return reading, "classification", notes
    known = reading.numbers(column).dropna()
    distinct = known.nunique()
    few = distinct <= MOST_INTEGER_CLASSES and len(known) >= 5 * distinct and not (known % 1).any()
    if few:
        reason = (
            f"{target!r} holds {distinct} different whole numbers: taken as classes (--task regression for numbers)"
        )
        return reading, "classification", [*notes, reason]
    return reading, "regression", notes


def labelled(table: Table, reading: Reading, task: str, notes: list[str]) -> NDArray[np.bool_]:
    """Mark the rows that have a target."""
    column = table.frame[reading.name]
    values = reading.numbers(column) if reading.kind == "number" else reading.text(column)
    keep = values.notna().to_numpy()
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
    if reading.kind == "number":
        values = reading.numbers(column).to_numpy()
        if task == "regression":
            return values, None
        labels, codes = np.unique(values, return_inverse=True)
        return codes.astype(np.int64), [int(label) if float(label).is_integer() else float(label) for label in labels]
    labels, codes = np.unique(reading.text(column).to_numpy(dtype=str), return_inverse=True)
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
        number = reading.kind == "number"
        raise InputError(f"{what}; add --drop-rare to leave them out" + (" or --task regression" if number else ""))
    keep = keep.copy()
    keep[rows[np.isin(codes, rare)]] = False
    notes.append(f"{what}; their {int(counts[rare].sum())} rows are left out")
    return keep
