"""A study in the works: its cells simulated, its verdicts judged by their rows, both recorded."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import Any

from widelearn.experiments import store
from widelearn.experiments.provenance import machine, versions
from widelearn.experiments.studies.choices import changed
from widelearn.experiments.studies.judging import Claim
from widelearn.experiments.studies.ledger import Kept
from widelearn.experiments.studies.rows import Row, means, stored
from widelearn.experiments.studies.spec import Settings, Spec, Unit
from widelearn.experiments.studies.workers import Processes, Workers

SCHEMA, ROWS_SCHEMA = "widelearn-study/3", "widelearn-rows/2"
LONGEST = 1e9
OnRows = Callable[[Unit, list[Row]], None]


@dataclass(frozen=True)
class Order:
    """A study, its settings as they were asked, the seed of all draws, and the threads of each cell."""

    spec: Spec
    settings: Settings
    quick: bool = False
    seed: int = 0
    threads: int = 1
    # What the rows were made with, where that was another time and place.
    made: Mapping[str, Any] | None = None

    @classmethod
    def of(
        cls,
        spec: Spec,
        *,
        quick: bool = False,
        seed: int = 0,
        seeds: int | None = None,
        threads: int | None = None,
        changes: Mapping[str, str] | None = None,
    ) -> "Order":
        """Take the quick or the full settings with these changes, and another number of draws or threads."""
        settings = changed(spec.settings_for(quick), changes or {}, f"the study {spec.name}")
        settings = settings if seeds is None else settings | {"draws": seeds}
        return cls(spec, settings, quick, seed, spec.threads if threads is None else threads)

    def with_settings(self, settings: Settings) -> "Order":
        """Return the order of other settings."""
        return replace(self, settings=settings)

    def question(self) -> dict[str, Any]:
        """Return what results depend on, as results.json begins."""
        settings = {key: list(one) if isinstance(one, tuple) else one for key, one in self.settings.items()}
        more = {"about": self.spec.about, "source": self.spec.source, "quick": self.quick}
        place = {"seed": self.seed, "threads": self.threads, "settings": settings}
        return {"schema": SCHEMA, "study": self.spec.name, **more, **place, **(self.made or self._made())}

    def rows_question(self) -> dict[str, Any]:
        """Return what the rows of a draw depend on, as rows.jsonl begins: not on how many draws there are."""
        asked = self.question()
        settings = {key: one for key, one in asked["settings"].items() if key != "draws"}
        kept = {key: asked[key] for key in ("study", "seed", "threads", "versions", "code")}
        return {"schema": ROWS_SCHEMA, **kept, "settings": settings}

    def header(self, shard: str | None = None) -> dict[str, Any]:
        """Return the first line of rows.jsonl: its question, and how much of the study was asked."""
        asked = {"quick": self.quick, "draws": self.settings["draws"], "shard": shard}
        return self.rows_question() | {"asked": asked}

    def _made(self) -> dict[str, Any]:
        return {"versions": _versions(), "code": self.spec.origin}


@cache
def _versions() -> dict[str, str]:
    return versions()


def simulate(
    order: Order,
    units: Sequence[Unit],
    workers: Workers | None = None,
    kept: Kept | None = None,
    on_rows: OnRows | None = None,
    on_step: Callable[[float], None] | None = None,
) -> Kept:
    """Simulate the units that are not kept; return the rows of all."""
    cells, kept = order.spec.cells(order.settings), dict(kept or {})
    tasks = [((cell, draw), cells[cell], (order.seed, draw)) for cell, draw in units if (cell, draw) not in kept]
    found = (workers or Processes()).each(order.spec.simulate, tasks, order.threads)
    for number, (unit, rows) in enumerate(found):
        kept[unit] = rows
        if on_rows is not None:
            on_rows(unit, rows)
        if on_step is not None:
            on_step(1 - (len(tasks) - number - 1) / len(units))
    return kept


def run(order: Order, workers: Workers | None = None, kept: Kept | None = None, **told: Any) -> dict[str, Any]:
    """Simulate what is not kept and judge the verdicts; return what results.json holds, with the draws in its rows."""
    started = time.perf_counter()
    order.spec.judges(order.settings)
    kept = simulate(order, order.spec.units(order.settings), workers, kept, **told)
    return judged(order, kept, time.perf_counter() - started)


def judged(order: Order, kept: Kept, seconds: float) -> dict[str, Any]:
    """Judge the verdicts by the rows; return what results.json holds, with the draws in its rows."""
    spec, settings = order.spec, order.settings
    units = spec.units(settings)
    found = means((one for unit in units for one in kept[unit]), spec.theory and spec.theory(settings))
    return {
        **order.question(),
        "machine": machine(),
        "seconds": round(seconds, 3),
        "claims": [asdict(judge.claim(found)) for judge in spec.judges(settings)],
        "rows": found,
    }


def written(results: Mapping[str, Any]) -> dict[str, Any]:
    """Return what results.json holds: the values of draws are in rows.jsonl."""
    found = {**results, "rows": stored(results["rows"])}
    return found | {"hash": store.digest_of(found)}


def is_sound(results: dict[str, Any]) -> bool:
    """Whether what a file says of a study's outcome has the form that `run` gives it."""
    claims, seconds = results.get("claims"), results.get("seconds")
    kinds = {name: type(one) for name, one in asdict(Claim("", False, "")).items()}
    return (
        results.get("hash") == store.digest_of({key: one for key, one in results.items() if key != "hash"})
        and isinstance(seconds, int | float)
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
