"""Each term of the bound of feature learning holds, and is met where it can be; networks of gradients are below it."""

import numpy as np
import pytest

from widelearn.theory import feature_learning_bound, mixture_gradient

GIVEN = {
    "cone": 0.02, "gradient_norm": 0.5, "probability": 0.1, "width": 80, "n": 1e5, "mean_norm": 2.0, "mean_square": 5.0
}  # fmt: skip


def unit(v):
    return v / np.linalg.norm(v, axis=-1, keepdims=True)


def hinge(X, y, W, b, a):
    return np.mean(np.maximum(0, 1 - y * (np.maximum(X @ W.T - b, 0) @ a)))


@pytest.mark.parametrize("gamma", [0.3, 0.02, 1e-4])
def test_the_cone_term_is_met_by_the_worst_rows(gamma, rng):
    """Rows along the difference of a direction and a neuron at the cone's edge, all neurons active."""
    D, other = unit(rng.standard_normal((2, 5)))
    across = unit(other - D * (D @ other))
    u = (1 - gamma) * D + np.sqrt(1 - (1 - gamma) ** 2) * across
    a = np.array([0.7, 0.2])
    X = np.outer(rng.standard_normal(2000), unit(D - u))
    # outputs +-(|a_1| + |a_2|) <u - D, x> apart: labels 0 make it the loss |f|, which is 1-Lipschitz
    change = np.mean(np.abs(np.sum(a) * (np.maximum(X @ D + 50, 0) - np.maximum(X @ u + 50, 0))))
    norm = np.mean(np.linalg.norm(X, axis=1))
    found = feature_learning_bound(0.0, a, [2], **GIVEN | {"cone": gamma, "mean_norm": norm, "mean_square": 9.0})
    assert found.cone == pytest.approx(change, rel=1e-9)
    # other rows, signs and thresholds stay below
    X, bias = rng.standard_normal((2000, 5)), rng.standard_normal(2)
    nets = [np.maximum((X @ v)[:, None] - bias, 0) @ (a * [1, -1]) for v in (D, u)]
    norm = np.mean(np.linalg.norm(X, axis=1))
    found = feature_learning_bound(0.0, a, [2], **GIVEN | {"cone": gamma, "mean_norm": norm, "mean_square": 9.0})
    assert np.mean(np.abs(nets[0] - nets[1])) <= found.cone


def test_the_sampling_term_fails_as_seldom_as_delta(rng):
    d, n, delta = 4, 600, 0.2
    means = 3 * np.eye(d)[[0, 0, 1, 1]] * [[1], [-1], [1], [-1]]
    W, b, a = np.eye(d)[:2] + 0.2, np.array([1.0, 1.0]), np.array([1.0, -0.5])
    law = mixture_gradient(W, b, means, [1, 1, -1, -1], scale=0.5)
    given = {"gradient_norm": np.linalg.norm(law.G, axis=1).min(), "n": n, "mean_norm": 3.0, "delta": delta}
    given |= {"mean_square": 9 + 0.25 * d, "cone": 0.0}
    term = feature_learning_bound(0.0, a, [1, 1], **GIVEN | given).sampling / 3.0
    assert 0 < term < 1
    turned = []
    for _ in range(400):
        cluster = rng.integers(0, 4, n)
        X, y = means[cluster] + 0.5 * rng.standard_normal((n, d)), np.array([1, 1, -1, -1])[cluster]
        G = ((b < X @ W.T) * y[:, None]).T @ X / n
        turned.append(np.abs(a) @ np.linalg.norm(unit(G) - unit(law.G), axis=1))
    assert np.mean(np.array(turned) > term) <= delta
    # Markov's inequality is not tight, but a tenth of the term is passed too often
    assert np.mean(np.array(turned) > 0.1 * term) > delta


@pytest.mark.parametrize(("counts", "p", "m"), [((3, 3), 0.5, 9), ((1, 2, 4), (0.1, 0.2, 0.4), 20), ((2,), 0.05, 40)])
def test_neurons_are_lacking_as_often_as_said(counts, p, m, rng):
    """Draws of neurons that belong to one direction and sign, or to none."""
    p = np.broadcast_to(p, len(counts))
    given = GIVEN | {"probability": p, "width": m, "delta": 1e-9}
    said = feature_learning_bound(0.0, np.ones(sum(counts)), counts, **given).failure
    drawn = rng.multinomial(m, [*p, max(0.0, 1 - p.sum())], 20_000)[:, :-1]
    lacks = drawn < np.array(counts)
    # the union bound is exact where directions never lack neurons together
    assert lacks.any(axis=1).mean() <= said + 4 * np.sqrt(said / 20_000)
    assert lacks.sum(axis=1).mean() == pytest.approx(said, abs=4 * np.sqrt(said / 20_000))
    # one draw for every direction would be too few
    single = feature_learning_bound(0.0, np.ones(len(counts)), np.ones(len(counts)), **given).failure
    assert single < 0.7 * said


