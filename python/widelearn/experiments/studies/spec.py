"""What a study is: a simulation, the theory beside it, claims about both, and a figure."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Self

from widelearn.experiments.studies.rows import Row, Rows

Settings = Mapping[str, Any]
Step = Callable[[float], None]
Panels = list[dict[str, Any]]

# A claim of equality allows this many standard errors; a negative control must miss by that many.
EQUAL, APART = 3.0, 10.0


@dataclass(frozen=True)
class Claim:
    """A statement about the rows, whether they bear it out, and the numbers that decided it."""

    text: str
    held: bool
    detail: str
    # Whether it is a negative control: a wrong theory that must be seen to fail.
    control: bool = False


@dataclass(frozen=True)
class Spec:
    """A study: everything that `widelearn run` needs to know of it."""

    # As on the command line; what it shows, in one line; the paper and chapter whose statement it is.
    name: str
    about: str
    source: str
    # Parameters, and those that `--quick` replaces.
    settings: Settings
    quick: Settings
    simulate: Callable[[Settings, int, Step], list[Row]]
    claims: Callable[[Rows, Settings], list[Claim]]
    # What :func:`widelearn.plots.study` draws.
    panels: Callable[[Rows, Settings], Panels]

    @classmethod
    def of(cls, name: str, module: ModuleType) -> Self:
        """Take a study from its module: its docstring, SOURCE, SETTINGS, QUICK, simulate, claims and panels."""
        words = ("__doc__", "SOURCE", "SETTINGS", "QUICK", "simulate", "claims", "panels")
        return cls(name, *(getattr(module, word) for word in words))

    def settings_for(self, quick: bool) -> dict[str, Any]:
        """Return the parameters of a full or a quick run."""
        return {**self.settings, **(self.quick if quick else {})}


def within(rows: Rows, text: str, share: float) -> Claim:
    """Claim that simulation is theory, row by row, within max(3 standard errors, a share of the prediction)."""
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
    """Claim that a wrong theory misses the simulation by more than 10 standard errors in every row."""
    if not rows:
        return Claim(text, False, "no rows", control=True)

    def errors(one: Row) -> float:
        return abs(one["simulation"] - one["theory"]) / max(one["se"], 1e-300)

    worst = min(rows, key=errors)
    return Claim(text, errors(worst) > APART, f"{errors(worst):.0f} SE; {_show('least', worst)}", control=True)


def _show(which: str, one: Row) -> str:
    theory, found, error = (math.nan if one[k] is None else one[k] for k in ("theory", "simulation", "se"))
    return f"{which} {one['series']} at {one['x']:.4g}: theory {theory:.4g}, simulation {found:.4g} ± {error:.2g}"
