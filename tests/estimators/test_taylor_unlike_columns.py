"""Taylor models say where few large columns hide the others, and are silent on rows that a scaler would not change."""

import warnings

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale

from widelearn import TaylorClassifier, TaylorRegressor
from widelearn.diagnostics import operator_norm_ratio
from widelearn.estimators.taylor.inputs import DOMINANT, dominance

DOMINATED = "One direction of X has"


def told(X, y=None, model=None):
    """Fit a model, and return whether it warned of a direction that dominates."""
    y = np.sin(np.arange(len(X))) if y is None else y
    model = TaylorRegressor(width=4, max_iter=2, linear_alpha=0.1, random_state=0) if model is None else model
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X, y)
    return any(DOMINATED in str(each.message) for each in caught)


def products(d, n, factor, seed):
    """Rows of ±1, some columns of which are times a factor, and the product of two others."""
    rng = np.random.default_rng(seed)
    X = rng.choice([-1.0, 1.0], (n, d))
    y = X[:, 0] * X[:, 1]
    X[:, -(d // 10) :] *= factor
    return X, y


def test_shares_are_those_of_eigenvalues_and_no_unit_or_offset_changes_them():
    rng, spoken = np.random.default_rng(0), 0
    for _ in range(60):
        n, d = (int(k) for k in rng.integers(2, 60, 2))
        X = rng.standard_normal((n, d)) * np.exp(rng.normal(0, rng.uniform(0, 2), d))
        X[:, rng.uniform(size=d) < 0.1] = 3.0
        C = np.atleast_2d(np.cov(X.T, bias=True))
        sizes = np.diag(C)
        kept = sizes > 1e-20 * sizes.max()
        R = C[np.ix_(kept, kept)] / np.sqrt(np.outer(sizes[kept], sizes[kept]))
        now, after = np.linalg.eigvalsh(C)[-1] / sizes.sum(), np.linalg.eigvalsh(R)[-1] / kept.sum()
        found = dominance(X)
        ratio = operator_norm_ratio(X - X.mean(axis=0)) ** 2
        if found == (0.0, 0.0, 0.0):
            # What is not looked at cannot be told: a share falls by no more than variances allow.
            assert now < DOMINANT * after * (1 + 1e-12)
            continue
        spoken += 1
        np.testing.assert_allclose(found, (now, after, ratio), rtol=1e-9)
        np.testing.assert_allclose(dominance(np.ldexp(X, 60)), found, rtol=1e-12)
        np.testing.assert_allclose(dominance(X + 5.0), found, rtol=1e-6)
    assert 10 < spoken < 55


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_few_large_columns_are_told(dtype):
    for seed, (d, n) in enumerate([(40, 400), (20, 200), (60, 300), (100, 3000)]):
        X, y = products(d, n, 6.0, seed)
        assert told(X.astype(dtype), y)
        assert told(1e3 * X.astype(dtype) + 50, y)
        assert not told(X[:, : d - d // 10].astype(dtype), y)
        for remedy in ({"whiten": True}, {"order": 1}):
            model = TaylorRegressor(width=4, max_iter=2, linear_alpha=0.1, random_state=0, **remedy)
            assert not told(X.astype(dtype), y, model)
        model = TaylorRegressor(width=4, max_iter=2, linear_alpha=0.1, random_state=0)
        assert not told(X.astype(dtype), y, make_pipeline(StandardScaler(), model))
        assert told(X, (y > 0).astype(int), TaylorClassifier(width=4, max_iter=2, linear_alpha=0.1, random_state=0))


def test_what_is_told_is_what_spoils_a_fit():
    """Rows with four large columns beside the same with columns of one size."""
    errors = {}
    for factor in (1.0, 1.2, 6.0):
        X, y = products(40, 1400, factor, 7)
        model = TaylorRegressor(random_state=0)
        assert told(X[:400], y[:400], model) == (factor == 6.0)
        errors[factor] = 1 - model.score(X[400:], y[400:])
    assert max(errors[1.0], errors[1.2]) < 0.02 < 0.2 < errors[6.0]


def test_rows_that_no_scaler_would_change_are_not_told():
    rng = np.random.default_rng(1)
    for n, d in [(12, 3), (60, 5), (200, 20), (100, 50), (30, 100), (2000, 10)]:
        for X in (rng.standard_normal((n, d)), rng.choice([-1.0, 1.0], (n, d)), rng.uniform(size=(n, d))):
            assert not told(X)
        # Columns that depend on each other, alike in size: neighbours of a picture.
        common = rng.standard_normal((n, 1)) + 0.3 * rng.standard_normal((n, d))
        assert not told(40 + 20 * common * rng.uniform(0.8, 1.2, d))
        # Rare ones, heavy tails and two kinds.
        mixed = np.hstack([rng.standard_t(3, (n, d)), rng.choice([0.0, 1.0], (n, d))])
        assert not told(scale(mixed))
        # What tables become: numbers of one source, standardised, and a column for every class.
        classes = np.eye(15)[rng.integers(0, 15, n)]
        assert not told(np.hstack([scale(common[:, :4]), classes]))
    for load in (load_wine, load_diabetes, load_breast_cancer, load_digits):
        X, y = load(return_X_y=True)
        assert not told(scale(X), y), load.__name__
    assert not told(*load_digits(return_X_y=True))
    # These are in units of their own, which the docstring says to take out.
    assert told(*load_wine(return_X_y=True))


def test_rare_values_of_standardised_columns_are_not_told():
    """Few of many rows have the rare value: variances of a sample of rows would be several times too large or small."""
    for seed in range(60):
        rng = np.random.default_rng(seed)
        X = rng.standard_normal((20_000, 6))
        X[:, 0] = rng.uniform(size=len(X)) < 1e-3
        X[:, 1] = rng.standard_t(2, len(X))
        now, after, _ = dominance(scale(X))
        assert now <= DOMINANT * after
    X = np.zeros((20_000, 3))
    X[[3, 5], 0], X[[4, 6], 1] = (1.0, -1.0), (9.0, -9.0)
    assert dominance(X) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("X", [np.ones((5, 2)), np.zeros((1, 3)), np.arange(6.0)[:, None]])
def test_rows_without_directions_are_not_told(X):
    assert not told(X)
