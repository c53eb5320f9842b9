"""Simplified gradients on rows against sums in higher precision, their errors against closed forms, and residuals."""

import numpy as np
import pytest

from simulation import proves
from widelearn.datasets import xor_mixture
from widelearn.diagnostics import GradientFeatures, gradient_features, initial_neurons
from widelearn.nets import TwoLayer
from widelearn.theory import mixture_gradient


def naive(X, y, W, b, weight=None):
    """G and the estimate of E‖Ĝ - G‖², one row after the other."""
    X, y = np.asarray(X, dtype=np.longdouble), np.asarray(y, dtype=np.longdouble)
    p = np.ones(len(X), np.longdouble) if weight is None else np.asarray(weight, np.longdouble)
    p = p / p.sum()
    G, errors = [], []
    for w, t in zip(W, b, strict=True):
        v = np.array([r * x if x @ w > t else 0 * x for x, r in zip(X, y, strict=True)])
        mean = (p[:, None] * v).sum(axis=0)
        spread = (p**2 * (v**2).sum(axis=1)).sum() - (p**2).sum() * (mean**2).sum()
        G.append(mean)
        errors.append(spread / (1 - (p**2).sum()))
    return np.array(G, float), np.array(errors, float)


def test_gradients_are_the_sums(rng):
    for case in range(40):
        n, d, m = int(rng.integers(2, 30)), int(rng.integers(1, 6)), int(rng.integers(1, 5))
        size, unit = 10.0 ** rng.integers(-120, 60), 10.0 ** rng.integers(-60, 60)
        X = rng.standard_normal((n, d)) + (3 if case % 3 == 0 else 0)
        X = np.repeat(X, 2, axis=0)[:n] if case % 4 == 0 else X
        X = X.astype(np.float32) if case % 5 == 0 else size * X
        y = unit * rng.standard_normal(n) if case % 2 else rng.choice([-1.0, 1.0], n)
        weight = [None, rng.uniform(0, 1, n), rng.integers(1, 4, n)][case % 3]
        W = rng.standard_normal((m, d)) * 10.0 ** rng.integers(-3, 4)
        b = rng.standard_normal(m) * np.abs(X @ W.T).max()
        found = gradient_features(X, y, W, b, sample_weight=weight)
        G, errors = naive(X, y, W, b, weight)
        top = np.abs(X).max() * np.abs(y).max()
        np.testing.assert_allclose(found.G, G, rtol=1e-12, atol=1e-13 * float(top))
        np.testing.assert_allclose(found.errors, errors, rtol=1e-10, atol=1e-13 * float(top) ** 2)


def test_errors_are_right_in_the_mean():
    """Both the estimate of E‖Ĝ - G‖² and the norm without noise, against a mixture's closed form."""
    W, b = initial_neurons(1, 30, bias_scale=0.3)
    estimated, measured, norms = [], [], []
    for seed in range(1200):
        data = xor_mixture(200, 30, 3.0, random_state=seed, directions=np.eye(30)[:2])
        found = gradient_features(data.X, data.y, W, b)
        G = mixture_gradient(W, b, 3 * np.eye(30)[[0, 0, 1, 1]] * [[1], [-1], [1], [-1]], [1, 1, -1, -1]).G
        estimated.append(found.errors[0])
        measured.append(np.sum((found.G - G) ** 2))
        norms.append(np.sum(found.G**2) - found.errors[0])
    proves(measured, np.mean(estimated), 0.02)
    assert abs(np.mean(norms) - np.sum(G**2)) < 4 * np.std(norms) / np.sqrt(1200)


@pytest.mark.parametrize(("n", "radius"), [(1200, 4.0), (5000, 3.0)])
def test_angles_are_those_predicted(n, radius):
    """The angle to G, and that to the span of the two means, is arctan of the relative error within 15 %."""
    d = 200
    data = xor_mixture(n, d, radius, random_state=0, directions=np.eye(d)[:2])
    W, b = initial_neurons(400, d, bias_scale=0.2, random_state=1)
    # a neuron that looks along the means has the longer gradient
    W[:, :2] *= 4
    found = gradient_features(data.X, data.y, W, b)
    G = mixture_gradient(W, b, radius * np.eye(d)[[0, 0, 1, 1]] * [[1], [-1], [1], [-1]], [1, 1, -1, -1]).G
    length = np.linalg.norm(found.G, axis=1)
    cosine = np.abs(np.sum(found.G * G, axis=1)) / (length * np.linalg.norm(G, axis=1))
    span = np.linalg.norm(found.G[:, :2], axis=1) / length
    good = found.angles < 40
    assert good.mean() > 0.5
    predicted = np.tan(np.radians(found.angles[good]))
    for cos in (cosine[good], span[good]):
        ratio = np.median(np.tan(np.arccos(np.clip(cos, 0, 1))) / predicted)
        assert abs(ratio - 1) < 0.15, ratio


