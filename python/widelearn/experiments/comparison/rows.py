"""The rows of a comparison: what each method scored on the held-out rows, and how far it is from another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from widelearn.experiments.comparison.methods import DUMMY, Method
from widelearn.experiments.comparison.scores import ALL, Metric, Output, of_task, spread, wilson
from widelearn.experiments.store import number
from widelearn.experiments.tables.problem import Problem

Row = dict[str, Any]
Array = NDArray[Any]
# Fewer repeats tell too little of how splits differ; what one split's rows tell is taken then.
FEWEST_REPEATS = 5


@dataclass(frozen=True)
class HeldOut:
    """What one split holds out, in short: truth, weights, groups, and sizes."""

    seed: int
    truth: Array
    weight: Array | None
    group: Array | None
    n_train: int

    @classmethod
    def of(cls, problem: Problem, seed: int) -> HeldOut:
        """Take it from a problem."""
        arrays = problem.arrays
        found = (arrays["y_test"], arrays.get("w_test"), arrays.get("group_test"))
        return cls(seed, *found, problem.split["n_train"])

    @property
    def share(self) -> float:
        """Return held-out rows a training row."""
        return len(self.truth) / self.n_train


@dataclass
class Kept:
    """What a method said of the first split's held-out rows, and how each held-out row of each split counts."""

    prediction: Array
    probability: Array | None = None
    influences: list[Array] = field(default_factory=list)

    def arrays(self) -> dict[str, Array]:
        """Return it as named arrays."""
        found = {f"influence{k}": one for k, one in enumerate(self.influences)} | {"prediction": self.prediction}
        return found if self.probability is None else found | {"probability": self.probability}

    @classmethod
    def from_arrays(cls, arrays: dict[str, Array]) -> Kept:
        """Return what `arrays` named."""
        number = sum(name.startswith("influence") for name in arrays)
        influences = [arrays[f"influence{k}"] for k in range(number)]
        return cls(arrays["prediction"], arrays.get("probability"), influences)


def empty(method: Method, metric: Metric) -> Row:
    """Return the row of a method of which nothing is known yet."""
    row: Row = {"model": method.name, "package": method.package, "metric": metric.name}
    numbers = ("cv_score", "cv_se", "score", "score_se", "interval")
    row |= dict.fromkeys(numbers) | {"scores": {}, "scores_se": {}, "difference": None, "over_dummy": None}
    row |= {"settings": None, "edge": []} | dict.fromkeys(("tune_s", "fit_s", "predict_s", "total_s", "peak_bytes"))
    return row | {"params": None, "n_used": None, "stopped": False, "weighted": False, "repeats": [], "error": None}


def measured(
    method: Method, metric: Metric, sides: Sequence[HeldOut], outcomes: Sequence[dict[str, Any]], said: Sequence[Output]
) -> tuple[Row, Kept | None]:
    """Make a method's row from the outcome of each split and what it said; held-out targets meet predictions here."""
    row = empty(method, metric)
    row["stopped"] = any(outcome.get("stopped", False) for outcome in outcomes)
    row["error"] = next((outcome["error"] for outcome in outcomes if outcome.get("error") is not None), None)
    for output in said:
        wrong = int((~np.isfinite(output.prediction)).sum())
        if wrong and row["error"] is None:
            row["error"] = f"{wrong} of {len(output.prediction)} predictions are not finite"
    if row["error"] is not None:
        return row, None
    first = outcomes[0]
    row |= {key: first[key] for key in ("params", "n_used", "settings", "edge", "weighted") if key in first}
    for key in ("tune_s", "fit_s", "predict_s", "total_s"):
        row[key] = float(sum(outcome.get(key, 0.0) for outcome in outcomes))
    row["peak_bytes"] = max((outcome.get("peak_bytes", 0) for outcome in outcomes), default=None)
    cross, errors = ([outcome.get(key) for outcome in outcomes] for key in ("cv_score", "cv_se"))
    if None not in cross:
        row["cv_score"] = float(np.mean(np.array(cross, dtype=float)))
        row["cv_se"] = None if None in errors else float(np.sqrt(np.mean(np.array(errors, dtype=float) ** 2)))
    kept = Kept(said[0].prediction, said[0].probability)
    values: dict[str, list[float]] = {}
    for one in of_task(metric.task):
        found = [one(side.truth, output, side.weight) for side, output in zip(sides, said, strict=True)]
        if any(part is None for part in found):
            row["scores"][one.name] = row["scores_se"][one.name] = None
            continue
        parts = [part for part in found if part is not None]
        values[one.name] = [value for value, _ in parts]
        influences = [influence for _, influence in parts]
        row["scores"][one.name] = number(float(np.mean(values[one.name])))
        row["scores_se"][one.name] = number(error_of(values[one.name], influences, sides))
        if one is metric:
            kept.influences = influences
    row["score"], row["score_se"] = row["scores"][metric.name], row["scores_se"][metric.name]
    row["interval"] = _interval(metric, row, sides[0])
    for k, (side, outcome) in enumerate(zip(sides, outcomes, strict=True)):
        score = values[metric.name][k] if metric.name in values else math.nan
        entry = {"seed": side.seed, "cv_score": outcome.get("cv_score"), "score": number(score)}
        row["repeats"].append(entry | {"params": outcome.get("params")})
    return row, kept


