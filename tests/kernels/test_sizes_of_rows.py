"""Kernels of rows of any size whose entries are normal numbers, by the laws of scaling and in higher precision."""

import numpy as np
import pytest

from widelearn import NystromFeatures
from widelearn.kernels import NNGP, NTK, RBF, ArcCosine, Constant, FiniteRF, Laplace, Linear, Matern, Polynomial
from widelearn.ridge import rp_cholesky

# float32 rows below 1e-19 and float64 rows below 1e-154 have squares below the smallest normal number.
SIZES = {np.float32: [1e-15, 1e-19, 1e-21, 1e-23, 1e-30], np.float64: [1e-20, 1e-146, 1e-158, 1e-162, 1e-250, 1e-290]}
SIZED = [(dtype, size) for dtype, sizes in SIZES.items() for size in sizes]
# Values beyond the rounding of the rows themselves.
TOLERANCE = {np.float32: 2e-6, np.float64: 2e-13}


def rows(rng, n=40, d=5):
    X = rng.standard_normal((n, d))
    # Equal, opposite and near-equal rows, and a row of zeros.
    X[5], X[6], X[7], X[8] = X[4], -X[4], X[4] * (1 + 1e-7), 0.0
    return X


def all_of(kernel, X, Y, V):
    """Return what a kernel offers of rows: both matrices, the diagonal and both products."""
    return kernel(X), kernel(X, Y), kernel.diag(X), kernel.dot(X, None, V), kernel.dot(X, Y, V[: len(Y)])


def close(found, wanted, tolerance):
    for one, other in zip(found, wanted, strict=True):
        assert np.isfinite(one).all()
        np.testing.assert_allclose(one, other, rtol=0, atol=tolerance * max(np.abs(other).max(), 1e-300))


FREE = [ArcCosine(order=0), NNGP(activation="step"), NNGP(3, activation="step"), 2.0 * ArcCosine(order=0)]


@pytest.mark.parametrize(("dtype", "size"), SIZED)
@pytest.mark.parametrize("kernel", [*FREE, FiniteRF(64, "step")], ids=repr)
def test_kernels_of_the_angle_alone(kernel, dtype, size, rng):
    X, V = rows(rng).astype(dtype), rng.standard_normal((40, 2)).astype(dtype)
    # A power of two leaves the rows' digits as they are.
    size = dtype(2.0 ** np.round(np.log2(size)))
    wanted = all_of(kernel, X, X[:30] + dtype(0.5), V)
    found = all_of(kernel, X * size, (X[:30] + dtype(0.5)) * size, V)
    close(found, wanted, 20 * TOLERANCE[dtype])
    assert np.array_equal(np.diag(kernel(X * size)), kernel.diag(X * size))
    assert np.array_equal(kernel(X * size), kernel(X * size).T)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kernel", FREE, ids=repr)
def test_rows_of_many_sizes_in_one_matrix(kernel, dtype, rng):
    X = rows(rng).astype(dtype)
    low, high = (-100, 50) if dtype == np.float32 else (-900, 400)
    sizes = (2.0 ** rng.integers(low, high, 40)).astype(dtype)[:, None]
    close([kernel(X * sizes), kernel.diag(X * sizes)], [kernel(X), kernel.diag(X)], 20 * TOLERANCE[dtype])


def stretched(name, size):
    """A kernel of distances in units of `size`."""
    return {
        "rbf": lambda: RBF(gamma=0.3 / size / size),
        "laplace": lambda: Laplace(gamma=0.5 / size),
        "power": lambda: Laplace(gamma=0.5 / size**0.5, power=0.5),
        "L1": lambda: Laplace(gamma=0.5 / size, norm=1),
        "matern": lambda: Matern(length_scale=1.5 * size, nu=1.5),
        "rough": lambda: Matern(length_scale=1.5 * size, nu=0.5),
        "sum": lambda: Laplace(gamma=0.5 / size) + Constant(value=2.0) * ArcCosine(order=0),
        "product": lambda: Laplace(gamma=0.5 / size) * Polynomial(degree=2, gamma=0.1 / size / size, coef0=1.0),
    }[name]()


NAMES = ["rbf", "laplace", "power", "L1", "matern", "rough", "sum", "product"]


@pytest.mark.parametrize(("dtype", "size"), [*SIZED, (np.float32, 1e15), (np.float64, 1e150)])
@pytest.mark.parametrize("name", NAMES)
def test_kernels_of_distances(name, dtype, size, rng):
    size = dtype(2.0 ** np.round(np.log2(size)))
    kernel = stretched(name, 1.0)
    try:
        with np.errstate(over="raise", under="raise"):
            other = stretched(name, float(size))
            assert not any(np.isinf(value) for value in other.get_params().values() if isinstance(value, float))
    except (OverflowError, FloatingPointError, AssertionError, ZeroDivisionError):
        # A gamma beyond the largest double is none.
        assert name in ("rbf", "product")
        return
    X, V = rows(rng).astype(dtype), rng.standard_normal((40, 2)).astype(dtype)
    wanted = all_of(kernel, X, X[:30] + dtype(0.5), V)
    found = all_of(other, X * size, (X[:30] + dtype(0.5)) * size, V)
    # Near rows differ by 1e-7 of their size, whose fourth root is what the power keeps.
    close(found, wanted, 40 * TOLERANCE[dtype] if name != "power" else 1e-3 if dtype == np.float32 else 1e-9)
    assert np.array_equal(np.diag(other(X * size)), other.diag(X * size))


