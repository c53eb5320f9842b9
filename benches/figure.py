"""The figure of a run: each job's ratio beside what is asked of it."""

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Draw a line for each job: a dot at its ratio, a bar at the ratio asked for."""
    figure = Figure(figsize=(10, 1.4 + 0.3 * len(rows)), layout="constrained")
    axes = figure.subplots()
    for place, row in enumerate(rows):
        colour = "tab:green" if row["met"] and row["agree"] else "tab:red"
        axes.plot([row["least"], row["ratio"]], [place, place], color=colour)
        axes.plot(row["ratio"], place, "o", color=colour)
        axes.annotate(
            f"{row['ratio']:.2f}", (row["ratio"], place), (0, 4), textcoords="offset points", ha="center", size=8
        )
    asked = axes.plot([row["least"] for row in rows], range(len(rows)), "k|", markersize=12, markeredgewidth=2)
    names = [f"{row['name']}, {row['shape']} {row['dtype']} {row['output']}" for row in rows]
    axes.set_yticks(range(len(rows)), names)
    axes.set_ylim(len(rows) - 0.4, -0.8)
    axes.set_xscale("log")
    axes.set_xlabel("ratio of medians")
    axes.grid(axis="x", alpha=0.3)
    figure.legend(asked, ["at least"], loc="outside upper right")
    figure.savefig(path, dpi=120)
