"""Kernels of some columns: the kernel of those columns, alone and in sums and products, of dense and sparse rows."""

import pickle

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone

import widelearn as wl
from widelearn.kernels import NTK, RBF, Columns, CyclicAverage, Laplace, Linear, Matern, as_kernel
from widelearn.kernels.radial import settled

RNG = np.random.default_rng(0)
X, Y, V = RNG.standard_normal((30, 6)), RNG.standard_normal((300, 6)), RNG.standard_normal((300, 2))
SPARSE = sparse.random(30, 6, 0.5, format="csr", random_state=0)
PLACES = [4, 0, -1]
MASK = [False, True, False, True, False, False]


def cosines(A, B):
    return np.cos(A[:, None] - B[None]).sum(axis=2)


INNER = [RBF(), NTK(2), Linear(), Laplace(norm=1), Matern(length_scale=(1.0, 2.0, 0.5)), cosines]


def forms(inner):
    """Kernels made of one that sees some columns, and what they are by the kernel of these alone."""
    kernel, plain = Columns(inner, PLACES), as_kernel(inner)

    def seen(A, B):
        return plain(A[:, [4, 0, 5]], B[:, [4, 0, 5]])

    yield kernel, seen
    yield 0.5 * kernel, lambda A, B: 0.5 * seen(A, B)
    yield kernel * 2.0 + Linear(), lambda A, B: 2.0 * seen(A, B) + A @ B.T
    yield kernel * Columns("rbf", 1), lambda A, B: seen(A, B) * RBF()(A[:, 1:2], B[:, 1:2])
    yield Columns(kernel + 1.0), lambda A, B: seen(A, B) + 1.0


@pytest.mark.parametrize("inner", INNER, ids=lambda inner: type(inner).__name__)
def test_values_are_those_of_the_columns_alone(inner):
    # Both sides compute the same kernel of the same numbers; what is added and multiplied rounds once or twice.
    for kernel, plain in forms(inner):
        np.testing.assert_allclose(kernel(X, Y), plain(X, Y), rtol=1e-14, atol=1e-14)
        np.testing.assert_allclose(kernel(X), plain(X, X), rtol=1e-14, atol=1e-14)
        np.testing.assert_array_equal(kernel(X), kernel(X).T)
        np.testing.assert_array_equal(kernel.diag(X), kernel(X).diagonal())
        # 300 products of numbers of order 1.
        np.testing.assert_allclose(kernel.dot(X, Y, V), plain(X, Y) @ V, rtol=1e-11, atol=1e-12)
        assert kernel(X.astype(np.float32)).dtype == np.float32
        assert float(kernel(X[0], Y[0])) == pytest.approx(float(plain(X[:1], Y[:1])[0, 0]), rel=1e-14)


@pytest.mark.parametrize("inner", INNER, ids=lambda inner: type(inner).__name__)
def test_sparse_rows_stay_sparse_where_the_kernel_takes_them(inner, monkeypatch):
    dense = SPARSE.toarray()
    for kernel, plain in forms(inner):
        assert kernel.takes_sparse == as_kernel(inner).takes_sparse
        if not kernel.takes_sparse:
            with pytest.raises(TypeError, match="takes dense rows"):
                kernel(SPARSE)
            continue
        with monkeypatch.context() as patch:
            patch.setattr(sparse.csr_matrix, "toarray", None)
            found = kernel(SPARSE), kernel(SPARSE, SPARSE[:7]), kernel.diag(SPARSE), kernel.dot(SPARSE, None, V[:30])
        whole = plain(dense, dense)
        for one, wanted in zip(found, (whole, whole[:, :7], whole.diagonal(), whole @ V[:30]), strict=True):
            np.testing.assert_allclose(one, wanted, rtol=1e-12, atol=1e-12)


def test_products_hold_no_matrix_of_all_rows():
    kernel = 0.5 * Columns("rbf", [0, 1]) + Columns("linear", [2])
    many = RNG.standard_normal((20_000, 3))
    # 3.2 GB as a matrix.
    found = kernel.dot(many, None, np.ones(20_000))
    wanted = 0.5 * RBF()(many[:3, :2], many[:, :2]).sum(axis=1) + many[:3, 2] * many[:, 2].sum()
    np.testing.assert_allclose(found[:3], wanted, rtol=1e-11)


