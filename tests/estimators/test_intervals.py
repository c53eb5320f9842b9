"""Intervals of kernel ridge regression, against refits without each row, and by what they hold."""

import math

import numpy as np
import pytest
from sklearn.datasets import load_diabetes

import widelearn as wl
from widelearn.kernels import NTK, RBF


def naive(estimator, X, y, x, level):
    """Jackknife+ by a refit without each row."""
    n = len(X)
    low, high = np.empty((n, len(x))), np.empty((n, len(x)))
    for i in range(n):
        rest = np.delete(np.arange(n), i)
        model = estimator.fit(X[rest], y[rest])
        error = abs(y[i] - model.predict(X[i : i + 1])[0])
        low[i], high[i] = model.predict(x) - error, model.predict(x) + error
    k, m = math.floor((1 - level) * (n + 1)), math.ceil(level * (n + 1))
    return np.stack([np.sort(low, axis=0)[k - 1], np.sort(high, axis=0)[m - 1]], axis=1)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("level", [0.9, 0.5])
def test_jackknife_plus_is_that_of_refits(rng, fit_intercept, level):
    X, x = rng.standard_normal((40, 3)), rng.standard_normal((7, 3))
    y = 2.0 + X[:, 0] + 0.5 * rng.standard_normal(40)
    estimator = wl.KernelRidge(RBF(), alpha=0.1, fit_intercept=fit_intercept)
    expected = naive(estimator, X, y, x, level)
    found = estimator.fit(X, y).predict_interval(x, level)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10)


def test_weights_of_zero_and_whole_weights(rng):
    X, y, x = rng.standard_normal((50, 2)), rng.standard_normal(50), rng.standard_normal((5, 2))
    weight = np.where(np.arange(50) % 5, 1.0, 0.0)
    kept = weight > 0
    found = wl.KernelRidge("rbf").fit(X, y, weight).predict_interval(x)
    np.testing.assert_allclose(found, wl.KernelRidge("rbf").fit(X[kept], y[kept]).predict_interval(x), atol=1e-10)


def test_targets_with_penalties_of_their_own(rng):
    X, Y, x = rng.standard_normal((60, 2)), rng.standard_normal((60, 3)), rng.standard_normal((4, 2))
    found = wl.KernelRidge(NTK(), alpha=[0.1, 1.0, 0.1]).fit(X, Y)
    for method in ("jackknife+", "loo", "gaussian"):
        ends = found.predict_interval(x, method=method)
        assert ends.shape == (4, 3, 2)
        for j, alpha in enumerate((0.1, 1.0, 0.1)):
            alone = wl.KernelRidge(NTK(), alpha=alpha).fit(X, Y[:, j]).predict_interval(x, method=method)
            np.testing.assert_allclose(ends[:, j], alone, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("method", ["jackknife+", "loo", "gaussian"])
def test_intervals_hold_what_they_say_on_real_rows(method):
    X, y = load_diabetes(return_X_y=True)
    held, width = [], []
    for seed in range(10):
        order = np.random.default_rng(seed).permutation(len(X))
        train, test = order[:300], order[300:]
        model = wl.KernelRidgeCV(RBF(gamma=20.0), alphas=np.logspace(-2, 2, 9)).fit(X[train], y[train])
        ends = model.predict_interval(X[test], method=method)
        held.append(np.mean((ends[:, 0] <= y[test]) & (y[test] <= ends[:, 1])))
        width.append(np.mean(ends[:, 1] - ends[:, 0]))
    # 1,420 rows, ten times the same 442: a standard error of about .01.
    assert 0.87 < np.mean(held) < 0.93
    # Without rows the interval is 3.3 standard deviations wide.
    assert np.mean(width) < 0.85 * 3.29 * y.std()


def test_scaled_targets_scale_intervals(rng):
    X, y = rng.standard_normal((80, 2)), rng.standard_normal(80)
    model = wl.KernelRidge("rbf", alpha=0.3)
    for method in ("jackknife+", "loo", "gaussian"):
        one = model.fit(X, y).predict_interval(X[:5], method=method)
        other = model.fit(X, 1e40 * y).predict_interval(X[:5], method=method)
        np.testing.assert_allclose(other, 1e40 * one, rtol=1e-9)


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        (wl.KernelRidge("rbf"), {"level": 1.0}, "between 0 and 1, got 1.0"),
        (wl.KernelRidge("rbf"), {"method": "cv+"}, "got 'cv\\+'"),
        (wl.KernelRidge("rbf"), {"level": 0.99}, "50 rows are too few for level=0.99: it takes 99"),
        (wl.KernelRidge("rbf", alpha=0.0), {"method": "gaussian"}, "alpha > 0"),
    ],
)
def test_wrong_input_is_refused(rng, model, options, message):
    X, y = rng.standard_normal((50, 2)), rng.standard_normal(50)
    with pytest.raises(ValueError, match=message):
        model.fit(X, y).predict_interval(X, **options)


