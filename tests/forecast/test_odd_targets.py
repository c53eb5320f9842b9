"""Forecasts of targets of any scale, offset and shape, of penalties from nothing to all, and of any container."""

import re

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.svm import SVR

import widelearn as wl
from widelearn.forecast import forecast
from widelearn.kernels import RBF

FLAT = wl.KernelRidge(RBF(gamma=0.02), alpha=3.0)


@pytest.fixture
def table(rng):
    X = rng.uniform(-2, 2, (160, 2))
    return X, X[:, 0] + 0.5 * rng.standard_normal(160)


@pytest.mark.parametrize("estimator", [FLAT, wl.FeatureRidge(wl.RandomFeatures(20, random_state=0)), Ridge()])
def test_results_follow_scale_and_offset_of_targets(table, estimator):
    X, y = table
    one = forecast(estimator, X, y, n=[80, 160, 320])
    for scale in (1e-130, 1e-30, 1e30, 1e130):
        other = forecast(estimator, X, scale * y, n=[80, 160, 320])
        np.testing.assert_allclose(other.test / scale / scale, one.test, rtol=1e-6)
        np.testing.assert_allclose(other.upper / scale / scale, one.upper, rtol=1e-6)
        assert other.baseline / scale / scale == pytest.approx(one.baseline)
    for offset in (1e3, 1e8):
        other = forecast(estimator, X, y + offset, n=[80, 160, 320])
        np.testing.assert_allclose(other.test, one.test, rtol=1e-5)
    assert np.isfinite(one.test[:2]).all()
    for scale in (1e-200, 1e160):
        with pytest.raises(ValueError, match="Scale y to within 1e-140 and 1e\\+140"):
            forecast(estimator, X, scale * y, n=160)


@pytest.mark.parametrize("alpha", [1e6, 1e9, 1e300])
def test_a_large_penalty_leaves_the_mean(table, alpha):
    found = forecast(wl.KernelRidge("rbf", alpha=alpha), *table, n=[160, 640])
    np.testing.assert_allclose(found.test, found.baseline, rtol=0.02)


@pytest.mark.parametrize("alpha", [0.0, 1e-300, 1e-12])
def test_repeated_rows_and_no_penalty_warn_of_nothing(rng, alpha):
    X, y = np.repeat(rng.standard_normal((80, 2)), 2, axis=0), np.repeat(rng.standard_normal(80), 2)
    found = forecast(wl.KernelRidge("rbf", alpha=alpha), X, y, n=[160, 640])
    assert (np.isfinite(found.test) | np.array([bool(reason) for reason in found.reason])).all()


@pytest.mark.parametrize("estimator", [FLAT, Ridge()])
def test_fewer_rows_than_were_looked_at_are_refused(table, estimator):
    found = forecast(estimator, *table, n=[5, 160])
    assert np.isnan(found.test[0])
    assert "too near: 5 rows" in found.reason[0]
    assert np.isfinite(found.test[1])


@pytest.mark.parametrize("estimator", [FLAT, RandomForestRegressor(5, random_state=0), SVR()])
def test_a_column_of_targets_is_one_target(table, estimator):
    X, y = table
    column, flat = forecast(estimator, X, y[:, None], n=160), forecast(estimator, X, y, n=160)
    np.testing.assert_array_equal(column.test, flat.test)


def test_precomputed_kernels_are_split_by_columns_too(table):
    X, y = table
    K = RBF(gamma=0.02)(X)
    one, other = (
        forecast(SVR(kernel="precomputed"), K, y, n=160),
        forecast(SVR(kernel="rbf", gamma=0.02), X, y, n=160),
    )
    np.testing.assert_allclose(one.test, other.test, rtol=1e-6)
    np.testing.assert_allclose(
        forecast(wl.KernelRidge("precomputed", alpha=3.0), K, y, n=160).test, forecast(FLAT, X, y, n=160).test
    )


