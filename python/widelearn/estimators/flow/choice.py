"""Choosing the training time: by folds, by GCV, or by leaving out each row."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from widelearn.estimators.choice import SCORE
from widelearn.estimators.flow.contents import folds
from widelearn.estimators.flow.left_out import left_out_squares
from widelearn.estimators.flow.schedule import Schedule
from widelearn.estimators.folds import Fold
from widelearn.estimators.units import Units, raised
from widelearn.ridge.tridiagonal import gcv_errors
from widelearn.runtime import Array

FOLDS = 5
# Rows that are left out one after another, at most.
MOST_REFITS = 500
# The share of a fitted value that is the row's own target, above which what is left of it says nothing.
FULL = 0.99
# Machine epsilons of a target's size within which it is met.
MET = 64


@dataclass(frozen=True)
class ChosenTime:
    """The time of the smallest error, and the errors of all times, in the user's units."""

    time: float
    times: Array
    errors: Array


def choose(how: str, problem: Any, schedule: Schedule, units: Units) -> ChosenTime:
    """Return the time of the smallest mean squared error of left-out rows, or of GCV, over all targets."""
    times, fastest = schedule.grid(problem.spectrum.fastest), problem.spectrum.fastest
    if how == "gcv":
        errors, exact = by_gcv(problem, schedule, times), False
    else:
        groups = problem.groups()
        if how == "cv" and schedule.step is None and problem.fixed:
            errors, exact = by_identity(problem, times, groups), True
        else:
            parts = folds(groups, FOLDS) if how == "cv" else one_by_one(groups)
            errors, exact = by_refits(problem, schedule, times, fastest, parts), True
    if exact:
        # Rounding errors choose nothing.
        met = (MET * np.finfo(np.float64).eps * np.abs(problem.Y).max(axis=0, initial=0.0)) ** 2
        errors = np.where(errors <= met, 0.0, errors)
    together, exponent = Units(units.targets).together(errors)
    mean = together.mean(axis=1)
    best = float(times[int(mean.argmin())])
    return ChosenTime(best, times, raised(mean, exponent, SCORE) if exponent else mean)


def by_refits(problem: Any, schedule: Schedule, times: Array, fastest: float, parts: Iterable[Fold]) -> Array:
    """Return the weighted mean squares (T, t) of what flows of other rows leave of each."""
    weight = np.ones(len(problem.Y)) if problem.weight is None else problem.weight
    errors = np.zeros((len(times), problem.Y.shape[1]))
    for train, test in parts:
        # A step that is stable for all rows may just not be so for some.
        values = problem.refit(train, test, lambda rates: schedule.learned(schedule.stable(rates, fastest), times))
        left = problem.Y[test][:, None, :] - values
        errors += np.einsum("m,mjt->jt", weight[test], left**2)
    return errors / weight.sum()


def by_identity(problem: Any, times: Array, groups: Array) -> Array:
    """Return the weighted mean squares (T, t) of what flows of all other rows leave of each distinct one."""
    total, distinct, rest = problem.spectrum.total, int(groups.max(initial=-1)) + 1, np.zeros(problem.Y.shape[1])
    if distinct < 2:
        return np.zeros((len(times), problem.Y.shape[1]))
    if distinct < len(groups):
        problem, rest = problem.distinct(groups)
    return (left_out_squares(problem, times) + rest) / total


def one_by_one(groups: Array) -> list[Fold]:
    """Return the folds of one distinct row each."""
    check_refits(len(groups))
    return folds(groups, int(groups.max(initial=-1)) + 1)


def check_refits(count: int) -> None:
    """Refuse to leave out many rows one after another."""
    if count > MOST_REFITS:
        raise ValueError(
            f"time='loo' takes an eigendecomposition for each of {count} rows, of which it takes {MOST_REFITS} at"
            " most: take 'cv' or 'gcv'."
        )


def by_gcv(problem: Any, schedule: Schedule, times: Array) -> Array:
    """Return the GCV errors (T, t), infinite where a row's own target makes its fitted value."""
    found = problem.spectrum
    learned = schedule.learned(found.rates, times)
    slack = found.total - learned.sum(axis=1) - problem.fit_intercept
    errors = gcv_errors(found.left(learned), slack, found.total)
    errors[problem.leverages(learned) > FULL] = np.inf
    return errors
