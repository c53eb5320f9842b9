"""Upper bounds of OPT: the fit against other solvers, norms kept, confidence held, truth against twins."""

import numpy as np
import pytest
from scipy.optimize import linprog, minimize

from widelearn.datasets import linearly_separable, parity
from widelearn.diagnostics import opt_bound
from widelearn.diagnostics.induced_nets import within


def value(loss, F, y):
    """Mean losses, by their formulas."""
    if loss == "squared":
        return np.mean((F - y) ** 2) / 2
    return np.mean(np.maximum(0, 1 - y * F) if loss == "hinge" else np.logaddexp(0, -y * F))


def halves(n, seed=0):
    order = np.random.default_rng(seed).permutation(n)
    return order[::2], order[1::2]


@pytest.mark.parametrize("loss", ["hinge", "logistic", "squared"])
@pytest.mark.parametrize(("norm", "cap"), [(3.0, np.inf), (50.0, 0.7), (1.0, 0.4)])
def test_the_fit_is_the_best(rng, loss, norm, cap):
    for size in (1.0, 1e-6):
        X = rng.standard_normal((160, 3))
        y = np.sign(X[:, 0] * X[:, 1] + 0.3 * rng.standard_normal(160)) if loss != "squared" else X[:, 0] * X[:, 1]
        given = {"weight_norm": norm / size, "largest_weight": cap / size, "loss": loss, "n_biases": 3}
        given |= {"tol": 1e-3, "max_iter": 5000} if loss == "hinge" else {"tol": 1e-5}
        found = opt_bound(size * X, y, np.eye(3)[:2], **given)
        fit, held = halves(160)
        outputs = lambda a, rows, net=found, X=size * X: np.maximum(X[rows] @ net.W.T - net.b, 0) @ a  # noqa: E731
        assert found.train == pytest.approx(value(loss, outputs(found.a, fit), y[fit]), rel=1e-9)
        assert found.loss == pytest.approx(value(loss, outputs(found.a, held), y[held]), rel=1e-9)
        assert np.linalg.norm(found.a) <= norm / size * (1 + 1e-9)
        assert np.abs(found.a).max() <= cap / size * (1 + 1e-9)
        H = outputs(np.eye(len(found.b)), fit) / size
        if loss == "hinge" and cap < np.inf and cap * np.sqrt(len(found.b)) < norm:
            n, N = H.shape
            A = np.hstack([-y[fit, None] * H, -np.eye(n)])
            bounds = [(-cap, cap)] * N + [(0, None)] * n
            best = linprog(np.r_[np.zeros(N), np.full(n, 1 / n)], A, -np.ones(n), bounds=bounds).fun
        else:
            # the smooth solver starts from the answer, and from 0
            limit = [{"type": "ineq", "fun": lambda a: norm**2 - a @ a}]
            box = [(-cap, cap)] * H.shape[1] if cap < np.inf else None
            f = lambda a, H=H, target=y[fit]: value(loss, H @ a, target)  # noqa: E731
            starts = (found.a * size * 0.999, np.zeros(H.shape[1]))
            best = min(minimize(f, a, method="SLSQP", bounds=box, constraints=limit).fun for a in starts)
        assert found.gap < 0.01
        assert found.train - best + 1e-5 * (loss != "hinge") + 1e-4 >= -1e-6
        assert found.train - best <= found.gap + 1e-6
        floor = found.train - found.gap
        assert floor <= best + 1e-6


def test_projections(rng):
    for _ in range(200):
        v = rng.standard_normal(6) * 10.0 ** rng.integers(-3, 3)
        v[rng.integers(6)] *= rng.integers(0, 2)
        norm, cap = 10.0 ** rng.uniform(-2, 1), [np.inf, 10.0 ** rng.uniform(-2, 0.5)][rng.integers(2)]
        a = within(v, norm, cap, 1.0)
        assert np.linalg.norm(a) <= norm * (1 + 1e-12)
        assert np.abs(a).max() <= cap
        # a projection is at an obtuse angle to every other point of the set
        others = np.clip(rng.standard_normal((200, 6)) * norm, -cap, cap)
        others *= np.minimum(1, norm / np.linalg.norm(others, axis=1))[:, None]
        assert np.max((others - a) @ (v - a)) <= 1e-10 * max(1, norm * np.linalg.norm(v))
        far = within(v, norm, cap, np.inf)
        assert np.linalg.norm(far) <= norm * (1 + 1e-9)
        assert np.max(others @ v) <= far @ v * (1 + 1e-9)