def test_frames_and_sparse_features_stay_what_they_are(table):
    X, y = table
    frame = pd.DataFrame({"a": X[:, 0], "b": np.where(X[:, 1] > 0, "u", "v")})
    prepared = make_column_transformer((OneHotEncoder(), ["b"]), remainder="passthrough")
    assert np.isfinite(forecast(make_pipeline(prepared, Ridge()), frame, y, n=160).test[0])
    encoder = OneHotEncoder(handle_unknown="ignore")
    sparse, dense = wl.FeatureRidge(encoder), wl.FeatureRidge(OneHotEncoder(sparse_output=False))
    signs = np.round(X)
    np.testing.assert_allclose(forecast(sparse, signs, y, n=160).test, forecast(dense, signs, y, n=160).test)


def test_a_rare_class_is_in_every_refit(table):
    X, _ = table
    rare = np.where(np.arange(160) < 6, "a", "b")
    found = forecast(LogisticRegression(), X, rare, n=160)
    assert found.baseline == pytest.approx(6 / 160)
    with pytest.raises(ValueError, match=r"LogisticRegression cannot be fitted to \d+ of the 160 rows"):
        forecast(LogisticRegression(), X, np.where(np.arange(160) < 1, "a", "b"), n=160)


def test_class_weights_are_not_left_out_of_account(table):
    X, y = table
    balanced = wl.KernelRidgeClassifier("rbf", class_weight="balanced")
    assert forecast(balanced, X, y > 0.5, n=160).method == "power law of refits"
    with pytest.raises(ValueError, match="without solver 'nystrom' and class_weight"):
        forecast(balanced, X, y > 0.5, n=160, alpha=1.0)


def test_what_is_measured_is_what_is_forecast(table):
    X, y = table
    labels = np.where(y > 0, "yes", "no")
    for model in (LogisticRegression(), RandomForestClassifier(5, random_state=0)):
        model.fit(X[:80], labels[:80])
        (found,) = forecast(model, X, labels, n=160).measured(model, X[80:], labels[80:], n=80).measurements
        assert found.test == pytest.approx(1 - model.score(X[80:], labels[80:]))
    model = FLAT.fit(X, y)
    with pytest.raises(ValueError, match=r"y must have the shape of what is predicted, \(160,\): got \(160, 3\)"):
        forecast(FLAT, X, y, n=160).measured(model, X, np.stack([y, y, y], axis=1))


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (wl.KernelRidge("rbf", alpha=np.nan), "alpha of the estimator must hold finite numbers"),
        (wl.KernelRidge("rbf", alpha=-1.0), "at least 0, got -1.0"),
        (wl.KernelRidgeCV("rbf", alphas=[]), "alphas of the estimator .* got \\[\\]"),
        (wl.KernelRidgeCV("rbf", alphas=None), "got None"),
        (wl.KernelRidge, "must be an object such as KernelRidge"),
        (None, "got None"),
        (KMeans(), "KMeans is neither a regressor nor a classifier"),
    ],
)
def test_wrong_estimators_are_refused(table, estimator, message):
    with pytest.raises(ValueError, match=message):
        forecast(estimator, *table, n=160)


def test_words_are_no_numbers_of_rows(table):
    with pytest.raises(ValueError, match="n must hold numbers, got 'many'"):
        forecast(FLAT, *table, n="many")


def test_a_refusal_tells_errors_in_the_units_of_the_target(table, monkeypatch):
    X, y = table
    monkeypatch.setattr("widelearn.forecast.bands.WIDEST", 0.0)
    monkeypatch.setattr("widelearn.forecast.bands.DISAGREE", 0.0)
    told = []
    for scale in (1.0, 1e3):
        (reason,) = forecast(wl.KernelRidge("rbf", alpha=0.3), X, scale * y, n=4 * len(X)).reason
        assert "predictors disagree" in reason
        told.append([float(part) for part in re.findall(r"(?:theory|power law) ([0-9.e+-]+)", reason)])
    np.testing.assert_allclose(told[1], 1e6 * np.array(told[0]), rtol=2e-3)
    given = forecast(wl.KernelRidge("rbf", alpha=0.3), X, y, n=len(X)).test[0]
    assert 0.5 * given < told[0][0] < 2 * given
