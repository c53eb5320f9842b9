"""Taylor models that take rows in batches: what they learn, what they keep, and what they refuse."""

import pickle

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from widelearn import TaylorClassifier, TaylorRegressor


def product(d, n, seed):
    X = np.random.default_rng(seed).choice([-1.0, 1.0], (n, d))
    return X, X[:, 0] * X[:, 1]


def passes(model, X, y, count, size, **first):
    """Hand over all rows `count` times, `size` at once."""
    for _ in range(count):
        for start in range(0, len(X), size):
            model.partial_fit(X[start : start + size], y[start : start + size], **first)
    return model


@pytest.mark.parametrize("parameters", [{}, {"solver": "sgd"}, {"mode": "signs", "solver": "lbfgs", "width": 256}])
def test_batches_learn(parameters):
    X, y = product(10, 1200, 0)
    options = {"width": 64, "solver": "adam", "learning_rate_init": 0.01, "random_state": 0} | parameters
    if options["solver"] == "sgd":
        options["learning_rate_init"] = 0.3
    model = passes(TaylorRegressor(**options), X[:800], y[:800], 12, 400)
    assert model.score(X[800:], y[800:]) > 0.9
    assert model.n_iter_ == len(model.loss_curve_) == 24
    labels = np.where(y > 0, "same", "different")
    model = passes(TaylorClassifier(**options), X[:800], labels[:800], 12, 400, classes=["same", "different"])
    assert model.score(X[800:], labels[800:]) > 0.95
    p = model.predict_proba(X)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-12)


def test_a_fit_goes_on():
    X, y = product(8, 600, 0)
    # One pass is too little; more rows, and more passes over them, lower the error.
    model = TaylorRegressor(width=32, solver="adam", max_iter=1, random_state=0).fit(X[:200], y[:200])
    before = np.mean((model.predict(X) - y) ** 2)
    first = model.loss_curve_.copy()
    scale = model.x_scale_, model.y_scale_, model.linear_alpha_
    passes(model, X, y, 8, 200)
    assert np.mean((model.predict(X) - y) ** 2) < before / 2
    assert model.loss_curve_[:1] == first
    assert len(model.loss_curve_) == 25
    assert (model.x_scale_, model.y_scale_, model.linear_alpha_) == scale


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_state_is_whole_between_batches(solver):
    """A copy goes on with the same bits, and neither source of random numbers nor rows are kept."""
    X, y = product(6, 200, 0)
    model = TaylorRegressor(width=8, solver=solver, random_state=0).partial_fit(X[:100], y[:100])
    copy = pickle.loads(pickle.dumps(model))
    assert len(pickle.dumps(model)) < 60_000
    for one in (model, copy):
        one.partial_fit(X[100:], y[100:])
    np.testing.assert_array_equal(model.predict(X), copy.predict(X))
    again = TaylorRegressor(width=8, solver=solver, random_state=0)
    again.partial_fit(X[:100], y[:100]).partial_fit(X[100:], y[100:])
    np.testing.assert_array_equal(again.predict(X), model.predict(X))


def test_a_failed_batch_leaves_the_model():
    X, y = product(6, 200, 0)
    model = TaylorRegressor(width=8, solver="adam", random_state=0).partial_fit(X[:100], y[:100])
    wanted, state = model.predict(X), pickle.dumps(model)
    for rows, targets, words in (
        (X[:, :5], y, "5 features"),
        (X, np.full(200, np.nan), "NaN"),
        (X, y[:9], "inconsistent"),
    ):
        with pytest.raises(ValueError, match=words):
            model.partial_fit(rows, targets)
        np.testing.assert_array_equal(model.predict(X), wanted)
        assert pickle.dumps(model) == state
    with pytest.warns(ConvergenceWarning, match="adam diverged"):
        model.set_params(learning_rate_init=1e200).partial_fit(X, y)
    assert np.isfinite(model.predict(X)).all()


