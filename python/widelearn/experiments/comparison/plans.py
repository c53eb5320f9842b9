"""How a method is tuned: an outer grid of representations, an inner grid of fits on each, a fixed number in all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import has_fit_parameter

from widelearn.experiments.comparison.scores import Output

Parameters = dict[str, Any]
Matrix = NDArray[np.float64]

N_COMPONENTS = 1024


@dataclass(frozen=True)
class Grid:
    """Settings to try, the most regular first: the first wins a tie.

    While the best setting has the least or the largest value of `axis`, the next one by `factor` is tried, at most
    `growth` more at each end. A `fine` grid ends with the two settings half a step beside the best.
    """

    settings: tuple[Parameters, ...] = ({},)
    axis: str | None = None
    factor: float = 10.0
    growth: int = 0
    fine: bool = False

    def beside(self, best: Parameters) -> list[Parameters]:
        """Return the settings half a step beside the best one."""
        if not self.fine or self.axis is None:
            return []
        half = self.factor**0.5
        return [best | {self.axis: float(f"{best[self.axis] * step:.4g}")} for step in (1 / half, half)]

    def beyond(self, settings: Sequence[Parameters], best: Parameters) -> Parameters | None:
        """Return the setting next to the best one outside of those tried; None where it is inside, or growth ended."""
        if self.axis is None or not self.at_edge(settings, best):
            return None
        values = [one[self.axis] for one in settings]
        up = best[self.axis] == max(values)
        first = [one[self.axis] for one in self.settings]
        grown = sum(value > max(first) if up else value < min(first) for value in values)
        value = best[self.axis] * (self.factor if up else 1 / self.factor)
        return best | {self.axis: float(f"{value:.4g}")} if grown < self.growth else None

    def at_edge(self, settings: Sequence[Parameters], best: Parameters) -> bool:
        """Whether the best setting has the least or the largest value that was tried."""
        if self.axis is None or len(settings) < 2:
            return False
        values = [one[self.axis] for one in settings]
        return best[self.axis] in {min(values), max(values)}


def powers(name: str, exponents: Sequence[float], growth: int = 3) -> Grid:
    """Return a grid of powers of ten that goes on beyond its ends, and ends beside the best."""
    return Grid(tuple({name: 10.0**exponent} for exponent in exponents), name, 10.0, growth, fine=growth > 0)


LINEAR_ALPHAS = powers("alpha", (4, 3, 2, 1, 0, -1, -2))
ALPHAS = powers("alpha", (2, 1, 0, -1, -2, -3, -4), 4)
NOTHING = Grid()


# Columns of rows beyond which networks try fewer settings, and recursive machines a diagonal metric.
WIDE = 1000


@dataclass(frozen=True)
class Setting:
    """What a method may know before it is tuned."""

    task: str
    seed: int
    # The sum of the training columns' variances, the scale of squared distances.
    variance: float
    # Rows that tuning uses, classes (0 for numbers), and which columns of the native rows are categories.
    rows: int = 1000
    classes: int = 0
    categorical: tuple[bool, ...] = ()
    threads: int | None = None
    # All training rows, and their columns as numbers.
    train: int = 1000
    columns: int = 1

    @property
    def classify(self) -> bool:
        """Whether the task is classification."""
        return self.task == "classification"

    @property
    def small(self) -> bool:
        """Whether tuning has so few rows that fits are cheap and large leaves hold everything."""
        return self.rows < 1000

    @property
    def wide(self) -> bool:
        """Whether there are so many columns that what is fitted to each of them takes seconds."""
        return self.columns > WIDE

    def gammas(self) -> Grid:
        """Return widths of the RBF kernel around the usual 1 / (sum of the columns' variances); more beyond."""
        values = (float(f"{factor / self.variance:.4g}") for factor in (0.25, 1.0, 4.0))
        return Grid(tuple({"gamma": value} for value in values), "gamma", 4.0, 4, fine=True)


@dataclass(frozen=True)
class Sample:
    """Rows that a fit sees: X, y, and weights or None."""

    X: Matrix
    y: NDArray[Any]
    weight: Matrix | None = None


# From an outer setting, inner settings, a sample, rows to predict and how to ask a model: an output an inner setting.
Path = Callable[[Parameters, Sequence[Parameters], Sample, Matrix, Callable[[Any, Matrix], Output]], list[Output]]
# Left-out predictions of the sample's own rows in closed form: numbers, or a score for each class.
LeftOut = Callable[[Parameters, Sequence[Parameters], Sample], list[Matrix]]


@dataclass(frozen=True)
class TuningPlan:
    """How one method is tuned and built: candidates are pairs of an outer and an inner setting.

    `path` fits all inner settings for one outer setting, `final` builds the estimator of both on raw rows. `fixed`
    parameters are reported, not tuned. `left_out`, where there is one, tunes small tables. `native` plans fit rows
    whose missing numbers are nan and whose categories are codes. `learned` reads further parameters off a fit.
    """

    outer: Grid
    inner: Grid
    path: Path
    final: Callable[[Parameters, Parameters], BaseEstimator]
    fixed: Parameters = field(default_factory=dict)
    left_out: LeftOut | None = None
    native: bool = False
    learned: Callable[[BaseEstimator], Parameters] | None = None

    def only(self, chosen: Parameters) -> TuningPlan:
        """Return the plan of the one candidate that was chosen before: as it is reported, fixed parameters included."""
        parts = [
            {name: chosen[name] for name in grid.settings[0] if name in chosen} for grid in (self.outer, self.inner)
        ]
        rest = {name: value for name, value in chosen.items() if name not in parts[0] | parts[1]}
        known = all(self.fixed.get(name, value) == value for name, value in rest.items())
        if not known or any(
            part.keys() != grid.settings[0].keys() for part, grid in zip(parts, (self.outer, self.inner), strict=True)
        ):
            raise ValueError(f"No candidate has the parameters {chosen}.")
        return replace(self, outer=Grid((parts[0],)), inner=Grid((parts[1],)))


def fit_on(estimator: Any, X: Matrix, y: NDArray[Any], weight: Matrix | None) -> Any:
    """Fit, handing the weights to the step that takes them if it does, and return the estimator."""
    if weight is None or not takes_weights(estimator):
        return estimator.fit(X, y)
    key = f"{estimator.steps[-1][0]}__sample_weight" if isinstance(estimator, Pipeline) else "sample_weight"
    return estimator.fit(X, y, **{key: weight})


def takes_weights(estimator: Any) -> bool:
    """Whether a fit takes weights of rows, a pipeline's by its last step."""
    last = estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator
    return bool(has_fit_parameter(last, "sample_weight"))


def plain(
    build: Callable[[Parameters], BaseEstimator],
    grid: Grid = NOTHING,
    fixed: Parameters | None = None,
    *,
    native: bool = False,
) -> TuningPlan:
    """Plan an estimator that is fitted on the rows as they are."""

    def path(outer: Parameters, inner: Sequence[Parameters], fit: Sample, X: Matrix, ask: Any) -> list[Output]:
        return [ask(fit_on(build(outer | one), fit.X, fit.y, fit.weight), X) for one in inner]

    return TuningPlan(grid, NOTHING, path, lambda outer, inner: build(outer | inner), fixed or {}, native=native)


def on_features(
    outer: Grid,
    features: Callable[[Parameters], Any],
    solver: Callable[[Parameters], BaseEstimator],
    final: Callable[[Parameters, Parameters], BaseEstimator],
) -> TuningPlan:
    """Plan ridge on a random feature map: the map is applied once for all alphas."""

    def path(outer: Parameters, inner: Sequence[Parameters], fit: Sample, X: Matrix, ask: Any) -> list[Output]:
        fitted = features(outer).fit(fit.X)
        A, B = fitted.transform(fit.X), fitted.transform(X)
        return [ask(fit_on(solver(one), A, fit.y, fit.weight), B) for one in inner]

    return TuningPlan(outer, ALPHAS, path, final, {"n_components": N_COMPONENTS})


def on_kernel(
    outer: Grid,
    kernel: Callable[[Parameters], Callable[..., Matrix]],
    solver: Callable[[Parameters], BaseEstimator],
    final: Callable[[Parameters, Parameters], BaseEstimator],
    left_out: LeftOut | None = None,
) -> TuningPlan:
    """Plan kernel ridge: the kernel is evaluated once for all alphas."""

    def path(outer: Parameters, inner: Sequence[Parameters], fit: Sample, X: Matrix, ask: Any) -> list[Output]:
        if len(inner) == 1:
            # No matrix is shared, and a model that has its rows has probabilities, too.
            return [ask(fit_on(final(outer, inner[0]), fit.X, fit.y, fit.weight), X)]
        values = kernel(outer)
        A, B = values(fit.X), values(X, fit.X)
        return [ask(fit_on(solver(one), A, fit.y, fit.weight), B) for one in inner]

    return TuningPlan(outer, ALPHAS, path, final, left_out=left_out)


def staged(
    outer: Grid, stages: Sequence[int], build: Callable[[Parameters], BaseEstimator], *, native: bool
) -> TuningPlan:
    """Plan boosting: one fit of the most iterations tries fewer, too."""

    def path(outer: Parameters, inner: Sequence[Parameters], fit: Sample, X: Matrix, ask: Any) -> list[Output]:
        wanted = [one["max_iter"] for one in inner]
        model = fit_on(build(outer | {"max_iter": max(wanted)}), fit.X, fit.y, fit.weight)
        outputs = {}
        for iteration, values in enumerate(_stages(model, X), start=1):
            if iteration in wanted:
                outputs[iteration] = ask(_Stage(model, values), X)
        return [outputs[min(one, len(outputs) and max(outputs))] for one in wanted]

    grid = Grid(tuple({"max_iter": stage} for stage in stages), "max_iter")
    return TuningPlan(outer, grid, path, lambda outer, inner: build(outer | inner), native=native)


def _stages(model: Any, X: Matrix) -> Any:
    return model.staged_predict_proba(X) if hasattr(model, "staged_predict_proba") else model.staged_predict(X)


class _Stage:
    """A boosted model after some of its iterations, for the rows it was asked about."""

    def __init__(self, model: Any, values: Matrix) -> None:
        self.values, self.start = values, 0
        if hasattr(model, "classes_"):
            self.classes_ = model.classes_
            self.predict_proba = self._next

    def _next(self, X: Matrix) -> Matrix:
        self.start += len(X)
        return self.values[self.start - len(X) : self.start]

    def predict(self, X: Matrix) -> NDArray[Any]:
        """Return the labels or numbers of the next rows."""
        values = self._next(X)
        self.start %= len(self.values)
        return np.asarray(self.classes_[values.argmax(axis=1)]) if hasattr(self, "classes_") else values
