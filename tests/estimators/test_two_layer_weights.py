"""Weights of rows and classes in two-layer nets: whole ones are repeated rows, whatever trains the net."""

import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from widelearn import TwoLayerClassifier, TwoLayerRegressor

OPTIONS = (
    {},
    {"solver": "sgd", "scaling": "scalar"},
    {"scaling": None, "alpha": 0.0},
    {"algorithm": "algorithm1"},
    {"algorithm": "one_step"},
    {"algorithm": "k_step", "n_forgetting_steps": 2},
    {"algorithm": "frozen"},
)


def rows(seed, n=40, d=4):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d)) * rng.uniform(0.1, 9.0, d) + rng.normal(0, 5, d)
    z = (X - X.mean(0)) / X.std(0)
    return X, z[:, 0] * z[:, 1] + 0.5 * z[:, 2], rng.integers(0, 4, n), rng


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("kind", ["numbers", "two columns", "classes", "several", "labels", "squared", "hinge"])
def test_whole_weights_are_repeated_rows(kind, options):
    X, y, count, _ = rows(OPTIONS.index(options))
    y = {
        "numbers": 20 * y + 100,
        "two columns": np.column_stack([y, 3 - X[:, 0]]),
        "several": np.digitize(y, [-0.4, 0.4]),
        "labels": np.column_stack([y > 0, X[:, 0] > X[:, 0].mean()]).astype(int),
    }.get(kind, y > 0)
    regression = kind in ("numbers", "two columns")
    if kind == "hinge" and options.get("algorithm") in ("one_step", "k_step", "frozen"):
        return
    loss = {} if regression else {"loss": kind if kind in ("squared", "hinge") else "logistic"}
    estimator = TwoLayerRegressor if regression else TwoLayerClassifier
    common = {"width": 12, "activation": "tanh", "random_state": 3, "max_iter": 40, "tol": None} | loss | options
    weighted = estimator(**common).fit(X, y, 2.5 * count)
    repeated = estimator(**common).fit(np.repeat(X, count, axis=0), np.repeat(y, count, axis=0))
    predict = "predict" if regression else "decision_function"
    found, expected = (getattr(model, predict)(X) for model in (weighted, repeated))
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7 * np.abs(expected).max())
    np.testing.assert_allclose(weighted.loss_curve_, repeated.loss_curve_, rtol=1e-7)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_equal_weights_have_the_bits_of_none(dtype):
    X, y, _, _ = rows(0)
    X, weight = X.astype(dtype), np.full(len(X), 0.3)
    options = {"width": 8, "max_iter": 10, "batch_size": 7, "early_stopping": True, "random_state": 0}
    plain, equal = (TwoLayerRegressor(**options).fit(X, y, w).predict(X) for w in (None, weight))
    np.testing.assert_array_equal(plain, equal)


def test_steps_along_batches_follow_the_weighted_mean():
    X, y, _, rng = rows(5, n=600)
    weight = rng.uniform(0, 5, 600) ** 2
    options = {"width": 8, "activation": "tanh", "random_state": 0, "tol": None, "scaling": None, "solver": "sgd"}
    slow = {"learning_rate_init": 1e-4, "momentum": 0.0, "max_iter": 40, "batch_size": 20}
    X = (X - X.mean(0)) / X.std(0)
    batches = TwoLayerRegressor(**options, **slow).fit(X, y, weight)
    whole = TwoLayerRegressor(**options, **slow | {"batch_size": None, "max_iter": 1200}).fit(X, y, weight)
    plain = TwoLayerRegressor(**options, **slow).fit(X, y)
    moved = np.linalg.norm(whole.W_ - whole.W0_)
    assert np.linalg.norm(batches.W_ - whole.W_) < 0.03 * moved
    assert np.linalg.norm(plain.W_ - whole.W_) > 0.1 * moved


def test_class_weights_are_sample_weights():
    X, y, count, _ = rows(2)
    y = np.where(y > 0.6, "rare", "often")
    options = {"width": 8, "max_iter": 30, "random_state": 0}
    share = {"rare": 1 / np.mean(y == "rare"), "often": 1 / np.mean(y == "often")}
    by_class = TwoLayerClassifier(class_weight=share, **options).fit(X, y)
    balanced = TwoLayerClassifier(class_weight="balanced", **options).fit(X, y)
    by_row = TwoLayerClassifier(**options).fit(X, y, [share[label] for label in y])
    for model in (balanced, by_class):
        np.testing.assert_allclose(model.decision_function(X), by_row.decision_function(X), rtol=1e-6, atol=1e-8)
    both = TwoLayerClassifier(class_weight=share, **options).fit(X, y, count)
    product = TwoLayerClassifier(**options).fit(X, y, [c * share[label] for c, label in zip(count, y, strict=True)])
    np.testing.assert_allclose(both.decision_function(X), product.decision_function(X), rtol=1e-6, atol=1e-8)
    plain = TwoLayerClassifier(**options).fit(X, y)
    assert np.mean(balanced.predict(X) == "rare") >= np.mean(plain.predict(X) == "rare")


