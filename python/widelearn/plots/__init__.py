"""Draw results: rows or fitted objects in, the same Matplotlib axes out; nothing is computed here.

Figures are on the Agg canvas, without a window: save them by ``savefig``.
"""

from widelearn.plots.canvas import axes_of, single, square
from widelearn.plots.comparisons import METRICS, comparison, durations, peaks, scores
from widelearn.plots.forecasts import forecast_panels, learned_modes, learning_curves
from widelearn.plots.inspections import confusion, pairs, reliability, residuals, shares
from widelearn.plots.paths import penalty_path
from widelearn.plots.planes import arrows, neurons, regions
from widelearn.plots.spectra import spectrum
from widelearn.plots.studies import curves, heat, study

__all__ = [
    "METRICS",
    "arrows",
    "axes_of",
    "comparison",
    "confusion",
    "curves",
    "durations",
    "forecast_panels",
    "heat",
    "learned_modes",
    "learning_curves",
    "neurons",
    "pairs",
    "peaks",
    "penalty_path",
    "regions",
    "reliability",
    "residuals",
    "scores",
    "shares",
    "single",
    "spectrum",
    "square",
    "study",
]
