"""Factors in float32 of systems in float64: the solution of a factor in float64, or no use of them."""

import numpy as np
import pytest

from widelearn import KernelRidge, _core, ridge
from widelearn.kernels import RBF
from widelearn.ridge import equilibrated


@pytest.fixture
def used(monkeypatch):
    """What the factors in float32 have answered; rows need not be many."""
    answers = []
    solve = _core.mixed_solve

    def mixed_solve(*given):
        answers.append(solve(*given))
        return answers[-1]

    monkeypatch.setattr(equilibrated._core, "mixed_solve", mixed_solve)
    monkeypatch.setattr(equilibrated, "MIXED_ROWS", 1)
    return answers


def doubles_alone(monkeypatch, fit):
    with monkeypatch.context() as inner:
        inner.setattr(equilibrated, "MIXED_ROWS", 10**9)
        return fit()


@pytest.mark.parametrize("scale", [1e-200, 1.0, 1e180])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("share", [1e-4, 1e-2, 1.0])
def test_the_solution_is_that_of_a_factor_in_doubles(share, weighted, scale, rng, used, monkeypatch):
    X, weight = rng.standard_normal((400, 3)), rng.uniform(0.1, 5.0, 400) if weighted else None
    y, K = np.sin(X) @ rng.standard_normal((3, 2)) + 50.0, scale * RBF(0.4)(X)

    def fit():
        return ridge.solve(K, y, scale * share, kind="kernel", sample_weight=weight)

    found, wanted = fit(), doubles_alone(monkeypatch, fit)
    assert used[0] is not None
    # The fits, which the system determines, and how well they solve it.
    np.testing.assert_allclose(K @ found, K @ wanted, rtol=0, atol=1e-11 * np.abs(y).max())
    penalty = scale * share / (np.ones(400) if weight is None else weight)[:, None]
    left, least = (np.linalg.norm(y - K @ coef - penalty * coef) for coef in (found, wanted))
    assert left <= 10 * least + 1e-13 * np.linalg.norm(y)


def test_models_are_those_of_doubles(rng, used, monkeypatch):
    X = rng.standard_normal((300, 4))
    y = np.sin(X[:, 0]) + 100.0

    def fit():
        return KernelRidge(RBF(0.3), 1e-2).fit(X, y)

    found, wanted = fit(), doubles_alone(monkeypatch, fit)
    assert used[0] is not None
    assert found.solver_ == "cholesky"
    assert found.residual_ < 1e-14
    np.testing.assert_allclose(found.predict(X), wanted.predict(X), rtol=1e-12)
    np.testing.assert_allclose(found.intercept_, wanted.intercept_, rtol=1e-11)
    many = len(used)
    np.testing.assert_array_equal(*(one.predict(X, return_std=True)[1] for one in (found, wanted)))
    assert found.log_marginal_likelihood() == pytest.approx(wanted.log_marginal_likelihood(), rel=1e-9)
    assert len(used) == many


@pytest.mark.parametrize("alpha", [0.0, 1e-9])
def test_penalties_below_the_digits_of_floats_are_not_tried(alpha, rng, used):
    X = rng.standard_normal((300, 40))
    ridge.solve(RBF(0.3)(X) + 1e-3 * np.eye(300), X[:, 0], alpha, kind="kernel")
    assert used == []


def test_what_floats_cannot_factor_doubles_do(rng, used, monkeypatch):
    """An indefinite matrix passes the test of its diagonal."""
    K = rng.standard_normal((200, 200))
    K, y = K @ K.T / 200 - 0.3 * np.eye(200) + 1.0, rng.standard_normal(200)

    def fit():
        return ridge.solve(K, y, 0.2, kind="kernel")

    with pytest.warns(Warning, match="indefinite"):
        found = fit()
    assert used == [None]
    with pytest.warns(Warning, match="indefinite"):
        np.testing.assert_array_equal(found, doubles_alone(monkeypatch, fit))


def test_left_out_errors_that_are_kept_take_a_factor_in_doubles(rng, used):
    X = rng.standard_normal((200, 3))
    KernelRidge(RBF(0.3), 0.1, store_loo=True).fit(X, X[:, 0])
    assert used == []
