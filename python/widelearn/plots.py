"""Draw results: rows or fitted objects in, the same Matplotlib axes out; nothing is computed here.

Figures are on the Agg canvas, without a window: save them by ``savefig``.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike

Rows = Sequence[dict[str, Any]]

# An R² far below 0 is written, not drawn: the other scores would fall together.
OFF_SCALE = -0.5
COLORS = {"widelearn": "#c2410c", "scikit-learn": "#475569"}
METRICS = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "auc": "AUC",
    "log_loss": "log loss",
    "brier": "Brier score",
    "r2": "R²",
    "rmse": "RMSE",
    "mae": "MAE",
}


def scores(rows: Rows, ax: Axes) -> Axes:
    """Draw the scores of results.json with their standard errors, one row below the other, the first on top."""
    for position, row in enumerate(rows):
        color = COLORS[row["package"]]
        beside: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "va": "center"}
        if row["score"] is None:
            ax.annotate("failed", (0.02, position), color="#b91c1c", **beside)
        elif row["metric"] == "r2" and row["score"] < OFF_SCALE:
            ax.annotate(f"◂ {row['score']:.3g}", (0.02, position), color=color, **beside)
        else:
            place, error = (row["score"], position), row["score_se"] or 0.0
            ax.errorbar(*place, xerr=error, fmt="o", color=color, capsize=3, markersize=6)
            ax.annotate(f"{place[0]:.3f}", place, (0, 7), textcoords="offset points", ha="center", fontsize=8)
    ax.margins(x=0.15)
    _lines(rows, ax)
    ax.set_xlabel(f"held-out {METRICS.get(rows[0]['metric'], rows[0]['metric'])} ± 1 standard error")
    return ax


def durations(rows: Rows, ax: Axes) -> Axes:
    """Draw the seconds that fitting and predicting took, on a logarithmic scale."""
    for position, row in enumerate(rows):
        if row["fit_s"] is not None:
            color, fit, predict = COLORS[row["package"]], row["fit_s"], row["predict_s"]
            ax.plot([predict, fit], [position, position], color="#cbd5e1", linewidth=1.5, zorder=1)
            ax.plot(fit, position, "o", color=color, markersize=6)
            ax.plot(predict, position, "o", color=color, markerfacecolor="white", markersize=6)
    ax.set_xscale("log")
    ax.margins(x=0.1)
    _lines(rows, ax)
    ax.set_xlabel("seconds: ● fit, ○ predict")
    return ax


def peaks(rows: Rows, ax: Axes) -> Axes:
    """Draw the peak memory of each method's own process."""
    for position, row in enumerate(rows):
        if row["peak_bytes"] is not None:
            ax.barh(position, row["peak_bytes"] / 1024**2, height=0.5, color=COLORS[row["package"]])
    ax.set_xlim(left=0)
    _lines(rows, ax)
    ax.set_xlabel("peak memory, MiB")
    return ax


def _lines(rows: Rows, ax: Axes) -> None:
    """Name the rows by their models, the first on top."""
    ax.set_yticks(range(len(rows)), [row["model"] for row in rows])
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.grid(axis="x", color="#e2e8f0")
    ax.grid(axis="y", color="#f1f5f9")
    ax.set_axisbelow(True)
    ax.tick_params(axis="y", length=0)
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)


def comparison(rows: Rows, title: str = "") -> Figure:
    """Draw rows of results.json: scores, seconds and memory side by side, one method below the other."""
    from matplotlib.lines import Line2D

    figure = _figure(13, 1.6 + 0.42 * len(rows))
    axes = figure.subplots(1, 3, sharey=True, width_ratios=(5, 4, 3))
    for draw, ax in zip((scores, durations, peaks), axes, strict=True):
        draw(rows, ax)
    for label, row in zip(axes[0].get_yticklabels(), rows, strict=True):
        label.set_color(COLORS[row["package"]])
    packages = sorted({row["package"] for row in rows}, reverse=True)
    marks = [Line2D([], [], marker="s", linestyle="", markersize=8, color=COLORS[package]) for package in packages]
    figure.legend(marks, packages, loc="outside lower right", ncols=2, frameon=False)
    figure.suptitle(title, fontsize=11, x=0.01, ha="left")
    return figure


