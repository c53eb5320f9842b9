"""Write the report of a comparison as one HTML file that asks the network for nothing and runs nothing."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from widelearn.experiments import store
from widelearn.experiments.comparison.figures import Picture
from widelearn.experiments.comparison.standings import (
    Results,
    Row,
    apart,
    headline,
    held_out_score,
    measured,
    ranked,
    verdict,
    with_error,
)
from widelearn.experiments.errors import listing, shown_lines
from widelearn.experiments.report_page import memory_text, parameters_text, shown
from widelearn.plots import METRICS

TEMPLATE = "report.html.j2"
# So many columns of a table are listed; results.json has them all.
MOST_COLUMNS = 300
UNKNOWN = (
    "That is not known: every method was fitted on one number of rows. To see it, compare again with more rows held "
    "out (--test-size), and look whether the scores fall."
)


def write(path: Path, results: Results, pictures: Sequence[Picture]) -> None:
    """Write the report, whole or not at all: what `document` returns."""
    store.write_text(path, document(results, pictures))


def document(results: Results, pictures: Sequence[Picture]) -> str:
    """Return the report as HTML; every text is escaped, and what would steer a terminal or turn lines is visible."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    safe = shown(results)
    room = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        loader=FileSystemLoader(Path(__file__).parent),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    reproduce = results.get("reproduce") or {}
    data, forecast = safe["data"], safe.get("forecast") or {}
    return room.get_template(TEMPLATE).render(
        data=data,
        task=safe["task"],
        headline=headline(safe),
        verdict=verdict(safe),
        warnings=[one["text"] for one in data.get("warnings", [])],
        tables=[_scores(safe), _metrics(safe), _costs(safe)],
        pictures=[_embedded(picture) for picture in pictures],
        forecast=forecast.get("text", UNKNOWN),
        reading=_reading(data.get("reading")),
        columns=_columns(data.get("columns", [])),
        notes=data["notes"],
        command=shown_lines(f"{reproduce.get('command') or 'widelearn compare'}\n").strip(),
        python=shown_lines(f"{reproduce.get('python') or ''}\n").strip(),
        seeds=_seeds(safe),
        versions=", ".join(f"{name} {version}" for name, version in safe["versions"].items()),
    )


def _embedded(picture: Picture) -> dict[str, str]:
    """Return a picture as the template reads it, its SVG in base64."""
    data = base64.b64encode(picture.svg.encode()).decode("ascii")
    return {"name": picture.name, "title": picture.title, "alt": picture.alt, "data": data}


def _table(
    results: Results,
    title: str,
    caption: str,
    columns: Sequence[tuple[str, str, Callable[[Row], str]]],
    remarks: Callable[[Row], str] | None = None,
) -> dict[str, Any]:
    """Lay out a table with a row for each method: names of columns, their kinds ("n" numbers, "long" texts), cells."""
    rows = [
        {
            "name": row["model"],
            "chosen": row["model"] == results["chosen"],
            "error": row["error"],
            "remarks": "" if remarks is None else remarks(row),
            "cells": [] if row["error"] is not None else [_parts(cell(row), kind) for _, kind, cell in columns],
        }
        for row in ranked(results)
    ]
    head = [("method", ""), *((name, kind) for name, kind, _ in columns)]
    return {"title": title, "caption": caption, "head": head, "rows": rows}


def _parts(text: str, kind: str) -> list[str]:
    """Split a score from its interval in brackets: a line may turn there alone."""
    score, bracket, interval = text.partition(" (")
    return [score, f"({interval}"] if kind == "n" and bracket else [text]


def _pair(row: Row, key: str, itself: str | None) -> str:
    found = row[key]
    if row["model"] == itself or found is None or found["value"] is None:
        return "–"
    return with_error(found["value"], found["se"])


