"""Conjugate gradients that cannot lie: residuals are true, no end is worse than its start, units do not matter."""

import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from widelearn import KernelRidge
from widelearn.kernels import NTK, RBF, Laplace, Linear
from widelearn.ridge import pcg, rp_cholesky
from widelearn.ridge.kernel_systems import solve_iteratively
from widelearn.ridge.operators import as_operator
from widelearn.ridge.preconditioner import Preconditioner, precondition

KERNELS = [Linear(), RBF(0.3), Laplace(0.5), NTK(2), Linear() + RBF(0.1)]


def warned(call):
    """Return what a call returns, and whether it warned that it did not converge."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = call()
    return found, any(issubclass(each.category, ConvergenceWarning) for each in caught)


def cholesky_solve(A, B):
    """Solve a definite system in long doubles."""
    A, B = A.astype(np.longdouble).copy(), B.astype(np.longdouble).copy()
    n = len(A)
    for j in range(n):
        A[j, j] = np.sqrt(A[j, j])
        A[j + 1 :, j] /= A[j, j]
        A[j + 1 :, j + 1 :] -= np.outer(A[j + 1 :, j], A[j + 1 :, j])
    for j in range(n):
        B[j] = (B[j] - A[j, :j] @ B[:j]) / A[j, j]
    for j in reversed(range(n)):
        B[j] = (B[j] - A[j + 1 :, j] @ B[j + 1 :]) / A[j, j]
    return B


def residuals(K, y, alpha, root, coef):
    """Return the true relative residuals of S K S + alpha I in long doubles."""
    K, y, root, coef = (np.asarray(part, np.longdouble) for part in (K, y, root, coef))
    beta = np.divide(coef, root[:, None], out=np.zeros_like(coef), where=root[:, None] > 0)
    left = root[:, None] * (y - K @ coef) - alpha * beta
    size = np.sqrt(((root[:, None] * y) ** 2).sum(axis=0))
    return np.sqrt((left**2).sum(axis=0)) / np.where(size > 0, size, 1)


def problem(seed):
    """Draw a kernel matrix, targets, a penalty, weights and a start, each of any size that is honest."""
    rng = np.random.default_rng(seed)
    n, kernel = int(rng.integers(20, 60)), KERNELS[seed % len(KERNELS)]
    dtype = np.float32 if seed % 3 == 2 else np.float64
    X = rng.standard_normal((n, 4)) * 10 ** rng.uniform(-1, [0.5, 0.5, 0.5, rng.choice([0.5, 4, 7])])
    if rng.random() < 0.3:
        X[n // 2 :] = X[: n - n // 2]
    K = kernel(X.astype(dtype))
    y = np.column_stack([X @ rng.standard_normal(4), np.sin(X).sum(axis=1), np.zeros(n)])
    y += 0.1 * rng.standard_normal((n, 3)) * [1, 1, 0]
    y[:, 2] = 0.0
    y *= 10 ** rng.uniform(-3, 3)
    weight = 10 ** rng.uniform(-rng.choice([0, 3, 6]), 0, n) if rng.random() < 0.6 else np.ones(n)
    if rng.random() < 0.3:
        weight[::5] = 0
    alpha = float(10 ** rng.uniform(-9, 2))
    start = rng.standard_normal(y.shape) * 10 ** rng.uniform(-6, 6) if rng.random() < 0.5 else None
    return K, y, alpha, weight, start


@pytest.mark.parametrize("block", range(6))
def test_residuals_are_true_and_never_above_those_of_the_start(block):
    converged = 0
    for seed in range(block * 25, block * 25 + 25):
        K, y, alpha, weight, start = problem(seed)
        root = np.sqrt(weight)
        found, complained = warned(lambda: pcg(K, y, alpha, sample_weight=weight, x0=start, max_iter=300))  # noqa: B023
        true = residuals(K, y, alpha, root, found.coef)
        # What doubles cannot tell of the residual: rounding errors of the product, and of the coefficients.
        beta = np.divide(found.coef, root[:, None], out=np.zeros(y.shape), where=root[:, None] > 0)
        sizes = np.linalg.norm(root[:, None] * K * root) * np.linalg.norm(beta, axis=0) + alpha * np.abs(beta).sum(
            axis=0
        )
        size = np.linalg.norm(root[:, None] * y, axis=0)
        noise = 8e-16 * sizes / np.where(size > 0, size, 1)
        assert (np.abs(found.residual - true) <= 1e-9 * true + noise).all(), seed
        least = np.where(size > 0, 1.0, 0.0)
        if start is not None:
            least = np.minimum(least, residuals(K, y, alpha, root, start * (weight > 0)[:, None]).astype(float))
        assert (found.residual <= least * (1 + 1e-9)).all(), seed
        assert complained == bool((found.residual > 1e-8).any()), seed
        assert np.isfinite(found.coef).all()
        assert (found.coef[weight == 0] == 0).all()
        converged += not complained
    # Most of them are solved: the laws above are not those of zeros.
    assert converged >= 10


def test_fits_are_those_of_long_doubles():
    checked = 0
    for seed in range(90):
        K, y, alpha, weight, start = problem(seed)
        if K.dtype == np.float32:
            # Rounding errors of single precision make such a matrix indefinite in double precision.
            continue
        root = np.sqrt(weight)
        found, complained = warned(lambda: pcg(K, y, alpha, sample_weight=weight, x0=start))  # noqa: B023
        if complained:
            continue
        M = root[:, None] * K * root
        try:
            beta = cholesky_solve(M + alpha * np.eye(len(K)), root[:, None] * y)
        except (ZeroDivisionError, FloatingPointError):
            continue
        gap = root[:, None] * (K @ (found.coef - root[:, None] * beta))
        # |K (K + alpha)⁻¹ r| <= |r|, and what doubles lose of the product.
        noise = 1e-15 * np.linalg.norm(M) * np.linalg.norm(np.asarray(beta, float), axis=0)
        assert (np.sqrt((gap**2).sum(axis=0)) <= 1.1e-8 * np.linalg.norm(root[:, None] * y, axis=0) + noise).all(), seed
        checked += 1
    assert checked >= 25


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [2.0**-330, 2.0**-20, 2.0**40, 2.0**330])
def test_units_do_not_matter(size, dtype, rng):
    X = rng.standard_normal((80, 3)).astype(dtype)
    K, y, weight = RBF(0.3)(X), np.column_stack([X[:, 0], X[:, 1] ** 2]).astype(float), rng.uniform(0, 2, 80)
    wanted = pcg(K, y, 1e-3, sample_weight=weight)
    found = pcg(K, y, 1e-3 * size, sample_weight=weight * size)
    np.testing.assert_array_equal(found.coef, wanted.coef)
    found = pcg(K, y * size, 1e-3, sample_weight=weight)
    np.testing.assert_array_equal(found.coef, wanted.coef * size)
    np.testing.assert_array_equal(found.residual, wanted.residual)
    both = {"fit_intercept": True, "tol": 1e-8}
    one = solve_iteratively(as_operator(K), y, np.full(2, 1e-3), weight, **both)
    other = solve_iteratively(as_operator(K), y * size, np.full(2, 1e-3 * size), weight * size, **both)
    np.testing.assert_array_equal(other.coef, one.coef * size)
    np.testing.assert_array_equal(other.offset, one.offset * size)
    assert other.residual == one.residual
    if dtype == np.float64:
        # The matrix too: its products and those of the penalty are what the iterations see.
        found = pcg(K * size, y, 1e-3 * size)
        np.testing.assert_allclose(found.coef, pcg(K, y, 1e-3).coef / size, rtol=1e-6, atol=0)
        found = KernelRidge("rbf", 1e-3 * size, solver="pcg").fit(X, y * size, weight * size)
        whole = KernelRidge("rbf", 1e-3, solver="pcg").fit(X, y, weight)
        np.testing.assert_allclose(found.predict(X), whole.predict(X) * size, rtol=1e-9, atol=0)


def test_targets_beyond_the_squares_of_doubles(rng):
    X = rng.standard_normal((60, 2))
    y = np.sin(X[:, 0])
    whole = KernelRidge("rbf", 1e-3, solver="pcg").fit(X, y).predict(X)
    for size in (1e-300, 1e-170, 1e160, 1e300):
        found = KernelRidge("rbf", 1e-3, solver="pcg").fit(X, y * size)
        np.testing.assert_allclose(found.predict(X) / size, whole, rtol=0, atol=1e-7)


@pytest.mark.parametrize("large", [1e2, 1e4, 1e5, 1e6, 1e7, 1e9])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_column_of_large_numbers(large, dtype, rng):
    X = rng.uniform(size=(200, 4))
    y = X @ [3.0, -2.0, 1.0, 0.0] + 0.05 * rng.standard_normal(200)
    Z = np.column_stack([X, rng.uniform(size=200) * large]).astype(dtype)
    for operator in (Linear().operator(Z), Linear()(Z)):
        found, complained = warned(lambda: pcg(operator, y, 1e-3))  # noqa: B023
        left = y - Z.astype(float) @ (Z.T.astype(float) @ found.coef)
        assert left @ left <= y @ y
        assert complained or left @ left < 0.02 * y @ y
    model, complained = warned(lambda: KernelRidge(Linear(), 1e-3, solver="pcg").fit(Z, y))
    # Where the products cannot tell the columns from rounding errors, the columns are solved for.
    assert model.score(Z, y) >= (0.98 if dtype == np.float64 else -1e-3)


def test_weights_of_any_spread(rng):
    X = rng.standard_normal((100, 2))
    y = X @ [3.0, -1.0]
    for low, high in ((2e5, 2e11), (1e-9, 1.0), (1.0, 1e12), (1e-100, 1e-96)):
        weight = np.exp(rng.uniform(np.log(low), np.log(high), 100))
        model, _ = warned(lambda: KernelRidge(Linear(), 1e-3 * min(low, 1.0), solver="pcg").fit(X, y, weight))  # noqa: B023
        assert model.score(X, y) > 0.9999, (low, high)


class Counted:
    """A matrix that counts its products."""

    def __init__(self, K):
        self.K, self.shape, self.dtype, self.products = K, K.shape, K.dtype, 0

    def diag(self):
        return self.K.diagonal()

    def columns(self, indices):
        return self.K[:, indices]

    def __matmul__(self, V):
        self.products += 1
        return self.K @ V


@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_penalties_below_rounding_errors_end_where_these_lead(noise, rng):
    """An iteration is a product; such penalties took all 1,000 of them."""
    X = rng.standard_normal((300, 4))
    errors = noise * rng.standard_normal(300)
    y = np.sin(X[:, 0]) + errors
    for kernel, alpha in ((Linear(), 1e-14), (Linear(), 1e-12), (RBF(0.05), 1e-14)):
        K = Counted(kernel(X))
        found, complained = warned(lambda: pcg(K, y, alpha))  # noqa: B023
        assert K.products < 300, (kernel, K.products)
        assert complained == (found.residual > 1e-8)
        # What least squares leave of a linear kernel, and no more than the errors of a smooth one.
        left = y - X @ np.linalg.lstsq(X, y)[0] if isinstance(kernel, Linear) else errors
        assert found.residual <= 1.01 * np.linalg.norm(left) / np.linalg.norm(y) + 1e-8


class Broken:
    """A matrix whose products go wrong."""

    def __init__(self, K, value):
        self.K, self.value, self.shape, self.dtype = K, value, K.shape, K.dtype

    def diag(self):
        return self.K.diagonal()

    def columns(self, indices):
        return self.K[:, indices]

    def __matmul__(self, V):
        out = self.K @ V
        out[3] = self.value
        return out


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_products_that_are_no_numbers_are_an_error(value, rng):
    K = RBF(0.3)(rng.standard_normal((40, 2)))
    for rank in (None, 0, 5):
        with pytest.raises(np.linalg.LinAlgError, match=r"product with finite vectors is not finite, after \d+ iter"):
            pcg(Broken(K, value), np.ones(40), 0.1, rank=rank)
    with pytest.raises(ValueError, match="NaN"):
        pcg(np.where(K == 1, value, K), np.ones(40), 0.1)


def test_indefinite_by_rounding_and_indefinite(rng):
    Q = np.linalg.qr(rng.standard_normal((80, 80)))[0]
    values = np.where(np.arange(80) < 3, 1e8, 0.0)
    for least, fails in ((-1e-9, False), (-1e-7, False), (-1.0, True)):
        K = (Q * np.where(values > 0, values, least)) @ Q.T
        K, y = (K + K.T) / 2, Q[:, 0] + 1e-3 * rng.standard_normal(80)
        if fails:
            with pytest.raises(np.linalg.LinAlgError, match="indefinite: it has an eigenvalue of at most -"):
                pcg(K, y, 1e-10)
            continue
        found, _ = warned(lambda: pcg(K, y, 1e-10))  # noqa: B023
        fit = K @ found.coef
        assert np.linalg.norm(fit - y) < 0.1 * np.linalg.norm(y)


def test_wrong_arguments_carry_their_numbers(rng):
    K, y = RBF(0.3)(rng.standard_normal((30, 2))), np.ones(30)
    for wrong in ({"tol": "a"}, {"tol": None}, {"max_iter": 2.5}, {"max_iter": None}, {"rank": "a"}, {"rank": 2.5}):
        with pytest.raises(TypeError, match="tol must be a number, max_iter an integer and rank an integer or None"):
            pcg(K, y, 1.0, **wrong)
    for given in (None, "a", 3, K.tolist(), {"a": 1}):
        for call in (lambda A: pcg(A, y, 1.0), lambda A: rp_cholesky(A, 3), as_operator):
            with pytest.raises(TypeError, match=r"lacks (shape|dtype)"):
                call(given)
    for matrix, error, match in (
        (np.full((30, 30), "a"), TypeError, "of type <U1"),
        (K + 1j, TypeError, "of type complex128"),
        (np.full((30, 30), None), TypeError, "of type object"),
        (np.ones(30), ValueError, r"square, got shape \(30,\)"),
        (np.ones((30, 2, 2)), ValueError, r"square, got shape \(30, 2, 2\)"),
        (np.full((30, 30), np.nan), ValueError, "(?i)nan"),
    ):
        for call in (lambda A: pcg(A, y, 1.0), lambda A: rp_cholesky(A, 3)):
            with pytest.raises(error, match=match):
                call(matrix)
    for right in (None, "a", np.full(30, "a"), np.ones((30, 2, 2)), np.full(30, np.inf), np.ones((30, 0)), y[:7]):
        with pytest.raises((ValueError, TypeError)):
            pcg(K, right, 1.0)
    for alpha in (None, "a", np.nan, -1.0, [1.0, 2.0], {}):
        with pytest.raises((ValueError, TypeError)):
            pcg(K, y, alpha)
    with pytest.raises(ValueError, match=r"x0 has shape \(3,\), but y has \(30,\)"):
        pcg(K, y, 1.0, x0=np.ones(3))
    with pytest.raises(TypeError, match="preconditioner must come from"):
        pcg(K, y, 1.0, preconditioner=np.eye(30))
    small = precondition(as_operator(K[:9, :9]), np.ones(1), 3, 1e-8, 10, np.random.RandomState(0))
    with pytest.raises(ValueError, match=r"preconditioner is of 9 rows and 1 penalties, the system of 30 and 1"):
        pcg(K, y, 1.0, preconditioner=small)


def test_the_shift_grows_until_the_factor_holds(rng):
    F = rng.standard_normal((50, 3))
    F = np.hstack([F, F @ rng.standard_normal((3, 20))]) * 1e8
    inverse = Preconditioner([F], np.array([1e-3, 1e-3]), np.arange(23))
    R = rng.standard_normal((50, 2))
    Z = inverse.solve(R, np.arange(2))
    assert np.isfinite(Z).all()
    assert (np.einsum("ij,ij->j", R, Z) > 0).all()
