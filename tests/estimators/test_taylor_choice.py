"""Taylor models: what they choose themselves, by orders and by data: activations, penalties, temperatures; weights."""

import warnings

import numpy as np
import pytest
from scipy import special
from sklearn.metrics import log_loss

from widelearn import TaylorClassifier, TaylorRegressor
from widelearn.estimators.taylor.activations import default_activation, derivatives, serves
from widelearn.estimators.taylor.held_out import FINE, LINEAR_ALPHAS, MOST, PARTS, parts_of
from widelearn.kernels import TaylorKernel


def cube(d, n, seed, n_test=1500, degree=2, flipped=0.0):
    """Rows of the cube and the product of some columns, of which some signs are wrong in training."""
    rng = np.random.default_rng(seed)
    X = rng.choice([-1.0, 1.0], (n + n_test, d))
    y = X[:, :degree].prod(axis=1)
    wrong = np.where(rng.uniform(size=n) < flipped, -1.0, 1.0)
    return X[:n], y[:n] * wrong, X[n:], y[n:]


def cubic_of_one_direction(d, n, seed, n_test=1500):
    """Rows of the sphere of radius √d and the third Hermite polynomial of a direction."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n + n_test, d))
    X *= np.sqrt(d) / np.linalg.norm(X, axis=1, keepdims=True)
    u = rng.standard_normal(d)
    t = X @ u / np.linalg.norm(u)
    y = (t**3 - 3 * t) / np.sqrt(6)
    return X[:n], y[:n], X[n:], y[n:]


def score(model, data):
    X, y, X_test, y_test = data
    return model.fit(X, y).score(X_test, y_test)


DEFAULTS = {
    "softplus": [(1,), (2,), (4,), (1, 2), (2, 4)],
    "cubic": [(3,), (1, 3)],
    "relu3": [(2, 3), (1, 2, 3)],
    "exp": [(3, 4), (2, 3, 4)],
}


@pytest.mark.parametrize(("orders", "wanted"), [(each, name) for name, every in DEFAULTS.items() for each in every])
def test_the_default_activation_serves_every_order(orders, wanted):
    assert default_activation(orders) == wanted
    for k in orders:
        mean, square, _ = derivatives(wanted, k)
        assert serves(wanted, k)
        assert 0 < mean**2 <= square * (1 + 1e-12)
    X = np.random.default_rng(0).standard_normal((20, 3))
    model = TaylorRegressor(orders, width=4, max_iter=1, random_state=0)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "lbfgs stopped")
        assert model.fit(X, X[:, 0]).activation_ == wanted
    assert model.get_params()["activation"] is None


def test_moments_of_derivatives():
    """By another quadrature, and by the kernel of the order, which is the mean square."""
    t = np.linspace(-12, 12, 200_001)
    law = np.exp(-(t**2) / 2) / np.sqrt(2 * np.pi) * (t[1] - t[0])
    s = special.expit(t)
    flat = s * (1 - s)
    softplus = [np.logaddexp(0, t), s, flat, flat * (1 - 2 * s), flat * (1 - 6 * flat)]
    for k in range(1, 5):
        mean, square, odd = derivatives("softplus", k)
        # Trapezia of smooth functions; beyond 12 the normal law has 4e-33, and numpy sums 200,000 roundings.
        assert mean == pytest.approx(law @ softplus[k], abs=1e-10)
        assert square == pytest.approx(law @ softplus[k] ** 2, rel=1e-9)
        assert odd == (k == 3)
        assert square == pytest.approx(
            float(TaylorKernel(k, "softplus").diag([[1.0]])[0]) * np.prod(range(1, k + 1)) ** 2
        )


@pytest.mark.parametrize(
    ("order", "activation", "words"),
    [
        (3, "softplus", "order 3 of 'softplus'.*degree 3.*σ''' is odd.*even function.*Take activation='cubic'"),
        (2, "tanh", "order 2 of 'tanh'.*σ'' is odd.*odd function.*Take activation='softplus'"),
        (4, "erf", "order 4 of 'erf'.*σ'''' is odd.*odd function.*Take activation='softplus'"),
        (1, "quadratic", "order 1 of 'quadratic'.*σ' is odd.*even function.*Take activation='softplus'"),
        (3, "hermite5", r"order 3 of 'hermite5'.*E σ'''\(z\) = .*Take activation='cubic'"),
        ((2, 3), "gelu", "order 3 of 'gelu'.*Take activation='relu3'"),
        ((2, 4), "tanh", "order 2 of 'tanh'.*so it is with order 4"),
        ((1, 2), "cos", "order 1 of 'cos'"),
    ],
)
def test_orders_that_an_activation_cannot_serve_are_told(order, activation, words):
    X = np.random.default_rng(0).standard_normal((30, 3))
    for model, y in ((TaylorRegressor, X[:, 0]), (TaylorClassifier, X[:, 0] > 0)):
        with pytest.warns(UserWarning, match=words):
            model(order, activation, width=4, tol=1e-2, random_state=0).fit(X, y)


def test_defaults_learn_odd_targets():
    assert np.median([score(TaylorRegressor(3, random_state=s), cube(40, 800, s, degree=3)) for s in range(3)]) >= 0.93
    scores, penalties = [], []
    for seed in range(3):
        model = TaylorRegressor(3, random_state=seed)
        scores.append(score(model, cubic_of_one_direction(20, 800, seed)))
        penalties.append(model.linear_alpha_)
    assert np.median(scores) >= 0.90
    # Without its linear part the term of order 3 has one of its own.
    assert max(penalties) < 0.1
    assert score(TaylorRegressor(3, linear_alpha=8.0, random_state=0), cubic_of_one_direction(20, 800, 0)) < 0.80


@pytest.mark.parametrize(
    ("n", "alpha", "floor"), [(160, 2e-3, 0.82), (400, 2e-3, 0.95), (160, "auto", 0.84), (400, "auto", 0.98)]
)
def test_defaults_learn_products_from_wrong_labels(n, alpha, floor):
    scores = [score(TaylorClassifier(alpha=alpha, random_state=s), cube(40, n, s, flipped=0.1)) for s in range(3)]
    assert np.median(scores) >= floor


def test_defaults_learn_two_directions():
    scores = []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        X, U = rng.standard_normal((1900, 50)), np.linalg.qr(rng.standard_normal((50, 2)))[0]
        y = np.prod(X @ U, axis=1)
        scores.append(score(TaylorRegressor(random_state=seed), (X[:400], y[:400], X[400:], y[400:])))
    assert np.median(scores) >= 0.95


def test_the_choice_is_that_of_refits():
    """Of whole models fitted to the others' rows, to the end: the chosen penalty is as good as the best by 5 %."""
    for seed in range(3):
        rng = np.random.default_rng(seed)
        X = rng.standard_normal((120, 8))
        y = X[:, 0] * X[:, 1] + rng.choice([0.0, 1.0]) * X[:, 2] + rng.standard_normal(120)
        model = TaylorRegressor(width=32, random_state=seed).fit(X, y)
        part = np.random.default_rng(1).permutation(120) % PARTS
        errors = {}
        for alpha in LINEAR_ALPHAS:
            refit = TaylorRegressor(width=32, linear_alpha=alpha, random_state=seed)
            misses = [refit.fit(X[part != k], y[part != k]).predict(X[part == k]) - y[part == k] for k in range(PARTS)]
            errors[alpha] = np.mean(np.concatenate(misses) ** 2)
        assert errors[model.linear_alpha_] <= 1.05 * min(errors.values())


