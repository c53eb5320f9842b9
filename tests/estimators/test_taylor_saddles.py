"""Saddles of the quadratic model: plain descent stays where kicks and noise leave, at the rate of the curvature."""

import numpy as np
import pytest

from widelearn import TaylorRegressor
from widelearn.estimators.optim.descent import Trace, batch_descent, perturbed_descent
from widelearn.estimators.optim.rules import Sgd
from widelearn.nets import Expansion

M, D, RATE, STEPS = 12, 5, 0.5, 400
X = np.array(np.meshgrid(*[[-1.0, 1.0]] * D)).reshape(D, -1).T


def problem(mass, seed):
    """The loss of y = x1 x2 + √mass x3 x4 on the whole cube with σ'' = 1, and a start that has x1 and x2 alone.

    Gradients of such movements have x1 and x2 alone, too: they end at a saddle, where half of `mass` is left.
    """
    rng = np.random.default_rng(seed)
    y = (X[:, 0] * X[:, 1] + np.sqrt(mass) * X[:, 2] * X[:, 3])[:, None]
    a = np.where(np.arange(M) % 2, -1.0, 1.0)[:, None] / np.sqrt(M)
    net, start = Expansion(rng.standard_normal((M, D)), a, "quadratic", (2,)), np.zeros((M, D))
    start[:, :2] = rng.standard_normal((M, 2)) / 2

    def objective(theta, rows=slice(None)):
        found = net.loss_gradient(X[rows], y[rows], theta.reshape(M, D), "squared")
        return found.loss, found.W.ravel()

    return objective, start.ravel(), lambda W, V: net.hessian_product(X, y, W, V, "squared")


def plain(objective, theta, steps):
    for _ in range(steps):
        theta = theta - RATE * objective(theta)[1]
    return theta


@pytest.mark.parametrize("mass", [0.2, 0.5])
@pytest.mark.parametrize("seed", [0, 1])
def test_kicks_and_noise_leave_a_saddle_where_plain_descent_stays(mass, seed):
    objective, start, hessian = problem(mass, seed)
    saddle = plain(objective, start, STEPS)
    # Rounding errors of 1e-17 grow by (mass/M)^(1/2) RATE a step, 0.1: to 1e-3 in the movement at most.
    assert objective(saddle)[0] == pytest.approx(mass / 2, rel=1e-3)
    there = saddle.reshape(M, D)
    columns = [hessian(there, row.reshape(M, D)).ravel() for row in np.eye(M * D)]
    values, vectors = np.linalg.eigh(np.array(columns))
    # A neuron's curvature in the plane of x3 and x4; what neurons share is of rank 2, and lowers nothing.
    assert values[0] == pytest.approx(-np.sqrt(mass / M), rel=1e-6)
    assert np.abs(vectors[:, 0].reshape(M, D)[:, [0, 1, 4]]).max() < 1e-6
    source = np.random.RandomState(seed)
    kicked, noisy = Trace(start.copy()), Trace(start.copy())
    perturbed_descent(objective, kicked, source, max_iter=STEPS, tol=1e-6, rate=RATE)
    rule = Sgd(start, noise=(0.02, source))
    batch_descent(objective, noisy, rule, source, n_rows=len(X), batch_size=len(X), max_iter=STEPS, rate=RATE)
    assert objective(kicked.theta)[0] < 0.01 * mass
    assert objective(noisy.theta)[0] < 0.01 * mass


def test_zero_is_left_by_what_adds_noise_alone():
    rng = np.random.default_rng(0)
    rows = rng.choice([-1.0, 1.0], (150, 8))
    y = rows[:, 0] * rows[:, 1]
    options = {"width": 32, "linear_term": False, "init": "zeros", "random_state": 0}
    for solver, steps in (("pgd", 2000), ("sgd", 300)):
        model = TaylorRegressor(solver=solver, max_iter=steps, **options).fit(rows, y)
        assert model.score(rows, y) > 0.9, solver
    for solver in ("lbfgs", "adam"):
        with pytest.raises(ValueError, match="stationary point"):
            TaylorRegressor(solver=solver, **options).fit(rows, y)
