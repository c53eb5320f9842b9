"""Rows of a study: a series, a place, the theory's prediction there, and what simulation found."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from widelearn.experiments.store import number

Row = dict[str, Any]
Rows = Sequence[Row]
Theory = Callable[[str, float], float | None]


def row(series: str, x: float, theory: float | None, values: ArrayLike | None = None, **more: Any) -> Row:
    """Put a prediction and the draws of its simulation in one row: mean and standard error of the mean."""
    made: Row = {"series": series, "x": float(x), "theory": number(theory), "simulation": None, "se": None, "draws": 0}
    if values is not None:
        draws = np.asarray(values, dtype=float)
        error = float(draws.std(ddof=1) / math.sqrt(len(draws))) if len(draws) > 1 else 0.0
        made |= {"simulation": number(float(draws.mean())), "se": number(error), "draws": len(draws)}
    return made | more


class Values:
    """Values that the draws of a simulation gave, by series and place."""

    def __init__(self) -> None:
        self.values: dict[tuple[str, float], list[float]] = {}

    def add(self, series: str, x: float, value: float) -> None:
        """Add the value of one draw."""
        self.values.setdefault((series, x), []).append(float(value))

    def rows(self, theory: Theory | None = None, **more: Any) -> list[Row]:
        """Return a row for each series and place, with the theory's prediction there."""
        places = self.values.items()
        return [row(series, x, theory and theory(series, x), values, **more) for (series, x), values in places]


def of(rows: Rows, *series: str) -> list[Row]:
    """Return the rows of these series that were simulated."""
    return [one for one in rows if one["series"] in series and one["simulation"] is not None]


def at(rows: Rows, series: Sequence[str], x: float) -> list[Row]:
    """Return the rows of these series that were simulated at a place."""
    return [one for one in of(rows, *series) if one["x"] == x]


def without(rows: Rows, *series: str) -> list[Row]:
    """Return the rows of all other series."""
    return [one for one in rows if one["series"] not in series]


def on_panel(rows: Rows, name: str | None) -> list[Row]:
    """Return the rows that name this panel; None: those that name none."""
    return [one for one in rows if one.get("panel") == name]


def panel(rows: Rows, **options: Any) -> dict[str, Any]:
    """Return what a panel of the figure shows, and how."""
    return {"rows": list(rows), **options}
