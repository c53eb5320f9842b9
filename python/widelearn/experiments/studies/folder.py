"""The folder of a study: rows as they come, then results and figures, each whole or not there."""

import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from widelearn import plots
from widelearn.experiments import store
from widelearn.experiments.errors import InputError, first_line, listing
from widelearn.experiments.studies import ledger, runner, sources
from widelearn.experiments.studies.rows import stored
from widelearn.experiments.studies.runner import Order
from widelearn.experiments.studies.shards import Shard
from widelearn.experiments.studies.workers import Workers

ROWS, RESULTS, FIGURES, TABLE = "rows.jsonl", "results.json", ("figure.png", "figure.svg"), "figure.csv"
# Rows as they came, for people; rows.jsonl is what is read back.
DRAWS = "rows.csv"
FILES = (ROWS, DRAWS, RESULTS, *FIGURES, TABLE)
# What a study raises of settings that do not fit together, and of rows that are not its own.
FAILURES = ArithmeticError, LookupError, TypeError, ValueError
OnStep = Callable[[float], None]


@dataclass(frozen=True)
class StudyFolder:
    """A place on disk for what was ordered; with `force`, other results there are replaced."""

    path: Path
    order: Order
    force: bool = False
    # Settings that the user changed, which may not fit together.
    changed: Collection[str] = ()
    # The file of a study of the user's own.
    file: Path | None = None

    def finished(self) -> dict[str, Any] | None:
        """Return the results that an earlier run finished, None if there are none; InputError of another question."""
        is_folder = self.path.is_dir() and not self.path.is_symlink()
        there = store.listed(self.path) if is_folder else []
        others = [name for name in there if name not in FILES]
        if not self.force and (others or (os.path.lexists(self.path) and not is_folder)):
            what = f"holds {listing(others)}" if is_folder else "is no folder of a study"
            raise InputError(f"{self.path} {what}: name another --out, or add --force")
        self.rows()
        if RESULTS not in there:
            return None
        path = self.path / RESULTS
        results = store.read_json(path)
        other = store.differences(results, self.order.question())
        if not other and runner.is_sound(results):
            return results
        if not self.force and not (runner.is_sound(results) and _of_fewer_draws(results, self.order)):
            what = f"is of other settings: repeat those, or add --force; different: {other}"
            raise InputError(f"{path} {what if other else 'is damaged: remove it, or add --force'}")
        return None

    def rows(self) -> ledger.Kept:
        """Return the rows that an earlier run simulated; of another question: refused, or with `force` left."""
        path = self.path / ROWS
        if not os.path.lexists(path):
            return {}
        try:
            question, rows = ledger.load(path)
        except InputError:
            if self.force:
                return {}
            raise
        other = store.differences(question, self.order.rows_question())
        if other and not self.force:
            raise InputError(f"{path} is of other settings: repeat those, or add --force; different: {other}")
        return {} if other else rows

    def simulate(
        self, workers: Workers, kept: ledger.Kept, on_step: OnStep | None = None, shard: Shard | None = None
    ) -> ledger.Kept:
        """Simulate the units that are not kept, of a shard or all; rows are on disk as they come."""
        order = self.order
        units = order.spec.units(order.settings)
        units = units if shard is None else shard.units(units)
        self.path.mkdir(exist_ok=True)
        header = order.header(None if shard is None else str(shard))
        with ledger.Ledger(self.path / ROWS, header, dict(kept)) as rows:
            found = runner.simulate(order, units, workers, rows.kept, rows.add, on_step)
        ledger.write(self.path / ROWS, header, found)
        return found

    def finish(self, kept: ledger.Kept, seconds: float) -> dict[str, Any]:
        """Judge the rows of all units and write every file, the results last: where they are, the others are."""
        order, path = self.order, self.path
        results = runner.judged(order, kept, seconds)
        panels = order.spec.panels(results["rows"], order.settings)
        path.mkdir(exist_ok=True)
        ledger.write(path / ROWS, order.header(), kept)
        ledger.write_table(path / DRAWS, kept)
        figure = plots.study(panels, order.spec.about)
        for one in FIGURES:
            store.write_figure(path / one, figure)
        drawn = [row | {"panel": index + 1} for index, one in enumerate(panels) for row in stored(one["rows"])]
        store.write_csv(path / TABLE, drawn)
        store.write_json(path / RESULTS, runner.written(results))
        return results

    def check_figure(self) -> None:
        """Refuse settings that a figure cannot be drawn for, before anything is simulated."""
        spec = self.order.spec
        try:
            spec.panels([], self.order.settings)
        except FAILURES as error:
            try:
                spec.panels([], spec.settings_for(self.order.quick))
            except FAILURES:
                # A figure that begins with its rows says nothing before there are any.
                return
            raise self.failure(error, False) from error

    def failure(self, error: Exception, read: bool) -> InputError:
        """Say what the study fails by: settings that were changed, rows that were read, or a file of the user's own."""
        reasons = ["its settings do not fit together"] if self.changed else []
        reasons += [f"{self.path / ROWS} is damaged"] if read else []
        told = f"{type(error).__name__}: {first_line(error)}"
        if self.file is not None:
            told = sources.blame(self.file, error)
        elif self.order.spec.origin:
            told = f"{self.order.spec.origin}: {told}"
        return InputError(
            f"{self.order.spec.name} fails{''.join(f', {one}' for one in [' or '.join(reasons)] if one)}: {told}"
        )

    def is_blamed(self, error: Exception, read: bool) -> bool:
        """Whether something of the user's can be why the study fails; else it is a defect of ours."""
        return bool(self.order.spec.origin or (isinstance(error, FAILURES) and (self.changed or read)))


def _of_fewer_draws(results: Mapping[str, Any], order: Order) -> bool:
    """Whether results differ by fewer draws alone: those of more draws, which take them in, may replace them."""
    there, asked = results.get("settings"), order.question()
    settings, draws = there if isinstance(there, dict) else {}, asked["settings"]["draws"]
    found = settings.get("draws")
    is_less = isinstance(found, int) and found < draws
    return is_less and not store.differences({**results, "settings": settings | {"draws": draws}}, asked)
