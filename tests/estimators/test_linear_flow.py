"""Flows of linearised networks from their own outputs, against gradient descent on their parameters."""

import numpy as np
import pytest

import widelearn as wl
from widelearn import GradientFlowRegressor

HIDDEN = 6


class Net:
    """Two layers with c outputs, A tanh(B x), and its Jacobian by A and B, row by row."""

    def __init__(self, seed, d, c):
        rng = np.random.default_rng(seed)
        self.A, self.B = rng.standard_normal((c, HIDDEN)), rng.standard_normal((HIDDEN, d))

    def __call__(self, X):
        values = np.tanh(X @ self.B.T) @ self.A.T
        return values[:, 0] if values.shape[1] == 1 else values

    def jacobian(self, X):
        h, c = np.tanh(X @ self.B.T), len(self.A)
        by_a = np.einsum("kl,nj->nklj", np.eye(c), h)
        by_b = np.einsum("kj,nj,ni->nkji", self.A, 1 - h**2, X)
        J = np.concatenate([by_a.reshape(len(X), c, -1), by_b.reshape(len(X), c, -1)], axis=2)
        return J[:, 0] if c == 1 else J


def descended(net, X, Y, weight, steps, rate, momentum, X_new):
    """Follow the movement of the parameters of the linearised network step by step."""
    J, J_new, c = net.jacobian(X), net.jacobian(X_new), len(net.A)
    J, J_new = (part.reshape(len(part), c, -1) for part in (J, J_new))
    start, start_new = net(X).reshape(-1, c), net(X_new).reshape(-1, c)
    moved = last = np.zeros((J.shape[2], 1 if c > 1 else Y.shape[1]))
    found = {}
    for step in range(max(steps) + 1):
        if step in steps:
            found[step] = start_new + (J_new @ moved)[..., 0 if c > 1 else slice(None)].reshape(len(X_new), -1)
        left = Y - start - (J @ moved)[..., 0 if c > 1 else slice(None)].reshape(len(X), -1)
        pulled = (weight / weight.sum())[:, None] * left
        down = np.einsum("ncp,nc->p", J, pulled)[:, None] if c > 1 else J[:, 0].T @ pulled
        moved, last = moved + rate * down + momentum * (moved - last), moved
    return np.stack([found[step] for step in steps])


@pytest.mark.parametrize(("outputs", "targets"), [(1, 1), (1, 2), (3, 3)])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_steps_are_those_of_the_linearised_network(rng, outputs, targets, momentum):
    net = Net(0, 4, outputs)
    X, Y, X_new = rng.standard_normal((20, 4)), rng.standard_normal((20, targets)), rng.standard_normal((5, 4))
    weight = rng.integers(0, 3, 20).astype(float)
    linear = wl.linearize(net, net.jacobian)
    options = {"fit_intercept": False, "momentum": momentum}
    bound = GradientFlowRegressor(linear, 1.0, fit_intercept=False).fit(X, Y, weight).max_learning_rate_
    model = GradientFlowRegressor(linear, 7, learning_rate=0.8 * bound, **options).fit(X, Y, weight)
    steps = [0, 1, 2, 7, 200]
    wanted = descended(net, X, Y, weight, steps, 0.8 * bound, momentum, X_new)
    np.testing.assert_allclose(model.staged_predict(X_new, steps), wanted, rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(model.predict(X_new), model.staged_predict(X_new, 7))
    assert model.max_learning_rate_ == pytest.approx(bound * (1 + momentum))


def test_the_flow_is_the_limit_of_small_steps_and_ends_at_ridge_without_a_penalty(rng):
    net, X, Y = Net(1, 4, 2), rng.standard_normal((15, 4)), rng.standard_normal((15, 2))
    linear, X_new = wl.linearize(net, net.jacobian, alpha=1e-9), rng.standard_normal((4, 4))
    flow = GradientFlowRegressor(linear, 3.0, fit_intercept=False).fit(X, Y)
    rate = 3.0 / 4000
    small = descended(net, X, Y, np.ones(15), [4000], rate, 0.0, X_new)[0]
    np.testing.assert_allclose(flow.predict(X_new), small, rtol=1e-2)
    np.testing.assert_allclose(flow.staged_predict(X_new, np.inf), linear.fit(X, Y).predict(X_new), atol=1e-5)


def test_the_time_is_chosen(rng):
    net, X = Net(2, 3, 2), rng.standard_normal((60, 3))
    truth = np.column_stack([np.sin(X[:, 0]), X[:, 1]])
    Y = truth + 0.3 * rng.standard_normal((60, 2))
    linear = wl.linearize(net, net.jacobian)
    for options in ({}, {"learning_rate": 0.01}):
        model = GradientFlowRegressor(linear, fit_intercept=False, **options).fit(X, Y * [1.0, 4.0])
        off = np.square(model.predict(X) / [1.0, 4.0] - truth).mean()
        assert off < np.square(net(X) - truth).mean() / 4
        assert model.errors_.min() < model.errors_[[0, -1]].min() * 1.001
    one = wl.linearize(lambda X: net(X)[:, 0], lambda X: net.jacobian(X)[:, 0])
    closed = GradientFlowRegressor(one, "cv", fit_intercept=False).fit(X, Y[:, 0])
    refits = GradientFlowRegressor(one, "loo", fit_intercept=False).fit(X, Y[:, 0])
    early = closed.times_ < 1e5 * closed.max_learning_rate_
    np.testing.assert_allclose(closed.errors_[early], refits.errors_[early], rtol=1e-4)


def test_refusals(rng):
    net, X, Y = Net(3, 3, 2), rng.standard_normal((12, 3)), rng.standard_normal((12, 2))
    linear = wl.linearize(net, net.jacobian)
    with pytest.raises(ValueError, match=r"The Jacobian has 2 outputs, .* set fit_intercept=False"):
        GradientFlowRegressor(linear, 1.0).fit(X, Y)
    with pytest.raises(ValueError, match="f0 has 2 outputs, and y 3 columns"):
        GradientFlowRegressor(linear, 1.0, fit_intercept=False).fit(X, np.ones((12, 3)))
    with pytest.raises(ValueError, match="time='gcv' is of one output a row, and the Jacobian has 2"):
        GradientFlowRegressor(linear, "gcv", fit_intercept=False).fit(X, Y)
    none = wl.linearize(None, net.jacobian)
    with pytest.raises(ValueError, match="y has 1 columns, and the Jacobian 2 outputs"):
        GradientFlowRegressor(none, 1.0, fit_intercept=False).fit(X, Y[:, 0])
