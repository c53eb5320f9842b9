"""Gradient-feature sets: cones and their intervals, directions found in rows and in closed forms, none in noise."""

import numpy as np
import pytest

from widelearn.datasets import parity
from widelearn.diagnostics import (
    GradientFeatures,
    cone_cover,
    discover_features,
    feature_sets,
    gradient_features,
    initial_neurons,
)
from widelearn.theory import mixture_gradient

AXES = np.eye(100)[:2]
XOR = 10 * np.eye(100)[[0, 0, 1, 1]] * [[1], [-1], [1], [-1]]


def degrees(found, truth):
    """Angles between axes."""
    return np.degrees(np.arccos(np.clip(np.abs(found @ truth.T), 0, 1)))


def closed(W, b, means=XOR, labels=(1, 1, -1, -1), scale=0.5):
    """The exact gradients of a mixture as features."""
    return GradientFeatures(W, b, mixture_gradient(W, b, means, labels, scale=scale).G, np.zeros(len(W)))


@pytest.mark.parametrize("interval", ["clopper-pearson", "wilson"])
def test_intervals_hold_what_many_draws_say(interval):
    W, b = initial_neurons(60_000, 100, weight_scale=10.0, bias_scale=10.0)
    many = closed(W, b)
    truth = feature_sets(many, AXES, min_norm=1.0).probability
    assert 0.03 < truth.min() < truth.max() < 0.5
    held, narrow = [], []
    for repeat in range(200):
        some = slice(300 * repeat, 300 * repeat + 300)
        part = GradientFeatures(W[some], b[some], many.G[some], many.errors[some])
        for level, holds in ((0.9, held), (0.6, narrow)):
            sets = feature_sets(part, AXES, min_norm=1.0, level=level, interval=interval)
            holds.append((sets.lower <= truth) & (truth <= sets.upper))
    assert np.mean(held, axis=0).min() >= 0.85
    # narrower ones do not
    assert np.mean(narrow, axis=0).max() < 0.85
    assert np.all(sets.contains(0.0))
    assert not np.any(sets.contains(0.9))


def test_cones_are_counted():
    """By hand: which neurons are in a cone, too short, unresolved, or of the other sign."""
    G = np.array([[2.0, 0.0], [-2.0, 0.1], [0.1, 0.0], [3.0, 3.0], [4.0, 0.0]])
    features = GradientFeatures(G, np.array([1.0, 1, 1, 1, -1]), G, np.array([0, 0, 0, 0, 9.0]))
    sets = feature_sets(features, [[5.0, 0.0]], cones=[0.5, 0.1], min_norm=1.0)
    np.testing.assert_array_equal(sets.counts, [[3, 2]])
    assert (sets.short, sets.unresolved, sets.n_draws) == (0.2, 0.2, 5)
    np.testing.assert_array_equal(feature_sets(features, [[1.0, 0.0]], cones=0.1, sign=-1).counts, [[0]])
    np.testing.assert_array_equal(feature_sets(features, [[1.0, 0.0]], cones=0.1, sign=1).counts, [[3]])


@pytest.mark.parametrize("scale", [0.25, 0.5])
def test_closed_forms_of_mixtures_show_the_means(scale):
    W, b = initial_neurons(1500, 100, weight_scale=10.0, bias_scale=20.0)
    G = closed(W, b, scale=scale)
    long = np.where((G.norms >= 1.0)[:, None], G.G, 0.0)
    directions, members = cone_cover(long, cone=0.03)
    angles = degrees(directions[:2], AXES)
    assert np.all(angles.min(axis=0) < 5)
    assert np.all(np.bincount(members[members >= 0])[:2] > 0.04 * 1500)
    # every gradient is in the span of the means, whatever its cone
    assert degrees(long[members >= 0] / G.norms[members >= 0, None], AXES).min() < 5
    assert np.linalg.norm(G.G[members >= 0, :2], axis=1) == pytest.approx(G.norms[members >= 0], rel=0.02)


