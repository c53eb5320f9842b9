"""Read text as numbers: each cell under both decimal marks, and one decision between them for a whole file."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
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
_FORMS = {
    ".": re.compile(rf"(?:{_WHOLE.format(',')}|[1-9][0-9]?(?:,[0-9][0-9])+,[0-9]{{3}})?(?:\.[0-9]*)?"),
    ",": re.compile(rf"(?:{_WHOLE.format('.')})?(?:,[0-9]+)?"),
}
_PLAIN = re.compile(r"(?:-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]+)?\n)*")
_SURE_POINT = re.compile(r"(?m)^-?(?:0|[0-9]{4,})\.[0-9]|\.(?:[0-9]{1,2}|[0-9]{4,})$")
_SAME = str.maketrans({"’": "'"} | dict.fromkeys(BLANK, " "))


class Amount(NamedTuple):
    """A number as text may mean it: under a decimal point, under a decimal comma, what groups its digits then."""

    point: float | None
    comma: float | None
    unit: str
    groups: tuple[str, str]
    form: str

    @property
    def either(self) -> bool:
        """Whether each decimal mark makes another number of it."""
        return self.point != self.comma and None not in (self.point, self.comma)

    def value(self, decimal: str, thousands: str) -> float | None:
        """Return the number under the marks of a file, None where it does not agree with them."""
        if not decimal and self.point != self.comma:
            return None
        return (self.comma if decimal == "," else self.point) if self.groups[decimal == ","] in thousands else None


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
    if cell[0] == "0" and cell.isdecimal() and len(cell) > 1:  # of a column of these only --numbers makes numbers
        return Amount(float(cell), float(cell), "", ("", ""), "")
    signs = [mark for mark in (found["sign"], found["inner"], found["open"], found["trail"]) if mark]
    digits, exponent = found["digits"].strip(BLANK), (found["exponent"] or "").replace("−", "-")
    values: list[float | None] = []
    groups: list[str] = []
    for decimal, form in _FORMS.items():
        whole, _, part = digits.partition(decimal)
        group = "" if whole.isdecimal() else re.sub("[0-9]", "", whole)[:1].translate(_SAME)
        fits = form.fullmatch(digits) and not (group and exponent)
        whole = re.sub("[^0-9]", "", whole) if group else whole
        values.append(float(f"{whole}.{part}{exponent}") if fits else None)
        groups.append(group if fits else "")
    if len(signs) > 1 or values == [None, None]:
        return None
    if signs and signs[0] != "+":
        values = [None if value is None else -value for value in values]
    unit = " ".join(((found["before"] or "") + (found["after"] or "")).split())
    if any(mark.isnumeric() for mark in unit.rstrip("23²³")):  # ½ is no unit
        return None
    kind = "parentheses" if found["open"] else "trailing minus" if found["trail"] else ""
    return Amount(values[0], values[1], unit, (groups[0], groups[1]), kind)


def lost_digits(cell: str, decimal: str) -> bool:
    """Whether a cell is a whole number that no float is, such as 9,007,199,254,740,993."""
    if len(cell) < 16 or re.search("[eE]", cell):
        return False
    digits = re.sub(f"[^0-9{decimal or '.'}]", "", re.sub("(?<=m)[23]", "", cell)).strip(".,")
    exact = Decimal(digits.replace(",", ".") or "0")
    return exact % 1 == 0 and Decimal(float(exact)) != exact


def plain(cells: Iterable[str]) -> bool:
    """Whether all cells are numbers as programs write them, such as -12.5, exact in double precision."""
    return _PLAIN.fullmatch("\n".join(cells) + "\n") is not None


def evidence(cells: list[str]) -> Counter[str]:
    """Count what the different cells of one column say of the file's marks.

    "point" and "comma": the decimal mark is this; "either." and "either,": this mark may be either; "none": no mark;
    ".," and the like: with this decimal mark, that mark groups digits.
    """
    joined = "\n".join(cells)
    if plain(cells) and ("." not in joined or _SURE_POINT.search(joined)):
        return Counter({"point" if "." in joined else "none": len(cells)})
    seen: Counter[str] = Counter()
    for found in filter(None, map(amount, cells)):
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
    groups = "".join(sorted(set(thousands.translate(_SAME))))
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
    """Decide the decimal mark of a file ("" if nothing tells) and what groups digits, from what each column says.

    The third value is what to note.
    """
    given, notes = decimal, []
    said = {m: [name for name, seen in columns.items() if seen[word]] for m, word in ((".", "point"), (",", "comma"))}
    either = {m: [name for name, seen in columns.items() if seen["either" + m]] for m in ".,"}
    doubtful = listing(name for name in columns if name in either["."] or name in either[","])
    if given is None and (said["."] or said[","]):
        decimal = "," if len(said[","]) > len(said["."]) else "."
        if few := said["," if decimal == "." else "."]:
            notes.append(
                f"decimal marks disagree: {decimal!r} is taken for the file, not so in {listing(few)}, which stays "
                "text where it is not certain (--decimal decides)"
            )
    elif given is None and doubtful:
        mark = "." if either["."] else ","
        decimal = "" if either["."] and either[","] else _by_convention(mark, sep, [columns[m] for m in either[mark]])
        how = "a decimal mark" if mark == decimal else "grouping digits"
        notes.append(
            f"{mark!r} is taken as {how}, by convention alone, in {doubtful} (--decimal decides)"
            if decimal
            else f"nothing tells whether a point or a comma is the decimal mark: {doubtful} stays text (--decimal)"
        )
    if decimal == "," and given is None:
        notes.append("the decimal mark is a comma")
    groups = {key[1] for seen in columns.values() for key in seen if key[:1] == (decimal or ".") and len(key) == 2}
    return "." if decimal is None else decimal, "".join(sorted(groups - {","} if decimal == "" else groups)), notes


def _by_convention(mark: str, sep: str | None, columns: list[Counter[str]]) -> str:
    """Return the decimal mark where each number is such as 1.234; "" where there is no convention."""
    mixed = any(seen["none"] for seen in columns)  # whole numbers without a mark say that the mark groups digits
    if mark == ".":
        return ("," if mixed else "") if sep == ";" else "" if mixed else "."
    return "." if sep in (",", None) or (mixed and sep != ";") else ""
