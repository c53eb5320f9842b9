"""
How many random features? A forecast from one sample
====================================================

From left-out errors of a sample, ``forecast`` tells the test error with other numbers of random features, before any of
them is fitted: what wider networks would gain, and from where on more features buy nothing. Here the forecast stands
beside fits of those numbers of features, on rows that took no part in it.
"""

import sys

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_friedman1

import widelearn as wl

quick = "--quick" in sys.argv
n = 200 if quick else 800
counts = [50, 400] if quick else [25, 50, 100, 200, 400, 800, 1600, 3200]
draws = 2 if quick else 5
alpha = 0.1


def draw(rows, seed):
    """Draw rows of Friedman's regression, in units of their spread."""
    X, y = make_friedman1(rows, noise=1.0, random_state=seed)
    return (X - 0.5) * 12**0.5, y


X, y = draw(n, 0)
X_test, y_test = draw(4_000, 1)
model = wl.FeatureRidge(wl.RandomFeatures(bias_scale=1.0), alpha=alpha)
found = wl.forecast.forecast(model, X, y, n=[n], n_features=np.geomspace(counts[0], counts[-1], 40).round())


def measured(count):
    """Mean squared errors of fits with so many features, a fit a draw."""
    for seed in range(draws):
        features = wl.RandomFeatures(count, bias_scale=1.0, random_state=seed)
        fitted = wl.FeatureRidge(features, alpha=alpha).fit(X, y)
        yield np.mean((fitted.predict(X_test) - y_test) ** 2)


errors = np.array([list(measured(count)) for count in counts])
enough = found.recommend(1.05 * np.nanmin(found.test))
print(
    f"{enough.n_features:.0f} features are forecast to come within 5 % of the best error, {np.nanmin(found.test):.2f}"
)

figure, axes = plt.subplots(layout="constrained")
axes.fill_between(found.n_features, found.lower, found.upper, alpha=0.25, label="90 % band of the forecast")
axes.plot(found.n_features, found.test, label=f"forecast from {found.n_sample} rows")
axes.errorbar(counts, errors.mean(axis=1), errors.std(axis=1), fmt="ko", capsize=3, ms=4, label=f"fits, {draws} draws")
axes.axvline(enough.n_features, color="gray", ls="--", label="within 5 % of the best")
axes.set(xscale="log", yscale="log", xlabel="random features", ylabel="mean squared error of new rows")
axes.legend()
plt.show()
