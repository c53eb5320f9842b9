"""Tickets: scores against formulas written out, masks, starts, controls, reports, and what tickets are known to do."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, log_softmax
from sklearn.exceptions import NotFittedError

import widelearn as wl
from widelearn.datasets import parity, xor_mixture
from widelearn.diagnostics import Ticket, retrain, ticket, ticket_report
from widelearn.diagnostics.net_starts import NetStart
from widelearn.diagnostics.ticket_scores import gains, hessian_product

KINDS = ("numbers", "two columns", "classes", "several", "labels", "hinge", "squared classes")
WEIGHTS = ("magnitude", "movement", "snip", "grasp", "gradient_features", "iterative", "random")


def fitted(kind, seed=0, n=60, d=5, **options):
    """A short fit from a start at which the net is not 0, its rows and targets."""
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    X = rng.standard_normal((n, d)) * rng.uniform(0.2, 5.0, d) + 3.0
    z = (X - X.mean(0)) / X.std(0)
    score = z[:, 0] * z[:, 1] + 0.3 * z[:, 2]
    y = {
        "numbers": 30 * score + 7,
        "two columns": np.column_stack([score + 3, 5 * z[:, 0]]),
        "several": np.array(["a", "b", "c"])[np.digitize(score, [-0.5, 0.5])],
        "labels": np.column_stack([score > 0, z[:, 0] > 0.2]).astype(int),
    }.get(kind, np.where(score > 0, "b", "a"))
    c = {"two columns": 2, "several": 3, "labels": 2}.get(kind, 1)
    init = (rng.standard_normal((8, d)), rng.standard_normal(8), 0.3 * rng.standard_normal((8, c)))
    options = {"activation": "softplus", "max_iter": 5, "init": init, "random_state": seed} | options
    if kind in ("numbers", "two columns"):
        return wl.TwoLayerRegressor(8, **options).fit(X, y), X, y
    loss = {"hinge": "hinge", "squared classes": "squared"}.get(kind, "logistic")
    return wl.TwoLayerClassifier(8, loss=loss, **options).fit(X, y), X, y


def by_hand(model, X, y, W):
    """The mean loss of a softplus net with the model's start but for W, written out."""
    x = (X - model.x_offset_) / model.x_scale_
    F = np.logaddexp(0, x @ W.T - model.b0_) @ model.a0_
    if hasattr(model, "y_scale_"):
        return 0.5 * np.sum((F - (y.reshape(len(X), -1) - model.y_offset_) / model.y_scale_) ** 2) / len(X)
    if model.multilabel_:
        return np.sum(np.logaddexp(0, -(2 * y - 1) * F)) / len(X)
    if F.shape[1] > 1:
        return -np.mean(log_softmax(F, axis=1)[np.arange(len(X)), np.searchsorted(model.classes_, y)])
    margin = np.where(y == model.classes_[1], 1.0, -1.0) * F[:, 0]
    losses = {
        "logistic": np.logaddexp(0, -margin),
        "hinge": np.maximum(0, 1 - margin),
        "squared": (1 - margin) ** 2 / 2,
    }
    return float(np.mean(losses[model.loss]))


def differences(f, W, h=1e-6):
    found = np.zeros_like(W)
    for place in np.ndindex(*W.shape):
        E = np.zeros_like(W)
        E[place] = h
        found[place] = (f(W + E) - f(W - E)) / (2 * h)
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_the_start_and_its_first_gradient_are_those_of_the_fit(kind):
    model, X, y = fitted(kind)
    start = NetStart.of(model, X, y)
    slope = differences(lambda W: by_hand(model, X, y, W), model.W0_)
    np.testing.assert_allclose(-start.descent, slope, atol=1e-7)
    assert start.ended(model.W_, model.b_, model.a_) == pytest.approx(model.score(X, y), abs=1e-12)


