"""The joint model of several Taylor orders: a movement, an activation and a penalty for each."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone

from widelearn import TaylorClassifier, TaylorRegressor
from widelearn.diagnostics import directions, movement_norm, optimality_gap
from widelearn.estimators.taylor.activations import activation_scale
from widelearn.estimators.taylor.inputs import LinearPart
from widelearn.estimators.taylor.joint import JointNet
from widelearn.estimators.taylor.model import Objective, draw_net
from widelearn.nets import Expansion

# σ^(k) of the activations that are chosen, written out.
DERIVATIVES = {
    1: lambda u: 1 / (1 + np.exp(-u)),
    2: lambda u: 1 / (2 + 2 * np.cosh(u)),
    3: lambda u: np.ones_like(u),
}


def mixed(k, d, n, seed):
    """Rows of the cube, and a dense form of degree k beside a product of k + 1 columns."""
    rng = np.random.default_rng(seed)
    X = rng.choice([-1.0, 1.0], (n, d))
    A = np.triu(rng.standard_normal((d, d)), 1)
    b = rng.standard_normal(d)
    dense = X @ b / np.linalg.norm(b) if k == 1 else np.einsum("ij,ij->i", X @ A, X) / np.linalg.norm(A)
    return X, dense + np.prod(X[:, : k + 1], axis=1)


@pytest.mark.parametrize("loss", ["squared", "logistic", "softmax"])
@pytest.mark.parametrize(("power", "linear_term"), [(1, True), (2, False)])
def test_gradient(loss, power, linear_term):
    random = np.random.RandomState(3)
    X = random.standard_normal((15, 3))
    Y = {"squared": X[:, :2], "logistic": np.sign(X[:, 1:]), "softmax": np.eye(2)[(X[:, 0] > 0).astype(int)]}[loss]
    W0, a = draw_net(random, 6, 3, 2)
    net = JointNet(tuple(Expansion(W0, a, "softplus", (k,)) for k in (2, 1, 3)))
    linear, weight = LinearPart.of(X, 0.1) if linear_term else None, random.uniform(0.5, 1.5, 15)
    function = Objective(X, Y, loss, net, linear, (0.1, 0.2, 0.3), power, weight=weight / weight.mean())
    theta = 0.5 * random.standard_normal(len(function.pack(np.ones((18, 3)))))
    _, gradient = function(theta)
    for _ in range(3):
        v, h = random.standard_normal(len(theta)), 1e-5
        slope = (function(theta + h * v)[0] - function(theta - h * v)[0]) / (2 * h)
        # Differences err by h² f''' ~ 1e-10 and by rounding, 1e-16 / h = 1e-11, times numbers up to 10³.
        assert slope == pytest.approx(gradient @ v, rel=1e-6, abs=1e-7)


@pytest.mark.parametrize("order", [(1, 2), (3, 1), (2, 3, 1)])
def test_predictions_and_objective_are_the_formula(order):
    X, y = mixed(1, 5, 60, 0)
    alpha = (1e-3, 4e-3, 2e-3)[: len(order)]
    model = TaylorRegressor(order, alpha=alpha, linear_alpha=0.03, width=8, random_state=0).fit(X, y)
    assert model.W_.shape == (len(order), 8, 5)
    assert model.alpha_ == alpha
    assert model.activation_ == tuple({1: "softplus", 2: "softplus", 3: "cubic"}[k] for k in order)
    Z, terms, penalty = X / model.x_scale_, 0.0, 0.0
    for k, W, name, scale, weight in zip(
        order, model.W_, model.activation_, model.activation_scale_, alpha, strict=True
    ):
        assert scale == activation_scale(name, k)
        values = DERIVATIVES[k](Z @ model.W0_.T) * (Z @ W.T) ** k / (1, 1, 2, 6)[k]
        terms = terms + values @ model.a_ / scale
        penalty += weight * np.sum(np.sum(W**2, axis=1) ** k)
    wanted = model.y_scale_ * terms + X @ model.coef_ + model.intercept_
    np.testing.assert_allclose(model.predict(X), wanted, rtol=1e-10, atol=1e-10)
    beta = model.coef_ * model.x_scale_ / model.y_scale_
    value = np.mean(((wanted - y) / model.y_scale_) ** 2) / 2 + penalty + 0.015 * beta @ beta
    assert model.loss_curve_[-1] == pytest.approx(value, rel=1e-9)


def test_the_order_in_which_orders_are_named_does_not_matter():
    """The minimum of orders 1 and 2 is known closely enough; starts differ, as movements are drawn one by one."""
    X, y = mixed(1, 6, 80, 1)
    options = {"linear_term": False, "width": 24, "tol": 1e-8, "max_iter": 2000, "random_state": 0}
    one, two = (
        TaylorRegressor((1, 2), alpha=(4e-3, 1e-3), **options),
        TaylorRegressor((2, 1), alpha=(1e-3, 4e-3), **options),
    )
    one.fit(X, y), two.fit(X, y)
    assert one.loss_curve_[-1] == pytest.approx(two.loss_curve_[-1], rel=1e-3)
    # A large penalty leaves the other order alone, but for a share of the order of its inverse.
    alone = TaylorRegressor(2, alpha=1e-3, **options).fit(X, y)
    bound = TaylorRegressor((1, 2), alpha=(100.0, 1e-3), **options).fit(X, y)
    assert bound.loss_curve_[-1] == pytest.approx(alone.loss_curve_[-1], rel=1e-2)


@pytest.mark.parametrize(("k", "d", "n"), [(1, 20, 160), (2, 14, 400)])
def test_dense_and_sparse_parts_are_learned_together(k, d, n):
    for seed in range(2):
        X, y = mixed(k, d, n + 1000, seed)
        joint, *alone = (
            TaylorRegressor(orders, alpha=alpha, width=48, linear_term=False, random_state=seed)
            .fit(X[:n], y[:n])
            .score(X[n:], y[n:])
            for orders, alpha in (((k, k + 1), (2e-3, 2e-3)), (k, 2e-3), (k + 1, 2e-3))
        )
        assert joint > 0.9 > 0.8 > max(alone)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_classes_batches_weights_and_state(dtype):
    X, y = mixed(1, 6, 120, 2)
    X = X.astype(dtype)
    weight = np.random.default_rng(0).integers(0, 3, 120)
    classifier = TaylorClassifier((1, 2), alpha=(1e-2, 2e-3), linear_alpha=1.0, width=16, random_state=0)
    fitted = classifier.fit(X, y > 0, sample_weight=weight)
    again = clone(classifier).fit(np.repeat(X, weight, axis=0), np.repeat(y > 0, weight))
    np.testing.assert_allclose(fitted.decision_function(X), again.decision_function(X), rtol=1e-2, atol=1e-2)
    assert fitted.W_.dtype == dtype
    assert fitted.score(X, y > 0) > 0.8
    adam = TaylorRegressor((1, 2), alpha=(1e-2, 2e-3), solver="adam", width=16, random_state=0)
    for _ in range(60):
        adam.partial_fit(X, y)
    assert adam.score(X, y) > 0.7
    for model in (fitted, adam):
        copy = pickle.loads(pickle.dumps(model))
        np.testing.assert_array_equal(copy.predict(X), model.predict(X))


@pytest.mark.parametrize(
    ("parameters", "match"),
    [
        ({"order": 2, "alpha": (1e-3,)}, "1 penalties.*order=2.*Give one number"),
        ({"order": (1, 2), "alpha": (1e-3,) * 3}, r"3 penalties.*order=\(1, 2\)"),
        ({"order": (1, 2), "alpha": (1e-3, -1.0)}, "numbers from 0 on"),
        ({"order": (1, 2), "alpha": (1e-3, np.inf)}, "numbers from 0 on"),
        ({"order": (1, 2), "alpha": (1e-3, "auto")}, "numbers from 0 on"),
        ({"order": (1, 2), "alpha": (1e-3, 1e-3), "init": "zeros"}, "init='zeros' is a stationary point"),
        ({"order": (1, 2), "alpha": (1e-3, 1e-3), "mode": "marginal"}, "trains the real network"),
    ],
)
def test_refusals(parameters, match):
    X, y = mixed(1, 3, 20, 0)
    with pytest.raises(ValueError, match=match):
        TaylorRegressor(width=4, **parameters).fit(X, y)


def test_certificates_of_one_movement_are_refused():
    X, y = mixed(1, 3, 20, 0)
    model = TaylorRegressor((1, 2), alpha=(1e-3, 1e-3), width=4, random_state=0).fit(X, y)
    for call in (
        lambda: optimality_gap(model, X, y),
        lambda: movement_norm(model),
        lambda: directions(model, 2),
    ):
        with pytest.raises(ValueError, match=r"2 movements.*Fit with one penalty alpha"):
            call()
