"""Read text as numbers: each cell under both decimal marks, and one decision between them for a whole file."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from widelearn.experiments.errors import InputError, listing

BLANK = " \u00a0\u2007\u2009\u202f"
_MONEY = "$€£¥₹₽₩₺₪฿₫₴₦₱¢"
_CODES = "USD|EUR|GBP|JPY|CHF|CNY|INR|AUD|CAD|NZD|SEK|NOK|DKK|PLN|CZK|HUF|BRL|MXN|ZAR|KRW|TRY|RUB|Rs\\.?|kr|Fr\\."
_CELL = re.compile(
    rf"(?P<open>\()?\s?(?P<sign>[+\-−–])?\s?(?P<before>(?:US|CA|AU|NZ|HK|[ACRS])?[{_MONEY}]|{_CODES})?\s?(?P<inner>[+\-−–])?"
    rf"(?P<digits>[0-9][0-9.,'’{BLANK}]*|[.,][0-9]+)(?P<exponent>[eE][+\-−]?[0-9]{{1,4}})?\s?"
    rf"(?P<after>[^\W\d_][^\d()+\-]{{0,14}}[²³]?|[cdk]?m[23]|[%‰°′″{_MONEY}][^\d()+\-]{{0,6}})?(?P<trail>[\-−])?\s?(?P<close>\))?"
)
_WHOLE = r"(?:0|[1-9][0-9]*)|[1-9][0-9]{{0,2}}([{}'’" + BLANK + r"])[0-9]{{3}}(?:\1[0-9]{{3}})*"
_POINT = re.compile(rf"(?:{_WHOLE.format(',')}|[1-9][0-9]?((?:,[0-9][0-9])+),[0-9]{{3}})?(?:\.[0-9]*)?")
_COMMA = re.compile(rf"(?:{_WHOLE.format('.')})?(?:,[0-9]+)?")
_PLAIN = re.compile(r"(?:-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]+)?\n)*")
# Of a column of these only --numbers makes numbers.
_ZEROS = re.compile(r"0[0-9]+")
_SURE_POINT = re.compile(r"(?m)^-?(?:0|[0-9]{4,})\.[0-9]|\.(?:[0-9]{1,2}|[0-9]{4,})$")


class Amount(NamedTuple):
    """A number as text may mean it: under a decimal point, under a decimal comma, what groups its digits then."""

    point: float | None
    comma: float | None
    unit: str
    groups: tuple[str, str]
    form: str

    def value(self, decimal: str, thousands: str) -> float | None:
        """Return the number under the marks of a file, None where it does not agree with them."""
        if self.point == self.comma:
            return self.point if self.groups[0] in thousands else None
        if not decimal:
            return None
        number, group = (self.point, self.groups[0]) if decimal == "." else (self.comma, self.groups[1])
        return number if group in thousands else None


def amount(cell: str) -> Amount | None:
    """Return the number that a cell may be, None if it is like no number.

    Examples
    --------
    >>> amount("(1,234)")[:2], amount("0,5 kg")[:3], amount("1.2.3")
    ((-1234.0, -1.234), (None, 0.5, 'kg'), None)
    """
    found = _CELL.fullmatch(cell)
    if found is None or bool(found["open"]) != bool(found["close"]):
        return None
    form = "parentheses" if found["open"] else "trailing minus" if found["trail"] else ""
    signs = [mark for mark in (found["sign"], found["inner"], found["open"], found["trail"]) if mark]
    if len(signs) > 1:
        return None
    sign = "-" if signs and signs[0] != "+" else ""
    if _ZEROS.fullmatch(cell):
        return Amount(float(cell), float(cell), "", ("", ""), "")
    digits, exponent = found["digits"].strip(BLANK), (found["exponent"] or "").replace("−", "-")
    values: list[float | None] = []
    groups: list[str] = []
    for pattern, decimal in ((_POINT, "."), (_COMMA, ",")):
        match = pattern.fullmatch(digits)
        mark = "" if match is None else (match[1] or ("," if match.lastindex == 2 else ""))
        groups.append("'" if mark == "’" else " " if mark in BLANK and mark else mark)
        if match is None or (mark and exponent):
            values.append(None)
            continue
        text = re.sub(r"[^0-9.]", "", digits.replace(decimal, "|").replace(".", "").replace("|", "."))
        values.append(float(sign + text + exponent))
    if values == [None, None]:
        return None
    unit = " ".join(((found["before"] or "") + (found["after"] or "")).split())
    return Amount(values[0], values[1], unit, (groups[0], groups[1]), form)


def plain(cells: Iterable[str]) -> bool:
    """Whether all cells are numbers as programs write them, such as -12.5, exact in double precision."""
    return _PLAIN.fullmatch("\n".join(cells) + "\n") is not None


def evidence(cells: list[str]) -> Counter[str]:
    """Count what the different cells of one column say of the file's marks.

    "point" and "comma": the decimal mark is this; "either." and "either,": this mark may be either; "none": no mark;
    ".," and the like: with this decimal mark, that mark groups digits.
    """
    if plain(cells):
        joined = "\n".join(cells)
        if "." not in joined or _SURE_POINT.search(joined):
            return Counter({"point" if "." in joined else "none": len(cells)})
    seen: Counter[str] = Counter()
    for cell in cells:
        found = amount(cell)
        if found is None:
            continue
        seen.update(f"{mark}{group}" for mark, group in zip(".,", found.groups, strict=True) if group)
        if found.point is None or found.comma is None:
            seen["comma" if found.point is None else "point"] += 1
        elif found.point == found.comma:
            seen["none"] += 1
        else:
            seen["either," if abs(found.point) > abs(found.comma) else "either."] += 1
    return seen


def asked(decimal: str | None, thousands: str | None) -> tuple[str | None, str | None]:
    """Return the marks that a user asks for; what groups digits is no decimal mark, so that one tells the other.

    Examples
    --------
    >>> asked(None, "."), asked(None, "’"), asked(".", None)
    ((',', '.'), (None, "'"), ('.', None))
    """
    if thousands is None:
        return decimal, None
    groups = "".join(sorted({"'" if mark == "’" else " " if mark in BLANK else mark for mark in thousands}))
    if strange := set(groups) - set(",.' "):
        raise InputError(
            f"thousands (--thousands) takes of . , ' and a blank, not {listing(map(repr, sorted(strange)))}"
        )
    if {",", "."} <= set(groups) or (decimal and decimal in groups):
        mark = decimal or ","
        raise InputError(f"{mark!r} cannot be the decimal mark and group digits: --decimal and --thousands disagree")
    if decimal is None:
        decimal = "," if "." in groups else "." if "," in groups else None
    return decimal, groups


def decide(columns: dict[str, Counter[str]], sep: str | None, decimal: str | None) -> tuple[str, str, list[str]]:
    """Decide the decimal mark of a file and the marks that group digits, from what each column says.

    Returns
    -------
    decimal : {".", ",", ""}
        "" if nothing tells: then numbers with a mark stay text.
    thousands : str
        The grouping marks that occur.
    notes : list of str
    """
    asked = decimal
    said = {mark: [name for name, seen in columns.items() if seen[mark]] for mark in ("point", "comma")}
    unsure = {mark: [seen for seen in columns.values() if seen["either" + mark]] for mark in ".,"}
    mixed = {mark: any(seen["none"] for seen in found) for mark, found in unsure.items()}
    notes: list[str] = []
    doubtful = [name for name, seen in columns.items() if seen["either."] or seen["either,"]]
    if decimal is not None:
        pass
    elif said["point"] and said["comma"]:
        decimal = "," if len(said["comma"]) > len(said["point"]) else "."
        few = said["comma" if decimal == "." else "point"]
        notes.append(
            f"decimal marks disagree: {decimal!r} is taken for the file, not so in {listing(few)}, which stays text "
            "where it is not certain (--decimal decides)"
        )
    elif said["point"] or said["comma"]:
        decimal = "." if said["point"] else ","
    elif unsure["."] and unsure[","]:
        decimal = ""
    elif unsure["."]:
        decimal = ("," if mixed["."] else "") if sep == ";" else ("" if mixed["."] else ".")
    elif unsure[","]:
        decimal = "." if sep in (",", None) or (sep != ";" and mixed[","]) else ""
    else:
        decimal = "."
    if doubtful and decimal and asked is None and not said["point"] and not said["comma"]:
        how = "a decimal mark" if bool(unsure["."]) == (decimal == ".") else "grouping digits"
        mark = "." if unsure["."] else ","
        notes.append(f"{mark!r} is taken as {how}, by convention alone, in {listing(doubtful)} (--decimal decides)")
    if decimal == "":
        notes.append(
            f"nothing tells whether a point or a comma is the decimal mark: {listing(doubtful)} stays text (--decimal)"
        )
    if decimal == "," and asked is None:
        notes.append("the decimal mark is a comma")
    groups = {key[1] for seen in columns.values() for key in seen if key[:1] == (decimal or ".") and len(key) == 2}
    return decimal, "".join(sorted(groups if decimal else groups - {","})), notes
