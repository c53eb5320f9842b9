"""Read one raw column as numbers, dates, times or text, the same way again for later files."""

from __future__ import annotations

import datetime
import math
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
NESTED = (list, dict, set, np.ndarray)
# Missing in every column, then in columns of numbers and dates alone: elsewhere these may be labels (NA is Namibia).
_NEVER = " NaN nan -nan <NA> #N/A #NA #DIV/0! #VALUE! #REF! #NAME? #NUM! #NULL!"
_OFTEN = "? N/A n/a NA na N.A. n.a. None none NULL Null null NIL nil - -- --- — – . .. missing Missing nd n.d."
NEVER, OFTEN = frozenset(_NEVER.split(" ")), frozenset(_OFTEN.split(" "))
_INFINITE = re.compile(r"[+\-]?inf(?:inity)?|[+\-]?∞", re.IGNORECASE)
Cells = list[Any]


def cells(column: pd.Series, na: tuple[str, ...] = ()) -> Cells:
    """Return cells as stripped text, numbers as numbers, None where missing; dates and times as ISO 8601 has them.

    Lists and records stay what they are; all else is what it prints.
    """
    import pandas as pd

    gone = NEVER.union(na) if na else NEVER

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
        if type(value) in (int, float):
            return value
        return value if isinstance(value, Real | Decimal) and not isinstance(value, bool | np.bool_) else str(value)

    return [cell(value) for value in column.tolist()]


def settle(frame: pd.DataFrame, asked: Dialect) -> tuple[Dialect, list[str]]:
    """Decide marks and the order of dates for a whole file, where they are not asked for; return what to note."""
    if asked.decided:
        return asked, []
    seen, orders = {}, {}
    for name in frame.columns:
        if typed(frame[name]) or name in asked.categories:
            continue
        texts = (
            [cell for cell in set(cells(frame[name], asked.na)) if isinstance(cell, str) and cell not in OFTEN]
            if plain_values(frame[name])
            else []
        )
        if (found := numerals.evidence(texts)).total() >= 0.5 * len(texts):
            seen[name] = found
        elif told := calendar.day_first(texts):
            orders[name] = told
    marks = numerals.asked(asked.decimal, asked.thousands)
    decimal, thousands, notes = numerals.decide(seen, asked.sep, marks[0])
    day_first = asked.day_first
    clear = {first for told in orders.values() if len(told) == 1 for first in told}
    if day_first is None and len(clear) == 1:
        day_first = clear.pop()
    return asked.but(
        decimal=decimal,
        thousands=thousands if marks[1] is None else marks[1],
        day_first=day_first,
        decided=True,
    ), notes


def typed(column: pd.Series) -> bool:
    """Whether cells are numbers, booleans, dates or times already, not text."""
    return column.dtype.kind in "bifumM"


def plain_values(column: pd.Series) -> bool:
    """Whether no cell is a list or a record."""
    import pandas as pd

    if column.dtype.kind != "O" or isinstance(column.dtype, pd.StringDtype | pd.CategoricalDtype):
        return True
    return not any(isinstance(cell, NESTED) for cell in column.tolist())