def error_of(values: Sequence[float], influences: Sequence[Array], sides: Sequence[HeldOut]) -> float:
    """Return the standard error of the mean of a value over splits.

    From five splits on Nadeau & Bengio's, sqrt((1 / K + n_test / n_train) S²) with S² the variance over the splits,
    which share rows; below, that of one split over other rows held out, as a mean over the splits, which is larger.
    """
    if len(values) >= FEWEST_REPEATS:
        return float(np.sqrt((1 / len(values) + np.mean([side.share for side in sides])) * np.var(values, ddof=1)))
    errors = [spread(one, side.group) for one, side in zip(influences, sides, strict=True)]
    return float(np.sqrt(np.mean(np.square(errors))))


def _interval(metric: Metric, row: Row, side: HeldOut) -> list[float] | None:
    """Return Wilson's interval of an accuracy."""
    if metric.name != "accuracy" or row["score"] is None or row["score_se"] is None:
        return None
    weight = np.ones(len(side.truth)) if side.weight is None else side.weight
    units = float(weight.sum() ** 2 / np.sum(weight**2))
    if side.group is not None:
        units = float(len(np.unique(side.group)))
    return list(wilson(row["score"], row["score_se"], units))


def leader(rows: Sequence[Row], metric: Metric) -> Row | None:
    """Return the row with the best cross-validated score, the first of equals; None if none has one."""
    scored = [row for row in rows if row["error"] is None and row["cv_score"] is not None]
    return max(scored, key=lambda row: metric.gain(row["cv_score"]), default=None)


def compared(rows: Sequence[Row], kept: dict[str, Kept], sides: Sequence[HeldOut], chosen: str | None) -> None:
    """Write into each row by how much it differs from the chosen method and from the baseline, row by held-out row."""
    by_name = {row["model"]: row for row in rows}
    for row in rows:
        for key, name in (("difference", chosen), ("over_dummy", DUMMY)):
            other = by_name.get(name or "")
            row[key] = None if other is None else _between(row, other, kept, sides)


def _between(row: Row, other: Row, kept: dict[str, Kept], sides: Sequence[HeldOut]) -> dict[str, Any] | None:
    one, two = kept.get(row["model"]), kept.get(other["model"])
    if row["score"] is None or other["score"] is None or one is None or two is None:
        return None
    values = [mine["score"] - theirs["score"] for mine, theirs in zip(row["repeats"], other["repeats"], strict=True)]
    influences = [mine - theirs for mine, theirs in zip(one.influences, two.influences, strict=True)]
    return {"value": float(np.mean(values)), "se": number(error_of(values, influences, sides))}


def metric_of(name: str | None, task: str) -> Metric:
    """Return the metric of a name, the task's usual one for None; one of another task, or of none, is refused."""
    from widelearn.experiments.comparison.scores import METRICS
    from widelearn.experiments.errors import InputError, nearest

    name = METRICS[task] if name is None else name
    known = [metric.name for metric in of_task(task)]
    if name in known:
        return ALL[name]
    if name in ALL:
        raise InputError(f"the metric {name} is for {ALL[name].task}, and this is {task}: take {', '.join(known)}")
    raise InputError(f"no metric {name!r}: {nearest(name, list(ALL))}")
