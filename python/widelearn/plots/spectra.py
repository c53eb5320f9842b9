"""Draw a spectrum: eigenvalues by rank, and the ridges that tell which of them are learned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from widelearn.plots.canvas import FEW_POINTS, SERIES, framed

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def spectrum(shown: Any, ax: Axes) -> Axes:
    """Draw positive eigenvalues over their ranks on logarithms, a level line for each ridge."""
    ends = shown.multiplicities.cumsum()
    at = shown.eigenvalues > 0
    starts, ends, values = (ends - shown.multiplicities)[at] + 1.0, ends[at], shown.eigenvalues[at]
    # A block of less than one eigenvalue is a point.
    x = [end for pair in zip(starts, ends.clip(starts), strict=True) for end in pair]
    marker = "o" if len(values) <= FEW_POINTS else ""
    ax.plot(x, values.repeat(2), color=SERIES[1], marker=marker, markersize=3.5, linewidth=1.4, label="eigenvalues")
    for index, kappa in enumerate(shown.effective_ridge):
        color = SERIES[0] if index == 0 else SERIES[2 + index % (len(SERIES) - 2)]
        if kappa > 0:
            ax.axhline(kappa, color=color, linewidth=1.2, label=f"effective ridge {kappa:.3g}")
        if shown.ridge[index] > 0:
            level = shown.ridge[index] / shown.n
            ax.axhline(level, color=color, linewidth=0.9, linestyle=":", label=f"alpha / n = {level:.3g}")
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set(xlabel="rank", ylabel="eigenvalue")
    return framed(ax)
