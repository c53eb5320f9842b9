"""Kernels against the oracle, for rows that are equal, nearly equal, opposite, orthogonal, zero or of any norm."""

import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.base import clone
from sklearn.gaussian_process import kernels as gp
from sklearn.metrics import pairwise

import reference
from widelearn import kernels
from widelearn.kernels import NNGP, NTK, RBF, ArcCosine, Constant, Linear, Polynomial, Product, Sum, as_kernel

D = 7
ORACLES = {
    "linear": (Linear(), reference.linear),
    "polynomial": (Polynomial(), lambda X, Y: reference.polynomial(X, Y, 3, 1 / X.shape[1], 1.0)),
    "polynomial-2": (Polynomial(2, 0.3, 0.0), lambda X, Y: reference.polynomial(X, Y, 2, 0.3, 0.0)),
    "rbf": (RBF(), lambda X, Y: reference.rbf(X, Y, 1 / X.shape[1])),
    "rbf-narrow": (RBF(gamma=3.0), lambda X, Y: reference.rbf(X, Y, 3.0)),
    **{f"arccos-{n}": (ArcCosine(n), lambda X, Y, n=n: reference.arccosine(X, Y, n)) for n in (0, 1, 2)},
    **{
        f"{name}-{depth}-{w}-{b}": (
            kernel(depth=depth, weight_variance=w, bias_variance=b),
            lambda X, Y, oracle=oracle, depth=depth, w=w, b=b: oracle(X, Y, depth, w, b),
        )
        for name, kernel, oracle in (("nngp", NNGP, reference.nngp), ("ntk", NTK, reference.ntk))
        for depth, w, b in ((1, 1.0, 0.0), (3, 2.0, 0.0), (2, 1.5, 0.3), (10, 2.0, 0.1))
    },
    "sum": (RBF(0.2) + 2.0 * NTK(2), lambda X, Y: reference.rbf(X, Y, 0.2) + 2 * reference.ntk(X, Y, 2)),
    "product": (
        ArcCosine(0) * Polynomial(2, 0.1),
        lambda X, Y: reference.arccosine(X, Y, 0) * reference.polynomial(X, Y, 2, 0.1, 1.0),
    ),
    "constant": (Constant(1.5) * Linear(), lambda X, Y: 1.5 * reference.linear(X, Y)),
}
# Rounding of a double-precision evaluation: relative to sqrt(k(x, x) k(y, y)).
TOLERANCE = 1e-13


def directions(rng, n, d=D):
    u = rng.standard_normal((n, d))
    return u / np.linalg.norm(u, axis=1, keepdims=True)


def hard_pairs(seed=0):
    """Blocks of (X, Y) that a kernel written with inner products alone gets wrong."""
    rng = np.random.default_rng(seed)
    X, U = 2 * rng.standard_normal((6, D)), directions(rng, 6)
    size = np.linalg.norm(X, axis=1, keepdims=True)
    orthogonal = U - X * (U * X).sum(axis=1, keepdims=True) / size**2
    cases = {
        "plain": (X, rng.standard_normal((9, D))),
        "equal": (X, X.copy()),
        "opposite": (X, -X),
        "orthogonal": (X, orthogonal),
        "zero": (X, np.vstack([np.zeros((2, D)), X[:1]])),
        "both zero": (np.zeros((2, D)), np.zeros((3, D))),
        "norms": (X, U * np.logspace(-6, 3, 6)[:, None]),
        "parallel": (X, X * np.array([2.0, 1e-6, 1e3, 1 + 1e-9, 0.5, 1e-2])[:, None]),
        "parallel, tilted": (X, 3 * X + 1e-7 * size * U),
    }
    for power in range(3, 13):
        cases[f"near {power}"] = (X, X + 10.0**-power * size * U)
        cases[f"near opposite {power}"] = (X, -X + 10.0**-power * size * U)
    return cases


CASES = hard_pairs()


def error(values, oracle, X, Y):
    """Largest error relative to sqrt(k(x, x) k(y, y)), as the oracle has it."""
    wanted = oracle(X, Y)
    scale = np.sqrt(np.outer(*(np.diag(oracle(Z, Z)) for Z in (X, Y))))
    gap = np.abs(values - wanted)
    assert (gap[scale == 0] == 0).all()
    return float((gap / np.where(scale > 0, scale, 1)).max())


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", ORACLES)
def test_oracle(name, case):
    kernel, oracle = ORACLES[name]
    X, Y = CASES[case]
    assert error(kernel(X, Y), oracle, X, Y) < TOLERANCE
    both = np.vstack([X, Y])
    assert error(kernel(both), oracle, both, both) < TOLERANCE