@pytest.mark.parametrize("kind", ["numbers", "several", "labels"])
def test_scores_are_their_formulas(kind):
    model, X, y = fitted(kind)
    g = differences(lambda W: by_hand(model, X, y, W), model.W0_)

    def slopes(W):
        return differences(lambda V: by_hand(model, X, y, V), W, 1e-4)

    size = 1e-4 / np.linalg.norm(g)
    Hg = (slopes(model.W0_ + size * g) - slopes(model.W0_ - size * g)) / (2 * size)
    np.testing.assert_allclose(hessian_product(NetStart.of(model, X, y), g), Hg, atol=1e-4 * np.abs(Hg).max())
    outputs = np.linalg.norm(model.a_, axis=1)
    shares = np.abs(g) / np.linalg.norm(g, axis=1, keepdims=True)
    expected = {
        "magnitude": np.abs(model.W_) * outputs[:, None],
        "movement": np.abs(model.W_ - model.W0_),
        "snip": np.abs(model.W0_ * g),
        "grasp": model.W0_ * Hg,
        "gradient_features": shares * np.where(model.W0_ * g > 0, 0.5, 1.0),
    }
    for method, score in expected.items():
        for count in (1, 7, 23):
            found = ticket(model, X, y, method, keep=count, unit="weights")
            assert found.n_kept == count
            assert set(np.flatnonzero(found.mask)) == set(np.argsort(-score.ravel())[:count])
    whole = ticket(model, X, y, "magnitude", keep=3, unit="neurons")
    assert set(np.flatnonzero(whole.mask)) == set(np.argsort(-outputs * np.linalg.norm(model.W_, axis=1))[:3])


def test_a_gain_is_the_slope_by_an_output_weight_of_a_neuron_that_looks_along_its_gradient():
    model, X, y = fitted("several")
    start = NetStart.of(model, X, y)
    x = (X - model.x_offset_) / model.x_scale_
    F = np.logaddexp(0, x @ model.W0_.T - model.b0_) @ model.a0_
    r = ((y[:, None] == model.classes_) - np.exp(log_softmax(F, axis=1))) / len(X)
    g = np.einsum("no,io,ni,nd->id", r, model.a0_, expit(x @ model.W0_.T - model.b0_), x)
    unit = g / np.sqrt(np.mean((x @ g.T) ** 2, axis=0))[:, None]
    expected = np.einsum("io,no,ni->i", model.a0_, r, np.logaddexp(0, x @ unit.T - model.b0_))
    np.testing.assert_allclose(gains(start), expected, rtol=1e-10)


@pytest.mark.parametrize(("method", "unit"), list(itertools.product(WEIGHTS, ("weights", "neurons"))))
def test_masks_keep_what_was_asked_within_the_estimators_own(method, unit):
    rng = np.random.default_rng(3)
    own = {"weights": rng.random((8, 5)) < 0.7, "neurons": np.arange(8) < 6}[unit].astype(float)
    model, X, y = fitted("several", mask=own)
    first = model.W0_.copy()
    found = ticket(model, X, y, method, keep=0.4, unit=unit, random_state=1)
    assert isinstance(found, Ticket)
    assert found.n_kept == round(0.4 * own.sum())
    assert not (found.mask[own == 0]).any()
    again = ticket(model, X, y, method, keep=0.4, unit=unit, random_state=1)
    np.testing.assert_array_equal(found.mask, again.mask)
    for kind in ("random", "matched"):
        other = found.control(kind, 5)
        assert (other.n_kept, other.method) == (found.n_kept, kind)
        assert not (other.mask[own == 0]).any()
        if kind == "matched" and unit == "weights":
            np.testing.assert_array_equal(other.mask.sum(1), found.mask.sum(1))
    small = retrain(found, X, y)
    np.testing.assert_array_equal(model.W0_, first)
    if unit == "weights":
        assert not small.W_[found.mask == 0].any()
        np.testing.assert_array_equal(small.W0_, model.W0_ * found.mask)
    else:
        assert small.W_.shape == (found.n_kept, 5)
        np.testing.assert_array_equal(small.W0_, model.W0_[found.mask > 0])
    masked = found.masked.fit(X, y)
    np.testing.assert_allclose(small.decision_function(X), masked.decision_function(X), atol=1e-9)


def test_whole_weights_are_repeated_rows():
    model, X, y = fitted("several")
    count = np.random.default_rng(0).integers(0, 3, len(X))
    many = np.repeat(X, count, axis=0), np.repeat(y, count)
    for method in WEIGHTS:
        found = ticket(model, X, y, method, keep=0.3, sample_weight=count, random_state=0)
        other = ticket(model, *many, method, keep=0.3, random_state=0)
        np.testing.assert_array_equal(found.mask, other.mask)
        one, two = retrain(found, X, y, sample_weight=count), retrain(other, *many)
        np.testing.assert_allclose(one.decision_function(X), two.decision_function(X), atol=1e-8)


