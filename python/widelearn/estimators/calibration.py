"""The map from fitted values of classes to probabilities, fitted to values that have not seen their own rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special
from scipy.optimize import brentq

from widelearn.estimators.labels import Labels
from widelearn.runtime import Array

# Doublings of the slope that are tried, and what it is at least, so that the predicted class is the most probable one.
DOUBLINGS, LEAST = 60, 1e-6


@dataclass(frozen=True)
class Calibration:
    """Values v times a slope, the inverse of a temperature, are odds: of the softmax, or of the logistic function.

    All classes share one slope (1,), and each label of an indicator has its own. Ridge regression on +1 and -1 aims at
    2 p - 1, which is zero where p is a half, so there is no offset: the most probable class is the predicted one.
    """

    labels: Labels
    slope: Array

    @classmethod
    def of(cls, labels: Labels, scores: Array, codes: Array, weight: Array | None) -> Calibration:
        """Return the map of the least log loss of scores (n, t), whose rows have codes +1 or -1 and weights.

        A row of weight w counts as w rows; weights whose mean is below 1 count by their shares alone.
        """
        weight = np.ones(len(scores)) if weight is None else weight / min(weight.mean(), 1.0)
        aims = smoothed(codes > 0, weight)
        if labels.multilabel or scores.shape[1] == 1:
            each = [steepness(scores[:, [j]], aims[:, [j]], weight) for j in range(scores.shape[1])]
            return cls(labels, np.array(each))
        return cls(labels, np.array([steepness(scores, aims / aims.sum(axis=1, keepdims=True), weight)]))

    def probabilities(self, values: Array) -> Array:
        """Return probabilities (n, n_classes), or of labels (n, t), by fitted values (n, t)."""
        if not self.labels.multilabel and len(self.labels.classes) == 1:
            return np.ones((len(values), 1))
        return self.labels.probabilities(values * self.slope)


def smoothed(hits: Array, weight: Array) -> Array:
    """Return how sure hits (n, t) are of N: (N₊ + 1) / (N₊ + 2), and 1 / (N₋ + 2) of what is none.

    Source: Platt, "Probabilistic outputs for support vector machines", 1999, section 2.2.
    """
    positive = weight @ hits
    negative = weight.sum() - positive
    return np.asarray(np.where(hits, (positive + 1.0) / (positive + 2.0), 1.0 / (negative + 2.0)))


def steepness(scores: Array, aims: Array, weight: Array) -> float:
    """Return the slope of the least log loss, above 0: logistic for one column, else of the softmax."""
    size = float(np.abs(scores).max(initial=0.0))
    if not 0.0 < size < np.inf:
        return 1.0
    scores = scores / size

    def rise(slope: float) -> float:
        found = special.expit(slope * scores) if scores.shape[1] == 1 else special.softmax(slope * scores, axis=1)
        return float(weight @ ((found - aims) * scores).sum(axis=1))

    # The loss is convex, and rises in the end: aims are never 0 or 1.
    if rise(LEAST) >= 0.0:
        return LEAST / size
    high = next((2.0**k for k in range(DOUBLINGS) if rise(2.0**k) >= 0.0), None)
    return (2.0**DOUBLINGS if high is None else float(brentq(rise, LEAST, high, rtol=1e-12))) / size
