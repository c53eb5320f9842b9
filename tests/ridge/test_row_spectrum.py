"""Fits by singular vectors of the rows beside 38 digits, and generalised cross-validation beside the hat matrix."""

import numpy as np
import pytest

from fuzz import oracle
from widelearn.ridge.moments import Moments
from widelearn.ridge.row_spectrum import RowSpectrum
from widelearn.ridge.tridiagonal import Tridiagonal, dual_gcv


def hat_errors(Z, y, weight, alpha, fit_intercept):
    """(RSS / n) / (1 - df / n)² with n the sum of weights: the formula, by one dense solution."""
    root = np.sqrt(weight)[:, None]
    A = np.column_stack([Z, np.ones(len(Z))]) if fit_intercept else Z
    penalty = alpha * np.eye(A.shape[1])
    if fit_intercept:
        penalty[-1, -1] = 0.0
    H = root * A @ np.linalg.solve((root * A).T @ (root * A) + penalty, (root * A).T)
    n, left = weight.sum(), root * y - H @ (root * y)
    return (left**2).sum(axis=0) / n / (1.0 - np.trace(H) / n) ** 2


@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("seed", range(12))
def test_gcv_errors_are_those_of_the_hat_matrix(seed, fit_intercept):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(4, 25))
    p = n + int(rng.integers(0, 12))
    Z, y = rng.standard_normal((n, p)) + 1.0, rng.standard_normal((n, 2))
    weight = np.ones(n) if seed % 3 == 0 else rng.uniform(0.2, 4.0, n)
    alphas = np.array([0.1, 1.0, 30.0])
    found = RowSpectrum(Z, y, None if seed % 3 == 0 else weight, fit_intercept=fit_intercept).gcv(alphas)
    for alpha, errors in zip(alphas, found, strict=True):
        wanted = hat_errors(Z, y, weight, alpha, fit_intercept)
        np.testing.assert_allclose(errors, wanted, rtol=1e-10)


@pytest.mark.parametrize("unit", [1e-140, 1.0, 1e140])
def test_targets_without_noise_leave_nothing(unit, rng):
    """Rank 3 of 20 rows, targets of that space: the directions without variance hold rounding errors alone."""
    Z = rng.standard_normal((20, 3)) @ rng.standard_normal((3, 30))
    y = unit * Z @ rng.standard_normal((30, 2))
    errors = RowSpectrum(Z, y, None, fit_intercept=False).gcv(np.array([1e-9, 0.0]))
    assert (np.sqrt(errors) <= 1e-8 * np.abs(y).max()).all()


@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("p", [1, 2, 5])
def test_gcv_errors_of_few_features_are_those_of_the_hat_matrix(p, fit_intercept, rng):
    Z, y, weight = rng.standard_normal((12, p)) + 2.0, rng.standard_normal((12, 2)), rng.uniform(0.3, 2.0, 12)
    alphas = [0.0, 0.1, 3.0]
    found = Moments(p, 2).update(Z, y, weight).gcv(alphas, fit_intercept)
    for alpha, errors in zip(alphas, found, strict=True):
        np.testing.assert_allclose(errors, hat_errors(Z, y, weight, alpha, fit_intercept), rtol=1e-9)


def test_one_row_with_an_intercept_is_fitted_whatever_the_penalty(rng):
    errors, least = dual_gcv(np.ones((1, 1)), rng.standard_normal((1, 3)), np.ones(2), None, fit_intercept=True)
    np.testing.assert_array_equal(errors, np.zeros((2, 3)))
    assert least == np.inf


@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("seed", range(8))
def test_fits_are_those_of_38_digits(seed, fit_intercept):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(3, 20))
    p = n + int(rng.integers(0, 20))
    Z = (rng.standard_normal((n, p)) + 2.0) * 10.0 ** rng.uniform(-3, 3, p)
    y, weight = rng.standard_normal((n, 2)), rng.uniform(0.2, 4.0, n)
    spectrum = RowSpectrum(Z, y, weight, fit_intercept=fit_intercept)
    for alpha in (1e-3, 10.0):
        wanted = oracle.fit(oracle.sums(Z, y, weight, fit_intercept=fit_intercept), alpha).values(Z).rounded()
        found = spectrum.solve(np.full(2, alpha))
        np.testing.assert_allclose((Z - found.center) @ found.coef + found.offset, wanted, rtol=0, atol=1e-9)


@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("n", [2, 3, 7])
def test_gcv_errors_of_a_kernel_are_those_of_its_features(n, fit_intercept, rng):
    Z, y, weight = rng.standard_normal((n, n + 2)), rng.standard_normal((n, 2)), rng.uniform(0.3, 2.0, n)
    alphas = np.array([0.1, 3.0])
    found, _ = dual_gcv(Z @ Z.T, y, alphas, weight, fit_intercept=fit_intercept)
    for alpha, errors in zip(alphas, found, strict=True):
        np.testing.assert_allclose(errors, hat_errors(Z, y, weight, alpha, fit_intercept), rtol=1e-9)


@pytest.mark.parametrize("alpha", [0.0, 0.1, 5.0])
@pytest.mark.parametrize("m", [1, 2, 6])
def test_a_tridiagonal_form_solves_as_its_matrix(m, alpha, rng):
    """In its own basis: products with the right-hand sides, and lengths, are those of the solution."""
    Z, B = rng.standard_normal((m + 3, m)), rng.standard_normal((m, 2))
    A = Z.T @ Z
    wanted = np.linalg.solve(A + alpha * np.eye(m), B)
    form = Tridiagonal(A.copy(), B.copy())
    found = form.solve(alpha)
    np.testing.assert_allclose(form.right.T @ found, B.T @ wanted, rtol=1e-10)
    np.testing.assert_allclose(form.residual(alpha), alpha**2 * (wanted**2).sum(axis=0), rtol=1e-10, atol=1e-20)
