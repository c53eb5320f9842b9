"""Optimisers of one vector against SciPy and their formulas; what divergence and interrupts leave."""

import numpy as np
import pytest
from scipy.optimize import minimize

from widelearn.estimators.optim.descent import (
    DivergedError,
    Trace,
    batch_descent,
    evaluate,
    lbfgs_descent,
    pass_over,
    perturbed_descent,
)
from widelearn.estimators.optim.rules import Adam, Sgd, point_in_ball

N, D = 40, 4


@pytest.fixture
def logistic(rng):
    """Logistic regression with a penalty: strongly convex, so that all roads lead to one minimum."""
    A = rng.standard_normal((N, D)) * [1.0, 2.0, 0.5, 1.0]
    y = np.where(A[:, 0] + rng.standard_normal(N) > 0, 1.0, -1.0)

    def loss_gradient(theta, rows=slice(None)):
        z = y[rows] * (A[rows] @ theta)
        slopes = -y[rows] / (1 + np.exp(z)) / len(z)
        return np.mean(np.log1p(np.exp(-z))) + 0.05 * theta @ theta, A[rows].T @ slopes + 0.1 * theta

    return loss_gradient


@pytest.fixture
def minimum(logistic):
    """SciPy's minimum, by another algorithm than any of ours."""
    return minimize(logistic, np.zeros(D), jac=True, method="BFGS", options={"gtol": 1e-10}).x


def test_all_find_the_minimum_of_scipy(logistic, minimum):
    random, least = np.random.RandomState(0), logistic(minimum)[0]
    trace = Trace(np.ones(D))
    lbfgs_descent(logistic, trace, max_iter=100)
    # Curvatures are at least 0.1: a gradient of 1e-8 is an error of at most 1e-7.
    assert np.abs(trace.theta - minimum).max() < 1e-7
    assert not trace.fault
    trace = Trace(np.ones(D))
    perturbed_descent(logistic, trace, random, max_iter=2000, tol=1e-6, rate=1.0)
    # A value within 1e-6 of the least is an error of at most √(2e-6 / 0.1).
    assert trace.losses[-1] - least < 1e-6
    assert (np.diff(trace.losses) < 1e-5).all()
    for rule, rate in ((Adam(minimum), 0.02), (Sgd(minimum), 0.5), (Sgd(minimum, momentum=0.9), 0.05)):
        trace = Trace(np.ones(D))
        batch_descent(logistic, trace, rule, random, n_rows=N, batch_size=N, max_iter=1000, rate=rate)
        # The mean of a pass is the loss before its only step: times N and divided by it, two roundings.
        assert logistic(trace.theta)[0] <= trace.losses[-1] * (1 + 2 * np.finfo(float).eps)
        assert trace.losses[-1] < least + 1e-6
        assert rule.count == len(trace.losses) == len(trace.gradients) == 1000


@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_steps_are_the_formulas(momentum, rng):
    gradients = rng.standard_normal((5, D))
    rules = [Sgd(np.zeros(D), momentum=momentum), Adam(np.zeros(D)), Adam(np.zeros(D), corrects_root=True)]
    thetas = [np.zeros(D) for _ in rules]
    wanted, v, mean, mean_square = np.zeros((3, D)), np.zeros(D), np.zeros(D), np.zeros(D)
    for t, g in enumerate(gradients, start=1):
        for rule, theta in zip(rules, thetas, strict=True):
            rule.step(theta, g.copy(), 0.1)
        v, mean, mean_square = momentum * v + g, 0.9 * mean + 0.1 * g, 0.999 * mean_square + 0.001 * g**2
        c, s = 1 - 0.9**t, 1 - 0.999**t
        wanted[0] -= 0.1 * v
        wanted[1] -= 0.1 * np.sqrt(s) / c * mean / (np.sqrt(mean_square) + 1e-8)
        wanted[2] -= 0.1 * mean / c / (np.sqrt(mean_square / s) + 1e-8)
    np.testing.assert_allclose(thetas, wanted, rtol=1e-12)


def test_noise_leaves_a_saddle():
    saddle = lambda theta, rows=slice(None): (theta[0] ** 2 - theta[1] ** 2 + theta[1] ** 4, np.array(  # noqa: E731
        [2 * theta[0], 4 * theta[1] ** 3 - 2 * theta[1]]
    ))  # fmt: skip
    random = np.random.RandomState(0)
    perturbed, noisy, still = (Trace(np.zeros(2)) for _ in range(3))
    perturbed_descent(saddle, perturbed, random, max_iter=500, tol=1e-6, rate=0.1)
    batch = {"n_rows": 1, "batch_size": 1, "max_iter": 200, "rate": 0.1}
    batch_descent(saddle, noisy, Sgd(np.zeros(2), noise=(1e-3, random)), random, **batch)
    batch_descent(saddle, still, Sgd(np.zeros(2)), random, **batch)
    # The minima are (0, ±√½), of value -1/4.
    assert perturbed.losses[-1] == pytest.approx(-0.25, abs=1e-6)
    assert noisy.losses[-1] == pytest.approx(-0.25, abs=1e-4)
    assert still.losses[-1] == 0
    points = np.array([point_in_ball(random, 3, 2.0) for _ in range(2000)])
    radii = np.linalg.norm(points, axis=1) / 2
    assert radii.max() <= 1
    # Radii to the third power are uniform: four standard errors of their mean.
    assert np.mean(radii**3) == pytest.approx(0.5, abs=4 / np.sqrt(12 * 2000))


def test_divergence_and_interrupts_leave_the_last_finite_vector(logistic):
    theta, last, rule = np.ones(D), np.zeros(D), Sgd(np.zeros(D))
    batches = [(N, slice(None))] * 3
    assert pass_over([], logistic, theta, rule, lambda t: 1.0, last)[1] == 0
    with pytest.raises(DivergedError):
        pass_over(batches, logistic, theta, rule, [0.1, 1e308, 1.0].__getitem__, last)
    assert rule.count == 2
    one = np.ones(D) - 0.1 * logistic(np.ones(D))[1]
    np.testing.assert_allclose(last, one, rtol=1e-14)
    with pytest.raises(DivergedError):
        evaluate(lambda theta: (np.inf, theta), np.zeros(D))

    def stop(iteration, loss):
        if iteration == 3:
            raise KeyboardInterrupt

    trace = Trace(np.ones(D), stop)
    with pytest.raises(KeyboardInterrupt):
        lbfgs_descent(logistic, trace, max_iter=100)
    assert len(trace.losses) == 3
    assert logistic(trace.theta)[0] == trace.losses[-1]
    lbfgs_descent(logistic, trace := Trace(np.ones(D)), max_iter=2)
    assert trace.fault == "lbfgs stopped after max_iter = 2 iterations"
