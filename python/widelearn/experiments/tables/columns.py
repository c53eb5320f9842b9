"""Turn a table's columns into one matrix of numbers, with scikit-learn's own preprocessing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from widelearn.experiments.errors import InputError, listing
from widelearn.experiments.tables.readings import Reading

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.compose import ColumnTransformer

MOST_CATEGORIES = 32
MOST_ENCODED = 2048
_ID_NAME = re.compile(
    r"(^|[\s_.-])(id|idx|index|uuid|guid|key|row|rownum|nr|no)$|^unnamed(: ?\d+)?$|__index_level_|^rowid$",
    re.IGNORECASE,
)
_ID_ENDING = re.compile(r"[a-z](Id|ID)$")
_PARTS = ("days", "month", "weekday", "hour")


class Columns:
    """Prepare columns: what each one is comes from all rows, every number that is fitted from the training rows.

    Numbers: missing ones become the training median (with a 0/1 column that says so) and are scaled to mean 0 and
    variance 1. Text and categories: one 0/1 column for each frequent value, one for all others. Dates: days since 1970,
    month, weekday and hour, then as numbers. Columns without information are dropped and named.

    Parameters
    ----------
    frame : pandas.DataFrame
        The raw columns that may be used, all rows.

    Attributes
    ----------
    readings : list of Reading
        One for each column in use.
    notes : list of str
        What was put right, left out or encoded.
    dropped : dict of str to list of str
        Columns left out, by reason.
    n_features : int
        Columns of the prepared matrix (after `fit`).
    """

    def __init__(self, frame: pd.DataFrame) -> None:
        self.notes: list[str] = []
        self.dropped: dict[str, list[str]] = {}
        self.readings: list[Reading] = []
        self.n_features = 0
        for name in frame.columns:
            column = frame[name]
            if not column.notna().any():
                self._drop("all values are missing", name)
                continue
            if (
                column.dtype == object
                and column.map(lambda cell: isinstance(cell, list | dict | set | np.ndarray)).any()
            ):
                self._drop("lists or records instead of values", name)
                continue
            reading, notes = Reading.of(column)
            self.notes += notes
            self.readings.append(reading)

    def fit(self, frame: pd.DataFrame) -> Columns:
        """Choose the informative columns and fit imputation, scaling and encoding.

        Parameters
        ----------
        frame : pandas.DataFrame
            The raw training rows.

        Returns
        -------
        Columns
            Itself.

        Raises
        ------
        InputError
            No column is left.
        """
        import pandas as pd

        numbers: list[str] = []
        texts: list[str] = []
        kept: list[Reading] = []
        crowded: list[str] = []
        typed = self._typed(frame)
        for reading in self.readings:
            parts = [part for part in self._parts(reading) if _varies(typed[part])]
            reason = _useless(reading, typed, parts)
            if reason:
                self._drop(reason, reading.name)
                continue
            kept.append(reading)
            if reading.kind == "text":
                texts += parts
                distinct = typed[reading.name].nunique()
                if distinct > MOST_CATEGORIES:
                    crowded.append(f"{reading.name} ({distinct:,} values)")
            else:
                numbers += parts
        self.readings = kept
        if not kept:
            reasons = "; ".join(f"{reason}: {listing(names)}" for reason, names in self.dropped.items())
            raise InputError(f"no usable column is left beside the target ({reasons or 'there is none'})")
        limit = max(4, min(MOST_CATEGORIES, MOST_ENCODED // max(1, len(texts))))
        if crowded:
            self.notes.append(
                f"encoded as the {limit} most frequent values or fewer, the rest as one: {listing(crowded, 20)}"
            )
        self._numbers, self._texts = numbers, texts
        self._encoder = _encoder(numbers, texts, limit, len(frame))
        self.n_features = self._encoder.fit_transform(pd.DataFrame(typed, index=frame.index)).shape[1]
        for reason, names in self.dropped.items():
            self.notes.append(f"dropped, {reason}: {listing(names, 40)}")
        return self

    def transform(self, frame: pd.DataFrame) -> np.ndarray:
        """Prepare rows as the training rows were.

        Parameters
        ----------
        frame : pandas.DataFrame
            Holds at least the columns in use, in any order.

        Returns
        -------
        ndarray of shape (n_rows, n_features), float64, C-contiguous
            All finite.
        """
        import pandas as pd

        absent = [reading.name for reading in self.readings if reading.name not in frame.columns]
        if absent:
            raise InputError(f"the table lacks columns that the model uses: {listing(absent)}")
        typed = pd.DataFrame(self._typed(frame), index=frame.index)
        return np.ascontiguousarray(self._encoder.transform(typed), dtype=np.float64)

    def _drop(self, reason: str, name: str) -> None:
        self.dropped.setdefault(reason, []).append(name)

    def _parts(self, reading: Reading) -> list[str]:
        """Name the typed columns that one raw column becomes."""
        return [f"{reading.name} ({part})" for part in _PARTS] if reading.kind == "date" else [reading.name]

    def _typed(self, frame: pd.DataFrame) -> dict[str, pd.Series]:
        """Read every column in use: numbers as float64, dates as their parts, text as objects."""
        typed: dict[str, pd.Series] = {}
        for reading in self.readings:
            column = frame[reading.name]
            if reading.kind == "number":
                typed[reading.name] = reading.numbers(column)
            elif reading.kind == "text":
                typed[reading.name] = reading.text(column)
            else:
                times = reading.dates(column)
                seconds = (times - _epoch()).dt.total_seconds()
                values = (seconds / 86400.0, times.dt.month, times.dt.day_of_week, (seconds % 86400.0) / 3600.0)
                typed.update(
                    {part: value.astype("float64") for part, value in zip(self._parts(reading), values, strict=True)}
                )
        return typed


def _epoch() -> pd.Timestamp:
    import pandas as pd

    return pd.Timestamp("1970-01-01", tz="UTC")


def _varies(values: pd.Series) -> bool:
    """Whether at least two different cells (a missing one is a value too) occur."""
    return bool(values.nunique(dropna=False) > 1)


def _useless(reading: Reading, typed: dict[str, pd.Series], parts: list[str]) -> str | None:
    """Say why a column carries no information for unseen rows, or None."""
    if not parts:
        values = typed.get(reading.name)
        return "all values are missing" if values is not None and values.isna().all() else "constant"
    if reading.kind == "date":
        return None
    values = typed[reading.name]
    known = values.dropna()
    distinct, rows = known.nunique(), len(known)
    if reading.kind == "text":
        many = rows >= 10 and distinct > 0.5 * rows
        return "an identifier or free text (most rows have a value of their own)" if many else None
    if rows < len(values) or distinct < rows or rows < 10 or (known % 1).any():
        return None
    dense = rows >= 50 and known.max() - known.min() < 4 * rows
    named = _ID_NAME.search(reading.name) or _ID_ENDING.search(reading.name)
    return "an identifier (a different whole number in every row)" if dense or named else None


def _encoder(numbers: list[str], texts: list[str], limit: int, rows: int) -> ColumnTransformer:
    """Build the unfitted preprocessing: numbers, signs of missing numbers, text."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import MissingIndicator, SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    onehot = OneHotEncoder(
        handle_unknown="infrequent_if_exist",
        min_frequency=max(2, rows // 2000),
        max_categories=limit,
        sparse_output=False,
    )
    steps = [
        ("numbers", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numbers),
        ("missing", MissingIndicator(error_on_new=False), numbers),
        (
            "text",
            make_pipeline(SimpleImputer(strategy="constant", fill_value="(missing)", missing_values=None), onehot),
            texts,
        ),
    ]
    return ColumnTransformer([step for step in steps if step[2]], sparse_threshold=0.0)