@pytest.mark.parametrize("kind", ["several", "labels"])
def test_weights_of_classes_are_those_of_the_fit(kind):
    weights = {"a": 1.0, "b": 30.0, "c": 2.0} if kind == "several" else [{0: 1.0, 1: 9.0}, {0: 2.0, 1: 1.0}]
    model, X, y = fitted(kind, class_weight=weights)
    if kind == "several":
        count = np.array([weights[label] for label in y])
    else:
        count = np.prod([np.where(column, w[1], w[0]) for column, w in zip(y.T, weights, strict=True)], axis=0)
    other = wl.TwoLayerClassifier(**model.get_params() | {"class_weight": None}).fit(X, y, count)
    np.testing.assert_allclose(model.W_, other.W_, rtol=1e-9)
    for method in WEIGHTS:
        found = ticket(model, X, y, method, keep=0.3, unit="weights", random_state=0)
        expected = ticket(other, X, y, method, keep=0.3, unit="weights", sample_weight=count, random_state=0)
        np.testing.assert_array_equal(found.mask, expected.mask)


@pytest.mark.parametrize("seed", range(4))
def test_only_neurons_that_gain_are_kept_in_one_dimension_too(seed):
    x = np.random.default_rng(seed).standard_normal((80, 1))
    model = wl.TwoLayerRegressor(20, max_iter=3, random_state=seed).fit(x, np.sin(2 * x[:, 0]))
    gain = gains(NetStart.of(model, x, np.sin(2 * x[:, 0])))
    for count in (3, int((gain > 0).sum())):
        found = ticket(model, x, np.sin(2 * x[:, 0]), keep=count)
        assert found.n_kept == count
        assert (gain[found.mask > 0] > 0).all()