def test_closed_forms_of_more_clusters(rng):
    """Five clusters of uneven weight, their directions random and orthogonal, with one label or the other."""
    means = 10 * np.linalg.qr(rng.standard_normal((100, 5)))[0].T
    W, b = initial_neurons(3000, 100, weight_scale=10.0, bias_scale=20.0, random_state=1)
    law = mixture_gradient(W, b, means, [1, -1, 1, 1, -1], [2, 1, 1, 2, 1], scale=0.5)
    G = np.where(np.linalg.norm(law.G, axis=1)[:, None] >= 0.5, law.G, 0.0)
    directions, _ = cone_cover(G, cone=0.03, min_count=20)
    assert np.all(degrees(directions, means / 10).min(axis=0) < 5)


@pytest.mark.parametrize("seed", range(3))
def test_structured_parity_is_found_and_its_twin_is_not(seed):
    W, b = initial_neurons(200, 100, bias_scale=0.0, random_state=seed)
    data = parity(40_000, 100, 5, "structured", seed)
    found = discover_features(data.X, data.y, W, b)
    assert len(found.directions) == 1
    assert found.lower[0] > 0.95
    angle = degrees(found.directions, data.directions)[0, 0]
    assert angle < 5
    # as predicted: the error is spread over 99 dimensions, so that it hardly varies
    assert angle == pytest.approx(found.angles[0], rel=0.15)
    # every single neuron's gradient is
    every = gradient_features(data.X, data.y, W, b)
    single = degrees(every.G / np.linalg.norm(every.G, axis=1)[:, None], data.directions)
    assert np.median(single) < 5
    assert np.median(single) == pytest.approx(np.median(every.angles), rel=0.15)
    twin = parity(40_000, 100, 5, "uniform", seed)
    assert len(discover_features(twin.X, twin.y, W, b).directions) == 0
    sets = feature_sets(gradient_features(twin.X, twin.y, W, b), data.directions)
    assert sets.counts.max() == 0


def test_grouped_parity_is_found_where_thresholds_tell_groups_apart():
    W, b = initial_neurons(600, 100, weight_scale=10.0, bias_scale=2 * np.sqrt(15))
    data = parity(40_000, 100, 15, "grouped", 1, background=0.01)
    found = discover_features(data.X, data.y, W, b)
    assert np.all(degrees(found.directions, data.directions).min(axis=0) < 5)
    twin = parity(40_000, 100, 15, "grouped", 1, background=0.01, group_rate=0.0)
    np.testing.assert_array_equal(twin.support, data.support)
    assert len(discover_features(twin.X, twin.y, W, b).directions) == 0


def test_labels_without_rows_show_nothing():
    """In few dimensions gradients of noise do form cones: the other half of the rows must not confirm them."""
    wrong, tried = 0, 0
    for seed in range(1000):
        rng = np.random.default_rng(seed)
        X, y = rng.standard_normal((60, 2)) + 1, rng.choice([-1.0, 1.0], 60)
        found = discover_features(X, y, *initial_neurons(30, 2, random_state=seed), alpha=0.05, random_state=seed)
        wrong += len(found.directions) > 0
        tried += found.n_candidates > 0
    assert tried > 100
    # of those that were tried 0.05, and four standard errors
    assert wrong <= tried * 0.05 + 4 * np.sqrt(tried * 0.05 * 0.95)
    # what is there is found, at the same sizes
    X = rng.standard_normal((60, 2)) + 1
    assert len(discover_features(X, X[:, 0], *initial_neurons(30, 2), alpha=0.05).directions) > 0


def test_what_is_not_fitted_yet_is_found_next(rng):
    X = rng.standard_normal((3000, 20))
    y, neurons = 3 * X[:, 4] + X[:, 7], initial_neurons(60, 20, bias_scale=0.0)
    first = discover_features(X, y, *neurons)
    assert np.argmax(np.abs(first.directions[0])) == 4
    then = discover_features(
        X, y, *neurons, outputs=3 * X[:, 4], loss="squared", sample_weight=rng.uniform(0.5, 1, 3000)
    )
    assert degrees(then.directions[:1], np.eye(20)[7:8])[0, 0] < 10


