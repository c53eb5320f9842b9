"""What left-out values say of classes: the share of wrong ones, and the log loss of calibrated scores."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

from widelearn.estimators.labels import Labels
from widelearn.forecast.curves import KernelCurve
from widelearn.forecast.samples import Sample

# Sizes of blocks by which a score goes with the squared error, from the whole sample on.
SIZES = 4
Score = Callable[[NDArray[Any], NDArray[np.intp]], float]


class ClassScores:
    """Scores of left-out values of rows whose labels are known."""

    def __init__(self, labels: Labels, y: Any) -> None:
        self.labels, self.y = labels, np.asarray(y)
        self.positions = np.searchsorted(labels.classes, self.y) if not labels.multilabel else None

    def error_rate(self, values: NDArray[Any], rows: NDArray[np.intp]) -> float:
        """Return the share of rows, or of their labels, that are decided wrong; of none half a row."""
        values = values[:, 0] if values.shape[1] == 1 and not self.labels.multilabel else values
        wrong = self.labels.decide(values) != self.y[rows]
        return max(float(np.mean(wrong)), 0.5 / len(rows))

    def log_loss(self, values: NDArray[Any], rows: NDArray[np.intp]) -> float:
        """Return the mean log loss of the scores times their best factor; NaN for a multilabel indicator."""
        if self.positions is None:
            return np.nan
        scores = np.hstack([-values, values]) if values.shape[1] == 1 else values
        scores, at = np.asarray(scores, dtype=np.float64), self.positions[rows]
        own = scores[np.arange(len(rows)), at]

        def loss(log_factor: float) -> float:
            factor = np.exp(log_factor)
            return float(np.mean(logsumexp(factor * scores, axis=1) - factor * own))

        return float(minimize_scalar(loss, bounds=(-4.0, 5.0), method="bounded", options={"xatol": 1e-2}).fun)


def score_at(score: Score, looks: list[Sample], curve: KernelCurve, alpha: float, error: float) -> float:
    """Return the score that goes with a squared error: by a line through their logarithms at blocks of four sizes."""
    i = int(np.argmin(np.abs(np.log(curve.alphas / alpha))))
    squared, found = [], []
    for n in curve.sizes[-SIZES:]:
        of_size = [look for look in looks if look.n == n and look.left_out is not None]
        found.append(np.mean([score(look.left_out[i], look.rows) for look in of_size if look.left_out is not None]))
        squared.append(np.mean([look.error[i] for look in of_size]))
    if not np.isfinite(found).all():
        return np.nan
    x, y = np.log(squared), np.log(found)
    if len(x) < 2 or np.ptp(x) < 1e-3:
        return float(found[-1])
    # A better fit has no worse score: a slope against that is noise.
    slope = max(float(np.polyfit(x, y, 1)[0]), 0.0)
    return float(np.exp(y[-1] + slope * (np.log(error) - x[-1])))
