"""Products behind the door of BLAS: to the bit those of SciPy's own wrappers, orders and sizes of all kinds, errors."""

import numpy as np
import pytest
from scipy.linalg import blas as scipy_blas

from widelearn import _core
from widelearn.ridge.blas import products_of_columns, symmetric_product, tall_product, times
from widelearn.ridge.operators import Dense

ORDERS = [np.ascontiguousarray, np.asfortranarray, lambda A: np.repeat(A, 2, axis=1)[:, ::2]]
SHAPES = [(1, 1, 1), (1, 7, 3), (6, 1, 2), (33, 20, 8), (70, 130, 9), (3, 90, 1)]


def close(found, wanted, A, B):
    """Each entry is a sum of k products: k eps of their absolute values."""
    eps = np.finfo(found.dtype).eps
    assert found.dtype == A.dtype
    assert (np.abs(found - wanted) <= (A.shape[1] + 2) * eps * (np.abs(A) @ np.abs(B))).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", SHAPES)
def test_products(shape, dtype, rng):
    n, k, t = shape
    for left in ORDERS:
        for right in ORDERS:
            A = left((rng.standard_normal((n, k)) * 10 ** rng.uniform(-3, 3, k)).astype(dtype))
            B = right(rng.standard_normal((k, t)).astype(dtype))
            wanted = A.astype(np.longdouble) @ B.astype(np.longdouble)
            close(times(A, B), wanted, A, B)
            close(tall_product(A, B), wanted, A, B)
            assert tall_product(A, B).flags.c_contiguous
    own = products_of_columns(np.ascontiguousarray(A))
    close(own, np.tril(A.T.astype(np.longdouble) @ A), A.T.copy(), A)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_bits_are_those_of_scipy(dtype, rng):
    gemm, gemv = (scipy_blas.dgemm, scipy_blas.dgemv) if dtype == np.float64 else (scipy_blas.sgemm, scipy_blas.sgemv)
    symv = scipy_blas.dsymv if dtype == np.float64 else scipy_blas.ssymv
    A, B = rng.standard_normal((301, 150)).astype(dtype), rng.standard_normal((150, 7)).astype(dtype)
    np.testing.assert_array_equal(times(A, B), gemm(1.0, B.T, A.T).T)
    np.testing.assert_array_equal(tall_product(A, B[:, :1])[:, 0], gemv(1.0, A.T, B[:, 0], trans=1))
    np.testing.assert_array_equal(tall_product(A.T, A[:, :2])[:, 1], gemv(1.0, A.T, A[:, 1]))
    K = A @ A.T
    for matrix in (K, np.asfortranarray(K)):
        np.testing.assert_array_equal(
            symmetric_product(matrix, A[:, :2])[:, 1], symv(1.0, matrix if matrix is not K else K.T, A[:, 1], lower=1)
        )


@pytest.mark.parametrize("columns", [1, 3, 6])
def test_one_half_of_a_symmetric_matrix(columns, rng):
    K = rng.standard_normal((50, 50))
    K += K.T
    K.setflags(write=False)
    V = rng.standard_normal((50, columns))
    for order in ORDERS:
        close(Dense(order(K)) @ V, K.astype(np.longdouble) @ V, K, V)


@pytest.mark.parametrize(
    "call",
    [
        lambda a, v: _core.multiply(a, False, a[:2], False, a.copy()),
        lambda a, v: _core.multiply(a, False, a, False, a[:2].copy()),
        lambda a, v: _core.multiply(a[:2], True, a, False, a.copy()),
        lambda a, v: _core.multiply(a, False, a.astype(np.float32), False, a.copy()),
        lambda a, v: _core.multiply(a.astype(int), False, a, False, a.copy()),
        lambda a, v: _core.multiply_vector(a[:2].copy(), False, v, v.copy()),
        lambda a, v: _core.multiply_vector(a[:2].copy(), True, v, v.copy()),
        lambda a, v: _core.multiply_symmetric(a[:2], v, v.copy()),
        lambda a, v: _core.multiply_symmetric(a, v[:2], v.copy()),
        lambda a, v: _core.multiply_itself(a[:, :2].copy(), a.copy()),
        lambda a, v: _core.orthogonal_columns(np.ones((4, 3)), np.ones(4)),
        lambda a, v: _core.orthogonal_reflectors(a, v[:2].copy()),
        lambda a, v: _core.tridiagonal_eigen(v, v.copy(), None),
        lambda a, v: _core.tridiagonal_eigen(v, v[:2].copy(), a[:2]),
    ],
)
def test_shapes_and_types_are_refused(call):
    with pytest.raises((ValueError, TypeError)):
        call(np.eye(3), np.ones(3))
