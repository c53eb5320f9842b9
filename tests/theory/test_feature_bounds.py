"""Each term of the bound of feature learning holds, and is met where it can be; trained nets are below the bound."""

import numpy as np
import pytest

from widelearn.theory import feature_learning_bound, mixture_gradient

GIVEN = {
    "cone": 0.02, "gradient_norm": 0.5, "probability": 0.1, "width": 80, "n": 1e5, "mean_norm": 2.0, "mean_square": 5.0
}  # fmt: skip


def unit(v):
    return v / np.linalg.norm(v, axis=-1, keepdims=True)


def test_the_cone_term_is_met_by_the_worst_rows(rng):
    """Rows along the difference of a direction and a neuron at the cone's edge, all neurons active."""
    for gamma in (0.3, 0.02, 1e-4):
        D = unit(rng.standard_normal(5))
        across = unit(rng.standard_normal(5) - D * (D @ rng.standard_normal(5)))
        across = unit(across - D * (D @ across))
        u = (1 - gamma) * D + np.sqrt(1 - (1 - gamma) ** 2) * across
        X = np.outer(rng.standard_normal(2000), unit(D - u))
        apart = np.mean(np.abs(np.maximum(X @ D + 50, 0) - np.maximum(X @ u + 50, 0)))
        norm = np.mean(np.linalg.norm(X, axis=1))
        found = feature_learning_bound(0.0, 1, 0.7, **GIVEN | {"cone": gamma, "mean_norm": norm, "mean_square": 9.0})
        assert found.cone == pytest.approx(0.7 * apart, rel=1e-9)
        # other rows, more neurons and thresholds stay below
        X, a = rng.standard_normal((2000, 5)), rng.choice([-0.7, 0.7], 3)
        bias = rng.standard_normal(3)
        nets = [np.maximum((X @ v)[:, None] - bias, 0) @ a for v in (D, u)]
        norm = np.mean(np.linalg.norm(X, axis=1))
        found = feature_learning_bound(0.0, 3, 0.7, **GIVEN | {"cone": gamma, "mean_norm": norm, "mean_square": 9.0})
        assert np.mean(np.abs(nets[0] - nets[1])) <= found.cone


def test_the_sampling_term_fails_as_seldom_as_delta(rng):
    d, n, delta = 4, 400, 0.2
    means = 3 * np.eye(d)[[0, 0, 1, 1]] * [[1], [-1], [1], [-1]]
    W, b = np.eye(d)[:2] + 0.2, np.array([1.0, 1.0])
    law = mixture_gradient(W, b, means, [1, 1, -1, -1], scale=0.5)
    norms = np.linalg.norm(law.G, axis=1)
    square = 9 + 0.25 * d
    given = {"gradient_norm": norms.min(), "n": n, "mean_norm": 3.0, "mean_square": square, "delta": delta, "cone": 0.0}
    term = feature_learning_bound(0.0, 2, 1.0, **GIVEN | given).sampling / (2 * 3.0)
    assert 0 < term < 1
    turned = []
    for _ in range(400):
        cluster = rng.integers(0, 4, n)
        X, y = means[cluster] + 0.5 * rng.standard_normal((n, d)), np.array([1, 1, -1, -1])[cluster]
        G = ((b < X @ W.T) * y[:, None]).T @ X / n
        turned.append(np.linalg.norm(unit(G) - unit(law.G), axis=1).max())
    assert np.mean(np.array(turned) > term) <= delta
    # Markov's inequality is not tight, but a tenth of the term is passed too often
    assert np.mean(np.array(turned) > 0.1 * term) > delta


def test_a_trained_network_is_below_its_bound():
    """One gradient step, then averaged steps of output weights on fresh rows: two clusters, OPT of two neurons."""
    d, n, m, steps, rng = 6, 400_000, 40, 20_000, np.random.default_rng(0)
    u, radius, scale, B = np.eye(d)[0], 2.0, 0.3, 0.8

    def draw(count):
        y = rng.choice([-1.0, 1.0], count)
        return y[:, None] * radius * u + scale * rng.standard_normal((count, d)), y

    X, y = draw(n)
    W, b = rng.standard_normal((m, d)), 0.5 * rng.standard_normal(m)
    law = mixture_gradient(W, b, [radius * u, -radius * u], [1, -1], scale=scale)
    norms = np.linalg.norm(law.G, axis=1)
    inside = (np.abs(law.G @ u) > (1 - 1e-3) * norms) & (norms >= 0.5)
    G = ((b < X @ W.T) * y[:, None]).T @ X / n
    first = unit(G) * np.where(rng.random(m) < 0.5, 1.0, -1.0)[:, None]
    held, labels = draw(20_000)
    wanted = B * (np.maximum(held @ u, 0) - np.maximum(-held @ u, 0))
    opt = np.mean(np.maximum(0, 1 - labels * wanted))
    # thresholds 0: those of the two neurons of the best net
    size = np.mean(np.sum(np.maximum(held @ first.T, 0) ** 2, axis=1))
    assert size <= 2 * m * np.mean(np.sum(held**2, axis=1))
    rate = np.sqrt(2) * B / np.sqrt(size * steps)
    a, mean = np.zeros(m), np.zeros(m)
    stream, signs = draw(steps)
    hidden = np.maximum(stream @ first.T, 0)
    for h, sign in zip(hidden, signs, strict=True):
        a = a + rate * sign * h * (sign * (h @ a) < 1)
        mean += a / steps
    trained = np.mean(np.maximum(0, 1 - labels * (np.maximum(held @ first.T, 0) @ mean)))
    lengths = np.linalg.norm(held, axis=1)
    found = feature_learning_bound(
        opt, 2, B, cone=1e-3, gradient_norm=0.5, probability=0.5 * inside.mean(), width=m, n=n,
        mean_norm=lengths.mean(), mean_square=np.mean(lengths**2), steps=steps,
    )  # fmt: skip
    assert found.failure < 0.06
    assert trained <= found.bound < 1
    assert found.bound == pytest.approx(sum(found[1:6]))


def test_terms_move_as_they_should():
    base = feature_learning_bound(0.1, 2, 0.5, **GIVEN, steps=100)
    more = feature_learning_bound(0.1, 2, 0.5, **GIVEN | {"n": 4e5}, steps=400)
    assert more.sampling == pytest.approx(base.sampling / 2)
    assert more.optimisation == pytest.approx(base.optimisation / 2)
    assert feature_learning_bound(0.1, 2, 0.5, **GIVEN).optimisation == 0
    few = feature_learning_bound(0.1, 2, 0.5, **GIVEN | {"n": 1.0})
    assert few.cone + few.sampling == pytest.approx(2 * 0.5 * 2.0 * 2.0)
    assert base.failure == pytest.approx(0.05 + 2 * 0.9**80)
    assert feature_learning_bound(0.1, 2, 0.5, **GIVEN, scale_error=0.1).scale == pytest.approx(0.2)


@pytest.mark.parametrize(
    "wrong",
    [
        {"cone": 1.5},
        {"gradient_norm": 0},
        {"probability": -1},
        {"width": 0},
        {"n": 0},
        {"mean_square": 1.0},
        {"delta": 0},
    ],
)
def test_wrong_terms_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        feature_learning_bound(0.1, 2, 0.5, **GIVEN | wrong)
