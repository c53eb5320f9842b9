"""Neurons in a plane against scikit-learn's principal axes; decisions on planes against the model asked directly."""

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.multiclass import OneVsRestClassifier
from sklearn.svm import SVC

import widelearn as wl
from widelearn.datasets import gaussian_mixture, xor_mixture
from widelearn.diagnostics import GradientFeatures, decision_plane, gradient_features, initial_neurons, neuron_map


class Odd:
    """A model that predicts what a function says."""

    def __init__(self, predict, classes=None):
        self.predict = predict
        if classes is not None:
            self.classes_ = np.asarray(classes)


def fitted(seed, c=1, width=12):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((60, 5)) * [1, 3, 0.1, 10, 1] + 1
    Y = np.column_stack([X[:, 0] * X[:, 1], X[:, 2]])[:, :c]
    model = wl.TwoLayerRegressor(width, activation="tanh", max_iter=5, random_state=seed)
    return model.fit(X, Y if c > 1 else Y[:, 0])


@pytest.mark.parametrize("c", [1, 2])
@pytest.mark.parametrize("width", [6, 12])
@pytest.mark.parametrize("start", [False, True])
def test_places_are_principal_components_of_unit_rows(c, width, start):
    model = fitted(c + width, c, width)
    W, a = (model.W0_, model.a0_) if start else (model.W_, model.a_)
    units = W / np.linalg.norm(W, axis=1, keepdims=True)
    pca = PCA(2).fit(units)
    found = neuron_map(model, np.eye(5)[[1, 3]], start=start)
    np.testing.assert_allclose(np.abs(found.positions), np.abs(pca.transform(units)), atol=1e-10)
    assert found.explained == pytest.approx(pca.explained_variance_ratio_.sum())
    # raw columns are other directions in scaled ones only where several are mixed: these are axes
    np.testing.assert_allclose(np.abs(found.stars), np.abs(pca.transform(np.eye(5)[[1, 3]])), atol=1e-10)
    np.testing.assert_allclose(found.weights, np.linalg.norm(W, axis=1) * np.linalg.norm(a, axis=1))
    np.testing.assert_array_equal(found.signs, np.sign(a[:, 0]) if c == 1 else 0)
    assert found.positions[np.abs(found.positions).argmax(axis=0), [0, 1]].min() > 0


@pytest.mark.parametrize("level", [0.0, 0.3, 0.9, 1.0])
def test_close_pairs_are_counted(level):
    units = neuron_map(fitted(1)).units
    pairs = np.abs(units @ units.T)[np.triu_indices(len(units), 1)]
    assert neuron_map(fitted(1)).close(level) == pytest.approx(np.mean(pairs >= level))


def test_neurons_without_weights_point_nowhere():
    model = fitted(2)
    model.W_[[0, 4]] = 0
    found = neuron_map(model)
    np.testing.assert_array_equal(found.neurons, np.setdiff1d(np.arange(12), [0, 4]))
    model.W_[1:] = 0
    model.W_[0] = 1e-170
    found = neuron_map(model)
    assert found.explained == 1.0
    assert np.isnan(found.close())
    model.W_[:] = 0
    with pytest.raises(ValueError, match="no neuron has a direction"):
        neuron_map(model)


def test_neurons_of_a_mixture_gather_at_its_centres():
    data = xor_mixture(800, 40, 5.0, random_state=0)
    model = wl.TwoLayerClassifier.preset("xor_mixture", random_state=0).fit(data.X, data.y)
    both = np.vstack([data.directions, -data.directions])
    found = neuron_map(model, both)
    apart = np.linalg.norm(found.positions[:, None] - found.stars[None], axis=2).min(axis=1)
    assert np.average(apart, weights=found.weights) < 0.25
    assert neuron_map(model, start=True).explained < 0.3 < found.explained
    assert len(found.plot().axes) == 1


