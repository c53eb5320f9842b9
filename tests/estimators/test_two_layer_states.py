"""Two-layer nets: what a fit keeps when it ends, fails, diverges or is interrupted; states on disk; presets."""

import pickle

import dask.array as da
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from widelearn import TaylorRegressor, TwoLayerClassifier, TwoLayerRegressor
from widelearn.estimators.scaling import root_mean_square
from widelearn.estimators.taylor import training as expansion
from widelearn.estimators.two_layer import training


def table(rng, n=120, d=5):
    X = rng.standard_normal((n, d))
    return X, np.sin(X[:, 0]) + X[:, 1] * X[:, 2]


def test_a_start_that_training_cannot_leave(rng):
    X, y = table(rng)
    with pytest.warns(ConvergenceWarning, match="The gradient is zero at the start"):
        TwoLayerRegressor(8, weight_scale=0.0, bias_scale=0.0, random_state=0).fit(X, y)
    with pytest.warns(ConvergenceWarning, match="The gradient is zero at the start"):
        TwoLayerClassifier(8, bias="constant", bias_scale=100.0, random_state=0).fit(X, y > 0)
    assert TwoLayerRegressor(8, random_state=0).fit(X, np.ones(len(X))).predict(X).tolist() == [1.0] * len(X)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_divergence_leaves_finite_weights(dtype, rng):
    X, y = table(rng)
    model = TwoLayerRegressor(8, solver="sgd", learning_rate_init=1e6, max_iter=500, tol=None, random_state=0)
    with pytest.warns(ConvergenceWarning, match=r"diverged in iteration \d+ at learning rate 1e\+06"):
        model.fit(X.astype(dtype), y)
    assert all(np.isfinite(part).all() for part in (model.W_, model.b_, model.a_))
    assert np.isfinite(model.loss_curve_).all()
    assert model.n_iter_ == len(model.loss_curve_) < 500


def test_an_interruption_keeps_the_weights(rng):
    X, y = table(rng)
    options = {"width": 16, "random_state": 0, "tol": None}

    def stop(t, state):
        if t == 7:
            raise KeyboardInterrupt

    model = TwoLayerRegressor(max_iter=50, callback=stop, **options)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    np.testing.assert_array_equal(model.W_, TwoLayerRegressor(max_iter=7, **options).fit(X, y).W_)
    assert model.predict(X).shape == y.shape


@pytest.mark.parametrize("settings", [{}, {"algorithm": "algorithm1"}, {"solver": "sgd", "early_stopping": True}])
@pytest.mark.parametrize("random_state", [0, None])
def test_checkpoints_go_on_bit_for_bit(settings, random_state, rng, tmp_path):
    X, y = table(rng)
    path = tmp_path / "net.npz"
    options = {"width": 16, "batch_size": 50, "max_iter": 12, "random_state": random_state, **settings}

    def stop(t, state):
        if t == 5:
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        TwoLayerRegressor(**options, callback=stop, checkpoint=path).fit(X, y)
    seen = []
    resumed = TwoLayerRegressor(**options, callback=lambda t, _: seen.append(t), checkpoint=path).fit(X, y)
    assert seen[0] == 6
    if random_state == 0:
        whole = TwoLayerRegressor(**options).fit(X, y)
        for name in ("W_", "b_", "a_"):
            np.testing.assert_array_equal(getattr(resumed, name), getattr(whole, name))
        assert resumed.loss_curve_ == whole.loss_curve_
    longer = TwoLayerRegressor(**(options | {"max_iter": 20}), checkpoint=path).fit(X, y)
    assert longer.n_iter_ == 20
    with pytest.raises(ValueError, match="the checkpoint of another problem"):
        TwoLayerRegressor(**options, checkpoint=path).fit(X, y + 1)
    with pytest.raises(ValueError, match="the checkpoint of another problem"):
        TwoLayerRegressor(**(options | {"alpha": 0.5}), checkpoint=path).fit(X, y)
    assert [part.name for part in tmp_path.iterdir()] == ["net.npz"]
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match="is no checkpoint"):
        TwoLayerRegressor(**options, checkpoint=path).fit(X, y)


