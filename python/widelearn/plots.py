"""Draw results: rows or fitted objects in, Matplotlib axes out; nothing is computed here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Rows = Sequence[dict[str, Any]]

# R² far below 0 (worse than the mean) is written, not drawn: the others would no longer be told apart.
OFF_SCALE = -0.5
COLORS = {"widelearn": "#c2410c", "scikit-learn": "#475569"}
METRICS = {"accuracy": "accuracy", "r2": "R²"}


def scores(rows: Rows, ax: Axes) -> Axes:
    """Draw scores with their standard errors, a line of the axes for each row.

    Parameters
    ----------
    rows : sequence of dict
        Rows of results.json, the first one on top: model, package, score, score_se, metric, error.
    ax : matplotlib.axes.Axes

    Returns
    -------
    matplotlib.axes.Axes
        The same.
    """
    for position, row in enumerate(rows):
        if row["score"] is None:
            ax.annotate("failed", (0.02, position), xycoords=("axes fraction", "data"), va="center", color="#b91c1c")
            continue
        color = COLORS[row["package"]]
        if row["metric"] == "r2" and row["score"] < OFF_SCALE:
            text = f"◂ {row['score']:.3g}"
            ax.annotate(text, (0.02, position), xycoords=("axes fraction", "data"), va="center", color=color)
            continue
        ax.errorbar(row["score"], position, xerr=row["score_se"] or 0.0, fmt="o", color=color, capsize=3, markersize=6)
        ax.annotate(
            f"{row['score']:.3f}", (row["score"], position), (0, 7), textcoords="offset points", ha="center", fontsize=8
        )
    ax.margins(x=0.15)
    _lines(rows, ax)
    ax.set_xlabel(f"held-out {METRICS.get(rows[0]['metric'], rows[0]['metric'])} ± 1 standard error")
    return ax


def durations(rows: Rows, ax: Axes) -> Axes:
    """Draw the seconds that fitting and predicting took, on a logarithmic scale.

    Parameters
    ----------
    rows : sequence of dict
        Rows of results.json: package, fit_s, predict_s.
    ax : matplotlib.axes.Axes

    Returns
    -------
    matplotlib.axes.Axes
        The same.
    """
    for position, row in enumerate(rows):
        if row["fit_s"] is not None:
            ax.plot([row["predict_s"], row["fit_s"]], [position, position], color="#cbd5e1", linewidth=1.5, zorder=1)
    for key, filled in (("fit_s", True), ("predict_s", False)):
        for position, row in enumerate(rows):
            if row[key] is not None:
                color = COLORS[row["package"]]
                face = color if filled else "white"
                ax.plot(row[key], position, "o", color=color, markerfacecolor=face, markersize=6)
    ax.set_xscale("log")
    ax.margins(x=0.1)
    _lines(rows, ax)
    ax.set_xlabel("seconds: ● fit, ○ predict")
    return ax


def peaks(rows: Rows, ax: Axes) -> Axes:
    """Draw the peak memory of each method's own process.

    Parameters
    ----------
    rows : sequence of dict
        Rows of results.json: package, peak_bytes.
    ax : matplotlib.axes.Axes

    Returns
    -------
    matplotlib.axes.Axes
        The same.
    """
    for position, row in enumerate(rows):
        if row["peak_bytes"] is not None:
            ax.barh(position, row["peak_bytes"] / 1024**2, height=0.5, color=COLORS[row["package"]])
    ax.set_xlim(left=0)
    _lines(rows, ax)
    ax.set_xlabel("peak memory, MiB")
    return ax


def _lines(rows: Rows, ax: Axes) -> None:
    """Give each row its line, the first on top, with the model's name."""
    ax.set_yticks(range(len(rows)), [row["model"] for row in rows])
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.grid(axis="x", color="#e2e8f0")
    ax.grid(axis="y", color="#f1f5f9")
    ax.set_axisbelow(True)
    ax.tick_params(axis="y", length=0)
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)


def comparison(rows: Rows, title: str = "") -> Figure:
    """Draw a comparison: scores, seconds and memory side by side, one line a method.

    Parameters
    ----------
    rows : sequence of dict
        Rows of results.json in the order to draw.
    title : str

    Returns
    -------
    matplotlib.figure.Figure
        On the Agg canvas, without a window; save it by ``savefig``.

    Examples
    --------
    >>> row = {
    ...     "model": "ntk",
    ...     "package": "widelearn",
    ...     "score": 0.98,
    ...     "score_se": 0.01,
    ...     "metric": "accuracy",
    ... }
    >>> row |= {"fit_s": 0.1, "predict_s": 0.02, "peak_bytes": 10**7, "error": None}
    >>> len(comparison([row]).axes)
    3
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    figure = Figure(figsize=(13, 1.6 + 0.42 * len(rows)), layout="constrained")
    FigureCanvasAgg(figure)
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