@pytest.mark.parametrize("d", [2, 6])
@pytest.mark.parametrize("kind", ["decision", "classes", "numbers"])
def test_outputs_on_the_plane_are_the_models(d, kind):
    rng = np.random.default_rng(d)
    X = rng.standard_normal((90, d)) * 3 + 5
    y = {
        "decision": np.sign(X[:, 0] - 5),
        "classes": np.digitize(X[:, 0], [4, 6]),
        "numbers": X[:, 0] ** 2,
    }[kind]
    model = (Ridge() if kind == "numbers" else LogisticRegression()).fit(X, y)
    axes = None if d == 2 else rng.standard_normal((2, d)) * [[1e-5], [1e7]]
    found = decision_plane(model, X, y, axes=axes, resolution=7, margin=0.5)
    np.testing.assert_allclose(found.axes @ found.axes.T, np.eye(2), atol=1e-14)
    for s in (0, 3, 6):
        for t in (1, 6):
            at = (found.center + found.grid[s] * found.axes[0] + found.grid[t] * found.axes[1])[None]
            expected = {
                "decision": lambda at: model.decision_function(at)[0],
                "classes": lambda at: np.flatnonzero(model.classes_ == model.predict(at)[0])[0],
                "numbers": lambda at: model.predict(at)[0],
            }[kind](at)
            assert found.values[t, s] == pytest.approx(expected)
    apart = X - X.mean(axis=0)
    np.testing.assert_allclose(found.points, apart @ found.axes.T, atol=1e-12)
    rest = apart - found.points @ found.axes
    assert found.beside == pytest.approx(np.linalg.norm(rest) / np.linalg.norm(apart), abs=1e-7)
    assert found.grid[-1] == pytest.approx(1.5 * np.abs(found.points).max())
    assert found.plot().axes


def test_arrows_of_gradients_are_drawn():
    data = gaussian_mixture(300, 2, means=[[3, 0], [-1, 2], [-1, -3]], random_state=0)
    found = gradient_features(data.X, data.y, *initial_neurons(9, 2))
    figure = found.plot(data.means, gamma=0.1)
    tails, heads = (part.get_offsets() for part in figure.axes[0].collections[:2])
    np.testing.assert_allclose(tails, found.W / np.linalg.norm(found.W, axis=1).max())
    np.testing.assert_allclose(heads, found.G / np.linalg.norm(found.G, axis=1).max())
    rng = np.random.default_rng(0)
    X, pair = rng.standard_normal((50, 6)), rng.standard_normal((2, 6))
    wide = gradient_features(X, np.sign(X[:, 0]), *initial_neurons(9, 6))
    assert "beside the plane" in wide.plot(pair).get_suptitle()
    first = wide.plot(pair).axes[0].collections[0].get_offsets()[:, 0]
    along = wide.W @ pair[0] / np.linalg.norm(pair[0]) / np.linalg.norm(wide.W, axis=1).max()
    np.testing.assert_allclose(first, along, atol=1e-12)


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda m, X: neuron_map(Ridge()), TypeError, "no W0_"),
        (lambda m, X: neuron_map(m, np.zeros((1, 5))), ValueError, "points nowhere"),
        (lambda m, X: neuron_map(m, np.eye(3)), ValueError, "shape"),
        (lambda m, X: decision_plane(m, X), ValueError, "give axes"),
        (lambda m, X: decision_plane(m, X, axes=np.ones((2, 5))), ValueError, "parallel"),
        (lambda m, X: decision_plane(m, X, axes=np.zeros((2, 5))), ValueError, "points nowhere"),
        (lambda m, X: decision_plane(m, X, np.zeros(3), axes=np.eye(5)[:2]), ValueError, "one label"),
        (lambda m, X: decision_plane(m, X, axes=np.eye(5)[:2], resolution=1), ValueError, "resolution"),
        (lambda m, X: decision_plane(m, X, axes=np.eye(5)[:2], margin=-1), ValueError, "margin"),
        (lambda m, X: decision_plane(PCA(2).fit(X), X, axes=np.eye(5)[:2]), TypeError, "neither"),
        (lambda m, X: decision_plane(fitted(3, 2), X, axes=np.eye(5)[:2]), ValueError, "one real number or class"),
        (lambda m, X: gradient_features(X, X[:, 0], *initial_neurons(3, 5)).plot(), ValueError, "two directions"),
        (lambda m, X: gradient_features(X, X[:, 0], *initial_neurons(3, 5)).plot(X[[0, 0]]), ValueError, "parallel"),
        (lambda m, X: neuron_map(m).close(np.nan), ValueError, "level"),
        (lambda m, X: neuron_map(m, start="no"), ValueError, "start"),
        (lambda m, X: decision_plane(m, 1e300 * X, axes=np.eye(5)[:2]), ValueError, "overflow"),
        (lambda m, X: decision_plane(Odd(lambda X: X[:, 0] + 1j), X, axes=np.eye(5)[:2]), ValueError, "complex"),
        (lambda m, X: decision_plane(Odd(lambda X: X[:3, 0]), X, axes=np.eye(5)[:2]), ValueError, "one real"),
        (
            lambda m, X: gradient_features(X, X[:, 0], *initial_neurons(3, 5)).plot(X[:2], gamma=0.1),
            ValueError,
            "two columns",
        ),
    ],
)
def test_wrong_input_is_refused(call, error, says):
    with pytest.raises(error, match=says):
        call(fitted(0), np.random.default_rng(0).standard_normal((20, 5)))


