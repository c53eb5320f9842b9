"""Draw what is seen in one model: importance, confusion, residuals, calibration."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

from widelearn.plots.canvas import FEW_POINTS, SERIES, Rows, columns, named_lines, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def shares(rows: Rows, ax: Axes) -> Axes:
    """Draw values of columns, one below the other, with two standard errors where they have one."""
    values = [row["value"] for row in rows]
    ax.barh(range(len(rows)), values, height=0.6, color="#94a3b8")
    for position, row in enumerate(rows):
        if row.get("se") is not None:
            ax.errorbar(row["value"], position, xerr=2 * row["se"], fmt="none", ecolor="#1e293b", capsize=3)
    ax.axvline(0.0, color="#475569", linewidth=1.0)
    named_lines([{"model": row["column"]} for row in rows], ax)
    return ax


def confusion(rows: Rows, ax: Axes) -> Axes:
    """Draw how the rows of each true class are predicted: colours by its share, counts where there is room."""
    names = list(dict.fromkeys(row["truth"] for row in rows))
    totals = {name: sum(row["rows"] for row in rows if row["truth"] == name) or 1 for name in names}
    counts = {(row["truth"], row["prediction"]): row["rows"] for row in rows}
    table = [[counts[truth, prediction] / totals[truth] for prediction in names] for truth in names]
    ax.imshow(table, cmap="Blues", vmin=0.0, vmax=1.0)
    if len(names) <= FEW_POINTS:
        for (i, truth), (j, prediction) in itertools.product(enumerate(names), enumerate(names)):
            color = "white" if table[i][j] > 0.5 else "black"
            ax.text(j, i, f"{counts[truth, prediction]:,}", color=color, ha="center", va="center", fontsize=9)
    labels = [short(name, 16) for name in names]
    size = 9 if len(names) <= FEW_POINTS else 6
    ax.set_xticks(range(len(names)), labels, parse_math=False, rotation=90, fontsize=size)
    ax.set_yticks(range(len(names)), labels, parse_math=False, fontsize=size)
    ax.set(xlabel="predicted", ylabel="true")
    return ax


def pairs(table: Sequence[Sequence[float]], names: Sequence[str], ax: Axes) -> Axes:
    """Draw a symmetric matrix, its signs as two colours."""
    size = max(abs(value) for row in table for value in row) or 1.0
    drawn = ax.imshow(table, cmap="RdBu_r", vmin=-size, vmax=size)
    labels = [short(name, 16) for name in names]
    small = 9 if len(names) <= FEW_POINTS else 6
    ax.set_xticks(range(len(names)), labels, parse_math=False, rotation=90, fontsize=small)
    ax.set_yticks(range(len(names)), labels, parse_math=False, fontsize=small)
    ax.figure.colorbar(drawn, ax=ax, shrink=0.8)
    return ax


def residuals(rows: Rows, ax: Axes) -> Axes:
    """Draw predictions over true values, and the line on which both are the same."""
    ax.plot(*columns(rows, "truth", "prediction"), "o", color=SERIES[1], alpha=0.5, markersize=4, markeredgewidth=0)
    ax.axline((rows[0]["truth"], rows[0]["truth"]), slope=1.0, color="#475569", linewidth=1.0)
    ax.grid(color="#e2e8f0")
    ax.set(xlabel="true", ylabel="predicted")
    return ax


def reliability(rows: Rows, ax: Axes) -> Axes:
    """Draw how often came true what was predicted with a probability, with 95 % intervals."""
    x, y, low, high = columns(rows, "probability", "share", "lower", "upper")
    errors = [
        [one - end for one, end in zip(y, low, strict=True)],
        [end - one for one, end in zip(y, high, strict=True)],
    ]
    ax.errorbar(x, y, yerr=errors, fmt="o", color=SERIES[1], capsize=2, markersize=5)
    ax.plot([0, 1], [0, 1], color="#475569", linewidth=1.0)
    ax.grid(color="#e2e8f0")
    ax.set(xlabel="predicted probability", ylabel="share that came true", xlim=(0, 1), ylim=(0, 1))
    return ax
