"""What a study is: a simulation, the theory beside it, claims about both, and a figure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from widelearn.experiments.studies.rows import Row, Rows

Settings = Mapping[str, Any]
Step = Callable[[float], None]
Panels = list[dict[str, Any]]

# A claim of equality allows this many standard errors; a negative control must miss by that many.
EQUAL, APART = 3.0, 10.0


@dataclass(frozen=True)
class Claim:
    """A statement about the rows, and whether they bear it out.

    Attributes
    ----------
    text : str
        What is claimed, in one line.
    held : bool
        Whether the rows say so.
    detail : str
        The numbers that decided it.
    control : bool
        Whether it is a negative control: a wrong theory that must be seen to fail.
    """

    text: str
    held: bool
    detail: str
    control: bool = False


@dataclass(frozen=True)
class Spec:
    """A study: everything that `widelearn run` needs to know of it.

    Attributes
    ----------
    name : str
        As on the command line.
    about : str
        What it shows, in one line.
    source : str
        The paper and chapter whose statement it is.
    settings, quick : mapping
        Parameters, and those that `--quick` replaces.
    simulate : callable (settings, seed, step) -> rows
        Calls ``step(fraction)`` as it goes.
    claims : callable (rows, settings) -> list of Claim
    panels : callable (rows, settings) -> list of dict
        What :func:`widelearn.plots.study` draws.
    """

    name: str
    about: str
    source: str
    settings: Settings
    quick: Settings
    simulate: Callable[[Settings, int, Step], list[Row]]
    claims: Callable[[Rows, Settings], list[Claim]]
    panels: Callable[[Rows, Settings], Panels]

    @staticmethod
    def of(name: str, module: ModuleType) -> Spec:
        """Take a study from its module: ABOUT, SOURCE, SETTINGS, QUICK, simulate, claims and panels."""
        words = ("ABOUT", "SOURCE", "SETTINGS", "QUICK", "simulate", "claims", "panels")
        return Spec(name, *(getattr(module, word) for word in words))

    def settings_for(self, quick: bool) -> dict[str, Any]:
        """Return the parameters of a full or a quick run."""
        return {**self.settings, **(self.quick if quick else {})}


def within(rows: Rows, text: str, share: float) -> Claim:
    """Claim that simulation is theory, row by row, within max(3 standard errors, a share of the prediction).

    Examples
    --------
    >>> from widelearn.experiments.studies.rows import row
    >>> within([row("a", 1.0, 1.0, [0.99, 1.03])], "equal", 0.02).held
    True
    """
    if not rows:
        return Claim(text, False, "no rows")
    worst = max(rows, key=lambda one: _miss(one, share))
    held = all(_miss(one, share) <= 1 for one in rows)
    return Claim(text, held, f"{len(rows)} points, {EQUAL:g} SE or {share:.0%}; {_show('worst', worst)}")


def _miss(one: Row, share: float) -> float:
    """Return the distance of simulation and theory in units of what is allowed."""
    if one["theory"] is None or one["simulation"] is None:
        return math.inf
    allowed = max(EQUAL * one["se"], share * abs(one["theory"]), 1e-12)
    return abs(one["simulation"] - one["theory"]) / allowed


def apart(rows: Rows, text: str) -> Claim:
    """Claim that a wrong theory misses the simulation by more than 10 standard errors in every row.

    Examples
    --------
    >>> from widelearn.experiments.studies.rows import row
    >>> apart([row("a", 1.0, 1.0, [2.0, 2.1])], "unequal").held
    True
    """
    if not rows:
        return Claim(text, False, "no rows", control=True)

    def errors(one: Row) -> float:
        return abs(one["simulation"] - one["theory"]) / max(one["se"], 1e-300)

    worst = min(rows, key=errors)
    return Claim(text, errors(worst) > APART, f"{errors(worst):.0f} SE; {_show('least', worst)}", control=True)


def _show(which: str, one: Row) -> str:
    theory, found, error = (math.nan if one[k] is None else one[k] for k in ("theory", "simulation", "se"))
    return f"{which} {one['series']} at {one['x']:.4g}: theory {theory:.4g}, simulation {found:.4g} ± {error:.2g}"
