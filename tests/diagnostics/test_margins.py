"""Normalised margins against their formula, and what may not change them."""

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from widelearn import TwoLayerClassifier, TwoLayerRegressor
from widelearn.datasets import linearly_separable
from widelearn.diagnostics import normalized_margins
from widelearn.nets import TwoLayer


@pytest.mark.parametrize("activation", ["relu", ("leaky_relu", 0.2), "identity"])
@pytest.mark.parametrize("norm", ["path", "product"])
def test_margins_are_the_formula_in_every_unit(rng, activation, norm):
    slope = {"relu": 0.0, "identity": 1.0}.get(activation, 0.2)
    for c in (1, 3):
        X, W, b, a = (rng.standard_normal(shape) for shape in ((40, 3), (7, 3), 7, (7, c)))
        Z = X @ W.T - b
        F = np.where(Z > 0, Z, slope * Z) @ a
        sizes = np.linalg.norm(np.column_stack([W, b]), axis=1), np.linalg.norm(a, axis=1)
        size = sizes[0] @ sizes[1] if norm == "path" else np.linalg.norm(sizes[0]) * np.linalg.norm(sizes[1])
        if c == 1:
            y = rng.choice([-1, 1], 40)
            wanted = y * F[:, 0] / size
        else:
            y = rng.integers(0, c, 40)
            other = np.where(np.arange(c) == y[:, None], -np.inf, F).max(axis=1)
            wanted = (F[np.arange(40), y] - other) / size
        for inner, outer in ((1.0, 1.0), (1e-8, 1e5), (2.0**300, 2.0**-900), (1e150, 1e150)):
            found = normalized_margins(TwoLayer(inner * W, inner * b, outer * a, activation), X, y, norm=norm)
            np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12)
        if norm == "path" and c == 1:
            assert np.all(np.abs(found) <= np.linalg.norm(np.column_stack([X, np.ones(40)]), axis=1))
            # neurons may be rescaled one by one
            scale = rng.uniform(0.1, 9, 7)
            again = TwoLayer(scale[:, None] * W, scale * b, a / scale[:, None], activation)
            np.testing.assert_allclose(normalized_margins(again, X, y), wanted, rtol=1e-9)


def test_margins_of_a_classifier():
    data = linearly_separable(300, 5, 0.5, random_state=0)
    y = np.where(data.y > 0, "up", "down")
    model = TwoLayerClassifier(32, max_iter=200, random_state=0).fit(data.X, y)
    margins = normalized_margins(model, data.X, y)
    np.testing.assert_array_equal(margins > 0, model.predict(data.X) == y)
    scores = np.where(y == model.classes_[1], 1, -1) * model.decision_function(data.X)
    np.testing.assert_allclose(margins / margins[0], scores / scores[0], rtol=1e-6)


def test_wrong_margins_are_refused(rng):
    net = TwoLayer(np.eye(2), np.zeros(2), np.ones((2, 1)), "relu")
    X = np.ones((3, 2))
    with pytest.raises(ValueError, match="labels -1 and 1"):
        normalized_margins(net, X, [0, 1, 1])
    with pytest.raises(ValueError, match="norm must be one of"):
        normalized_margins(net, X, [1, 1, 1], norm="l2")
    with pytest.raises(ValueError, match="got 'tanh'"):
        normalized_margins(TwoLayer(np.eye(2), np.zeros(2), np.ones((2, 1)), "tanh"), X, [1, 1, 1])
    with pytest.raises(ValueError, match="has no margin"):
        normalized_margins(TwoLayer(np.eye(2), np.zeros(2), np.zeros((2, 1)), "relu"), X, [1, 1, 1])
    with pytest.raises(NotFittedError, match="TwoLayerClassifier"):
        normalized_margins(TwoLayerClassifier(), X, [1, 1, 1])
    model = TwoLayerRegressor(4, max_iter=2, random_state=0).fit(rng.standard_normal((9, 2)), np.arange(9.0))
    with pytest.raises(ValueError, match="tells no single class"):
        normalized_margins(model, X, [1.0, 2.0, 3.0])
