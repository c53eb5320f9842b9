"""Kernels of sparse rows are those of the same rows made dense, and no row is."""

import numpy as np
import pytest
from scipy import sparse

from widelearn import _core, kernels, set_num_threads
from widelearn.kernels import finite, specs
from widelearn.nets import TangentKernel, TwoLayer
from widelearn.runtime import get_num_threads, sparse_arrays

KERNELS = [
    kernels.Linear(),
    kernels.Polynomial(3, gamma=0.5),
    kernels.DotProduct((1.0, 0.5, 0.25)),
    kernels.RBF(gamma=0.3),
    kernels.Laplace(gamma=0.3),
    kernels.Laplace(gamma=0.3, power=0.7),
    kernels.Laplace(gamma=0.3, norm=1),
    kernels.Matern(nu=0.5),
    kernels.Matern(nu=1.5),
    kernels.Matern(nu=2.5),
    kernels.ArcCosine(0),
    kernels.ArcCosine(1),
    kernels.ArcCosine(2),
    kernels.NTK(depth=1),
    kernels.NTK(depth=3, bias_variance=0.3),
    kernels.NTK(depth=2, activation="erf", bias_variance=0.1),
    kernels.NNGP(depth=3, activation="step", bias_variance=0.2),
    kernels.NNGP(depth=3, activation="step"),
    kernels.NNGP(depth=2, activation="gelu"),
    kernels.NTK(depth=2, activation="cos"),
    kernels.NTK(depth=2, activation="leaky_relu"),
    kernels.NNGP(depth=2, activation="tanh"),
    kernels.TaylorKernel(2, "erf"),
    kernels.RBF() + 2.0 * kernels.Linear() * kernels.ArcCosine(1),
    kernels.FiniteRF(9, "erf"),
    kernels.FiniteNTK(9),
    kernels.FiniteNTK(9, (np.sin, np.cos)),
    2.0 * kernels.FiniteRF(9) + kernels.RBF() * kernels.FiniteNTK(9, "tanh"),
    kernels.Columns(kernels.FiniteRF(9, (np.tanh,)), [0]),
]


