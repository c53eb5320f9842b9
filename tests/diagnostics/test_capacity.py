"""Complexities, bounds, explicit solutions and recovered directions against suprema and limits found otherwise."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit

from widelearn import TaylorClassifier, TaylorRegressor
from widelearn.datasets import hypercube, sphere
from widelearn.diagnostics import (
    PolynomialTarget,
    directions,
    explicit_solution,
    generalization_bound,
    gradient_norm,
    min_hessian_eigenvalue,
    movement_norm,
    operator_norm_ratio,
    optimality_gap,
    rademacher,
    sample_complexity,
)
from widelearn.diagnostics.lifted_forms import neuron_forms
from widelearn.diagnostics.taylor_problem import derivative
from widelearn.nets import Expansion
from widelearn.theory import hermite_coefficients


def fitted(n=60, d=4, width=6, seed=0, **options):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d))
    options = {"width": width, "tol": 1e-3, "random_state": seed} | options
    return TaylorRegressor(**options).fit(X, X[:, 0] * X[:, 1]), X


def test_derivatives_are_the_core_s():
    net = Expansion(np.ones((1, 1)), np.ones((1, 1)), "softplus", (2,))
    U = np.random.default_rng(0).standard_normal((7, 3))
    s = expit(U)
    for order, wanted in ((1, s), (2, s * (1 - s)), (3, s * (1 - s) * (1 - 2 * s))):
        assert np.allclose(derivative(net, U, order), wanted, rtol=1e-13)


@pytest.mark.parametrize("twins", [True, False])
@pytest.mark.parametrize("c", [1, 3])
def test_forms_of_neurons_are_those_written_out(twins, c, monkeypatch):
    monkeypatch.setattr("widelearn.diagnostics.lifted_forms.VALUES", 4000)
    monkeypatch.setattr("widelearn.diagnostics.lifted_forms.LIFTED", 5 if c == 1 else 4)
    rng = np.random.default_rng(c)
    X, W0, a = rng.standard_normal((1100, 5)), rng.standard_normal((4, 5)), rng.standard_normal((4, c))
    if twins:
        W0, a = np.tile(W0, (2, 1)), np.vstack([a, -a])
    u = rng.standard_normal((1100, c))
    found = neuron_forms(Expansion(W0, a, "softplus", (2,)), X, u)
    s = expit(X @ W0.T)
    weights = s * (1 - s) * (u @ a.T) / 2
    forms = [(X * weights[:, [r]]).T @ X for r in range(len(W0))]
    values = np.array([np.linalg.eigvalsh(S)[[0, -1]] for S in forms])
    scale = np.abs(values).max()
    assert np.abs(found.smallest - values[:, 0]).max() < 1e-12 * scale
    assert np.abs(found.largest - values[:, 1]).max() < 1e-12 * scale
    assert np.allclose(found.square, [np.sum(S**2) for S in forms], rtol=1e-12)


def test_complexities_are_suprema():
    model, X = fitted(n=30, d=3, width=4)
    found = rademacher(model, X, radius=1.3, tangent_radius=0.7, draws=2, random_state=5)
    rng, x = np.random.default_rng(5), X / model.x_scale_
    s = expit(x @ model.W0_.T)
    size = model.activation_scale_
    best = np.zeros((2, 3))
    for row in best:
        xi = rng.choice([-1.0, 1.0], (len(X), 1))[:, 0]

        def quadratic(w, xi=xi):
            W = w.reshape(model.W_.shape)
            W = 1.3 * W / np.sum(np.sum(W**2, axis=1) ** 2) ** 0.25
            return -np.mean(xi * (0.5 * (s * (1 - s) / size * (x @ W.T) ** 2) @ model.a_))

        starts = np.random.default_rng(0).standard_normal((8, model.W_.size))
        row[0] = max(-minimize(quadratic, start, method="BFGS").fun for start in starts)
        lifts = np.einsum("i,ir,ij,ik->rjk", xi, s * (1 - s) / size * model.a_ / 2, x, x) / len(X)
        row[1] = 1.3**2 * np.linalg.norm(lifts)
        row[2] = 0.7 * np.linalg.norm(np.einsum("i,ir,ij->rj", xi, s / size * model.a_, x)) / len(X)
    assert np.allclose([found.quadratic, found.lifted, found.tangent], best.mean(axis=0), rtol=1e-4)
    assert found.quadratic < found.quadratic_bound
    assert found.lifted < found.lifted_bound
    assert found.tangent < found.tangent_bound


def test_norms_do_not_overflow_and_are_those_written_out():
    rng = np.random.default_rng(1)
    for scale in (1e-150, 1.0, 1e150):
        X = rng.standard_normal((50, 6)) * scale
        wanted = np.linalg.norm(X / scale, 2) / np.sqrt(50) / np.linalg.norm(X / scale, axis=1).max()
        assert np.isclose(operator_norm_ratio(X), wanted, rtol=1e-12)
    assert operator_norm_ratio(np.zeros((3, 2))) == 0
    model, _ = fitted(order=3, activation="cubic")
    assert np.isclose(movement_norm(model) ** 6, np.sum(np.sum(model.W_**2, axis=1) ** 3))


@pytest.mark.parametrize(("activation", "p"), [("softplus", 2), ("relu3", 2), ("relu3", 3), ("relu3", 4), ("cubic", 3)])
@pytest.mark.parametrize("twins", [True, False])
def test_explicit_solutions_tend_to_their_targets(activation, p, twins):
    d, rng = 6, np.random.default_rng(p)
    beta = sphere(2, d, rng.integers(99)) * rng.uniform(0.5, 2.0) / np.sqrt(d)
    target = PolynomialTarget([1.5, -0.7], beta, [p, p])
    X, errors = sphere(300, d, 1), []
    for m in (4_000, 64_000):
        W0 = rng.standard_normal((m, d)) / np.sqrt(d)
        a = rng.choice([-1.0, 1.0], (m, 1)) / np.sqrt(m)
        if twins:
            W0, a = np.tile(W0[: m // 2], (2, 1)), np.vstack([a[: m // 2], -a[: m // 2]])
        net = Expansion(W0, a, activation, (2,))
        found = explicit_solution(net, target)
        errors.append(np.linalg.norm(net.outputs(X, found.W)[:, 0] - target(X)) / np.linalg.norm(target(X)))
    assert errors[1] < 0.15
    assert errors[1] < errors[0] / 2
    c = hermite_coefficients(activation, p - 2, derivative=2)[p - 2]
    sizes = np.array([1.5, -0.7]) * np.linalg.norm(beta, axis=1) ** p
    assert np.isclose(found.limit**4, 16 * np.sum(sizes**2) * d ** (p - 2) / c**2, rtol=1e-3)
    assert np.isclose(found.norm, found.limit, rtol=0.05)


def test_gains_grow_with_the_dimension():
    for p in (2, 3, 4):
        gains = np.array([sample_complexity(p, d).gain * (1 + np.log(d)) / d for d in (50, 500, 5000)])
        assert np.allclose(gains, gains[0])
        rows = [sample_complexity(p, d) for d in (100, 1000)]
        assert np.isclose(np.log10(rows[1].tangent / rows[0].tangent), p)
        assert abs(np.log10(rows[1].fixed_features / rows[0].fixed_features) - p) < 0.05
    assert sample_complexity(3, 50, activation="softplus").quadratic == np.inf
    assert sample_complexity([(1.0, 2), (0.5, 2)], 50).tangent > 0
    one = PolynomialTarget([2.0], np.eye(50)[:1] * 3, [2])
    assert np.isclose(sample_complexity(one, 50).tangent, sample_complexity([(18.0, 2)], 50).tangent)


def test_directions_are_found_through_noise():
    # n = 10 d, noise of size 0.1: the bounds stood before the figures.
    d, worst = 20, []
    for seed in range(10):
        X = hypercube(10 * d, d, seed)
        y = X[:, 0] * X[:, 1] + 0.1 * np.random.default_rng(seed).standard_normal(len(X))
        model = TaylorRegressor(random_state=seed).fit(X, y)
        worst.append(directions(model, truth=np.eye(d)[:2]).angles.max())
        assert len(directions(model).vectors) == 2
    assert np.median(worst) <= 5
    assert max(worst) <= 6


def test_directions_count_themselves_and_come_in_the_rows_units():
    rng = np.random.default_rng(3)
    scales = 10.0 ** rng.uniform(-1, 1, 10)
    Z = hypercube(600, 10, 3)
    model = TaylorRegressor(whiten=True, random_state=0).fit(Z * scales, Z[:, 0] * Z[:, 1])
    found = directions(model)
    assert found.vectors.shape == (2, 10)
    assert directions(model, truth=np.eye(10)[:2]).angles.max() < 3
    assert found.angles is None
    assert np.all(np.diff(np.abs(found.weights)) <= 0)
    bent, _ = fitted(n=400, d=6, width=64, activation="relu3")
    assert directions(bent, 2, truth=np.eye(6)[:2]).angles.max() < 20
    many = TaylorClassifier(random_state=0).fit(Z, (Z[:, 0] * Z[:, 1] > 0) + 2 * (Z[:, 2] > 0))
    assert directions(many, 2).vectors.shape == (2, 10)


def test_bounds_hold_on_new_rows_and_fall_with_them():
    found = {}
    for n in (1000, 4000):
        X, fresh = hypercube(n, 8, 0), hypercube(4000, 8, 1)
        y, truth = X[:, 0] * X[:, 1], fresh[:, 0] * fresh[:, 1]
        for linear in (True, False):
            model = TaylorRegressor(width=32, linear_term=linear, random_state=0).fit(X, y)
            bound = generalization_bound(model, X, y, draws=4)
            error = np.mean(np.minimum(np.abs(model.predict(fresh) - truth) / model.y_scale_, 1))
            assert error < bound.bound
            assert np.isclose(bound.bound, bound.train + bound.complexity + bound.confidence)
            assert all(source.split(":")[0] in ("derived", "measured") for _, source in bound.constants.values())
            found[n, linear] = bound
    for linear in (True, False):
        assert found[4000, linear].complexity < 0.7 * found[1000, linear].complexity
        assert found[4000, linear].confidence < 0.6 * found[1000, linear].confidence


def test_wrong_calls_are_refused():
    model, X = fitted()
    cubic, _ = fitted(order=3, activation="cubic")
    y, net = X[:, 0] * X[:, 1], Expansion(np.eye(3), np.ones((3, 1)), "softplus", (2,))
    plane = Expansion(np.eye(2), np.ones((2, 1)), "softplus", (2,))
    target, third = PolynomialTarget([1.0], np.eye(3)[:1], [2]), PolynomialTarget([1.0], np.eye(3)[:1], [3])
    wrong = [
        (lambda: rademacher(cubic, X), ValueError, "order=3"),
        (lambda: rademacher(model, X, radius=-1.0), ValueError, "radius must be"),
        (lambda: rademacher(model, X, draws=1), ValueError, "draws must be"),
        (lambda: rademacher(model, X, draws=10**30), ValueError, "draws must be"),
        (lambda: operator_norm_ratio(10**400), ValueError, "float64 can hold"),
        (lambda: explicit_solution(model, target), TypeError, "nets.Expansion"),
        (lambda: sample_complexity([(1e200, 2)], 9), ValueError, "beyond what is computed"),
        (lambda: rademacher(3, X), TypeError, "has no W_"),
        (lambda: optimality_gap(3, X, y), TypeError, "has no W_"),
        (lambda: movement_norm(TaylorRegressor()), TypeError, "has no W_"),
        (lambda: directions(model, 9), ValueError, "n_directions must be"),
        (lambda: directions(model, 1.5), ValueError, "a whole number, got 1.5"),
        (lambda: directions(model, truth=np.eye(3)), ValueError, "truth must be"),
        (lambda: generalization_bound(model, X, y, delta=2.0), ValueError, "delta must be"),
        (lambda: generalization_bound(model, X, y, clip=0.0), ValueError, "clip above 0"),
        (lambda: generalization_bound(fitted(linear_term=False)[0], X[:, :1], y), ValueError, "must be"),
        (lambda: operator_norm_ratio([[np.nan]]), ValueError, "finite"),
        (lambda: PolynomialTarget([1.0], np.eye(3)[:2], [2]), ValueError, "k terms"),
        (lambda: PolynomialTarget([1.0], np.zeros((1, 3)), [2]), ValueError, "no direction 0"),
        (lambda: PolynomialTarget([1.0], np.eye(3)[:1], [1]), ValueError, "A degree must be"),
        (lambda: explicit_solution(net, third), ValueError, "no Hermite coefficient"),
        (lambda: explicit_solution(plane, target), ValueError, "columns"),
        (lambda: sample_complexity(target, 7), ValueError, "3 columns"),
        (lambda: sample_complexity(2, 2), ValueError, "d must be"),
        (lambda: sample_complexity(1, 9), ValueError, "A degree must be"),
        (lambda: sample_complexity([], 9), ValueError, "needs terms"),
        (lambda: sample_complexity(2, 9, tolerance=0.0), ValueError, "tolerance must be"),
    ]
    for call, error, match in wrong:
        with pytest.raises(error, match=match):
            call()


def test_a_derivative_that_is_no_function_asks_for_endless_rows():
    """relu'' is a point mass: its series has coefficients, but E σ''² is infinite, and so is the quadratic bound."""
    for p in (2, 3, 4):
        for activation in ("relu", ("leaky_relu", 0.2)):
            assert sample_complexity(p, 20, activation=activation).quadratic == np.inf
        assert sample_complexity(p, 20, activation="step").tangent == np.inf
    assert sample_complexity(2, 20, activation="relu").tangent < np.inf
    assert sample_complexity(2, 20, activation="relu2").quadratic < np.inf


@pytest.mark.parametrize("whiten", [False, True])
def test_rows_and_targets_of_other_sizes_are_refused_in_words(whiten):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((40, 3))
    y = X[:, 0] * X[:, 1]
    model = TaylorRegressor(width=8, whiten=whiten, random_state=0).fit(X, y)
    for find in (optimality_gap, min_hessian_eigenvalue, gradient_norm, generalization_bound):
        for size in (1e80, 1e200, 1e300):
            with pytest.raises(ValueError, match=r"X has a value .* times as large"):
                find(model, size * X, y)
            with pytest.raises(ValueError, match=r"y has a value .* times as large"):
                find(model, X, size * y)
    with pytest.raises(ValueError, match=r"X has a value .* times as large"):
        rademacher(model, 1e200 * X)
