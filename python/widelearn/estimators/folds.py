"""The penalty by refits to parts of the rows: one set of folds a fit, in any form that scikit-learn takes."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_consistent_length

from widelearn.estimators.choice import Choice, best_by_error, best_by_score
from widelearn.estimators.labels import Labels
from widelearn.estimators.scoring import PREDICTION, Scoring
from widelearn.estimators.units import ONES, Units
from widelearn.features.state import refitting
from widelearn.kernels.parameters import checks_parameters
from widelearn.runtime import Array

Fold = tuple[Array, Array]
# Machine epsilons of a target's size within which it is constant, and within which it is met.
CONSTANT, MET = 8, 64


class GroupedFit:
    """The fit of estimators whose folds keep groups of rows together; what it does to their draft is `_fit_grouped`."""

    @checks_parameters()
    def fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None, groups: ArrayLike | None = None
    ) -> Self:
        """Fit to rows `X` (n, d) and targets or labels `y` (n,) or (n, t), and return the estimator.

        Rows may be of Dask where the estimator says so. `groups` (n,) are those that a splitter such as GroupKFold
        keeps together.
        """
        with refitting(self) as draft:
            draft._fit_grouped(X, y, sample_weight, groups)
        return self


@dataclass(frozen=True)
class Folds:
    """The penalty of the best mean score of refits without one fold each: R², accuracy of a classifier, or another.

    Where a fold leaves out one row only, of which R² says nothing, regressors are scored by minus their mean squared
    error.
    """

    alphas: Array
    folds: list[Fold]
    labels: Labels | None = None
    units: Units = ONES
    scoring: Scoring | None = None

    def choose(self, problem: Any) -> Choice:
        """Return the best penalty and its score."""
        folds = [self._weighted(problem.weight, number, *fold) for number, fold in enumerate(self.folds)]
        squared = self.labels is None and self.scoring is None and min(len(test) for _, test in folds) < 2
        scores = np.mean([self._scores(problem, *fold, squared=squared) for fold in folds], axis=0)
        n_targets = problem.Y.shape[1]
        if not squared:
            rates = scores[:, 0]
            errors = 1.0 - rates if self.scoring is None else self.scoring.errors(rates)
            return best_by_score(rates, self.alphas, n_targets, self.units, errors)
        found = best_by_error(scores, self.alphas, n_targets, units=Units(self.units.targets))
        return found._replace(penalties=self.units.penalties(found.penalties))

    def _weighted(self, weight: Array | None, number: int, train: Array, test: Array) -> Fold:
        """Return the rows of a fold that have a weight; refuse a fold without any."""
        if weight is None:
            return train, test
        kept = train[weight[train] > 0], test[weight[test] > 0]
        for rows, all_rows, what in zip(kept, (train, test), ("training", "test"), strict=True):
            if not len(rows):
                raise ValueError(
                    f"Fold {number} of {len(self.folds)} has {len(all_rows)} {what} rows, but none with a positive"
                    " weight: shuffle the rows, take fewer folds, or leave out rows of weight 0."
                )
        return kept

    def _scores(self, problem: Any, train: Array, test: Array, *, squared: bool) -> list[Array]:
        """Return the scores (1,), or the squared errors (t,), of every penalty on one fold."""
        y, weight = problem.Y[test], None if problem.weight is None else problem.weight[test]
        refits = problem.refit(train, test, self.units.penalties(self.alphas))
        if self.labels is None:
            refits = without_noise(refits, problem, train, test)
        if squared:
            return [np.average((y - values) ** 2, axis=0, weights=weight) for values in refits]
        return [np.array([self._rate(y, values, weight)]) for values in refits]

    def _rate(self, y: Array, values: Array, weight: Array | None) -> float:
        """Return the score that was asked for; else the accuracy of a classifier's values, or a regressor's mean R²."""
        if self.scoring is not None:
            weight = None if weight is None else np.ldexp(weight, self.units.weight)
            y, values = self.units.original(y, PREDICTION), self.units.original(values, PREDICTION)
            return self.scoring(y, values, weight)
        if self.labels is None:
            # Here, for it takes long to load.
            from sklearn.metrics import r2_score

            return float(r2_score(y, values, sample_weight=weight))
        hit = (decided(self.labels, y) == decided(self.labels, values)).reshape(len(y), -1).all(axis=1)
        return float(np.average(hit, weights=weight))


def without_noise(refits: Iterable[Array], problem: Any, train: Array, test: Array) -> Iterator[Array]:
    """Yield values (m, t) of refits, those that miss a constant target by rounding only put right.

    R² of a constant is 1 where it is met and else 0: rounding errors would choose between these. An intercept meets it
    whatever the penalty.
    """
    y = problem.Y[test]
    every = np.concatenate([problem.Y[train], y]).astype(np.float64, copy=False)
    unit = np.finfo(np.float64).eps * np.abs(every).max(axis=0)
    constant = every.max(axis=0) / 2 - every.min(axis=0) / 2 <= CONSTANT / 2 * unit
    if not constant.any():
        yield from refits
        return
    for values in refits:
        met = constant & (problem.fit_intercept | (np.abs(values - y) <= MET * unit).all(axis=0))
        yield np.where(met, y, values)


def folds_of(cv: Any, X: Any, Y: Array, labels: Labels | None, groups: ArrayLike | None) -> list[Fold]:
    """Return the training and test rows of all folds; classes are stratified where a number of folds was asked for."""
    # Here, for it takes long to load.
    from sklearn.model_selection import check_cv

    y = Y if labels is None else decided(labels, Y).astype(int)
    y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    if hasattr(cv, "split") or not isinstance(cv, Iterable):
        splits = list(check_cv(cv, y, classifier=labels is not None).split(X, y, groups))
    else:
        splits = list(cv)
    if not splits:
        raise ValueError(
            f"cv = {cv!r} gives no folds: it is empty, or an iterator that an earlier fit has used up. Give a new one,"
            " a list or a splitter."
        )
    return [fold_of(number, split, X.shape[0]) for number, split in enumerate(splits)]


def fold_of(number: int, split: Any, n: int) -> Fold:
    """Return the rows of a fold, given by their numbers or by masks."""
    try:
        train, test = split
    except (TypeError, ValueError):
        raise ValueError(
            f"Fold {number} of cv is no pair of training and test rows, but of type {type(split).__name__}."
        ) from None
    return numbers_of(number, train, "training", n), numbers_of(number, test, "test", n)


def numbers_of(number: int, rows: Any, what: str, n: int) -> Array:
    """Return the numbers of a fold's rows; refuse what names none of n rows."""
    found = np.asarray(rows)
    if found.ndim == 1 and found.dtype == bool:
        if len(found) != n:
            raise ValueError(f"Fold {number} of cv has a mask of {len(found)} {what} rows, but there are {n} rows.")
        found = np.flatnonzero(found)
    if found.size == 0:
        raise ValueError(f"Fold {number} of cv has no {what} rows.")
    if found.ndim != 1 or found.dtype.kind not in "iu":
        raise ValueError(
            f"Fold {number} of cv has {what} rows of {found.dtype} and shape {found.shape}: give numbers of rows or a"
            " mask."
        )
    if found.min() < -n or found.max() >= n:
        wrong = int(found.min() if found.min() < -n else found.max())
        raise ValueError(f"Fold {number} of cv has the {what} row {wrong}, but there are {n} rows.")
    return np.where(found < 0, found + n, found).astype(np.intp)


def check_groups(groups: Any, cv: Any, X: Any) -> None:
    """Refuse groups that do not belong to the rows, or that nothing would split by."""
    if groups is None:
        return
    if cv is None or isinstance(cv, str):
        raise ValueError(f"groups are for folds, of which cv={cv!r} makes none: set cv=GroupKFold(), or another.")
    check_consistent_length(X, groups)


def decided(labels: Labels, values: Array) -> Array:
    """Return what codes or values say: the class of every row (n,), or of every column whether it is positive."""
    return values > 0 if labels.multilabel or values.shape[1] == 1 else values.argmax(axis=1)
