"""Look into the chosen model on the held-out rows: confusion or residuals, calibration, importance, metric."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from widelearn.experiments.comparison.scores import wilson

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[Any]
Loss = Callable[[Any], Array]

# What is written and drawn, and what importance may cost: so many predicted rows, so many a call.
MOST_POINTS, MOST_NAMES = 500, 30
MOST_PREDICTED, MOST_ROWS, MOST_COLUMNS, A_CALL = 100_000, 1_000, 100, 5_000
# A call holds so many cells at most, unless a single copy has more.
MOST_CELLS = 4_000_000
REPEATS = 5
MOST_BINS, LEAST_IN_BIN = 10, 10
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


class Predictor(Protocol):
    """What predicts from raw rows: a label or a number each, and probabilities if it has them."""

    def predict(self, frame: pd.DataFrame) -> Array:
        """Return a label or a number for each row."""

    def predict_proba(self, frame: pd.DataFrame) -> Array | None:
        """Return a probability for each row and class; None for a model without."""


def inspect(
    model: Predictor,
    frame: pd.DataFrame,
    y: Array,
    task: str,
    metric: str,
    seed: int,
    *,
    classes: list[Any] | None = None,
    recursive: Any = None,
) -> dict[str, Any]:
    """Look into a fitted model on rows that it never saw; return what results.json holds as "inspection".

    Parameters
    ----------
    model : Predictor
        Its `predict` gives labels as those of `y`, or numbers.
    frame : DataFrame
        Raw held-out rows.
    y : ndarray
        Their labels or numbers.
    task, metric : str
        Importance is measured by what the metric is about.
    seed : int
        For the rows that are taken and the shuffles.
    classes : list or None
        The labels in the order of the probabilities' columns.
    recursive : FittedModel or None
        A fitted recursive machine beside `model`, whose metric is shown if `model` has none.
    """
    y = np.asarray(y)
    prediction = np.asarray(model.predict(frame))
    found: dict[str, Any] = dict.fromkeys(("confusion", "residuals", "calibration"))
    if task == "regression":
        found["residuals"] = residuals(y.astype(np.float64), prediction.astype(np.float64), seed)
    else:
        labels = [str(label) for label in (np.unique(y) if classes is None else classes)]
        codes = _codes(y, labels)
        found["confusion"] = confusion(codes, _codes(prediction, labels), labels)
        probabilities = model.predict_proba(frame)
        if probabilities is not None:
            found["calibration"] = calibration(codes, probabilities, labels)
    importance, about = _importance(model, frame, y, task, metric, seed, classes)
    machine = next((one for one in (model, recursive) if hasattr(getattr(one, "model", None), "M_")), None)
    return found | {"importance": importance, "importance_about": about, "metric": _metric(machine, frame)}


def _codes(y: Array, labels: list[str]) -> NDArray[np.intp]:
    """Return the positions of labels, by how they are written."""
    places = {label: code for code, label in enumerate(labels)}
    return np.array([places[str(one)] for one in y], dtype=np.intp)


def confusion(truth: NDArray[np.intp], prediction: NDArray[np.intp], labels: list[str]) -> dict[str, Any]:
    """Count the held-out rows: a row for each true class, a column for each predicted one."""
    k = len(labels)
    counts = np.bincount(truth * k + prediction, minlength=k * k).reshape(k, k)
    return {"classes": labels, "matrix": counts.tolist()}


def residuals(truth: Array, prediction: Array, seed: int) -> dict[str, Any]:
    """Return mean and quantiles of prediction minus truth, and at most 500 points."""
    errors = prediction - truth
    rows = np.arange(len(truth))
    if len(rows) > MOST_POINTS:
        rows = np.sort(np.random.default_rng(seed).choice(len(truth), MOST_POINTS, replace=False))
    points = [{"truth": float(truth[row]), "prediction": float(prediction[row])} for row in rows]
    quantiles = {str(level): float(np.quantile(errors, level)) for level in QUANTILES}
    return {"mean": float(errors.mean()), "quantiles": quantiles, "rows": len(truth), "points": points}


def calibration(truth: NDArray[np.intp], probabilities: Array, labels: list[str]) -> dict[str, Any] | None:
    """Return how often what is called likely comes true, in bins of equally many rows; None below 20 rows.

    Of two classes it is the second one's probability, of more that of the likeliest class. Shares have Wilson's 95 %
    intervals; "error" is Σ_b n_b |share_b - probability_b| / n.
    """
    if len(labels) == 2:
        stated, true = probabilities[:, 1], truth == 1
        about = f"the probability of {labels[1]!r}"
    else:
        top = probabilities.argmax(axis=1)
        stated, true = probabilities[np.arange(len(top)), top], truth == top
        about = "the probability of the class that is thought the likeliest"
    number = min(MOST_BINS, len(truth) // LEAST_IN_BIN)
    if number < 2:
        return None
    bins, error = [], 0.0
    for rows in np.array_split(np.argsort(stated, kind="stable"), number):
        share, mean = float(true[rows].mean()), float(stated[rows].mean())
        low, high = wilson(share, 0.0, len(rows))
        error += len(rows) * abs(share - mean) / len(truth)
        one = {"low": float(stated[rows].min()), "high": float(stated[rows].max()), "probability": mean}
        bins.append(one | {"share": share, "lower": low, "upper": high, "rows": len(rows)})
    return {"about": about, "error": error, "bins": bins}


def _importance(
    model: Predictor, frame: pd.DataFrame, y: Array, task: str, metric: str, seed: int, classes: list[Any] | None
) -> tuple[list[dict[str, Any]], str]:
    """Return the mean rise of each row's loss when a raw column is shuffled, with its error over rows; and the budget.

    A column of the table is shuffled whole, whatever it is turned into. Its error is that of the mean over the rows of
    each row's mean rise over the shuffles.
    """
    random = np.random.default_rng(seed)
    columns = [str(name) for name in frame.columns]
    tried = np.arange(len(columns))
    if len(tried) > MOST_COLUMNS:
        tried = np.sort(_companions(frame, np.asarray(model.predict(frame)))[:MOST_COLUMNS])
    most = min(MOST_ROWS, MOST_PREDICTED // (REPEATS * max(1, len(tried))))
    rows = np.arange(len(frame)) if len(frame) <= most else np.sort(random.choice(len(frame), most, replace=False))
    part = frame.iloc[rows]
    loss, name = _loss(model, part, y[rows], y, task, metric, classes)
    orders = [(int(place), random.permutation(len(rows))) for place in tried for _ in range(REPEATS)]
    rises = _shuffled(part, orders, loss) - loss(part)
    found: list[dict[str, Any]] = []
    for place, own in zip(tried, rises.reshape(len(tried), REPEATS, len(rows)).mean(axis=1), strict=True):
        error = float(own.std(ddof=1) / math.sqrt(len(own))) if len(own) > 1 else None
        found.append({"column": columns[place], "value": float(own.mean()), "se": error})
    found.sort(key=lambda one: one["value"], reverse=True)
    which = (
        f"{len(columns)} columns"
        if len(tried) == len(columns)
        else (f"the {len(tried)} of {len(columns):,} columns that go along with the predictions most")
    )
    about = f"{name} when a column of the table is shuffled, {REPEATS} times, over {len(rows):,} held-out rows; {which}"
    return found, about


def _shuffled(part: pd.DataFrame, orders: list[tuple[int, Array]], loss: Loss) -> Array:
    """Return the loss of every row for each column in its order, so many copies a call that memory stays small."""
    import pandas as pd

    n, width = part.shape
    a_call = max(1, min(A_CALL, MOST_CELLS // width) // n)
    losses = []
    for start in range(0, len(orders), a_call):
        some = orders[start : start + a_call]
        copies = pd.concat([part] * len(some), ignore_index=True)
        for place in dict.fromkeys(place for place, _ in some):
            rows = [order if own == place else np.arange(n) for own, order in some]
            copies.isetitem(place, part.iloc[:, place].iloc[np.concatenate(rows)].array)
        losses.append(loss(copies).reshape(len(some), n))
    return np.concatenate(losses)


def _loss(
    model: Predictor, frame: pd.DataFrame, y: Array, whole: Array, task: str, metric: str, classes: list[Any] | None
) -> tuple[Loss, str]:
    """Return a function of copies of `frame` that gives each row's loss, and what its rise is called."""
    if task == "regression":
        return _error_of(model, y.astype(np.float64), float(np.var(whole.astype(np.float64))) or 1.0, metric)
    labels = [str(label) for label in (np.unique(whole) if classes is None else classes)]
    codes = _codes(y, labels)
    if metric in {"log_loss", "brier", "auc"} and model.predict_proba(frame.head(1)) is not None:
        return lambda copies: _brier(model.predict_proba(copies), codes), "rise of the Brier score"
    weight = np.ones(len(codes))
    if metric == "balanced_accuracy":
        counts = np.bincount(codes, minlength=len(labels))
        weight = (len(codes) / (np.count_nonzero(counts) * np.maximum(counts, 1)))[codes]

    def missed(copies: pd.DataFrame) -> Array:
        wrong = _codes(model.predict(copies), labels) != np.resize(codes, len(copies))
        return wrong * np.resize(weight, len(copies))

    return missed, f"fall of the {'balanced accuracy' if metric == 'balanced_accuracy' else 'accuracy'}"


