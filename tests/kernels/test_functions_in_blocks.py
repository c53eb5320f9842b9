"""Kernels given as functions are called block by block: to the bit what one call gives, whatever they do."""

import numpy as np
import pytest
from sklearn.metrics.pairwise import euclidean_distances

from widelearn import KernelRidge
from widelearn.kernels import RBF, as_kernel, base


def by_rows(X, Y):
    """A function whose values do not depend on what else is in a block."""
    return np.exp(-np.stack([np.abs(x - Y).sum(axis=1) for x in X]))


@pytest.fixture(params=[1, 7, 200])
def few(request, monkeypatch):
    """Let blocks have few rows."""
    monkeypatch.setattr(base, "called_rows", lambda m, d: request.param)
    monkeypatch.setattr(base, "DIAGONAL_ROWS", 16)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_bits_of_one_call(few, dtype, rng):
    X, Y = rng.standard_normal((90, 3)).astype(dtype), rng.standard_normal((40, 3)).astype(dtype)
    kernel = as_kernel(by_rows)
    np.testing.assert_array_equal(kernel(X), by_rows(X, X))
    np.testing.assert_array_equal(kernel(X, Y), by_rows(X, Y))
    both = kernel + RBF()
    np.testing.assert_array_equal(both(X, Y), by_rows(X, Y) + RBF()(X, Y))
    np.testing.assert_allclose(kernel.dot(X, Y, Y), by_rows(X, Y) @ Y, rtol=1e-5 if dtype == np.float32 else 1e-13)
    assert kernel(X).dtype == dtype


def test_equal_rows_may_be_told_by_identity(few, rng):
    """Distances that cancel are 1e-8 beside the diagonal, and 0 on it if the function is given the same rows twice."""
    X = 1e4 + rng.standard_normal((90, 3))
    kernel = as_kernel(lambda X, Y: np.exp(-euclidean_distances(X, None if X is Y else Y)))
    np.testing.assert_array_equal(kernel(X).diagonal(), 1.0)
    np.testing.assert_array_equal(kernel.diag(X), 1.0)


def test_blocks_are_small_and_all_rows_are_seen(rng, monkeypatch):
    monkeypatch.setattr(base, "CALLED", 1 << 20)
    shapes = []

    def kernel(X, Y):
        shapes.append((len(X), len(Y)))
        return np.exp(X @ Y.T / 8)

    X = rng.standard_normal((700, 4))
    KernelRidge(kernel).fit(X, X[:, 0])
    assert max(n * m for n, m in shapes) <= base.CALLED // base.LONG
    assert sum(n for n, m in shapes if m == 700) == 700


def test_what_a_function_raises_passes(rng):
    def kernel(X, Y):
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        as_kernel(kernel)(rng.standard_normal((5, 2)))