@dataclass(frozen=True)
class Reading:
    """How the cells of one column are read.

    Parameters
    ----------
    name : str
    kind : {"number", "date", "time", "text"}
    decimal, thousands, unit : str
        The marks of numbers kept as text, and what stands around them ("$", "%", "kg").
    day_first : bool or None
    na : tuple of str
        Further missing cells.
    fraction, grouped : bool
        Whether numbers with a decimal mark, and with grouped digits, were there.
    odd : tuple of str
        Cells that are numbers by other marks, or dates by the other order, and were words here.
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

    @staticmethod
    def of(column: pd.Series, dialect: Dialect, asked: str | None = None) -> tuple[Reading, list[str]]:
        """Find out how to read a column; `asked` is a kind that the user is sure of.

        Returns
        -------
        reading : Reading
        notes : list of str
            What is doubtful, with counts and examples.
        """
        import pandas as pd

        name = str(column.name)
        base = Reading(
            name,
            asked or "text",
            dialect.decimal or "",
            dialect.thousands or "",
            day_first=dialect.day_first,
            na=dialect.na,
        )
        kind = column.dtype.kind
        if asked == "text" or isinstance(column.dtype, pd.CategoricalDtype):
            return base.as_kind("text"), []
        if typed(column) and not (asked == "date" and kind in "iu"):
            found = {"M": "date", "m": "time"}.get(kind, "number")
            exact = kind not in "iu" or not len(column) or max(abs(int(column.min())), abs(int(column.max()))) <= 2**53
            if not exact and not asked:
                return base.as_kind("text"), [_large(name)]
            infinite = int((np.abs(column.dropna().to_numpy(dtype=np.float64)) > LARGEST).sum()) if kind == "f" else 0
            return base.as_kind(found), _infinities(name, infinite)
        known = [cell for cell in cells(column, dialect.na) if cell is not None and cell not in OFTEN]
        known = [str(cell) for cell in known] if asked == "date" else known
        texts = list({cell for cell in known if isinstance(cell, str)})
        if asked is None and any(isinstance(cell, int) and abs(cell) > 2**53 for cell in known):
            return base.as_kind("text"), [_large(name)]
        if not texts or {cell.lower() for cell in texts} <= {"true", "false"}:
            return base.as_kind("number"), []
        if asked in (None, "number"):
            reading, notes = base._number(known, texts, asked is not None)
            if reading is not None or notes:
                return reading or base.as_kind("text"), notes
        if asked in (None, "date"):
            dates = [calendar.date(cell, dialect.day_first) for cell in texts]
            if asked or sum(day is not None for day in dates) >= 0.95 * len(texts):
                odd = sorted(cell for cell in texts if calendar.day_first([cell]) == {not dialect.day_first})
                return base.as_kind("date", odd=tuple(odd[:100])), _two_digits(name, texts)
            either = [cell for cell in texts if calendar.date(cell, True) or calendar.date(cell, False)]
            if len(either) >= 0.95 * len(texts):
                disagree = len(calendar.day_first(texts)) > 1
                told = "and its cells disagree" if disagree else "and nothing tells"
                why = f"{told} whether the day or the month is first: kept as text (--day-first decides)"
                return base.as_kind("text"), [f"{name!r} holds dates such as {texts[0]!r}, {why}"]
        spans = calendar.times(texts)
        if spans is not None and sum(span is not None for span in spans) >= 0.95 * len(texts):
            return base.as_kind("time"), []
        return base.as_kind("text"), [] if spans is not None else [
            f"{name!r} mixes a:b and a:b:c, whose scale is in doubt: kept as text"
        ]

    def as_kind(self, kind: str, **changes: Any) -> Reading:
        """Return the same reading as another kind."""
        return Reading(**(vars(self) | {"kind": kind} | changes))

    def _number(self, known: Cells, texts: list[str], sure: bool) -> tuple[Reading | None, list[str]]:
        """Settle whether text holds numbers of one unit; None and no note if it holds something else."""
        name = repr(self.name)
        if self.decimal == "." and numerals.plain(texts):
            return self.as_kind("number", fraction=any("." in cell for cell in texts)), []
        amounts = {cell: numerals.amount(cell) for cell in texts}
        like = [found for found in amounts.values() if found is not None]
        infinite = sum(bool(_INFINITE.fullmatch(cell)) for cell in texts)
        numbers = [found for found in like if self._value(found) is not None]
        digits = [cell for cell in texts if re.fullmatch(r"-?[0-9]+", cell)]
        if not sure:
            if any(cell[0] == "0" and len(cell) > 1 for cell in digits):
                share = sum(cell in digits for cell in texts) / len(texts)
                return None, [
                    f"{name} has leading zeros: kept as text (--numbers reads numbers)"
                ] if share > 0.5 else []
            if any(15 < len(cell) < 300 and int(float(cell)) != int(cell) for cell in digits):
                return None, [_large(self.name)]
        there = sum(
            not isinstance(cell, str) or amounts[cell] is not None or bool(_INFINITE.fullmatch(cell)) for cell in known
        )
        words = sum(found is None for found in amounts.values()) - infinite
        if not sure and (there < 0.5 * len(known) or len(set(known)) - words - infinite <= words * (not infinite)):
            return None, []
        units = {found.unit for found in numbers}
        unit = max(units, key=lambda mark: (sum(found.unit == mark for found in numbers), mark), default="")
        contrary = [cell for cell, found in amounts.items() if found is not None and self._value(found) is None]
        unsure = any(found.point != found.comma and None not in (found.point, found.comma) for found in numbers)
        if not sure:
            if len(units) > 1 and units <= calendar.UNITS:
                return None, []
            if len(units) > 1 or (units - {""} and len(texts) < len(set(known))):
                return None, [
                    f"{name} mixes units ({listing(sorted(mark or 'none' for mark in units), 4)}): kept as text"
                ]
            if contrary and (unsure or len(contrary) > 0.05 * len(texts)):
                why = "no numbers under the marks of the file: kept as text (--decimal decides)"
                return None, [f"{name} holds {listing(map(repr, contrary), 3)}, {why}"]
            if not numbers and not infinite:
                return None, []
        forms = [found.form for found in numbers]
        negative = not forms or not forms[0] or len(set(forms)) > 1
        if not negative and not sure:
            return None, [f"{name} has {forms[0]} in every cell, whose meaning is in doubt: kept as text"]
        marked = [found.point != found.comma for found in numbers]
        grouped = [bool(found.groups[self.decimal == ","]) for found in numbers]
        fraction = any(mark and not group for mark, group in zip(marked, grouped, strict=True))
        return self.as_kind(
            "number", unit=unit, fraction=fraction, grouped=any(grouped), odd=tuple(sorted(contrary)[:100])
        ), _infinities(self.name, sum(isinstance(cell, str) and _infinite(cell) for cell in known))

    def _value(self, found: numerals.Amount) -> float | None:
        return found.value(self.decimal, self.thousands)

    def raw(self, column: pd.Series) -> Cells | None:
        """Return the cells, None where the column's own type is of this kind."""
        own = {"number": "bifu", "date": "M", "time": "m"}.get(self.kind, "")
        return None if column.dtype.kind in own else cells(column, self.na)

    def numbers(self, column: pd.Series, raw: Cells | None = None) -> NDArray[np.float64]:
        """Return float64, NaN where there is no finite number (beyond 1e150 included); dates are days, times hours."""
        raw = self.raw(column) if raw is None else raw
        if raw is not None:
            self._check_plain(column)
        if self.kind == "date":
            return self._days(column, raw)
        if self.kind == "time":
            return self._hours(column, raw)
        values = column.to_numpy(dtype=np.float64, na_value=np.nan) if raw is None else self._plain(raw)
        found: NDArray[np.float64] = np.where(np.abs(values) <= LARGEST, values, np.nan)
        return found

    def _check_plain(self, column: pd.Series) -> None:
        """Refuse lists and records, which JSON may hold."""
        if not plain_values(column):
            raise InputError(f"column {self.name!r} holds lists or records, where the model's table has a {self.kind}")

    def _plain(self, raw: Cells) -> NDArray[np.float64]:
        """Read cells one by one, each different one once."""
        if self.decimal == "." and set(map(type, raw)) == {str} and numerals.plain(raw):
            return np.array(raw, dtype=np.float64)
        known: dict[Any, float] = {}
        for cell in set(raw):
            if isinstance(cell, str):
                found = numerals.amount(cell)
                value = None if found is None or found.unit != self.unit else self._value(found)
                logical = {"true": 1.0, "false": 0.0}.get(cell.lower(), math.nan)
                known[cell] = logical if value is None else value
            else:
                known[cell] = math.nan if cell is None else float(cell)
        return np.array([known[cell] for cell in raw], dtype=np.float64)

    def _days(self, column: pd.Series, raw: Cells | None) -> NDArray[np.float64]:
        """Return days since 1970."""
        import pandas as pd

        if raw is None:
            times = pd.to_datetime(column, utc=True)
        else:
            known = {cell: calendar.date(str(cell), self.day_first) for cell in set(raw) if cell is not None}
            times = pd.to_datetime(
                pd.Series([known.get(cell) for cell in raw], dtype=object), errors="coerce", utc=True, format="ISO8601"
            )
        return np.asarray((times - pd.Timestamp("1970-01-01", tz="UTC")).dt.total_seconds(), dtype=np.float64) / 86400.0

    def _hours(self, column: pd.Series, raw: Cells | None) -> NDArray[np.float64]:
        import pandas as pd

        if raw is not None:
            spans = calendar.times(["" if cell is None else str(cell) for cell in raw], sure=True)
            column = pd.Series(pd.to_timedelta(pd.Series(spans, dtype=object), errors="coerce"))
        return np.asarray(column.dt.total_seconds(), dtype=np.float64) / 3600.0

    def text(self, column: pd.Series, raw: Cells | None = None) -> NDArray[np.object_]:
        """Return the cells as text, None where missing; whole floats lose their ".0"."""
        raw = cells(column, self.na) if raw is None else raw
        texts = [
            str(int(cell)) if isinstance(cell, float) and cell.is_integer() else None if cell is None else str(cell)
            for cell in raw
        ]
        return np.array(texts, dtype=object)

    def words(self, column: pd.Series, values: NDArray[np.float64], raw: Cells | None = None) -> NDArray[np.object_]:
        """Return the cells that are there and are not read, None elsewhere; nothing at all if all are read."""
        found = np.full(len(values), None, dtype=object)
        rows = np.flatnonzero(np.isnan(values))
        raw = self.raw(column) if raw is None and len(rows) else raw
        if raw is None:
            return found[:0]
        for row in rows:
            cell = raw[row]
            found[row] = None if cell is None or cell in OFTEN or _infinite(cell) else str(cell)
        return found if any(word is not None for word in found[rows]) else found[:0]

    def check_marks(self, raw: Cells) -> None:
        """Refuse later cells that are numbers or dates, yet not as the fitted ones were written."""
        texts = {cell for cell in raw if isinstance(cell, str)}
        if self.kind == "date":
            self._check_order(texts)
        if self.kind != "number":
            return
        if self.decimal == "." and (self.fraction or not self.grouped) and numerals.plain(texts):
            return
        odd = []
        for cell in texts.difference(self.odd):
            if (found := numerals.amount(cell)) is None:
                continue
            either = found.point != found.comma and None not in (found.point, found.comma)
            group = bool(found.groups[self.decimal == ","])
            new = either and (self.fraction, self.grouped) == (group, not group)
            if self._value(found) is None or found.unit != self.unit or new:
                odd.append(cell)
        if odd:
            marks = f"decimal {self.decimal!r}, thousands {self.thousands!r}" + (
                f", unit {self.unit!r}" if self.unit else ""
            )
            raise InputError(
                f"column {self.name!r} has {listing(map(repr, sorted(odd)), 3)}: the table of the model wrote numbers "
                f"otherwise ({marks})"
            )

    def _check_order(self, texts: set[str]) -> None:
        """Refuse dates that only the other order of day and month makes dates: then it is that of the others, too."""
        odd = sorted(cell for cell in texts if calendar.day_first([cell]) == {not self.day_first})
        if odd and self.day_first is not None and not self.odd:
            order = "day, then the month" if self.day_first else "month, then the day"
            why = f"the table of the model wrote the {order}: write dates alike, or as 2020-12-31"
            raise InputError(f"column {self.name!r} has {listing(map(repr, odd), 3)}, {why}")

    def marks(self) -> dict[str, Any]:
        """Return what the table of columns says of the marks."""
        if self.kind == "number":
            found = {"decimal": self.decimal, "thousands": self.thousands * self.grouped, "unit": self.unit}
            return {key: mark for key, mark in found.items() if mark and (key, mark) != ("decimal", ".")}
        return {"day first": self.day_first} if self.kind == "date" and self.day_first is not None else {}


def _infinite(cell: Any) -> bool:
    return not isinstance(cell, str) or _INFINITE.fullmatch(cell) is not None


def _infinities(name: str, number: int) -> list[str]:
    return [f"{name!r}: {counted(number, 'infinite value')} counted as missing"] if number else []


def _large(name: str) -> str:
    return f"{name!r} holds whole numbers beyond 2^53, which no float keeps apart: kept as text"


def _two_digits(name: str, texts: list[str]) -> list[str]:
    short = [cell for cell in texts if re.search(r"[-/. ][0-9]{2}$", cell) and not re.match(r"[0-9]{4}", cell)]
    return [f"{name!r}: years of two digits are read as 1930 to 2029 ({listing(map(repr, short), 2)})"] if short else []