def test_few_rows_and_given_penalties_choose_nothing():
    X = np.random.default_rng(0).standard_normal((40, 3))
    y = X[:, 0] * X[:, 1]
    assert TaylorRegressor(width=4, random_state=0).fit(X[:11], y[:11]).linear_alpha_ == 2e-3
    model = TaylorRegressor(width=4, alpha=0.01, linear_alpha=0.3, random_state=0).fit(X, y)
    assert (model.alpha_, model.linear_alpha_) == (0.01, 0.3)
    # The fit itself is that of the chosen penalties, given.
    chosen = TaylorRegressor(width=8, alpha="auto", random_state=0).fit(X, y)
    given = TaylorRegressor(width=8, alpha=chosen.alpha_, linear_alpha=chosen.linear_alpha_, random_state=0).fit(X, y)
    np.testing.assert_allclose(given.predict(X), chosen.predict(X), rtol=1e-9)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_parts_keep_equal_rows_together(dtype):
    rng = np.random.default_rng(0)
    X, Y = rng.integers(0, 3, (500, 3)).astype(dtype), rng.integers(0, 2, (500, 1)).astype(dtype)
    found = parts_of(X, Y, np.random.RandomState(0))
    rows = np.column_stack([X, Y])
    different, place = np.unique(rows, axis=0, return_inverse=True)
    assert found.count == len(different)
    for number in range(len(different)):
        assert len(set(found.numbers[place.ravel() == number])) == 1
    order = rng.permutation(500)
    np.testing.assert_array_equal(parts_of(X[order], Y[order], np.random.RandomState(0)).numbers, found.numbers[order])
    assert set(found.numbers) == set(range(PARTS))
    assert set(parts_of(X, Y, np.random.RandomState(0), fine=True).numbers) == set(range(FINE))
    many = np.arange(1.0 * (MOST + 100))[:, None].astype(dtype)
    assert set(parts_of(many, many, np.random.RandomState(0), fine=True).numbers) == set(range(-1, PARTS))


