"""Draw theory beside simulation: curves, and colours over two coordinates."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from widelearn.plots.canvas import FEW_POINTS, SERIES, Rows, columns, new_figure, plain_ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


MARKS = "points: means of simulations ± 2 standard errors; solid lines: theory"


def curves(rows: Rows, ax: Axes) -> Axes:
    """Draw theory as lines and simulation as points with two standard errors, a colour for each series.

    A dotted line joins at most twelve points without theory.
    """
    names = list(dict.fromkeys(row["series"] for row in rows))
    for index, name in enumerate(names):
        color = SERIES[index % len(SERIES)]
        own = sorted((row for row in rows if row["series"] == name), key=lambda row: row["x"])
        line = [row for row in own if row["theory"] is not None]
        points = [row for row in own if row["simulation"] is not None]
        if line:
            ax.plot(*columns(line, "x", "theory"), color=color, linewidth=1.5, label=None if points else name)
        if points:
            x, y = columns(points, "x", "simulation")
            errors = [2 * (row["se"] or 0.0) for row in points]
            joined = ":" if not line and len(points) <= FEW_POINTS else "none"
            style: dict[str, Any] = {"markersize": 5, "capsize": 2, "linestyle": joined, "linewidth": 1.0}
            ax.errorbar(x, y, yerr=errors, marker="o", color=color, label=name, **style)
    if ax.get_legend_handles_labels()[0] and (len(names) > 1 or names[:1] != [""]):
        # Below the axis and its label, off every curve.
        ax.legend(frameon=False, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2)
    ax.grid(color="#e2e8f0")
    ax.set_axisbelow(True)
    return ax


def heat(rows: Rows, ax: Axes) -> Axes:
    """Draw predictions over two coordinates as colours, and simulations as discs in the same colours.

    Rows have x, y and theory on a grid, or simulation at single points.
    """
    grid = [row for row in rows if row["theory"] is not None and row["simulation"] is None]
    xs, ys = (sorted({row[key] for row in grid}) for key in ("x", "y"))
    values = {(row["x"], row["y"]): row["theory"] for row in grid}
    table = [[values[x, y] for x in xs] for y in ys]
    top = 1.25 * max(1.0, min(1.6, max(max(line) for line in table)))
    mesh = ax.pcolormesh(xs, ys, table, cmap="viridis", vmin=0.0, vmax=top, shading="nearest", rasterized=True)
    points = [row for row in rows if row["simulation"] is not None]
    if points:
        x, y, colors = columns(points, "x", "y", "simulation")
        ax.scatter(x, y, c=colors, cmap="viridis", vmin=0.0, vmax=top, edgecolors="white", s=60, zorder=3)
    figure = ax.get_figure()
    if figure is not None:
        figure.colorbar(mesh, ax=ax, extend="max")
    return ax


def study(panels: Sequence[dict[str, Any]], title: str = "") -> Figure:
    """Draw a study's panels side by side.

    Each holds `rows`, and perhaps `title`, `xlabel`, `ylabel`, `xscale`, `yscale`, `ylim`, `xlim` and `heat` (True for
    colours over two coordinates).
    """
    most = max(len({row["series"] for row in panel["rows"]}) for panel in panels)
    figure = new_figure(6.4 * len(panels), 4.6 + 0.2 * ((most + 1) // 2))
    for ax, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        ax.set(**{name: panel[name] for name in ("xscale", "yscale") if name in panel})
        (heat if panel.get("heat") else curves)(panel["rows"], ax)
        places = {row["x"] for row in panel["rows"]}
        if "xscale" not in panel and all(float(place).is_integer() for place in places):
            # There is no half a table.
            ax.xaxis.get_major_locator().set_params(integer=True)
        if panel.get("xscale") == "log" and len(places) == 1:
            # Matplotlib cannot choose the width of a logarithmic axis around a single place.
            ax.set_xlim(min(places) / 2, 2 * min(places))
        ax.set(**{name: panel[name] for name in ("xlabel", "ylabel", "title", "xlim", "ylim") if name in panel})
        for axis in (ax.xaxis, ax.yaxis):
            if axis.get_scale() == "log":
                plain_ticks(axis)
    figure.suptitle(textwrap.fill(title, 70 * len(panels)), fontsize=11, x=0.01, ha="left")
    if any(row.get("se") and not panel.get("heat") for panel in panels for row in panel["rows"]):
        figure.supxlabel(MARKS, fontsize=8, x=0.99, ha="right", color="#475569")
    return figure
