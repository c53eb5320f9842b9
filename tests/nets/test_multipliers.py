"""Nets with multipliers tied to the outputs' signs: laws, exact means, gradients, distances from a term."""

from itertools import product
from math import comb, factorial

import numpy as np
import pytest

import reference_nets as oracle
from widelearn import nets

ORDERS = (1, 2, 3, 4)


def draw(rng, n=9, d=4, m=3, c=2, dtype=float):
    """Rows, a net of size 1 and its movement."""
    X, W0, W = rng.standard_normal((n, d)), rng.standard_normal((m, d)), rng.standard_normal((m, d))
    return [part.astype(dtype) for part in (X, W0 / np.sqrt(d), W / np.sqrt(d), rng.standard_normal((m, c)))]


def sides(law):
    """Values and probabilities of z, and of z'."""
    return [(law.values[s * law.weights > 0], s * law.weights[s * law.weights > 0]) for s in (1, -1)]


@pytest.mark.parametrize("k", ORDERS)
def test_the_laws_differ_in_one_moment(k):
    law = nets.Multipliers(k)
    (z, p), (other, q) = sides(law)
    # Sums of five numbers of size 10: to the last bits.
    assert p.sum() == pytest.approx(1, rel=1e-15)
    assert q.sum() == pytest.approx(1, rel=1e-15)
    for i in range(k):
        assert p @ z**i == pytest.approx(q @ other**i, abs=1e-14)
    assert p @ z**k - q @ other**k == pytest.approx(law.gap, rel=1e-14)
    assert law.gap == factorial(k) / 2 ** (k - 1)
    if k > 1:
        assert p @ z == pytest.approx(0, abs=1e-15)
        # What `coupling_bounds` says of the variances.
        assert p @ z**2 + q @ other**2 == pytest.approx(k / 2, rel=1e-14)


@pytest.mark.parametrize("k", ORDERS)
def test_draws_follow_the_laws(k):
    law = nets.Multipliers(k)
    drawn = law.draw(40_000, np.random.default_rng(k))
    assert drawn.shape == (40_000, 2)
    for column, (values, weights) in zip(drawn.T, sides(law), strict=True):
        counts = np.array([np.mean(column == value) for value in values])
        # Five standard errors of a share of 40,000.
        np.testing.assert_allclose(counts, weights, atol=0.0125)
        assert np.isin(column, values).all()


