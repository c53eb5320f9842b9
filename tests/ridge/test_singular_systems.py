"""Systems that are singular or in units far from one: solutions of smallest norm, told where they are a choice."""

import warnings

import numpy as np
import pytest
from scipy.linalg import LinAlgWarning

from widelearn.ridge.dual_path import DualPath
from widelearn.ridge.moments import Moments
from widelearn.ridge.preconditioner import LARGER, Preconditioner
from widelearn.ridge.primal_systems import PrimalSolver
from widelearn.ridge.row_passes import RowPasses
from widelearn.ridge.row_spectrum import RowSpectrum
from widelearn.ridge.row_triangle import inverse
from widelearn.ridge.symmetric_systems import solve_symmetric


def close(actual, wanted, tolerance):
    np.testing.assert_allclose(actual, wanted, rtol=0, atol=tolerance * max(np.abs(wanted).max(), 1e-300))


def bordered(A, B, alpha, u):
    """Return the solution of smallest norm with u'x = 0, and offsets, through a basis of what is orthogonal to u."""
    Q = np.linalg.qr(np.column_stack([u, np.eye(len(u))]))[0][:, 1:]
    values, vectors = np.linalg.eigh(Q.T @ A @ Q)
    values = values + alpha
    kept = np.abs(values) > 1e-10 * np.abs(values).max()
    x = Q @ (vectors[:, kept] @ ((vectors[:, kept].T @ (Q.T @ B)) / values[kept, None]))
    return x, u @ (B - A @ x - alpha * x) / (u @ u)


