"""Print a comparison on a terminal of any width: what was chosen, the table, warnings and notes."""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import TYPE_CHECKING, Any

from widelearn.experiments.comparison.standings import (
    Results,
    Row,
    headline,
    measured,
    number,
    ranked,
    verdict,
    with_error,
)
from widelearn.experiments.report_page import memory_text, parameters_text, shown
from widelearn.plots import METRICS

if TYPE_CHECKING:
    from rich.console import Console

# A terminal of so many characters has room for a column of parameters beside the others.
WIDE = 120
# Characters between two columns.
GAP = 2
# So many of a method's name are shown, and fewer on a narrow terminal, so that a score fits beside it.
NAME, SHORT, SCORE = 32, 12, 22


def print_comparison(results: Results, console: Console) -> None:
    """Print headline, verdict, table, failures, warnings and notes from what results.json holds."""
    from rich.text import Text

    results = shown(results)
    console.print(Text(headline(results), style="bold"))
    console.print(_table(results, console.width))
    rows = ranked(results)
    failures = [f"{row['model']} failed: {row['error']}" for row in rows if row["error"] is not None]
    stopped = [f"{row['model']} was stopped by --time-limit" for row in rows if row["stopped"]]
    warnings = [one["text"] for one in results["data"].get("warnings", [])]
    for title, texts in (
        ("", verdict(results)),
        ("Failed", failures),
        ("Warnings", [*warnings, *stopped]),
        ("Notes", results["data"]["notes"]),
    ):
        if title and texts:
            console.print(Text(title, style="bold"))
        for text in texts:
            console.print(Text(f"- {text}" if title else text, style="red" if title == "Failed" else ""))


def _table(results: Results, width: int) -> Any:
    """Return the table with as many columns as the width has room for, the most telling first."""
    from rich.table import Table
    from rich.text import Text

    rows = ranked(results)
    names = [_short(row["model"], min(NAME, max(SHORT, width - SCORE - GAP))) for row in rows]
    room = width - max(len(name) for name in names) - (NAME if width >= WIDE else 0)
    kept: dict[str, list[str]] = {}
    for name, cell in _columns(results):
        cells = ["" if row["error"] is not None else cell(row) for row in rows]
        room -= GAP + max(len(text) for text in [name, *cells])
        if room < 0:
            break
        kept[name] = cells
    table = Table(
        box=None, pad_edge=False, padding=(0, GAP, 0, 0), caption=_legend(results, kept), caption_justify="left"
    )
    table.add_column("model", no_wrap=True)
    for name in kept:
        table.add_column(name, justify="right", no_wrap=True)
    if width >= WIDE:
        table.add_column("chosen", overflow="fold")
        kept["chosen"] = [parameters_text(row["params"] or {}) for row in rows]
    for place, row in enumerate(rows):
        cells = [column[place] for column in kept.values()]
        if row["error"] is not None and cells:
            cells[0] = "failed"
        style = "red" if row["error"] is not None else "bold" if row["model"] == results["chosen"] else ""
        table.add_row(*map(Text, [names[place], *cells]), style=style)
    return table


def _short(name: str, most: int) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"


def _columns(results: Results) -> list[tuple[str, Callable[[Row], str]]]:
    """Return the columns by what they tell."""

    def beside(row: Row) -> str:
        found = row["difference"]
        if row["model"] == results["chosen"] or found is None or found["value"] is None:
            return ""
        return with_error(found["value"], found["se"])

    def held_out(row: Row) -> str:
        if row["score"] is None or row["interval"] is None:
            return measured(row, "")
        return f"{number(row['score'])} ({row['interval'][0]:.3f}–{row['interval'][1]:.3f})"

    def seconds(key: str) -> Callable[[Row], str]:
        return lambda row: "" if row[key] is None else f"{row[key]:.1f}" if row[key] >= 10 else f"{row[key]:.2f}"

    return [
        (METRICS[results["metric"]], held_out),
        ("cross-val.", lambda row: measured(row, "cv")),
        ("total s", seconds("total_s")),
        ("beside", beside),
        ("fit s", seconds("fit_s")),
        ("predict s", seconds("predict_s")),
        ("memory", lambda row: memory_text(row["peak_bytes"])),
        ("rows", lambda row: "" if row["n_used"] is None else f"{row['n_used']:,}"),
    ]


def _legend(results: Results, kept: Container[str]) -> str:
    better = "more" if results["greater_is_better"] else "less"
    spread = "(95 % interval)" if any(row["interval"] for row in results["rows"]) else "± one standard error"
    texts = [f"{METRICS[results['metric']]} on held-out rows {spread}, {better} is better."]
    texts += ["cross-val. chooses."] if "cross-val." in kept else []
    texts += ["beside: minus the chosen one, on the same rows."] if "beside" in kept else []
    return " ".join(texts)
