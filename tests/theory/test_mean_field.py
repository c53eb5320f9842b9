"""Mean-field training: particles against the flow of their risk, reduced variables against particles."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.special import erf

from widelearn.theory import (
    hermite_coefficients,
    mean_field_flow,
    mean_field_particles,
    multi_index_flow,
    single_neuron_floor,
)

TIMES = np.linspace(0, 4, 9)
UNIT = (lambda t: erf(t / np.sqrt(2)),)


def neurons(rng, N, d):
    return rng.standard_normal((N, d)) / np.sqrt(d)


def reduced(W, norm, **options):
    return mean_field_flow(W[:, 0], np.linalg.norm(W[:, 1:], axis=1), norm, TIMES, **options)


def test_particles_follow_the_flow(rng):
    """Against an independent flow in d dimensions."""
    d, N, norm = 100, 60, 2.0
    W = neurons(rng, N, d)
    u = norm * np.eye(d)[0]

    def cosines(W):
        size = 1 + np.sum(W**2, axis=1)
        return size, W @ W.T / np.sqrt(np.outer(size, size)), W @ u / np.sqrt(size * (1 + norm**2))

    def loss(W):
        _, pairs, target = cosines(W)
        own = np.arcsin(norm**2 / (1 + norm**2))
        return 2 / np.pi * (own - 2 * np.arcsin(target).mean() + np.arcsin(pairs).mean())

    def flow(_, flat):
        W = flat.reshape(N, d)
        size, pairs, target = cosines(W)
        push = 2 / np.pi / np.sqrt(1 - pairs**2) / N
        out = -(push / np.sqrt(np.outer(size, size))) @ W + ((push * pairs).sum(axis=1) / size)[:, None] * W
        pull = 2 / np.pi / np.sqrt(1 - target**2)
        out += pull[:, None] * (u / np.sqrt(size * (1 + norm**2))[:, None] - (target / size)[:, None] * W)
        return out.ravel()

    found = solve_ivp(flow, (0, 4), W.ravel(), t_eval=TIMES, rtol=1e-6, atol=1e-8)
    full = np.array([loss(state.reshape(N, d)) for state in found.y.T])
    path = mean_field_particles(W, u, TIMES)
    np.testing.assert_allclose(path.risk, full, rtol=1e-5)
    np.testing.assert_allclose(path.W[-1], found.y[:, -1].reshape(N, d), atol=1e-4)
    np.testing.assert_allclose(path.s, path.W[:, :, 0], atol=1e-12)
    np.testing.assert_allclose(path.r, np.linalg.norm(path.W[:, :, 1:], axis=2), rtol=1e-9)


@pytest.mark.parametrize(("scale", "from_zero"), [(1.0, False), (4.0, True)])
def test_reduced_variables_are_the_particles(rng, scale, from_zero):
    """d = 100, N = 200: within 1 % for t <= 4, which a risk a tenth larger is not."""
    d, N, norm = 100, 200, 2.0
    W = neurons(rng, N, d)
    full = mean_field_particles(W, norm * np.eye(d)[0], TIMES, scale=scale, from_zero=from_zero).risk
    path = reduced(W, norm, scale=scale, from_zero=from_zero)
    np.testing.assert_allclose(path.risk, full, rtol=0.01)
    assert np.abs(1.1 * path.risk / full - 1).min() > 0.05
    assert np.all(np.diff(path.risk) < 0)


def test_trained_output_weights_are_reduced_too(rng):
    """Within 1 % of the risk at the start: the risk itself falls to a tenth of it."""
    W = neurons(rng, 200, 100)
    full = mean_field_particles(W, 2 * np.eye(100)[0], TIMES, train_output=True)
    path = reduced(W, 2.0, train_output=True)
    np.testing.assert_allclose(path.risk, full.risk, atol=0.01 * full.risk[0])
    assert np.abs(1.1 * path.risk - full.risk).min() > 0.01 * full.risk[0]
    np.testing.assert_allclose(path.a, full.a, atol=0.05)
    assert np.abs(1.1 * path.a[-1] - full.a[-1]).max() > 0.05
    assert path.risk[-1] < 0.5 * reduced(W, 2.0).risk[-1]


@pytest.mark.parametrize("from_zero", [False, True])
def test_risks_fall_by_the_squared_speed(rng, from_zero):
    """dR/dt = -(2 α²/N) Σ ‖dθ_i/dt‖², in d dimensions and in reduced variables, output weights trained too."""
    N, d, h, scale = 7, 5, 1e-4, 1.5
    options = {"scale": scale, "train_output": True, "from_zero": from_zero}
    W, a, times = rng.standard_normal((N, d)), rng.standard_normal(N), [0.7 - h, 0.7, 0.7 + h]
    for path, weights in (
        (found := mean_field_particles(W, rng.standard_normal((2, d)), times, a, **options), found.W),
        (found := mean_field_flow(W[:, :2], np.abs(W[:, 2]), [1.0, 2.0], times, a, **options), None),
    ):
        states = np.concatenate([path.s, path.r[:, :, None]], axis=2) if weights is None else weights
        states = np.concatenate([states, path.a[:, :, None]], axis=2)
        speed = np.sum((states[2] - states[0]) ** 2) / (2 * h) ** 2
        assert (path.risk[2] - path.risk[0]) / (2 * h) == pytest.approx(-2 * scale**2 / N * speed, rel=1e-4)


def test_risks_are_those_of_samples(rng):
    N, norms, scale, times = 5, np.array([1.0, 2.0]), 1.5, [0.0, 0.8]
    s, r, a = rng.standard_normal((N, 2)) / 2, rng.uniform(0.5, 1.5, N), rng.standard_normal(N)
    path = mean_field_flow(s, r, norms, times, a, scale=scale, train_output=True, from_zero=True)
    # orthogonal rests: the limit of high dimension
    x = rng.standard_normal((200_000, N + 2))

    def net(k):
        return (erf((x[:, :2] @ path.s[k].T + x[:, 2:] * path.r[k]) / np.sqrt(2)) * path.a[k]).mean(axis=1) * scale

    target = erf(norms * x[:, :2] / np.sqrt(2)).sum(axis=1)
    for k in (0, 1):
        squares = (target - (net(k) - net(0))) ** 2
        error = 4 * squares.std() / np.sqrt(len(x))
        assert path.risk[k] == pytest.approx(squares.mean(), abs=error)
        assert 1.1 * path.risk[k] != pytest.approx(squares.mean(), abs=error)


def test_two_directions_are_two_neurons(rng):
    """Particles on targets of two directions, orthogonal ones against the reduced flow."""
    d, N = 150, 200
    W = neurons(rng, N, d)
    full = mean_field_particles(W, np.diag([2.0, 1.0]) @ np.eye(2, d), TIMES)
    path = mean_field_flow(W[:, :2], np.linalg.norm(W[:, 2:], axis=1), [2.0, 1.0], TIMES)
    np.testing.assert_allclose(path.risk, full.risk, rtol=0.01)
    assert np.abs(1.1 * path.risk / full.risk - 1).min() > 0.05
    assert path.s.shape == full.s.shape == (9, N, 2)


def test_the_general_flow_is_that_of_erf_without_self_terms():
    """Neurons on themselves count for 1/N, so that both flows on one erf neuron differ by half as much at twice N."""
    norm = 2.0

    def gap(N):
        s = np.linspace(-0.2, 0.2, N)
        closed = mean_field_flow(s, np.ones(N), norm, TIMES)
        # erf(t) and erf(t/√2): weights differ by √2, and so time by 2
        general = multi_index_flow(
            lambda z: erf(norm * z[:, 0] / np.sqrt(2)), s[:, None] / np.sqrt(2), np.full(N, np.sqrt(0.5)), TIMES / 2,
            train_output=False, train_bias=False, n_nodes=60,
        )  # fmt: skip
        np.testing.assert_array_equal(general.b, 0.0)
        return np.abs(general.risk - closed.risk).max()

    assert gap(200) < 1 / 200
    assert gap(100) / gap(200) == pytest.approx(2, rel=0.05)


@pytest.mark.parametrize("inputs", ["gaussian", "hypercube"])
@pytest.mark.parametrize("activation", ["erf", "relu"])
def test_general_flows_fall_by_the_squared_speed(rng, activation, inputs):
    N, h, scale = 6, 1e-4, 1.5
    start = {"s": rng.standard_normal((N, 2)), "r": rng.uniform(0.5, 1.5, N), "a": rng.standard_normal(N)}
    path = multi_index_flow(
        lambda z: z[:, 0] + z[:, 0] * z[:, 1], t=[0.0, 0.3 - h, 0.3, 0.3 + h], b=rng.standard_normal(N),
        activation=activation, inputs=inputs, scale=scale, **start,
    )  # fmt: skip
    states = np.concatenate([path.s, np.stack([path.r, path.a, path.b], axis=2)], axis=2)
    speed = np.sum((states[3] - states[1]) ** 2) / (2 * h) ** 2
    assert (path.risk[3] - path.risk[1]) / (2 * h) == pytest.approx(-2 * scale**2 / N * speed, rel=1e-4)
    # and the risk is that of samples, neurons having independent rests
    count = 100_000
    z = rng.standard_normal((count, 2)) if inputs == "gaussian" else rng.choice([-1.0, 1.0], (count, 2))
    rest = rng.standard_normal((2, count, N))
    net = {"erf": erf, "relu": lambda t: np.maximum(t, 0)}[activation]
    one, two = (scale * net(z @ path.s[2].T + path.r[2] * g - path.b[2]) @ path.a[2] / N for g in rest)
    target = z[:, 0] + z[:, 0] * z[:, 1]
    # two nets that share s, r, a and b and nothing else: their errors' product has the limit's risk as mean
    products = (target - one) * (target - two)
    error = 4 * products.std() / np.sqrt(count)
    assert path.risk[2] == pytest.approx(products.mean(), abs=error)
    assert 1.1 * path.risk[2] != pytest.approx(products.mean(), abs=error)


def test_large_scales_learn_the_linear_part_alone():
    """R = F_1² exp(-2 μ_0(σ')² t) + F_{>1}² for α -> infinity, d -> infinity, |w| = 1."""
    times = np.linspace(0, 20, 9)
    start = {"s": np.zeros((2, 1)), "r": np.full(2, np.sqrt(0.5)), "a": [1.0, -1.0]}

    def link(z):
        return erf(z[:, 0])

    def simulate(scale):
        # erf of weights of norm √½ is erf(t/√2) of norm 1, at half the time
        options = {"train_output": False, "train_bias": False, "n_nodes": 60}
        return multi_index_flow(link, t=times / 2, scale=scale, **start, **options).risk

    linear = hermite_coefficients(erf, 1)[1] ** 2
    rest = single_neuron_floor(erf, 1)
    slope = hermite_coefficients(UNIT[0], 1)[1]
    wanted = linear * np.exp(-2 * slope**2 * times) + rest
    gaps = [np.abs(simulate(scale) - wanted).max() for scale in (20.0, 40.0)]
    assert gaps[1] < 1e-3
    # symmetric starts leave no term of order 1/α
    assert gaps[0] / gaps[1] == pytest.approx(4, rel=0.1)
    assert np.abs(simulate(40.0) - 1.1 * wanted).max() > 20 * gaps[1]
    # where features move the rest is learned too
    assert simulate(1.0)[-1] < rest


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mean_field_flow([0.1] * 5, [1.0] * 4, 1.0, 1.0), "s, r and a have 5, 4 and 5 entries"),
        (lambda: mean_field_flow([[0.1, 0.2]], [1.0], 1.0, 1.0), r"s has shape \(1, 2\) and target_norm \(\)"),
        (lambda: mean_field_flow([0.1], [1.0], 1.0, 1.0, scale=0.0), "scale must be positive"),
        (lambda: mean_field_flow(np.ones(10_000), np.ones(10_000), 1.0, 1.0), "10000 neurons has more than"),
        (lambda: mean_field_particles(np.ones((3, 2)), [1.0] * 3, 1.0), r"W has shape \(3, 2\) and u \(3,\)"),
        (lambda: mean_field_particles(np.ones((3, 2)), [0.0, 0.0], 1.0), "no row of zeros"),
        (lambda: mean_field_particles(np.ones((3, 2)), [1.0, 0.0], 1.0, [1.0]), "W has 3 rows and a 1 entries"),
        (lambda: multi_index_flow(np.sum, [[0.1]], [1.0], 1.0), "link must return 24 finite numbers"),
        (lambda: multi_index_flow(np.sum, [0.1], [1.0], 1.0), r"s has shape \(1,\) and r \(1,\)"),
        (lambda: multi_index_flow(np.sum, [[0.1]], [1.0], 1.0, activation="tanh"), "one of erf, relu, got 'tanh'"),
        (lambda: multi_index_flow(np.sum, [[0.1]], [1.0], 1.0, inputs="ball"), "one of gaussian, hypercube, got"),
        (lambda: multi_index_flow(np.sum, [[0.1] * 9], [1.0], 1.0), r"1 particles at 24\^9 nodes are more"),
        (lambda: multi_index_flow(np.sum, [[0.1]], [1.0], 1.0, b=[1.0, 2.0]), "s, a and b have 1, 1 and 2 entries"),
        (lambda: multi_index_flow(np.sum, [[0.1]], [1.0], 1.0, train_bias=1 << 2000), "link must return 24"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()
