"""Score predictions on rows that were held out, each score with its standard error."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

METRICS = {"classification": "accuracy", "regression": "r2"}
Array = NDArray[np.float64]


def score(task: str, y: NDArray[Any], prediction: NDArray[Any], weight: Array | None = None) -> float:
    """Return the accuracy (classification) or R² (regression), weighted by `weight`.

    Accuracy is Σ w [y = p] / Σ w, R² is 1 - Σ w (y - p)² / Σ w (y - ȳ)² with the weighted mean ȳ; nan if y is constant.
    """
    totals = _totals(task, y, prediction, weight).sum(axis=1)
    return float(_ratio(task, totals))


def standard_error(
    task: str, y: NDArray[Any], prediction: NDArray[Any], weight: Array | None = None, group: NDArray[Any] | None = None
) -> float:
    """Return the standard error of `score` over other held-out samples.

    Accuracy of independent rows: binomial, sqrt(a (1 - a) / n), with weights sqrt(Σ w² ([y = p] - a)²) / Σ w.
    R², and either metric when rows come in groups: the delete-one jackknife over rows or groups, in closed form.
    Rows of one group may depend on each other. One row or group, or a constant y, gives nan.
    """
    totals = _totals(task, y, prediction, weight)
    if task == "classification" and group is None:
        weights, hits = totals
        accuracy = hits.sum() / weights.sum()
        correct = (y == prediction).astype(np.float64)
        return float(np.sqrt(np.sum(weights**2 * (correct - accuracy) ** 2)) / weights.sum())
    if group is not None:
        codes = np.unique(group, return_inverse=True)[1].ravel()
        totals = np.stack([np.bincount(codes, weights=row) for row in totals])
    units = totals.shape[1]
    if units < 2:
        return float("nan")
    left_out = _ratio(task, totals.sum(axis=1, keepdims=True) - totals)
    return float(np.sqrt((units - 1) / units * np.sum((left_out - left_out.mean()) ** 2)))


def _totals(task: str, y: NDArray[Any], prediction: NDArray[Any], weight: Array | None) -> Array:
    """Return the additive parts of the score, a row each, a column for each sample."""
    weights = np.ones(len(y)) if weight is None else np.asarray(weight, dtype=np.float64)
    if task == "classification":
        return np.stack([weights, weights * (y == prediction)])
    centred = y - np.average(y, weights=weights)
    return np.stack([weights, weights * centred, weights * centred**2, weights * (y - prediction) ** 2])


def _ratio(task: str, totals: Array) -> Array:
    """Return the score from summed parts."""
    with np.errstate(divide="ignore", invalid="ignore"):
        if task == "classification":
            return np.asarray(totals[1] / totals[0])
        variation = totals[2] - totals[1] ** 2 / totals[0]
        return np.where(variation > 1e-12 * np.abs(totals[2]), 1.0 - totals[3] / variation, np.nan)
