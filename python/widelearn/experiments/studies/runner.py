"""Run a study: simulate its rows, judge its claims, and record both."""

import time
from dataclasses import asdict
from typing import Any

from widelearn.experiments.provenance import machine, versions
from widelearn.experiments.studies.spec import Spec, Step

SCHEMA = "widelearn-study/1"


def run(spec: Spec, *, quick: bool = False, seed: int = 0, on_step: Step | None = None) -> dict[str, Any]:
    """Simulate a study and judge its claims; return what results.json holds. `quick` takes fewer and smaller draws."""
    from threadpoolctl import threadpool_limits

    started = time.perf_counter()
    settings = spec.settings_for(quick)
    # On small matrices threads wait for each other, on a busy machine many times as long.
    with threadpool_limits(1):
        rows = spec.simulate(settings, seed, on_step or (lambda fraction: None))
    claims = spec.claims(rows, settings)
    return {
        "schema": SCHEMA,
        "study": spec.name,
        "about": spec.about,
        "source": spec.source,
        "quick": quick,
        "seed": seed,
        "settings": {key: list(value) if isinstance(value, tuple) else value for key, value in settings.items()},
        "versions": versions(),
        "machine": machine(),
        "seconds": round(time.perf_counter() - started, 3),
        "claims": [asdict(claim) for claim in claims],
        "rows": rows,
    }


def failed(results: dict[str, Any]) -> list[str]:
    """Return the claims that the rows do not bear out."""
    return [claim["text"] for claim in results["claims"] if not claim["held"]]