@pytest.mark.parametrize("d", [1, 2, 100, 784])
@pytest.mark.parametrize("name", ORACLES)
def test_oracle_in_any_dimension(name, d, rng):
    kernel, oracle = ORACLES[name]
    X = rng.standard_normal((5, d)) * (D / d) ** 0.5
    Y = np.vstack([X + 1e-8 * rng.standard_normal((5, d)), rng.standard_normal((3, d)), -X[:1]])
    assert error(kernel(X, Y), oracle, X, Y) < TOLERANCE


@pytest.mark.parametrize("name", ORACLES)
def test_oracle_across_tiles(name, rng):
    kernel, oracle = ORACLES[name]
    X, Y = rng.standard_normal((803, 3)), rng.standard_normal((597, 3))
    i, j = ([0, 1, 62, 63, 64, 65, 127, 128, 191, 192, 193, 255, 256, 384, 511, 512, 513, last] for last in (802, 596))
    assert error(kernel(X, Y)[np.ix_(i, j)], oracle, X[i], Y[j]) < TOLERANCE
    assert error(kernel(X)[np.ix_(i, i)], oracle, X[i], X[i]) < TOLERANCE


@pytest.mark.parametrize("name", ORACLES)
def test_oracle_in_single_precision(name):
    kernel, oracle = ORACLES[name]
    for X, Y in CASES.values():
        x, y = X.astype(np.float32), Y.astype(np.float32)
        values = kernel(x, y)
        assert values.dtype == np.float32
        # The double tolerance times the ratio of the machine epsilons, 2^29.
        assert error(values, oracle, x, y) < TOLERANCE * 2**29


def test_peer():
    """NNGP and NTK of neural-tangents, recorded in golden/ntk_peer.npz, to its own precision."""
    golden = np.load(Path(__file__).parent / "golden" / "ntk_peer.npz")
    kinds = {"nngp": NNGP, "ntk": NTK}
    found = [key.split(":") for key in golden.files if ":relu:" in key]
    assert len(found) >= 4
    for kind, activation, w, b in found:
        for depth, wanted in enumerate(golden[f"{kind}:{activation}:{w}:{b}"], 1):
            kernel = kinds[kind](depth, weight_variance=float(w), bias_variance=float(b))
            np.testing.assert_allclose(kernel(golden["x"], golden["y"]), wanted, rtol=1e-10)


@pytest.mark.parametrize(
    ("kernel", "peer"),
    [
        (RBF(0.3), lambda X, Y: pairwise.rbf_kernel(X, Y, gamma=0.3)),
        (RBF(), pairwise.rbf_kernel),
        (Polynomial(), pairwise.polynomial_kernel),
        (Linear(), pairwise.linear_kernel),
        (RBF(0.5) + Constant(2.0), lambda X, Y: (gp.RBF() + gp.ConstantKernel(2.0))(X, Y)),
    ],
)
def test_scikit_learn_means_the_same(kernel, peer, rng):
    X, Y = rng.standard_normal((20, 4)), rng.standard_normal((30, 4))
    np.testing.assert_allclose(kernel(X, Y), peer(X, Y), rtol=1e-12)


# The values' bits do not depend on the number of threads, nor on the way they were asked for.


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kernel", [RBF(), NTK(3, bias_variance=0.1), ArcCosine(0) * Linear()])
def test_bits_for_any_number_of_threads(kernel, dtype, threads, rng):
    X, Y, V = (rng.standard_normal(shape).astype(dtype) for shape in ((701, 30), (450, 30), (450, 5)))
    seen = set()
    for k in (1, 2, 3, 4):
        threads(k)
        values = (kernel(X), kernel(X, Y), kernel.diag(X), kernel.dot(X, Y, V))
        seen.add(tuple(value.tobytes() for value in values))
    assert len(seen) == 1