def test_precomputed_kernels_are_refused(rng):
    X, y = rng.standard_normal((50, 2)), rng.standard_normal(50)
    with pytest.raises(ValueError, match="keeps none here"):
        wl.KernelRidge("precomputed").fit(RBF()(X), y).predict_interval(RBF()(X))


@pytest.mark.parametrize("level", [1e-12, 1e-3, 0.3])
def test_small_levels_have_the_innermost_ends(rng, level):
    X, y, x = rng.standard_normal((40, 2)), rng.standard_normal(40), rng.standard_normal((5, 2))
    estimator = wl.KernelRidge("rbf", alpha=0.1)
    expected = naive(estimator, X, y, x, max(level, 1e-3))
    found = estimator.fit(X, y).predict_interval(x, level)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10)
    ends = estimator.predict_interval(x, level, "loo")
    assert (ends[:, 1] - ends[:, 0] <= np.diff(estimator.predict_interval(x, 0.5, "loo"), axis=1)[:, 0]).all()


@pytest.mark.parametrize("method", ["jackknife+", "loo"])
def test_large_penalties_leave_intervals_about_the_mean(rng, method):
    X, y = rng.standard_normal((40, 2)), rng.standard_normal(40)
    one, other = (wl.KernelRidge("rbf", alpha=a).fit(X, y).predict_interval(X[:3], method=method) for a in (1e9, 1e200))
    np.testing.assert_allclose(one, other, rtol=1e-6)


@pytest.mark.parametrize(("level", "fewest"), [(0.5, 1), (0.9, 9), (0.95, 19), (0.99, 99)])
def test_the_fewest_rows_are_those_that_do(rng, level, fewest):
    X, y = rng.standard_normal((fewest, 2)), rng.standard_normal(fewest)
    if fewest > 1:
        assert np.isfinite(wl.KernelRidge("rbf").fit(X, y).predict_interval(X, level)).all()
        with pytest.raises(ValueError, match=f"it takes {fewest}\\. Lower"):
            wl.KernelRidge("rbf").fit(X[1:], y[1:]).predict_interval(X, level)
    else:
        with pytest.raises(ValueError, match="1 row with a weight is too few"):
            wl.KernelRidge("rbf").fit(X, y).predict_interval(X, level)
        with pytest.raises(ValueError, match="1 row with a weight is too few"):
            wl.KernelRidge("rbf").fit(X[[0, 0]], y[[0, 0]], [1.0, 0.0]).predict_interval(X, level)


def test_a_linear_kernel_of_columns_is_that_of_features(rng):
    X, y = rng.standard_normal((40, 2)), rng.standard_normal(40)
    found = wl.KernelRidge("linear", alpha=1e-6).fit(X, y)
    assert found.solver_ == "columns"
    features = wl.FeatureRidge("passthrough", alpha=1e-6).fit(X, y)
    np.testing.assert_allclose(found.predict_interval(X), features.predict_interval(X), rtol=1e-9)
