"""Times that are chosen in closed form for rows of many different weights, against refits without each row."""

import numpy as np
import pytest

import widelearn as wl
from widelearn import GradientFlowRegressor
from widelearn.estimators.flow.left_out import ACCURACY, LIGHT, WEIGHTS, scales
from widelearn.kernels import NTK, RBF

LAWS = {
    "one heavy": lambda rng, n: np.concatenate([[1e5], rng.uniform(1, 2, n - 1)]),
    "few heavy": lambda rng, n: np.where(np.arange(n) < 5, 10.0 ** rng.uniform(1, 3, n), rng.uniform(1, 2, n)),
    "pareto": lambda rng, n: 1 + rng.pareto(0.7, n),
    "log-uniform": lambda rng, n: 10.0 ** rng.uniform(-3, 3, n),
    "two values": lambda rng, n: rng.choice([1.0, 300.0], n),
    "integers": lambda rng, n: rng.integers(0, 80, n).astype(float),
    "uniform": lambda rng, n: rng.uniform(0.5, 2.0, n) * 1e-9,
}
KERNELS = ["linear", NTK(depth=2, bias_variance=0.1), RBF(gamma=0.2), wl.RandomFeatures(25, random_state=0)]


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("number", range(len(KERNELS)))
def test_left_out_rows_of_any_weights_are_those_of_refits(law, number):
    rng = np.random.default_rng([number, sorted(LAWS).index(law)])
    n, kernel, intercept = int(rng.integers(50, 90)), KERNELS[number], bool((number + len(law)) % 2)
    X, weight = rng.standard_normal((n, 100 if kernel == "linear" else 3)), LAWS[law](rng, n)
    y = (X[:, 0] + 0.5 * rng.standard_normal(n)) * 10.0 ** rng.integers(-3, 4)
    closed = GradientFlowRegressor(kernel, "cv", fit_intercept=intercept).fit(X, y, weight)
    wanted = GradientFlowRegressor(kernel, "loo", fit_intercept=intercept).fit(X, y, weight)
    early = closed.times_ < 1e6 * closed.max_learning_rate_
    np.testing.assert_allclose(closed.errors_[early], wanted.errors_[early], rtol=1e-5)
    assert wanted.errors_[closed.times_ == closed.time_] <= 1.02 * wanted.errors_.min()
    # Not every time is as good.
    assert wanted.errors_.max() > 1.1 * wanted.errors_.min()


@pytest.mark.parametrize("law", LAWS)
def test_few_flows_stand_for_all_time_scales(law):
    """Every row's flow is a combination of few, within their accuracy: for one direction of any rate, at any time."""
    rng = np.random.default_rng(0)
    weight = LAWS[law](rng, 3000)
    weight = weight[weight > 0]
    total, seen, turns = weight.sum(), [], 0
    for rows, others, mixed in scales(weight, total):
        assert (weight[rows].max() <= LIGHT * total) or len(others) == 1
        turns += len(others)
        for rate in np.logspace(-3, 3, 25):
            found = mixed @ np.exp(-rate * total / others)
            exact = np.exp(-rate * total / (total - weight[rows]))
            assert np.abs(found - exact).max() <= ACCURACY
        seen.append(rows)
    np.testing.assert_array_equal(np.sort(np.concatenate(seen)), np.arange(len(weight)))
    assert turns <= max(WEIGHTS, 1 / LIGHT + 8, len(np.unique(weight)) if len(np.unique(weight)) <= WEIGHTS else 0)


def test_one_row_of_two_thirds_of_all_weight_by_hand():
    """What each row leaves is the flow of the other alone, whose weight says nothing."""
    x, y, weight = np.array([1.0, 2.0]), np.array([3.0, -1.0]), np.array([1.0, 2.0])
    model = GradientFlowRegressor("linear", "cv", fit_intercept=False).fit(x[:, None], y, weight)
    slopes = (y / x * -np.expm1(-(x**2) * model.times_[:, None]))[:, ::-1]
    np.testing.assert_allclose(model.errors_, (y - x * slopes) ** 2 @ weight / 3, rtol=1e-6)