def test_networks_of_gradients_are_below_the_bound():
    """Two clusters, and a network of three neurons: two along u, with two thresholds, and one against it."""
    d, n, m, rng = 6, 200_000, 24, np.random.default_rng(0)
    u, radius, scale = np.eye(d)[0], 2.0, 0.3
    a, b, signs = np.array([0.4, 0.4, -0.8]), np.array([0.0, 0.5, 0.0]), np.array([1.0, 1.0, -1.0])

    def draw(count):
        y = rng.choice([-1.0, 1.0], count)
        return y[:, None] * radius * u + scale * rng.standard_normal((count, d)), y

    held, labels = draw(20_000)
    opt = hinge(held, labels, signs[:, None] * u, b, a)
    lengths = np.linalg.norm(held, axis=1)
    gamma, shortest = 1e-3, 0.5
    W, thresholds = rng.standard_normal((40_000, d)), 0.5 * rng.standard_normal(40_000)

    def belongs(W, thresholds):
        G = mixture_gradient(W, thresholds, [radius * u, -radius * u], [1, -1], scale=scale).G
        norms = np.linalg.norm(G, axis=1)
        return (np.abs(G @ u) > (1 - gamma) * norms) & (norms >= shortest), G

    share = 0.95 * np.mean(belongs(W, thresholds)[0]) / 2
    found = feature_learning_bound(
        opt, a, [2, 1], cone=gamma, gradient_norm=shortest, probability=share, width=m, n=n,
        mean_norm=lengths.mean(), mean_square=np.mean(lengths**2),
    )  # fmt: skip
    assert found.failure < 0.2
    assert found.bound == pytest.approx(sum(found[1:4]))
    failed, losses = 0, []
    for _ in range(30):
        W, thresholds, s = rng.standard_normal((m, d)), 0.5 * rng.standard_normal(m), rng.choice([-1.0, 1.0], m)
        inside, G = belongs(W, thresholds)
        side = s * np.sign(G @ u) * inside
        if np.sum(side > 0) < 2 or np.sum(side < 0) < 1:
            failed += 1
            continue
        chosen = np.concatenate([np.flatnonzero(side > 0)[:2], np.flatnonzero(side < 0)[:1]])
        X, y = draw(n // 10)
        near = ((thresholds[chosen] < X @ W[chosen].T) * y[:, None]).T @ X / len(X)
        losses.append(hinge(held, labels, s[chosen, None] * unit(near), b, a))
    assert failed <= 30 * found.failure + 4 * np.sqrt(30 * found.failure)
    # rows were a tenth of those that the bound is for
    assert np.max(losses) <= found.bound < 1
    assert np.mean(losses) > opt


def test_terms_move_as_they_should():
    a, q = [0.5, -0.5], [1, 1]
    base = feature_learning_bound(0.1, a, q, **GIVEN)
    assert feature_learning_bound(0.1, a, q, **GIVEN | {"n": 4e5}).sampling == pytest.approx(base.sampling / 2)
    assert base.sampling == pytest.approx(2 * np.sqrt(2) * np.sqrt(0.5) * np.sqrt(2 * 5 / (0.05 * 1e5)) / 0.5)
    assert feature_learning_bound(0.1, a, q, **GIVEN | {"n": np.inf}).sampling == 0
    few = feature_learning_bound(0.1, a, q, **GIVEN | {"n": 1.0})
    assert few.cone + few.sampling == pytest.approx(2 * 1.0 * 2.0)
    assert base.failure == pytest.approx(0.05 + 2 * 0.9**80)
    assert feature_learning_bound(0.1, a, q, **GIVEN | {"width": 1, "probability": 1.0}).failure == 0.05
    assert feature_learning_bound(0.1, a, 2, **GIVEN | {"width": 1, "probability": 1.0}).failure == 1.0


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"multiplicity": [1]}, r"adds up to 1, output_weights have the shape \(2,\)"),
        ({"multiplicity": [0, 2]}, "whole numbers of at least 1"),
        ({"probability": [0.1, 0.2, 0.3]}, "one number from 0 to 1, or 2"),
        ({"delta": 1.0}, "delta must be between 0 and 1"),
        ({"mean_norm": 3.0}, "mean_square = 5 must be at least mean_norm² = 9"),
        ({"cone": 1.5}, "cone must be a number from 0 to 1"),
    ],
)
def test_wrong_terms_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        feature_learning_bound(**{"opt": 0.1, "output_weights": [1.0, 2.0], "multiplicity": [1, 1]} | GIVEN | wrong)
