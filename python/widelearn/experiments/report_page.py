"""Print on a terminal: a line, a study's claims as a table, and the texts of its cells."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from widelearn.experiments.errors import visible

if TYPE_CHECKING:
    from rich.console import Console


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


def memory_text(size: int | None) -> str:
    """Write bytes in MiB."""
    return "unknown" if size is None else f"{size / 1024**2:,.0f} MiB"


def parameters_text(parameters: dict[str, Any]) -> str:
    """Write chosen parameters in one line: gamma 0.0625, alpha 0.01."""
    values = ((name, f"{value:g}" if isinstance(value, float) else str(value)) for name, value in parameters.items())
    return ", ".join(f"{name} {value}" for name, value in values)
