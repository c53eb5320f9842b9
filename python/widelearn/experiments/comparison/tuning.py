"""Tune a method on rows of the training part, and estimate what its choice is worth on the same folds as all others."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from widelearn.experiments.comparison.answers import answer
from widelearn.experiments.comparison.plans import Matrix, Parameters, Sample, TuningPlan
from widelearn.experiments.comparison.scores import ALL, METRICS, Metric, Output, spread

Array = NDArray[Any]
# Up to so many rows kernels are tuned by leave-one-out errors: beyond, folds cost a third, and know as much.
LEFT_OUT_ROWS = 1000
# The gain of predictions that are not finite, and where the metric is undefined: all candidates are equal then.
WORST, UNDEFINED = -1e300, -1e299


def _unchanged(values: Array) -> Array:
    """Return values as they are."""
    return values


@dataclass(frozen=True)
class Folds:
    """The rows that tuning uses, and how they are cut.

    `truth` and `score_weight` are in the user's units; `sample` holds what fits see. `back` gives predictions the
    targets' units. `checked` lists the rows of all folds' checks one after the other, `which` the fold of each.
    """

    sample: Sample
    truth: Array
    score_weight: Matrix | None
    group: Array | None
    pairs: list[tuple[Array, Array]]
    classes: int
    independent: bool = True
    back: Callable[[Array], Array] = _unchanged

    @property
    def checked(self) -> Array:
        """Return the rows of all checks."""
        return np.concatenate([check for _, check in self.pairs])

    @property
    def which(self) -> Array:
        """Return the fold of each checked row."""
        return np.repeat(np.arange(len(self.pairs)), [len(check) for _, check in self.pairs])

    def outputs(self, plan: TuningPlan, outer: Parameters, inner: Sequence[Parameters], fold: int, full: bool) -> Any:
        """Fit on a fold's rows and predict its check, for every inner setting.

        Numbers lose the mean of the fold's rows, as in the last fit that of all: a model without an intercept knows no
        other rows' mean.
        """
        fit, check = self.pairs[fold]
        weight = None if self.sample.weight is None else self.sample.weight[fit]
        y = self.sample.y[fit]
        mean = 0.0 if self.classes else np.average(y, weights=weight)
        part = Sample(self.sample.X[fit], y if self.classes else y - mean, weight)
        ask = partial(answer, classes=self.classes, full=full)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = plan.path(outer, inner, part, self.sample.X[check], ask)
        return found if self.classes else [Output(self.back(one.prediction + mean)) for one in found]

    def left_out(self, plan: TuningPlan, outer: Parameters, inner: Sequence[Parameters]) -> list[Output]:
        """Predict the checked rows by the fits to all other rows, in closed form."""
        if plan.left_out is None:
            raise ValueError("The plan has no left-out predictions.")
        values = [one[self.checked] for one in plan.left_out(outer, inner, self.sample)]
        if not self.classes:
            return [Output(self.back(one)) for one in values]
        return [Output(one.argmax(axis=1), None, one) for one in values]


@dataclass
class Choice:
    """What tuning chose: settings, their cross-validated score with its error, and what it took."""

    outer: Parameters
    inner: Parameters
    cv_score: float | None = None
    cv_se: float | None = None
    settings: int = 1
    edge: list[str] = field(default_factory=list)
    stopped: bool = False
    # Whether the model gives what the metric reads.
    complete: bool = True


class Search:
    """The search over a plan's candidates.

    A candidate is scored on all checked rows at once, and on those of all folds but one: what is best without a fold
    predicts that fold, so that the score of the choice is not that of a winner on the rows that made it win.
    """

    def __init__(self, plan: TuningPlan, folds: Folds, metric: str, deadline: float | None = None) -> None:
        self.plan, self.folds, self.deadline = plan, folds, deadline
        self.metric: Metric = ALL[metric]
        self.complete = True
        self.outer, self.inner = list(plan.outer.settings), list(plan.inner.settings)
        self.gains: dict[tuple[int, int], float] = {}
        self.by_left_out = plan.left_out is not None and folds.independent and len(folds.truth) <= LEFT_OUT_ROWS
        number = len(folds.pairs)
        self.best_without: list[tuple[float, tuple[int, int], Output | None]] = [(-np.inf, (0, 0), None)] * number
        self.stopped = False

    @property
    def best(self) -> tuple[int, int]:
        """Return the candidate with the largest gain, the first of equals."""
        return max(self.gains, key=lambda one: self.gains[one])

    def run(self, on_step: Callable[[int, int], None]) -> None:
        """Try all candidates, then those beyond the edge while the best is there; stop at the deadline."""
        total = len(self.outer) + 1
        for o in range(len(self.outer)):
            if self._late():
                return
            self._try(o, range(len(self.inner)))
            on_step(o + 1, total)
        while (more := self._beyond()) is not None and not self._late():
            self._try(*more)
        for one in self.plan.outer.beside(self.outer[self.best[0]]):
            if self._late():
                return
            self.outer.append(one)
            self._try(len(self.outer) - 1, range(len(self.inner)))
        o, i = self.best
        if not self._late() and (finer := self.plan.inner.beside(self.inner[i])):
            self.inner += finer
            self._try(o, range(len(self.inner) - len(finer), len(self.inner)))

    def _late(self) -> bool:
        """Whether the deadline is past and something was tried."""
        self.stopped = self.deadline is not None and bool(self.gains) and time.monotonic() > self.deadline
        return self.stopped

    def _beyond(self) -> tuple[int, Sequence[int]] | None:
        """Add the next setting beyond an edge; return what is to be tried."""
        o, i = self.best
        if (one := self.plan.outer.beyond(self.outer, self.outer[o])) is not None:
            self.outer.append(one)
            return len(self.outer) - 1, range(len(self.inner))
        if (one := self.plan.inner.beyond(self.inner, self.inner[i])) is not None:
            self.inner.append(one)
            return o, [len(self.inner) - 1]
        return None

    def _try(self, o: int, places: Sequence[int]) -> None:
        """Predict every checked row for one outer and several inner settings, and keep the best."""
        inner = [self.inner[i] for i in places]
        if self.by_left_out:
            outputs = self.folds.left_out(self.plan, self.outer[o], inner)
        else:
            full = self.metric.name not in {"accuracy", "balanced_accuracy"}
            parts = [self.folds.outputs(self.plan, self.outer[o], inner, k, full) for k in range(len(self.folds.pairs))]
            outputs = [joined(one) for one in zip(*parts, strict=True)]
        which = self.folds.which
        for i, output in zip(places, outputs, strict=True):
            self.gains[o, i] = self._gain(output, np.ones(len(which), dtype=bool))
            for k, (best, *_) in enumerate(self.best_without):
                gain = self._gain(output, which != k)
                if gain > best:
                    kept = None if self.by_left_out else output.at(which == k)
                    self.best_without[k] = gain, (o, i), kept

    def _gain(self, output: Output, rows: Array) -> float:
        """Return the metric on some checked rows with the sign by which greater is better."""
        if not np.isfinite(output.prediction).all():
            return WORST
        value = self._measured(output.at(rows), self.folds.checked[rows])[0]
        return self.metric.gain(value) if np.isfinite(value) else UNDEFINED

    def _measured(self, output: Output, rows: Array) -> tuple[float, Array]:
        """Measure; by the task's usual metric where the model does not give what the wanted one reads."""
        weight = None if self.folds.score_weight is None else self.folds.score_weight[rows]
        measured = self.metric(self.folds.truth[rows], output, weight)
        if measured is None:
            # Left-out scores are no probabilities, though the model may have those: squares tune alike.
            self.complete = self.by_left_out
            self.metric = ALL[METRICS[self.metric.task]]
            measured = self.metric(self.folds.truth[rows], output, weight)
        if measured is None:
            raise ValueError(f"The metric {self.metric.name} is not known of these predictions.")
        return measured

    def choice(self, metric: str) -> Choice:
        """Return the best candidate, and the score of choosing so on the folds."""
        o, i = self.best
        edge = [
            str(grid.axis)
            for grid, tried, one in (
                (self.plan.outer, self.outer, self.outer[o]),
                (self.plan.inner, self.inner, self.inner[i]),
            )
            if grid.at_edge(tried, one)
        ]
        chosen = Choice(self.outer[o], self.inner[i], settings=len(self.gains), edge=edge, stopped=self.stopped)
        parts = [self._checked(k, metric) for k in range(len(self.folds.pairs))]
        output, rows = joined(parts), self.folds.checked
        weight = None if self.folds.score_weight is None else self.folds.score_weight[rows]
        measured = ALL[metric](self.folds.truth[rows], output, weight)
        chosen.complete = measured is not None
        if measured is not None and np.isfinite(measured[0]) and np.isfinite(output.prediction).all():
            group = None if self.folds.group is None else self.folds.group[rows]
            error = spread(measured[1], group)
            chosen.cv_score, chosen.cv_se = measured[0], error if np.isfinite(error) else None
        return chosen

    def _checked(self, k: int, metric: str) -> Output:
        """Return what the best candidate without fold k says of its rows."""
        _, (o, i), output = self.best_without[k]
        if output is not None:
            return output
        full = metric not in {"accuracy", "balanced_accuracy"}
        found: Output = self.folds.outputs(self.plan, self.outer[o], [self.inner[i]], k, full)[0]
        return found


