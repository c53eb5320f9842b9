"""Inner products of sparse rows, preconditioned by their heaviest columns."""

import numpy as np
import pytest
from scipy import sparse

from widelearn.ridge.centred_rows import CentredRows, summed_squares
from widelearn.ridge.heavy_columns import alike, dual_coefficients, heaviest, preconditioner
from widelearn.ridge.sparse_rows import ENOUGH, SparseProblem


def words(rng: np.random.Generator, n: int, p: int, each: int = 20) -> sparse.csr_matrix:
    """Draw rows of a few words each, rare ones and common ones."""
    places = (p * rng.random((n, each)) ** 3).astype(int)
    X = sparse.csr_matrix((rng.random(places.size), places.ravel(), np.arange(n + 1) * each), (n, p))
    X.sum_duplicates()
    return X


def problem(rng: np.random.Generator, n: int, p: int) -> tuple[CentredRows, np.ndarray, np.ndarray]:
    """Return weighted rows about their mean, the same made dense, and the sums of squares of its columns."""
    X, weight = words(rng, n, p), rng.random(n)
    mean, root = X.T @ weight / weight.sum(), np.sqrt(weight)
    A = (X.toarray() - mean) * root[:, None]
    return CentredRows(X, mean, root), A, (A**2).sum(axis=0)


@pytest.mark.parametrize("seed", range(4))
def test_products_are_those_of_the_dense_matrix(seed):
    rng = np.random.default_rng(seed)
    rows, A, squares = problem(rng, 60, 150)
    C, R = rng.standard_normal((150, 3)), rng.standard_normal((60, 3))
    # Sums of 150 terms below 100: 150 eps 100.
    close = {"rtol": 0, "atol": 3e-12}
    np.testing.assert_allclose(rows.times(C), A @ C, **close)
    np.testing.assert_allclose(rows.turned(R), A.T @ R, **close)
    np.testing.assert_allclose(rows.inner(R), A @ (A.T @ R), **close)
    np.testing.assert_allclose(rows.gram(), A.T @ A, **close)
    places = np.sort(rng.choice(150, 9, replace=False))
    np.testing.assert_allclose(rows.columns(places).gram(), A[:, places].T @ A[:, places], **close)
    weight = rows.root**2
    np.testing.assert_allclose(summed_squares(rows.X, weight) - weight.sum() * rows.mean**2, squares, **close)


@pytest.mark.parametrize(("stored_pair", "pairs", "dense"), [(1e-9, 400, 1), (1e-9, 1 << 25, 1), (1e9, 1, 5000)])
def test_products_of_columns_are_taken_in_parts(stored_pair, pairs, dense, monkeypatch):
    for name, value in (("STORED_PAIR", stored_pair), ("PAIRS", pairs), ("DENSE", dense)):
        monkeypatch.setattr(f"widelearn.ridge.centred_rows.{name}", value)
    rows, A, _ = problem(np.random.default_rng(5), 130, 60)
    before = rows.X.data.copy()
    np.testing.assert_allclose(rows.gram(), A.T @ A, rtol=0, atol=3e-12)
    np.testing.assert_array_equal(rows.X.data, before)


def test_the_preconditioner_inverts_what_it_says():
    rows, A, squares = problem(np.random.default_rng(0), 300, 500)
    alpha = 0.1
    places = heaviest(squares, 300, alpha)
    assert 5 < len(places) <= 75
    rest = alpha + (squares.sum() - squares[places].sum()) / 300
    assert squares[places].min() > rest
    H = A[:, places]
    R = np.random.default_rng(1).standard_normal((300, 2))
    found = preconditioner(rows, squares, alpha)(R)
    np.testing.assert_allclose(H @ (H.T @ found) + rest * found, R, atol=1e-11)


def test_columns_of_like_weight_precondition_nothing():
    assert len(heaviest(np.ones(500), 100, 1.0)) == 0
    assert len(heaviest(np.ones(500), 2, 1.0)) == 0
    R = np.ones((3, 2))
    X = sparse.csr_matrix(np.eye(3))
    copy = preconditioner(CentredRows(X, np.zeros(3), np.ones(3)), np.ones(3), 1.0)(R)
    assert copy is not R
    np.testing.assert_array_equal(copy, R)


def test_penalties_far_apart_do_not_share_a_preconditioner():
    groups = alike(np.array([1.0, 100.0, 2.0, 8.0, 9.0, 1e4]))
    assert [list(group) for group in groups] == [[0, 2, 3], [4], [1], [5]]


@pytest.mark.parametrize("alphas", [(1.0, 1.0), (1e-2, 1e4), (0.1, 0.5)])
def test_coefficients_solve_the_system(alphas):
    rng = np.random.default_rng(2)
    rows, A, squares = problem(rng, 200, 800)
    Y, alpha = rng.standard_normal((200, 2)), np.array(alphas)
    Y -= np.outer(rows.root, rows.root @ Y) / (rows.root @ rows.root)
    size = np.linalg.norm(Y, axis=0)
    D, count = dual_coefficients(rows, squares, Y, alpha, 1e-10 * size, 500)
    left = Y - A @ (A.T @ D) - alpha * D
    assert (np.linalg.norm(left, axis=0) <= 1e-10 * size).all()
    assert 0 < count < 500


def test_heavy_columns_halve_the_iterations(monkeypatch):
    rng = np.random.default_rng(3)
    X, y = words(rng, 1500, 20_000, 100), rng.standard_normal((1500, 1))
    found = SparseProblem(X, None, fit_intercept=True).solve(y, np.ones(1))
    monkeypatch.setattr("widelearn.ridge.heavy_columns.MOST_COLUMNS", 0)
    plain = SparseProblem(X, None, fit_intercept=True).solve(y, np.ones(1))
    assert found.error <= ENOUGH
    assert found.n_iter <= plain.n_iter / 2
    np.testing.assert_allclose(found.coef, plain.coef, atol=1e-9)


def test_what_rounding_leaves_of_rows_coefficients_columns_make_up(monkeypatch):
    rng = np.random.default_rng(4)
    X, y = words(rng, 100, 400), rng.standard_normal((200, 1))
    # Each row twice, with other targets: coefficients of their difference are of order 1, and products of 1e8 times
    # that round to more than is enough.
    twice = sparse.csr_matrix(sparse.vstack([X, X])) * 1e4
    turns = []
    iterated = SparseProblem._iterated
    monkeypatch.setattr(SparseProblem, "_iterated", lambda *arguments: turns.append(1) or iterated(*arguments))
    found = SparseProblem(twice, None, fit_intercept=True).solve(y, np.ones(1), 5000)
    assert turns
    assert found.error <= ENOUGH
    np.testing.assert_allclose((twice @ found.coef + found.intercept)[:100], (y[:100] + y[100:]) / 2, rtol=0, atol=1e-5)
