"""Read one raw column as numbers, dates, times or text, the same way again for later files."""

from __future__ import annotations

import dataclasses
import datetime
import re
from dataclasses import dataclass
from decimal import Decimal
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from widelearn.experiments.errors import InputError, counted, listing
from widelearn.experiments.tables import calendar, numerals
from widelearn.experiments.tables.dialect import Dialect

if TYPE_CHECKING:
    import pandas as pd

LARGEST = 1e150
# Days since 1970 of the first and the last date that a calendar has.
FIRST_DAY, LAST_DAY = -719_162, 2_932_896
NESTED = (list, dict, set, np.ndarray)
# Missing in every column, then in columns of numbers and dates alone: elsewhere these may be labels (NA is Namibia).
_NEVER = " NaN nan -nan <NA> #N/A #NA #DIV/0! #VALUE! #REF! #NAME? #NUM! #NULL!"
_OFTEN = "? N/A n/a NA na N.A. n.a. None none NULL Null null NIL nil - -- --- — – . .. missing Missing nd n.d."
NEVER, OFTEN = frozenset(_NEVER.split(" ")), frozenset(_OFTEN.split(" "))
_INFINITE = re.compile(r"[+\-]?inf(?:inity)?|[+\-]?∞", re.IGNORECASE)
_LOGICAL = {"true": 1.0, "false": 0.0}
_TRUTH = _LOGICAL | {"1": 1.0, "0": 0.0, "1.0": 1.0, "0.0": 0.0}
# What the column's own type makes a column of this kind: numbers, dates and times that are no text.
_OWN = {"number": "bifu", "date": "M", "time": "m"}
_TYPED = "bifuMm"
Cells = list[Any]
Found = tuple["Reading | None", list[str]]


def cells(column: pd.Series, na: tuple[str, ...] = ()) -> Cells:
    """Return cells as stripped text, numbers as numbers, None where missing; dates and times as ISO 8601 has them.

    Lists and records stay what they are, numbers that no float holds become text, all else is what it prints.
    """
    import pandas as pd

    gone = NEVER.union(na)

    def cell(value: Any) -> Any:
        if isinstance(value, str):
            value = value.strip()
            return None if value in gone else value
        if isinstance(value, NESTED):
            return value
        if value is None or value is pd.NA or value is pd.NaT or value != value:
            return None
        if isinstance(value, bytes):
            return cell(value.decode("utf-8", errors="replace"))
        if isinstance(value, datetime.timedelta):
            return f"{value.total_seconds()} s"
        if isinstance(value, datetime.date | datetime.time):
            return value.isoformat()
        number = isinstance(value, Real | Decimal) and not isinstance(value, bool | np.bool_)
        exact = isinstance(value, int | Decimal) and not -(2**53) <= value <= 2**53 and value % 1 == 0
        return value if number and not exact else str(value)

    return [cell(value) for value in column.tolist()]


def plain_values(column: pd.Series) -> bool:
    """Whether no cell is a list or a record."""
    import pandas as pd

    if column.dtype.kind != "O" or isinstance(column.dtype, pd.StringDtype | pd.CategoricalDtype):
        return True
    return not any(isinstance(cell, NESTED) for cell in column.tolist())


def settle(frame: pd.DataFrame, asked: Dialect) -> tuple[Dialect, list[str]]:
    """Decide marks and the order of dates for a whole file, where they are not asked for; return what to note."""
    if asked.decided:
        return asked, []
    seen, orders = {}, set()
    for name in frame.columns:
        if frame[name].dtype.kind in _TYPED or name in asked.categories or not plain_values(frame[name]):
            continue
        texts = [cell for cell in set(cells(frame[name], asked.na)) if isinstance(cell, str) and cell not in OFTEN]
        if (found := numerals.evidence(texts)).total() >= 0.5 * len(texts):
            seen[name] = found
        elif len(told := calendar.day_first(texts)) == 1:
            orders |= told
    decimal, groups = numerals.asked(asked.decimal, asked.thousands)
    decimal, thousands, notes = numerals.decide(seen, asked.sep, decimal)
    day_first = orders.pop() if asked.day_first is None and len(orders) == 1 else asked.day_first
    thousands = thousands if groups is None else groups
    return asked.but(decimal=decimal, thousands=thousands, day_first=day_first, decided=True), notes


