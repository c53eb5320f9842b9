"""Any estimator's learning curve by a power law through the errors of refits to parts of the rows."""

from typing import Any

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.model_selection import KFold, StratifiedKFold

from widelearn.forecast.answer import Forecast
from widelearn.forecast.bands import DISAGREE, FARTHEST, WIDEST, half_width
from widelearn.forecast.curves import Point, jackknife, power_laws
from widelearn.forecast.samples import GROUPS, Doubles

# Folds whose rows are tested, shares of the other rows that are fitted, and the trust in their errors.
FOLDS, SHARES = 5, (0.125, 0.25, 0.5, 1.0)
TRUST = np.sqrt(SHARES)


def by_refits(estimator: Any, X: Any, y: Any, n: Doubles, random_state: int) -> Forecast:
    """Return the forecast of a power law through errors on rows that 20 refits have not seen.

    The squared error of values for a regressor, and the share of wrong classes for a classifier, which `test` then is.
    The band holds the standard error by leaving out groups of rows, 3 % for each factor e beyond the rows, and half the
    difference between the law with and without a floor.
    """
    classify = is_classifier(estimator)
    errors, sizes = _errors(estimator, X, y, classify, random_state)
    group = np.arange(len(X)) % GROUPS
    without = [errors[:, group != g].mean(axis=1) for g in range(GROUPS)]
    least = 0.5 / len(X) if classify else np.finfo(float).tiny
    log_errors = np.log(np.maximum(np.array([errors.mean(axis=1), *without]), least))
    points, reasons = [], []
    for one in n:
        reach = one / sizes[-1]
        straight, floored = power_laws(log_errors, sizes / sizes[-1], TRUST, reach)
        both = (straight + floored) / 2
        one_end, other_end = (float(np.exp(law[0])) for law in (straight, floored))
        points.append(Point(float(np.exp(both[0])), one_end, other_end, jackknife(both[1:] - both[0])))
        reasons.append(_refusal(points[-1], reach, int(sizes[-1])))
    given = np.array([not reason for reason in reasons])
    found = np.array([point.error for point in points])
    h = np.array([half_width(point, one / sizes[-1]) for point, one in zip(points, n, strict=True)])
    none = np.full(len(n), np.nan)
    test, lower, upper = (np.where(given, one, np.nan) for one in (found, found * np.exp(-h), found * np.exp(h)))
    rates, baseline = test if classify else None, _of_the_mean(y, classify)
    how = "power law of refits"
    return Forecast(n, none, none, test, lower, upper, tuple(reasons), rates, None, baseline, len(X), how)


def _errors(estimator: Any, X: Any, y: Any, classify: bool, random_state: int) -> tuple[Doubles, Doubles]:
    """Return the errors of every row by refits to shares of the rows of other folds, (shares, m), and mean sizes."""
    stratified = classify and y.ndim == 1 and np.unique(y, return_counts=True)[1].min() >= FOLDS
    cut = (StratifiedKFold if stratified else KFold)(FOLDS, shuffle=True, random_state=random_state)
    rng = np.random.default_rng(random_state)
    errors, sizes = np.empty((len(SHARES), len(X))), np.zeros(len(SHARES))
    for train, test in cut.split(X, y if stratified else None):
        order = rng.permutation(train)
        for j, share in enumerate(SHARES):
            rows = order[: round(share * len(train))]
            predicted = np.asarray(clone(estimator).fit(X[rows], y[rows]).predict(X[test]))
            wrong = predicted != y[test] if classify else np.square(predicted - y[test])
            errors[j, test] = wrong.reshape(len(test), -1).mean(axis=1)
            sizes[j] += len(rows) / FOLDS
    return errors, sizes


def _of_the_mean(y: Any, classify: bool) -> float:
    """Return the error of the most frequent class, or of the mean of the targets."""
    if classify and y.ndim == 1:
        return 1.0 - float(np.unique(y, return_counts=True)[1].max()) / len(y)
    return float(np.asarray(y, dtype=np.float64).var(axis=0).mean()) * (len(y) / (len(y) - 1)) ** 2


def _refusal(point: Point, reach: float, n_sample: int) -> str:
    """Say why a power law is not taken further, empty if it is."""
    h, apart = half_width(point, reach), abs(np.log(point.by_state / point.by_power))
    if reach > FARTHEST:
        return f"too far: {reach:.1f} times the {n_sample} rows of a refit, at most {FARTHEST:g} times: give more rows"
    if h > WIDEST and apart > DISAGREE:
        return f"predictors disagree by {apart:.0%}: the law with a floor and that without: give more rows"
    if h > WIDEST:
        need = int(np.ceil(n_sample * (h / WIDEST) ** 2))
        return f"too noisy: the band is ± {h:.0%}, at most {WIDEST:.0%}: about {need} rows would settle it"
    return ""
