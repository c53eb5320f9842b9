"""What neurons have of true directions over a training, and of the gradients of the outputs, against their formulas."""

import numpy as np
import pytest
from scipy.linalg import sqrtm
from sklearn.exceptions import NotFittedError

import widelearn as wl
from widelearn.datasets import parity
from widelearn.diagnostics import alignment, emergence
from widelearn.nets import TwoLayer


def problem(seed, c=1, dtype="float64", **options):
    rng = np.random.default_rng(seed)
    X = (rng.standard_normal((50, 4)) * [1, 5, 0.2, 3] + 2).astype(dtype)
    Y = np.column_stack([X[:, 0] * X[:, 1], X[:, 2], np.sin(X[:, 3])])[:, :c]
    options = {"activation": "tanh", "max_iter": 12, "random_state": seed} | options
    return wl.TwoLayerRegressor(10, **options).fit(X, Y if c > 1 else Y[:, 0]), X, Y if c > 1 else Y[:, 0]


@pytest.mark.parametrize("c", [1, 3])
@pytest.mark.parametrize("scaling", ["standard", "scalar", None])
def test_both_matrices_are_their_formulas(c, scaling):
    model, X, _ = problem(c, c, scaling=scaling)
    x = (X - model.x_offset_) / model.x_scale_
    slopes = 1 - np.tanh(x @ model.W_.T - model.b_) ** 2
    gradients = np.einsum("ro,nr,rd->nod", model.a_, slopes, model.W_)
    expected = np.einsum("nod,noe->de", gradients, gradients) / len(X)
    found = alignment(model, X)
    np.testing.assert_allclose(found.gradient_matrix, expected, rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(found.feature_matrix, model.W_.T @ model.W_, rtol=1e-12)
    A, B = found.feature_matrix.ravel(), expected.ravel()
    assert found.cosine == pytest.approx(A @ B / np.linalg.norm(A) / np.linalg.norm(B))
    assert found.correlation == pytest.approx(np.corrcoef(A, B)[0, 1])
    root = np.real(sqrtm(expected)).ravel()
    assert found.root_cosine == pytest.approx(A @ root / np.linalg.norm(A) / np.linalg.norm(root), rel=1e-6)
    s = np.linalg.svd(model.W_, compute_uv=False)
    p = s / s.sum()
    ranks = {
        "effective": np.exp(-p @ np.log(p)),
        "stable": (s @ s) / s[0] ** 2,
        "participation": (s @ s) ** 2 / sum(s**4),
    }
    assert found.ranks()["features"] == pytest.approx(ranks)
    assert found.plot().axes


def test_features_align_with_gradients_as_a_parity_is_learned():
    data = parity(1500, 40, 3, random_state=0)
    cosines = []
    for steps in (1, 500):
        model = wl.TwoLayerClassifier.preset("parity", max_iter=steps, random_state=0).fit(data.X, data.y)
        cosines.append(alignment(model, data.X))
    assert cosines[0].cosine < 0.8
    assert cosines[1].cosine > 0.95
    assert cosines[1].ranks()["features"]["stable"] < 0.5 * cosines[0].ranks()["features"]["stable"]


@pytest.mark.parametrize("options", [{}, {"batch_size": 7}, {"algorithm": "algorithm1"}, {"early_stopping": True}])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_moments_are_those_of_a_callback(options, dtype):
    kept = []
    given = {"callback": lambda t, state: kept.append((state.W.copy(), state.b.copy(), state.a.copy())) and None}
    model, X, y = problem(3, 1, dtype, **options, **given)
    directions = np.array([[1.0, 2.0, 0.0, 0.0], [0.0, 0.0, -3.0, 1.0]])
    # The callback of the fit is not called again.
    count = len(kept)
    found = emergence(model, X, y, directions, X_fresh=X[:20], y_fresh=y[:20])
    assert len(kept) == count
    np.testing.assert_array_equal(found.steps, np.arange(count + 1))
    kept.insert(0, (model.W0_, model.b0_, model.a0_))
    D = directions / model.x_scale_
    D /= np.linalg.norm(D, axis=1, keepdims=True)
    P = np.linalg.pinv(D) @ D
    for at, (W, b, a) in enumerate(kept):
        W, b, a = (part.astype(float) for part in (W, b, a))
        size = np.linalg.norm(W, axis=1)
        inside = np.linalg.norm(W @ P, axis=1) / size
        np.testing.assert_allclose(found.nearest[at], np.abs(W @ D.T / size[:, None]).max(0), rtol=1e-9)
        weight = size * np.abs(a[:, 0])
        assert found.largest_share[at] == pytest.approx(inside.max())
        assert found.mean_share[at] == pytest.approx((inside @ weight) / weight.sum())
        net = TwoLayer(W, b, a, "tanh")
        f = net.outputs(np.ascontiguousarray((X[:20].astype(float) - model.x_offset_) / model.x_scale_))
        r = f * model.y_scale_ + model.y_offset_ - y[:20, None]
        assert found.scores[at] == pytest.approx(1 - (r**2).sum() / ((y[:20] - y[:20].mean()) ** 2).sum(), abs=1e-4)
    few = emergence(model, X, y, directions, every=5)
    np.testing.assert_array_equal(few.steps, np.arange(0, count + 1, 5))
    np.testing.assert_array_equal(few.nearest, found.nearest[::5])
    assert np.isnan(few.scores).all()


def test_directions_are_there_before_scores_show_it():
    data = parity(4500, 40, 3, random_state=1)
    X, y = data.X[:1500], data.y[:1500]
    model = wl.TwoLayerClassifier.preset("parity", max_iter=300, random_state=1).fit(X, y)
    fresh = {"X_fresh": data.X[1500:], "y_fresh": data.y[1500:]}
    found = emergence(model, X, y, np.eye(40)[data.support], every=10, **fresh)
    shown = int(found.steps[np.argmax(found.scores > 0.75)])
    there = int(found.steps[np.argmax(found.largest_share > 0.9)])
    assert there < shown
    assert found.scores[-1] > 0.95
    assert found.plot().axes
    assert found.reached(2.0) is None


def test_wrong_input_is_refused():
    model, X, y = problem(0)
    for text, options in {
        "every must be": {"every": 0},
        "belong together": {"X_fresh": X},
        "direction is 0": {"directions": np.zeros((1, 4))},
        "at most as many": {"directions": np.ones((5, 4))},
        "must be \\(n, 4\\)": {"directions": np.eye(3)},
    }.items():
        with pytest.raises(ValueError, match=text):
            emergence(model, X, y, **{"directions": np.eye(4)[:1]} | options)
    with pytest.raises(ValueError, match="no iterations"):
        emergence(wl.TwoLayerRegressor(4, algorithm="frozen").fit(X, y), X, y, np.eye(4)[:1])
    with pytest.raises(NotFittedError, match="TwoLayerRegressor"):
        emergence(wl.TwoLayerRegressor(), X, y, np.eye(4)[:1])
    with pytest.raises(TypeError, match="fitted TwoLayer"):
        alignment(wl.FeatureRidge().fit(X, y), X)
    with pytest.raises(ValueError, match="must be \\(n, 4\\)"):
        alignment(model, X[:, :3])
