"""The figures of a comparison, each with the rows that it draws and what it shows in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from widelearn import plots
from widelearn.experiments import store
from widelearn.experiments.comparison.standings import Results, headline, number, ranked

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Rows = list[dict[str, Any]]

# Columns of so high importance are drawn; all are in results.json.
MOST_DRAWN = 20
MEASURED = ("cv_score", "cv_se", "score", "score_se")
SPENT = ("tune_s", "fit_s", "predict_s", "total_s", "peak_bytes", "n_used", "settings", "error")
# Every figure's name; its files begin with it.
NAMES = ("compare", *(f"compare-{part}" for part in ("confusion", "residuals", "calibration", "importance", "metric")))


@dataclass(frozen=True)
class Picture:
    """A figure: its name, what stands over it, what it shows in words, its rows, and the drawing."""

    name: str
    title: str
    alt: str
    rows: Rows
    figure: Figure

    @cached_property
    def svg(self) -> str:
        """Return the drawing as SVG, which is drawn once for its file and for the report."""
        return store.drawn(self.figure, "svg").decode("utf-8")


def pictures(results: Results) -> list[Picture]:
    """Draw what results.json holds, whose texts are fit to be shown (`report_page.shown`)."""
    return [_compared(results), *_inspected(results["inspection"] or {})]


def _compared(results: Results) -> Picture:
    rows = [_flat(row, results["metric"]) for row in ranked(results)]
    best = "; ".join(f"{row['model']} {'without' if row['score'] is None else number(row['score'])}" for row in rows)
    alt = f"Held-out {plots.METRICS[results['metric']]} of each method, its seconds and its memory: {best}."
    return Picture("compare", "Scores, time and memory", alt, rows, plots.comparison(rows, headline(results)))


def _flat(row: dict[str, Any], metric: str) -> dict[str, Any]:
    """Return what is drawn of a method, without lists and dictionaries."""
    low, high = row["interval"] or (None, None)
    found = {"model": row["model"], "package": row["package"], "metric": metric}
    found |= {key: row[key] for key in MEASURED} | {"low": low, "high": high}
    for key in ("difference", "over_dummy"):
        pair = row[key] or {"value": None, "se": None}
        found |= {key: pair["value"], f"{key}_se": pair["se"]}
    return found | {key: row[key] for key in SPENT}


def _inspected(found: dict[str, Any]) -> Iterator[Picture]:
    """Draw what was seen in the chosen model, as far as there is something."""
    if counts := found.get("confusion"):
        names = counts["classes"]
        rows = [
            {"truth": truth, "prediction": prediction, "rows": number_of}
            for truth, line in zip(names, counts["matrix"], strict=True)
            for prediction, number_of in zip(names, line, strict=True)
        ]
        right = sum(counts["matrix"][k][k] for k in range(len(names)))
        alt = f"Held-out rows by true and predicted class; {right:,} of {sum(map(sum, counts['matrix'])):,} are right."
        size = min(9.0, 3.2 + 0.45 * len(names))
        yield _picture("confusion", "What is taken for what", alt, rows, plots.confusion, size + 0.4, size)
    if errors := found.get("residuals"):
        middle = " to ".join(number(errors["quantiles"][level]) for level in ("0.05", "0.95"))
        alt = f"Predicted over true values of held-out rows; nine in ten errors (prediction - truth) are in {middle}."
        yield _picture("residuals", "Predicted and true values", alt, errors["points"], plots.residuals, 5.6, 4.8)
    if odds := found.get("calibration"):
        alt = f"How often came true what was predicted, by {odds['about']}; off by {odds['error']:.3f} on average."
        yield _picture(
            "calibration", "Whether probabilities can be believed", alt, odds["bins"], plots.reliability, 5.2, 4.8
        )
    learned = found.get("metric") or {"columns": [], "about": ""}
    for name, title, listed, about in (
        ("importance", "Which columns the model cannot do without", found.get("importance"), "importance_about"),
        ("metric", "What the recursive machine's metric is made of", learned["columns"], "about"),
    ):
        if listed:
            text = str((found if name == "importance" else learned)[about])
            most = ", ".join(f"{row['column']} {number(row['value'])}" for row in listed[:3])
            drawn = listed[:MOST_DRAWN]
            alt = f"{text[:1].upper()}{text[1:]}. Most: {most}."
            yield _picture(name, title, alt, drawn, plots.shares, 7.2, 1.0 + 0.3 * len(drawn))


def _picture(name: str, title: str, alt: str, rows: Rows, draw: Any, width: float, height: float) -> Picture:
    figure = plots.single(lambda ax: draw(rows, ax), width, height)
    return Picture(f"compare-{name}", title, alt, rows, figure)
