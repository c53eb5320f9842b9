"""Rows of a study: what each draw found at a series and a place, their means, and the theory's prediction there."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, SupportsFloat

import numpy as np
from numpy.typing import ArrayLike

from widelearn.experiments.store import number

Row = dict[str, Any]
Rows = Sequence[Row]
# Takes a row, and reads its series, x and what else tells its place.
Theory = Callable[[Row], float | None]


def value(series: str, x: float, found: SupportsFloat, **more: Any) -> Row:
    """Put what one draw found at a place in a row; `more` are numbers and texts that tell the place, too."""
    return {"series": series, "x": float(x), "value": number(float(found)), **more}


def means(found: Iterable[Row], theory: Theory | None = None) -> list[Row]:
    """Return a row for each place: mean and standard error over draws, the theory there, the values of draws."""
    places: dict[tuple[tuple[str, Any], ...], list[float | None]] = {}
    for one in found:
        place = tuple((key, part) for key, part in one.items() if key != "value")
        places.setdefault(place, []).append(one["value"])
    rows = [_mean(dict(place), values) for place, values in places.items()]
    return [one | {"theory": None if theory is None else number(theory(one))} for one in rows]


def _mean(place: Row, values: list[float | None]) -> Row:
    draws = np.array([math.nan if one is None else one for one in values])
    with np.errstate(all="ignore"):
        mean = float(draws.mean())
        error = float(draws.std(ddof=1) / math.sqrt(len(draws))) if len(draws) > 1 else math.nan
    return _row(place) | {
        "simulation": number(mean),
        "se": number(error),
        "draws": len(draws),
        "values": draws.tolist(),
    }


def _row(place: Row) -> Row:
    """Begin with what every row has, in the order of columns."""
    first = {"series": place["series"], "x": place["x"], "theory": None, "simulation": None, "se": None, "draws": 0}
    return first | place


def line(series: str, xs: ArrayLike, theory: Theory, **more: Any) -> list[Row]:
    """Return rows of theory alone, which a figure draws as a line."""
    places = [_row({"series": series, "x": float(x), **more}) for x in np.asarray(xs, dtype=float)]
    return [one | {"theory": number(theory(one))} for one in places]


def of(rows: Rows, *series: str, at: float | Callable[[float], bool] | None = None) -> list[Row]:
    """Return the rows of these series that were simulated; those at a place, or at places that a function chooses."""

    def here(x: float) -> bool:
        return at is None or (at(x) if callable(at) else x == at)

    return [one for one in rows if one["series"] in series and one["simulation"] is not None and here(one["x"])]


def without(rows: Rows, *series: str) -> list[Row]:
    """Return the rows of all other series."""
    return [one for one in rows if one["series"] not in series]


def on_panel(rows: Rows, name: str | None) -> list[Row]:
    """Return the rows that name this panel; None: those that name none."""
    return [one for one in rows if one.get("panel") == name]


def panel(rows: Rows, **options: Any) -> dict[str, Any]:
    """Return what a panel of the figure shows, and how."""
    return {"rows": list(rows), **options}


def stored(rows: Rows) -> list[Row]:
    """Return rows without the values of draws, which are stored one by one."""
    return [{key: part for key, part in one.items() if key != "values"} for one in rows]