@pytest.mark.parametrize("parameters", [{}, {"alpha": "auto"}, {"whiten": True}, {"mode": "marginal"}, {"order": 3}])
def test_weights_are_repetition(parameters):
    rng = np.random.default_rng(3)
    X, weight = rng.standard_normal((60, 4)), rng.integers(0, 4, 60)
    y = X[:, 0] * X[:, 1] + X[:, 2] + 0.3 * rng.standard_normal(60)
    order = rng.permutation(int(weight.sum()))
    again = np.repeat(np.arange(60), weight)[order]
    for model, targets in ((TaylorRegressor, y), (TaylorClassifier, y > 0)):
        # Few steps: rounding errors have not grown yet.
        fits = [model(width=16, random_state=0, tol=1e-3, **parameters) for _ in range(3)]
        fits[0].fit(X, targets, sample_weight=weight)
        fits[1].fit(X[again], targets[again])
        fits[2].fit(X, targets, sample_weight=1e-200 * weight)
        for other in fits[1:]:
            assert (other.alpha_, other.linear_alpha_) == (fits[0].alpha_, fits[0].linear_alpha_)
            np.testing.assert_allclose(other._values(X), fits[0]._values(X), rtol=1e-4, atol=1e-5)
        if model is TaylorClassifier:
            # Of a bounded search, to its tolerance.
            assert fits[1].temperature_ == pytest.approx(fits[0].temperature_, rel=1e-2)


def test_weights_are_refused_where_they_are_none():
    X = np.random.default_rng(0).standard_normal((20, 2))
    for weight, words in (
        (np.zeros(20), "zero"),
        (-np.ones(20), "[Nn]egative"),
        (np.ones(19), "19|inconsistent|shape"),
    ):
        with pytest.raises(ValueError, match=words):
            TaylorRegressor(width=4).fit(X, X[:, 0], sample_weight=weight)


@pytest.mark.parametrize("flipped", [0.0, 0.2])
def test_probabilities_are_calibrated(flipped):
    """With wrong labels in the test too: near the entropy of the labels where the model has found the product."""
    X, y, X_test, truth = cube(20, 600, 0, 4000, flipped=flipped)
    rng = np.random.default_rng(1)
    y_test = truth * np.where(rng.uniform(size=len(truth)) < flipped, -1, 1)
    model = TaylorClassifier(random_state=0).fit(X, y)
    p = model.predict_proba(X_test)
    plain = special.expit(model.decision_function(X_test))
    found = log_loss(y_test, p[:, 1])
    assert found <= log_loss(y_test, plain) + 0.01
    sure = p.max(axis=1)
    right = model.predict(X_test) == y_test
    for low, high in ((0.5, 0.7), (0.7, 0.9), (0.9, 1.0)):
        inside = (sure > low) & (sure <= high)
        if inside.sum() > 200:
            # Four standard errors of a share, and 5 %.
            assert abs(right[inside].mean() - sure[inside].mean()) < 0.05 + 2 / np.sqrt(inside.sum()), (low, high)