@pytest.mark.parametrize("name", ORACLES)
def test_symmetric_with_its_diagonal(name, rng):
    kernel = ORACLES[name][0]
    X = rng.standard_normal((250, 4))
    X[7] = X[3]
    K, diag = kernel(X), kernel.diag(X)
    np.testing.assert_array_equal(K, K.T)
    np.testing.assert_array_equal(np.diag(K), diag)
    np.testing.assert_array_equal(np.diag(kernel(X, X.copy())), diag)
    assert K[7, 3] == diag[3]
    # Positive semidefinite to rounding: n eps times the largest eigenvalue.
    eigenvalues = np.linalg.eigvalsh(K)
    assert eigenvalues[0] > -250 * np.finfo(float).eps * eigenvalues[-1]


@pytest.mark.parametrize("name", ORACLES)
@pytest.mark.parametrize("t", [None, 1, 3, 40])
def test_products_without_the_matrix(name, t, rng):
    kernel = ORACLES[name][0]
    X, Y = rng.standard_normal((210, 4)), rng.standard_normal((330, 4))
    V = rng.standard_normal(330 if t is None else (330, t))
    K = kernel(X, Y)
    out = kernel.dot(X, Y, V)
    assert out.shape == (K @ V).shape
    # n eps times the sizes that are added up.
    np.testing.assert_allclose(out, K @ V, rtol=0, atol=330 * 2.3e-16 * np.abs(K).max() * np.abs(V).max())
    np.testing.assert_array_equal(kernel.dot(X[0], Y, V), kernel.dot(X[:1], Y, V)[0])


def test_operator(rng):
    X, V = rng.standard_normal((60, 3)), rng.standard_normal((60, 4))
    kernel = NTK(2)
    operator, K = kernel.operator(X), kernel(X)
    assert (operator.shape, operator.dtype) == (K.shape, K.dtype)
    for A in (operator, operator.T, operator.H):
        np.testing.assert_allclose(A @ V, K @ V, rtol=1e-12)
    np.testing.assert_allclose(operator.matvec(V[:, 0]), K @ V[:, 0], rtol=1e-12)
    np.testing.assert_array_equal(operator.diag(), np.diag(K))
    np.testing.assert_allclose(operator.columns([5, 0, 59]), K[:, [5, 0, 59]], rtol=1e-14)
    assert kernel.operator(X.astype(np.float32)).dtype == np.float32


def test_nothing_to_multiply(rng):
    X = rng.standard_normal((5, 2))
    assert RBF().dot(X, None, np.empty((5, 0))).shape == (5, 0)


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
    with pytest.raises(ValueError, match=r"Unknown kernel 'gauss'. The names are: linear, nngp, ntk, polynomial, rbf."):
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
        (RBF(gamma="scale"), TypeError, "RBF: gamma must be a number, got 'scale'"),
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
        with pytest.raises(ValueError, match=f"row 0 .* beyond the largest {np.dtype(dtype)} number; scale X down"):
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


# Properties of any rows.

ROWS = arrays(float, (6, 3), elements=st.floats(-1e3, 1e3, allow_subnormal=False))
FAST = settings(max_examples=60, deadline=None, derandomize=True)


@given(ROWS)
@FAST
def test_any_rows_give_a_positive_semidefinite_matrix(X):
    for kernel in (RBF(), ArcCosine(0), ArcCosine(1), NTK(2, bias_variance=0.1), NNGP(3)):
        K = kernel(X)
        assert np.isfinite(K).all()
        np.testing.assert_array_equal(K, K.T)
        eigenvalues = np.linalg.eigvalsh(K)
        assert eigenvalues[0] >= -1e-13 * max(eigenvalues[-1], 1e-300)


@given(ROWS, st.integers(0, 2**32 - 1))
@FAST
def test_rotations_change_nothing(X, seed):
    Q = np.linalg.qr(np.random.default_rng(seed).standard_normal((3, 3)))[0]
    for kernel in (RBF(1e-4), ArcCosine(1), NTK(2)):
        K = kernel(X)
        # A rotation moves a row by eps of its length: that much in value, but for the root at the diagonal's kink.
        scale = np.outer(np.sqrt(kernel.diag(X)), np.sqrt(kernel.diag(X)))
        assert (np.abs(kernel(X @ Q) - K) <= 1e-7 * scale + 1e-300).all()


@given(ROWS, st.permutations(range(6)))
@FAST
def test_rows_may_come_in_any_order(X, order):
    K = NTK(2)(X)
    scale = np.outer(np.sqrt(np.diag(K)), np.sqrt(np.diag(K)))[np.ix_(order, order)]
    assert (np.abs(NTK(2)(X[order]) - K[np.ix_(order, order)]) <= 1e-15 * scale).all()