def _figure(width: float, height: float) -> Figure:
    """Make a figure of this size in inches on the Agg canvas."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


# Colours that stay apart for colour-blind readers, in the order in which series appear.
SERIES = ("#c2410c", "#1d4ed8", "#047857", "#7e22ce", "#475569", "#a16207")
# At most so many points are joined by a line; more look like one.
FEW_POINTS = 12
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
            ax.plot(*_columns(line, "x", "theory"), color=color, linewidth=1.5, label=None if points else name)
        if points:
            x, y = _columns(points, "x", "simulation")
            errors = [2 * (row["se"] or 0.0) for row in points]
            joined = ":" if not line and len(points) <= FEW_POINTS else "none"
            style: dict[str, Any] = {"markersize": 5, "capsize": 2, "linestyle": joined, "linewidth": 1.0}
            ax.errorbar(x, y, yerr=errors, marker="o", color=color, label=name, **style)
    if len(names) > 1 or names[:1] != [""]:
        # Below the axis and its label, off every curve.
        ax.legend(frameon=False, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2)
    ax.grid(color="#e2e8f0")
    ax.set_axisbelow(True)
    return ax


def _columns(rows: Rows, *keys: str) -> list[list[Any]]:
    return [[row[key] for row in rows] for key in keys]


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
        x, y, colors = _columns(points, "x", "y", "simulation")
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
    figure = _figure(6.4 * len(panels), 4.6 + 0.2 * ((most + 1) // 2))
    for ax, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        ax.set(**{name: panel[name] for name in ("xscale", "yscale") if name in panel})
        (heat if panel.get("heat") else curves)(panel["rows"], ax)
        places = {row["x"] for row in panel["rows"]}
        if panel.get("xscale") == "log" and len(places) == 1:
            # Matplotlib cannot choose the width of a logarithmic axis around a single place.
            ax.set_xlim(min(places) / 2, 2 * min(places))
        ax.set(**{name: panel[name] for name in ("xlabel", "ylabel", "title", "xlim", "ylim") if name in panel})
        for axis in (ax.xaxis, ax.yaxis):
            if axis.get_scale() == "log":
                _plain_ticks(axis)
    figure.suptitle(textwrap.fill(title, 70 * len(panels)), fontsize=11, x=0.01, ha="left")
    if any(row.get("se") and not panel.get("heat") for panel in panels for row in panel["rows"]):
        figure.supxlabel(MARKS, fontsize=8, x=0.99, ha="right", color="#475569")
    return figure


def square(draw: Callable[[Axes], Axes], title: str = "", **settings: Any) -> Figure:
    """Draw one picture whose two axes have the same unit; `settings` are those of the axes."""
    figure = _figure(6.4, 6.2)
    ax = figure.subplots()
    draw(ax)
    ax.set(**settings)
    ax.set_aspect("equal", adjustable="datalim" if ax.get_autoscale_on() else "box")
    figure.suptitle(textwrap.fill(title, 70), fontsize=11, x=0.01, ha="left")
    return figure


def neurons(positions: ArrayLike, sizes: ArrayLike, signs: ArrayLike, stars: ArrayLike, ax: Axes) -> Axes:
    """Draw neurons as discs, a colour for each sign of their output weights, and directions as stars.

    The area of a disc is `sizes` over the largest.
    """
    import numpy as np

    places, areas, kinds, marks = (np.asarray(part, dtype=float) for part in (positions, sizes, signs, stars))
    areas = 8 + 60 * areas / (areas.max(initial=0.0) or 1.0)
    names = {1.0: "positive output weight", -1.0: "negative output weight", 0.0: "neuron"}
    for color, (kind, name) in zip(SERIES, names.items(), strict=False):
        own = kinds == kind
        if own.any():
            style: dict[str, Any] = {"color": color, "alpha": 0.5, "linewidths": 0, "label": name}
            ax.scatter(places[own, 0], places[own, 1], s=areas[own], **style)
    if len(marks):
        star: dict[str, Any] = {"marker": "*", "s": 220, "color": "#facc15", "edgecolors": "black", "zorder": 3}
        ax.scatter(*marks.T, label="true direction", **star)
    return _framed(ax)


def arrows(starts: ArrayLike, ends: ArrayLike, axes: ArrayLike, gamma: float | None, ax: Axes) -> Axes:
    """Draw an arrow from every start to its end, the lines along `axes`, and their cones |cos| > 1 - gamma."""
    import numpy as np
    from matplotlib.patches import Wedge

    tails, heads, lines = (np.asarray(part, dtype=float) for part in (starts, ends, axes))
    reach = 1.1 * max(float(np.hypot(*part.T).max(initial=0.0)) for part in (tails, heads)) or 1.0
    for index, line in enumerate(lines):
        angle = float(np.degrees(np.arctan2(line[1], line[0])))
        ax.axline((0.0, 0.0), tuple(line), color="#475569", linestyle="--", linewidth=1.0, zorder=1)
        if gamma is not None:
            half = float(np.degrees(np.arccos(max(-1.0, 1.0 - gamma))))
            for turn in (0.0, 180.0):
                label = "cones" if index == 0 and turn == 0.0 else None
                wedge = Wedge((0.0, 0.0), 4 * reach, angle + turn - half, angle + turn + half, label=label)
                wedge.set(facecolor="#facc15", alpha=0.25, zorder=0, linewidth=0)
                ax.add_patch(wedge)
    ax.scatter(tails[:, 0], tails[:, 1], s=9, color=SERIES[1], label="weights w", zorder=2)
    ax.scatter(heads[:, 0], heads[:, 1], s=14, color=SERIES[0], label="gradient vectors G(w, b)", zorder=3)
    style: dict[str, Any] = {"angles": "xy", "scale_units": "xy", "scale": 1.0, "width": 0.002}
    ax.quiver(*tails.T, *(heads - tails).T, color="#94a3b8", zorder=1, **style)
    ax.set(xlim=(-reach, reach), ylim=(-reach, reach))
    return _framed(ax)


def regions(
    grid: ArrayLike, values: ArrayLike, points: ArrayLike, kinds: Sequence[str], classes: Sequence[str], ax: Axes
) -> Axes:
    """Draw outputs over a plane as colours, with the edges between classes, and rows as points, a colour a kind.

    `values` (g, g) are numbers of `classes`, or real outputs, whose edge is 0: positive ones are of the second class.
    Rows have the colours of their classes.
    """
    import numpy as np
    from matplotlib.colors import ListedColormap

    steps, table, places = (np.asarray(part) for part in (grid, values, points))
    order = list(classes)
    if np.issubdtype(table.dtype, np.integer):
        colors = ListedColormap([SERIES[k % len(SERIES)] for k in range(len(order))])
        style: dict[str, Any] = {"cmap": colors, "vmin": -0.5, "vmax": len(order) - 0.5, "alpha": 0.25}
        ax.pcolormesh(steps, steps, table, shading="nearest", rasterized=True, linewidth=0, **style)
        for k in np.unique(table):
            if (table != k).any():
                ax.contour(steps, steps, table == k, levels=[0.5], colors="#475569", linewidths=0.8)
    else:
        # The second of two classes is the positive one, in the warm colour.
        order = order[::-1]
        far = float(np.abs(table).max()) or 1.0
        mesh = ax.pcolormesh(steps, steps, table, cmap="RdBu_r", vmin=-far, vmax=far, alpha=0.6, shading="nearest")
        mesh.set_rasterized(True)
        if table.min() < 0 < table.max():
            ax.contour(steps, steps, table, levels=[0.0], colors="#475569", linewidths=1.0)
        figure = ax.get_figure()
        if figure is not None:
            figure.colorbar(mesh, ax=ax, label="output")
    for index, kind in enumerate(dict.fromkeys([*order, *kinds])):
        own = [other == kind for other in kinds]
        if any(own):
            marks: dict[str, Any] = {"s": 14, "color": SERIES[index % len(SERIES)], "edgecolors": "white"}
            ax.scatter(places[own, 0], places[own, 1], label=kind, linewidths=0.4, zorder=3, **marks)
    return _framed(ax)


def _framed(ax: Axes) -> Axes:
    """Put the legend below the axis and a grid behind everything."""
    if ax.get_legend_handles_labels()[0]:
        ax.legend(frameon=False, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=3)
    ax.grid(color="#e2e8f0")
    ax.set_axisbelow(True)
    return ax


def _plain_ticks(axis: Axis) -> None:
    """Write plain numbers at 1, 2 and 5 times powers of ten, or at powers of ten alone where there are many."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    low, high = sorted(axis.get_view_interval())
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high < 1e4 * low else (1.0,), numticks=10))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())