def test_constant_first_targets_do_not_stop_later_ones():
    X, y = product(4, 400, 0)
    model = TaylorRegressor(width=32, solver="adam", learning_rate_init=0.01, random_state=0)
    model.partial_fit(X[:1], y[:1])
    assert passes(model, X, y, 20, 100).score(X, y) > 0.9


def test_units_and_weights_of_batches():
    X, y = product(6, 400, 0)
    model = TaylorRegressor(width=16, solver="adam", random_state=0)
    scaled = TaylorRegressor(width=16, solver="adam", random_state=0)
    for rows in (slice(0, 200), slice(200, 400)):
        weight = np.random.default_rng(1).random(200)
        model.partial_fit(X[rows], y[rows], weight)
        scaled.partial_fit(4.0 * X[rows], 1024.0 * y[rows] + 0.0, 8.0 * weight)
    # Powers of two round nothing.
    np.testing.assert_allclose(scaled.predict(4.0 * X), 1024.0 * model.predict(X), rtol=1e-9)
    single = TaylorRegressor(width=16, solver="adam", random_state=0).partial_fit(X.astype(np.float32), y)
    assert single.partial_fit(X, y).W_.dtype == np.float32


def test_refusals():
    X, y = product(5, 60, 0)
    for parameters in ({}, {"solver": "pgd"}, {"mode": "marginal"}):
        assert not hasattr(TaylorRegressor(**parameters), "partial_fit")
    assert hasattr(TaylorClassifier(mode="signs"), "partial_fit")
    model = TaylorClassifier(width=8, solver="adam", random_state=0)
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        model.partial_fit(X, y)
    model.partial_fit(X, y, classes=[-1, 1, 2])
    assert model.predict_proba(X).shape == (60, 3)
    with pytest.raises(ValueError, match="not the same as on the first call"):
        model.partial_fit(X, y, classes=[-1, 1])
    with pytest.raises(ValueError, match="not among the classes"):
        model.partial_fit(X, 5 * y)
    model = TaylorClassifier(width=8, solver="adam", random_state=0).partial_fit(X, X[:, :2] > 0)
    with pytest.raises(ValueError, match="3 labels, the first call had 2"):
        model.partial_fit(X, X[:, :3] > 0)


@pytest.mark.parametrize(("first", "then"), [(2, 1), (1, 2), (3, 1), (2, 3)])
def test_other_numbers_of_targets_are_refused(first, then):
    """One column of targets is not taken for several, which its shape would allow."""
    X, y = product(5, 60, 0)
    model = TaylorRegressor(width=8, solver="adam", random_state=0).partial_fit(X, np.column_stack([y] * first))
    targets = y if then == 1 else np.column_stack([y] * then)
    with pytest.raises(ValueError, match=f"y has {then} targets, but earlier batches had {first}"):
        model.partial_fit(X, targets)


@pytest.mark.parametrize("begin", ["fit", "partial_fit"])
def test_what_makes_a_model_does_not_change_on_its_way(begin):
    X, y = product(5, 60, 0)
    model = TaylorRegressor(width=8, solver="adam", max_iter=2, random_state=0)
    getattr(model, begin)(X, y)
    wanted = model.predict(X)
    changes = {"order": 3, "activation": "relu3", "width": 16, "mode": "signs", "alpha": 0.1, "linear_alpha": 0.1}
    changes |= {"penalty_power": 2, "linear_term": False, "whiten": True, "solver": "sgd"}
    for name, value in changes.items():
        old = getattr(model, name)
        with pytest.raises(ValueError, match=f"{name} was .* begin anew"):
            model.set_params(**{name: value}).partial_fit(X, y)
        np.testing.assert_array_equal(model.set_params(**{name: old}).predict(X), wanted)
    steps = model.n_iter_
    model.set_params(learning_rate_init=1e-4, batch_size=20, tol=1e-3, random_state=1).partial_fit(X, y)
    assert model.n_iter_ == steps + 1
