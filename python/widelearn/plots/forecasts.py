"""Draw forecasts: learning curves with their bands, what was measured later, and which modes are learned by when."""

from __future__ import annotations

import math
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from widelearn.plots.canvas import SERIES, axes_of, framed, new_figure, plain_ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def learning_curves(forecast: Any, ax: Axes | None = None) -> Axes:
    """Draw forecast errors over rows with their bands, a line a setting, and measured errors as points."""
    ax = axes_of(ax, 6.4, 4.2)
    for index, (label, own) in enumerate(_lines(forecast).items()):
        color = SERIES[index % len(SERIES)]
        x, low, high = forecast.n[own], forecast.lower[own], forecast.upper[own]
        ax.plot(x, forecast.test[own], "o-", color=color, markersize=4, label=label)
        ax.fill_between(x, low, high, color=color, alpha=0.15, linewidth=0)
    for index, found in enumerate(forecast.measurements):
        style: dict[str, Any] = {"marker": "D", "color": "black", "capsize": 2, "zorder": 4}
        style["label"] = None if index else "measured ± 2 standard errors"
        ax.errorbar(found.n, found.test, yerr=2 * found.standard_error, linestyle="none", **style)
    return _on_logarithms(forecast, ax)


def _lines(forecast: Any) -> dict[str, list[int]]:
    """Return the entries that each line joins, by its name: those of one setting, or of a penalty that is chosen anew.

    What is refused everywhere has no line.
    """
    entries = sorted(range(len(forecast.n)), key=lambda i: forecast.n[i])
    found: dict[str, list[int]] = {}
    for count in dict.fromkeys(forecast.n_features.tolist()):
        own = [i for i in entries if _same(forecast.n_features[i], count)]
        penalties = {float(forecast.alpha[i]) for i in own if math.isfinite(forecast.alpha[i])}
        if len(penalties) > 1 and len({float(forecast.n[i]) for i in own}) == len(own):
            found[_setting(count, math.nan, "penalty chosen for each number of rows")] = own
            continue
        for i in own:
            found.setdefault(_setting(count, forecast.alpha[i]), []).append(i)
    return {label: own for label, own in found.items() if any(math.isfinite(forecast.test[i]) for i in own)}


def _same(one: float, other: float) -> bool:
    """Whether two numbers are one; what is not a number is like what is none either."""
    return one == other or (math.isnan(one) and math.isnan(other))


def _setting(count: float, alpha: float, choice: str = "") -> str:
    """Write what a line is of; what is not a number is not named."""
    parts = [f"{count:g} features"] if math.isfinite(count) else []
    parts += [f"alpha {alpha:.3g}"] if math.isfinite(alpha) else []
    parts += [choice] if choice else []
    return ", ".join(parts) or "forecast"


def forecast_panels(found: dict[str, Any]) -> Figure:
    """Draw forecasts side by side, a panel for each name, on one scale of errors."""
    figure = new_figure(5.2 * len(found), 4.0)
    panels = figure.subplots(1, len(found), sharey=True, squeeze=False)[0]
    for ax, (name, forecast) in zip(panels, found.items(), strict=True):
        _one_line(forecast, ax)
        ax.set_title(name, fontsize=10)
    return figure


def _one_line(forecast: Any, ax: Axes) -> None:
    """Draw the errors of one estimator whose penalty is chosen anew at every number of rows."""
    x = forecast.n
    ax.fill_between(x, forecast.lower, forecast.upper, color=SERIES[0], alpha=0.15, linewidth=0, label="90 % band")
    ax.plot(x, forecast.test, "o-", color=SERIES[0], markersize=4, label="forecast")
    ax.axvline(forecast.n_sample, color="#475569", linewidth=0.8, linestyle=":", label="rows looked at")
    ax.axhline(forecast.baseline, color="#475569", linewidth=0.8, label="the mean alone")
    _on_logarithms(forecast, ax)


def _on_logarithms(forecast: Any, ax: Axes) -> Axes:
    """Put both axes on logarithms and name them: refits of a classifier forecast its share of wrong classes."""
    ax.set_xscale("log")
    ax.set_yscale("log")
    for axis in (ax.xaxis, ax.yaxis):
        plain_ticks(axis)
    ax.set_xlabel("rows")
    rate = forecast.error_rate is not None and forecast.method != "left-out errors"
    ax.set_ylabel("share of wrong classes" if rate else "squared error of new rows")
    return framed(ax)


def learned_modes(order: Any, ax: Axes | None = None) -> Axes:
    """Draw, a line a degree, which share of the target or how many modes are learned by how many rows."""
    if ax is None:
        ax = new_figure(6.4, 4.8).subplots()
    told = [i for i, mode in enumerate(order.modes) if mode and math.isfinite(order.n[i])]
    if order.shares is not None:
        told = [i for i in told if not math.isnan(order.shares[i])]
    # The last colour is for all degrees that are left.
    most = len(SERIES)
    for degree in sorted({min(len(order.modes[i]), most) for i in told}):
        own = sorted((i for i in told if min(len(order.modes[i]), most) == degree), key=lambda i: order.n[i])
        parts = [1.0 if order.shares is None else float(order.shares[i]) for i in own]
        label = f"degree {degree}" if degree < most else f"degree {most} and above"
        style: dict[str, Any] = {"where": "post", "color": SERIES[degree - 1], "label": label}
        ax.step([order.n[i] for i in own], list(accumulate(parts)), **style)
    ax.set_xscale("log")
    plain_ticks(ax.xaxis)
    ax.set_xlabel("rows from which on half of a mode is learned")
    if order.shares is None:
        ax.set_yscale("log")
        ax.set_ylabel("modes that are learned")
    else:
        ax.set_ylabel("share of the target's variance")
        ax.axhline(1.0 - order.unexplained, color="#475569", linewidth=0.8, linestyle=":", label="all modes together")
    return framed(ax)