def drawn(rng: np.random.Generator, n: int, d: int, scale: float) -> np.ndarray:
    """Draw rows of which most values are zero, some rows equal, nearly equal, opposite, or of zeros alone."""
    X = rng.standard_normal((n, d)) * (rng.random((n, d)) < 0.2) * scale
    for i in range(2, n, 7):
        near = 1.0 + 10.0 ** rng.uniform(-12, -1) * rng.standard_normal(d)
        X[i] = [X[i - 1], -X[i - 1], 3.0 * X[i - 1], X[i - 1] * near, 0.0 * X[i]][i // 7 % 5]
    return X


def few(n: int, d: int, each: int) -> sparse.csr_array:
    """Draw so few values a row that dense rows would take gigabytes."""
    rng = np.random.default_rng(0)
    places, starts = rng.integers(0, d, n * each), np.arange(n + 1) * each
    X = sparse.csr_array((rng.random(n * each), places, starts), (n, d))
    X.sum_duplicates()
    return X


def unsorted(X: np.ndarray, rng: np.random.Generator) -> sparse.csr_matrix:
    """Return rows whose values stand in any order, some of them zeros and halves that add up."""
    out = sparse.csr_matrix(X)
    indices, data, indptr = [], [], [0]
    for i in range(X.shape[0]):
        places = np.repeat(out.indices[out.indptr[i] : out.indptr[i + 1]], 2)
        values = np.repeat(out.data[out.indptr[i] : out.indptr[i + 1]] / 2, 2)
        zeros = rng.integers(0, X.shape[1], 2)
        places, values = np.append(places, zeros), np.append(values, np.zeros(2, X.dtype))
        order = rng.permutation(len(places))
        indices.append(places[order])
        data.append(values[order])
        indptr.append(indptr[-1] + len(places))
    parts = np.concatenate(data).astype(X.dtype), np.concatenate(indices).astype(np.int64), np.array(indptr, np.int64)
    found = sparse.csr_matrix(parts, X.shape)
    found.indices, found.indptr = parts[1], parts[2]
    return found


def tolerance(kernel: kernels.Kernel, dtype: type) -> float:
    # Of order eps n: sums of some tens of terms, and functions whose slope is of order one, or the root of what
    # differences round to. Those of the dense tiles are held to 1e-12 and 1e-5 by tests of their own.
    return 1e-12 if dtype == np.float64 else 2e-5


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("kernel", KERNELS, ids=repr)
def test_values_are_those_of_dense_rows(kernel, dtype):
    for seed, (n, m, d, scale) in enumerate([(30, 230, 40, 1.0), (101, 97, 700, 0.2), (5, 4, 3, 5.0), (1, 1, 1, 1.0)]):
        rng = np.random.default_rng(seed)
        X = drawn(rng, n, d, scale).astype(dtype)
        Y = np.vstack([X, drawn(rng, m, d, scale)])[-m:].astype(dtype)
        x, y = sparse.csr_array(X), sparse.csc_matrix(Y)
        size = np.sqrt(np.outer(kernel.diag(X), kernel.diag(Y)))
        own = np.sqrt(np.outer(kernel.diag(X), kernel.diag(X)))
        close = tolerance(kernel, dtype)
        assert kernel(x, y).dtype == dtype
        assert (np.abs(kernel(x, y) - kernel(X, Y)) <= close * size).all()
        K = kernel(x)
        assert (np.abs(K - kernel(X)) <= close * own).all()
        np.testing.assert_array_equal(K, K.T)
        np.testing.assert_array_equal(K.diagonal(), kernel.diag(x))
        # With a copy of themselves they are not known to be the same.
        np.testing.assert_array_equal(kernel(x, x.copy()), K)
        V = rng.standard_normal((m, 2)).astype(dtype)
        bound = close * (size @ np.abs(V)) * 4
        assert (np.abs(kernel.dot(x, y, V) - kernel.dot(X, Y, V)) <= bound + 1e-30).all()


def test_values_stored_in_any_way_are_the_same_rows():
    rng = np.random.default_rng(1)
    for dtype in (np.float64, np.float32):
        X = drawn(rng, 40, 60, 1.0).astype(dtype)
        given = unsorted(X, rng)
        before = given.data.copy(), given.indices.copy()
        for kernel in (kernels.RBF(), kernels.NTK(2), kernels.Linear()):
            # Halves add up exactly.
            np.testing.assert_array_equal(kernel(given), kernel(sparse.csr_matrix(X)))
            for form in ("coo", "csc", "lil", "dok"):
                np.testing.assert_array_equal(kernel(sparse.csr_matrix(X).asformat(form)), kernel(sparse.csr_array(X)))
        np.testing.assert_array_equal(given.data, before[0])
        np.testing.assert_array_equal(given.indices, before[1])


def test_sparse_and_dense_rows_together():
    rng = np.random.default_rng(2)
    X, Y = drawn(rng, 20, 30, 1.0), drawn(rng, 25, 30, 1.0)
    kernel = kernels.Matern()
    for one, other in ((sparse.csr_matrix(X), Y), (X, sparse.csr_matrix(Y))):
        np.testing.assert_allclose(kernel(one, other), kernel(X, Y), rtol=1e-12)
    integers = sparse.csr_matrix((X * 3).astype(int))
    np.testing.assert_allclose(kernel(integers), kernel(integers.toarray()), rtol=1e-12)


@pytest.mark.parametrize("kernel", [kernels.RBF(gamma=0.3), kernels.NTK(depth=3, bias_variance=0.2)], ids=repr)
def test_the_bits_are_those_of_any_number_of_threads(kernel):
    rng = np.random.default_rng(3)
    # More work than one thread takes for itself, and more columns than are worked on at once.
    Y = few(4700, 3000, 60)
    X = Y[:500]
    V, before = rng.standard_normal((3000, 3)), get_num_threads()
    found = []
    try:
        for threads in (1, 2, 3):
            set_num_threads(threads)
            out, turned = np.empty((4700, 3)), np.empty((3000, 3))
            _core.sparse_product(sparse_arrays(Y), V, out)
            _core.sparse_transposed(sparse_arrays(Y), 3000, out, turned)
            found.append((kernel(X, Y), kernel(X), kernel.diag(Y), out, turned))
    finally:
        set_num_threads(before)
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(found[0][0][:, :500], found[0][1])


@pytest.mark.parametrize("t", [0, 1, 2, 3, 7, 8, 15, 21])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_products_are_those_of_the_dense_matrix(t, dtype):
    rng = np.random.default_rng(t)
    X = drawn(rng, 300, 170, 1.0).astype(dtype)
    X[:, 5] = X[:, 169] = 1.0
    V, U = rng.standard_normal((170, t)), rng.standard_normal((300, t))
    rows, out, turned = sparse_arrays(sparse.csr_matrix(X)), np.full((300, t), np.nan), np.full((170, t), np.nan)
    _core.sparse_product(rows, V, out)
    _core.sparse_transposed(rows, 170, U, turned)
    np.testing.assert_allclose(out, X.astype(np.float64) @ V, rtol=0, atol=1e-12)
    np.testing.assert_allclose(turned, X.T.astype(np.float64) @ U, rtol=0, atol=1e-12)


def test_rows_of_nets_and_functions_are_refused():
    X = sparse.csr_matrix(np.eye(3))
    net = TwoLayer(np.ones((2, 3)), np.zeros(2), np.ones((2, 1)), "relu")
    refused = [TangentKernel(net), kernels.RBF() + TangentKernel(net), kernels.Empirical(lambda x: x)]
    refused += [kernels.as_kernel(lambda x, y: x @ y.T), kernels.NNGP(activation=(np.tanh,)), kernels.CyclicAverage()]
    for kernel in refused:
        assert not kernel.takes_sparse
        for call in (kernel, kernel.diag, lambda x, k=kernel: k.dot(x, None, np.ones(3)), lambda x, k=kernel: k(x, x)):
            with pytest.raises(TypeError, match="toarray"):
                call(X)
    assert all(kernel.takes_sparse for kernel in KERNELS)
    spec = kernels.FiniteRF(4).spec(3)
    with pytest.raises(ValueError, match="toarray"):
        _core.sparse_gram(spec, sparse_arrays(X), None, 3, np.empty((3, 3)))


def test_rows_of_any_size():
    rng = np.random.default_rng(5)
    X = drawn(rng, 12, 20, 1.0)
    for scale in (1e-100, 1e100):
        for kernel in (kernels.ArcCosine(1), kernels.NTK(2), kernels.Laplace(gamma=0.3 / scale)):
            rows = sparse.csr_matrix(X * scale)
            size = np.sqrt(kernel.diag(X * scale))
            assert (np.abs(kernel(rows) - kernel(X * scale)) <= 1e-12 * np.outer(size, size)).all()
    # Squares underflow float32, and are taken in float64; those of float64 have nowhere to go.
    tiny = (X * 1e-25).astype(np.float32)
    for kernel in (kernels.Laplace(gamma=3e24), kernels.ArcCosine(0)):
        np.testing.assert_allclose(kernel(sparse.csr_matrix(tiny)), kernel(tiny), atol=1e-6)
        np.testing.assert_allclose(kernel.diag(sparse.csr_matrix(tiny)), kernel.diag(tiny), atol=1e-6)
    with pytest.raises(ValueError, match="scale X up"):
        kernels.RBF()(sparse.csr_matrix(X * 1e-170))
    with pytest.raises(ValueError, match="scale X down"):
        kernels.RBF()(sparse.csr_matrix(X * 1e170))


def test_no_row_is_made_dense(monkeypatch):
    # 600 dense rows of 2,000,000 columns take 9.6 GB.
    X = few(600, 2_000_000, 40)
    monkeypatch.setenv("WIDELEARN_MAX_MEMORY", "100M")
    for kernel in (kernels.RBF(gamma=0.1), kernels.NTK(2), kernels.Laplace(gamma=0.1, norm=1)):
        K = kernel(X)
        assert np.linalg.eigvalsh(K).min() > -1e-9 * np.trace(K)
        np.testing.assert_allclose(kernel.operator(X) @ np.ones(600), K.sum(axis=1), rtol=1e-10)


def test_the_core_refuses_what_does_not_fit():
    indptr, indices, values = np.array([0, 2]), np.array([1, 0], np.int32), np.ones(2)
    out = np.empty((1, 1))
    for call in (
        lambda rows: _core.sparse_gram(specs.Linear(), rows, None, 2, out),
        lambda rows: _core.sparse_diag(specs.Linear(), rows, 2, out[0]),
        lambda rows: _core.sparse_transposed(rows, 2, np.ones((1, 1)), np.empty((2, 1))),
    ):
        with pytest.raises(ValueError, match="columns of row 0 do not rise"):
            call((indptr, indices, values))
        with pytest.raises(ValueError, match="column 7 is not one of 2"):
            call((indptr, np.array([0, 7], np.int32), values))
    rows = indptr, np.array([0, 1], np.int32), values
    for wrong in (
        lambda: _core.sparse_product(rows, np.ones((3, 1)), np.empty((2, 1))),
        lambda: _core.sparse_product(rows, np.ones((1, 1)), out),
        lambda: _core.sparse_transposed(rows, 2, np.ones((2, 1)), np.empty((2, 1))),
        lambda: _core.sparse_transposed(rows, 2, np.ones((1, 1)), np.empty((3, 1))),
        lambda: _core.sparse_gram(specs.Linear(), rows, rows, 2, np.empty((1, 2))),
        lambda: _core.sparse_diag(specs.Linear(), rows, 2, np.empty(2)),
        lambda: _core.sparse_gram(specs.Linear(), rows, None, -1, out),
    ):
        with pytest.raises(ValueError, match=r"expected|is not one of|out of range"):
            wrong()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_length_for_each_column(dtype):
    for seed, (n, d, scale) in enumerate([(60, 40, 1.0), (30, 700, 0.2), (5, 1, 5.0)]):
        rng = np.random.default_rng(seed)
        lengths = 10.0 ** rng.uniform(-1, 1, d)
        for kernel in (
            kernels.RBF(lengths / d),
            kernels.Laplace(lengths / d),
            kernels.Laplace(lengths / d, norm=1),
            kernels.Matern(lengths * d**0.5, nu=2.5),
            kernels.Sum(kernels.RBF(lengths / d), kernels.Linear()),
            kernels.Columns(kernels.RBF(lengths[:1]), [0]),
        ):
            X = drawn(rng, n, d, scale).astype(dtype)
            rows, size = unsorted(X, rng), np.sqrt(kernel.diag(X))
            assert kernel.takes_sparse
            K, V = kernel(rows), rng.standard_normal((n, 2)).astype(dtype)
            assert K.dtype == dtype
            assert (np.abs(K - kernel(X)) <= tolerance(kernel, dtype) * np.outer(size, size)).all()
            np.testing.assert_array_equal(kernel.diag(rows), K.diagonal())
            bound = 4 * tolerance(kernel, dtype) * np.outer(size, size) @ np.abs(V)
            assert (np.abs(kernel.dot(rows, None, V) - kernel.dot(X, None, V)) <= bound + 1e-30).all()
    with pytest.raises(ValueError, match="at row 1"):
        kernels.RBF([1e300, 1.0])(sparse.csr_matrix(np.array([[1.0, 1.0], [1e200, 1.0]])))
    with pytest.raises(ValueError, match="rows have 2 columns"):
        kernels.RBF([1.0])(sparse.csr_matrix(np.eye(2)))


def test_tiles_of_neurons_are_one_matrix(monkeypatch):
    monkeypatch.setattr(finite, "TILE_ROWS", 7)
    X, Y = few(40, 300, 12), few(33, 300, 12)
    for kernel in (kernels.FiniteRF(20), kernels.FiniteNTK(20)):
        K = kernel(X)
        np.testing.assert_array_equal(K, K.T)
        np.testing.assert_array_equal(K.diagonal(), kernel.diag(X))
        np.testing.assert_allclose(K, kernel(X.toarray()), rtol=0, atol=1e-12 * K.max())
        np.testing.assert_allclose(kernel(X, Y), kernel(X.toarray(), Y.toarray()), rtol=0, atol=1e-12 * K.max())
        np.testing.assert_allclose(kernel.dot(X, Y, np.ones(33)), kernel(X, Y).sum(axis=1), rtol=1e-12)
