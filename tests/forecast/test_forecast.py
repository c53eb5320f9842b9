"""Forecasts beside what is measured later, refusals, recommendations and wrong input."""

import numpy as np
import pytest
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LogisticRegression

import widelearn as wl
from widelearn.forecast import forecast
from widelearn.kernels import RBF


def table(rng, n, noise=0.3):
    X = rng.standard_normal((n, 4))
    return X, np.sin(X[:, 0]) * X[:, 1] + 0.5 * X[:, 2] + noise * rng.standard_normal(n)


def error_of(estimator, X, y, X_test, y_test):
    return np.mean((estimator.fit(X, y).predict(X_test) - y_test) ** 2)


@pytest.fixture(scope="module")
def later():
    """A sample, as many rows as come later, and rows to test on."""
    rng = np.random.default_rng(6)
    return table(rng, 400), table(rng, 1600), table(rng, 4000)


def test_bands_hold_what_is_measured_later():
    """Eight samples, three penalties: 90 % bands hold seven tenths or more, and none holds twice the error."""
    held, given = 0, 0
    for seed in range(8):
        rng = np.random.default_rng(seed)
        (X, y), (X_later, y_later), test = table(rng, 400), table(rng, 1600), table(rng, 2000)
        found = forecast(wl.KernelRidge("rbf"), X, y, n=1600, alpha=[0.03, 0.3, 3.0])
        for i, alpha in enumerate(found.alpha):
            measured = error_of(wl.KernelRidge("rbf", alpha=alpha), X_later, y_later, *test)
            given += not found.reason[i]
            held += bool(found.lower[i] < measured < found.upper[i])
            assert not found.lower[i] < 2 * measured < found.upper[i]
    # At least seven tenths are answered.
    assert given >= 17
    # Three penalties of a sample are one draw, nearly: of 8 draws at 90 % fewer than 6 are held once in 26.
    assert held >= 0.7 * given


@pytest.mark.parametrize("count", [40, 400])
def test_other_numbers_of_random_features(later, count):
    (X, y), (X_later, y_later), test = later
    features = wl.RandomFeatures(100, "erf", random_state=0)
    found = forecast(wl.FeatureRidge(features, alpha=0.01), X, y, n=1600, n_features=[count])
    errors = [
        error_of(wl.FeatureRidge(wl.RandomFeatures(count, "erf", random_state=s), 0.01), X_later, y_later, *test)
        for s in range(5)
    ]
    assert found.lower[0] < np.mean(errors) < found.upper[0]
    assert found.n_features[0] == count


def test_a_map_as_it_is_and_its_own_penalties(later):
    (X, y), (X_later, y_later), test = later
    estimator = wl.FeatureRidgeCV(wl.RandomFeatures(200, random_state=0), alphas=[1e-3, 1e-2, 0.1, 1.0])
    found = forecast(estimator, X, y, n=[400, 1600])
    assert found.n_features.tolist() == [200, 200]
    model = estimator.fit(X_later, y_later)
    assert found.lower[1] < np.mean((model.predict(test[0]) - test[1]) ** 2) < found.upper[1]


def test_classes_and_their_scores():
    rng = np.random.default_rng(5)
    X = rng.standard_normal((2400, 3))
    y = np.array(["a", "b", "c"])[np.argmax(X + 0.4 * rng.standard_normal(X.shape), axis=1)]
    estimator = wl.KernelRidgeClassifier("rbf", alpha=1.0)
    found = forecast(estimator, X[:300], y[:300], n=[300, 1200])
    model = estimator.fit(X[:1200], y[:1200])
    found = found.measured(model, X[1200:], y[1200:])
    (measured,) = found.measurements
    assert measured.n == 1200
    assert found.lower[1] < measured.test < found.upper[1]
    wrong = 1 - model.score(X[1200:], y[1200:])
    # 300 rows with about a fifth wrong tell the rate to a tenth of it.
    assert found.error_rate[1] == pytest.approx(wrong, rel=0.25)
    assert found.log_loss[1] < found.log_loss[0]


def test_shuffled_labels_say_that_nothing_is_learnt(rng):
    X, y = table(rng, 400)
    found = forecast(wl.KernelRidgeCV("rbf"), X, rng.permutation(y), n=[400, 1600])
    assert found.nothing_learnt
    assert not forecast(wl.KernelRidgeCV("rbf"), X, y, n=[400, 1600]).nothing_learnt


