"""Any estimator's learning curve by a power law through the errors of refits to parts of the rows."""

from typing import Any

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.model_selection import ShuffleSplit, StratifiedShuffleSplit

from widelearn.forecast.answer import Forecast
from widelearn.forecast.bands import FARTHEST, NORMAL, WIDEST
from widelearn.forecast.curves import POWERS
from widelearn.forecast.samples import Doubles
from widelearn.forecast.states import nonnegative

# Shares of the training rows that are fitted, how often, and the share of rows that is left for testing.
SHARES, REPEATS, TEST = (0.125, 0.25, 0.5, 1.0), 4, 0.2


def by_refits(estimator: Any, X: Any, y: Any, n: Doubles, random_state: int) -> Forecast:
    """Return the forecast of E∞ + c n^-b through errors on held-out rows of 16 refits.

    The squared error of values for a regressor, and the share of wrong classes for a classifier, which `test` then is.
    The band holds the refits' own spread, 3 % for each factor e beyond the rows, and half the difference between the
    law with and without E∞.
    """
    classify = is_classifier(estimator)
    cut = (StratifiedShuffleSplit if classify else ShuffleSplit)(REPEATS, test_size=TEST, random_state=random_state)
    sizes = np.array([round(share * (1.0 - TEST) * len(X)) for share in SHARES])
    errors = np.empty((REPEATS, len(sizes)))
    for repeat, (train, test) in enumerate(cut.split(X, y if classify and np.ndim(y) == 1 else None)):
        for j, size in enumerate(sizes):
            rows = train[:size]
            predicted = np.asarray(clone(estimator).fit(X[rows], y[rows]).predict(X[test]))
            difference = predicted != y[test] if classify else np.square(predicted - y[test])
            errors[repeat, j] = max(float(np.mean(difference)), 0.5 / len(test) if classify else 1e-300)
    means = errors.mean(axis=0)
    spread = float(errors[:, -1].std(ddof=1) / np.sqrt(REPEATS) / means[-1])
    weight = np.sqrt(sizes / sizes[-1])
    x = sizes / sizes[-1]
    _, (exponent,), (f,) = nonnegative(x, means[None], POWERS, weight)
    line = np.polyfit(np.log(x[-3:]), np.log(means[-3:]), 1)
    r = n / sizes[-1]
    floored, straight = f[0] + f[1] * r**exponent, np.exp(np.polyval(line, np.log(r)))
    test_error = np.sqrt(floored * straight)
    slope = 0.03 * np.log(np.maximum(r, 1.0))
    apart = np.minimum(np.abs(np.log(floored / straight)), 1.0)
    h = NORMAL * np.sqrt(spread**2 + slope**2 + (0.5 * apart) ** 2)
    reasons = tuple(_refusal(*one, n_sample=int(sizes[-1])) for one in zip(r, h, apart, strict=True))
    given = np.array([not reason for reason in reasons])
    none = np.full(len(n), np.nan)
    test, lower, upper = (
        np.where(given, one, np.nan) for one in (test_error, test_error * np.exp(-h), test_error * np.exp(h))
    )
    rates = test if classify else None
    baseline = _of_the_mean(y, classify)
    return Forecast(n, none, none, test, lower, upper, reasons, rates, None, baseline, len(X), "power law of refits")


def _of_the_mean(y: Any, classify: bool) -> float:
    """Return the error of the most frequent class, or of the mean of the targets."""
    if classify and y.ndim == 1:
        return 1.0 - float(np.unique(y, return_counts=True)[1].max()) / len(y)
    return float(np.asarray(y, dtype=np.float64).var(axis=0).mean()) * (len(y) / (len(y) - 1)) ** 2


def _refusal(reach: float, h: float, apart: float, n_sample: int) -> str:
    """Say why a power law is not taken further, empty if it is."""
    if reach > FARTHEST:
        return f"too far: {reach:.1f} times the {n_sample} rows of a refit, at most {FARTHEST:g} times: give more rows"
    if h > WIDEST and apart > 0.2:
        return f"predictors disagree by {apart:.0%}: the law with a floor and that without: give more rows"
    if h > WIDEST:
        return f"too noisy: the band of {4 * REPEATS} refits is ± {h:.0%}, at most {WIDEST:.0%}: give more rows"
    return ""