def _scores(results: Results) -> dict[str, Any]:
    """Lay out what chooses, what was seen on held-out rows, and the distances."""
    metric = METRICS[results["metric"]]
    better = "more" if results["greater_is_better"] else "less"
    weights = any(row["weighted"] for row in results["rows"])

    def remarks(row: Row) -> str:
        texts = ["stopped by --time-limit"] if row["stopped"] else []
        texts += [f"chosen at the edge of what was tried: {listing(row['edge'])}"] if row["edge"] else []
        texts += ["fitted without weights"] if weights and not row["weighted"] else []
        if row["difference"] is not None and row["model"] != results["chosen"]:
            sure = apart(row["difference"]["value"] or 0.0, row["difference"]["se"])
            texts += ["not to be told from the chosen one"] if sure is False else []
        return "; ".join(texts)

    columns = (
        ("cross-validated", "n", lambda row: measured(row, "cv")),
        ("held out", "n", lambda row: held_out_score(row).replace("95 % interval ", "")),
        ("beside the chosen one", "n", lambda row: _pair(row, "difference", results["chosen"])),
        ("beside the baseline", "n", lambda row: _pair(row, "over_dummy", results["dummy"])),
    )
    caption = (
        f"{metric}, {better} is better. The cross-validated score chooses; the held-out one is for the reader. "
        "± one standard error, left out where no row tells of one; in brackets the 95 % interval. Beside: this method "
        "minus that one, on the same rows."
    )
    return _table(results, "Methods", caption, columns, remarks)


def _metrics(results: Results) -> dict[str, Any]:
    """Lay out every metric on the held-out rows."""
    names = [name for name in METRICS if any(name in row["scores"] for row in results["rows"])]

    def cell(name: str) -> Callable[[Row], str]:
        return lambda row: (
            "–" if row["scores"].get(name) is None else with_error(row["scores"][name], row["scores_se"].get(name))
        )

    columns = [(METRICS[name], "n", cell(name)) for name in names]
    return _table(
        results, "Every metric on the held-out rows", "± one standard error; –: not defined, or not given.", columns
    )


def _costs(results: Results) -> dict[str, Any]:
    """Lay out what was tried, what it took, and what was chosen."""

    def seconds(key: str) -> Callable[[Row], str]:
        return lambda row: "" if row[key] is None else f"{row[key]:.2f}"

    def count(key: str) -> Callable[[Row], str]:
        return lambda row: "" if row[key] is None else f"{row[key]:,}"

    columns = (
        ("settings tried", "n", count("settings")),
        ("all, s", "n", seconds("total_s")),
        ("tuning, s", "n", seconds("tune_s")),
        ("fit, s", "n", seconds("fit_s")),
        ("predict, s", "n", seconds("predict_s")),
        ("memory", "n", lambda row: memory_text(row["peak_bytes"])),
        ("rows", "n", count("n_used")),
        ("chosen parameters", "long", lambda row: parameters_text(row["params"] or {})),
    )
    caption = (
        "Fit and predict: the chosen setting, on all training and all held-out rows. Memory: the peak of the method's "
        "own process, beyond libraries and data. Rows: training rows of the fit."
    )
    return _table(results, "Budget and choice", caption, columns)


def _columns(found: list[dict[str, Any]]) -> dict[str, Any]:
    """Lay out the columns as read."""
    rows = [
        {
            "name": one["name"],
            "kind": " ".join(filter(None, (one["kind"], _marks(one.get("marks"))))),
            "missing": one.get("missing", ""),
            "distinct": one.get("distinct", ""),
            "done": one.get("done", ""),
            "examples": ", ".join(map(str, one.get("examples", []))),
        }
        for one in found[:MOST_COLUMNS]
    ]
    more = f" The first {MOST_COLUMNS} of {len(found):,}; results.json has all." if len(found) > MOST_COLUMNS else ""
    return {"rows": rows, "caption": f"How each column was understood, and what became of it.{more}"}


def _marks(marks: Any) -> str:
    """Write the marks by which a column was read: (decimal ',')."""
    if isinstance(marks, dict):
        marks = ", ".join(f"{name} {value!r}" for name, value in marks.items())
    return f"({marks})" if marks else ""


def _reading(reading: dict[str, Any] | None) -> str:
    """Say how the file was read."""
    known = {
        name: value
        for name, value in (reading or {}).items()
        if value not in (None, [], {}, "", 0) and not isinstance(value, bool)
    }
    if not known:
        return ""
    texts = (f"{name} {listing(value) if isinstance(value, list) else repr(value)}" for name, value in known.items())
    return f"The file was read with {', '.join(texts)}."


def _seeds(results: Results) -> str:
    """Say which seeds and splits there were."""
    times = results["repeat"]
    last = results["seed"] + times - 1
    seeds = f"seed {results['seed']}" if times == 1 else f"seeds {results['seed']} to {last}, one for each split"
    folds = results["split"].get("folds")
    inside = f", {folds} folds inside the training rows" if folds else ""
    spent = f"{results['seconds'] or 0:.0f} s in all"
    return f"With {seeds}{inside}; {spent}. The same seed and versions give the same scores."
