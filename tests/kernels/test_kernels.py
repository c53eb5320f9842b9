"""Kernels against the oracle, for rows that are equal, nearly equal, opposite, orthogonal, zero or of any norm."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.gaussian_process import kernels as gp
from sklearn.metrics import pairwise

import reference
from widelearn.kernels import NNGP, NTK, RBF, ArcCosine, Constant, Linear, Polynomial

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
    golden = np.load(Path(__file__).parents[1] / "golden" / "ntk_peer.npz")
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


@pytest.mark.parametrize("kernel", [Linear(), RBF(gamma=0.01), NTK(depth=2)], ids=repr)
def test_large_half_empty_matrices_by_random_products(kernel, rng):
    """Freivalds: K v against sums over blocks of rows, K too large to be checked entry by entry."""
    # The same numbers in both types, so that the oracle's sums are made once.
    single = rng.standard_normal((5000, 40)).astype(np.float32)
    single[rng.random(single.shape) < 0.5] = 0.0
    signs = rng.choice([-1.0, 1.0], (5000, 2))
    oracle = {
        "Linear": reference.linear,
        "RBF": lambda X, Y: reference.rbf(X, Y, 0.01),
        "NTK": lambda X, Y: reference.ntk(X, Y, 2, 1.0, 0.0),
    }[type(kernel).__name__]
    rows = rng.choice(5000, 60, replace=False)
    wanted = oracle(single[rows].astype(float), single.astype(float)) @ signs
    for dtype, tolerance in ((np.float64, 1e-13), (np.float32, 1e-6)):
        X, V = single.astype(dtype), signs.astype(dtype)
        K = kernel(X)
        assert np.array_equal(K, K.T)
        # No entry is wrong by more than its tolerance, whatever the signs of V.
        scale = np.sqrt(K.diagonal().astype(float))
        bound = tolerance * scale[rows, None] * scale.sum()
        for found in (K[rows] @ V, kernel.dot(X, None, V)[rows], kernel.dot(X, X.copy(), V)[rows]):
            assert found.dtype == dtype
            assert (np.abs(found - wanted) <= bound).all()


def test_opposite_rows_of_deep_step_networks():
    # After one layer of steps opposite rows are uncorrelated, and the next has 1/4 as for any such pair.
    X = np.array([[1.0, 2.0, -0.5], [-1.0, -2.0, 0.5]])
    assert NNGP(1, "step")(X)[0, 1] == 0.0
    np.testing.assert_allclose(NNGP(2, "step")(X)[0, 1], 0.25, rtol=1e-14)
    np.testing.assert_allclose(NNGP(2, "step")(X[0], (1 - 1e-9) * X[1]), 0.25, rtol=1e-14)
