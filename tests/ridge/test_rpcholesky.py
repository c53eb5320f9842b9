"""Randomly pivoted Cholesky: its law, its factor, and what singular kernels do to it."""

import itertools

import numpy as np
import pytest
from scipy.linalg import LinAlgWarning

from reference import nystrom
from widelearn import NystromFeatures, _core
from widelearn.kernels import RBF, Linear
from widelearn.ridge import rp_cholesky

EPS = np.finfo(float).eps


def one_by_one(A, rank, rng):
    """Randomly pivoted Cholesky as it is defined: one pivot a step, from the whole residual."""
    residual, pivots = A.copy(), []
    for _ in range(rank):
        u = residual.diagonal().clip(min=0)
        pivot = rng.choice(len(A), p=u / u.sum())
        residual -= np.outer(residual[:, pivot], residual[pivot]) / residual[pivot, pivot]
        pivots.append(pivot)
    return pivots, residual


def smooth(rng, n=300, d=3, gamma=0.2):
    X = rng.standard_normal((n, d))
    return X, RBF(gamma=gamma)(X)


# The factor.


@pytest.mark.parametrize("block", [1, 7, 64, None])
def test_factor_is_cholesky_at_its_pivots(block, rng):
    _, K = smooth(rng)
    pivots, F = rp_cholesky(K, 40, random_state=1, block=block)
    assert len(set(pivots)) == 40
    assert F.shape == (300, 40)
    top = F[pivots]
    np.testing.assert_array_equal(top, np.tril(top))
    assert (top.diagonal() > 0).all()
    # Entries of K are exact to a few ε and pivots are above 64 ε: 300 ε / sqrt(64 ε) is 3e-7 at the worst.
    wanted = nystrom(K[:, pivots], K[np.ix_(pivots, pivots)], K[pivots])
    np.testing.assert_allclose(F @ F.T, wanted, rtol=0, atol=3e-7)
    np.testing.assert_allclose((F @ F.T)[pivots], K[pivots], rtol=0, atol=100 * EPS)


def test_the_law_is_that_of_one_pivot_a_step(rng):
    A = np.array([[3.0, 1.0, 0.5, 0.0], [1.0, 2.0, 1.9, 0.2], [0.5, 1.9, 2.0, 0.1], [0.0, 0.2, 0.1, 0.5]])
    # The probability of every ordered choice of two, from the definition.
    wanted = {}
    for i, j in itertools.permutations(range(4), 2):
        rest = A - np.outer(A[:, i], A[i]) / A[i, i]
        wanted[i, j] = A[i, i] / np.trace(A) * rest[j, j] / np.trace(rest)
    assert sum(wanted.values()) == pytest.approx(1, abs=1e-12)
    turns, state = 6000, np.random.RandomState(0)
    # A block of three proposals mostly holds both pivots: duplicates and neighbours must be rejected.
    seen = [tuple(rp_cholesky(A, 2, random_state=state, block=3)[0]) for _ in range(turns)]
    for pair, p in wanted.items():
        # Twelve choices within 4.5 standard errors: all of them fail together once in 10^4 runs, and the seed is fixed.
        assert abs(seen.count(pair) / turns - p) < 4.5 * np.sqrt(p * (1 - p) / turns), pair


def test_errors_are_those_of_one_pivot_a_step(rng):
    _, K = smooth(rng, n=120)
    turns, rank = 60, 12
    ours, theirs = (np.empty(turns) for _ in range(2))
    for turn in range(turns):
        ours[turn] = np.trace(K) - (rp_cholesky(K, rank, random_state=turn)[1] ** 2).sum()
        theirs[turn] = np.trace(one_by_one(K, rank, np.random.default_rng(turn))[1])
    spread = np.sqrt((ours.var() + theirs.var()) / turns)
    assert abs(ours.mean() - theirs.mean()) < 4.5 * spread
    values = np.linalg.eigvalsh(K)[::-1]
    # No factor of rank 12 has a smaller error than the eigenvectors (Eckart & Young); some twelve columns have at most
    # thirteen times theirs, and columns of this law should be far better: a fifth of that.
    assert ours.min() > values[rank:].sum()
    assert ours.mean() < 13 / 5 * values[rank:].sum()


def test_the_error_falls_and_beats_uniform_centres(rng):
    X, K = smooth(rng, n=400)
    X[:20] += 6.0
    K = RBF(gamma=0.2)(X)
    errors = [400 - (rp_cholesky(K, rank, random_state=3)[1] ** 2).sum() for rank in (5, 10, 20, 40, 80)]
    assert all(later < earlier for earlier, later in itertools.pairwise(errors))
    uniform = [400 - (NystromFeatures(RBF(0.2), 20, "uniform", s).fit_transform(X) ** 2).sum() for s in range(10)]
    assert errors[2] < np.mean(uniform)


def test_operators_matrices_and_seeds(rng):
    X, K = smooth(rng)
    operator = RBF(gamma=0.2).operator(X)

    class Plain:
        shape, dtype = operator.shape, operator.dtype
        diag, columns = operator.diag, operator.columns

    wanted = rp_cholesky(operator, 25, random_state=4)
    for other in (operator, K, np.asfortranarray(K), Plain()):
        pivots, F = rp_cholesky(other, 25, random_state=4)
        np.testing.assert_array_equal(pivots, wanted[0])
        np.testing.assert_allclose(F, wanted[1], rtol=0, atol=1e-10)
    assert list(rp_cholesky(K, 25, random_state=5)[0]) != list(wanted[0])
    state = np.random.RandomState(4)
    np.testing.assert_array_equal(rp_cholesky(K, 25, random_state=state)[0], wanted[0])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("n", "w", "at"), [(1, 1, 0), (97, 5, 0), (300, 33, 20), (1000, 192, 64)])
