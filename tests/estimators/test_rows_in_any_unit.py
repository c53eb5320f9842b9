"""Ridge regression on the columns themselves, in whatever unit they are and however far from zero."""

import pickle
import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.preprocessing import PolynomialFeatures

from fuzz import oracle
from fuzz.problems import Problem
from fuzz.ridge_problems import FAILURES, outcomes
from widelearn import FeatureRidge, FeatureRidgeClassifier, FeatureRidgeCV

MODELS = {
    "one penalty": lambda alpha: FeatureRidge("passthrough", alpha),
    "mixed": lambda alpha: FeatureRidge("passthrough", alpha, precision="mixed"),
    "chosen": lambda alpha: FeatureRidgeCV("passthrough", [alpha]),
    "gcv": lambda alpha: FeatureRidgeCV("passthrough", [alpha], cv="gcv"),
}


def quiet(call):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return call()


def table(rng, n=300):
    X = rng.uniform(size=(n, 5))
    return X, 3 * X[:, 0] - 2 * X[:, 1] + X[:, 2] + 0.05 * rng.standard_normal(n)


def best(X, y, alpha):
    weight = np.ones(len(X))
    return oracle.fit(oracle.sums(X, y[:, None], weight, fit_intercept=True), alpha)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("column", ["milliseconds since 1970", "nanometres", "1e-9", "1e12 + noise"])
def test_one_column_of_another_unit(name, column, rng):
    X, y = table(rng)
    u = X[:, 4]
    X[:, 4] = {"milliseconds since 1970": 1.6e12 + 3e10 * u, "nanometres": 5e7 * u, "1e-9": 1e-9 * u}.get(
        column, 1e12 + 1e4 * u
    )
    for alpha in (1e-3, 1.0):
        model = quiet(lambda alpha=alpha: MODELS[name](alpha).fit(X, y))
        wanted = best(X, y, alpha).values(X).rounded()[:, 0]
        # The smallest bound of the kind: far below what any prediction is worth.
        assert np.abs(model.predict(X) - wanted).max() <= 1e-9
        assert model.score(X, y) > 0.98 * Ridge(alpha, solver="svd").fit(X, y).score(X, y)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("seed", range(6))
def test_far_from_zero(seed, name, dtype):
    rng = np.random.default_rng(seed)
    X, y = table(rng)
    X = ((X + 10.0 ** rng.uniform(0, 8 if dtype == np.float64 else 3, 5)) * 10.0 ** rng.uniform(-6, 6, 5)).astype(dtype)
    y = y.astype(dtype)
    alpha = 10.0 ** rng.uniform(-6, 2)
    model = quiet(lambda: MODELS[name](alpha).fit(X, y))
    wanted = best(X, y, alpha).values(X).rounded()[:, 0]
    # Single precision rounds coefficients and predictions.
    assert np.abs(model.predict(X) - wanted).max() <= (1e-9 if dtype == np.float64 else 1e-5)
    assert model.predict(X).dtype == dtype
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    assert clone(model).fit(X, y).predict(X).tobytes() == model.predict(X).tobytes()


def test_the_intercept_is_the_value_at_zero(rng):
    X, y = table(rng)
    X += 1e6
    model = FeatureRidge("passthrough", 1e-3).fit(X, y)
    plain = X @ model.coef_ + model.intercept_
    np.testing.assert_allclose(model.predict(X), plain, atol=1e-8)


def test_batches_are_predicted_about_their_centre(rng):
    X, y = table(rng)
    X[:, 3] = 1e9 + X[:, 3]
    whole = FeatureRidge("passthrough", 1e-3).fit(X, y)
    parts = FeatureRidge("passthrough", 1e-3)
    for rows in np.array_split(np.arange(len(X)), 7):
        parts.partial_fit(X[rows], y[rows])
    np.testing.assert_allclose(parts.predict(X), whole.predict(X), atol=1e-9)


@pytest.mark.parametrize("power", [0, 3, 6, 8, 9])
@pytest.mark.parametrize("alpha", [1e-3, 0.1, 1.0])
def test_an_outlying_row(power, alpha, rng):
    X = rng.standard_normal((300, 4))
    y = 2 * X[:, 0] + X[:, 1] ** 2
    X[0] = 3.0 * 10.0**power
    # Rows about a mean that one of them moves: it takes digits from the others, of scikit-learn's rows too.
    found = outcomes(Problem(0, X, y, None, alpha, X[1:13]))
    assert [str(one) for one in found if one.verdict in FAILURES] == []


def test_a_transformer_of_scikit_learn_keeps_the_centre(rng):
    X = rng.uniform(size=(200, 2)) + 1e3
    y = np.sin(5 * X[:, 0])
    model = quiet(lambda: FeatureRidge(PolynomialFeatures(2, include_bias=False), 1e-3).fit(X, y))
    Z = PolynomialFeatures(2, include_bias=False).fit_transform(X)
    assert np.abs(model.predict(X) - best(Z, y, 1e-3).values(Z).rounded()[:, 0]).max() <= 1e-8


def test_rows_without_weight_may_hold_anything(rng):
    X, y = table(rng)
    X[:, 4] *= 1e8
    weight = np.ones(len(X))
    weight[::5] = 0.0
    spoilt = X.copy()
    spoilt[::5] = 1e150
    kept = weight > 0
    for name, make in MODELS.items():
        one = make(1e-3).fit(spoilt, y, sample_weight=weight).predict(X)
        other = make(1e-3).fit(X[kept], y[kept]).predict(X)
        np.testing.assert_allclose(one, other, atol=1e-9, err_msg=name)


def test_the_best_score_is_the_left_out_error(rng):
    X, y = table(rng, 60)
    X[:, 4] *= 5e7
    model = quiet(lambda: FeatureRidgeCV("passthrough", [1e-6, 1e-3, 1.0]).fit(X, y))
    left = oracle.left_out(X, y[:, None], np.ones(60), model.alpha_, fit_intercept=True).rounded()[:, 0]
    assert model.best_score_ == pytest.approx(-np.mean((y - left) ** 2), rel=1e-9)
    chosen = quiet(lambda: FeatureRidgeCV("passthrough", [1e-6, 1e-3, 1.0], cv="gcv").fit(X, y))
    assert -2 * np.mean((y - left) ** 2) < chosen.best_score_ < 0


def test_classes_in_any_unit(rng):
    X, y = table(rng)
    X[:, 3] = 1.6e12 + 3e10 * X[:, 3]
    labels = np.where(y > np.median(y), "high", "low")
    model = quiet(lambda: FeatureRidgeClassifier("passthrough", 1e-3).fit(X, labels))
    assert model.score(X, labels) > 0.9
