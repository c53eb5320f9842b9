"""The map from fitted values of classes to probabilities, fitted to values that have not seen their own rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special
from scipy.optimize import minimize

from widelearn.estimators.labels import Labels
from widelearn.runtime import Array

# Weight of the squared offsets beside one row: what all offsets of a softmax share is no matter of the rows.
FLAT = 1e-6


@dataclass(frozen=True)
class Calibration:
    """Values v become odds: v_c times a slope plus the offset of column c, on their way into the softmax or logistic.

    All classes of a softmax share a slope (1,), the inverse of a temperature; each label of an indicator has its own.
    """

    labels: Labels
    slope: Array
    offset: Array

    @classmethod
    def of(cls, labels: Labels, scores: Array, codes: Array, weight: Array | None) -> Calibration:
        """Return the map of the least log loss of scores (n, t), whose rows have codes +1 or -1 and weights."""
        weight = np.ones(len(scores)) if weight is None else weight / weight.mean()
        # Scores about 1, so that slopes are.
        scale = np.sqrt(np.mean(np.square(scores), axis=0 if labels.multilabel else None, keepdims=True)).ravel()
        scale = np.where((scale > 0.0) & np.isfinite(scale), scale, 1.0)
        hits = smoothed(codes > 0, weight)
        if labels.multilabel or scores.shape[1] == 1:
            pairs = (fitted(scores[:, [j]] / scale[j], hits[:, [j]], weight) for j in range(scores.shape[1]))
            slope, offset = (np.concatenate(each) for each in zip(*pairs, strict=True))
        else:
            slope, offset = fitted(scores / scale, hits / hits.sum(axis=1, keepdims=True), weight)
        return cls(labels, slope / scale, offset)

    def probabilities(self, values: Array) -> Array:
        """Return probabilities (n, n_classes), or of labels (n, t), by fitted values (n, t)."""
        if not self.labels.multilabel and len(self.labels.classes) == 1:
            return np.ones((len(values), 1))
        return self.labels.probabilities(values * self.slope + self.offset)


def smoothed(hits: Array, weight: Array) -> Array:
    """Return how sure hits (n, t) are of N: (N₊ + 1) / (N₊ + 2), and 1 / (N₋ + 2) of what is none.

    Source: Platt, "Probabilistic outputs for support vector machines", 1999, section 2.2.
    """
    positive = weight @ hits
    negative = weight.sum() - positive
    return np.asarray(np.where(hits, (positive + 1.0) / (positive + 2.0), 1.0 / (negative + 2.0)))


def fitted(scores: Array, aims: Array, weight: Array) -> tuple[Array, Array]:
    """Return the slope (1,), at least 0, and offsets (t,) of the least log loss.

    That is of the logistic function for one column, and of the softmax for several.
    """
    single = scores.shape[1] == 1

    def loss(point: Array) -> tuple[float, Array]:
        odds = scores * point[0] + point[1:]
        total = np.logaddexp(0.0, odds) if single else special.logsumexp(odds, axis=1, keepdims=True)
        gap = (special.expit(odds) if single else np.exp(odds - total)) - aims
        value = weight @ (total[:, 0] - (aims * odds).sum(axis=1)) + FLAT * np.square(point[1:]).sum()
        slope = weight @ (gap * scores).sum(axis=1)
        return float(value), np.concatenate([[slope], weight @ gap + 2 * FLAT * point[1:]])

    start = np.concatenate([[1.0], np.zeros(scores.shape[1])])
    objective: Any = loss
    bounds: Any = [(0.0, None)] + [(None, None)] * scores.shape[1]
    options: dict[str, Any] = {"maxiter": 500, "ftol": 1e-12, "gtol": 1e-8 * len(scores)}
    found = minimize(objective, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    return found.x[:1], found.x[1:]
