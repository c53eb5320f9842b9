"""The choice between a factor and iterations: by what both cost, early, and by the data alone."""

import numpy as np
import pytest

from widelearn import KernelRidge
from widelearn.kernels import NTK, RBF
from widelearn.ridge import preconditioner
from widelearn.ridge.operators import Dense
from widelearn.ridge.preconditioner import leading, worth_it


def matrix(n, d, dtype="float64", kernel=None):
    X = np.random.default_rng(0).standard_normal((n, d)).astype(dtype)
    return Dense((kernel or RBF(1 / d))(X))


def chosen(A, alpha, seed=0):
    return worth_it(A, np.full(2, alpha), 5e-9, 1000, np.random.RandomState(seed))


@pytest.fixture
def ranks(monkeypatch):
    """The ranks at which the search has looked."""
    seen = []
    look = preconditioner.Rule.__call__

    def looked(self, k, *rest):
        seen.append(k)
        return look(self, k, *rest)

    monkeypatch.setattr(preconditioner.Rule, "__call__", looked)
    return seen


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kernel", [None, NTK()])
def test_matrices_of_fast_decay_are_iterated_on(kernel, dtype):
    found = chosen(matrix(2500, 3, dtype, kernel), 1.0)
    assert found is not None
    assert found.foreseen < 20


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("d", "alpha"), [(20, 1e-2), (100, 1e-2), (20, 1e-4)])
def test_matrices_of_slow_decay_are_given_up_at_the_first_look(d, alpha, dtype, ranks):
    """One block of pivots is all that a search in vain costs: less than a tenth of the factor."""
    assert chosen(matrix(2500, d, dtype), alpha) is None
    assert len(ranks) == 2
    assert ranks[-1] <= preconditioner.PROPOSED


def test_the_choice_follows_the_rates(monkeypatch):
    """A machine whose products with a matrix are dearer factors it, and one whose factors are dearer iterates."""
    A = matrix(2500, 3)
    assert chosen(A, 1.0) is not None
    with monkeypatch.context() as rates:
        rates.setattr(preconditioner, "KEPT_ENTRY", 40 * preconditioner.KEPT_ENTRY)
        assert chosen(A, 1.0) is None
    B = matrix(2500, 20)
    assert chosen(B, 1e-2) is None
    with monkeypatch.context() as rates:
        rates.setattr(preconditioner, "DIRECT_DOUBLE", 1e3 * preconditioner.DIRECT_DOUBLE)
        assert chosen(B, 1e-2) is not None


def test_iterations_pay_sooner_where_a_factor_in_single_precision_is_none():
    rule = preconditioner.Rule(matrix(300, 5), np.ones(1), 1e-8, 100, among=True)
    assert rule.direct(1e-7, 0.0) == 2 * rule.direct(1.0, 0.0)
    single = preconditioner.Rule(matrix(300, 5, "float32"), np.ones(1), 1e-8, 100, among=True)
    assert single.direct(1e-4, 0.0) == 2.5 * single.direct(1.0, 0.0)
    # What no factor explains beside the penalty keeps the digits.
    assert single.direct(1e-4, 1.0) == single.direct(1.0, 0.0)


def test_the_choice_is_one_of_the_data_alone():
    A = matrix(2500, 5)
    one, other = chosen(A, 0.1), chosen(A, 0.1)
    np.testing.assert_array_equal(one.pivots, other.pivots)


@pytest.mark.parametrize("n", [1, 2, 50])
def test_the_leading_eigenvalue_is_within_a_few_percent(n, rng):
    Z = rng.standard_normal((n, 60)) * np.linspace(1, 3, 60)
    M = Z @ Z.T
    exact = np.linalg.eigvalsh(M)[-1]
    assert 0.9 * exact <= leading(M) <= exact * (1 + 1e-12)
    assert leading(np.zeros((n, n))) == 0.0


@pytest.mark.parametrize(("d", "alpha", "solver"), [(3, 1.0, "pcg"), (20, 1e-2, "cholesky")])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_either_choice_is_the_same_model(d, alpha, solver, dtype, rng):
    X = rng.standard_normal((2500, d)).astype(dtype)
    y = np.sin(X[:, 0]) + X[:, 1] * X[:, 2]
    found = KernelRidge(RBF(1 / d), alpha).fit(X, y)
    assert found.solver_ == solver
    for other in ("pcg", "cholesky"):
        wanted = KernelRidge(RBF(1 / d), alpha, solver=other).fit(X, y).predict(X[:200])
        np.testing.assert_allclose(found.predict(X[:200]), wanted, atol=1e-6 if dtype == "float64" else 1e-4)