@dataclass(frozen=True)
class Reading:
    """How the cells of one column are read: as numbers, dates, times or text.

    `unit` stands around numbers ("$", "%", "kg"); `fraction` and `grouped` say whether numbers with a decimal mark, and
    with grouped digits, were there; `odd` are numbers by other marks, or dates by the other order, which were words;
    `logical` says that all were true and false, which are 1 and 0; `clock` is the form of times, "a:b" or "a:b:c".
    """

    name: str
    kind: str
    decimal: str = "."
    thousands: str = ""
    unit: str = ""
    day_first: bool | None = None
    na: tuple[str, ...] = ()
    fraction: bool = False
    grouped: bool = False
    odd: tuple[str, ...] = ()
    logical: bool = False
    clock: str = ""

    @staticmethod
    def of(column: pd.Series, dialect: Dialect, asked: str | None = None) -> tuple[Reading, list[str]]:
        """Find out how to read a column, and what is doubtful; `asked` is a kind that the user is sure of."""
        import pandas as pd

        marks = (dialect.decimal or "", dialect.thousands or "", "", dialect.day_first, dialect.na)
        text = Reading(str(column.name), "text", *marks)
        if asked == "text" or (asked is None and isinstance(column.dtype, pd.CategoricalDtype)):
            return text, []
        whole = column.dtype.kind in "iu" and len(column) > 0
        exact = not whole or asked or max(abs(int(column.min())), abs(int(column.max()))) <= 2**53
        if column.dtype.kind in _TYPED and exact and not (asked == "date" and whole):
            kind = next(kind for kind, own in _OWN.items() if column.dtype.kind in own)
            typed = text.but(kind=kind, logical=column.dtype.kind == "b")
            return typed, typed._too_large(column)
        known = [cell for cell in cells(column, dialect.na) if cell is not None and cell not in OFTEN]
        known = [str(cell) for cell in known] if asked == "date" else known
        texts = list({cell for cell in known if isinstance(cell, str)})
        if not texts:
            return text.but(kind="number"), text.beyond(column)
        if {cell.lower() for cell in texts} <= set(_LOGICAL) and len(set(known)) == len(texts):
            return text.but(kind="number", logical=True), []
        notes: list[str] = []
        for kind, attempt in (("number", text._number), ("date", text._date), ("time", text._time)):
            if asked in (None, kind):
                reading, notes = attempt(known, texts, asked is not None)
                if reading or notes:
                    return reading or text, notes
        return text, notes

    def but(self, **changes: Any) -> Reading:
        """Return a copy with these fields changed."""
        return dataclasses.replace(self, **changes)

    def _number(self, known: Cells, texts: list[str], sure: bool) -> Found:
        """Settle whether cells are numbers of one unit; None and no note if they are something else."""
        if self.decimal == "." and numerals.plain(texts):
            return self.but(kind="number", fraction=any("." in cell for cell in texts)), []
        amounts = {cell: found for cell in texts if (found := numerals.amount(cell))}
        infinite = sum(map(_infinite, texts))
        numbers = [found for found in amounts.values() if self._value(found) is not None]
        contrary = sorted(cell for cell, found in amounts.items() if self._value(found) is None)
        units = {found.unit for found in numbers}
        forms = {found.form for found in numbers}
        if not sure:
            digits = [cell for cell in texts if re.fullmatch(r"-?[0-9]{1,299}", cell)]
            if any(cell[0] == "0" and len(cell) > 1 for cell in digits):
                codes = len(digits) > 0.5 * len(texts)
                return None, [f"{self.name!r} has leading zeros: kept as text (--numbers reads numbers)"] * codes
            if any(numerals.lost_digits(cell, self.decimal) for cell in amounts):
                why = "holds whole numbers beyond 2^53, which no float keeps apart"
                return None, [f"{self.name!r} {why}: kept as text"]
            there = sum(not isinstance(cell, str) or cell in amounts or _infinite(cell) for cell in known)
            words = len(texts) - len(amounts) - infinite
            if there < 0.5 * len(known) or len(set(known)) - words - infinite <= words * (not infinite):
                return None, []
            if not (numbers or contrary or infinite) or (len(units) > 1 and units <= calendar.UNITS):
                return None, []
            why = ""
            if len(units) > 1 or (units - {""} and len(texts) < len(set(known))):
                why = f"mixes units ({listing(sorted(mark or 'none' for mark in units), 4)})"
            elif contrary and (any(found.either for found in numbers) or len(contrary) > 0.05 * len(texts)):
                some = listing(map(repr, contrary), 3)
                why = f"holds {some}, no numbers under the marks of the file (--decimal decides)"
            elif len(forms) == 1 and "" not in forms:
                why = f"has {forms.pop()} in every cell, whose meaning is in doubt"
            if why:
                return None, [f"{self.name!r} {why}: kept as text"]
        unit = max(units, key=lambda mark: (sum(found.unit == mark for found in numbers), mark), default="")
        grouped = [bool(found.groups[self.decimal == ","]) for found in numbers]
        fraction = any(found.point != found.comma and not group for found, group in zip(numbers, grouped, strict=True))
        reading = self.but(kind="number", unit=unit, fraction=fraction, grouped=any(grouped), odd=tuple(contrary[:100]))
        return reading, self._infinities(sum(isinstance(cell, str) and _infinite(cell) for cell in known))

    def _date(self, known: Cells, texts: list[str], sure: bool) -> Found:
        """Settle whether cells are dates whose order of day and month is known."""

        def share(*orders: bool | None) -> float:
            return sum(any(calendar.date(cell, first) is not None for first in orders) for cell in texts) / len(texts)

        if sure or share(self.day_first) >= 0.95:
            short = [cell for cell in texts if re.search(r"[-/. ][0-9]{2}$", cell) and not re.match("[0-9]{4}", cell)]
            some = listing(map(repr, short), 2)
            if not sure and calendar.seasons(texts):
                why = "whose last part may be a month or the next year: kept as text (--dates reads months)"
                return None, [f"{self.name!r} holds {texts[0]!r} and the like, {why}"]
            first = min(short, default="")
            notes = [f"{self.name!r}: years of two digits are read as 1930 to 2029 ({some})"] if short else []
            if short and (days := calendar.date(first, self.day_first)) is not None:
                day = datetime.date(1970, 1, 1) + datetime.timedelta(days=days)
                notes = [notes[0].removesuffix(")") + f"; {first!r} is {day.isoformat()})"]
            dates = self.but(kind="date")
            return dates.but(odd=tuple(filter(dates._otherwise, sorted(texts)))[:100]), notes
        if share(True, False) < 0.95:
            return None, []
        told = "and its cells disagree" if len(calendar.day_first(texts)) > 1 else "and nothing tells"
        why = f"{told} whether the day or the month is first: kept as text (--day-first decides)"
        return None, [f"{self.name!r} holds dates such as {texts[0]!r}, {why}"]

    def _time(self, known: Cells, texts: list[str], sure: bool) -> Found:
        """Settle whether cells are times of day or durations of one scale."""
        spans = calendar.times(texts)
        if spans is None:
            return None, [f"{self.name!r} mixes a:b and a:b:c, whose scale is in doubt: kept as text"]
        reading = self.but(kind="time", clock="".join(calendar.clocks(texts)))
        return reading if len(spans) - spans.count(None) >= 0.95 * len(spans) else None, []

    def _value(self, found: numerals.Amount | None) -> float | None:
        return None if found is None else found.value(self.decimal, self.thousands)

    def _too_large(self, column: pd.Series) -> list[str]:
        """Note typed numbers and dates that are not kept."""
        if column.dtype.kind == "M":
            lost = int(np.isnan(self._typed(column)).sum()) - int(column.isna().sum())
            what = counted(lost, "date")
            return [f"{self.name!r}: {what} beyond the years 1 to 9999 counted as missing"] if lost else []
        values = column.dropna().to_numpy(np.float64) if column.dtype.kind == "f" else np.zeros(0)
        return self._infinities(int((np.abs(values) > LARGEST).sum()))

    def beyond(self, column: pd.Series) -> list[str]:
        """Say which cells of a later column are numbers or dates too large to be kept."""
        if column.dtype.kind in _OWN.get(self.kind, ""):
            return self._too_large(column)
        known = cells(column, self.na) if self.kind == "number" else []
        return self._infinities(sum(cell is not None and _infinite(cell) for cell in known))

    def _infinities(self, number: int) -> list[str]:
        return [f"{self.name!r}: {counted(number, 'infinite value')} counted as missing"] if number else []

    def read(self, column: pd.Series, check: bool = False) -> tuple[NDArray[np.float64], NDArray[np.object_]]:
        """Return numbers, NaN where there are none, and texts that are no numbers (none at all, or one a row).

        Dates are days since 1970, times hours; numbers beyond 1e150 are missing. `check` refuses numbers and dates that
        are not written as the fitted ones were.
        """
        typed = column.dtype.kind in _OWN.get(self.kind, "")
        if typed and check and self.unit and column.notna().any():
            self._refuse_bare([str(cell) for cell in column.dropna().unique()[:3]])
        if typed and self.logical == (column.dtype.kind == "b"):
            return self._typed(column), np.empty(0, dtype=object)
        if not plain_values(column):
            raise InputError(f"column {self.name!r} holds lists or records, where the model's table has a {self.kind}")
        raw = cells(column, self.na)
        known = list(dict.fromkeys(raw))
        usual = self.decimal == "." and not self.unit and (self.fraction or not self.grouped)
        if self.kind == "number" and usual and set(map(type, known)) == {str} and numerals.plain(known):
            return np.array(raw, dtype=np.float64), np.empty(0, dtype=object)
        if check:
            self._check([cell for cell in known if isinstance(cell, str)])
            bare = [str(cell) for cell in known if cell is not None and not isinstance(cell, str)]
            if self.unit and bare:
                self._refuse_bare(bare)
        hours = calendar.times(map(str, known), sure=True) if self.kind == "time" else None
        found = dict(zip(known, hours or map(self._parsed, known), strict=True))
        values = np.array([found[cell] for cell in raw], dtype=np.float64)
        values[np.abs(values) > LARGEST] = np.nan
        words = np.full(len(raw), None, dtype=object)
        for row in np.flatnonzero(np.isnan(values)):
            cell = raw[row]
            words[row] = None if cell is None or cell in OFTEN or _infinite(cell) else str(cell)
        return values, words if any(word is not None for word in words) else words[:0]

    def numbers(self, column: pd.Series) -> NDArray[np.float64]:
        """Return float64, NaN where there is no finite number; dates are days, times hours."""
        return self.read(column)[0]

    def text(self, column: pd.Series) -> NDArray[np.object_]:
        """Return the cells as text, None where missing; whole floats lose their ".0"."""

        def text(cell: Any) -> str | None:
            return str(int(cell) if isinstance(cell, float) and cell.is_integer() else cell)

        return np.array([None if cell is None else text(cell) for cell in cells(column, self.na)], dtype=object)

    def _typed(self, column: pd.Series) -> NDArray[np.float64]:
        """Return cells that are numbers, dates or times as numbers, days since 1970 or hours."""
        if self.kind == "number":
            values = column.to_numpy(dtype=np.float64, na_value=np.nan)
            return np.where(np.abs(values) <= LARGEST, values, np.nan)
        if self.kind == "time":
            return np.asarray(column.dt.total_seconds(), dtype=np.float64) / 3600.0
        zoned = getattr(column.dtype, "tz", None) is not None
        naive = column.dt.tz_convert("UTC").dt.tz_localize(None) if zoned else column
        days = (naive.to_numpy() - np.datetime64("1970-01-01")) / np.timedelta64(1, "D")
        return np.where((days >= FIRST_DAY) & (days <= LAST_DAY), days, np.nan)

    def _parsed(self, cell: Any) -> float | None:
        """Read one cell as a number, or as a date."""
        if self.kind == "date":
            return calendar.date(str(cell), self.day_first)
        if cell is None:
            return None
        if self.logical:
            return _TRUTH.get(str(cell).lower())
        if not isinstance(cell, str):
            return float(cell)
        found = numerals.amount(cell)
        return None if found is None or found.unit != self.unit else self._value(found)

    def _check(self, texts: list[str]) -> None:
        """Refuse later cells that are numbers, dates or times, yet not as the fitted ones were written."""
        if self.kind == "time":
            if odd := sorted(cell for cell in texts if self.clock and calendar.clocks([cell]) - {self.clock}):
                how = f"times as {self.clock}, so that nothing tells hours from minutes"
                raise InputError(f"column {self.name!r} has {listing(odd, 3)}: the table of the model wrote {how}")
            return
        if self.kind == "date" and (self.day_first is None or self.odd):
            return
        if odd := sorted(cell for cell in texts if cell not in self.odd and self._otherwise(cell)):
            order = "day, then the month" if self.day_first else "month, then the day"
            unit = f", unit {self.unit!r}" if self.unit else ""
            how = f"numbers otherwise (decimal {self.decimal!r}, thousands {self.thousands!r}{unit})"
            how = f"the {order}: write dates alike, or as 2020-12-31" if self.kind == "date" else how
            some = listing(map(repr, odd), 3)
            raise InputError(f"column {self.name!r} has {some}: the table of the model wrote {how}")

    def _refuse_bare(self, cells: list[str]) -> None:
        """Refuse later numbers without the unit that the fitted ones had: 0.73 may be 73%."""
        raise InputError(
            f"column {self.name!r} has the numbers {listing(cells, 3)}, and those of the model's table had the unit"
            f" {self.unit!r}: write them alike, as text"
        )

    def _otherwise(self, cell: str) -> bool:
        """Whether a cell is a date by the other order alone, or a number of another unit or of other marks.

        Where only 1.234 was, 1,234 is of other marks, and the reverse.
        """
        if self.kind == "date":
            return calendar.day_first([cell]) == {not self.day_first}
        if (found := numerals.amount(cell)) is None:
            return False
        group = bool(found.groups[self.decimal == ","])
        doubt = found.either and (self.fraction, self.grouped) == (group, not group)
        return doubt or self._value(found) is None or found.unit != self.unit

    def marks(self) -> dict[str, Any]:
        """Return what the table of columns says of the marks."""
        if self.kind == "number":
            found = {"decimal": self.decimal, "thousands": self.thousands * self.grouped, "unit": self.unit}
            return {key: mark for key, mark in found.items() if mark and (key, mark) != ("decimal", ".")}
        return {"day first": self.day_first} if self.kind == "date" and self.day_first is not None else {}


def _infinite(cell: Any) -> bool:
    """Whether a cell is a number too large to be kept, or text for infinity."""
    if isinstance(cell, str):
        return _INFINITE.fullmatch(cell) is not None
    return not abs(cell) <= LARGEST
