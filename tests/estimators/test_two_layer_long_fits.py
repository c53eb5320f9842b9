"""Long fits of two-layer nets: large tables are not copied, and weights of no use neither slow nor change a fit."""

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
    for one, other in zip(fitted(model, X, y, sample_weight=weight), expected, strict=True):
        np.testing.assert_array_equal(one, other)
    # A start is looked at on 512 rows.
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
    monkeypatch.setattr(Network, "drop_nothings", lambda self: None)
    slow = fitted(model, X, y)
    np.testing.assert_allclose(found[0], slow[0], atol=1e-28)
    np.testing.assert_allclose(found[-1], slow[-1], rtol=1e-6)
