"""Turn the columns of a table into one matrix of numbers; every step is told, and later files take the same ones."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from widelearn.experiments.errors import InputError, counted, listing
from widelearn.experiments.tables.content import Content, done, framed, frequent, room_for, varies
from widelearn.experiments.tables.dialect import Dialect
from widelearn.experiments.tables.later import doubts
from widelearn.experiments.tables.readings import Reading, plain_values, settle
from widelearn.runtime import check_memory

if TYPE_CHECKING:
    import pandas as pd

# Trees take at most this many categories of their own; scikit-learn's have 255 bins.
MOST_CODES = 254
_ID_NAME = re.compile(
    r"(^|[\s_.-])(id|idx|index|uuid|guid|key|row|rownum|nr|no)$|^unnamed(: ?\d+)?$|__index_level_|^rowid$",
    re.IGNORECASE,
)
_ID_ENDING = re.compile(r"[a-z](Id|ID)$")
Rows = NDArray[np.intp] | None
KINDS = {"text": "category"}


class TablePreparation(TransformerMixin, BaseEstimator):
    """Read and encode the columns of a frame as they come from files: text, numbers as text, dates, holes.

    Numbers: missing ones become the median of the fitted rows, with a 0/1 column that says so where some were missing;
    all have mean 0 and variance 1 over the fitted rows. Words among numbers, and text: one 0/1 column for each value
    that enough rows have, one for all others. Dates: days since 1970, month, weekday and hour; times: hours; then as
    numbers. What is not certain to be a number stays text. Columns without information are dropped, and named.

    Parameters
    ----------
    decimal : {".", ",", None}, default=None
        Decimal mark of numbers written as text, one for the whole frame; None: what its cells tell.
    thousands : str, default=None
        Marks that group digits; None: those that occur.
    day_first : bool, default=None
        Whether 03/04/2020 is the third of April; None: what the cells tell, and text if they do not.
    na : tuple of str, default=()
        Cells that are missing, beside the usual ones.
    drop, keep : tuple of str, default=()
        Columns to leave out; columns never to take for identifiers.
    categories, numbers, dates : tuple of str, default=()
        Columns that are of this kind, whatever they look like.

    Attributes
    ----------
    columns_ : list of dict
        How each column was read: name, kind, marks, missing, distinct, done, examples (at most 3).
    notes_ : list of str
        What is doubtful, left out or unusual.
    categorical_ : ndarray of shape (q,), bool
        Which columns of `native` are codes of categories.
    feature_names_in_ : ndarray of shape (n_columns,)
    n_features_in_ : int

    Notes
    -----
    Cost: each cell of text is read once; `transform` holds 8 n p bytes. The fitted state is numbers and texts.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"size": ["1,5", "2,25", None, "3,0"], "kind": list("abab")})
    >>> preparation = TablePreparation().fit(frame)
    >>> preparation.get_feature_names_out()
    array(['size', 'size (missing)', 'kind=a', 'kind=b'], dtype=object)
    >>> preparation.transform(frame).round(2)
    array([[-1.41,  0.  ,  1.  ,  0.  ],
           [ 0.  ,  0.  ,  0.  ,  1.  ],
           [ 0.  ,  1.  ,  1.  ,  0.  ],
           [ 1.41,  0.  ,  0.  ,  1.  ]])
    """

    def __init__(
        self,
        *,
        decimal: str | None = None,
        thousands: str | None = None,
        day_first: bool | None = None,
        na: tuple[str, ...] = (),
        drop: tuple[str, ...] = (),
        keep: tuple[str, ...] = (),
        categories: tuple[str, ...] = (),
        numbers: tuple[str, ...] = (),
        dates: tuple[str, ...] = (),
    ) -> None:
        self.decimal = decimal
        self.thousands = thousands
        self.day_first = day_first
        self.na = na
        self.drop = drop
        self.keep = keep
        self.categories = categories
        self.numbers = numbers
        self.dates = dates

    @staticmethod
    def of(dialect: Dialect) -> TablePreparation:
        """Return the unfitted preparation that reads as a file was read."""
        names = ("decimal", "thousands", "day_first", "na", "drop", "keep", "categories", "numbers", "dates")
        return TablePreparation(**{name: getattr(dialect, name) for name in names})

    def fit(self, frame: pd.DataFrame, y: object = None) -> TablePreparation:
        """Find out what each column is, and fit imputation, scaling and encoding.

        Parameters
        ----------
        frame : pandas.DataFrame of shape (n, n_columns), or array
            The raw rows.
        y : object
            Ignored.

        Returns
        -------
        TablePreparation

        Raises
        ------
        ValueError
            No column is left, or an option names a column that is not there.
        """
        return self._fit(framed(frame), None)

    def fit_rows(self, frame: pd.DataFrame, rows: NDArray[np.intp]) -> TablePreparation:
        """Find out what each column is from all rows of a frame, and fit every number from the rows at some places."""
        return self._fit(framed(frame), rows)

    def _fit(self, frame: pd.DataFrame, rows: Rows) -> TablePreparation:
        if not len(frame):
            raise InputError("found 0 rows (shape=(0, ...)) while a minimum of 1 is required")
        self.feature_names_in_ = np.array(frame.columns, dtype=object)
        self.n_features_in_ = frame.shape[1]
        self._check_names()
        asked = Dialect(**self.get_params())
        dialect, self.notes_ = settle(frame, asked)
        self.columns_: list[dict[str, Any]] = []
        self._readings: list[Reading] = []
        self._kept: list[list[str]] = []
        self._labels: list[list[str | None]] = []
        self._others: list[bool] = []
        numbers: list[NDArray[np.float64]] = []
        n = len(frame) if rows is None else len(rows)
        room = room_for(frame, n)
        for name in frame.columns:
            self._add(frame[name], rows, dialect, room, numbers)
        if not self._readings:
            raise InputError(f"no usable column is left beside the target ({self._dropped() or 'there is none'})")
        table = np.column_stack(numbers) if numbers else np.empty((n, 0))
        self._fit_numbers(table)
        self.tell_dropped()
        self.categorical_ = np.arange(len(numbers) + sum(map(bool, self._labels))) >= len(numbers)
        return self

    def _check_names(self) -> None:
        """Refuse options that name no column, or one column twice."""
        there = set(self.feature_names_in_)
        for option in ("drop", "keep", "categories", "numbers", "dates"):
            if absent := [name for name in getattr(self, option) if name not in there]:
                raise InputError(
                    f"{option} names no column: {listing(absent)} (there are {listing(self.feature_names_in_, 20)})"
                )
        asked = [name for option in ("categories", "numbers", "dates") for name in getattr(self, option)]
        if twice := sorted({name for name in asked if asked.count(name) > 1}):
            raise InputError(f"two of categories, numbers and dates name the same column: {listing(twice)}")

    def _add(
        self, column: pd.Series, rows: Rows, dialect: Dialect, room: int, numbers: list[NDArray[np.float64]]
    ) -> None:
        """Read one column of the fitted rows; take it, or say why not."""
        name = str(column.name)
        entry: dict[str, Any] = {"name": name, "kind": "none", "marks": {}, "missing": int(column.isna().sum())}
        entry |= {"distinct": 0, "done": "", "examples": []}
        self.columns_.append(entry)
        if name in self.drop:
            entry["done"] = "dropped: asked for"
        elif entry["missing"] == len(column):
            entry["done"] = "dropped: all values are missing"
        elif not plain_values(column):
            entry["done"] = "dropped: lists or records instead of values"
        if entry["done"]:
            return
        kinds = {"text": self.categories, "number": self.numbers, "date": self.dates}
        asked = next((kind for kind, found in kinds.items() if name in found), None)
        reading, notes = Reading.of(column, dialect, asked)
        self.notes_ += notes
        read = Content.of(reading, column).take(rows)
        entry |= {"kind": KINDS.get(reading.kind, reading.kind), "marks": reading.marks()}
        entry |= read.summary(column, len(column) if rows is None else len(rows))
        reason = self._useless(reading, read)
        if reason:
            entry["done"] = f"dropped: {reason}"
            return
        labels, others = frequent(read.texts, room, reading.kind == "text")
        words = [] if reading.kind == "text" else sorted(set(read.texts) - {None})
        if words:
            count = counted(sum(text is not None for text in read.texts), "value")
            self.notes_.append(
                f"{name!r}: {count} no {reading.kind}, kept as words beside the others ({listing(words, 3)})"
            )
        kept = {part: values for part, values in read.parts.items() if varies(values)}
        entry["done"] = done(list(kept), labels, others)
        self._readings.append(reading)
        self._labels.append(labels)
        self._others.append(others)
        self._kept.append(list(kept))
        numbers += kept.values()

    def _useless(self, reading: Reading, read: Content) -> str | None:
        """Say why a column carries no information for unseen rows, or None."""
        if not any(varies(values) for values in read.parts.values()) and len(set(read.texts)) < 2:
            return "all values are missing" if read.distinct == 0 else "constant"
        if reading.name in (*self.keep, *self.numbers, *self.categories, *self.dates):
            return None
        if reading.kind == "text":
            many = read.known >= 10 and read.distinct > 0.5 * read.known
            return "an identifier or free text (most rows have a value of their own; --keep keeps it)" if many else None
        if reading.kind != "number" or len(read.texts):
            return None
        values = read.parts[reading.name]
        if len(values) < 10 or read.distinct < len(values) or (values % 1).any():
            return None
        named = _ID_NAME.search(reading.name) or _ID_ENDING.search(reading.name)
        return "an identifier (its name, and another whole number in every row; --keep keeps it)" if named else None

    def tell_dropped(self) -> None:
        """Note which columns are left out, as the table of columns has it."""
        self.notes_ = [note for note in self.notes_ if not note.startswith("dropped, ")]
        self.notes_ += [f"dropped, {dropped}"] if (dropped := self._dropped()) else []

    def _dropped(self) -> str:
        """List what is left out, by reason."""
        found: dict[str, list[str]] = {}
        for entry in self.columns_:
            if entry["done"].startswith("dropped: "):
                found.setdefault(entry["done"].removeprefix("dropped: "), []).append(entry["name"])
        return "; ".join(f"{reason}: {listing(names, 40)}" for reason, names in found.items())

    def _fit_numbers(self, table: NDArray[np.float64]) -> None:
        """Keep median, mean, scale and whether some are missing, of each column of numbers."""
        missing = np.isnan(table)
        self._holes = missing.any(axis=0)
        self._median = np.nanmedian(table, axis=0) if table.size else np.zeros(table.shape[1])
        filled = np.where(missing, self._median, table)
        self._mean = filled.mean(axis=0)
        scale = filled.std(axis=0)
        self._scale = np.where(scale > 1e-14 * np.abs(self._mean), scale, 1.0)

    def _read(self, frame: pd.DataFrame) -> tuple[NDArray[np.float64], list[NDArray[np.intp]]]:
        """Return the numbers (n, k), NaN where missing, and codes of categories for each column with labels."""
        frame = self._with_columns(frame)
        numbers = np.empty((len(frame), len(self._median)))
        codes: list[NDArray[np.intp]] = []
        place = 0
        for reading, kept, labels in zip(self._readings, self._kept, self._labels, strict=True):
            column = frame[reading.name]
            read = Content.of(reading, column, check=True)
            for part in kept:
                numbers[:, place] = read.parts[part]
                place += 1
            if labels:
                known = {label: code for code, label in enumerate(labels)}
                texts = read.texts if len(read.texts) else [None] * len(column)
                codes.append(np.array([known.get(text, -1) for text in texts], dtype=np.intp))
        return numbers, codes

    def _with_columns(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return a frame that holds the columns in use."""
        check_is_fitted(self, "columns_")
        frame = framed(frame, self.feature_names_in_)
        if absent := [reading.name for reading in self._readings if reading.name not in frame.columns]:
            more = f", which has {listing(frame.columns, 12)}"
            raise InputError(f"the table lacks columns that the model uses: {listing(absent)}{more}")
        return frame

    def transform(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        """Prepare rows as the fitted rows were.

        Parameters
        ----------
        frame : pandas.DataFrame of shape (n, ...)
            Holds at least the columns in use, in any order.

        Returns
        -------
        ndarray of shape (n, p), float64, C-contiguous
            All finite. Values never seen, and words where numbers were, count as missing.

        Raises
        ------
        ValueError
            Columns are not there, or numbers are written with other marks or units than the fitted ones.
        """
        return self._encoded(*self._read(frame))

    def _encoded(self, numbers: NDArray[np.float64], codes: list[NDArray[np.intp]]) -> NDArray[np.float64]:
        """Fill, scale and encode."""
        k, holes = len(self._median), np.flatnonzero(self._holes)
        width = sum(map(len, self._labels)) + sum(self._others) + k + len(holes)
        remedy = "Take fewer rows or columns, or raise the limit."
        check_memory(8 * len(numbers) * (width + 2 * k), "Preparing the table", remedy)
        prepared = np.zeros((len(numbers), width))
        missing = np.isnan(numbers)
        prepared[:, :k] = (np.where(missing, self._median, numbers) - self._mean) / self._scale
        prepared[:, k : k + len(holes)] = missing[:, holes]
        place = k + len(holes)
        coded = [(labels, others) for labels, others in zip(self._labels, self._others, strict=True) if labels]
        for (labels, others), found in zip(coded, codes, strict=True):
            found = np.where(found < 0, len(labels), found) if others else found
            rows = np.flatnonzero(found >= 0)
            prepared[rows, place + found[rows]] = 1.0
            place += len(labels) + others
        return prepared

    def native(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        """Return rows as trees take them: numbers unscaled, codes of categories, NaN where missing or never seen.

        Parameters
        ----------
        frame : pandas.DataFrame of shape (n, ...)

        Returns
        -------
        ndarray of shape (n, q), float64
            `categorical_` tells which columns hold codes, 0 to 253.
        """
        return self._coded(*self._read(frame))

    def _coded(self, numbers: NDArray[np.float64], codes: list[NDArray[np.intp]]) -> NDArray[np.float64]:
        parts = [numbers]
        for labels, found in zip([labels for labels in self._labels if labels], codes, strict=True):
            none = labels.index(None) if None in labels else -1
            kept = np.where((found < 0) | (found == none) | (found >= MOST_CODES), np.nan, found.astype(np.float64))
            parts.append(kept[:, None])
        return np.ascontiguousarray(np.hstack(parts))

    def both(self, frame: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return what `transform` and `native` return, reading once."""
        numbers, codes = self._read(frame)
        return self._encoded(numbers, codes), self._coded(numbers, codes)

    def by_column(self, native: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        """Return what `native` has of each column: its first number, or its codes if it has none."""
        place, code = 0, len(self._median)
        found = {}
        for reading, kept, labels in zip(self._readings, self._kept, self._labels, strict=True):
            found[reading.name] = native[:, place if kept else code]
            place, code = place + len(kept), code + bool(labels)
        return found

    def get_feature_names_out(self, input_features: object = None) -> NDArray[np.object_]:
        """Return the names of the prepared columns.

        Parameters
        ----------
        input_features : object
            Ignored.

        Returns
        -------
        ndarray of shape (p,), object
        """
        check_is_fitted(self, "columns_")
        names = [part for kept in self._kept for part in kept]
        names += [
            f"{name} (missing)" for name, holes in zip(list(names), np.atleast_1d(self._holes), strict=True) if holes
        ]
        for reading, labels, others in zip(self._readings, self._labels, self._others, strict=True):
            names += [f"{reading.name} (missing)" if label is None else f"{reading.name}={label}" for label in labels]
            names += [f"{reading.name} (other)"] * others
        return np.array(names, dtype=object)

    def doubts(self, frame: pd.DataFrame) -> list[str]:
        """Say which cells of later rows count as missing though they are there, or are categories never seen.

        Parameters
        ----------
        frame : pandas.DataFrame

        Returns
        -------
        list of str

        Raises
        ------
        ValueError
            Columns are not there, or hold another kind of values.
        """
        return doubts(zip(self._readings, self._labels, self._others, strict=True), self._with_columns(frame))
