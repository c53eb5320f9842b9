"""How far work has come, on standard error: a bar on a terminal, elsewhere a plain line for each finished step."""

import contextlib
import sys
import time
from typing import Self

from widelearn.experiments.errors import visible
from widelearn.experiments.report_page import without_color


class Progress:
    """Show how far the methods or studies of these names have come; nothing if `quiet`."""

    def __init__(self, names: list[str], quiet: bool) -> None:
        from rich import progress
        from rich.console import Console

        self.names = names
        console = Console(stderr=True, no_color=without_color())
        moving = console.is_terminal and not console.is_dumb_terminal
        self.hidden = quiet or not moving
        self.plain = not quiet and not moving
        self.since = time.monotonic()
        self.finished: set[str] = set()
        text, elapsed = progress.TextColumn, progress.TimeElapsedColumn
        self.bar = progress.Progress(
            text("{task.description:<30}", markup=False),
            progress.BarColumn(),
            text("{task.fields[which]}"),
            elapsed(),
            console=console,
            transient=True,
            disable=self.hidden,
        )
        self.task = self.bar.add_task(names[0], total=len(names), which="")

    def __enter__(self) -> Self:
        if not self.hidden:
            self.bar.start()
        return self

    def __call__(self, name: str, fraction: float, text: str = "") -> None:
        """Move to a share of the work of this name; at its end a text may say what came of it."""
        position = self.names.index(name)
        which = f"{position + 1} of {len(self.names)}"
        self.bar.update(self.task, description=visible(name, 30), completed=position + fraction, which=which)
        if self.plain and fraction >= 1.0 and name not in self.finished:
            self.finished.add(name)
            now = time.monotonic()
            said = f": {text}" if text else ""
            line = f"[{position + 1}/{len(self.names)}] {name}{said} ({now - self.since:.1f} s)"
            with contextlib.suppress(OSError, AttributeError, ValueError):  # a closed stream stops no work
                sys.stderr.write(f"{visible(line)}\n")
                sys.stderr.flush()
            self.since = now

    def __exit__(self, *_: object) -> None:
        if not self.hidden:
            self.bar.stop()