def test_one_step_against_long_doubles(rng):
    for dtype, size in SIZED:
        X = (rng.standard_normal((30, 4)) * size).astype(dtype)
        long = X.astype(np.longdouble)
        unit = long / np.sqrt((long**2).sum(axis=1))[:, None]
        gap = unit[:, None] - unit[None, :]
        angle = 2 * np.arcsin(np.minimum(np.sqrt((gap**2).sum(axis=2)) / 2, 1))
        np.testing.assert_allclose(ArcCosine(order=0)(X), (1 - angle / np.pi).astype(float), atol=20 * TOLERANCE[dtype])
        gap = np.sqrt(((long[:, None] - long[None, :]) ** 2).sum(axis=2))
        wanted = np.exp(-gap / np.longdouble(size))
        np.testing.assert_allclose(Laplace(gamma=1 / size)(X), wanted.astype(float), atol=40 * TOLERANCE[dtype])


def test_parameters_beyond_single_precision():
    X = np.full((2, 1), 1e-21, np.float32)
    np.testing.assert_array_equal(RBF(gamma=3e41)(X), 1.0)
    X[1] = 3e-21
    np.testing.assert_allclose(RBF(gamma=3e41)(X)[0, 1], np.exp(-3e41 * 4e-42), rtol=1e-5)
    X = np.array([[1e15], [3e15]], np.float32)
    np.testing.assert_allclose(RBF(gamma=1e-40)(X)[0, 1], np.exp(-1e-40 * 4e30), rtol=1e-6)
    np.testing.assert_allclose(Matern(length_scale=1e40)(X)[0, 1], 1.0, rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_other_kernels_are_what_they_were(dtype, rng):
    X = rows(rng).astype(dtype)
    tiny = dtype(1e-17 if dtype == np.float32 else 1e-150)
    for kernel in (Linear(), NTK(2), NNGP(2, activation="erf"), NNGP(1, activation="relu", bias_variance=0.1)):
        assert np.isfinite(kernel(X * tiny)).all()
        if dtype == np.float32:
            wanted = kernel((X * tiny).astype(float))
            np.testing.assert_allclose(kernel(X * tiny), wanted, rtol=1e-3, atol=1e-5 * np.abs(wanted).max() + 1e-37)


@pytest.mark.parametrize(("dtype", "size"), SIZED)
def test_factors_and_features_of_tiny_rows(dtype, size, rng):
    X = (rows(rng) * size).astype(dtype)
    for kernel in (Laplace(gamma=1 / size), ArcCosine(order=0)):
        K = kernel(X)
        pivots, F = rp_cholesky(kernel.operator(X), 40, random_state=0)
        assert np.isfinite(F).all()
        assert len(set(pivots)) == len(pivots)
        np.testing.assert_allclose(F @ F.T, K, atol=3e-2 if dtype == np.float32 else 1e-5)
        Z = NystromFeatures(kernel, 40, random_state=0).fit_transform(X)
        assert np.isfinite(Z).all()
        np.testing.assert_allclose(Z @ Z.T, K, atol=3e-2 if dtype == np.float32 else 1e-5)


@pytest.mark.parametrize("size", [1e-305, 1e-300, 1e-200, 1e-50, 1e50, 1e200, 1e307])
def test_factors_of_matrices_of_any_size(size, rng):
    B = rng.standard_normal((30, 8))
    K = B @ B.T
    K /= np.abs(K).max()
    pivots, F = rp_cholesky(K * size, 20, random_state=0)
    wanted, G = rp_cholesky(K, 20, random_state=0)
    assert np.isfinite(F).all()
    np.testing.assert_array_equal(pivots, wanted)
    np.testing.assert_allclose(F / np.sqrt(size), G, rtol=0, atol=1e-9)
    for scale in (1.0, size):
        D = np.exp(rng.uniform(-12, 0, 30))
        _, F = rp_cholesky(D[:, None] * K * D * scale, 20, random_state=0)
        assert np.isfinite(F).all()


@pytest.mark.parametrize(("row", "column"), [(0, 2), (3, 5), (7, 0), (1, 6)])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_factors_name_what_is_no_number(row, column, value, rng):
    B = rng.standard_normal((8, 12))
    K = B @ B.T
    K[row, column] = K[column, row] = value
    with pytest.raises(ValueError, match=r"NaN or infinity in row \d"):
        rp_cholesky(K, 8, random_state=0)
