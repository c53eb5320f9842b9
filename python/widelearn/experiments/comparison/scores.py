"""Score predictions on rows that were held out, each score with its standard error, and differences of scores."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Measured = tuple[float, Array]
# The metric that chooses where the user names none.
METRICS = {"classification": "accuracy", "regression": "r2"}
# Probabilities below count as this one, so that a certain error is dear and not infinite.
LEAST_PROBABILITY = 1e-15
# Numbers that differ by less than this share of the largest are one number, rounded.
CONSTANT = 1e-14
# Of a standard normal variable: 95 % lie within.
Z = 1.959963984540054


@dataclass(frozen=True)
class Output:
    """What a model says of rows: labels or numbers, and for classes perhaps probabilities and scores, a column each."""

    prediction: NDArray[Any]
    probability: Array | None = None
    scores: Array | None = None

    def at(self, rows: NDArray[Any]) -> "Output":
        """Return the same of some of the rows."""
        parts = (self.prediction, self.probability, self.scores)
        return Output(*(None if part is None else part[rows] for part in parts))  # type: ignore[arg-type]

    def ranking(self) -> Array | None:
        """Return what orders the rows of each class: probabilities, or else scores."""
        return self.scores if self.probability is None else self.probability


@dataclass(frozen=True)
class Metric:
    """One metric: its task, whether greater is better, and how it is measured.

    `measure(y, output, weight)` returns the value and what each row adds to its error: the derivative by the row's
    weight times the weight, so that the squares of sums over independent rows or groups add up to the variance.
    """

    name: str
    task: str
    greater: bool
    measure: Callable[[NDArray[Any], Output, Array], Measured | None]

    def __call__(self, y: NDArray[Any], output: Output, weight: Array | None = None) -> Measured | None:
        """Return value and influences; None if the output lacks what the metric reads, nan where it is undefined."""
        if not len(y):
            return float("nan"), np.zeros(0)
        with np.errstate(all="ignore"):
            return self.measure(y, output, np.ones(len(y)) if weight is None else np.asarray(weight, dtype=float))

    def gain(self, value: float) -> float:
        """Return the value with the sign by which greater is better."""
        return value if self.greater else -value


def _mean(values: Array, weight: Array) -> Measured:
    value = float(np.average(values, weights=weight))
    return value, weight * (values - value) / weight.sum()


def _accuracy(y: NDArray[Any], output: Output, weight: Array) -> Measured:
    return _mean((y == output.prediction).astype(np.float64), weight)


def _balanced_accuracy(y: NDArray[Any], output: Output, weight: Array) -> Measured:
    codes = np.unique(y, return_inverse=True)[1]
    hit = (y == output.prediction).astype(np.float64)
    totals = np.bincount(codes, weights=weight)
    recalls = np.bincount(codes, weights=weight * hit) / totals
    return float(recalls.mean()), weight * (hit - recalls[codes]) / (totals[codes] * len(totals))


def _auc(y: NDArray[Any], output: Output, weight: Array) -> Measured | None:
    """Return the mean over classes of the area under one class against the others; DeLong's components."""
    ranking = output.ranking()
    if ranking is None:
        return None
    columns = [1] if ranking.shape[1] == 2 else [c for c in range(ranking.shape[1]) if (y == c).any()]
    parts = [_area(y == column, ranking[:, column], weight) for column in columns]
    return float(np.mean([value for value, _ in parts])), np.mean([part for _, part in parts], axis=0)


def _area(positive: NDArray[np.bool_], score: Array, weight: Array) -> Measured:
    """Return the weighted share of pairs in the right order, ties half, and its influences."""
    if positive.all() or not positive.any():
        return float("nan"), np.zeros(len(score))
    codes = np.unique(score, return_inverse=True)[1]

    def below(rows: NDArray[np.bool_]) -> Array:
        here = np.bincount(codes, weights=weight * rows, minlength=codes.max() + 1)
        return np.asarray(((np.cumsum(here) - here / 2) / here.sum())[codes])

    places = np.where(positive, below(~positive), 1.0 - below(positive))
    totals = np.where(positive, weight[positive].sum(), weight[~positive].sum())
    value = float(np.average(places[positive], weights=weight[positive]))
    return value, weight * (places - value) / totals


def _log_loss(y: NDArray[Any], output: Output, weight: Array) -> Measured | None:
    if output.probability is None:
        return None
    chosen = output.probability[np.arange(len(y)), y.astype(np.intp)] / output.probability.sum(axis=1)
    return _mean(-np.log(np.clip(chosen, LEAST_PROBABILITY, 1.0)), weight)


