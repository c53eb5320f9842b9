"""Run a study: simulate its rows, judge its claims, and record both."""

import time
from dataclasses import asdict
from typing import Any

from widelearn.experiments.provenance import machine, versions
from widelearn.experiments.studies.spec import Spec, Step

SCHEMA = "widelearn-study/1"
LONGEST = 1e9


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
        **question(spec, quick, seed),
        "machine": machine(),
        "seconds": round(time.perf_counter() - started, 3),
        "claims": [asdict(claim) for claim in claims],
        "rows": rows,
    }


def question(spec: Spec, quick: bool, seed: int) -> dict[str, Any]:
    """Return what the results of a study depend on, as its results.json begins."""
    settings = spec.settings_for(quick)
    return {
        "schema": SCHEMA,
        "study": spec.name,
        "about": spec.about,
        "source": spec.source,
        "quick": quick,
        "seed": seed,
        "settings": {key: list(value) if isinstance(value, tuple) else value for key, value in settings.items()},
        "versions": versions(),
    }


def is_sound(results: dict[str, Any]) -> bool:
    """Whether what a file says of a study's outcome has the form that `run` gives it."""
    claims, seconds = results.get("claims"), results.get("seconds")
    kinds = {"text": str, "held": bool, "detail": str, "control": bool}
    return (
        isinstance(seconds, int | float)
        and abs(seconds) < LONGEST
        and isinstance(claims, list)
        and all(isinstance(one, dict) and one.keys() == kinds.keys() for one in claims)
        and all(isinstance(one[key], kind) for one in claims for key, kind in kinds.items())
    )


def failed(results: dict[str, Any]) -> list[str]:
    """Return the claims that the rows do not bear out."""
    return [claim["text"] for claim in results["claims"] if not claim["held"]]
