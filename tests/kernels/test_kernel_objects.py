"""Kernels as objects: their algebra, their parameters, and what rows they take."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone

from widelearn import KernelRidge, kernels
from widelearn.kernels import NNGP, NTK, RBF, ArcCosine, Constant, Linear, Polynomial, Product, Sum, as_kernel
from widelearn.runtime import NumberOverflowError

# The algebra.


def test_sums_products_and_multiples(rng):
    X, Y = rng.standard_normal((10, 3)), rng.standard_normal((8, 3))
    a, b = RBF(), NTK(2)
    assert a + b == Sum(a, b)
    assert a * b == Product(a, b)
    assert 2.0 * a == 2 * a == np.float64(2.0) * a == Product(Constant(value=2.0), a)
    assert a * 2.0 == Product(a, Constant(value=2.0))
    assert 1.0 + a == Sum(Constant(value=1.0), a)
    np.testing.assert_allclose((a + b)(X, Y), a(X, Y) + b(X, Y), rtol=1e-14)
    np.testing.assert_allclose((a * b)(X, Y), a(X, Y) * b(X, Y), rtol=1e-14)
    np.testing.assert_allclose((2.0 * a + b * 3)(X, Y), 2 * a(X, Y) + 3 * b(X, Y), rtol=1e-14)
    np.testing.assert_allclose(Sum("rbf", b)(X, Y), (a + b)(X, Y), rtol=0)


@pytest.mark.parametrize("other", [np.ones(3), "rbf", True, None, [1.0]])
def test_nothing_else_is_a_term(other):
    for combine in (lambda: RBF() + other, lambda: other + RBF(), lambda: RBF() * other, lambda: other * RBF()):
        with pytest.raises(TypeError):
            combine()


def euclidean(X, Y):
    return np.exp(-np.sqrt(((X[:, None] - Y[None]) ** 2).sum(axis=2)))


def test_functions_are_kernels(rng):
    X, Y, V = rng.standard_normal((10, 3)), rng.standard_normal((300, 3)), rng.standard_normal((300, 2))
    kernel = as_kernel(euclidean)
    for mixed, wanted in (
        (kernel, euclidean),
        (Sum(RBF(), euclidean), lambda X, Y: RBF()(X, Y) + euclidean(X, Y)),
        (RBF() * kernel, lambda X, Y: RBF()(X, Y) * euclidean(X, Y)),
        (2.0 * kernel + Linear(), lambda X, Y: 2 * euclidean(X, Y) + X @ Y.T),
        (RBF() + euclidean, lambda X, Y: RBF()(X, Y) + euclidean(X, Y)),
    ):
        np.testing.assert_allclose(mixed(X, Y), wanted(X, Y), rtol=1e-13)
        np.testing.assert_allclose(mixed(X), wanted(X, X), rtol=1e-13)
        np.testing.assert_allclose(mixed.diag(X), np.diag(wanted(X, X)), rtol=1e-13)
        np.testing.assert_allclose(mixed.dot(X, Y, V), wanted(X, Y) @ V, rtol=1e-11)
        assert clone(mixed) == mixed
    assert kernel(X.astype(np.float32)).dtype == np.float32


@pytest.mark.parametrize(
    ("function", "error_type", "match"),
    [
        (lambda X, Y: float(X[0] @ Y[0]), ValueError, r"shape \(\) for 4 and 4 rows"),
        (lambda X, Y: (X @ Y.T).T[:2], ValueError, r"two blocks of rows and return \(4, 4\)"),
        (lambda X, Y: np.full((len(X), len(Y)), np.nan), ValueError, "NaN or infinity"),
        (lambda X, Y: (X @ Y.T) * 1j, TypeError, "complex"),
    ],
)
def test_functions_that_are_no_kernels(function, error_type, match, rng):
    class OnceKernel:
        def __call__(self, X, Y):
            return function(X, Y) if len(X) > 1 else np.ones((len(X), len(Y)))

    with pytest.raises(error_type, match=match):
        as_kernel(OnceKernel())(rng.standard_normal((4, 2)))


def test_names():
    names = {"linear": Linear(), "polynomial": Polynomial(), "rbf": RBF(), "nngp": NNGP(), "ntk": NTK()}
    for name, kernel in names.items():
        assert as_kernel(name) == kernel
    assert as_kernel(None, NTK(3)) == NTK(3)
    own = RBF(gamma=2.0)
    assert as_kernel(own) is own
    with pytest.raises(ValueError, match=r"Unknown kernel 'gauss'\. The names are: .*linear, nngp, ntk, .*rbf"):
        as_kernel("gauss")
    for wrong in (3.0, RBF, None, ["rbf"]):
        with pytest.raises(TypeError, match=r"object of widelearn\.kernels, a name or a function"):
            as_kernel(wrong)


# Parameters.

EVERY = [Linear(), Polynomial(2), RBF(0.1), ArcCosine(2), NNGP(2), NTK(3, bias_variance=0.5), Constant(3.0)]
EVERY += [RBF() + NTK(2), 2.0 * ArcCosine(0) * Linear()]


@pytest.mark.parametrize("kernel", EVERY, ids=repr)
def test_parameter_objects(kernel):
    names = {name: getattr(kernels, name) for name in kernels.__all__}
    for copy in (clone(kernel), pickle.loads(pickle.dumps(kernel)), eval(repr(kernel), names)):
        assert copy == kernel
        assert copy is not kernel
        assert hash(copy) == hash(kernel)
        assert repr(copy) == repr(kernel)
    assert len({kernel, clone(kernel), RBF(gamma=77.0)}) == 2
    assert all(kernel != other for other in EVERY if other is not kernel)
    assert kernel != 3
    assert kernel.set_params(**kernel.get_params()) is kernel


def test_nested_parameters():
    kernel = NTK(2) + RBF() * Constant(2.0)
    assert kernel.get_params()["k1__depth"] == 2
    assert kernel.get_params()["k2__k2__value"] == 2.0
    assert set(kernel.get_params(deep=False)) == {"k1", "k2"}
    kernel.set_params(k1__depth=5, k2__k2__value=3.0)
    assert kernel == NTK(5) + RBF() * Constant(3.0)
    kernel.set_params(k1=RBF(), k1__gamma=7.0)
    assert kernel.k1 == RBF(gamma=7.0)
    for wrong in ("gamma", "k1__depth", "k3__gamma", "k1__gamma__x"):
        with pytest.raises(ValueError, match="Invalid parameter"):
            kernel.set_params(**{wrong: 1})


@pytest.mark.parametrize(
    ("kernel", "error_type", "match"),
    [
        (RBF(gamma=-1.0), ValueError, "gamma"),
        (RBF(gamma=np.nan), ValueError, "gamma"),
        (RBF(gamma="scale"), ValueError, "RBF: gamma='scale' is read from the rows that an estimator is fitted to"),
        (RBF(gamma="wide"), ValueError, "RBF: gamma must be a number, one for each column, or 'scale'"),
        (RBF(gamma=True), TypeError, "RBF: gamma must be a number, got True"),
        (Polynomial(degree=2.5), TypeError, "Polynomial: degree must be an integer, got 2.5"),
        (Polynomial(degree=-1), ValueError, "degree must not be negative, got -1"),
        (ArcCosine(order=3), ValueError, "order"),
        (NTK(depth=0), ValueError, "depth"),
        (NTK(depth=True), TypeError, "depth"),
        (NTK(activation="gelu_"), ValueError, "gelu_"),
        (NTK(activation=None), TypeError, "activation"),
        (NNGP(weight_variance=-1.0), ValueError, "weight_variance"),
        (NNGP(bias_variance=-1.0), ValueError, "bias_variance"),
        (Constant(value=np.inf), ValueError, "value"),
        (Linear() + RBF(gamma=-1.0), ValueError, "gamma"),
    ],
    ids=repr,
)
def test_wrong_parameters(kernel, error_type, match):
    X = np.eye(3)
    for call in (kernel, kernel.diag, lambda X: kernel.operator(X).diag(), lambda X: kernel.dot(X, X, X)):
        with pytest.raises(error_type, match=match):
            call(X)


def test_defaults_scale_with_the_dimension():
    X = np.arange(8.0).reshape(2, 4)
    np.testing.assert_array_equal(RBF()(X), RBF(gamma=0.25)(X))
    np.testing.assert_array_equal(Polynomial()(X), Polynomial(3, 0.25, 1.0)(X))


# What may come in.


def odd(X):
    """Name -> the same rows in another guise."""
    wide = np.zeros((2 * X.shape[0], 3 * X.shape[1]))
    wide[::2, ::3] = X
    buffer = np.zeros(X.nbytes + 1, np.uint8)[1:].view()
    misaligned = np.frombuffer(buffer.data, dtype=float).reshape(X.shape)
    misaligned[:] = X
    frozen = X.copy()
    frozen.flags.writeable = False
    return {
        "Fortran": np.asfortranarray(X),
        "strided": wide[::2, ::3],
        "reversed": X[::-1][::-1],
        "read-only": frozen,
        "misaligned": misaligned,
        "big-endian": X.astype(">f8"),
        "object": X.astype(object),
        "list": X.tolist(),
        "long double": X.astype(np.longdouble),
        "pandas": pd.DataFrame(X),
        "polars": pl.DataFrame(X),
        "big-endian single": X.astype(">f4"),
        "half": X.astype(np.float16),
        "integer": X.astype(int),
        "bool": X > 0,
    }


@pytest.mark.parametrize("guise", odd(np.eye(2)))
def test_guises(guise):
    X = np.arange(12.0).reshape(4, 3) - 5
    given = odd(X)[guise]
    X = X > 0 if guise == "bool" else X
    for kernel in (RBF(), NTK(2)):
        values = kernel(given)
        assert values.dtype == np.float64
        np.testing.assert_array_equal(values, kernel(X.astype(float)))
        np.testing.assert_array_equal(kernel(given, given[:2]) if guise != "polars" else values[:, :2], values[:, :2])


def test_mixed_precision_is_double(rng):
    X = rng.standard_normal((4, 3))
    x = X.astype(np.float32)
    assert RBF()(x).dtype == RBF()(x, x[:2]).dtype == np.float32
    assert RBF()(x, X).dtype == RBF()(X, x).dtype == np.float64
    np.testing.assert_array_equal(RBF()(x, X), RBF()(x.astype(float), X))


@pytest.mark.parametrize(
    ("X", "match"),
    [
        (np.array([[1.0, np.nan]]), "contains NaN"),
        (np.array([[1.0, np.inf]]), "contains infinity"),
        (np.empty((0, 3)), r"0 sample\(s\)"),
        (np.empty((3, 0)), r"0 feature\(s\)"),
        (np.empty(0), r"0 feature\(s\)"),
        (np.ones((2, 2), complex), "Complex data not supported"),
        (np.ones((2, 2, 2)), "3"),
        (3.0, "Expected 2D array"),
        ([["a", "b"]], "could not convert string"),
        ([[1.0], [1.0, 2.0]], "inhomogeneous|sequence"),
    ],
    ids=str,
)
def test_refused(X, match):
    for call in (RBF(), RBF().diag, NTK(), lambda X: RBF()(np.eye(2), X), lambda X: Linear().dot(X, None, [1.0])):
        with pytest.raises(ValueError, match=match):
            call(X)


@pytest.mark.parametrize(("size", "dtype"), [(1e200, np.float64), (1e30, np.float32)])
def test_overflowing_rows_are_refused(size, dtype):
    X, one = np.full((2, 2), size, dtype), np.eye(2, dtype=dtype)
    for call in (RBF(), RBF().diag, NTK(), lambda X: RBF()(one, X), lambda X: Linear().dot(X, None, one)):
        with pytest.raises(
            NumberOverflowError, match=f"row 0 .* beyond the largest {np.dtype(dtype)} number; scale X down"
        ):
            call(X)


def test_overflowing_values_are_refused_by_row():
    X = np.array([[1.0], [1e60]])
    with pytest.raises(ValueError, match="row 1 of X"):
        Polynomial(degree=6)(X)
    with pytest.raises(ValueError, match="row 1 of Y"):
        Polynomial(degree=6)(X[:1], X)
    with pytest.raises(ValueError, match="row 1 of X"):
        Polynomial(degree=6).diag(X)


def test_far_and_tiny_rows_are_fine():
    X = np.array([[0.0], [1e150], [1e-200], [5e-324]])
    np.testing.assert_array_equal(RBF()(X)[1], [0.0, 1.0, 0.0, 0.0])
    assert np.isfinite(NTK(3)(X)).all()


def test_features_must_agree():
    with pytest.raises(ValueError, match="X has 3 features, but Y has 2"):
        RBF()(np.eye(3), np.eye(2))
    with pytest.raises(ValueError, match=r"V has shape \(2, 2\), but K\(X, Y\) has 3 columns"):
        RBF().dot(np.eye(3), None, np.eye(2))
    with pytest.raises(ValueError, match=r"V has shape \(\)"):
        RBF().dot(np.eye(3), None, 1.0)


def test_one_row_drops_its_axis(rng):
    X = rng.standard_normal((5, 3))
    K = NTK()(X)
    assert NTK()(X[0], X[1]) == K[0, 1]
    assert np.ndim(NTK()(X[0].tolist())) == 0
    np.testing.assert_array_equal(NTK()(X[0], X), NTK()(X[:1], X)[0])
    np.testing.assert_array_equal(NTK()(X, X[0]), NTK()(X, X[:1])[:, 0])
    assert NTK().diag(X[2]) == K[2, 2]
    with pytest.raises(ValueError, match="Y has 2"):
        NTK()(X[0], X[1, :2])


def test_products_with_the_same_rows(rng):
    X, V = rng.standard_normal((300, 4)), rng.standard_normal((300, 2))
    kernel = RBF(gamma=0.3)
    # The same object stands for None, whose products use each tile twice and add up in another order than a copy's.
    assert np.array_equal(kernel.dot(X, X, V), kernel.dot(X, None, V))
    np.testing.assert_allclose(kernel.dot(X, X.copy(), V), kernel.dot(X, X, V), rtol=1e-11, atol=1e-11)
    model = KernelRidge(kernel).fit(X, V)
    assert np.array_equal(model.predict(X), model.predict(X.copy()))
