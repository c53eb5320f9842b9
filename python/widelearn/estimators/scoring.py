"""Left-out predictions scored by scikit-learn's scorers, or by functions like them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from widelearn.estimators.choice import Choice, best_by_score
from widelearn.estimators.labels import Labels
from widelearn.estimators.units import ONES, Units
from widelearn.runtime import Array, check_memory

Scorer = str | Callable[..., Any] | None
PREDICTION = "A left-out prediction"


class Predicted(RegressorMixin, BaseEstimator):
    """A regressor whose predictions are what it is given as rows."""

    def fit(self, X: Array, y: Array) -> Self:
        """Learn nothing."""
        return self

    def predict(self, X: Array) -> Array:
        """Return predictions."""
        return X


class Decided(ClassifierMixin, BaseEstimator):
    """A classifier whose decision values are what it is given as rows."""

    def __init__(self, labels: Labels) -> None:
        self.labels = labels

    def fit(self, X: Array, y: Array) -> Self:
        """Learn nothing."""
        return self

    @property
    def classes_(self) -> Array:
        """The classes."""
        return self.labels.classes

    def decision_function(self, X: Array) -> Array:
        """Return decision values."""
        return X

    def predict(self, X: Array) -> Array:
        """Return the class of every row, or its labels."""
        return self.labels.decide(X)


@dataclass(frozen=True)
class Scoring:
    """A scorer, of which larger is better; the labels of a classifier, and whether there is no targets' axis."""

    scorer: Any
    name: str
    labels: Labels | None
    flat: bool

    @classmethod
    def of(cls, estimator: Any, rows: Any) -> Self | None:
        """Return what an estimator's `scoring` says of its rows; None where it says nothing."""
        scoring = estimator.scoring
        if scoring is None:
            return None
        # Here, for it takes long to load.
        from sklearn.metrics import check_scoring

        name = scoring if isinstance(scoring, str) else getattr(scoring, "__name__", repr(scoring))
        return cls(check_scoring(estimator, scoring=scoring), f"{name:.80}", rows.labels, rows.flat)

    def __call__(self, Y: Array, values: Array, weight: Array | None) -> float:
        """Return the score of values (n, t) for targets or codes, of which rows with a weight are weighed by it."""
        y, seen = self._shaped(Y), self._shaped(values)
        judged: Any = Predicted() if self.labels is None else Decided(self.labels)
        y = y if self.labels is None else self.labels.decide(y)
        options = {} if weight is None else {"sample_weight": weight}
        try:
            found = self.scorer(judged, seen, y, **options)
        except AttributeError as error:
            raise ValueError(
                f"scoring={self.name!r} asks of left-out rows what there is not ({error}): they have predictions and"
                " decision values. Take a scorer of these, such as 'r2', 'accuracy' or 'roc_auc'."
            ) from error
        except TypeError as error:
            if weight is None or "sample_weight" not in str(error):
                raise
            raise ValueError(
                f"scoring={self.name!r} takes no sample_weight ({error}), and the fit has weights: take a scorer that"
                " does, or fit without weights."
            ) from error
        if np.ndim(found) or not isinstance(found, int | float | np.number) or not np.isfinite(found):
            raise ValueError(
                f"scoring={self.name!r} must return a finite number for left-out predictions, got {found!r:.60}. Take"
                " another scorer, or folds with more rows."
            )
        return float(found)

    def _shaped(self, values: Array) -> Array:
        """Return values as predictions have them: without the axis of one target."""
        binary = self.labels is not None and not self.labels.multilabel and values.shape[1] == 1
        return values[:, 0] if self.flat or binary else values

    def errors(self, scores: Array) -> Array | None:
        """Return what is small where scores are large, by which edges are judged; None where nothing is known of it."""
        if getattr(self.scorer, "_sign", 1) < 0:
            return -scores
        return 1.0 - scores if (scores <= 1.0).all() else None


@dataclass(frozen=True)
class ScoredLeaveOneOut:
    """The penalty of the best score of the predictions of rows that are left out, one after another, in closed form."""

    alphas: Array
    scoring: Scoring
    per_target: bool = False
    store: bool = False
    units: Units = ONES

    def choose(self, problem: Any) -> Choice:
        """Return the best penalty, its score, and all predictions if they are stored."""
        (n, t), a = problem.Y.shape, len(self.alphas)
        check_memory(16 * n * t * a, f"Left-out predictions of {n} rows for {a} penalties", "Give fewer alphas.")
        kept = np.arange(n) if problem.weight is None else np.flatnonzero(problem.weight)
        weight = None if problem.weight is None else problem.weight[kept]
        Y, values = problem.Y[kept], np.empty((a, len(kept), t))
        for rows, errors in problem.left_out(self.units.penalties(self.alphas)):
            root = 1.0 if weight is None else np.sqrt(weight[rows])[:, None]
            values[:, rows] = Y[rows] - errors / root
        Y, values = self.units.original(Y, PREDICTION), self.units.original(values, PREDICTION)
        weight = None if weight is None else np.ldexp(weight, self.units.weight)
        if self.per_target and t > 1:
            alone = replace(self.scoring, labels=None, flat=True)
            scores = np.array([[alone(Y[:, [j]], one[:, [j]], weight) for j in range(t)] for one in values])
        else:
            scores = np.array([self.scoring(Y, one, weight) for one in values])
        choice = best_by_score(scores, self.alphas, t, self.units, self.scoring.errors(scores))
        if not self.store:
            return choice
        stored = np.full((n, t, a), np.nan)
        stored[kept] = np.moveaxis(values, 0, -1)
        return choice._replace(errors=stored)
