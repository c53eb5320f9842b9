"""Run a study: simulate its cells, judge its verdicts by their rows, and record both."""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

from widelearn.experiments.provenance import machine, versions
from widelearn.experiments.studies.choices import changed
from widelearn.experiments.studies.judging import Claim
from widelearn.experiments.studies.ledger import Kept
from widelearn.experiments.studies.rows import Row, means, stored
from widelearn.experiments.studies.spec import Settings, Spec, Unit
from widelearn.experiments.studies.workers import Workers

SCHEMA, ROWS_SCHEMA = "widelearn-study/2", "widelearn-rows/1"
LONGEST = 1e9
OnRows = Callable[[Unit, list[Row]], None]


@dataclass(frozen=True)
class Order:
    """A study, its settings as they were asked, and the seed of all draws."""

    spec: Spec
    settings: Settings
    quick: bool = False
    seed: int = 0

    @classmethod
    def of(
        cls,
        spec: Spec,
        *,
        quick: bool = False,
        seed: int = 0,
        seeds: int | None = None,
        changes: Mapping[str, str] | None = None,
    ) -> "Order":
        """Take the quick or the full settings with these changes, and another number of draws."""
        settings = changed(spec.settings_for(quick), changes or {}, f"the study {spec.name}")
        return cls(spec, settings if seeds is None else settings | {"draws": seeds}, quick, seed)

    def question(self) -> dict[str, Any]:
        """Return what results depend on, as results.json begins."""
        settings = {key: list(one) if isinstance(one, tuple) else one for key, one in self.settings.items()}
        more = {"about": self.spec.about, "source": self.spec.source, "quick": self.quick}
        return {"schema": SCHEMA, "study": self.spec.name, **more, "seed": self.seed, "settings": settings} | _made()

    def rows_question(self) -> dict[str, Any]:
        """Return what the rows of a draw depend on, as rows.jsonl begins: not on how many draws there are."""
        settings = {key: one for key, one in self.question()["settings"].items() if key != "draws"}
        return {"schema": ROWS_SCHEMA, "study": self.spec.name, "seed": self.seed, "settings": settings} | _made()


@cache
def _made() -> dict[str, Any]:
    return {"versions": versions()}


def run(
    order: Order,
    workers: Workers | None = None,
    kept: Kept | None = None,
    on_rows: OnRows | None = None,
    on_step: Callable[[float], None] | None = None,
) -> dict[str, Any]:
    """Simulate what is not kept and judge the verdicts; return what results.json holds, with the draws in its rows."""
    started = time.perf_counter()
    spec, settings, workers = order.spec, order.settings, workers or Workers()
    judges = spec.judges(settings)
    cells, units, kept = spec.cells(settings), spec.units(settings), dict(kept or {})
    tasks = [((cell, draw), cells[cell], (order.seed, draw)) for cell, draw in units if (cell, draw) not in kept]
    for number, (unit, rows) in enumerate(workers.each(spec.simulate, tasks)):
        kept[unit] = rows
        if on_rows is not None:
            on_rows(unit, rows)
        if on_step is not None:
            on_step(1 - (len(tasks) - number - 1) / len(units))
    found = means((one for unit in units for one in kept[unit]), spec.theory and spec.theory(settings))
    return {
        **order.question(),
        "machine": machine(),
        "seconds": round(time.perf_counter() - started, 3),
        "claims": [asdict(judge.claim(found)) for judge in judges],
        "rows": found,
    }


def written(results: Mapping[str, Any]) -> dict[str, Any]:
    """Return what results.json holds: the values of draws are in rows.jsonl."""
    return {**results, "rows": stored(results["rows"])}


def is_sound(results: dict[str, Any]) -> bool:
    """Whether what a file says of a study's outcome has the form that `run` gives it."""
    claims, seconds = results.get("claims"), results.get("seconds")
    kinds = {name: type(one) for name, one in asdict(Claim("", False, "")).items()}
    return (
        isinstance(seconds, int | float)
        and abs(seconds) < LONGEST
        and isinstance(claims, list)
        and all(isinstance(one, dict) and one.keys() == kinds.keys() for one in claims)
        and all(isinstance(one[key], kind) for one in claims for key, kind in kinds.items())
    )


def failed(results: dict[str, Any]) -> list[str]:
    """Return the claims that the rows do not bear out, with the numbers that decided it."""
    return [
        f"{claim['text']} ({claim['detail']}; {claim['power']})" for claim in results["claims"] if not claim["held"]
    ]