def test_refusals(rng):
    X, y = table(rng)
    with pytest.raises(ValueError, match="at least 2 classes"):
        TwoLayerClassifier().fit(X, np.ones(len(X)))
    with pytest.raises(ValueError, match='loss="logistic" or "squared" in place of "hinge"'):
        TwoLayerClassifier(loss="hinge", algorithm="one_step").fit(X, y > 0)
    with pytest.raises(ValueError, match=r"of shapes \(\(4, 5\), \(4,\), \(4, 1\)\)"):
        TwoLayerRegressor(4, init=(np.ones((5, 4)), np.ones(4), np.ones(4))).fit(X, y)
    one = TwoLayerRegressor().fit(X[:1], y[:1])
    # one step of Adam is 0.01
    assert one.predict(X[:1]) == pytest.approx(y[:1], abs=0.01)


def test_types_threads_and_pickles(rng, threads):
    X, y = table(rng, 600)
    found = []
    for count in (1, 2):
        threads(count)
        found.append(TwoLayerRegressor(max_iter=10, random_state=0).fit(X, y))
    np.testing.assert_array_equal(found[0].W_, found[1].W_)
    model = TwoLayerRegressor(max_iter=10, random_state=0).fit(X.astype("f4"), y.astype("f4"))
    assert {part.dtype.name for part in (model.W_, model.b_, model.a_)} == {"float32"}
    assert model.predict(X.astype("f4")).dtype == np.float32
    copy = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copy.predict(X), model.predict(X))


# What is kept.


@pytest.mark.parametrize("name", ["parity", "xor_mixture", "structured_parity"])
@pytest.mark.parametrize("estimator", [TwoLayerClassifier, TwoLayerRegressor])
def test_presets_show_their_parameters_and_override_nothing(estimator, name, rng):
    model, plain = estimator.preset(name), estimator().get_params()
    shown = model.get_params()
    assert shown.keys() == plain.keys()
    assert "preset" not in shown
    assert model.scaling is None
    assert {key for key in shown if shown[key] != plain[key]} >= {"learning_rate_init", "max_iter", "tol", "scaling"}
    # 256 is the default width, and still wins over the preset's where it is asked for.
    wide = estimator.preset(name, width=256, max_iter=2, random_state=0)
    X, y = table(rng)
    assert clone(wide).fit(X, y > 0).W_.shape == (256, 5)
    assert wide.get_params()["max_iter"] == 2


def test_presets_refuse_other_names():
    with pytest.raises(ValueError, match=r"Unknown preset 'xor'.* parity, xor_mixture, structured_parity"):
        TwoLayerClassifier.preset("xor")
    with pytest.raises(TypeError, match="preset"):
        TwoLayerClassifier(preset="parity")


def test_parameters_set_after_fit_change_no_predictions(rng):
    X, y = table(rng)
    regressor = TwoLayerRegressor(16, max_iter=5, smoothing=0.1, random_state=0).fit(X, y)
    classifier = TwoLayerClassifier(16, max_iter=5, random_state=0).fit(X, y > 0)
    for model in (regressor, classifier):
        before = model.predict(X)
        model.set_params(activation="tanh", smoothing=0.0, scaling=None, width=3)
        np.testing.assert_array_equal(model.predict(X), before)
    probabilities = classifier.predict_proba(X)
    classifier.set_params(loss="hinge")
    np.testing.assert_array_equal(classifier.predict_proba(X), probabilities)
    hinge = TwoLayerClassifier(16, loss="hinge", max_iter=5, random_state=0).fit(X, y > 0).set_params(loss="logistic")
    assert not hasattr(hinge, "predict_proba")


