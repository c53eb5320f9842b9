"""What a study is: cells to simulate one by one, theory beside them, verdicts with their power, controls, a figure."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from widelearn.experiments.studies.judging import FEWEST, Control, Verdict
from widelearn.experiments.studies.rows import Row, Rows, Theory

Settings = Mapping[str, Any]
# What one simulation is of: settings, and which part of the study.
Cell = Mapping[str, Any]
# The run's seed and the number of the draw: what `numpy.random.default_rng` takes.
Seed = tuple[int, int]
# A cell by its number, and a draw.
Unit = tuple[int, int]
Simulate = Callable[[Cell, Seed], list[Row]]
Panels = list[dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Spec:
    """A study: everything that `widelearn run` needs to know of it; ValueError if a part is missing."""

    # As on the command line; what it shows, in one line; the paper and chapter whose statement it is.
    name: str
    about: str
    source: str
    # Numbers, texts and tuples of them, the number of draws among them; those that `--quick` replaces.
    settings: Settings
    quick: Settings
    # Independent parts, none of which is long; each is simulated for every draw. "draws" in a cell is its own number.
    cells: Callable[[Settings], Sequence[Cell]]
    # A pure function of a cell and a seed, by name in a module: what one draw found, as `rows.value` makes it.
    simulate: Simulate
    # None where nothing is predicted.
    theory: Callable[[Settings], Theory] | None
    verdicts: Callable[[Settings], Sequence[Verdict]]
    controls: Callable[[Settings], Sequence[Control]]
    # What :func:`widelearn.plots.study` draws.
    panels: Callable[[Rows, Settings], Panels]

    def __post_init__(self) -> None:
        """Refuse a study without cells, or with too few draws."""
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

    def judges(self, settings: Settings) -> list[Verdict | Control]:
        """Return verdicts and controls; ValueError if there are none of either."""
        verdicts, controls = self.verdicts(settings), self.controls(settings)
        if not verdicts or not controls:
            what = "verdict" if not verdicts else "control"
            raise ValueError(f"The study {self.name} has no {what}: name one at least.")
        return [*verdicts, *controls]
