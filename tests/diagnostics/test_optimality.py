"""Certificates of optimality, gradients, Hessians and the curvature identity against formulas written out."""

import copy
import warnings
from itertools import product

import numpy as np
import pytest
from scipy.special import expit, log_softmax
from sklearn.exceptions import ConvergenceWarning

from widelearn import TaylorClassifier, TaylorRegressor
from widelearn.diagnostics import curvature_identity, gradient_norm, min_hessian_eigenvalue, optimality_gap
from widelearn.diagnostics.curvatures import Hessian
from widelearn.diagnostics.optimality import gap_at
from widelearn.diagnostics.taylor_problem import TaylorProblem

LOSSES = ("squared", "logistic", "softmax", "two columns", "labels")


def problem(seed, loss="squared", n=40, d=5, **options):
    """A model near its start, its rows and targets: the numbers are of size 1, and nothing is at a minimum."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d)) * rng.uniform(0.2, 5.0)
    z = X / X.std()
    score = z[:, 0] * z[:, 1] + 0.3 * rng.standard_normal(n)
    y = {
        "squared": 30 * score + 7,
        "two columns": np.column_stack([score + 3, 5 * z[:, 0]]),
        "logistic": np.where(score > 0, "b", "a"),
        "softmax": np.digitize(score, [-0.5, 0.5]),
        "labels": np.column_stack([score > 0, z[:, 0] > 0.2]).astype(int),
    }[loss]
    estimator = TaylorRegressor if loss in ("squared", "two columns") else TaylorClassifier
    options = {"width": 8, "max_iter": 3, "tol": 0.0, "init": "random", "random_state": seed} | options
    with pytest.warns(ConvergenceWarning):
        model = estimator(**options).fit(X, y)
    return model, X, y


def moved(model, W):
    """A copy of a model with another movement."""
    other = copy.deepcopy(model)
    other.W_ = np.asarray(W, dtype=float)
    return other


def by_hand(model, X, y):
    """The objective of a softplus model of order 2 written out in NumPy."""
    if model.whiten:
        X = (X - model.mean_) @ model.whitening_
    x = X / model.x_scale_
    U, P = x @ model.W0_.T, x @ model.W_.T
    s = expit(U) * expit(-U) / model.activation_scale_
    a = model.a_.reshape(len(model.W_), -1)
    f = 0.5 * (s * P**2) @ a
    scale = np.reshape(model.y_scale_, -1)
    coef = model.coef_.reshape(len(scale), -1).T
    user = np.asarray(X if not model.whiten else X @ np.linalg.inv(model.whitening_) + model.mean_)
    F = f * scale + user @ coef + model.intercept_
    if hasattr(model, "classes_"):
        if model.multilabel_ or len(model.classes_) == 2:
            signs = 2 * (y if model.multilabel_ else (y == model.classes_[1])[:, None]) - 1
            losses = np.logaddexp(0, -signs * F).sum(axis=1)
        else:
            losses = -log_softmax(F, axis=1)[np.arange(len(y)), np.searchsorted(model.classes_, y)]
    else:
        losses = 0.5 * (((F - y.reshape(F.shape)) / scale) ** 2).sum(axis=1)
    beta = coef / scale * model.x_scale_
    if model.whiten:
        beta = np.linalg.inv(model.whitening_) @ coef / scale * model.x_scale_
    G = np.sum(np.sum(model.W_**2, axis=1) ** 2)
    return np.mean(losses) + model.alpha_ * G**model.penalty_power + model.linear_alpha_ / 2 * np.sum(beta**2)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("options", [{}, {"linear_term": False}, {"whiten": True, "penalty_power": 2}])
def test_the_objective_is_that_of_the_fit(loss, options):
    model, X, y = problem(1, loss, **options)
    found = TaylorProblem.of(model, X, y, None, "It").objective()
    assert np.isclose(found, by_hand(model, X, y), rtol=1e-10)
    assert np.isclose(found, model.loss_curve_[-1], rtol=1e-9)


@pytest.mark.parametrize("loss", LOSSES)
def test_the_objective_of_weighted_rows_is_that_of_the_fit(loss):
    _, X, y = problem(10, loss)
    weight = np.random.default_rng(10).integers(0, 3, len(X))
    estimator = TaylorRegressor if loss in ("squared", "two columns") else TaylorClassifier
    model = estimator(width=8, linear_alpha=0.01, random_state=0).fit(X, y, sample_weight=weight)
    assert np.isclose(TaylorProblem.of(model, X, y, weight, "It").objective(), model.loss_curve_[-1], rtol=1e-9)
    assert model.linear_alpha_ == 0.01


def test_the_gap_is_the_formula_without_a_linear_part():
    for seed in range(4):
        model, X, y = problem(seed, linear_term=False, alpha=10.0 ** -np.random.default_rng(seed).uniform(1, 4))
        p = TaylorProblem.of(model, X, y, None, "It")
        r = (p.outputs + p.offset - p.Y)[:, 0] / len(X)
        U = p.X @ model.W0_.T
        A = expit(U) * expit(-U) / model.activation_scale_ * model.a_ / 2
        forms = [(p.X * (A[:, k] * r)[:, None]).T @ p.X for k in range(len(p.W))]
        inner = sum(w @ S @ w for w, S in zip(p.W, forms, strict=True))
        kappa = np.array([max(0.0, -np.linalg.eigvalsh(S)[0]) for S in forms])
        gap = p.penalty()[0] + inner + np.sum(kappa**2) / (4 * p.alpha)
        found = gap_at(p, p.objective(), p.outputs, p.offset)[0]
        assert np.isclose(found, gap, rtol=1e-9)
        with pytest.warns(ConvergenceWarning, match="gradient has the norm"):
            better = optimality_gap(model, X, y)
        assert -1e-12 < better < gap


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("options", [{}, {"linear_term": False}, {"penalty_power": 2}, {"linear_alpha": 1e-3}])
def test_no_fit_is_below_a_certified_bound(loss, options):
    # Bounds at poor points and good ones, against the best of several fits of the same net.
    model, X, y = problem(2, loss, alpha=5e-3, **options)
    bounds, values = [], []
    for seed in range(3):
        other = TaylorRegressor if loss in ("squared", "two columns") else TaylorClassifier
        with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
            fit = other(**(model.get_params() | {"max_iter": 20 * 5**seed})).fit(X, y)
            gap = optimality_gap(fit, X, y)
        value = by_hand(fit, X, y)
        values.append(value)
        bounds.append(value - gap)
        assert gap > -1e-12 * value
    assert max(bounds) <= min(values) * (1 + 1e-12)


def test_a_linear_part_without_penalty_is_certified_for_squares_alone():
    for n, d in ((60, 5), (10, 30)):
        model, X, y = problem(11, n=n, d=d, linear_alpha=0.0)
        with pytest.warns(ConvergenceWarning):
            assert 0 <= optimality_gap(model, X, y) < 10
    model, X, y = problem(11, "logistic", linear_alpha=0.0)
    with pytest.warns(ConvergenceWarning):
        assert optimality_gap(model, X, y) == np.inf


def test_weights_are_rows_repeated():
    model, X, y = problem(3)
    weight = np.random.default_rng(3).integers(0, 4, len(X))
    again = np.repeat(np.arange(len(X)), weight)
    with pytest.warns(ConvergenceWarning):
        found, wanted = optimality_gap(model, X, y, weight), optimality_gap(model, X[again], y[again])
    assert np.isclose(found, wanted, rtol=1e-9)
    assert np.isclose(gradient_norm(model, X, y, 3.0 * weight), gradient_norm(model, X[again], y[again]), rtol=1e-9)
    one = min_hessian_eigenvalue(model, X, y, weight)
    assert np.isclose(one.value, min_hessian_eigenvalue(model, X[again], y[again]).value, rtol=1e-7)


CASES = [
    *((loss, 2, "softplus", linear, 1) for loss in LOSSES for linear in (True, False)),
    ("squared", 1, "tanh", True, 1),
    ("logistic", 3, "cubic", True, 1),
    ("softmax", 4, "softplus", True, 1),
    ("squared", (1, 2), "softplus", True, 1),
    ("squared", (2, 3), "relu3", False, 2),
    ("squared", 2, "relu3", True, 3),
]


@pytest.mark.parametrize(("loss", "order", "activation", "linear", "power"), CASES)
def test_hessian_products_are_differences_of_gradients(loss, order, activation, linear, power):
    options = {"order": order, "activation": activation, "linear_term": linear, "penalty_power": power}
    model, X, y = problem(4, loss, alpha=0.05, **options)
    p = TaylorProblem.of(model, X, y, None, "It")
    hessian, rng = Hessian(p), np.random.default_rng(4)
    for _ in range(3):
        u, v = rng.standard_normal((2, hessian.count))

        def gradient(t, v=v):
            changes = {"W": p.W + t * hessian.parts(v)[0]}
            if linear:
                beta, b = hessian.linear_part(v)
                changes |= {"beta": p.beta + t * beta, "b": p.b + t * b}
            return TaylorProblem(**({name: getattr(p, name) for name in p.__dataclass_fields__} | changes)).gradient()

        def along(parts, u=u):
            return sum(
                np.sum(a * b) for a, b in zip(parts, (hessian.parts(u)[0], *hessian.linear_part(u)), strict=False)
            )

        h = 1e-5
        wanted = (along(gradient(h)) - along(gradient(-h))) / (2 * h)
        scale = np.linalg.norm(u) * np.linalg.norm(hessian(v))
        assert abs(u @ hessian(v) - wanted) < 1e-7 * scale


@pytest.mark.parametrize("linear", [True, False])
def test_lanczos_finds_the_smallest_eigenvalue(linear, monkeypatch):
    model, X, y = problem(5, width=12, linear_term=linear)
    dense = min_hessian_eigenvalue(model, X, y)
    monkeypatch.setattr("widelearn.diagnostics.curvatures.FORMED", 0)
    monkeypatch.setattr("widelearn.diagnostics.curvatures.PRECISION", 1e-9)
    found = min_hessian_eigenvalue(model, X, y)
    assert abs(found.value - dense.value) < 1e-8 * dense.largest
    assert abs(found.largest - dense.largest) < 0.02 * dense.largest
    assert abs(abs(np.sum(found.direction * dense.direction)) - np.sum(dense.direction**2)) < 1e-6


def test_a_saddle_is_told_with_its_direction():
    # At W = 0 the Hessian is one block 2 S_r a neuron: the most negative of all gives value and direction.
    model, X, y = problem(6, n=200, d=12, width=64, linear_term=False)
    saddle = moved(model, np.zeros_like(model.W_))
    p = TaylorProblem.of(saddle, X, y, None, "It")
    r, U = (p.offset - p.Y)[:, 0] / len(X), p.X @ model.W0_.T
    A = expit(U) * expit(-U) / model.activation_scale_ * model.a_
    forms = [np.linalg.eigh((p.X * (A[:, k] * r)[:, None]).T @ p.X) for k in range(64)]
    worst = min(range(64), key=lambda k: forms[k][0][0])
    value, direction = min_hessian_eigenvalue(saddle, X, y)
    wanted = np.zeros_like(model.W_)
    wanted[worst] = forms[worst][1][:, 0]
    assert np.isclose(value, forms[worst][0][0], rtol=1e-8)
    assert value < 0
    assert min(np.abs(direction - sign * wanted).max() for sign in (1, -1)) < 1e-3
    assert gradient_norm(saddle, X, y) < 1e-12


def test_the_curvature_identity_is_a_mean_over_all_signs():
    for loss in ("squared", "logistic", "softmax"):
        model, X, y = problem(7, loss)
        p, rng = TaylorProblem.of(model, X, y, None, "It"), np.random.default_rng(7)
        other = rng.standard_normal(p.W.shape) / 2
        hessian = Hessian(p)
        drawn = (np.array(signs)[:, None] * other for signs in product((-1.0, 1.0), repeat=8))
        total = np.mean([np.sum(V * hessian.loss_product(V)) for V in drawn])
        found = curvature_identity(model, X, y, other)
        assert np.isclose(found.curvature, total, rtol=1e-9)
        assert found.width > 0
        assert abs(found.sampled - total) < 5 * found.sampled_error


def test_minima_of_wide_nets_are_certified():
    rng = np.random.default_rng(8)
    X = rng.choice([-1.0, 1.0], (200, 10))
    y = X[:, 0] * X[:, 1] + 0.1 * rng.standard_normal(200)
    shares = []
    for seed in range(4):
        options = {"width": 64, "tol": 1e-12, "max_iter": 5000, "init": "random", "random_state": seed}
        model = TaylorRegressor(**options).fit(X, y)
        shares.append(optimality_gap(model, X, y) / model.loss_curve_[-1])
        if seed < 2:
            found = min_hessian_eigenvalue(model, X, y)
            assert found.value >= -1e-6 * found.largest
    assert max(shares) < 1e-3
    assert np.median(shares) < 1e-6
    assert min(shares) > -1e-10


def test_wrong_calls_are_refused():
    model, X, y = problem(9)
    cubic, _, _ = problem(9, order=3, activation="cubic")
    real, free = problem(9, mode="marginal")[0], problem(9, alpha=0.0)[0]
    wrong = [
        (lambda: optimality_gap(cubic, X, y), ValueError, "order=3"),
        (lambda: optimality_gap(real, X, y), ValueError, "mode='marginal'"),
        (lambda: min_hessian_eigenvalue(real, X, y), ValueError, "mode='marginal'"),
        (lambda: optimality_gap(free, X, y), ValueError, "alpha must be above 0"),
        (lambda: optimality_gap(TaylorRegressor(), X, y), TypeError, "has no W_"),
        (lambda: gradient_norm(model, X[:, :2], y), ValueError, "must be"),
        (lambda: gradient_norm(model, X, y[:5]), ValueError, "has the shape"),
        (lambda: gradient_norm(model, X, y * np.nan), ValueError, "finite"),
        (lambda: gradient_norm(model, X * np.inf, y), ValueError, "finite"),
        (lambda: gradient_norm(model, X, y, -np.ones(len(X))), ValueError, "sample_weight"),
        (lambda: curvature_identity(model, X, y, np.ones((2, 2))), ValueError, "movement must be"),
        (lambda: curvature_identity(model, X, y, model.W_, draws=1), ValueError, "draws must be"),
    ]
    for call, error, match in wrong:
        with pytest.raises(error, match=match):
            call()