@pytest.mark.parametrize("activation", ["softplus", "relu", "cubic", "tanh"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("k", ORDERS)
def test_moments_are_means_over_all_multipliers(rng, k, dtype, activation):
    X, W0, W, a = draw(rng, dtype=dtype)
    net, law = nets.Expansion(W0, a, activation, (1,)), nets.Multipliers(k)
    (z, p), (other, q) = sides(law)
    pairs = [((one, two), s * t) for one, s in zip(z, p, strict=True) for two, t in zip(other, q, strict=True)]
    mean, square = 0.0, 0.0
    for chosen in product(pairs, repeat=3):
        outputs = net.drawn_outputs(X, W, np.array([pair for pair, _ in chosen], dtype), law).astype(float)
        share = np.prod([weight for _, weight in chosen])
        mean, square = mean + share * outputs, square + share * outputs**2
    F, V = net.marginal_moments(X, W, multipliers=law)
    assert F.dtype == V.dtype == np.dtype(dtype)
    # A few roundings of numbers up to 30, whose squares are summed.
    eps = 100 * float(np.finfo(dtype).eps)
    size = max(1.0, float(np.abs(square).max()))
    np.testing.assert_allclose(F, mean, atol=eps * size)
    np.testing.assert_allclose(V, square - mean**2, atol=eps * size)


def test_signs_are_the_multipliers_of_order_two(rng):
    X, W0, W, a = draw(rng, m=8)
    net = nets.Expansion(np.vstack([W0, W0]), np.vstack([a, -a]), "softplus", (2,))
    W = np.vstack([W, W[::-1]])
    twins = net.marginal_moments(X, W, multipliers=nets.Multipliers(2))
    for one, other in zip(net.marginal_moments(X, W), twins, strict=True):
        # Neurons in pairs have no output without movement, and there the nets are one.
        np.testing.assert_allclose(one, other, atol=1e-13)


@pytest.mark.parametrize("loss", ["squared", "logistic", "hinge", "softmax"])
@pytest.mark.parametrize("k", ORDERS)
def test_gradients(rng, k, loss):
    X, W0, W, a = draw(rng, c=3, m=7)
    Y = rng.standard_normal((9, 3))
    Y = {"squared": Y, "softmax": np.eye(3)[rng.integers(3, size=9)]}.get(loss, np.sign(Y))
    net, law, V = nets.Expansion(W0, a, "softplus", (2,)), nets.Multipliers(k), rng.standard_normal(W.shape)
    drawn, options = law.draw(7, rng), {"offset": 0.1 * rng.standard_normal((9, 3)), "sample_weight": rng.random(9)}
    for found in (
        lambda W: net.marginal_loss_gradient(X, Y, W, loss, multipliers=law, **options),
        lambda W: net.drawn_loss_gradient(X, Y, W, drawn, law, loss, **options),
    ):
        slope = (found(W + 1e-6 * V).loss - found(W - 1e-6 * V).loss) / 2e-6
        # Central differences err by 1e-12 f''' and by rounding, 1e-16 / 1e-6.
        assert (found(W).W * V).sum() == pytest.approx(slope, rel=1e-7, abs=1e-8)
    F, C = net.marginal_moments(X, W, multipliers=law)
    if loss == "squared":
        weight = options["sample_weight"] / options["sample_weight"].sum()
        wanted = weight @ (oracle.row_losses(loss, Y, F + options["offset"]) + C.sum(axis=1) / 2)
        assert net.marginal_loss_gradient(X, Y, W, loss, multipliers=law, **options).loss == pytest.approx(wanted)


@pytest.mark.parametrize(("k", "activation"), [(1, "quadratic"), (2, "cubic"), (3, "hermite4"), (4, "hermite5")])
def test_the_mean_is_the_term_of_polynomials(rng, k, activation):
    """A central difference of order k is exact up to degree k + 1."""
    X, W0, W, a = draw(rng, m=20)
    net = nets.Expansion(W0, a, activation, (k,))
    F, _ = net.marginal_moments(X, W, multipliers=nets.Multipliers(k))
    np.testing.assert_allclose(F, net.terms(X, W)[0], atol=1e-11)


@pytest.mark.parametrize("k", ORDERS)
def test_stencils_and_roots_of_unity_leave_the_same_term(rng, k):
    """Of an analytic σ, three ways to isolate order k differ by their next orders: k + 2, k + 1 and 2k."""
    X, W0, W, a = draw(rng, n=5, m=6)
    net, law = nets.Expansion(W0, a, "exp", (k,)), nets.Multipliers(k)
    errors = {}
    for t in (0.1, 0.05):
        U, V = X @ W0.T, t * X @ W.T
        term = net.terms(X, t * W)[0]
        turns = np.exp(2j * np.pi * np.arange(k) / k)
        unity = np.mean([np.exp(U + turn * V) - np.exp(U) for turn in turns], axis=0)
        steps = sum((-1) ** (k - j) * comb(k, j) * np.exp(U + j * V) for j in range(k + 1)) / factorial(k)
        assert np.abs(unity.imag).max() < 1e-13
        ways = {"roots": unity.real @ a, "stencil": steps @ a}
        ways["mean"] = net.marginal_moments(X, t * W, multipliers=law)[0]
        for name, found in ways.items():
            errors.setdefault(name, []).append(np.abs(found - term).max() / t**k)
    for name, more in {"roots": k, "stencil": 1, "mean": 2}.items():
        large, small = errors[name]
        # Halved movements: by 2 to the number of orders, but for the order after it, 10 % of it here.
        assert large / small == pytest.approx(2**more, rel=0.25), name


@pytest.mark.parametrize("k", ORDERS)
def test_coupling_bounds(rng, k):
    """They hold for any net, and are met to 10 % where all neurons are alike."""
    law = nets.Multipliers(k)
    for trial in range(20):
        m, scale = int(rng.integers(1, 40)), 10.0 ** rng.uniform(-2, 0.5)
        X, W0, W, _ = draw(rng, m=m)
        W *= scale * rng.random((m, 1)) ** 3
        a = rng.choice([-1.0, 1.0], (m, 1)) / np.sqrt(m)
        net = nets.Expansion(W0, a, "sin", (k,))
        F, V = net.marginal_moments(X, W, multipliers=law)
        norm, size = np.sum(np.sum(W**2, axis=1) ** k) ** (1 / (2 * k)), np.linalg.norm(X, axis=1).max()
        bounds = law.coupling_bounds(norm, m, size, slope=1.0, bend=1.0)
        # Roundings of a sum of m numbers of size 1/√m.
        assert np.abs(F - net.terms(X, W)[0]).max() <= bounds.bias * (1 + 1e-9) + 1e-13, trial
        assert np.sqrt(V.max()) <= bounds.spread * (1 + 1e-9) + 1e-13, trial
    # All derivatives of the sine are ±1 where it or its cosine is.
    m = 4
    for u, which in ((0.0, 0), (np.pi / 2, 1)):
        x, w = np.ones((1, 1)), np.full((m, 1), 0.05)
        net = nets.Expansion(np.full((m, 1), u), np.full((m, 1), m**-0.5), "sin", (k,))
        F, V = net.marginal_moments(x, w, multipliers=law)
        bounds = law.coupling_bounds(0.05 * m ** (1 / (2 * k)), m, 1.0, slope=1.0, bend=1.0)
        if k > 1 and which == 0:
            assert np.sqrt(V[0, 0]) > bounds.spread / 1.1
        if (k + 2) % 2 != which and k > 1:
            assert abs(F - net.terms(x, w)[0])[0, 0] > bounds.bias / 1.1


def errors_by_width(k, activation, draws):
    """Root mean squares over rows and draws: of one network, and of its expectation, less the term of order k.

    Neurons of positive output move along one axis each: terms of even order are of size 1, as in a net that has
    learned, and the errors of rows of the cube are hardly correlated.
    """
    rng, d, widths = np.random.default_rng(k), 64, (2**8, 2**12, 2**16)
    X, law, found = rng.choice([-1.0, 1.0], (16, d)), nets.Multipliers(k), []
    for m in widths:
        parts = []
        for _ in range(draws):
            W0, a = rng.standard_normal((m, d)) / np.sqrt(d), rng.choice([-1.0, 1.0], (m, 1)) / np.sqrt(m)
            W = np.where(a > 0, 0.5 * np.eye(d)[np.arange(m) % d], 0.0) * m ** (-1 / (2 * k))
            net = nets.Expansion(W0, a, activation, (k,))
            term, mean = net.terms(X, W)[0], net.marginal_moments(X, W, multipliers=law)[0]
            one = net.drawn_outputs(X, W, law.draw(m, rng), law)
            parts.append([np.mean(part**2) for part in (one - term, mean - term)])
        found.append(np.sqrt(np.mean(parts, axis=0)))
    return np.polyfit(np.log(widths), np.log(found), 1)[0]


@pytest.mark.parametrize(("k", "activation"), [(2, "softplus"), (3, "sigmoid"), (4, "softplus")])
def test_isolation_errors_fall_with_the_width(k, activation):
    # Squares of 16 directions in 6 draws: 7 % of a root mean square, and 0.013 of a slope over 8 octaves.
    one, mean = errors_by_width(k, activation, draws=6)
    assert one == pytest.approx(-1 / (2 * k), rel=0.2)
    if k == 2:
        assert mean == pytest.approx(-0.5, abs=0.1)


@pytest.mark.parametrize("order", [0, 5, 2.5, "2", None])
def test_refusals(order, rng):
    with pytest.raises(ValueError, match="order must be one of 1 to 4"):
        nets.Multipliers(order)
    X, W0, W, a = draw(rng)
    net = nets.Expansion(W0, a, "softplus", (2,))
    with pytest.raises(ValueError, match="drawn must have two columns"):
        net.drawn_outputs(X, W, np.ones((3, 1)), nets.Multipliers(2))
    with pytest.raises(TypeError, match=r"multipliers must be a Multipliers, such as Multipliers\(2\), got 2"):
        net.drawn_outputs(X, W, np.ones((len(W), 2)), 2)
    with pytest.raises(TypeError, match="multipliers must be a Multipliers"):
        net.marginal_moments(X, W, multipliers="signs")


@pytest.mark.parametrize("width", [0, 2.5, True, "3", None, 10**30])
def test_numbers_of_neurons_are_refused(width):
    law = nets.Multipliers(2)
    with pytest.raises(ValueError, match="width must be a whole number from 1"):
        law.draw(width, 0)
    with pytest.raises(ValueError, match="width must be a whole number from 1"):
        law.coupling_bounds(1.0, width, 1.0, slope=1.0, bend=1.0)


def test_bounds_and_draws_that_cannot_be_are_refused():
    law = nets.Multipliers(3)
    for wrong in (-1.0, np.nan, np.inf, "1", None):
        with pytest.raises(ValueError, match="norm must be a finite number of at least 0"):
            law.coupling_bounds(wrong, 8, 1.0, slope=1.0, bend=1.0)
    with pytest.raises(ValueError, match="beyond what is computed with"):
        law.coupling_bounds(1e200, 8, 1.0, slope=1.0, bend=1.0)
    with pytest.raises(ValueError, match="cannot be used to seed"):
        law.draw(8, "seed")


def test_draws_repeat_from_a_seed_and_take_every_source():
    law = nets.Multipliers(3)
    drawn = law.draw(50, 7)
    np.testing.assert_array_equal(drawn, law.draw(50, np.random.RandomState(7)))
    assert drawn.shape == law.draw(50, np.random.default_rng(7)).shape == (50, 2)