@pytest.mark.parametrize("columns", [[1, 3], (1, 3), range(1, 4, 2), np.array([1, 3]), [-5, -3], MASK], ids=str)
def test_columns_are_named_in_many_ways(columns):
    kernel = Columns("rbf", columns)
    np.testing.assert_array_equal(kernel(X), RBF()(X[:, [1, 3]]))
    assert kernel == clone(kernel) == pickle.loads(pickle.dumps(kernel))
    assert hash(kernel) == hash(clone(kernel))
    assert kernel != Columns("rbf", [1, 2])


def test_none_means_all_and_a_number_one():
    np.testing.assert_array_equal(Columns("rbf")(X), RBF()(X))
    np.testing.assert_array_equal(Columns("rbf", 2)(X), RBF()(X[:, [2]]))
    assert repr(Columns(RBF(gamma=0.1), [0, 2])) == "Columns(kernel=RBF(gamma=0.1), columns=[0, 2])"


@pytest.mark.parametrize(
    ("columns", "error", "match"),
    [
        ("age", TypeError, "whole numbers or booleans, got 'age'"),
        ([0.0, 1.0], TypeError, "whole numbers or booleans"),
        (slice(2), TypeError, "whole numbers or booleans"),
        ([0, 6], ValueError, "no column 6, rows have 6: 0 to 5, or -6 to -1"),
        ([-7], ValueError, "no column -7"),
        ([True, False], ValueError, r"booleans of shape \(2,\), but rows have 6"),
        (np.zeros(6, bool), ValueError, "at least one column"),
        ([], ValueError, "at least one column"),
        ([[0], [1, 2]], TypeError, "whole numbers or booleans"),
        ([[0, 1], [2, 3]], ValueError, "one axis"),
    ],
)
def test_wrong_columns_are_refused(columns, error, match):
    for call in (lambda kernel: kernel(X), lambda kernel: wl.KernelRidge(kernel).fit(X, X[:, 0])):
        with pytest.raises(error, match=match):
            call(Columns("rbf", columns))


def test_what_is_read_of_rows_is_read_of_the_columns():
    kernel = settled(Columns(RBF("scale"), [0, 2]) + RBF(1.0), X)
    assert kernel.k1.columns == [0, 2]
    assert kernel.k1.kernel.gamma == pytest.approx(1 / (2 * X[:, [0, 2]].var()), rel=1e-12)


def test_what_takes_other_kernels_refuses_it_by_name():
    with pytest.raises(ValueError, match=r"Columns.* may change"):
        CyclicAverage(Columns("rbf", 0))(X)
    with pytest.raises(ValueError, match=r"gradient of Columns"):
        wl.RecursiveFeatureMachine(Columns("rbf", [0, 1])).fit(X, X[:, 0])
    with pytest.raises(ValueError, match=r"Columns\(columns=\[0, 1\]\) has no spectral measure"):
        wl.FourierFeatures(Columns("rbf", [0, 1])).fit(X)


def test_estimators_take_it():
    kernel, y = Columns(RBF(gamma=1.0), [0, 1]) + 0.1 * Columns("linear", [2]), np.sin(X[:, 0]) + X[:, 2]
    model = wl.KernelRidge(kernel, alpha=0.1).fit(X, y)
    assert clone(model).set_params(kernel__k1__kernel__gamma=2.0).kernel.k1.kernel.gamma == 2.0
    precomputed = wl.KernelRidge("precomputed", alpha=0.1).fit(kernel(X), y)
    np.testing.assert_allclose(model.predict(Y), precomputed.predict(kernel(Y, X)), rtol=1e-10, atol=1e-12)
    iterated = wl.KernelRidge(kernel, alpha=0.1, solver="pcg").fit(X, y)
    # The certificate of the iterations: a relative residual of 1e-8.
    np.testing.assert_allclose(iterated.predict(Y), precomputed.predict(kernel(Y, X)), rtol=1e-5, atol=1e-6)
    rows = wl.KernelRidge(kernel, alpha=0.1).fit(SPARSE, y)
    dense = wl.KernelRidge(kernel, alpha=0.1).fit(SPARSE.toarray(), y)
    np.testing.assert_allclose(rows.predict(SPARSE), dense.predict(SPARSE.toarray()), rtol=1e-9, atol=1e-11)
    features = wl.NystromFeatures(kernel, n_components=30, random_state=0).fit_transform(X)
    np.testing.assert_allclose(features @ features.T, kernel(X), rtol=1e-7, atol=1e-7)