@pytest.mark.parametrize("kind", ["ovo", "ovr", "unsorted"])
def test_classes_are_those_that_the_model_predicts(kind):
    rng = np.random.default_rng(0)
    X = np.repeat([[0.0, 0.0], [2.0, 0.0], [1.0, 1.5]], 30, axis=0) + 0.5 * rng.standard_normal((90, 2))
    y = np.repeat(["c", "a", "b"], 30)
    svc = SVC(decision_function_shape="ovr" if kind == "unsorted" else kind).fit(X, y)
    model = Odd(svc.predict, ["c", "a", "b"]) if kind == "unsorted" else svc
    found = decision_plane(model, X, y, resolution=40)
    names = np.array(found.classes)[found.values]
    rows = found.center + np.stack(np.meshgrid(found.grid, found.grid), axis=-1).reshape(-1, 2)
    np.testing.assert_array_equal(names.ravel(), svc.predict(rows))
    # rows have the colour of the region of their class, and no other class is drawn
    ax = found.plot().axes[0]
    mesh = ax.collections[0]
    colors = {name: mesh.cmap(mesh.norm(k))[:3] for k, name in enumerate(found.classes)}
    points = {c.get_label(): c.get_facecolor()[0][:3] for c in ax.collections if c.get_label() in set(y)}
    assert points.keys() == set(y)
    for name, color in points.items():
        np.testing.assert_allclose(color, colors[name])
    np.testing.assert_array_equal(np.unique(mesh.get_array()), np.unique(found.values))


def test_positive_decisions_and_rows_of_the_second_class_are_warm():
    X = np.repeat([[-1.0, 0.0], [1.0, 0.0]], 20, axis=0) + 0.1 * np.random.default_rng(0).standard_normal((40, 2))
    y = np.repeat(["no", "yes"], 20)
    ax = decision_plane(LogisticRegression().fit(X, y), X, y).plot().axes[0]
    points = {c.get_label(): c.get_facecolor()[0] for c in ax.collections if c.get_label() in set(y)}
    warm = ax.collections[0].cmap(1.0)
    assert points["yes"][0] > points["yes"][2]
    assert warm[0] > warm[2]
    assert points["no"][0] < points["no"][2]


def test_models_of_several_targets_are_refused():
    X = np.random.default_rng(0).standard_normal((30, 2))
    both = OneVsRestClassifier(LogisticRegression()).fit(X, (X > 0).astype(int))
    with pytest.raises(ValueError, match="one real number or class"):
        decision_plane(both, X)
    with pytest.raises(ValueError, match="not among its classes_"):
        decision_plane(Odd(lambda X: np.full(len(X), 7), [1, 2]), X)


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_gradients_of_any_size_are_drawn(scale):
    found = GradientFeatures(np.eye(2) * scale, np.zeros(2), np.array([[1.0, 1.0], [0.0, 2.0]]) * scale, np.zeros(2))
    tails, heads = (part.get_offsets() for part in found.plot().axes[0].collections[:2])
    np.testing.assert_allclose(tails, np.eye(2))
    np.testing.assert_allclose(heads, [[0.5, 0.5], [0, 1]])
