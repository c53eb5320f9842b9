"""Compare the columns of a later table with those that a preparation was fitted to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from widelearn.experiments.errors import InputError, counted, listing
from widelearn.experiments.tables.content import Content
from widelearn.experiments.tables.readings import Reading

if TYPE_CHECKING:
    import pandas as pd

Fitted = tuple[Reading, list[str | None], bool]


def doubts(fitted: Iterable[Fitted], frame: pd.DataFrame) -> list[str]:
    """Say which cells count as missing though they are there, or are categories never seen.

    Parameters
    ----------
    fitted : iterable of (Reading, labels, bool)
        How each column was read, the values with a column of their own, whether there are others.
    frame : pandas.DataFrame
        Holds these columns.

    Returns
    -------
    list of str

    Raises
    ------
    InputError
        A column holds another kind of values; the message names it.
    """
    notes = []
    for reading, labels, others in fitted:
        column = frame[reading.name]
        read = Content.of(reading, column)
        unknown = Counter(text for text in read.texts if text is not None and text not in set(labels))
        count, some = unknown.total(), listing(map(repr, sorted(unknown)), 3)
        if reading.kind != "text" and count > 0.5 * read.known:
            raise InputError(
                f"column {reading.name!r} held {reading.kind}s in the training table, and {count} of its"
                f" {read.known} cells are none here ({some}): give a table with the same columns"
            )
        if reading.kind == "text" and count == read.known > 0 and _numbers(unknown) and not _numbers(labels):
            raise InputError(
                f"column {reading.name!r} held words in the training table such as {listing(map(repr, labels), 3)}, and"
                f" numbers here ({some}): give a table with the same columns"
            )
        if count:
            instead = (
                "missing" if reading.kind != "text" else "one of the rare values" if others else "none of those known"
            )
            notes.append(f"{reading.name!r}: {counted(count, 'cell')} never seen, taken as {instead}: {some}")
        notes += reading.beyond(column) if read.known < len(column) else []
    return notes


def _numbers(texts: Any) -> bool:
    """Whether every text is a number."""
    try:
        return bool(np.isfinite([float(text) for text in texts if text is not None]).all())
    except ValueError:
        return False