def test_streams_take_class_weights_of_a_dictionary():
    X, y, _, _ = rows(2, n=60)
    y = (y > 0.3).astype(int)
    share = {0: 1.0, 1: 3.0}
    options = {"width": 8, "max_iter": 1, "random_state": 0, "tol": None, "solver": "sgd"}
    stream = TwoLayerClassifier(class_weight=share, **options).fit_stream(iter([(X, y)]), classes=[0, 1])
    table = TwoLayerClassifier(**options).fit(X, y, np.array([1.0, 3.0])[y])
    # A stream is scaled by its first rows without their weights.
    assert stream.loss_curve_[0] == pytest.approx(table.loss_curve_[0])
    assert not np.allclose(stream.W_, TwoLayerClassifier(**options).fit_stream(iter([(X, y)]), classes=[0, 1]).W_)
    for zero in ({0: 0.0, 1: 1.0}, {0: 1.0, 1: 0.0}):
        with pytest.raises(ValueError, match="has a 0"):
            TwoLayerClassifier(4, class_weight=zero).fit_stream(iter([(X, y)]))
    large = TwoLayerClassifier(class_weight={0: 1e308, 1: 1e308}, **options).fit_stream(iter([(X, y)]))
    np.testing.assert_array_equal(large.W_, TwoLayerClassifier(**options).fit_stream(iter([(X, y)])).W_)
    with pytest.raises(ValueError, match="needs all rows at once"):
        TwoLayerClassifier(class_weight="balanced").fit_stream(iter([(X, y)]))


def test_rows_left_out_take_their_weight_with_them():
    X, y, _, _ = rows(6, n=60)
    weight = np.ones(60)
    weight[1] = 1e6
    options = {"width": 6, "alpha": 0.0, "max_iter": 1, "early_stopping": True, "validation_fraction": 0.3}
    kept = []
    for seed in range(8):
        # The net is 0 at its start: the loss is half the weighted mean square of the targets that are kept.
        plain, found = (
            TwoLayerRegressor(scaling=None, random_state=seed, **options).fit(X, y, w).history_["loss"][0]
            for w in (None, weight)
        )
        plain_scale, scale = (
            TwoLayerRegressor(scaling="scalar", random_state=seed, **options).fit(X, y, w).x_scale_[0]
            for w in (None, weight)
        )
        kept.append(found != pytest.approx(plain, rel=1e-12))
        assert found == pytest.approx(y[1] ** 2 / 2 if kept[-1] else plain, rel=1e-3)
        assert scale == pytest.approx(np.sqrt(np.mean(X[1] ** 2)) if kept[-1] else plain_scale, rel=1e-3)
    assert set(kept) == {True, False}


def test_a_mask_leaves_the_law_of_the_first_step():
    X, y, _, rng = rows(7, n=200)
    for mask in (np.arange(30) % 3 == 0, rng.random((30, 4)) < 0.3):
        model = TwoLayerRegressor(30, algorithm="one_step", mask=mask.astype(int), bias_scale=0.1, random_state=0).fit(
            X, y
        )
        x = (X - model.x_offset_) / model.x_scale_
        alive = np.abs(model.W_).sum(1) > 0
        np.testing.assert_allclose(np.mean((x @ model.W_[alive].T) ** 2, axis=0), 1.0, rtol=1e-9)
        assert not model.W_[(mask if mask.ndim == 2 else np.repeat(mask[:, None], 4, axis=1)) == 0].any()


def test_a_checkpoint_knows_its_weights(tmp_path):
    X, y, count, _ = rows(4)
    options = {"width": 4, "random_state": 0, "checkpoint": tmp_path / "state"}
    TwoLayerRegressor(max_iter=5, **options).fit(X, y, count)
    longer = TwoLayerRegressor(max_iter=10, **options).fit(X, y, count)
    whole = TwoLayerRegressor(max_iter=10, width=4, random_state=0).fit(X, y, count)
    np.testing.assert_array_equal(longer.W_, whole.W_)
    with pytest.raises(ValueError, match="checkpoint"):
        TwoLayerRegressor(max_iter=10, **options).fit(X, y)


def test_wrong_weights_are_refused():
    X, y, _, _ = rows(1)
    for weight, text in ((np.zeros(40), "zero"), (-np.ones(40), "negative"), (np.ones(39), "sample_weight")):
        with pytest.raises(ValueError, match=text):
            TwoLayerRegressor(4).fit(X, y, weight)
    with pytest.raises(ValueError, match="rows that have a weight, has one class only"):
        TwoLayerClassifier(4).fit(X, y > 0, y > 0)
    with pytest.raises(ValueError, match="class_weight is 0"):
        TwoLayerClassifier(4, class_weight={True: 0.0, False: 0.0}).fit(X, y > 0)
    large = TwoLayerClassifier(4, class_weight={True: 1e308, False: 1e308}).fit(X, y > 0, np.full(40, 1e300))
    assert np.isfinite(large.W_).all()
    with pytest.raises(ValueError, match="class_weight"):
        TwoLayerClassifier(4, class_weight={True: -1.0}).fit(X, y > 0)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        TwoLayerClassifier(4, max_iter=3).fit(X, y > 0, np.ones(40))
