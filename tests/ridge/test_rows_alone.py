"""Left-out errors of rows that are alone in their columns, beside fits without them in 38 digits."""

import warnings

import numpy as np
import pytest

import widelearn as wl
from fuzz import oracle
from widelearn import ridge

CONSTANTS = [0.0, 1.0, 1 / 3, -7.7]


def rows_alone(seed):
    """Return features of few columns, most of which are constant but for one row far out, and targets."""
    rng = np.random.default_rng([seed, 4])
    n, far = int(rng.integers(3, 40)), 10.0 ** rng.integers(0, 13)
    X = rng.normal(size=(n, int(rng.integers(1, max(n // 2, 2)))))
    for j in range((X.shape[1] + 1) // 2):
        X[:, j] = rng.choice(CONSTANTS)
        X[rng.integers(n), j] += far
    if seed % 3 == 0:
        X[rng.integers(n)] *= far
    dtype = np.float32 if seed % 4 == 3 else np.float64
    return X.astype(dtype), (rng.normal(size=n) + rng.choice([0.0, 10.0])).astype(dtype)


def refits(X, y, weight, alpha, *, fit_intercept):
    """Return the errors of fits without each row, NaN for rows that have no weight."""
    found, kept = np.full(len(y), np.nan), np.flatnonzero(weight)
    for i in kept:
        others = kept[kept != i]
        sums = oracle.sums(X[others], y[others, None], weight[others], fit_intercept=fit_intercept)
        fit = oracle.fit(sums, alpha).values(X[i : i + 1])
        found[i] = float((fit - y[i]).rounded()[0, 0])
    return found


@pytest.mark.parametrize("weighted", [False, True])
def test_rows_alone_in_a_column_are_left_out_in_earnest(weighted):
    for seed in range(24):
        X, y = rows_alone(seed)
        weight = np.ones(len(y)) if not weighted else np.random.default_rng(seed).choice([0.5, 1.0, 3.0], len(y))
        given, alpha = weight if weighted else None, 10.0 ** (seed % 9 - 6)
        model = wl.FeatureRidgeCV("passthrough", [alpha], store_cv_results=True)
        cases = [
            (True, lambda m=model, X=X, y=y, w=given: np.sqrt(m.fit(X, y, w).cv_results_.ravel())),
            (False, lambda X=X, y=y, a=alpha, w=given: np.abs(y - ridge.loo(X, y, [a], sample_weight=w)[0])),
        ]
        for fit_intercept, errors in cases:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                found = errors() / (np.sqrt(weight) if fit_intercept else 1.0)
            truth = np.abs(refits(X.astype(float), y.astype(float), weight, alpha, fit_intercept=fit_intercept))
            gap = np.abs(found - truth) / np.maximum(truth, y.std())
            tolerance = 1e-6 if X.dtype == np.float64 else 1e-3
            assert gap.max() < tolerance or caught, (seed, fit_intercept, X.shape, alpha, gap.max())


@pytest.mark.parametrize("far", [1e3, 1e5, 1e7, 1e9])
@pytest.mark.parametrize("n", [4, 100])
def test_left_out_errors_of_a_column_constant_but_for_one_row_are_exact(n, far):
    X, y = np.ones((n, 1)), np.random.default_rng(0).normal(size=n)
    X[-1] += far
    model = wl.FeatureRidgeCV("passthrough", [1e-6]).fit(X, y)
    errors = refits(X, y, np.ones(n), 1e-6, fit_intercept=True)
    np.testing.assert_allclose(model.best_score_, -np.mean(errors**2), rtol=1e-9)


@pytest.mark.parametrize("shape", [(30, 40), (60, 5), (12, 10)])
def test_gcv_of_moments_alone_is_that_of_rows(shape):
    rng = np.random.default_rng(0)
    X, alphas = rng.normal(size=shape), [1e-3, 1.0, 100.0]
    for y in (rng.normal(size=shape[0]), X @ rng.normal(size=shape[1])):
        half = shape[0] // 2
        moments = ridge.Moments(shape[1]).update(X[:half], y[:half]).update(X[half:], y[half:])
        kept = moments.zy.copy(), moments.zz.copy()
        wanted = ridge.gcv(X, y, alphas)
        np.testing.assert_allclose(moments.gcv(alphas), wanted, rtol=1e-6)
        for array, before in zip((moments.zy, moments.zz), kept, strict=True):
            np.testing.assert_array_equal(array, before)