def test_residuals_are_the_steps_of_a_net(rng):
    """-a_r G at the outputs of any net is its gradient."""
    X, W, b, a = (
        rng.standard_normal((50, 4)),
        rng.standard_normal((6, 4)),
        rng.standard_normal(6),
        rng.standard_normal(6),
    )
    net, weight = TwoLayer(W, b, a[:, None], "relu"), rng.uniform(0.1, 1, 50)
    for loss in ("logistic", "hinge", "squared"):
        y = rng.choice([-1.0, 1.0], 50) if loss != "squared" else rng.standard_normal(50)
        found = gradient_features(X, y, W, b, outputs=net.outputs(X)[:, 0], loss=loss, sample_weight=weight)
        wanted = net.loss_gradient(X, y[:, None], loss, sample_weight=weight).W
        np.testing.assert_allclose(-a[:, None] * found.G, wanted, rtol=1e-11, atol=1e-13)


def test_starts_have_their_law():
    W, b = initial_neurons(4000, 25, weight_scale=3.0, bias="normal", bias_scale=2.0, random_state=3)
    assert W.std() == pytest.approx(3 / 5, rel=5 / np.sqrt(2 * W.size))
    assert b.std() == pytest.approx(2, rel=5 / np.sqrt(8000))
    assert set(initial_neurons(9, 2, bias_scale=0.5)[1]) == {0.5}
    signs = initial_neurons(4000, 2, bias="signs", bias_scale=0.5)[1]
    assert set(signs) == {-0.5, 0.5}
    assert abs(signs.mean()) < 5 * 0.5 / np.sqrt(4000)
    np.testing.assert_array_equal(W, initial_neurons(4000, 25, weight_scale=3.0, random_state=3)[0])


def test_cosines_are_without_noise():
    found = GradientFeatures(np.eye(2), np.zeros(2), np.array([[3.0, 4.0], [1.0, 0.0]]), np.array([9.0, 4.0]))
    np.testing.assert_allclose(found.cosines([[2.0, 0.0], [0.0, -5e200]]), [[0.75, -1.0], [0.0, 0.0]])
    with pytest.raises(ValueError, match="A direction is 0"):
        found.cosines([[0.0, 0.0]])
    with pytest.raises(ValueError, match=r"directions has the shape \(1, 3\)"):
        found.cosines([[1.0, 0.0, 0.0]])


ROWS = {"X": np.eye(3), "y": np.ones(3), "W": np.eye(3), "b": np.zeros(3)}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"X": np.ones((1, 3)), "y": [1.0]}, "at least 2 rows must have weight, got 1 of 1"),
        ({"y": np.ones(4)}, r"y has the shape \(4,\)"),
        ({"y": [1.0, np.nan, 1.0]}, "y must be finite"),
        ({"W": np.ones((2, 2))}, r"W has the shape \(2, 2\)"),
        ({"b": 0.0}, r"b has the shape \(\)"),
        ({"sample_weight": [1.0, -1.0, 1.0]}, "sample_weight must be >= 0"),
        ({"sample_weight": [1.0, 0.0, 0.0]}, "at least 2 rows must have weight, got 1 of 3"),
        ({"sample_weight": [1.0, 1e-300, 0.0]}, "One row has all the weight"),
        ({"loss": "softmax"}, "loss must be one of"),
        ({"outputs": np.ones(3), "y": [1.0, 2.0, 1.0]}, "takes labels -1 and 1, got 2"),
        ({"X": 1e200 * np.eye(3)}, "beyond float64"),
    ],
)
def test_wrong_rows_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        gradient_features(**ROWS | wrong)


def test_wrong_draws_are_refused():
    for wrong in ({"n_draws": 0}, {"d": 1.5}, {"weight_scale": 0.0}, {"bias": "both"}, {"random_state": None}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            initial_neurons(**{"n_draws": 5, "d": 2} | wrong)
    with pytest.raises(MemoryError, match="Draw fewer"):
        initial_neurons(1 << 35, 1000)
