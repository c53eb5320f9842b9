"""Figures on the Agg canvas, and what their pictures share."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure


Rows = Sequence[dict[str, Any]]

# Colours that stay apart for colour-blind readers, in the order in which series appear.
SERIES = ("#c2410c", "#1d4ed8", "#047857", "#7e22ce", "#475569", "#a16207")
# At most so many points are joined by a line, or so many cells are written into; more look like one.
FEW_POINTS = 12


def new_figure(width: float, height: float) -> Figure:
    """Make a figure of this size in inches on the Agg canvas."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def single(draw: Callable[[Axes], Axes], width: float, height: float) -> Figure:
    """Draw one picture of this size in inches."""
    figure = new_figure(width, height)
    draw(figure.subplots())
    return figure


def axes_of(ax: Any, width: float, height: float) -> Axes:
    """Return the axes that a user gave, or those of a new figure of this size in inches."""
    if ax is None:
        return new_figure(width, height).subplots()
    if not hasattr(ax, "imshow") or not hasattr(ax, "figure"):
        raise TypeError(f"ax must be a matplotlib Axes or None, got {ax!r:.60}.")
    found: Axes = ax
    return found


def square(draw: Callable[[Axes], Axes], title: str = "", **settings: Any) -> Figure:
    """Draw one picture whose two axes have the same unit; `settings` are those of the axes."""
    figure = new_figure(6.4, 6.2)
    ax = figure.subplots()
    draw(ax)
    ax.set(**settings)
    ax.set_aspect("equal", adjustable="datalim" if ax.get_autoscale_on() else "box")
    figure.suptitle(textwrap.fill(title, 70), fontsize=11, x=0.01, ha="left")
    return figure


def framed(ax: Axes) -> Axes:
    """Put the legend below the axis and a grid behind everything."""
    if ax.get_legend_handles_labels()[0]:
        ax.legend(frameon=False, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=3)
    ax.grid(color="#e2e8f0")
    ax.set_axisbelow(True)
    return ax


def named_lines(rows: Rows, ax: Axes) -> None:
    """Name the rows by their models, the first on top."""
    ax.set_yticks(range(len(rows)), [short(row["model"]) for row in rows], parse_math=False)
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.grid(axis="x", color="#e2e8f0")
    ax.grid(axis="y", color="#f1f5f9")
    ax.set_axisbelow(True)
    ax.tick_params(axis="y", length=0)
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)


def short(name: str, most: int = 32) -> str:
    """Return a name that fits beside an axis."""
    return name if len(name) <= most else f"{name[: most - 1]}…"


def columns(rows: Rows, *keys: str) -> list[list[Any]]:
    """Return what rows hold under each key."""
    return [[row[key] for row in rows] for key in keys]


def plain_ticks(axis: Axis) -> None:
    """Write plain numbers: at 1, 2 and 5 times powers of ten, at powers of ten alone, or evenly in a narrow range."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

    low, high = sorted(axis.get_view_interval())
    if high < 5 * low:
        axis.set_major_locator(MaxNLocator(4))
    else:
        axis.set_major_locator(
            LogLocator(subs=(1.0, 2.0, 5.0) if high < 500 * low else (1.0,), numticks=7 if high < 1e4 * low else 5)
        )
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())
