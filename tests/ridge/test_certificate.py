"""What is said of rounding errors: of which penalty, beside which residual, in which unit."""

import warnings

import numpy as np
import pytest
from scipy.linalg import LinAlgWarning

from widelearn.ridge import pcg
from widelearn.ridge.certificate import LOST, complain_of_left_out
from widelearn.ridge.kernel_systems import solve_iteratively
from widelearn.ridge.operators import as_operator, asymmetry


def test_left_out_errors_are_complained_of_where_they_are_used():
    alphas, doubt = np.array([1e-3, 1.0, 10.0]), np.array([10.0 * LOST, 0.1 * LOST, 0.0])
    with pytest.warns(LinAlgWarning, match="alpha = 0.001"):
        complain_of_left_out(doubt, alphas)
    with pytest.warns(LinAlgWarning, match="the chosen alpha"):
        complain_of_left_out(doubt, alphas, np.array([1.0, 1e-3]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        complain_of_left_out(doubt, alphas, np.array([1.0, 10.0]))
        complain_of_left_out(doubt[1:], alphas[1:])


@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_what_iterations_leave_is_what_the_system_leaves(seed, fit_intercept):
    """Few iterations, so that much is left: it is S (y - K a - b) - alpha S⁻¹ a, with S² the weights."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(30, 60))
    Z, y = rng.standard_normal((n, 5)), rng.standard_normal((n, 2)) + 3.0
    K = Z @ Z.T + np.eye(n)
    weight = rng.uniform(0.3, 3.0, n) if seed % 2 else None
    alpha = np.array([0.5, 2.0])
    found = solve_iteratively(
        as_operator(K), y, alpha, weight, fit_intercept=fit_intercept, tol=0.1, rank=1, max_iter=50, random_state=0
    )
    root = np.ones(n) if weight is None else np.sqrt(weight)
    left = root[:, None] * (y - K @ found.coef - found.offset) - alpha * found.coef / root[:, None]
    # Weights are brought to a unit, a power of two, in which it is given.
    unit = 2.0 ** np.round(np.log2(np.linalg.norm(left) / np.linalg.norm(found.left)))
    np.testing.assert_allclose(unit * found.left, left, rtol=0, atol=1e-11)
    sizes = np.linalg.norm(root[:, None] * y, axis=0)
    assert found.residual == pytest.approx((np.linalg.norm(left, axis=0) / sizes).max(), rel=1e-9)
    assert 1e-9 < found.residual <= 0.1


@pytest.mark.parametrize("power", [-900, -60, 0, 60, 900])
def test_asymmetry_has_no_unit(power, rng):
    K = rng.standard_normal((40, 40))
    K = K + K.T
    K[3, 7] += 1e-3
    wanted = (np.abs(K - K.T).max()) / np.abs(K).max()
    assert asymmetry(np.ldexp(K, power)) == pytest.approx(wanted, rel=1e-12)
    assert asymmetry(np.zeros((3, 3))) == 0.0


def test_iterations_start_from_what_is_given_without_a_row_of_weight_zero(rng):
    """From the solution, one iteration leaves the solution; a row without weight has no coefficient."""
    Z, y = rng.standard_normal((30, 4)), rng.standard_normal(30)
    K, weight = Z @ Z.T + np.eye(30), rng.uniform(0.5, 2.0, 30)
    weight[7] = 0.0
    kept = np.flatnonzero(weight)
    wanted = np.zeros(30)
    wanted[kept] = np.linalg.solve(K[np.ix_(kept, kept)] + np.diag(0.3 / weight[kept]), y[kept])
    found = pcg(as_operator(K), y, 0.3, sample_weight=weight, x0=wanted, max_iter=1, tol=1e-8)
    np.testing.assert_allclose(found.coef, wanted, rtol=0, atol=1e-8)
