"""The figure of a run: each job's ratio beside what is asked of it."""

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """One bar a job, a mark at the ratio asked for."""
    figure = Figure(figsize=(9, 1.2 + 0.32 * len(rows)), layout="constrained")
    axes = figure.subplots()
    names = [f"{row['name']}, {row['shape']} {row['dtype']} {row['output']}" for row in rows]
    places = range(len(rows))
    colours = ["tab:green" if row["met"] and row["agree"] else "tab:red" for row in rows]
    axes.barh(places, [row["ratio"] for row in rows], color=colours, height=0.6)
    axes.plot([row["least"] for row in rows], places, "k|", markersize=14, markeredgewidth=2, label="asked for")
    axes.set_yticks(places, names)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlabel("ratio of medians, theirs over ours")
    axes.legend(loc="lower right")
    figure.savefig(path, dpi=120)
