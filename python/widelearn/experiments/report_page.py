"""Print a comparison, or a study's claims, as a table."""

from __future__ import annotations

import math
import os
import sys
from typing import TYPE_CHECKING, Any

from widelearn.experiments.errors import visible
from widelearn.plots import METRICS

if TYPE_CHECKING:
    from rich.console import Console

LEGEND = (
    "± one standard error over the held-out rows. Fit and predict: the chosen setting on all training and all held-out "
    "rows. Peak memory: of the method's own process, tuning included, beyond libraries and data."
)


def console() -> Console:
    """Return a console on standard output: 160 columns wide where that is no terminal."""
    from rich.console import Console

    class Page(Console):
        def on_broken_pipe(self) -> None:
            """Leave it to the command line, which knows the exit code."""
            raise BrokenPipeError

    return Page(width=None if sys.stdout.isatty() else 160, no_color=without_color())


def without_color() -> bool | None:
    """Whether CLICOLOR=0 asks for no colours; None leaves it to Rich, which reads NO_COLOR and TERM."""
    return True if os.environ.get("CLICOLOR") == "0" else None


def say(text: str) -> None:
    """Print one line as it is, however long."""
    from rich.text import Text

    console().print(Text(visible(text)), soft_wrap=True)


def shown(value: Any) -> Any:
    """Return what came of a user's table, or out of a file, with every text made fit for a terminal."""
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, dict):
        return {visible(str(key)): shown(part) for key, part in value.items()}
    return [shown(part) for part in value] if isinstance(value, list) else value


def ranked(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return rows by falling score, those without one last; rows of equal scores keep their order."""
    return sorted(rows, key=lambda row: -math.inf if row["score"] is None else row["score"], reverse=True)


def headline(results: dict[str, Any]) -> str:
    """Say in one line what was compared on what."""
    data, split = results["data"], results["split"]
    how = {
        "stratified": "at random, stratified",
        "random": "at random",
        "group": f"by {split.get('group')!r}",
        "time": f"latest by {split.get('time')!r}",
    }
    classes = f" of {len(data['classes'])} classes" if data["classes"] else ""
    return (
        f"{data['name']}: {results['task']}{classes}, {data['n_columns']:,} columns ({data['n_features']:,} prepared), "
        f"{split['n_train']:,} training rows, {split['n_test']:,} held out {how[split['kind']]}, seed {results['seed']}"
    )


def print_comparison(results: dict[str, Any], console: Console) -> None:
    """Print headline, table, legend and notes from what results.json holds."""
    from rich.markup import escape
    from rich.table import Table
    from rich.text import Text

    results = shown(results)
    rows = ranked(results["rows"])
    metric = METRICS[rows[0]["metric"]]
    table = Table(title=escape(headline(results)), title_justify="left", caption=LEGEND, caption_justify="left")
    table.add_column("model", no_wrap=True)
    for name in (metric, "fit s", "predict s", "peak memory", "rows"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("chosen", overflow="fold")
    best = rows[0]["score"]
    for row in rows:
        if row["error"] is not None:
            table.add_row(row["model"], "failed", "", "", "", "", Text(row["error"]), style="red")
            continue
        cells = [
            score_text(row),
            f"{row['fit_s']:.3f}",
            f"{row['predict_s']:.3f}",
            memory_text(row["peak_bytes"]),
            f"{row['n_used']:,}",
            parameters_text(row["params"]),
        ]
        table.add_row(row["model"], *cells, style="bold" if row["score"] is not None and row["score"] == best else None)
    console.print(table)
    notes = results["data"]["notes"]
    if notes:
        console.print("Notes", style="bold")
    for note in notes:
        console.print(Text(f"- {note}"))


def print_study(results: dict[str, Any], console: Console) -> None:
    """Print a study's claims from what its results.json holds, and whether the rows bear them out."""
    from rich.markup import escape
    from rich.table import Table
    from rich.text import Text

    results = shown(results)
    title = f"{results['study']}: {results['about']} ({results['seconds']:.1f} s)"
    table = Table(title=escape(title), title_justify="left")
    table.add_column("", no_wrap=True)
    table.add_column("claim", overflow="fold")
    table.add_column("numbers", overflow="fold")
    for claim in results["claims"]:
        kind = "control: " if claim["control"] else ""
        mark = Text("held", style="green") if claim["held"] else Text("FAILED", style="bold red")
        table.add_row(
            mark, Text(kind + claim["text"]), Text("; ".join(filter(None, (claim["detail"], claim["power"]))))
        )
    console.print(table)


def score_text(row: dict[str, Any]) -> str:
    """Write a score with its standard error: 0.9876 ± 0.0051."""
    if row["score"] is None:
        return "undefined"
    error = "" if row["score_se"] is None else f" ± {row['score_se']:.4f}"
    return f"{row['score']:.4f}{error}"


def memory_text(size: int | None) -> str:
    """Write bytes in MiB."""
    return "unknown" if size is None else f"{size / 1024**2:,.0f} MiB"


def parameters_text(parameters: dict[str, Any]) -> str:
    """Write chosen parameters in one line: gamma 0.0625, alpha 0.01."""
    values = ((name, f"{value:g}" if isinstance(value, float) else str(value)) for name, value in parameters.items())
    return ", ".join(f"{name} {value}" for name, value in values)