def _error_of(model: Predictor, truth: Array, spread: float, metric: str) -> tuple[Loss, str]:
    if metric == "mae":
        return lambda copies: np.abs(
            model.predict(copies) - np.resize(truth, len(copies))
        ), "rise of the absolute error"
    return lambda copies: (model.predict(copies) - np.resize(truth, len(copies))) ** 2 / spread, "fall of R²"


def _brier(probabilities: Array | None, codes: NDArray[np.intp]) -> Array:
    """Return each row's Σ_k (p_k - [y = k])²."""
    found = np.asarray(probabilities)
    return ((found - np.eye(found.shape[1])[np.resize(codes, len(found))]) ** 2).sum(axis=1)


def _companions(frame: pd.DataFrame, prediction: Array) -> NDArray[np.intp]:
    """Return the places of the columns, first those whose ranks go along with the predictions' ranks the most."""
    import pandas as pd

    target = pd.Series(pd.factorize(prediction, sort=True)[0]).rank().to_numpy()
    strength = np.zeros(frame.shape[1])
    for place in range(frame.shape[1]):
        column = frame.iloc[:, place]
        numbers = pd.to_numeric(column, errors="coerce")
        values = pd.Series(pd.factorize(column.astype(str), sort=True)[0]) if numbers.isna().all() else numbers
        ranks = values.rank().fillna(0.0).to_numpy(dtype=np.float64)
        if ranks.std() > 0 and target.std() > 0:
            strength[place] = abs(np.corrcoef(ranks, target)[0, 1])
    return np.argsort(-strength, kind="stable")


