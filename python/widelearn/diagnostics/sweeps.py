"""Laziness over the scale of outputs, over width, or over anything else that makes training more or less lazy."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from widelearn.diagnostics.drift import Laziness, laziness, points

Array = NDArray[np.float64]

# Measures of a sweep -> what they are called on a figure.
MEASURES = {
    "moved": "parameters ‖θ - θ₀‖/‖θ₀‖",
    "drift": "Jacobian ‖J - J₀‖/‖J₀‖",
    "drift_fresh": "Jacobian, fresh rows",
    "misalignment": "kernel, 1 - alignment",
    "gap": "gap of predictions",
    "gap_fresh": "gap, fresh rows",
    "margin": "4 L r/σ²",
}


@dataclass(frozen=True, eq=False)
class LazinessSweep:
    """Hold the largest measures of :class:`Laziness` along each path, an entry for each value.

    Parameters
    ----------
    name : str
        What varies.
    values : ndarray of shape (V,)
        Its values.
    moved, drift, drift_fresh, misalignment, gap, gap_fresh, margin : ndarray of shape (V,)
        Largest along the path; NaN where a report has none. `misalignment` is 1 - alignment. `gap` is that at the same
        times, or where there are no times that at the same parameters.
    holds : ndarray of bool, of shape (V,)
        Whether the sufficient condition holds.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.diagnostics import Snapshots, laziness_sweep
    >>> F, J = lambda t, X: np.sin(X @ t), lambda t, X: np.cos(X @ t)[:, None] * X
    >>> paths = ((s, Snapshots([[0.0], [s]], F, J)) for s in (0.02, 0.01))
    >>> round(laziness_sweep(paths, [[1.0]], name="move").slope("gap"), 2)  # sin t - t
    3.0
    """

    name: str
    values: Array
    moved: Array
    drift: Array
    drift_fresh: Array
    misalignment: Array
    gap: Array
    gap_fresh: Array
    margin: Array
    holds: NDArray[np.bool_]

    def slope(self, measure: str = "gap") -> float:
        """Return the slope of log measure over log value, by least squares over the values where it is above 0."""
        if measure not in MEASURES:
            raise ValueError(f"Unknown measure {measure!r}. The measures are: {', '.join(MEASURES)}.")
        found = getattr(self, measure)
        good = np.isfinite(found) & (found > 0)
        if good.sum() < 2:
            raise ValueError(f"{measure} is above 0 at {int(good.sum())} of {len(found)} values: a slope needs two.")
        return float(np.polyfit(np.log(self.values[good]), np.log(found[good]), 1)[0])

    def plot(self) -> Any:
        """Return a Matplotlib figure: every measure over the values, both axes logarithmic."""
        rows = points(self.values, {label: getattr(self, measure) for measure, label in MEASURES.items()})
        from widelearn import plots

        return plots.study(
            [{"rows": rows, "xlabel": self.name, "ylabel": "largest along training", "xscale": "log", "yscale": "log"}],
            f"Laziness of training over the {self.name}",
        )


def laziness_sweep(
    paths: Iterable[tuple[float, Any]],
    X: ArrayLike,
    X_fresh: ArrayLike | None = None,
    y: ArrayLike | None = None,
    *,
    name: str = "scale α of the outputs",
    lipschitz: float | None = None,
) -> LazinessSweep:
    """Measure laziness for several paths: over the output scale, over width, or over anything else.

    Parameters
    ----------
    paths : iterable of (value, model)
        A positive number and what :func:`laziness` takes, for each; a generator keeps one path at a time.
    X, X_fresh, y, lipschitz
        As for :func:`laziness`, the same for all.
    name : str, default="scale α of the outputs"
        What varies, for the figure.

    Returns
    -------
    LazinessSweep
        Arrays, slopes of their logarithms, a figure.

    Raises
    ------
    ValueError
        If there is no path, a value is not positive, or as :func:`laziness`.

    References
    ----------
    Chizat, Oyallon & Bach, "On lazy training in differentiable programming", NeurIPS 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.diagnostics import laziness_sweep, scaled_descent
    >>> from widelearn.nets import TwoLayer
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.standard_normal((6, 8)), rng.standard_normal(6)
    >>> W, a = rng.standard_normal((60, 8)), rng.choice([-0.1, 0.1], (60, 1))
    >>> start = TwoLayer(W, np.zeros(60), a, "tanh")
    >>> paths = ((alpha, scaled_descent(start, X, y, alpha)) for alpha in (8.0, 32.0))
    >>> bool(-1.2 < laziness_sweep(paths, X, y=y).slope("gap") < -0.8)
    True
    """
    values, rows = [], []
    for value, model in paths:
        number = float(value)
        if not 0 < number < np.inf:
            raise ValueError(f"The values of a sweep must be positive and finite, got {value!r}.")
        values.append(number)
        rows.append(_largest(laziness(model, X, X_fresh, y, lipschitz=lipschitz)))
    if not rows:
        raise ValueError("A sweep needs paths: give pairs of a value and a model.")
    columns = {measure: np.array([row[measure] for row in rows]) for measure in MEASURES}
    return LazinessSweep(name, np.array(values), **columns, holds=np.array([row["holds"] for row in rows], dtype=bool))


def _largest(report: Laziness) -> dict[str, float]:
    gap, fresh = (
        one if one is not None else other
        for one, other in ((report.gap, report.remainder), (report.gap_fresh, report.remainder_fresh))
    )
    arrays = {
        "moved": report.moved,
        "drift": report.drift,
        "drift_fresh": report.drift_fresh,
        "misalignment": 1 - report.alignment,
        "gap": gap,
        "gap_fresh": fresh,
    }
    found = {name: float("nan") if values is None else float(np.max(values)) for name, values in arrays.items()}
    return found | {"margin": report.margin, "holds": report.holds}
