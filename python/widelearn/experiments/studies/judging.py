"""What a verdict of a study must bring: rows enough for it, and spoilt rows on which it fails."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from widelearn.experiments.studies.rows import Row, Rows, Theory

Judged = tuple[bool, str]
Judge = Callable[[Rows], Judged]
Spoil = Callable[[Rows], Rows]

# A verdict takes at least so many draws, and standard errors of at most this share of the numbers compared.
FEWEST, PRECISE = 5, 0.03
NO_ROWS: Judged = (False, "no rows")


@dataclass(frozen=True)
class Claim:
    """A statement, whether the rows bear it out, the numbers that decided it, and what became of it on spoilt rows."""

    text: str
    held: bool
    detail: str
    control: bool = False
    power: str = ""


@dataclass(frozen=True)
class Verdict:
    """A statement that holds where the rows suffice and bear it out, and the spoilt rows do not."""

    text: str
    judge: Judge
    # What the rows lack for a decision, empty if nothing.
    lacks: Callable[[Rows], str]
    # Makes rows on which the statement must fail; and what they are, in words.
    spoil: Spoil
    spoilt: str

    def claim(self, rows: Rows) -> Claim:
        """Judge the rows, and the spoilt ones."""
        held, detail = self.judge(rows)
        missing = self.lacks(rows)
        again = self.judge(self.spoil(rows))
        fails = not again[0] and again is not NO_ROWS
        power = f"{self.spoilt}: {again[1] if again is NO_ROWS else 'fails' if fails else 'HOLDS, TOO'}"
        detail = f"{detail}; {missing}" if missing else detail
        return Claim(self.text, bool(held and not missing and fails), detail, power=power)


@dataclass(frozen=True)
class Control:
    """A wrong statement, and the judge that must see it miss."""

    text: str
    judge: Judge

    def claim(self, rows: Rows) -> Claim:
        """Judge the rows."""
        held, detail = self.judge(rows)
        return Claim(self.text, bool(held), detail, control=True)


def exchanged(series: str, rival: str) -> Spoil:
    """Return what gives the rows of two series each other's name."""
    names = {series: rival, rival: series}
    return lambda rows: [one | {"series": names.get(one["series"], one["series"])} for one in rows]


def multiplied(series: str, factor: float) -> Spoil:
    """Return what multiplies the simulation of a series."""

    def spoil(rows: Rows) -> Rows:
        return [scaled(one) if one["series"] == series and one["simulation"] is not None else one for one in rows]

    def scaled(one: Row) -> Row:
        return one | {"simulation": factor * one["simulation"], "values": [factor * part for part in one["values"]]}

    return spoil


def backwards(series: str) -> Spoil:
    """Return what gives the simulations of a series to its places in the reverse order."""

    def spoil(rows: Rows) -> Rows:
        own = [one for one in rows if one["series"] == series and one["simulation"] is not None]
        places = sorted(one["x"] for one in own)
        mirror = dict(zip(places, reversed(places), strict=True))
        return [one | {"x": mirror[one["x"]]} if one in own else one for one in rows]

    return spoil


def gap(one: Row, other: Row, factor: float = 1.0) -> tuple[float, float]:
    """Return mean and standard error of other - factor one, draw by draw where both have the same draws."""
    if one["draws"] == other["draws"] > 1:
        with np.errstate(all="ignore"):
            apart = np.array(other["values"]) - factor * np.array(one["values"])
            return float(apart.mean()), float(apart.std(ddof=1) / math.sqrt(len(apart)))
    return other["simulation"] - factor * one["simulation"], math.hypot(error(other), factor * error(one))


def error(one: Row) -> float:
    """Return a standard error; that of a single draw is infinite."""
    return math.inf if one["se"] is None else float(one["se"])


def lacking(needs: Iterable[tuple[Row, float, float]]) -> str:
    """Say what is missing for a verdict about rows with these standard errors, beside numbers of this size."""
    for one, wide, size in needs:
        if one["draws"] < FEWEST:
            return f"{one['draws']} draws of {one['series']}, at least {FEWEST}"
        if not wide <= PRECISE * size:
            times = (wide / (PRECISE * size)) ** 2 if size > 0 else math.inf
            wanted = f"about {math.ceil(times * one['draws'])} draws" if times < math.inf else "nothing to compare with"
            return f"SE {wide:.2g} of {one['series']} at {one['x']:.4g} is above {PRECISE:.0%} of {size:.4g}: {wanted}"
    return ""


def means(rows: Rows) -> str:
    """Write means with their standard errors, at most six."""
    texts = [f"{one['simulation']:.4g} ± {error(one):.2g}" for one in rows]
    return ", ".join(texts if len(texts) <= 6 else [*texts[:3], "...", *texts[-2:]])


def instead(series: str, theory: Theory) -> Spoil:
    """Return what puts the numbers of a wrong theory in the place of a simulation."""

    def spoil(rows: Rows) -> Rows:
        return [one if one["series"] != series else one | {"simulation": theory(one)} for one in rows]

    return spoil
