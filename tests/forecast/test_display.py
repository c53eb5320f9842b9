"""A forecast beside what is measured: which rows it sees, at which numbers of rows it is measured, and the picture."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from sklearn.model_selection import LearningCurveDisplay, train_test_split

from widelearn import FeatureRidge, KernelRidge, KernelRidgeClassifier, KernelRidgeCV, RandomFeatures
from widelearn.forecast import ForecastDisplay, forecast


def problem(n=900, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, 2))
    return X, np.sin(2 * X[:, 0]) + 0.3 * rng.standard_normal(n)


def test_measured_errors_are_those_of_refits():
    X, y = problem()
    model = KernelRidge("rbf", alpha=0.5)
    shown = ForecastDisplay.from_estimator(model, X, y, n=[1200, 300, 600], n_sample=250, random_state=4)
    train, test = train_test_split(np.arange(900), test_size=0.25, random_state=4)
    wanted = forecast(model, X[train[:250]], y[train[:250]], n=[1200, 300, 600], random_state=4)
    np.testing.assert_array_equal(shown.forecast.test, wanted.test)
    assert shown.forecast.n_sample == 250
    assert not hasattr(model, "dual_coef_")
    assert [one.n for one in shown.forecast.measurements] == [300, 600]
    for one in shown.forecast.measurements:
        first = train[: int(one.n)]
        squares = np.square(y[test] - KernelRidge("rbf", alpha=0.5).fit(X[first], y[first]).predict(X[test]))
        assert one.test == pytest.approx(squares.mean(), rel=1e-12)
        assert one.standard_error == pytest.approx(squares.std() / 15, rel=1e-12)
    line = shown.ax_.lines[0]
    np.testing.assert_array_equal(line.get_xdata(), [300, 600, 1200])
    points = [bar.lines[0].get_xdata()[0] for bar in shown.ax_.containers]
    assert points == [300, 600]
    shown.figure_.canvas.draw()


def test_a_penalty_that_is_chosen_is_one_line():
    X, y = problem()
    shown = ForecastDisplay.from_estimator(KernelRidgeCV("rbf", [0.01, 0.1, 1.0]), X, y, n=[200, 500, 1000])
    found = shown.forecast
    assert len(set(found.alpha)) > 1
    assert [line.get_label() for line in shown.ax_.lines[:1]] == ["penalty chosen for each number of rows"]
    np.testing.assert_array_equal(shown.ax_.lines[0].get_ydata(), found.test)


def test_settings_are_a_line_each_and_what_is_refused_none():
    X, y = problem(300)
    model = FeatureRidge(RandomFeatures(50, random_state=0))
    found = forecast(model, X, y, n=[200, 400, 10**6], n_features=[50, 100], alpha=[0.1, 1.0])
    assert np.isnan(found.test[found.n == 10**6]).all()
    labels = [line.get_label() for line in ForecastDisplay(found).plot().ax_.lines]
    assert labels == [f"{p} features, alpha {a}" for p in (50, 100) for a in ("0.1", "1")]
    nothing = forecast(KernelRidge("rbf", alpha=1.0), X, y, n=[10**6])
    assert not ForecastDisplay(nothing).plot().ax_.lines


def test_classes_frames_and_axes_of_scikit_learn():
    X, y = problem(800)
    frame, labels = pd.DataFrame(X, columns=["a", "b"]), np.where(y > 0, "up", "down")
    model = KernelRidgeClassifier("rbf", alpha=1.0)
    ax = Figure().subplots()
    shown = ForecastDisplay.from_estimator(model, frame, labels, n=[300, 600], ax=ax)
    assert shown.ax_ is ax
    assert [one.n for one in shown.forecast.measurements] == [300, 600]
    curve = LearningCurveDisplay.from_estimator(
        KernelRidge("rbf", alpha=1.0),
        X,
        y,
        scoring="neg_mean_squared_error",
        negate_score=True,
        ax=Figure().subplots(),
        cv=3,
    )
    shown = ForecastDisplay(forecast(KernelRidge("rbf", alpha=1.0), X, y, n=[800, 1600])).plot(curve.ax_)
    assert shown.ax_ is curve.ax_


def test_what_is_refused():
    X, y = problem(200)
    with pytest.raises(TypeError, match="Forecast"):
        ForecastDisplay(3)
    for wrong in (3, KernelRidge, None):
        with pytest.raises(TypeError, match="must be a regressor or classifier"):
            ForecastDisplay.from_estimator(wrong, X, y, n=[100])
    for count in (151, 0, True, 1.5):
        with pytest.raises(ValueError, match="at most the 150 of 200 rows that train"):
            ForecastDisplay.from_estimator(KernelRidge("rbf"), X, y, n=[100], n_sample=count)
    with pytest.raises(ValueError, match="50 rows are too few"):
        ForecastDisplay.from_estimator(KernelRidge("rbf"), X, y, n=[100], n_sample=50)
    with pytest.raises(ValueError, match="inconsistent"):
        ForecastDisplay.from_estimator(KernelRidge("rbf"), X, y[:-1], n=[100])
    found = forecast(KernelRidge("rbf"), X, y, n=[200])
    with pytest.raises(TypeError, match="ax must be"):
        ForecastDisplay(found).plot("x")


@pytest.mark.parametrize("wrong", [100, 1.0, 0.0, -0.5, True, None, "0.25", np.nan])
def test_what_is_held_out_is_a_share(wrong):
    X = np.random.default_rng(0).standard_normal((300, 2))
    with pytest.raises(ValueError, match="test_size must be a share of the rows"):
        ForecastDisplay.from_estimator(KernelRidge("rbf"), X, X[:, 0], n=[200], test_size=wrong)
