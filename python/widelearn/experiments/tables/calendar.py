"""Read text as dates, times of day and durations; what is not certain is not read."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable

_SHORT = "jan feb mar apr may jun jul aug sep oct nov dec"
MONTHS = {name: k for k, name in enumerate(_SHORT.split(), 1)}
_LONG = "january february march april may june july august september october november december sept"
_DAY = r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,? )?"
_CLOCK = re.compile(
    r"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}(?:\.[0-9]+)?))?(?: ?([ap])\.?m\.?)?(?: ?(z|utc|gmt|[+-][0-9]{2}:?[0-9]{2}))?"
)
_YEAR_FIRST = re.compile(r"([0-9]{4})([-/.])([0-9]{1,2})(?:\2([0-9]{1,2}))?(?:(?:t|,? )(.+))?")
_COMPACT = re.compile(r"((?:19|20)[0-9]{2})([0-9]{2})([0-9]{2})")
_YEAR_LAST = re.compile(r"([0-9]{1,2})([-/.])([0-9]{1,2})\2([0-9]{4}|[0-9]{2})(?:(?:t|,? )(.+))?")
_DAY_NAME = re.compile(
    _DAY + r"([0-9]{1,2})(?:st|nd|rd|th)?\.?[ -]([a-z]{3,9})\.?(?:, ?| |-)([0-9]{4}|[0-9]{2})(?:,? (.+))?"
)
_NAME_DAY = re.compile(_DAY + r"([a-z]{3,9})\.? ([0-9]{1,2})(?:st|nd|rd|th)?,? ([0-9]{4})(?:,? (.+))?")
_NAME_YEAR = re.compile(r"([a-z]{3,9})\.?[ -]([0-9]{4})")
_UNITS = "d day days h hr hrs hour hours min mins minute minutes s sec secs second seconds"
UNITS = frozenset(_UNITS.split())
_PART = r"[0-9]+(?:\.[0-9]+)? ?(?:days?|d|hours?|hrs?|h|minutes?|mins?|min|m|seconds?|secs?|s)"
_SPAN = re.compile(
    rf"-?(?:{_PART}(?:,? ?(?:{_PART}))*|[0-9]+ days?,? [0-9]{{1,2}}:[0-9]{{2}}:[0-9]{{2}}(?:\.[0-9]+)?|p[0-9dthms.]+)"
)


def day_first(cells: Iterable[str]) -> set[bool]:
    """Say what cells such as 31/12/2020 and 12/31/2020 tell of the order: nothing, day first, month first, or both."""
    told = set()
    for cell in cells:
        found = _YEAR_LAST.fullmatch(cell.lower())
        if found and found[2] != "." and (int(found[1]) > 12 or int(found[3]) > 12):
            told.add(int(found[1]) > 12)
    return told


def date(cell: str, first: bool | None) -> str | None:
    """Return a date as ISO 8601 has it, None if the cell is none, or may be two.

    Years of two digits are 1930 to 2029, as spreadsheets have them. Points stand after the day in every country.

    Examples
    --------
    >>> (
    ...     date("Monday, January 04, 2021", None),
    ...     date("3/4/20 7:45 PM", True),
    ...     date("3/4/20", None),
    ... )
    ('2021-01-04', '2020-04-03T19:45:00', None)
    """
    cell = _COMPACT.sub(r"\1-\2-\3", cell.lower()) if _COMPACT.fullmatch(cell) else cell.lower()
    if found := _YEAR_FIRST.fullmatch(cell):
        year, month, day, rest = found[1], found[3], found[4] or "1", found[5]
        if found[4] is None and found[2] == ".":
            return None
    elif found := _YEAR_LAST.fullmatch(cell):
        order = True if found[2] == "." else first
        if order is None and found[1] != found[3]:
            return None
        pair = (found[1], found[3]) if order else (found[3], found[1])
        day, month, year, rest = (*pair, found[4], found[5])
    elif found := _DAY_NAME.fullmatch(cell):
        day, month, year, rest = found.groups()
    elif found := _NAME_DAY.fullmatch(cell):
        month, day, year, rest = found.groups()
    elif found := _NAME_YEAR.fullmatch(cell):
        month, year, day, rest = found[1], found[2], "1", None
    else:
        return None
    if month.isalpha():
        if month not in MONTHS and month not in _LONG.split():
            return None
        month = str(MONTHS[month[:3]])
    clock = "" if rest is None else _clock(rest)
    if clock is None:
        return None
    year = year if len(year) == 4 else f"{'20' if year < '30' else '19'}{year}"
    try:
        return f"{datetime.date(int(year), int(month), int(day))}{clock}"
    except ValueError:
        return None


def _clock(text: str) -> str | None:
    """Return a time of day as ISO 8601 has it, None if it is none."""
    found = _CLOCK.fullmatch(text)
    if found is None or (found[4] and not 1 <= int(found[1]) <= 12):
        return None
    hour = int(found[1]) % 12 + 12 * (found[4] == "p") if found[4] else int(found[1])
    zone = (found[5] or "").upper().replace("UTC", "Z").replace("GMT", "Z")
    return f"T{hour:02}:{found[2]}:{found[3] or '00'}{zone}" if hour < 24 and int(found[2]) < 60 else None


def times(cells: list[str], sure: bool = False) -> list[str | None] | None:
    """Return times of day and durations as pandas.to_timedelta takes them; None if scales are in doubt.

    "07:45" is hours and minutes; beside "1:07:45" it might be minutes and seconds.
    """
    found: list[str | None] = []
    forms = set()
    for cell in (one.lower() for one in cells):
        clock = re.fullmatch(r"(-?)([0-9]+):([0-5][0-9])(?::([0-5][0-9](?:\.[0-9]+)?))?", cell)
        if clock:
            forms.add("long" if clock[4] else "short")
            found.append(f"{clock[1]}{clock[2]}:{clock[3]}:{clock[4] or '00'}")
        elif re.search(r"[ap]\.?m\.?$", cell) and (iso := _clock(cell)):
            found.append(iso[1:])
        elif _SPAN.fullmatch(cell):
            forms.add("span")
            found.append(cell.upper() if "p" in cell else cell.replace(",", ""))
        else:
            found.append(None)
    return None if {"long", "short"} <= forms and not sure else found