@pytest.mark.parametrize("algorithm", ["gd", "algorithm1", "one_step", "k_step", "frozen"])
@pytest.mark.parametrize("unit", ["weights", "neurons"])
def test_rewound_neurons_are_the_masked_net(algorithm, unit):
    _, X, y = fitted("classes")
    model = wl.TwoLayerClassifier(24, algorithm=algorithm, max_iter=8, random_state=3).fit(X, y)
    found = ticket(model, X, y, "random", keep=8, unit=unit, random_state=0)
    small, masked = retrain(found, X, y), found.masked.fit(X, y)
    np.testing.assert_allclose(small.decision_function(X), masked.decision_function(X), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("options", [{}, {"learning_rate": "cosine"}, {"early_stopping": True, "max_iter": 12}])
def test_a_rewound_start_is_the_training_after_so_many_iterations(options):
    kept = []
    given = {"max_iter": 9, "callback": lambda t, state: kept.append(state.W.copy()) and None} | options
    model, X, y = fitted("numbers", **given)
    found = ticket(model, X, y, "iterative", keep=0.5, rewind=4)
    np.testing.assert_array_equal(found.start[0], kept[3])
    with pytest.raises(ValueError, match="beyond the iterations"):
        ticket(model, X, y, "iterative", keep=0.5, rewind=50)


def test_given_starts_have_no_other():
    data = parity(400, 10, 2, random_state=0)
    first = wl.TwoLayerClassifier(8, max_iter=20, random_state=0).fit(data.X, data.y)
    init = (first.W0_, first.b0_, first.a0_)
    model = wl.TwoLayerClassifier(8, init=init, max_iter=20, random_state=0).fit(data.X, data.y)
    found = ticket(model, data.X, data.y, "magnitude", keep=0.5)
    with pytest.raises(ValueError, match="no law draws others"):
        retrain(found, data.X, data.y, start="fresh")
    report = ticket_report(found, data.X, data.y, data.X, data.y, n_controls=2)
    assert np.isnan(report.fresh)
    assert report.full == first.score(data.X, data.y)
    assert len(report.plot().axes) == 1


def test_fresh_starts_have_the_mask_and_other_weights():
    data = parity(200, 10, 2, random_state=0)
    model = wl.TwoLayerClassifier.preset("parity", width=16, max_iter=20, random_state=0).fit(data.X, data.y)
    found = ticket(model, data.X, data.y, "magnitude", keep=0.2)
    same, other = (retrain(found, data.X, data.y, start="fresh", random_state=seed) for seed in (None, 5))
    np.testing.assert_array_equal(same.W0_, model.W0_ * found.mask)
    assert not np.isclose(other.W0_[found.mask > 0], model.W0_[found.mask > 0]).any()
    assert not other.W_[found.mask == 0].any()


def test_two_percent_of_the_weights_learn_a_parity_and_others_of_the_same_neurons_do_not():
    data = parity(3500, 40, 3, random_state=4)
    X, y, fresh, truth = data.X[:1500], data.y[:1500], data.X[1500:], data.y[1500:]
    model = wl.TwoLayerClassifier.preset("parity", max_iter=400, random_state=4).fit(X, y)
    small = ticket(model, X, y, "magnitude", keep=102)
    assert retrain(small, X, y).score(fresh, truth) > 0.99
    assert small.support_share(data.support) > 0.4
    chance = [retrain(small.control("matched", seed), X, y).score(fresh, truth) for seed in range(4)]
    assert max(chance) < 0.56


def test_weights_by_the_first_gradient_find_the_columns_that_tell_of_five_classes():
    rng = np.random.default_rng(5)
    X = rng.standard_normal((2600, 40))
    y = (X[:, :4] @ rng.standard_normal((4, 5))).argmax(axis=1)
    model = wl.TwoLayerClassifier(64, random_state=5).fit(X[:600], y[:600])
    tenth = ticket(model, X[:600], y[:600], unit="weights", keep=0.1)
    assert tenth.support_share(range(4)) > 0.4
    # Of weights of equal shares those stay that start along their feature.
    along = NetStart.of(model, X[:600], y[:600]).descent * model.W0_ > 0
    assert along[tenth.mask > 0].mean() > 0.6
    random = [retrain(tenth.control("random", seed), X[:600], y[:600]).score(X[600:], y[600:]) for seed in range(2)]
    assert retrain(tenth, X[:600], y[:600]).score(X[600:], y[600:]) > max(random) + 0.02


@pytest.mark.parametrize("named", [True, False])
def test_four_neurons_of_five_hundred_learn_two_pairs_of_clusters(named):
    data = xor_mixture(3200, 200, 4.0, random_state=7)
    X, y, fresh, truth = data.X[:1200], data.y[:1200], data.X[1200:], data.y[1200:]
    options = {"width": 512, "bias": "constant", "bias_scale": 0.2, "alpha": 0.1, "max_iter": 120}
    model = wl.TwoLayerClassifier.preset("xor_mixture", random_state=7, **options).fit(X, y)
    means = [*data.directions, *-data.directions]
    four = ticket(model, X, y, keep=4, directions=means if named else None)
    assert retrain(four, X, y).score(fresh, truth) > model.score(fresh, truth) - 0.01
    scores = [retrain(four.control("random", seed), X, y).score(fresh, truth) for seed in range(12)]
    assert np.mean(scores) < 0.9


def test_scores_of_equal_targets_are_scikit_learns():
    model, X, y = fitted("two columns")
    constant = np.column_stack([y[:9, 0], np.full(9, y[0, 1])])
    start = NetStart.of(model, X[:9], constant)
    assert start.ended(model.W_, model.b_, model.a_) == pytest.approx(model.score(X[:9], constant))
    found = ticket(model, X, y, "snip")
    with pytest.raises(ValueError, match="targets that differ"):
        ticket_report(found, X, y, X[:9], constant, n_controls=2)


def test_a_report_has_what_its_parts_say():
    model, X, y = fitted("numbers", n=90)
    found = ticket(model, X[:60], y[:60], "magnitude", keep=0.3)
    report = ticket_report(found, X[:60], y[:60], X[60:], y[60:], n_controls=3, margin=10.0)
    assert report.ticket == retrain(found, X[:60], y[:60]).score(X[60:], y[60:])
    assert report.share == found.share
    assert (len(report.random), len(report.matched)) == (3, 3)
    assert report.steps == {"full": 1, "ticket": 1}
    assert all(low <= getattr(report, name) <= high for name, (low, high) in report.intervals.items())
    expected = (report.ticket - report.random.mean()) / (report.random.std(ddof=1) / np.sqrt(3))
    assert report.separation("random") == pytest.approx(expected)
    assert report.plot().axes
    labelled, X, y = fitted("several", n=90)
    found = ticket(labelled, X[:60], y[:60], "movement", keep=0.3)
    report = ticket_report(found, X[:60], y[:60], X[60:], y[60:], n_controls=4, margin=-0.0)
    assert report.luck("matched", 0.05) == np.mean(report.matched >= report.ticket - 0.05)
    step = report.steps["ticket"]
    scores = [retrain(found, X[:60], y[:60], max_iter=steps).score(X[60:], y[60:]) for steps in range(1, 6)]
    reached = [k for k, score in enumerate(scores, 1) if score >= report.full]
    assert step == (reached[0] if reached else None)


def test_wrong_input_is_refused_with_the_remedy():
    model, X, y = fitted("classes")
    wrong = {
        "Unknown method": {"method": "best"},
        "keep at least one": {"keep": 0.001},
        "at most all": {"keep": 99},
        "share in": {"keep": 1.5},
        "unit must be": {"unit": "layers"},
        "cannot cover 3": {"keep": 2, "directions": np.eye(5)[:3]},
        "direction is 0": {"keep": 2, "directions": np.zeros((1, 5))},
        "must be \\(n, 5\\)": {"directions": np.eye(4)},
        "directions are for neurons": {"method": "snip", "directions": np.eye(5)},
        "rewind must be": {"rewind": 3},
        "fewer than the 8": {"keep": 8},
    }
    for text, options in wrong.items():
        with pytest.raises(ValueError, match=text):
            ticket(model, X, y, **options)
    with pytest.raises(TypeError, match="share or a whole number"):
        ticket(model, X, y, keep="half")
    with pytest.raises(NotFittedError, match="TwoLayerClassifier"):
        ticket(wl.TwoLayerClassifier(), X, y)
    with pytest.raises(ValueError, match="not among the classes"):
        ticket(model, X, np.where(y == "a", "z", y))
    with pytest.raises(ValueError, match="label for each"):
        ticket(model, X, y[:-1])
    with pytest.raises(ValueError, match="All scores are 0"):
        ticket(wl.TwoLayerRegressor(4, algorithm="frozen").fit(X, X[:, 0]), X, X[:, 0], "movement")
    for mask, unit in ((np.ones(8), "weights"), (np.ones((8, 5)), "neurons")):
        with pytest.raises(ValueError, match=f"not '{unit}'"):
            ticket(fitted("classes", mask=mask)[0], X, y, "magnitude", unit=unit)
    found = ticket(model, X, y, "snip")
    with pytest.raises(ValueError, match="mask, width are the ticket's own"):
        retrain(found, X, y, width=3, mask=None)
    with pytest.raises(ValueError, match="init must be"):
        retrain(found, X[:, :3], y)
    with pytest.raises(ValueError, match="start must be"):
        retrain(found, X, y, start="late")
    with pytest.raises(TypeError, match="ticket must be"):
        retrain(model, X, y)
    with pytest.raises(ValueError, match="columns from 0 to 4"):
        found.support_share([7])
    with pytest.raises(ValueError, match="n_controls"):
        ticket_report(found, X, y, X, y, n_controls=1)
    with pytest.raises(ValueError, match="X has values more than"):
        ticket(model, X * 1e200, y)


@pytest.mark.parametrize("wrong", [[], {}, "abc", None, 3.0])
def test_what_is_no_table_is_refused(wrong):
    model, _, y = fitted("classes")
    for call in (ticket, retrain):
        with pytest.raises((ValueError, TypeError)):
            call(model, wrong, y)


def test_frames_must_have_the_columns_of_the_fit():
    model, X, y = fitted("numbers")
    names = list("abcde")
    frame = pd.DataFrame(X, columns=names)
    model = wl.TwoLayerRegressor(**model.get_params()).fit(frame, y)
    found = ticket(model, frame, y, "snip", keep=5)
    np.testing.assert_array_equal(found.mask, ticket(fitted("numbers")[0], X, y, "snip", keep=5).mask)
    with pytest.raises(ValueError, match="feature names"):
        ticket(model, frame[names[::-1]], y, "snip", keep=5)
