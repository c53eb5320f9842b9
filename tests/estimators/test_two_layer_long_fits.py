"""Long fits of two-layer nets: large tables are not copied, and weights of no use neither slow nor change a fit."""

import warnings

import numpy as np
import pytest

import widelearn as wl
from widelearn.estimators.scaling import Scaling
from widelearn.estimators.two_layer import rows as table_rows
from widelearn.estimators.two_layer.network import Network


def table(dtype="float32", n=300):
    rng = np.random.default_rng(0)
    X = (rng.standard_normal((n, 6)) * [1, 1e3, 1e-3, 5, 1, 1] + [0, 1e5, 0, 3, 0, 0]).astype(dtype)
    return X, np.where(X[:, 0] * X[:, 3] > 0, "a", "b")


def fitted(model, X, y, **kwargs):
    model.fit(X, y, **kwargs)
    return [model.W_, model.b_, model.a_, model.x_scale_, model.loss_curve_]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("scaling", ["standard", "scalar", None])
@pytest.mark.parametrize("options", [{}, {"early_stopping": True}, {"class_weight": "balanced"}])
def test_tables_that_are_scaled_in_batches_give_the_same_bits(monkeypatch, dtype, scaling, options):
    X, y = table(dtype, 1500)
    model = wl.TwoLayerClassifier(8, batch_size=32, max_iter=4, random_state=0, scaling=scaling, **options)
    weight = np.random.default_rng(1).uniform(size=len(X))
    expected = fitted(model, X, y, sample_weight=weight)
    taken, apply = [], Scaling.apply
    monkeypatch.setattr(Scaling, "apply", lambda self, X: taken.append(len(X)) or apply(self, X))
    monkeypatch.setattr(table_rows, "SCALED_ONCE", 1)
    monkeypatch.setattr(table_rows, "MEASURED", 500)
    for one, other in zip(fitted(model, X, y, sample_weight=weight), expected, strict=True):
        np.testing.assert_array_equal(one, other)
    # A start is looked at on 512 rows, and the sizes of all rows in parts.
    assert max(taken) <= 512


@pytest.mark.parametrize("algorithm", ["algorithm1", "one_step", "k_step", "frozen"])
def test_algorithms_that_take_all_rows_scale_them_at_once(monkeypatch, algorithm):
    X, y = table()
    model = wl.TwoLayerClassifier(8, algorithm=algorithm, batch_size=32, max_iter=4, random_state=0)
    expected = fitted(model, X, y)
    monkeypatch.setattr(table_rows, "SCALED_ONCE", 1)
    for one, other in zip(fitted(model, X, y), expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_columns_measured_in_parts_are_those_of_the_whole(monkeypatch):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((500, 3)) * [1, 1e-200, 1e200] + [1e8, 0, 0]
    weight = rng.integers(0, 3, size=500).astype(float)
    for given in (None, weight):
        whole = Scaling.of(X, "standard", given)
        monkeypatch.setattr("widelearn.estimators.scaling.MEASURED", 60)
        parts = Scaling.of(X, "standard", given)
        monkeypatch.undo()
        np.testing.assert_allclose(parts.scale, whole.scale, rtol=1e-9)
        np.testing.assert_allclose(parts.offset, whole.offset, rtol=1e-12, atol=1e-12 * whole.scale.min())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_weights_of_no_use_become_zero_and_change_nothing(monkeypatch, dtype, solver):
    X, y = table(dtype, 2000)
    # One neuron in four sees no row: the penalty alone moves its weights.
    rng = np.random.default_rng(0)
    b = np.where(np.arange(8) % 4 == 0, 1e3, 0.1)
    init = rng.standard_normal((8, 6)).astype(dtype), b.astype(dtype), rng.standard_normal((8, 1)).astype(dtype)
    options = {"alpha": 0.1} if solver == "adam" else {"alpha": 0.9, "learning_rate_init": 0.5, "momentum": 0.5}
    options |= {"solver": solver, "batch_size": 20, "max_iter": 30, "init": init, "random_state": 0}
    model = wl.TwoLayerClassifier(8, **options)
    found = fitted(model, X, y)
    # Adam takes longer than this to 1e-200.
    if (dtype, solver) != ("float64", "adam"):
        assert (model.W_[[0, 4]] == 0).all()
    for part in (model.W_, model.a_):
        sizes = np.abs(part[part != 0])
        assert not len(sizes) or sizes.min() > np.finfo(dtype).tiny
    monkeypatch.setattr(Network, "drop_nothings", lambda self, *sizes, both: None)
    slow = fitted(model, X, y)
    np.testing.assert_allclose(found[0], slow[0], atol=1e-28)
    np.testing.assert_allclose(found[-1], slow[-1], rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("place", ["rows", "first", "outputs", "targets"])
def test_small_weights_that_matter_stay(dtype, place):
    rng = np.random.default_rng(0)
    # Powers of two, so that outputs are the targets to the bit, and steps are 0.
    far = {"float32": 2.0**103, "float64": 2.0**668}[dtype]
    Z = rng.standard_normal((200, 2)).astype(dtype).astype(float)
    y = np.abs(Z[:, 0])
    W, a = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]]), np.array([[1.0], [1.0], [0.5]])
    match place:
        case "rows":
            W[:2], Z[:, 0] = W[:2] / far, Z[:, 0] * far
        case "first":
            W[:2], a[:2] = W[:2] / far, a[:2] * far
        case "outputs":
            W[:2], a[:2] = W[:2] * far, a[:2] / far
        case "targets":
            y, a = y / far, a / far
    a[2] = 0.0
    init = W.astype(dtype), np.zeros(3, dtype), a.astype(dtype)
    model = wl.TwoLayerRegressor(3, scaling=None, init=init, max_iter=1, momentum=0.0, alpha=0.0, solver="sgd")
    X, y = Z.astype(dtype), y.astype(dtype)
    np.testing.assert_allclose(model.fit(X, y).predict(X), y, rtol=1e-5)


def test_output_weights_that_are_not_trained_stay():
    X, y = table("float64")
    a = np.array([1.0, 1e-250, -2.0, 0.5])[:, None]
    init = np.random.default_rng(0).standard_normal((4, 6)), np.zeros(4), a
    model = wl.TwoLayerClassifier(4, init=init, train_output=False, max_iter=20, random_state=0).fit(X, y)
    np.testing.assert_array_equal(model.a_, a)


@pytest.mark.parametrize("seed", range(6))
def test_a_run_that_diverges_is_taken_up_with_the_same_bits(tmp_path, seed):
    rng = np.random.default_rng(seed)
    X, y = rng.standard_normal((40, 3)).astype("float32"), rng.standard_normal(40).astype("float32")
    options = {"solver": "sgd", "learning_rate_init": 8.0, "momentum": 0.5, "alpha": 0.9, "scaling": None, "tol": None}
    model = wl.TwoLayerRegressor(6, random_state=seed, max_iter=400, **options)
    with pytest.warns(UserWarning, match="diverged"):
        whole = fitted(model, X, y)
    last = len(whole[-1])
    for cut in range(max(1, last - 3), last + 1):
        parts = wl.TwoLayerRegressor(6, random_state=seed, **options, checkpoint=tmp_path / f"{cut}")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            parts.set_params(max_iter=cut).fit(X, y)
            found = fitted(parts.set_params(max_iter=400), X, y)
        for one, other in zip(found, whole, strict=True):
            np.testing.assert_array_equal(one, other)
