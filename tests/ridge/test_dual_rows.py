"""Fewer rows than features in unlike units, and weights of any unit, beside an oracle of 38 digits."""

import numpy as np
import pytest

import widelearn as wl
from fuzz import oracle
from widelearn import ridge
from widelearn.kernels import Laplace, as_kernel
from widelearn.ridge.dual_rows import StoredRows, solve_rows


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("n", "p"), [(8, 12), (15, 40), (20, 20)])
def test_units_of_features_do_not_matter(n, p, weighted, rng):
    A = rng.standard_normal((n, p)) * 10.0 ** rng.uniform(-5, 5, p)
    y, weight = rng.standard_normal((n, 2)), rng.uniform(0.2, 3, n)
    for alpha in (1e-4, 1.0, 1e4):
        sums = oracle.sums(A, y, weight if weighted else np.ones(n), fit_intercept=False)
        wanted = oracle.fit(sums, alpha).values(A).rounded()
        options = {"sample_weight": weight if weighted else None}
        np.testing.assert_allclose(A @ ridge.path(A, y, [alpha], **options)[0], wanted, atol=1e-7)
        np.testing.assert_allclose(A @ ridge.solve(A, y, alpha, **options), wanted, atol=1e-7)


def test_the_unit_of_weights_does_not_matter(rng):
    A, y, weight = rng.standard_normal((12, 20)), rng.standard_normal(12), rng.uniform(0.5, 2, 12)
    K = A @ A.T
    for kind, matrix in (("features", A), ("kernel", K)):
        wanted = ridge.loo(matrix, y, [0.1], kind=kind, sample_weight=weight)
        for unit in (1e-150, 1e-100, 1e100, 1e150):
            found = ridge.loo(matrix, y, [0.1 * unit], kind=kind, sample_weight=weight * unit)
            np.testing.assert_allclose(found, wanted, rtol=1e-7)


def test_laplacian_is_that_of_absolute_differences():
    assert as_kernel("laplacian") == Laplace(norm=1)
    assert as_kernel("laplace") == Laplace()


@pytest.mark.parametrize("far", [1e3, 1e9, 1e12])
def test_a_stretch_of_a_huge_column_loses_no_digits_of_the_others(far):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(12, 40)), rng.normal(size=12)
    X[:5, 0] = far
    truth = oracle.fit(oracle.sums(X, y[:, None], np.ones(12), fit_intercept=True), 1e-6).values(X).rounded()[:, 0]
    for model in (wl.FeatureRidge("passthrough", 1e-6), wl.KernelRidge("linear", 1e-6)):
        np.testing.assert_allclose(model.fit(X, y).predict(X), truth.astype(float), rtol=0, atol=1e-9)


@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("alpha", [1e-4, 1e-2, 1.0])
def test_products_of_single_precision_are_kept_where_they_lose_little(alpha, fit_intercept, rng):
    """Rows in pairs with targets of their own, so that dual coefficients grow as penalties fall."""
    Z = np.repeat(rng.standard_normal((8, 30)), 2, axis=0).astype(np.float32)
    y = rng.standard_normal((16, 1))
    wanted = oracle.fit(oracle.sums(Z, y, np.ones(16), fit_intercept=fit_intercept), alpha).values(Z).rounded()
    found = solve_rows(StoredRows(Z, fit_intercept), y, np.full(1, alpha), None, fit_intercept=fit_intercept)
    # True errors are up to five times the estimate that may be 1e-6; coefficients of single precision add their own.
    center = 0.0 if found.center is None else found.center
    fitted = (Z.astype(float) - center) @ found.coef.astype(float) + found.offset
    np.testing.assert_allclose(fitted, wanted, rtol=0, atol=1e-5 * np.linalg.norm(y))
