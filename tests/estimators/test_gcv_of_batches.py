"""Generalised cross-validation of rows in batches: the score, the penalty and the fit are those of all rows."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

import widelearn as wl

pytestmark = pytest.mark.filterwarnings("ignore:alpha = ")
ALPHAS = (1e-3, 1e-1, 1.0, 1e2)


def gcv_by_singular_values(X, y, alphas):
    """Return the errors (RSS / n) / (1 - df / n)² of ridge regression with an intercept."""
    n = len(y)
    U, s, _ = np.linalg.svd(X - X.mean(axis=0), full_matrices=False)
    U, s = U[:, s > 1e-10 * s[0]], s[s > 1e-10 * s[0]]
    target = y - y.mean()
    projected = U.T @ target
    outside = target @ target - projected @ projected
    rss = [max(outside, 0.0) + ((alpha / (s**2 + alpha) * projected) ** 2).sum() for alpha in alphas]
    left = [n - 1 - (s**2 / (s**2 + alpha)).sum() for alpha in alphas]
    return np.array([n * r / m**2 for r, m in zip(rss, left, strict=True)])


@pytest.mark.parametrize("shape", [(30, 40), (30, 29), (40, 30), (60, 5), (12, 10), (8, 8)])
@pytest.mark.parametrize("noise", [1.0, 1e-3])
@pytest.mark.parametrize("alphas", [ALPHAS, ALPHAS[:1], ALPHAS[2:3]])
def test_batches_choose_and_fit_as_all_rows(shape, noise, alphas, rng):
    n, p = shape
    X = rng.standard_normal(shape)
    y = X @ rng.standard_normal(p) + noise * rng.standard_normal(n) + 3.0
    model = wl.FeatureRidgeCV("passthrough", alphas, cv="gcv")
    for part in np.array_split(np.arange(n), 2):
        model.partial_fit(X[part], y[part])
    errors = gcv_by_singular_values(X, y, alphas)
    # The penalty is the best one; more than one may be where rounding cannot tell them apart.
    at = alphas.index(model.alpha_)
    assert errors[at] <= errors.min() * (1 + 1e-6) + 1e-14 * y.var()
    assert -model.best_score_ == pytest.approx(errors[at], rel=1e-6, abs=1e-13 * y.var())
    expected = Ridge(model.alpha_).fit(X, y).predict(X)
    assert np.abs(model.predict(X) - expected).max() <= 1e-9 * y.std()


def test_moments_are_left_as_they_are(rng):
    A, b = rng.standard_normal((30, 40)), rng.standard_normal(30)
    moments = wl.ridge.Moments(40).update(A, b)
    before = moments.solve(1.0)[0]
    moments.gcv([1e-3, 1.0])
    assert np.array_equal(moments.solve(1.0)[0], before)
