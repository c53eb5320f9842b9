"""Read one raw column as numbers, dates or text, the same way again for later files."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from widelearn.experiments.errors import counted, listing

if TYPE_CHECKING:
    import pandas as pd

LARGEST = 1e150
_DATE = (
    r"^(?:\d{4}[-/.]\d{1,2}(?:[-/.]\d{1,2})?|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}|\d{1,2}[ -][A-Za-z]{3,9}\.?[ ,-]+\d{2,4}"
    r"|[A-Za-z]{3,9}\.? \d{1,2},? \d{4})(?:[ T,].*)?$"
)
_AMOUNT = re.compile(
    r"^([^\w\s.,+\-]{0,2}|USD|EUR|GBP|JPY|CHF|CNY|INR|AUD|CAD)\s*([+\-]?[\d.,'\s]*\d(?:[eE][+\-]?\d+)?)\s*([^\d]{0,12})$"
)
_PLAIN = r"^[+\-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+\-]?\d+)?$"
_THOUSANDS = re.compile(r"^([+\-]?[1-9]\d{0,2})(?:[,'\s]\d{3})+(\.\d+)?$")
_COMMA = re.compile(r"^[+\-]?\d{1,3}(?:\.\d{3})*,\d+$|^[+\-]?\d+,\d+$|^[+\-]?\d{1,3}(?:\.\d{3})+$")
_INFINITE = r"(?i)^[+\-]?inf(?:inity)?$"


@dataclass(frozen=True)
class Reading:
    """How the cells of one column are read.

    Parameters
    ----------
    name : str
        The column.
    kind : {"number", "date", "text"}
    decimal : {".", ","}
        The decimal mark of numbers kept as text.
    prefix, suffix : str
        What stands around numbers kept as text ("$", "%", " kg").
    day_first : bool
        Dates like 03/04/2020 are the third of April.
    """

    name: str
    kind: Literal["number", "date", "text"]
    decimal: str = "."
    prefix: str = ""
    suffix: str = ""
    day_first: bool = False

    @staticmethod
    def of(column: pd.Series, share: float = 0.5) -> tuple[Reading, list[str]]:
        """Find out how to read a column.

        Parameters
        ----------
        column : pandas.Series
            The raw cells.
        share : float
            A column of text is read as numbers if at least this share of its cells are numbers.

        Returns
        -------
        reading : Reading
        notes : list of str
            What had to be put right, with the column's name and counts.
        """
        import pandas as pd

        name = str(column.name)
        kind = column.dtype.kind
        if isinstance(column.dtype, pd.CategoricalDtype):
            return Reading(name, "text"), []
        if kind in "bifumM" or pd.api.types.is_bool_dtype(column.dtype):
            reading = Reading(name, "date" if kind == "M" else "number")
            return reading, reading.losses(column)
        cells = column.dropna()
        if len(cells) and all(isinstance(cell, int | float | bool | np.number | np.bool_) for cell in cells):
            reading = Reading(name, "number")
            return reading, reading.losses(column)
        text = _text(cells)
        text = text[text.notna()]
        if not len(text):
            return Reading(name, "number"), []
        if text.str.match(_DATE).mean() >= 0.9:
            reading = Reading(name, "date", day_first=_day_first(text))
            if reading.dates(cells).notna().mean() >= 0.9:
                return reading, reading.losses(column)
        reading = _amounts(name, text)
        numbers = reading.numbers(cells)
        finite_or_infinite = numbers.notna() | text.str.match(_INFINITE).reindex(numbers.index, fill_value=False)
        if finite_or_infinite.mean() >= share:
            notes = []
            marks = [repr(mark) for mark in (reading.prefix, reading.suffix.strip()) if mark]
            marks += ["decimal commas"] if reading.decimal == "," else []
            if marks:
                notes.append(f"{name!r}: numbers written with {' and '.join(marks)}")
            return reading, notes + reading.losses(column)
        mixed = text.str.match(_PLAIN).mean()
        notes = [f"{name!r} mixes numbers ({mixed:.0%}) and text: encoded as text"] if mixed >= 0.1 else []
        return Reading(name, "text"), notes

    def losses(self, column: pd.Series) -> list[str]:
        """Say which cells that are there cannot be read and count as missing."""
        values = self.dates(column) if self.kind == "date" else self.numbers(column)
        if self.kind == "number" and column.dtype.kind in "bifu":
            infinite = int(column.notna().sum() - values.notna().sum())
            return [f"{self.name!r}: {counted(infinite, 'infinite value')} counted as missing"] if infinite else []
        lost = column[column.notna() & values.isna()]
        lost = lost[_text(lost).notna()]
        if not len(lost):
            return []
        what = "a date" if self.kind == "date" else "a finite number"
        examples = listing([repr(str(cell)[:20]) for cell in lost.astype(str).unique()], most=3)
        return [f"{self.name!r}: {counted(len(lost), 'value')} not {what}, counted as missing ({examples})"]

    def numbers(self, column: pd.Series) -> pd.Series:
        """Return the cells as float64, NaN where there is no finite number (beyond 1e150 included)."""
        import pandas as pd

        if column.dtype.kind == "m":
            values = column.dt.total_seconds()
        elif column.dtype.kind in "bifu":
            values = column.astype("float64") if column.isna().any() else column.to_numpy().astype(np.float64)
        else:
            values = pd.to_numeric(column, errors="coerce")
            if column.dtype.kind not in "biufc":
                # with decimal commas "1.000" is a thousand, so every cell of text is looked at
                rest = column[column.notna() if self.decimal == "," else values.isna() & column.notna()]
                values = values.astype("float64")
                if len(rest):
                    values.loc[rest.index] = self._amounts(_text(rest))
        values = pd.Series(np.asarray(values, dtype=np.float64), index=column.index, name=column.name)
        return values.where(values.abs() <= LARGEST)

    def _amounts(self, text: pd.Series) -> pd.Series:
        """Read what plain conversion leaves: marks around the number, thousands separators, decimal commas."""
        import pandas as pd

        lowered = text.str.lower()
        text = text.mask(lowered.eq("true"), "1").mask(lowered.eq("false"), "0")
        if self.prefix:
            text = text.str.replace(rf"^([+\-]?)\s*{re.escape(self.prefix)}\s*", r"\1", regex=True)
        if self.suffix:
            text = text.str.replace(rf"\s*{re.escape(self.suffix.strip())}$", "", regex=True)
        if self.decimal == ",":
            text = text.where(
                ~text.str.match(_COMMA).astype("boolean").fillna(False).astype(bool),
                text.str.replace(".", "", regex=False).str.replace(",", ".", regex=False),
            )
        else:
            grouped = text.str.match(_THOUSANDS).astype("boolean").fillna(False).astype(bool)
            text = text.where(~grouped, text.str.replace(r"[,'\s]", "", regex=True))
        return pd.to_numeric(text, errors="coerce").astype("float64")

    def dates(self, column: pd.Series) -> pd.Series:
        """Return the cells as UTC times, NaT where they are not."""
        import pandas as pd

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if column.dtype.kind == "M":
                return pd.to_datetime(column, utc=True)
            text = _text(column)
            times = pd.to_datetime(text, errors="coerce", utc=True, format="ISO8601")
            rest = times.isna() & text.notna()
            if rest.any():
                other = pd.to_datetime(text[rest], errors="coerce", utc=True, format="mixed", dayfirst=self.day_first)
                times = times.astype(other.dtype) if times.isna().all() else times
                times.loc[rest] = other.astype(times.dtype)
            return times

    def text(self, column: pd.Series) -> pd.Series:
        """Return the cells as stripped text, None where missing."""
        return _text(column)


def _text(column: pd.Series) -> pd.Series:
    """Return stripped text as objects, None for missing and blank cells; whole floats lose their ".0"."""
    import pandas as pd

    def cell(value: object) -> str | None:
        if isinstance(value, bytes):
            value = value.decode("utf-8", errors="replace")
        elif isinstance(value, float) and value.is_integer():
            value = int(value)
        return str(value).strip() or None

    missing = column.isna().to_numpy()
    cells = [None if gone else cell(value) for value, gone in zip(column, missing, strict=True)]
    return pd.Series(cells, index=column.index, name=column.name, dtype=object)


def _amounts(name: str, text: pd.Series) -> Reading:
    """Find the marks around numbers and the decimal mark that make most cells numbers."""
    rest = text[~text.str.match(_PLAIN).astype(bool)].head(20_000)
    found = [match for cell in rest if (match := _AMOUNT.match(cell))]
    if not found:
        return Reading(name, "number")
    marks = [(match[1], match[3].strip()) for match in found]
    prefix, suffix = max(set(marks), key=lambda mark: (marks.count(mark), mark))
    # "1,234" may be either: what tells are "0,5" and "12,34", or "1,234.5" and "1,234,567"
    both = [(bool(_COMMA.match(match[2])), bool(_THOUSANDS.match(match[2]))) for match in found if "," in match[2]]
    commas, thousands = both.count((True, False)), both.count((False, True))
    return Reading(name, "number", decimal="," if commas > thousands else ".", prefix=prefix, suffix=suffix)


def _day_first(text: pd.Series) -> bool:
    """Tell 31/12/2020 from 12/31/2020 by the first number that exceeds twelve; points between mean day first."""
    parts = text.str.extract(r"^(\d{1,2})([-/.])(\d{1,2})[-/.]").dropna()
    if not len(parts):
        return False
    first, second = parts[0].astype(int).max(), parts[2].astype(int).max()
    if first > 12 or second > 12:
        return bool(first > 12)
    return bool((parts[1] == ".").mean() > 0.5)
