"""Draw what a penalty does: left-out errors or scores and norms of coefficients over penalties."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from widelearn.plots.canvas import SERIES, framed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Norms beside scores have an axis of their own, and its colour.
NORMS = "#475569"


def penalty_path(path: Any, ax: Axes) -> Axes:
    """Draw scores, or errors, over penalties, and norms on an axis at the right where there are both."""
    both = path.scores is not None and path.norms is not None
    if path.scores is not None:
        drawn = -path.scores if path.errors else path.scores
        _lines(path.alphas, drawn, ax, SERIES[0] if both else None, "-")
        ax.set_ylabel(path.score_name)
        if path.errors and (drawn > 0).all():
            ax.set_yscale("log")
    if path.norms is not None:
        own = ax.twinx() if both else ax
        _lines(path.alphas, path.norms, own, NORMS if both else None, "--" if both else "-")
        own.set_ylabel("norm of the coefficients (dashed)" if both else "norm of the coefficients")
        if (path.norms > 0).all():
            own.set_yscale("log")
    for index, alpha in enumerate(path.alpha):
        color = "black" if len(path.alpha) == 1 or both else SERIES[index % len(SERIES)]
        ax.axvline(alpha, color=color, linewidth=0.9, linestyle=":", label=_chosen(path.alpha, index))
    _penalties(path.alphas, ax)
    return framed(ax)


def _lines(alphas: Any, values: Any, ax: Axes, color: str | None, style: str) -> None:
    """Draw a line for every target, in one colour or in one each."""
    table = values.reshape(-1, len(alphas))
    for index, line in enumerate(table):
        label = f"target {index}" if len(table) > 1 and color is None else None
        ax.plot(alphas, line, f"o{style}", color=color or SERIES[index % len(SERIES)], markersize=3.5, label=label)


def _chosen(alpha: Any, index: int) -> str | None:
    """Say what a line at a penalty is: of one all, of many that they are there."""
    if len(alpha) == 1:
        return f"chosen: alpha = {alpha[0]:.3g}"
    return None if index else "chosen, a penalty a target"


def _penalties(alphas: Any, ax: Axes) -> None:
    """Put penalties on a logarithmic axis, which has a place for 0 where that is one."""
    if alphas[0] > 0:
        ax.set_xscale("log")
    elif alphas[-1] > 0:
        ax.set_xscale("symlog", linthresh=float(alphas[alphas > 0].min()))
    ax.set_xlabel("penalty alpha")
