"""Generalised cross-validation by singular vectors of the rows, beside the hat matrix in long doubles."""

import numpy as np
import pytest

from widelearn.ridge.row_spectrum import RowSpectrum


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
