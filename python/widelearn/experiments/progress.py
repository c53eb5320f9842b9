"""A progress bar on standard error."""

from typing import Self


class Progress:
    """Show how far the methods or studies of these names have come; nothing without a terminal, or if `quiet`."""

    def __init__(self, names: list[str], quiet: bool) -> None:
        from rich import progress
        from rich.console import Console

        self.names = names
        console = Console(stderr=True)
        self.hidden = quiet or not console.is_terminal
        text, elapsed = progress.TextColumn, progress.TimeElapsedColumn
        self.bar = progress.Progress(
            text("{task.description:<30}"),
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

    def __call__(self, name: str, fraction: float) -> None:
        """Move the bar to a share of the work of this name."""
        position = self.names.index(name)
        which = f"{position + 1} of {len(self.names)}"
        self.bar.update(self.task, description=name, completed=position + fraction, which=which)

    def __exit__(self, *_: object) -> None:
        if not self.hidden:
            self.bar.stop()