def _brier(y: NDArray[Any], output: Output, weight: Array) -> Measured | None:
    """Return scikit-learn's Brier score: squared errors summed over classes, halved for two."""
    if output.probability is None:
        return None
    classes = output.probability.shape[1]
    errors = ((output.probability - (y[:, None] == np.arange(classes))) ** 2).sum(axis=1)
    return _mean(errors / 2 if classes == 2 else errors, weight)


def _r2(y: NDArray[Any], output: Output, weight: Array) -> Measured:
    apart = y - np.average(y, weights=weight)
    # In units of the largest, squares neither vanish nor overflow; what is less than a few roundings of y is none.
    unit = float(np.abs(apart).max())
    if unit <= CONSTANT * float(np.abs(y).max()):
        return float("nan"), np.zeros(len(y))
    centred = (apart / unit) ** 2
    variation = float(np.sum(weight * centred))
    if not variation > 0.0:
        return float("nan"), np.zeros(len(y))
    errors = ((y - output.prediction) / unit) ** 2
    share = float(np.sum(weight * errors)) / variation
    return 1.0 - share, weight * (share * centred - errors) / variation


def _rmse(y: NDArray[Any], output: Output, weight: Array) -> Measured:
    errors = y - output.prediction
    unit = float(np.abs(errors).max())
    if not unit:
        return 0.0, np.zeros(len(y))
    square, influence = _mean((errors / unit) ** 2, weight)
    root = float(np.sqrt(square))
    return root * unit, influence * unit / (2 * root) if root else np.zeros(len(y))


def _mae(y: NDArray[Any], output: Output, weight: Array) -> Measured:
    return _mean(np.abs(y - output.prediction), weight)


ALL = {
    metric.name: metric
    for metric in (
        Metric("accuracy", "classification", True, _accuracy),
        Metric("balanced_accuracy", "classification", True, _balanced_accuracy),
        Metric("auc", "classification", True, _auc),
        Metric("log_loss", "classification", False, _log_loss),
        Metric("brier", "classification", False, _brier),
        Metric("r2", "regression", True, _r2),
        Metric("rmse", "regression", False, _rmse),
        Metric("mae", "regression", False, _mae),
    )
}


def of_task(task: str) -> list[Metric]:
    """Return the metrics of a task."""
    return [metric for metric in ALL.values() if metric.task == task]


def spread(influence: Array, group: NDArray[Any] | None = None) -> float:
    """Return the standard error of a value with these influences over other samples of rows, or of groups.

    The square root of the sum of squares, for accuracy of independent rows the binomial sqrt(a (1 - a) / n); with
    groups, whose rows may depend on each other, of the groups' sums, times sqrt(m / (m - 1)) for m groups.
    The spread of the difference of two influences is that of a paired difference. One row or group gives nan.
    """
    units = influence
    if group is not None:
        codes = np.unique(group, return_inverse=True)[1].ravel()
        units = np.asarray(np.bincount(codes, weights=influence), dtype=np.float64)
    if len(units) < 2:
        return float("nan")
    return float(np.sqrt(np.sum(units**2) * (1.0 if group is None else len(units) / (len(units) - 1))))


def wilson(value: float, error: float, units: float) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share; rows that weights or groups bind together count as fewer.

    `units` is their number where no `error` tells: of a share of 0 or 1, and of rows that each count as one, given 0.
    """
    number = value * (1 - value) / error**2 if error > 0 and 0 < value < 1 else units
    middle = (value + Z**2 / (2 * number)) / (1 + Z**2 / number)
    half = Z * np.sqrt(value * (1 - value) / number + Z**2 / (4 * number**2)) / (1 + Z**2 / number)
    # Rounding must not put an end of 0 or 1 on the other side of the share.
    return float(max(0.0, min(value, middle - half))), float(min(1.0, max(value, middle + half)))


def score(task: str, y: NDArray[Any], prediction: NDArray[Any], weight: Array | None = None) -> float:
    """Return the accuracy (classification) or R² (regression), weighted by `weight`.

    Accuracy is Σ w [y = p] / Σ w, R² is 1 - Σ w (y - p)² / Σ w (y - ȳ)² with the weighted mean ȳ; nan if y is constant.
    """
    measured = ALL[METRICS[task]](y, Output(prediction), weight)
    return float("nan") if measured is None else measured[0]


def standard_error(
    task: str, y: NDArray[Any], prediction: NDArray[Any], weight: Array | None = None, group: NDArray[Any] | None = None
) -> float:
    """Return the standard error of `score`, that of `spread`; a constant y gives nan for R²."""
    measured = ALL[METRICS[task]](y, Output(prediction), weight)
    return float("nan") if measured is None or not np.isfinite(measured[0]) else spread(measured[1], group)