def test_new_columns_are_those_of_numpy(n, w, at, dtype, rng, threads):
    first, last = rng.standard_normal((n, 40)).astype(dtype), rng.standard_normal((n, at + w + 3)).astype(dtype)
    chosen, fresh = rng.integers(n, size=w), rng.standard_normal((n, w)).astype(dtype)
    L = np.tril(rng.standard_normal((w, w)) / w + 2 * np.eye(w)).astype(dtype)
    F = np.hstack([first, last[:, :at]]).astype(np.float64)
    wanted = np.linalg.solve(L.astype(np.float64), (fresh - F @ F[chosen].T).T).T
    results = []
    for count in (1, 2):
        threads(count)
        panel, u = last.copy(), np.full(n, 9.0)
        _core.extend_factor([first, panel], at, fresh, chosen, L, u)
        eps = np.finfo(dtype).eps
        np.testing.assert_allclose(panel[:, at : at + w], wanted, rtol=0, atol=60 * eps * np.abs(wanted).max())
        np.testing.assert_array_equal(panel[:, :at], last[:, :at])
        np.testing.assert_array_equal(panel[:, at + w :], last[:, at + w :])
        np.testing.assert_allclose(u, 9 - (wanted**2).sum(axis=1), rtol=0, atol=100 * eps * (wanted**2).sum())
        results.append(panel)
    np.testing.assert_array_equal(*results)


def test_columns_that_do_not_fit_are_refused():
    panel, fresh, L, u = np.zeros((5, 3)), np.zeros((5, 2)), np.eye(2), np.zeros(5)
    rows = np.array([0, 1])
    for at, chosen, new in ((2, rows, fresh), (0, np.array([0, 5]), fresh), (0, rows, fresh[:4]), (0, rows[:1], fresh)):
        with pytest.raises(ValueError, match=r"fit|none of 5|expected|elements"):
            _core.extend_factor([panel], at, new, chosen, L, u)
    with pytest.raises(ValueError, match="no panel"):
        _core.extend_factor([], 0, fresh, rows, L, u)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_duplicates_zero_rows_and_low_rank(dtype, rng):
    X = rng.standard_normal((60, 4)).astype(dtype)
    X[30:40] = X[:10]
    X[50:] = 0
    pivots, F = rp_cholesky(Linear().operator(X), 20, random_state=0)
    assert F.dtype == np.float64
    assert len(pivots) == 4
    assert not set(pivots) & set(range(50, 60))
    # Rounding errors of the kernel, 4 products each, over pivots of order one.
    np.testing.assert_allclose(F @ F.T, Linear()(X), rtol=0, atol=200 * np.finfo(dtype).eps)
    pivots, F = rp_cholesky(RBF(gamma=1.0).operator(X), 60, random_state=0)
    # 60 rows less ten copies less nine of the ten zero rows.
    assert len(pivots) == 41
    np.testing.assert_allclose(F @ F.T, RBF(gamma=1.0)(X), rtol=0, atol=1e-4 if dtype == np.float32 else 1e-10)


def test_full_rank_is_cholesky(rng):
    A = rng.standard_normal((50, 60))
    A = A @ A.T
    for rank in (50, 51, 1000):
        pivots, F = rp_cholesky(A, rank, random_state=0)
        assert sorted(pivots) == list(range(50))
        np.testing.assert_allclose(F @ F.T, A, rtol=0, atol=1e-12 * np.abs(A).max())
    pivots, F = rp_cholesky(np.zeros((5, 5)), 3, random_state=0)
    assert len(pivots) == 0
    assert F.shape == (5, 0)
    pivots, F = rp_cholesky(np.array([[4]]), 3, random_state=0)
    assert F == [[2.0]]


def test_single_precision_stays_sane(rng):
    X = rng.standard_normal((500, 2)).astype(np.float32)
    K = RBF(gamma=0.05)(X.astype(float))
    pivots, F = rp_cholesky(RBF(gamma=0.05).operator(X), 200, random_state=0)
    assert 10 < len(pivots) < 100
    # Σ u below 64 ε of the trace at the end, and twice an entry's error over the root of that before it.
    assert np.abs(F @ F.T - K).max() < 5e-3
    assert np.trace(K) - (F**2).sum() < 1e-3 * np.trace(K)


def test_factor_errors(rng):
    with pytest.raises(ValueError, match=r"square, got shape \(3, 4\)"):
        rp_cholesky(np.ones((3, 4)), 2)
    with pytest.raises(ValueError, match="got 0 and None"):
        rp_cholesky(np.eye(3), 0)
    with pytest.raises(ValueError, match="got 1 and 0"):
        rp_cholesky(np.eye(3), 1, block=0)
    with pytest.warns(LinAlgWarning, match=r"at most -1\. Take"):
        np.testing.assert_array_equal(rp_cholesky(np.diag([1.0, -1.0]), 2)[0], [0])
    with pytest.raises(ValueError, match="entry of row 0 is nan"):
        rp_cholesky(np.diag([np.nan, 1.0]), 1)
    A = np.array([[1.0, 3.0], [3.0, 1.0]])
    with pytest.warns(LinAlgWarning, match=r"not positive semidefinite: beside 1 pivots .* at most -8"):
        _, F = rp_cholesky(A, 2, random_state=0)
    assert F.shape == (2, 1)
