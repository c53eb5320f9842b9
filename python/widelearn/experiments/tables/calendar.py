"""Read text as dates, times of day and durations; what is not certain is not read."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_MONTHS = "january february march april may june july august september october november december"
MONTHS = {name: k for k, long in enumerate(_MONTHS.split(), 1) for name in (long, long[:3])} | {"sept": 9}
_CLOCK = re.compile(
    r"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}(?:\.[0-9]+)?))?(?: ?([ap])\.?m\.?)?(?: ?(z|utc|gmt|[+-][0-9]{2}:?[0-9]{2}))?"
)
_COLONS = re.compile(r"(-?[0-9]+:[0-5][0-9])(:[0-5][0-9](?:\.[0-9]+)?)?")
_YEAR_FIRST = re.compile(r"([0-9]{4})([-/.])([0-9]{1,2})(?:\2([0-9]{1,2}))?(?:(?:t|,? )(.+))?")
_YEAR_LAST = re.compile(r"([0-9]{1,2})([-/.])([0-9]{1,2})\2([0-9]{4}|[0-9]{2})(?:(?:t|,? )(.+))?")
_COMPACT = re.compile(r"\A((?:19|20)[0-9]{2})([0-9]{2})([0-9]{2})\Z")
_TH = r"([0-9]{1,2})(?:st|nd|rd|th)?"
_NAMED = re.compile(
    rf"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,? )?(?:{_TH}\.?[ -])?([a-z]{{3,9}})\.?(?:,? |,|-)"
    rf"(?:{_TH},? )?([0-9]{{4}}|[0-9]{{2}})(?:,? (.+))?"
)
_UNITS = "d day days h hr hrs hour hours min mins minute minutes s sec secs second seconds"
UNITS = frozenset(_UNITS.split())
_PART = r"[0-9]+(?:\.[0-9]+)? ?(?:days?|d|hours?|hrs?|h|minutes?|mins?|min|m|seconds?|secs?|s)"
_SPAN = re.compile(
    rf"-?(?:{_PART}(?:,? ?(?:{_PART}))*|[0-9]+ days?,? [0-9]{{1,2}}:[0-9]{{2}}:[0-9]{{2}}(?:\.[0-9]+)?|"
    r"p(?:[0-9.]+d)?(?:t(?:[0-9.]+h)?(?:[0-9.]+m)?(?:[0-9.]+s)?)?)"
)


def seasons(cells: Iterable[str]) -> bool:
    """Whether all cells are such as 2008-09 and 2009-10: the month of each would be its next year."""
    found = [re.fullmatch(r"[0-9]{2}([0-9]{2})[-/]([0-9]{2})", cell) for cell in cells]
    return all(match and (int(match[1]) + 1) % 100 == int(match[2]) for match in found)


def clocks(cells: Iterable[str]) -> set[str]:
    """Return the forms in which cells write hours, minutes and seconds with colons: "a:b", "a:b:c"."""
    return {"a:b:c" if match[2] else "a:b" for match in map(_COLONS.fullmatch, cells) if match}


def day_first(cells: Iterable[str]) -> set[bool]:
    """Say what cells such as 31/12/2020 and 12/31/2020 tell of the order: nothing, day first, month first, or both."""
    found = [match for cell in cells if (match := _YEAR_LAST.fullmatch(cell.lower())) and match[2] != "."]
    return {int(match[1]) > 12 for match in found if max(int(match[1]), int(match[3])) > 12}


def date(cell: str, first: bool | None) -> float | None:
    """Return days since 1970, None if the cell is no date, or may be two.

    Years of two digits are 1930 to 2029, as spreadsheets have them. Points stand after the day in every country.

    Examples
    --------
    >>> (
    ...     date("Friday, January 02, 1970", None),
    ...     date("3/1/70 6:00 PM", True),
    ...     date("3/1/70", None),
    ... )
    (1.0, 2.75, None)
    """
    cell = _COMPACT.sub(r"\1-\2-\3", cell.lower())
    if found := _YEAR_FIRST.fullmatch(cell):
        year, mark, month, day, rest = found.groups()
        # Without a day, and of no year of our time, it is a number of a part: 4711-07.
        if day is None and (mark == "." or not "1500" <= year < "2500"):
            return None
    elif found := _YEAR_LAST.fullmatch(cell):
        day, mark, month, year, rest = found.groups()
        order = True if mark == "." else first
        if order is None and day != month:
            return None
        day, month = (day, month) if order else (month, day)
    elif (found := _NAMED.fullmatch(cell)) and found[2] in MONTHS:
        before, month, after, year, rest = found[1], str(MONTHS[found[2]]), found[3], found[4], found[5]
        day = before or after
        if (before and after) or (not before and len(year) == 2):
            return None
    else:
        return None
    clock = _clock(rest) if rest else ""
    year = year if len(year) == 4 else f"{'20' if year < '30' else '19'}{year}"
    try:
        moment = datetime.datetime.fromisoformat(f"{year}-{month:0>2}-{day or '1':0>2}{clock}")
    except ValueError:
        return None
    return (moment.replace(tzinfo=moment.tzinfo or datetime.UTC) - _EPOCH) / datetime.timedelta(days=1)


def _clock(text: str) -> str | None:
    """Return a time of day as ISO 8601 has it, None if it is none."""
    found = _CLOCK.fullmatch(text)
    if found is None or (found[4] and not 1 <= int(found[1]) <= 12):
        return None
    hour = int(found[1]) % 12 + 12 * (found[4] == "p") if found[4] else int(found[1])
    zone = (found[5] or "").upper().replace("UTC", "Z").replace("GMT", "Z")
    return f"T{hour:02}:{found[2]}:{found[3] or '00'}{zone}" if hour < 24 and int(found[2]) < 60 else None


def times(cells: Iterable[str], sure: bool = False) -> list[float | None] | None:
    """Return the hours of times of day and durations; None if scales are in doubt.

    "07:45" is hours and minutes; beside "1:07:45" it might be minutes and seconds.
    """
    import pandas as pd

    spans: list[str | None] = []
    cells = list(cells)
    for cell in map(str.lower, cells):
        if clock := _COLONS.fullmatch(cell):
            spans.append(clock[1] + (clock[2] or ":00"))
        elif re.search(r"[ap]\.?m\.?$", cell) and (iso := _clock(cell)):
            spans.append(iso[1:])
        elif _SPAN.fullmatch(cell):
            spans.append(cell.upper() if "p" in cell else cell.replace(",", ""))
        else:
            spans.append(None)
    if len(clocks(cells)) == 2 and not sure:
        return None
    if not any(spans):
        return [None] * len(spans)
    found = pd.to_timedelta(pd.Series(spans, dtype=object), errors="coerce")
    return [None if pd.isna(span) else span.total_seconds() / 3600.0 for span in found]
