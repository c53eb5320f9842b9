"""Choosing the penalty: by left-out rows in closed form, by GCV, or by refits to parts of the rows.

A problem has rows `X`, targets `Y` (n, t) and weights or None, and what its choice asks for: ``left_out(alphas)``,
scaled leave-one-out errors by row, ``gcv(alphas)``, or ``refit(train, test, alphas)``.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from widelearn.estimators.labels import Labels
from widelearn.ridge.leave_one_out import mean_squares
from widelearn.ridge.paths import check_alphas
from widelearn.runtime import Array, check_memory

ALPHAS = (1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0, 1e3)


class Choice(NamedTuple):
    """The penalty of every target (t,), what it is called, one number unless each target has its own, and its score."""

    penalties: Array
    alpha: Any
    score: Any = None
    # Squared left-out errors (n, t, a), where they are stored; zero for rows without weight.
    errors: Array | None = None


@dataclass(frozen=True)
class Fixed:
    """The penalties (t,) that were given."""

    penalties: Array

    def choose(self, problem: Any) -> Choice:
        """Return the penalties, whatever the problem."""
        return Choice(self.penalties, self.penalties)


@dataclass(frozen=True)
class LeaveOneOut:
    """The penalty of the smallest mean squared error of rows that are left out, one after another, in closed form."""

    alphas: Array
    per_target: bool = False
    store: bool = False

    def choose(self, problem: Any) -> Choice:
        """Return the best penalty, minus its error, and all errors if they are stored."""
        errors, (n, t) = problem.left_out(self.alphas), problem.Y.shape
        if not self.store:
            return best(-mean_squares(errors, n), self.alphas, t, self.per_target)
        check_memory(8 * n * t * len(self.alphas), "cv_results_", "Set store_cv_results=False.")
        stored = np.zeros((n, t, len(self.alphas)))
        # Rows without weight have no error, and count in the mean.
        kept = np.arange(n) if problem.weight is None else np.flatnonzero(problem.weight)
        for rows, block in errors:
            stored[kept[rows]] = np.moveaxis(block**2, 0, -1)
        return best(-stored.mean(axis=0).T, self.alphas, t, self.per_target)._replace(errors=stored)


@dataclass(frozen=True)
class Gcv:
    """The penalty of the smallest generalised cross-validation error."""

    alphas: Array
    per_target: bool = False

    def choose(self, problem: Any) -> Choice:
        """Return the best penalty and minus its error."""
        errors = problem.gcv(self.alphas)
        return best(-errors, self.alphas, errors.shape[1], self.per_target)


@dataclass(frozen=True)
class Folds:
    """The penalty of the best mean score, R² or the accuracy of a classifier, of refits without one fold each."""

    alphas: Array
    cv: Any
    labels: Labels | None = None

    def choose(self, problem: Any) -> Choice:
        """Return the best penalty and its score."""
        scores = [self._scores(problem, *rows) for rows in self._splits(problem.X, problem.Y)]
        return best(np.mean(scores, axis=0)[:, None], self.alphas, problem.Y.shape[1])

    def _scores(self, problem: Any, train: Array, test: Array) -> list[float]:
        """Return the score of every penalty on one fold."""
        weight = problem.weight
        if weight is not None:
            train, test = (rows[weight[rows] > 0] for rows in (train, test))
        y, shares = problem.Y[test], None if weight is None else weight[test]
        return [self._score(y, values, shares) for values in problem.refit(train, test, self.alphas)]

    def _splits(self, X: Any, Y: Array) -> Iterator[tuple[Array, Array]]:
        """Yield training and test rows; classes are stratified where a number of folds was asked for."""
        # Here, for it takes long to load.
        from sklearn.model_selection import check_cv

        y = Y if self.labels is None else self._decided(Y).astype(int)
        y = y[:, 0] if self.labels is not None and y.ndim == 2 and y.shape[1] == 1 else y
        yield from check_cv(self.cv, y, classifier=self.labels is not None).split(X, y)

    def _score(self, y: Array, values: Array, weight: Array | None) -> float:
        """Return the accuracy of a classifier's values, or the mean R² of a regressor's."""
        if self.labels is None:
            from sklearn.metrics import r2_score

            return float(r2_score(y, values, sample_weight=weight))
        hit = (self._decided(y) == self._decided(values)).reshape(len(y), -1).all(axis=1)
        return float(np.average(hit, weights=weight))

    def _decided(self, values: Array) -> Array:
        """Return what codes or values say: the class of every row (n,), or of every column whether it is positive."""
        multilabel = self.labels is not None and self.labels.multilabel
        return values > 0 if multilabel or values.shape[1] == 1 else values.argmax(axis=1)


Penalty = Fixed | LeaveOneOut | Gcv | Folds


def choice_of(
    cv: Any, alphas: ArrayLike, *, per_target: bool = False, store: bool = False, labels: Labels | None = None
) -> Penalty:
    """Return how estimators with `alphas` and `cv` choose their penalty; refuse options that do not go together."""
    penalties = check_alphas(alphas)
    if store and cv is not None:
        raise ValueError("store_cv_results needs the leave-one-out errors of cv=None.")
    if cv is None:
        return LeaveOneOut(penalties, per_target, store)
    if isinstance(cv, str):
        return Gcv(penalties, per_target)
    if per_target:
        raise ValueError("alpha_per_target needs cv=None or cv='gcv'.")
    return Folds(penalties, cv, labels)


def best(scores: Array, alphas: Array, n_targets: int, per_target: bool = False) -> Choice:
    """Return the choice of the largest scores (a, t) or (a, 1): by their mean over targets, or target by target."""
    if per_target and n_targets > 1:
        at = scores.argmax(axis=0)
        return Choice(alphas[at], alphas[at], scores[at, np.arange(n_targets)])
    mean = scores.mean(axis=1)
    first = int(mean.argmax())
    return Choice(np.full(n_targets, alphas[first]), float(alphas[first]), float(mean[first]))