def test_heavy_tails_are_refused_with_the_rows_that_would_settle_it(rng):
    X, y = table(rng, 400)
    found = forecast(wl.KernelRidge("rbf"), X, y + 3 * rng.standard_cauchy(400), n=1600)
    assert np.isnan(found.test).all()
    assert "heavy tails" in found.reason[0]
    assert "rows" in found.reason[0]


def test_far_rows_are_refused(later):
    found = forecast(wl.KernelRidge("rbf"), *later[0], n=[400, 4000, 4001])
    assert "too far" not in found.reason[1]
    assert "too far" in found.reason[2]
    assert "give 401 rows" in found.reason[2]


def test_the_cheapest_setting_that_reaches_an_error(later):
    found = forecast(wl.KernelRidge("rbf"), *later[0], n=[400, 800, 1600, 3200], alpha=[0.1, 1.0])
    best = found.recommend(1.02 * np.nanmin(found.test[found.n == 1600]))
    assert best.n == 1600
    assert best.cost == pytest.approx(1600**3 / 3)
    assert found.recommend(best.test, cost=lambda n, p: -n).n == 3200
    assert (
        found.recommend(best.test, sure=True).n > 1600
        or "no setting reaches" in found.recommend(best.test, sure=True).reason
    )
    none = found.recommend(1e-9)
    assert np.isnan(none.n)
    assert "no setting reaches 1e-09" in none.reason
    with pytest.raises(ValueError, match="positive number, got -1"):
        found.recommend(-1)


@pytest.mark.parametrize(
    "estimator",
    [RandomForestRegressor(20, min_samples_leaf=3, random_state=0), wl.KernelRidge("rbf", solver="nystrom")],
)
def test_any_estimator_by_refits(later, estimator):
    found = forecast(estimator, *later[0], n=[320, 640])
    assert found.method == "power law of refits"
    measured = error_of(estimator, *(part[:640] for part in later[1]), *later[2])
    # What is measured on 4,000 rows has an error of its own: two standard errors are 5 %.
    assert not found.reason[1]
    assert 0.95 * found.lower[1] < measured < 1.05 * found.upper[1]


def test_a_classifier_by_refits():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((2000, 2))
    y = X[:, 0] + X[:, 1] + rng.standard_normal(2000) > 0
    found = forecast(LogisticRegression(), X, y, n=4000)
    # The sign of u + v, whose variances are 2 and 1, is that of u but for arctan(1 / √2) / π.
    best = np.arctan(np.sqrt(0.5)) / np.pi
    assert not found.reason[0]
    assert found.lower[0] < best < found.upper[0]
    assert found.upper[0] < 1.35 * best
    np.testing.assert_array_equal(found.error_rate, found.test)
    assert found.plot().get_ylabel() == "share of wrong classes"


def test_it_is_drawn(later):
    model = wl.KernelRidge("rbf", alpha=0.3).fit(*later[1])
    found = forecast(model, *later[0], n=[400, 1600, 5000]).measured(model, *later[2])
    axes = found.plot()
    assert axes.get_xscale() == "log"
    assert axes.get_ylabel() == "squared error of new rows"
    assert len(axes.lines) >= 2
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), found.test)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n": 0.5}, "n must hold numbers of at least 1"),
        ({"n": []}, "got none"),
        ({"n_features": [10]}, "n_features is of a map of features"),
        ({"n_features": [2.5]}, "whole numbers"),
        ({"alpha": [-1.0]}, "alpha must hold numbers"),
        ({"rows": 99}, "99 rows are too few: a forecast needs 100"),
        ({"constant": True}, "y is constant"),
        ({"estimator": RandomForestRegressor(), "alpha": 1.0}, "has neither a kernel nor a map of features"),
        ({"estimator": wl.FeatureRidge(wl.NystromFeatures()), "n_features": 50}, "no limit of many random features"),
        ({"estimator": wl.FeatureRidge("passthrough"), "n_features": 50}, "'passthrough' has the columns of X"),
    ],
)
def test_wrong_input_is_refused(later, change, message):
    X, y = later[0]
    rows = change.get("rows", 400)
    y = np.ones(400) if "constant" in change else y
    options = {"n": 800} | {key: change[key] for key in ("n", "n_features", "alpha") if key in change}
    with pytest.raises(ValueError, match=message):
        forecast(change.get("estimator", wl.KernelRidge("rbf")), X[:rows], y[:rows], **options)


def test_the_kernel_is_chosen_as_the_estimator_does(later):
    X, y = later[0]
    several = forecast(wl.KernelRidgeCV(["linear", "rbf"]), X, y, n=800, alpha=0.3)
    assert several.test == forecast(wl.KernelRidge(RBF()), X, y, n=800, alpha=0.3).test
