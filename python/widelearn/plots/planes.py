"""Draw neurons, weights and outputs in a plane."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from widelearn.plots.canvas import SERIES, framed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike


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
    return framed(ax)


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
    return framed(ax)


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
    return framed(ax)