def test_the_bound_holds_as_often_as_it_says():
    """The expected loss of the network that proves the bound, by many fresh rows, is above it in a share delta."""
    d, u = 4, np.eye(4)[:1]
    fresh = linearly_separable(30_000, d, 0.2, 0, directions=u, label_noise=0.1)
    above = []
    for seed in range(100):
        data = linearly_separable(160, d, 0.2, seed + 1, directions=u, label_noise=0.1)
        given = {"n_biases": 3, "loss": "logistic", "tol": 0.01, "max_iter": 200}
        found = opt_bound(data.X, data.y, u, weight_norm=3.0, delta=0.2, random_state=seed, **given)
        F = np.maximum(fresh.X @ found.W.T - found.b, 0) @ found.a
        above.append(value("logistic", F, fresh.y) > found.bound)
    # a normal approximation of 80 losses: within four standard errors of 100, on either side
    assert abs(np.mean(above) - 0.2) < 4 * np.sqrt(0.16 / 100)


def test_truth_has_a_small_opt_and_other_directions_have_none():
    data = parity(4000, 30, 5, "structured", 0)
    along = opt_bound(data.X, data.y, data.directions, weight_norm=30.0)
    assert along.bound < 0.02
    assert along.gap < 0.01
    few = opt_bound(data.X, data.y, data.directions, weight_norm=30.0, n_neurons=2)
    assert len(few.b) == 2
    assert few.train > along.train + 0.05
    # a direction that has nothing to do with the labels, and labels that have nothing to do with the direction
    wrong = np.zeros((1, 30))
    wrong[0, np.setdiff1d(np.arange(30), data.support)[:5]] = 1
    assert opt_bound(data.X, data.y, wrong, weight_norm=30.0).loss > 0.95
    twin = np.random.default_rng(0).permutation(data.y)
    assert opt_bound(data.X, twin, data.directions, weight_norm=30.0).loss > 0.95
    # thresholds of one sign alone
    signed = opt_bound(data.X, data.y, data.directions, weight_norm=30.0, sign=1, largest_bias=1.5)
    assert np.all((signed.b > 0) & (signed.b <= 1.5))
    np.testing.assert_allclose(np.abs(signed.W @ data.directions.T), 1)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"y": np.full(60, 2.0)}, "takes labels -1 and 1, got 2"),
        ({"weight_norm": 0}, "weight_norm must be positive"),
        ({"largest_weight": -1}, "largest_weight must be positive"),
        ({"largest_bias": 1e-9, "sign": 1}, "No threshold has sign 1"),
        ({"loss": "zero-one"}, "loss must be one of"),
        ({"sign": 0}, "sign -1, 1 or None"),
        ({"n_neurons": 0}, "n_neurons must be a whole number"),
        ({"delta": 1}, "delta must be below 1"),
        ({"X": np.ones((20, 2)), "y": np.ones(20)}, "at least 40 rows, got 0.05 and 20"),
        ({"directions": [[0.0, 0.0]]}, "A direction is 0"),
    ],
)
def test_wrong_arguments_are_refused(rng, wrong, message):
    X = rng.standard_normal((60, 2))
    given = {"X": X, "y": np.sign(X[:, 0]), "directions": np.eye(2), "weight_norm": 1.0}
    with pytest.raises(ValueError, match=message):
        opt_bound(**given | wrong)


def test_equal_rows_prove_nothing_about_each_other():
    rng = np.random.default_rng(0)
    X, y = np.repeat(rng.normal(size=(60, 3)), 10, axis=0), np.repeat(rng.choice([-1.0, 1.0], 60), 10)
    assert opt_bound(X, y, np.eye(3), weight_norm=50.0).bound > 1.0


def test_thresholds_are_quantiles_of_what_is_in_reach():
    X = 100 * np.random.default_rng(0).normal(size=(400, 3))
    found = opt_bound(X, np.sign(X[:, 0]), np.eye(3)[:1], weight_norm=5.0, largest_bias=10.0)
    assert np.abs(found.b).max() <= 10.0
