"""Draw the rows of a comparison: scores, seconds, memory."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from widelearn.plots.canvas import Rows, named_lines, new_figure, plain_ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


# Scores far from the others are written, not drawn: the others would fall together. Of losses the least is the measure.
OFF_SCALE, OFF_LOSS = -0.5, 5.0
COLORS = {"widelearn": "#c2410c", "scikit-learn": "#475569"}
OTHER = "#047857"
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
LOSSES = ("log_loss", "brier", "rmse", "mae")


def scores(rows: Rows, ax: Axes) -> Axes:
    """Draw held-out scores, one row below the other, the first on top; cross-validated ones as open diamonds.

    Rows are those of results.json with their metric, and `low` and `high` where a score has an interval.
    """
    found = [row["score"] for row in rows if row["score"] is not None]
    worst = OFF_LOSS * min(found, default=0.0)
    for position, row in enumerate(rows):
        color, score, spread = color_of(row), row["score"], row["score_se"] or 0.0
        beside: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "va": "center"}
        if score is None:
            why = "no score" if row.get("error") is None else "failed"
            ax.annotate(why, (0.02, position), color="#b91c1c", **beside)
        elif row["metric"] == "r2" and score < OFF_SCALE:
            ax.annotate(f"◂ {score:.3g}", (0.02, position), color=color, **beside)
        elif row["metric"] in LOSSES and score > worst > 0:
            ax.annotate(f"{score:.3g} ▸", (0.98, position), color=color, ha="right", **beside)
        else:
            low, high = (row.get(key) for key in ("low", "high"))
            error = [[spread], [spread]] if low is None or high is None else [[score - low], [high - score]]
            ax.errorbar(score, position, xerr=error, fmt="o", color=color, capsize=3, markersize=6)
            ax.annotate(f"{score:.3f}", (score, position), (0, 7), textcoords="offset points", ha="center", fontsize=8)
            if row.get("cv_score") is not None:
                ax.plot(row["cv_score"], position, "D", color=color, markerfacecolor="white", markersize=5, zorder=3)
    ax.margins(x=0.15)
    named_lines(rows, ax)
    name = METRICS.get(rows[0]["metric"], rows[0]["metric"])
    interval = "95 % interval" if any(row.get("low") is not None for row in rows) else "± 1 standard error"
    crossed = ", ◇ cross-validated" if any(row.get("cv_score") is not None for row in rows) else ""
    ax.set_xlabel(f"{name}\n● held out, {interval}{crossed}")
    return ax


def color_of(row: dict[str, Any]) -> str:
    """Return the colour of the package that a row's method comes from."""
    return COLORS.get(row["package"], OTHER)


def durations(rows: Rows, ax: Axes) -> Axes:
    """Draw the seconds of fit, prediction and all of a method, tuning included, on a logarithmic scale."""
    for position, row in enumerate(rows):
        if row["fit_s"] is not None:
            color, fit, predict = color_of(row), row["fit_s"], row["predict_s"]
            whole = row.get("total_s") or max(fit, predict)
            ax.plot([min(predict, fit), whole], [position, position], color="#cbd5e1", linewidth=1.5, zorder=1)
            ax.plot(fit, position, "o", color=color, markersize=6)
            ax.plot(predict, position, "o", color=color, markerfacecolor="white", markersize=6)
            if "total_s" in row:
                ax.plot(whole, position, "|", color=color, markersize=11, markeredgewidth=2)
    ax.set_xscale("log")
    ax.margins(x=0.1)
    plain_ticks(ax.xaxis)
    named_lines(rows, ax)
    total = ", | with tuning" if any("total_s" in row for row in rows) else ""
    ax.set_xlabel(f"seconds\n● fit, ○ predict{total}")
    return ax


def peaks(rows: Rows, ax: Axes) -> Axes:
    """Draw the peak memory of each method's own process."""
    for position, row in enumerate(rows):
        if row["peak_bytes"] is not None:
            ax.barh(position, row["peak_bytes"] / 1024**2, height=0.5, color=color_of(row))
    ax.set_xlim(left=0)
    named_lines(rows, ax)
    ax.set_xlabel("MiB\npeak memory")
    return ax


def comparison(rows: Rows, title: str = "") -> Figure:
    """Draw rows of results.json: scores, seconds and memory side by side, one method below the other."""
    from matplotlib.lines import Line2D

    figure = new_figure(11, 1.6 + 0.42 * len(rows))
    axes = figure.subplots(1, 3, sharey=True, width_ratios=(5, 4, 3))
    for draw, ax in zip((scores, durations, peaks), axes, strict=True):
        draw(rows, ax)
    for label, row in zip(axes[0].get_yticklabels(), rows, strict=True):
        label.set_color(color_of(row))
    packages = sorted({row["package"] for row in rows}, reverse=True)
    marks = [
        Line2D([], [], marker="s", linestyle="", markersize=8, color=COLORS.get(package, OTHER)) for package in packages
    ]
    figure.legend(marks, packages, loc="outside lower right", ncols=2, frameon=False)
    figure.suptitle(textwrap.fill(title, 125), fontsize=11, x=0.01, ha="left", parse_math=False)
    return figure
