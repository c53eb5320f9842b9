"""Laws of Taylor terms: what an order leaves, rates in the width, the kernels of orders, and a start that is stuck."""

import math

import numpy as np
import pytest

from widelearn.datasets import sphere
from widelearn.kernels import TaylorKernel
from widelearn.nets import Expansion, TwoLayer
from widelearn.theory import hermite_coefficients


def net(rng, m, d, activation, orders):
    """A symmetric start: neurons in pairs with opposite output weights ±1/√m."""
    W0 = np.tile(rng.standard_normal((m // 2, d)) / np.sqrt(d), (2, 1))
    a = rng.choice([-1.0, 1.0], (m // 2, 1)) / np.sqrt(m)
    return Expansion(W0, np.vstack([a, -a]), activation, orders)


@pytest.mark.parametrize("activation", ["tanh", "erf", "softplus"])
def test_an_order_leaves_what_is_of_the_next_and_terms_are_homogeneous(activation):
    rng = np.random.default_rng(0)
    X, V = rng.standard_normal((5, 6)), rng.standard_normal((40, 6))
    W0, a, none = rng.standard_normal((40, 6)), rng.standard_normal((40, 1)), np.zeros(40)
    whole = Expansion(W0, a, activation, (0, 1, 2, 3, 4))
    for order in range(1, 5):
        left = []
        for t in (2e-2, 1e-2):
            terms = whole.terms(X, t * V)[: order + 1].sum(axis=0)
            left.append(np.abs(TwoLayer(W0 + t * V, none, a, activation).outputs(X) - terms).max())
        # 1.1 times the order would be .2 off or more; what comes after is t times as large, and 2 % of it.
        assert abs(np.log2(left[0] / left[1]) - (order + 1)) < 0.15
        # Powers of two multiply without rounding.
        np.testing.assert_array_equal(whole.terms(X, 2 * V)[order], 2**order * whole.terms(X, V)[order])


@pytest.mark.parametrize("activation", ["tanh", "erf", "gelu", "relu3"])
def test_kernels_of_orders_are_hermite_series(activation):
    """K_k = d^k Σ_j c_j² C(j, k)/k! ρ^j on the sphere of radius √d (Price's theorem), c_j those of σ itself."""
    k_max, count = 3, 60
    c = hermite_coefficients(activation, count)
    X = sphere(6, 4, 0)
    X[1] = -X[0]
    rho = X @ X.T / 4
    for k in range(1, k_max + 1):
        series = 4**k * sum(c[j] ** 2 * math.comb(j, k) / math.factorial(k) * rho**j for j in range(k, count))
        # Between rows that are not parallel powers of ρ are small, and the series has ended.
        far = np.abs(rho) < 0.7
        assert far.sum() > 8
        np.testing.assert_allclose(TaylorKernel(k, activation)(X)[far], series[far], rtol=1e-6, atol=1e-9)


def test_a_symmetric_start_from_zero_moves_twins_apart_so_that_no_quadratic_term_arises():
    rng = np.random.default_rng(1)
    X = sphere(20, 5, 1)
    y = (np.sin(X[:, 0]) + X[:, 1])[:, None]
    terms = net(rng, 64, 5, "tanh", (1, 2))
    step = -0.5 * terms.marginal_loss_gradient(X, y, np.zeros((64, 5)), "squared").W
    plain = Expansion(terms.W0, terms.a, "tanh", (1,)).loss_gradient(X, y, np.zeros((64, 5)), "squared").W
    # Signs cancel the linear term, so that nothing moves at all; without them twins move in opposite directions.
    np.testing.assert_array_equal(step, 0)
    np.testing.assert_allclose(plain[:32], -plain[32:], rtol=0, atol=1e-15)
    first, second = terms.terms(X, -0.5 * plain)
    assert np.abs(second).max() < 1e-14 < 1e-2 < np.abs(first).max()
    # From a start that is no mirror image there is one.
    other = terms.terms(X, -0.5 * plain + 0.3 * rng.standard_normal((64, 5)))[1]
    assert np.abs(other).max() > 1e-2


def trained(model, X, y, shape, steps=50):
    """Outputs after each of some steps of gradient descent from no movement."""
    W, found = np.zeros(shape), []
    for _ in range(steps):
        W = W - 0.5 * model.loss_gradient(X, y, W, "squared").W
        found.append(model.outputs(X, W))
    return np.array(found)


def test_taylorised_training_stays_near_the_net_by_powers_of_the_width():
    """sup_t |f - f^(k)| = O(m^(-k/2)) for independent output signs; the next term sets the power.

    That of k = 2 is odd, moves with the signs, and has the power itself. Those of k = 1 and 3 are even, and cancel
    among the signs: a half is gained. The bounds leave .15 for three seeds; a power of m^(-1/2) less breaks each.
    """
    X = sphere(20, 5, 2) / np.sqrt(5)
    y, widths, gaps = np.sin(3 * X[:, :1]) + X[:, 1:2], (128, 512, 2048), []
    for m in widths:
        errors = []
        for seed in range(3):
            rng = np.random.default_rng(seed)
            W0, a, none = rng.standard_normal((m, 5)), rng.choice([-1.0, 1.0], (m, 1)) / np.sqrt(m), np.zeros(m)
            start = TwoLayer(W0, none, a, "tanh").outputs(X)
            nets = [Expansion(W0, a, "tanh", tuple(range(1, k + 1))) for k in (1, 2, 3)]
            whole = Whole(W0, a, start)
            real = trained(whole, X, y, (m, 5))
            errors.append([np.abs(trained(one, X, y, (m, 5)) - real).max() for one in nets])
        gaps.append(np.mean(errors, axis=0))
    slopes = np.polyfit(np.log(widths), np.log(gaps), 1)[0]
    assert slopes[0] < -0.5 - 0.15
    assert abs(slopes[1] + 1) < 0.15
    assert slopes[2] < -1.5 - 0.15


class Whole:
    """The net itself less its start, as a function of the movement."""

    def __init__(self, W0, a, start):
        self.W0, self.a, self.start, self.none = W0, a, start, np.zeros(len(W0))

    def loss_gradient(self, X, y, W, loss):
        return TwoLayer(self.W0 + W, self.none, self.a, "tanh").loss_gradient(X, y + self.start, loss)

    def outputs(self, X, W):
        return TwoLayer(self.W0 + W, self.none, self.a, "tanh").outputs(X) - self.start
