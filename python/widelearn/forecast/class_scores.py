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
# Least span of log errors that a slope is fitted to.
LEAST = 1e-3
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


class ScoreLines:
    """A score of classes by the squared error: at each penalty a line through logarithms at four sizes."""

    def __init__(self, score: Score, looks: list[Sample], curve: KernelCurve) -> None:
        self.score, self.looks, self.curve = score, looks, curve
        self.lines: dict[int, tuple[float, float, float]] = {}

    def at(self, alpha: float, error: float) -> float:
        """Return the score that goes with a squared error."""
        i = int(np.argmin(np.abs(np.log(self.curve.alphas / max(alpha, 1e-300)))))
        if i not in self.lines:
            self.lines[i] = self._line(i)
        x, y, slope = self.lines[i]
        return float(np.exp(y + slope * (np.log(error) - x)))

    def _line(self, i: int) -> tuple[float, float, float]:
        """Return log error and log score of the whole sample, and the slope; of a better fit no score is worse."""
        squared, found = [], []
        for n in self.curve.sizes[-SIZES:]:
            of_size = [look for look in self.looks if look.n == n]
            found.append(np.mean([self.score(values(look, i), look.rows) for look in of_size]))
            squared.append(np.mean([look.error[i] for look in of_size]))
        # No error at all is possible; then there is no slope.
        with np.errstate(divide="ignore"):
            x, y = np.log(squared), np.log(found)
        clear = len(x) > 1 and np.isfinite(y).all() and np.ptp(x) > LEAST
        slope = max(float(np.polyfit(x, y, 1)[0]), 0.0) if clear else 0.0
        return float(x[-1]), float(y[-1]), slope


def values(look: Sample, i: int) -> NDArray[Any]:
    """Return the left-out values that a look kept, at one penalty."""
    if look.left_out is None:
        raise TypeError("The look at the sample kept no left-out values.")
    return look.left_out[i]
