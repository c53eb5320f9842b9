"""Solutions corrected by residuals in twice the precision of doubles, beside an oracle of 38 digits."""

import warnings

import numpy as np
import pytest
from scipy.linalg import LinAlgWarning

import widelearn as wl
from fuzz import oracle
from fuzz.oracle import Pairs
from widelearn import ridge
from widelearn.ridge.exact_products import ExactSums, residuals


def numbers(rng, *shape):
    return rng.normal(size=shape) * 10.0 ** rng.uniform(-8, 8, shape)


@pytest.mark.parametrize("seed", range(10))
def test_products_are_rounded_once(seed):
    rng = np.random.default_rng(seed)
    n, p, t = rng.integers(1, 40, 3)
    Z, coef, y = numbers(rng, n, p), numbers(rng, p, t), numbers(rng, n, t)
    center, offset, a = numbers(rng, p), numbers(rng, t), numbers(rng, n, t)
    wanted = Pairs(y) - offset - (Pairs(Z) - center) @ Pairs(coef)
    sums = ExactSums(p, t)
    sums.add(Z, a)
    slope = (Pairs(Z) - center).T @ Pairs(a) - Pairs(coef) * 0.3
    # Of products that nearly cancel, twice the precision keeps 1e-32 of their sizes.
    sizes = np.abs(y) + np.abs(offset) + (np.abs(Z) + np.abs(center)) @ np.abs(coef)
    gap = np.abs((wanted - residuals(Z, center, coef, y, offset)).rounded())
    assert (gap <= 1.2e-16 * np.abs(wanted.rounded()) + 1e-29 * sizes).all()
    sizes = (np.abs(Z) + np.abs(center)).T @ np.abs(a) + np.abs(coef)
    gap = np.abs((slope - sums.less(center, coef, 0.3)).rounded())
    assert (gap <= 1.2e-16 * np.abs(slope.rounded()) + 1e-29 * sizes).all()


@pytest.mark.parametrize("shape", [(40, 6), (9, 15)])
@pytest.mark.parametrize("level", [1.0, 1e3, 1e6])
def test_without_an_intercept_targets_far_from_zero_lose_no_digits(shape, level):
    for seed in range(6):
        rng = np.random.default_rng(seed)
        n, p = shape
        Z = (rng.normal(size=shape) + 10.0 ** rng.uniform(0, 6, p)) * 10.0 ** rng.uniform(-6, 6, p)
        y, alpha = rng.normal(size=(n, 1)) + level, 10.0 ** rng.uniform(-2, 4)
        truth = oracle.fit(oracle.sums(Z, y, np.ones(n), fit_intercept=False), alpha)
        for coef in (ridge.solve(Z, y, alpha), ridge.path(Z, y, [alpha])[0]):
            gap = (Pairs(Z) @ (truth.coef - coef)).rounded()
            # Rounding of the coefficients themselves shows beside the spread.
            assert np.abs(gap).max() <= max(1e-9, 1e-15 * (np.abs(Z) @ np.abs(coef)).max())


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_equal_columns_of_any_unit_share_their_coefficient(dtype):
    for seed in range(8):
        rng = np.random.default_rng(seed)
        X = (rng.normal(size=(37, 5)) * 10.0 ** rng.uniform(-6, 6, 5)).astype(dtype)
        X[:, 1] = X[:, 0]
        y = (rng.normal(size=37) + 1.0).astype(dtype)
        coef = wl.FeatureRidge("passthrough", 1e-6).fit(X, y, rng.uniform(0.5, 2, 37)).coef_
        assert coef[0] == pytest.approx(coef[1], rel=1e-3, abs=1e-12 * float(np.abs(y).max() / np.abs(X[:, 0]).max()))


def test_a_path_warns_once_of_the_worst_penalty(rng):
    X, y = rng.normal(size=(9, 3)), rng.normal(size=9)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ridge.path(np.column_stack([X, X]) * 10.0 ** np.array([0, 0, 0, 9, 9, 9]), y, [0.0, 1e-30, 1.0])
    assert sum(issubclass(one.category, LinAlgWarning) for one in caught) == 1
    assert "So for alpha = 0" in str(caught[0].message)


@pytest.mark.parametrize("far", [1e5, 1e7])
def test_an_outlying_row_says_nothing_of_left_out_errors_that_are_right(far):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(25, 10)), rng.normal(size=25)
    X[0] *= far
    with warnings.catch_warnings():
        warnings.simplefilter("error", LinAlgWarning)
        model = wl.KernelRidgeCV(["ntk"], [0.01]).fit(X, y)
    K = model.kernel_(X)
    errors = []
    for i in range(25):
        k = np.arange(25) != i
        fit = wl.KernelRidge("precomputed", 0.01).fit(K[np.ix_(k, k)], y[k])
        errors.append(y[i] - fit.predict(K[i : i + 1, k])[0])
    assert model.best_score_ == pytest.approx(-np.mean(np.square(errors)), rel=1e-8)