def joined(parts: Sequence[Output]) -> Output:
    """Put the outputs of folds one after the other."""

    def together(name: str) -> Any:
        values = [getattr(part, name) for part in parts]
        return None if any(value is None for value in values) else np.concatenate(values)

    return Output(together("prediction"), together("probability"), together("scores"))


def tune(
    plan: TuningPlan,
    folds: Folds,
    metric: str,
    on_step: Callable[[int, int], None] = lambda done, of: None,
    deadline: float | None = None,
) -> Choice:
    """Choose the candidate with the best score over the folds (or left-out rows); the more regular one of equals.

    `deadline` is a time of `time.monotonic`: past it no further candidate is tried.
    """
    search = Search(plan, folds, metric, deadline)
    search.run(on_step)
    return search.choice(metric)


def folds_of(
    arrays: Mapping[str, Array],
    name: str,
    classes: int,
    weight: Matrix | None,
    back: Callable[[Array], Array] = lambda values: values,
    *,
    independent: bool = True,
) -> Folds:
    """Cut the tuning rows of a problem's arrays (`name` "X" or "N"), whose targets are what fits see."""
    rows = arrays["tune"]
    number = sum(one.startswith("fold") and one.endswith("_fit") for one in arrays)
    pairs = [(arrays[f"fold{k}_fit"], arrays[f"fold{k}_check"]) for k in range(number)]
    sample = Sample(arrays[f"{name}_train"][rows], arrays["y_train"][rows], None if weight is None else weight[rows])
    truth = back(sample.y)
    scored, group = arrays.get("w_train"), arrays.get("group_train")
    return Folds(
        sample,
        truth,
        None if scored is None else scored[rows],
        None if group is None else group[rows],
        pairs,
        classes,
        independent,
        back,
    )