def test_covers_are_greedy(rng):
    axes = np.linalg.qr(rng.standard_normal((30, 3)))[0].T
    G = np.repeat(axes, [30, 20, 4], axis=0) * rng.uniform(0.1, 9, 54)[:, None] * rng.choice([-1, 1], 54)[:, None]
    G = np.vstack([G + 1e-3 * rng.standard_normal(G.shape), np.zeros((2, 30))])
    directions, members = cone_cover(1e-200 * G)
    assert np.all(np.diag(degrees(directions, axes[:2])) < 1)
    np.testing.assert_array_equal(members, np.repeat([0, 1, -1], [30, 20, 6]))
    assert len(cone_cover(G, min_count=4)[0]) == 3
    assert len(cone_cover(G, max_features=1)[0]) == 1
    assert cone_cover(np.zeros((4, 2)))[0].shape == (0, 2)


def test_wrong_sets_are_refused():
    features = GradientFeatures(np.eye(2), np.zeros(2), np.eye(2), np.zeros(2))
    for wrong in ({"cones": []}, {"cones": 1.5}, {"min_norm": -1}, {"sign": 0}, {"level": 1}, {"interval": "wald"}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            feature_sets(features, np.eye(2), **wrong)
    with pytest.raises(TypeError, match="must be GradientFeatures, got ndarray"):
        feature_sets(np.eye(2), np.eye(2))
    for wrong in ({"cone": 0}, {"cone": 1}, {"min_count": 0}, {"max_features": 1.5}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            cone_cover(np.eye(2), **wrong)
    X, y = np.ones((30, 2)), np.ones(30)
    with pytest.raises(ValueError, match="two halves of at least 20"):
        discover_features(X, y, np.eye(2), np.zeros(2))
    with pytest.raises(ValueError, match="alpha must be between 0 and 1"):
        discover_features(X, y, np.eye(2), np.zeros(2), alpha=0)
    with pytest.raises(MemoryError, match="Take fewer neurons"):
        cone_cover(np.zeros((1 << 22, 1)))


@pytest.mark.parametrize("law", ["unequal classes", "numbers above 0", "every row ten times"])
def test_nothing_is_found_where_labels_have_nothing_to_do_with_rows(law):
    found = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        X = (rng.random((400, 20)) < 0.5) * 1.0
        y = np.where(rng.random(400) < 0.6, 1.0, -1.0) if law == "unequal classes" else rng.exponential(size=400)
        if law == "every row ten times":
            X, y = np.repeat(rng.normal(size=(60, 3)), 10, axis=0), np.repeat(rng.choice([-1.0, 1.0], 60), 10)
        W, b = initial_neurons(60, X.shape[1], random_state=seed)
        found.append(len(discover_features(X, y, W, b, random_state=seed).directions))
    assert sum(map(bool, found)) <= 2


@pytest.mark.parametrize("gamma", [0.01, 0.1, 0.4, 0.7])
@pytest.mark.parametrize("d", [2, 5])
def test_members_lie_in_their_cones(gamma, d):
    for seed in range(20):
        G = np.random.default_rng(seed).normal(size=(60, d))
        directions, members = cone_cover(G, cone=gamma, min_count=2)
        if not len(directions):
            continue
        cosines = np.abs(np.einsum("ij,ij->i", G, directions[members])) / np.linalg.norm(G, axis=1)
        assert (cosines[members >= 0] > 1 - gamma - 1e-12).all()
        assert (np.bincount(members[members >= 0], minlength=len(directions)) >= 2).all()


def test_numbers_whose_squares_vanish_are_refused():
    data = parity(200, 10, 3, "structured", random_state=0)
    W, b = initial_neurons(20, 10)
    small = 2.0**-560
    for call in (gradient_features, discover_features):
        with pytest.raises(ValueError, match="squares of their product vanish"):
            call(data.X * small, data.y, W, b * small)
        with pytest.raises(ValueError, match="squares of their product vanish"):
            call(data.X * 1e-90, data.y * 1e-90, W, b * 1e-90)
