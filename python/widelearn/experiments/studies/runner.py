"""Run a study: rows, claims about them, and a record of both."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

from widelearn.experiments.provenance import machine, versions
from widelearn.experiments.studies.spec import Spec, Step

SCHEMA = "widelearn-study/1"


def run(spec: Spec, *, quick: bool = False, seed: int = 0, on_step: Step | None = None) -> dict[str, Any]:
    """Simulate a study and judge its claims.

    Parameters
    ----------
    spec : Spec
    quick : bool
        Smaller sizes and fewer draws.
    seed : int
        The same seed gives the same rows.
    on_step : callable (fraction done)

    Returns
    -------
    dict
        What results.json holds: study, settings, rows, claims, versions, seconds.
    """
    from threadpoolctl import threadpool_limits

    started = time.perf_counter()
    settings = spec.settings_for(quick)
    # Small matrices: more threads wait for each other, many times as long on a busy machine.
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