@pytest.mark.parametrize("definite", [True, False])
@pytest.mark.parametrize("seed", range(8))
def test_singular_systems_with_a_border(seed, definite):
    """Ranks from 1 to n - 2, borders of ones and of roots of weights, which the null space holds or does not."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(5, 40))
    rank = int(rng.integers(1, n - 1))
    Z = rng.standard_normal((n, rank))
    u = np.ones(n) if seed % 2 else rng.uniform(0.3, 3.0, n)
    if seed % 4 >= 2:
        # The border is a null vector itself.
        Z -= np.outer(u, u @ Z) / (u @ u)
    signs = np.ones(rank) if definite else rng.choice([-1.0, 1.0], rank)
    A, B = (Z * signs) @ Z.T, rng.standard_normal((n, 2))
    wanted, offset = bordered(A, B, 0.0, u)
    with pytest.warns(LinAlgWarning, match="singular to working precision"):
        found = solve_symmetric(A.copy(), B, np.zeros(2), border=u, definite=definite)
    close(found.coef, wanted, 1e-9)
    close(found.offset, offset, 1e-9)
    np.testing.assert_allclose(u @ found.coef, 0.0, atol=1e-9 * np.abs(wanted).max())


@pytest.mark.parametrize("power", [-900, -500, 0, 500, 900])
@pytest.mark.parametrize("few", [True, False])
def test_units_of_a_kernel_far_from_one(power, few, rng):
    """A power of two in kernel and penalties changes dual coefficients by that power, left-out errors by nothing."""
    Z, y = rng.standard_normal((30, 50)), rng.standard_normal((30, 2))
    alphas = np.array([0.5, 8.0]) if few else np.geomspace(0.5, 64.0, 8)
    one = DualPath(Z @ Z.T, y, alphas, None, fit_intercept=True, definite=True)
    other = DualPath(np.ldexp(Z @ Z.T, power), y, np.ldexp(alphas, power), None, fit_intercept=True, definite=True)
    assert bool(one.vectors.size) == bool(other.vectors.size) == (not few)
    wanted, found = (np.concatenate([errors for _, errors in path.errors()], axis=1) for path in (one, other))
    close(found, wanted, 1e-11)
    wanted, found = one.solve(alphas[:2]), other.solve(np.ldexp(alphas[:2], power))
    close(np.ldexp(found.coef, power), wanted.coef, 1e-11)
    close(found.offset, wanted.offset, 1e-10)


@pytest.mark.parametrize("weighted", [False, True])
def test_the_order_of_rows_does_not_matter_to_what_is_left_out(weighted, rng):
    """A row far out is fitted without in earnest, at whatever place it is."""
    Z, y, alphas = rng.standard_normal((25, 6)), rng.standard_normal((25, 2)), np.array([1e-6, 1.0])
    Z[7] *= 1e9
    weight = rng.uniform(0.5, 2.0, 25) if weighted else None

    def errors(order):
        own = None if weight is None else weight[order]
        path = RowSpectrum(Z[order], y[order], own, fit_intercept=True)
        return np.concatenate([found for _, found in path.errors(alphas)], axis=1)

    wanted = errors(np.arange(25))
    for first in (7, 3):
        order = np.roll(np.arange(25), -first)
        # The law of left-out errors: to 1e-6 of targets, which are of size one.
        np.testing.assert_allclose(errors(order), wanted[:, order], rtol=1e-6, atol=1e-6)


def test_only_a_choice_is_told_of(rng):
    """A column of zeros has no coefficient under any penalty; without one, equal columns share theirs by choice."""
    Z, y = rng.standard_normal((40, 4)), rng.standard_normal((40, 1))
    Z = np.column_stack([Z, Z[:, 0], np.zeros(40)])

    def solver():
        system = Moments(6).update(Z, y).equations(False)
        return PrimalSolver(system, RowPasses(lambda: [(slice(0, 40), Z)], y, None))

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for alpha in (1e-3, 1e-13):
            found = solver().solve(np.array([alpha]))
            close(found.coef[0], found.coef[4], 1e-9)
    with pytest.warns(LinAlgWarning, match="of rank 4 of 6"):
        solver().solve(np.zeros(1))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_shifts_grow_until_their_factor_holds(dtype, rng):
    """Equal columns and no penalty: the least shift is of rounding errors, and what is applied stays positive."""
    F = rng.standard_normal((30, 4)).astype(dtype)
    F = np.column_stack([F, F, F])
    G = F.astype(float).T @ F.astype(float)
    inverse = Preconditioner([F[:, :5].copy(), F[:, 5:].copy()], np.zeros(2), np.arange(12))
    least = 64 * np.finfo(float).eps * np.trace(G)
    assert (inverse.shifts >= least * (1 - 1e-6)).all()
    assert (inverse.shifts <= LARGER**8 * least).all()
    R = rng.standard_normal((30, 2))
    Z = inverse.solve(R.copy(), np.arange(2))
    assert ((R * Z).sum(axis=0) > 0).all()
    if dtype == np.float64:
        wanted = np.linalg.solve(F @ F.T + inverse.shifts[0] * np.eye(30), R)
        # Half of the digits of the difference are lost.
        close(Z * inverse.shifts[0], wanted * inverse.shifts[0], 1e-2)


@pytest.mark.parametrize("panels", [[], [np.zeros((6, 2))]])
def test_a_factor_of_nothing_leaves_residuals_alone(panels, rng):
    R = rng.standard_normal((6, 1))
    rank = sum(panel.shape[1] for panel in panels)
    found = Preconditioner(panels, np.zeros(1), np.arange(rank)).solve(R.copy(), np.zeros(1, int))
    np.testing.assert_allclose(found, R, rtol=1e-15)


def test_a_triangle_of_nothing_has_no_inverse():
    root, left = inverse(np.zeros((3, 3)))
    assert root.shape == (3, 0)
    assert left.shape == (3, 3)


@pytest.mark.parametrize("seed", range(12))
def test_negative_eigenvalues_show_the_rounding_of_the_entries(seed):
    """A matrix rounded to single precision: what is no larger than its negative eigenvalues is no rank."""
    rng = np.random.default_rng(seed)
    n, rank = int(rng.integers(20, 60)), int(rng.integers(1, 6))
    Z = rng.standard_normal((n, rank))
    K, y = (Z @ Z.T).astype(np.float32).astype(np.float64), rng.standard_normal((n, 1))
    wanted = np.linalg.pinv(Z @ Z.T, rcond=1e-10) @ y
    with pytest.warns(LinAlgWarning, match=f"rank {rank} of {n}"):
        found = solve_symmetric(K, y, np.zeros(1), definite=True)
    close(found.coef, wanted, 1e-3)
