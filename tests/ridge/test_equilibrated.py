"""Systems scaled by powers of two: exact, undone exactly, and judged without units."""

import warnings

import numpy as np
import pytest
from scipy.linalg import LinAlgWarning

from widelearn.ridge.equilibrated import Equilibrated, scales
from widelearn.ridge.symmetric_systems import solve_symmetric


def gram(rng, p, units, dtype=np.float64):
    Z = rng.standard_normal((3 * p, p)) * units
    return np.ascontiguousarray((Z.T @ Z).astype(dtype))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("alpha", [0.0, 1e-6, 1e6])
def test_scales_are_powers_of_two_that_bring_the_diagonal_near_one(dtype, alpha, rng):
    diagonal = (10.0 ** rng.uniform(-12, 12, 50)).astype(dtype)
    powers = scales(diagonal, alpha)
    assert set(np.frexp(powers)[0]) == {0.5}
    near = powers**2 * (diagonal.astype(np.float64) + alpha)
    assert near.min() >= 0.25
    assert near.max() <= 4.0


def test_alike_columns_are_left_alone(rng):
    assert scales(rng.uniform(1.0, 30.0, 40), 0.0) is None
    assert scales(np.zeros(3), 0.0) is None
    # A column of zeros has no scale, and no part in the others'.
    assert scales(np.array([0.0, 1e12]), 0.0)[0] == 1.0


def test_right_hand_sides_are_left_alone(rng):
    Z, B = rng.standard_normal((20, 5)), rng.standard_normal((5, 1))
    for units in (1.0, np.logspace(-6, 6, 5)):
        A = (Z * units).T @ (Z * units)
        kept = B.copy()
        Equilibrated(A, A.diagonal().copy(), 1e-3).solve(B)
        assert np.array_equal(B, kept)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_matrix_comes_back_bit_for_bit(dtype, rng):
    for _ in range(20):
        p = int(rng.integers(1, 40))
        A = gram(rng, p, 10.0 ** rng.uniform(-6, 6, p), dtype)
        A = np.triu(A) + np.triu(A, 1).T
        kept = A.copy()
        with Equilibrated(A, A.diagonal().copy(), 1e-3) as system:
            system.solve(rng.standard_normal((p, 2)))
        np.testing.assert_array_equal(A, kept)


@pytest.mark.parametrize("seed", range(10))
def test_units_change_solutions_by_their_powers_alone(seed):
    rng = np.random.default_rng(seed)
    p = int(rng.integers(2, 30))
    powers, A, B = 2.0 ** rng.integers(-20, 20, p), gram(rng, p, np.ones(p)), rng.standard_normal((p, 2))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plain = solve_symmetric(A.copy(), B, np.zeros(2))
        scaled = solve_symmetric(A * powers * powers[:, None], B * powers[:, None], np.zeros(2))
    np.testing.assert_allclose(scaled.coef * powers[:, None], plain.coef, rtol=1e-11, atol=1e-13)
    assert scaled.rcond > plain.rcond / 4 / p


@pytest.mark.parametrize("seed", range(10))
def test_rank_is_decided_without_units(seed):
    rng = np.random.default_rng(seed)
    p, k = 12, int(rng.integers(1, 5))
    units = 10.0 ** rng.uniform(-5, 5, p)
    Z = rng.standard_normal((40, p)) * units
    # Some columns again: their sums alone are known.
    Z[:, :k] = Z[:, k : 2 * k]
    A, B = Z.T @ Z, Z.T @ rng.standard_normal((40, 1))
    with pytest.warns(LinAlgWarning, match=f"rank {p - k} of {p}"):
        found = solve_symmetric(A.copy(), B, np.zeros(1))
    left = (B - A @ found.coef) / units[:, None]
    assert np.abs(left).max() <= 1e-6 * np.abs(B / units[:, None]).max()
    # Of all solutions none is smaller: not the one that shares equally between equal columns.
    shared = found.coef.copy()
    shared[:k] = shared[k : 2 * k] = (found.coef[:k] + found.coef[k : 2 * k]) / 2
    assert np.linalg.norm(found.coef) <= np.linalg.norm(shared) * (1 + 1e-9)


@pytest.mark.parametrize("seed", range(20))
def test_a_singular_solution_is_never_worse_than_none(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(5, 60))
    Z = rng.standard_normal((n, 4)) * 10.0 ** rng.uniform(-4, 8, 4)
    y, u = rng.standard_normal((n, 1)), rng.uniform(0.1, 3.0, n)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LinAlgWarning)
        for definite in (True, False):
            for border in (None, u):
                found = solve_symmetric(Z @ Z.T, y, np.full(1, 1e-9), border=border, definite=definite)
                assert found.residual <= 1.0 + 1e-9, (definite, border is None)
