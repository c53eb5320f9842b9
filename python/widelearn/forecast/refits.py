"""Any estimator's learning curve by a power law through the errors of refits to parts of the rows."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone, is_classifier

from widelearn.forecast.answer import REFITS, Forecast
from widelearn.forecast.bands import DISAGREE, FARTHEST, WIDEST, half_width, too_near
from widelearn.forecast.curves import Point, jackknife, power_laws
from widelearn.forecast.problems import spread, taken
from widelearn.forecast.samples import GROUPS, Doubles

# Folds whose rows are tested, shares of the other rows that are fitted, and the trust in their errors.
FOLDS, SHARES = 5, (0.125, 0.25, 0.5, 1.0)
TRUST = np.sqrt(SHARES)
# Least error beside the targets' variance: less is rounding.
LEAST = 1e-30


def by_refits(estimator: Any, X: Any, y: Any, n: Doubles, random_state: int) -> Forecast:
    """Return the forecast of a power law through errors on rows that 20 refits have not seen.

    The squared error of values for a regressor, and the share of wrong classes for a classifier, which `test` then is.
    The band holds the standard error by leaving out groups of rows, 3 % for each factor e beyond the rows, and half the
    difference between the law with and without a floor.
    """
    classify = is_classifier(estimator)
    unit = 1.0 if classify else spread(y)
    errors, sizes = _errors(estimator, X, y, unit, random_state)
    group = np.arange(len(y)) % GROUPS
    without = [errors[:, group != g].mean(axis=1) for g in range(GROUPS)]
    least = 0.5 / len(y) if classify else LEAST
    log_errors = np.log(np.maximum(np.array([errors.mean(axis=1), *without]), least))
    points, reasons = [], []
    for one in n:
        reach = one / sizes[-1]
        straight, floored = power_laws(log_errors, sizes / sizes[-1], TRUST, reach)
        both = (straight + floored) / 2
        one_end, other_end = (float(np.exp(law[0])) for law in (straight, floored))
        points.append(Point(float(np.exp(both[0])), one_end, other_end, jackknife(both[1:] - both[0])))
        reasons.append(_refusal(points[-1], one, sizes))
    given = np.array([not reason for reason in reasons])
    found = unit**2 * np.array([point.error for point in points])
    h = np.array([half_width(point, one / sizes[-1]) for point, one in zip(points, n, strict=True)])
    none = np.full(len(n), np.nan)
    test, lower, upper = (np.where(given, one, np.nan) for one in (found, found * np.exp(-h), found * np.exp(h)))
    rates, baseline = test if classify else None, _of_the_mean(y, unit, classify)
    return Forecast(n, none, none, test, lower, upper, tuple(reasons), rates, None, baseline, len(y), REFITS)


def _errors(estimator: Any, X: Any, y: Any, unit: float, random_state: int) -> tuple[Doubles, Doubles]:
    """Return the errors of every row by refits to shares of the rows of other folds, (shares, m), and mean sizes."""
    # It loads much of scikit-learn, which a command's help does not need.
    from sklearn.model_selection import KFold, StratifiedKFold

    classify = is_classifier(estimator)
    stratified = classify and y.ndim == 1 and np.unique(y, return_counts=True)[1].min() >= FOLDS
    cut = (StratifiedKFold if stratified else KFold)(FOLDS, shuffle=True, random_state=random_state)
    rng = np.random.default_rng(random_state)
    errors, sizes = np.empty((len(SHARES), len(y))), np.zeros(len(SHARES))
    for train, test in cut.split(np.zeros(len(y)), y if stratified else None):
        order = rng.permutation(train)
        if classify and y.ndim == 1:
            # A row of every class comes first, so that the smallest refit knows all of them.
            first = np.sort(np.unique(y[order], return_index=True)[1])
            order = np.concatenate([order[first], np.delete(order, first)])
        for j, share in enumerate(SHARES):
            rows = order[: round(share * len(train))]
            predicted = _predicted(estimator, X, y, rows, test)
            wrong = predicted != y[test] if classify else np.square((predicted - y[test]) / unit)
            errors[j, test] = wrong.reshape(len(test), -1).mean(axis=1)
            sizes[j] += len(rows) / FOLDS
    return errors, sizes


def _predicted(estimator: Any, X: Any, y: Any, rows: NDArray[np.intp], test: NDArray[np.intp]) -> NDArray[Any]:
    """Return what a refit to some rows predicts for others, in the shape of y."""
    try:
        model = clone(estimator).fit(taken(estimator, X, rows, rows), y[rows])
        return np.asarray(model.predict(taken(estimator, X, test, rows))).reshape(y[test].shape)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{type(estimator).__name__} cannot be fitted to {len(rows)} of the {len(y)} rows: {error} Give rows that"
            " it can be fitted to, or more of each class."
        ) from error


def _of_the_mean(y: Any, unit: float, classify: bool) -> float:
    """Return the error of the most frequent class, or of the mean of the targets."""
    if classify:
        columns = y.reshape(len(y), -1).T
        return 1.0 - float(np.mean([np.unique(one, return_counts=True)[1].max() for one in columns])) / len(y)
    scaled = np.asarray(y, dtype=np.float64) / unit
    return float(scaled.var(axis=0).mean()) * (len(y) / (len(y) - 1) * unit) ** 2


def _refusal(point: Point, n: float, sizes: Doubles) -> str:
    """Say why a power law is not taken further, empty if it is."""
    n_sample, reach = int(sizes[-1]), n / sizes[-1]
    h, apart = half_width(point, reach), abs(np.log(point.by_state / point.by_power))
    if reach > FARTHEST:
        return f"too far: {reach:.4g} times the {n_sample} rows of a refit, at most {FARTHEST:g} times: give more rows"
    if n < int(sizes[0]):
        return too_near(n, int(sizes[0]))
    if h > WIDEST and apart > DISAGREE:
        return f"predictors disagree by {apart:.0%}: the law with a floor and that without: give more rows"
    if h > WIDEST:
        need = int(np.ceil(n_sample * (h / WIDEST) ** 2))
        return f"too noisy: the band is ± {h:.0%}, at most {WIDEST:.0%}: about {need} rows would settle it"
    return ""
