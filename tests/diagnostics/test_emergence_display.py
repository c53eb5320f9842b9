"""The picture of emerging features: the curves of a measurement, and where a level is reached."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from sklearn.exceptions import NotFittedError

import widelearn as wl
from widelearn.datasets import parity
from widelearn.diagnostics import Emergence, EmergenceDisplay, emergence

STEPS = np.array([0, 10, 20])
NEAREST = np.array([[0.1, 0.2], [0.9, 0.5], [0.95, 0.85]])
FOUND = Emergence(STEPS, NEAREST, NEAREST[:, 0], NEAREST[:, 1], np.full(3, np.nan))


def test_curves_and_level():
    ax = Figure().subplots()
    shown = EmergenceDisplay(FOUND).plot(ax, level=0.8)
    assert shown.ax_ is ax
    assert shown.figure_ is ax.figure
    *curves, level, reached = ax.lines
    np.testing.assert_array_equal([line.get_ydata() for line in curves], [*NEAREST.T, *NEAREST.T])
    np.testing.assert_array_equal([line.get_xdata() for line in curves], [STEPS] * 4)
    assert (level.get_ydata()[0], reached.get_xdata()[0]) == (0.8, 20)
    assert len(EmergenceDisplay(FOUND).plot(level=0.9).ax_.lines) == 5  # never reached by the second
    assert len(EmergenceDisplay(FOUND).plot().ax_.lines) == 4


def test_of_an_estimator():
    data, fresh = (parity(300, 10, 2, random_state=seed) for seed in (0, 1))
    model = wl.TwoLayerClassifier.preset("parity", max_iter=30, random_state=0).fit(data.X, data.y)
    given = model, data.X, data.y, np.eye(10)[data.support]
    options = {"every": 10, "X_fresh": fresh.X, "y_fresh": fresh.y}
    shown, wanted = EmergenceDisplay.from_estimator(*given, **options, level=0.5), emergence(*given, **options)
    for name in ("steps", "nearest", "largest_share", "mean_share", "scores"):
        np.testing.assert_array_equal(getattr(shown.emergence, name), getattr(wanted, name))
    labels = [text.get_text() for text in shown.ax_.get_legend().get_texts()]
    assert labels[-1] == "score at fresh rows"
    shown.figure_.canvas.draw()


def test_what_is_refused():
    with pytest.raises(TypeError, match="Emergence"):
        EmergenceDisplay(3)
    for level in (0, 1.1, True, "a", np.nan):
        with pytest.raises(ValueError, match="level must be a cosine"):
            EmergenceDisplay(FOUND).plot(level=level)
    with pytest.raises(TypeError, match="ax must be"):
        EmergenceDisplay(FOUND).plot(3)
    with pytest.raises(TypeError, match="W0_"):
        EmergenceDisplay.from_estimator(wl.KernelRidge(), np.eye(3), np.ones(3), np.eye(3))


@pytest.mark.parametrize("kind", [wl.TwoLayerClassifier, wl.TwoLayerRegressor])
def test_an_unfitted_net_is_refused_as_such(kind):
    with pytest.raises(NotFittedError, match=kind.__name__):
        EmergenceDisplay.from_estimator(kind(), np.eye(3), [0.0, 1.0, 0.0], np.eye(3)[:1])