def test_a_failed_refit_leaves_the_old_model(rng):
    X, y = table(rng)

    def stop(t, state):
        raise RuntimeError("power cut")

    labels = np.where(y > 0, "high", "low")
    other = np.digitize(y, [-0.5, 0.5])
    classifier = TwoLayerClassifier(16, max_iter=5, random_state=0).fit(X, labels)
    regressor = TwoLayerRegressor(16, max_iter=5, random_state=0).fit(X, y)
    for model, targets in ((classifier, other), (regressor, np.stack([y, y], axis=1))):
        before, state = model.predict(X), dict(vars(model))
        with pytest.raises(RuntimeError, match="power cut"):
            model.set_params(callback=stop).fit(X[:, :3], targets)
        with pytest.raises(ValueError, match="mask must be of zeros and ones"):
            model.set_params(callback=None, mask=np.ones(3)).fit(X[:, :3], targets)
        with pytest.raises(ValueError, match="mask is 0 everywhere"):
            model.set_params(mask=np.zeros(model.width)).fit(X[:, :3], targets)
        with pytest.raises(RuntimeError, match="power cut"):
            model.set_params(mask=None, callback=stop).fit_stream([(X[:, :3], targets)])
        np.testing.assert_array_equal(model.predict(X), before)
        assert model.n_features_in_ == 5
        assert all(value is state[name] for name, value in vars(model).items() if name.endswith("_"))
    assert classifier.classes_.tolist() == ["high", "low"]


def test_an_interrupted_refit_keeps_the_weights_of_that_moment_and_its_classes(rng):
    X, y = table(rng)

    def stop(t, state):
        raise KeyboardInterrupt

    model = TwoLayerClassifier(16, max_iter=5, random_state=0).fit(X, y > 0)
    with pytest.raises(KeyboardInterrupt):
        model.set_params(callback=stop).fit(X[:, :3], np.digitize(y, [-0.5, 0.5]))
    assert model.classes_.tolist() == [0, 1, 2]
    assert model.n_iter_ == 1
    assert set(model.predict(X[:, :3])) <= {0, 1, 2}


@pytest.mark.parametrize("kind", [TwoLayerRegressor, TaylorRegressor])
def test_an_interruption_before_the_first_step_keeps_the_fit_before(kind, rng, monkeypatch):
    X, y = table(rng)
    model = kind(16, random_state=0) if kind is TwoLayerRegressor else kind(width=16, random_state=0)
    before = dict(vars(model.fit(X, y)))

    def stop(*_, **__):
        raise KeyboardInterrupt

    module = training if kind is TwoLayerRegressor else expansion
    monkeypatch.setattr(module, "warn_if_trapped" if kind is TwoLayerRegressor else "lbfgs_descent", stop)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X[:, :2], -y)
    assert vars(model) == before
    fresh = kind()
    with pytest.raises(KeyboardInterrupt):
        fresh.fit(X[:, :2], -y)
    with pytest.raises(NotFittedError):
        fresh.predict(X[:, :2])


def test_dask_collections_are_refused(rng):
    X, y = table(rng)
    model = TwoLayerRegressor(16, max_iter=2, random_state=0)
    lazy = da.from_array(X)
    with pytest.raises(TypeError, match=r"TwoLayerRegressor takes no Dask collections: pass X\.compute"):
        model.fit(lazy, y)
    with pytest.raises(TypeError, match="TwoLayerRegressor takes no Dask collections"):
        model.fit(X, y).predict(lazy)


def test_classes_of_later_batches_are_those_of_the_first(rng):
    X, y = table(rng)
    stream = [(X, np.digitize(y, [-0.5, 0.5])), (X, np.digitize(y, [-0.5, 0.5]) + 1)]
    with pytest.raises(ValueError, match=r"y has labels \[3\] that are not among the classes \[0, 1, 2\]"):
        TwoLayerClassifier(16).fit_stream(stream)
    with pytest.raises(ValueError, match="y has 2 targets, but the first batch had 1"):
        TwoLayerRegressor(16).fit_stream([(X, y), (X, np.stack([y, y], axis=1))])


def test_root_mean_squares_neither_overflow_nor_divide_by_zero(rng):
    values = rng.standard_normal(1000)
    wanted = np.sqrt(np.mean(values**2))
    for scale in (1.0, 1e-300, 1e300):
        assert root_mean_square(scale * values) == pytest.approx(scale * wanted, rel=1e-14)
    # Products of single numbers are taken in double precision: only their own rounding is left.
    assert root_mean_square((1e30 * values).astype("f4")) == pytest.approx(1e30 * wanted, rel=1e-7)
    assert root_mean_square(np.zeros(3)) == 0.0
