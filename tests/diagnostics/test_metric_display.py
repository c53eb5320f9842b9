"""The picture of a recursive feature machine's metric: which entries it draws, in which order, and what it refuses."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from sklearn.exceptions import NotFittedError

from widelearn import KernelRidge, RecursiveFeatureMachine
from widelearn.diagnostics import MetricDisplay


def labels(axis):
    return [tick.get_text() for tick in axis.get_ticklabels()]


@pytest.fixture
def table(rng):
    X = pd.DataFrame(rng.standard_normal((120, 4)), columns=["a", "b", "c", "d"])
    return X, np.sin(2 * X["c"]) + 0.3 * X["a"]


def test_a_full_metric_is_drawn_by_its_entries(table):
    model = RecursiveFeatureMachine(n_iter=2).fit(*table)
    shown = MetricDisplay.from_estimator(model, most=3)
    order = np.argsort(-np.diag(model.M_))[:3]
    assert labels(shown.ax_.yaxis) == labels(shown.ax_.xaxis) == [model.feature_names_in_[j] for j in order]
    assert labels(shown.ax_.yaxis)[0] == "c"
    np.testing.assert_array_equal(shown.ax_.images[0].get_array(), model.M_[np.ix_(order, order)])
    share = model.feature_importances_[order].sum()
    assert shown.ax_.get_title() == f"{share:.0%} of the metric's trace"
    assert isinstance(shown.figure_, Figure)
    shown.figure_.canvas.draw()


def test_a_diagonal_is_drawn_by_shares(table):
    model = RecursiveFeatureMachine(n_iter=2, metric="diagonal").fit(*table)
    ax = Figure().subplots()
    shown = MetricDisplay.from_estimator(model, ax=ax)
    assert shown.ax_ is ax
    assert shown.figure_ is ax.figure
    widths = [bar.get_width() for bar in ax.patches]
    np.testing.assert_allclose(widths, np.sort(model.feature_importances_)[::-1])


def test_numbers_name_columns_without_names():
    shown = MetricDisplay([1.0, 3.0]).plot(most=1)
    assert labels(shown.ax_.yaxis) == ["1"]
    assert labels(MetricDisplay(np.zeros((2, 2))).plot().ax_.yaxis) == ["0", "1"]


@pytest.mark.parametrize(
    ("metric", "options", "reason"),
    [
        (1.0, {}, "shape"),
        ([], {}, "shape"),
        (np.ones((2, 3)), {}, "shape"),
        ([[1.0, 2.0], [0.0, 1.0]], {}, "symmetric"),
        ([-1.0, 2.0], {}, "negative"),
        ([np.nan, 2.0], {}, "finite"),
        (["a"], {}, "numbers"),
        ([1.0, 2.0], {"feature_names": ["a"]}, "2 names"),
        ([1.0, 2.0], {"feature_names": "ab"}, "2 names"),
        ([1.0, 2.0], {"feature_names": 3}, "2 names"),
    ],
)
def test_what_is_no_metric_is_refused(metric, options, reason):
    with pytest.raises(ValueError, match=reason):
        MetricDisplay(metric, **options)


def test_what_has_no_metric_is_refused(table):
    with pytest.raises(NotFittedError):
        MetricDisplay.from_estimator(RecursiveFeatureMachine())
    with pytest.raises(TypeError, match="no metric"):
        MetricDisplay.from_estimator(KernelRidge().fit(*table))
    with pytest.raises(TypeError, match="fitted recursive"):
        MetricDisplay.from_estimator(3)
    for most in (0, True, 1.5):
        with pytest.raises(ValueError, match="most"):
            MetricDisplay([1.0]).plot(most=most)
    with pytest.raises(TypeError, match="ax must be a matplotlib Axes or None, got 'x'"):
        MetricDisplay([1.0]).plot("x")
