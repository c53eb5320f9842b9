"""What a study is: cells to simulate one by one, theory beside them, verdicts with their power, controls, a figure."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from widelearn.experiments.studies.judging import FEWEST, Control, Verdict
from widelearn.experiments.studies.rows import Row, Rows, Theory, panel

Settings = Mapping[str, Any]
# What one simulation is of: settings, and which part of the study.
Cell = Mapping[str, Any]
# The run's seed and the number of the draw: what `numpy.random.default_rng` takes.
Seed = tuple[int, int]
# A cell by its number, and a draw.
Unit = tuple[int, int]
Simulate = Callable[[Cell, Seed], list[Row]]
Panels = list[dict[str, Any]]


# What names a folder on every system.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def _one_cell(settings: Settings) -> Sequence[Cell]:
    """Take the settings as the only part."""
    return [settings]


def _none(settings: Settings) -> Sequence[Any]:
    """Claim nothing."""
    return []


def _one_panel(rows: Rows, settings: Settings) -> Panels:
    """Draw all rows on one panel."""
    return [panel(rows, xlabel="x", ylabel="value")]


@dataclass(frozen=True, kw_only=True)
class Spec:
    """A study, of this package or your own: what is simulated, judged and drawn.

    ``widelearn run FILE.py`` runs the ``SPEC`` of a file, :func:`widelearn.experiments.run` one in Python. A package
    offers studies by entry points of the group ``widelearn.studies``.

    Parameters
    ----------
    name : str
        As on the command line, and of its folder: letters, digits, dots, underscores and dashes.
    about : str
        What it shows, in one line.
    settings : mapping
        Numbers, texts and tuples of them by name; "draws" among them, the number of draws, at least 5.
    simulate : callable
        ``simulate(cell, seed) -> rows``: what one draw of a cell found, made by ``rows.value(series, x, found)``.
        A pure function whose randomness comes from ``numpy.random.default_rng(seed)``.
    source : str, default=""
        The paper and chapter whose statement it is.
    quick : mapping, default={}
        Settings that ``--quick`` replaces.
    cells : callable, default=one cell that is the settings
        ``cells(settings) -> list of mappings``: independent parts. "draws" in a cell is its own number.
    theory : callable or None, default=None
        ``theory(settings)`` returns a function of a row: the number predicted there, or None.
    verdicts, controls : callable, default=none
        ``verdicts(settings)`` are statements of ``statements``, each with its power check, ``controls(settings)`` wrong
        ones that must miss. Whoever claims something needs one of each.
    panels : callable, default=one panel of all rows
        ``panels(rows, settings) -> list``, each made by ``rows.panel``.
    threads : int, default=1
        Threads that each cell may use, whatever runs it.
    origin : str, default=""
        Set by who loads a file: what tells its version.

    Raises
    ------
    ValueError
        A part is missing or does not fit: name it in the file.

    Notes
    -----
    Nothing is simulated when a specification is made; `cells` is called once for full and for quick settings.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.experiments import Spec, run
    >>> from widelearn.experiments.studies.rows import value
    >>> def simulate(cell, seed):
    ...     draws = np.random.default_rng(seed).normal(size=cell["n"])
    ...     return [value("mean", cell["n"], draws.mean())]
    >>> settings = {"n": 100, "draws": 5}
    >>> spec = Spec(name="means", about="Means.", settings=settings, simulate=simulate)
    >>> [(row["series"], row["x"], row["draws"]) for row in run(spec)["rows"]]
    [('mean', 100.0, 5)]
    """

    name: str
    about: str
    settings: Settings
    simulate: Simulate
    source: str = ""
    quick: Settings = field(default_factory=dict)
    cells: Callable[[Settings], Sequence[Cell]] = _one_cell
    theory: Callable[[Settings], Theory] | None = None
    verdicts: Callable[[Settings], Sequence[Verdict]] = _none
    controls: Callable[[Settings], Sequence[Control]] = _none
    panels: Callable[[Rows, Settings], Panels] = _one_panel
    threads: int = 1
    origin: str = ""

    def __post_init__(self) -> None:
        """Refuse a study without cells, or with too few draws."""
        if not (isinstance(self.name, str) and NAME.fullmatch(self.name)):
            raise ValueError(f"A study named {self.name!r}: take letters, digits, dots, underscores and dashes.")
        if type(self.threads) is not int or self.threads < 1:
            raise ValueError(f"The study {self.name} has threads={self.threads!r}: a whole number, 1 or more.")
        for settings in (self.settings_for(False), self.settings_for(True)):
            cells = self.cells(settings)
            fewest = min([settings.get("draws", 0), *(cell.get("draws", math.inf) for cell in cells)])
            if not cells or fewest < FEWEST:
                what = f"{len(cells)} cells, the least of them {fewest} draws"
                raise ValueError(f"The study {self.name} has {what}: a cell or more is needed, and {FEWEST} draws.")

    def settings_for(self, quick: bool) -> dict[str, Any]:
        """Return the parameters of a full or a quick run."""
        return {**self.settings, **(self.quick if quick else {})}

    def units(self, settings: Settings) -> list[Unit]:
        """Return all draws of all cells, in the order of the rows."""
        cells = self.cells(settings)
        return [
            (index, draw) for index, cell in enumerate(cells) for draw in range(cell.get("draws", settings["draws"]))
        ]

    def count(self, settings: Settings) -> int:
        """Return the number of units."""
        return sum(cell.get("draws", settings["draws"]) for cell in self.cells(settings))

    def judges(self, settings: Settings) -> list[Verdict | Control]:
        """Return verdicts and controls; ValueError if there are none of one kind alone."""
        verdicts, controls = self.verdicts(settings), self.controls(settings)
        if bool(verdicts) != bool(controls):
            what = "control" if verdicts else "verdict"
            raise ValueError(f"The study {self.name} has no {what}: a claim needs a control that could show it wrong.")
        return [*verdicts, *controls]
