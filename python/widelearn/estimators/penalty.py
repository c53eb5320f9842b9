"""Choosing the penalty: by left-out rows in closed form, by GCV, or by refits to parts of the rows.

A problem has rows `X`, targets `Y` (n, t) and weights or None, and what its choice asks for: ``left_out(alphas)``,
scaled leave-one-out errors by row, ``gcv(alphas)``, or ``refit(train, test, alphas)``. Its targets and weights are in
units, and so are the penalties that it is asked for; what chooses them knows the units.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from widelearn.estimators.choice import SCORE, Choice, best_by_error
from widelearn.estimators.folds import Folds, folds_of
from widelearn.estimators.scoring import ScoredLeaveOneOut, Scoring
from widelearn.estimators.units import ONES, Units
from widelearn.ridge.leave_one_out import mean_squares
from widelearn.ridge.paths import check_alphas
from widelearn.runtime import Array, check_memory

ALPHAS = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0, 1e3, 1e4, 1e5, 1e6)


@dataclass(frozen=True)
class Fixed:
    """The penalties (t,) that were given."""

    penalties: Array
    units: Units = ONES

    def choose(self, problem: Any) -> Choice:
        """Return the penalties, whatever the problem."""
        return Choice(self.units.penalties(self.penalties), self.penalties)


@dataclass(frozen=True)
class LeaveOneOut:
    """The penalty of the smallest mean squared error of rows that are left out, one after another, in closed form."""

    alphas: Array
    per_target: bool = False
    store: bool = False
    units: Units = ONES

    def choose(self, problem: Any) -> Choice:
        """Return the best penalty, minus its error, and all errors if they are stored."""
        errors, (n, t) = problem.left_out(self.units.penalties(self.alphas)), problem.Y.shape
        options = self.alphas, t, self.per_target, self.units
        if not self.store:
            return best_by_error(mean_squares(errors, n), *options)
        check_memory(8 * n * t * len(self.alphas), "cv_results_", "Set store_cv_results=False.")
        stored = np.zeros((n, t, len(self.alphas)))
        # Rows without weight have no error, and count in the mean.
        kept = np.arange(n) if problem.weight is None else np.flatnonzero(problem.weight)
        for rows, block in errors:
            stored[kept[rows]] = np.moveaxis(block**2, 0, -1)
        choice = best_by_error(stored.mean(axis=0).T, *options)
        return choice._replace(errors=self.units.squares(stored, SCORE, axis=1))


@dataclass(frozen=True)
class Gcv:
    """The penalty of the smallest generalised cross-validation error."""

    alphas: Array
    per_target: bool = False
    units: Units = ONES

    def choose(self, problem: Any) -> Choice:
        """Return the best penalty and minus its error."""
        errors = problem.gcv(self.units.penalties(self.alphas))
        weight = getattr(problem, "weight", None)
        if weight is not None and np.isinf(errors).all():
            raise ValueError(
                f"The weights add up to {float(weight.sum()):.3g}, which GCV takes for the number of rows: no alpha has"
                " fewer degrees of freedom. Scale the weights to a mean of 1, or set cv=None."
            )
        return best_by_error(errors, self.alphas, errors.shape[1], self.per_target, self.units)


Penalty = Fixed | LeaveOneOut | ScoredLeaveOneOut | Gcv | Folds


def choice_of(estimator: Any, rows: Any) -> LeaveOneOut | ScoredLeaveOneOut | Gcv | Folds:
    """Return how an estimator with `alphas`, `cv` and `scoring` chooses its penalty for rows; refuse what disagrees."""
    cv, per_target = estimator.cv, getattr(estimator, "alpha_per_target", False)
    penalties, units = check_alphas(estimator.alphas), rows.units
    if estimator.store_cv_results and cv is not None:
        raise ValueError("store_cv_results needs the leave-one-out errors of cv=None.")
    if estimator.scoring is not None and isinstance(cv, str):
        raise ValueError("scoring is for left-out predictions, of which cv='gcv' makes none: set cv=None, or folds.")
    scoring = Scoring.of(estimator, rows)
    if cv is None:
        how = per_target, estimator.store_cv_results, units
        return LeaveOneOut(penalties, *how) if scoring is None else ScoredLeaveOneOut(penalties, scoring, *how)
    if isinstance(cv, str):
        return Gcv(penalties, per_target, units)
    if per_target:
        raise ValueError("alpha_per_target needs cv=None or cv='gcv'.")
    return Folds(penalties, folds_of(cv, rows.X, rows.Y, rows.labels, rows.groups), rows.labels, units, scoring)
