"""Write and show what a comparison found: each file whole or not at all, the results last."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from widelearn.experiments import report_page, store
from widelearn.experiments.comparison import figures, page, printed
from widelearn.experiments.comparison.journal import RESULTS, Journal
from widelearn.experiments.comparison.runner import Comparison
from widelearn.experiments.errors import InputError

SCHEMA = "widelearn-compare/2"
REPORT, PREDICTIONS = "report.html", "predictions.csv"
KINDS = ("png", "svg", "csv")
# All that a comparison may write into its folder.
FILES = (RESULTS[0], REPORT, PREDICTIONS, *(f"{name}.{kind}" for name in figures.NAMES for kind in KINDS))


def write(found: Comparison, out: Path, save: Path | None, journal: Journal) -> None:
    """Write model, figures, report, predictions and results, whose place is taken last: where they are, the rest is."""
    refused = None
    if save is not None and found.best is not None:
        try:
            with store.write_model(save, found.best) as digest:
                journal.save(digest)
        except InputError as error:  # it cannot be kept as data: what was found is not lost for that
            refused = error
    written = draw(found.results, out)
    if found.held_out is not None:
        store.write_csv(out / PREDICTIONS, predictions(found.held_out, found.results))
        written.add(PREDICTIONS)
    for name in set(FILES[1:]) - written:
        (out / name).unlink(missing_ok=True)  # of an earlier comparison, which this one replaces
    store.write_json(out / RESULTS[0], found.results)
    journal.clear()
    if refused is not None:
        raise refused


def show(results: dict[str, Any]) -> None:
    """Print a comparison's results on standard output."""
    printed.print_comparison(results, report_page.console())


def draw(results: dict[str, Any], out: Path) -> set[str]:
    """Write the figures, their rows and the report; return the names of the files."""
    drawn = figures.pictures(report_page.shown(results))
    for picture in drawn:
        store.write_figure(out / f"{picture.name}.png", picture.figure)
        store.write_text(out / f"{picture.name}.svg", picture.svg)
        store.write_csv(out / f"{picture.name}.csv", picture.rows)
    page.write(out / REPORT, results, drawn)
    return {REPORT, *(f"{picture.name}.{kind}" for picture in drawn for kind in KINDS)}


def predictions(held_out: Mapping[str, Any], results: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a row for each held-out one: its number in the file, its id, truth, prediction, probabilities."""
    columns: dict[str, Sequence[Any]] = {"row": held_out["row"]}
    if held_out.get("id") is not None:
        columns["id"] = held_out["id"]
    columns |= {"truth": held_out["truth"], "prediction": held_out["prediction"]}
    if held_out.get("probabilities") is not None:
        for place, label in enumerate(results["data"]["classes"]):
            columns[f"probability of {label}"] = [float(row[place]) for row in held_out["probabilities"]]
    return [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]
