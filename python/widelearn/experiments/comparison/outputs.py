"""Write what a comparison found: model, figure and results, each whole or not at all, results last."""

from pathlib import Path

from widelearn import plots
from widelearn.experiments import report_page, store
from widelearn.experiments.comparison.journal import RESULTS, Journal
from widelearn.experiments.comparison.runner import Comparison


def write(found: Comparison, out: Path, save: Path | None, journal: Journal) -> None:
    """Write model, figure and results, whose place is taken last: where they are, the rest is."""
    if save is not None and found.best is not None:
        with store.write_model(save, found.best) as digest:
            journal.save(digest)
    # A figure reads what stands between two dollars as a formula.
    title = report_page.headline(report_page.shown(found.results)).replace("$", r"\$")
    rows = report_page.ranked(found.results["rows"])
    store.write_figure(out / RESULTS[1], plots.comparison(rows, title))
    store.write_json(out / RESULTS[0], found.results)
    journal.clear()