def _metric(machine: Any, frame: pd.DataFrame) -> dict[str, Any] | None:
    """Return each raw column's share of Σ_j M_jj Var(x_j), the largest first; None where M stayed the plain metric."""
    if machine is None:
        return None
    names = [str(name) for name in machine.preparation.get_feature_names_out()]
    learned = np.asarray(machine.model.M_, dtype=np.float64)
    if learned.shape != (len(names), len(names)) or np.allclose(learned, learned[0, 0] * np.eye(len(names))):
        return None
    diagonal = np.diag(learned) * machine.preparation.transform(frame).var(axis=0)
    if not diagonal.sum() > 0:
        return None
    columns = sorted((str(name) for name in machine.preparation.feature_names_in_), key=len, reverse=True)
    shares: dict[str, float] = {}
    for name, value in zip(names, diagonal / diagonal.sum(), strict=True):
        own = next((one for one in columns if name == one or name.startswith((f"{one}=", f"{one} ("))), name)
        shares[own] = shares.get(own, 0.0) + float(value)
    first = sorted(shares.items(), key=lambda item: -item[1])[:MOST_NAMES]
    about = (
        "share of each column in what the recursive feature machine's metric M sees: M_jj times the column's variance"
    )
    return {"about": about, "columns": [{"column": name, "value": value} for name, value in first]}
