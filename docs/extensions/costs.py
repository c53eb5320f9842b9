"""Tell what a fit of each estimator takes, from what ``python -m benches.costs`` left in `docs/costs.json`."""

import json
from pathlib import Path
from typing import Any

from widelearn.runtime.memory import readable

DOCS = Path(__file__).parents[1]
COSTS = DOCS / "costs.json"


def cell(fit: dict[str, Any] | None) -> str:
    """Return seconds and memory of one fit, or why there are none."""
    if fit is None:
        return ""
    if fit["outcome"] == "stopped":
        return f"over {fit['limit']:g} s"
    if fit["outcome"] == "refused":
        return "refused: memory"
    return f"{fit['seconds']:.2g} s, {readable(fit['bytes'])}"


def table(found: dict[str, Any]) -> str:
    """Return times and memory as a table in Markdown: estimators down, rows across."""
    sizes = sorted({fit["rows"] for fit in found["fits"]})
    fits = {(fit["estimator"], fit["rows"]): fit for fit in found["fits"]}
    lines = [["estimator", *(f"{n:,} rows" for n in sizes)], ["---", *["--:"] * len(sizes)]]
    lines += [
        [f"{{py:class}}`~widelearn.{name}`", *(cell(fits.get((name, n))) for n in sizes)]
        for name in dict.fromkeys(fit["estimator"] for fit in found["fits"])
    ]
    machine = found["machine"]
    about = (
        f"Rows of {found['columns']} columns, float64, on {machine['cpus']} cores ({machine['simd']},"
        f" {machine['cpu']}), {machine['threads']} threads, widelearn {machine['versions']['widelearn']}.\n\n"
    )
    return about + "".join(f"| {' | '.join(line)} |\n" for line in lines)


def setup(app: Any) -> dict[str, bool]:
    """Write the table before it is included."""
    path = DOCS / "reference" / "generated" / "costs.md"

    def write(app: Any, config: Any) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(table(json.loads(COSTS.read_text(encoding="utf-8"))), encoding="utf-8")

    app.connect("config-inited", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
