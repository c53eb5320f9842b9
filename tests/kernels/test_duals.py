"""Gaussian duals of activations and their derivatives against quadrature (golden/duals.py), alone and in networks."""

import importlib.util
import math
from pathlib import Path

import numpy as np
import pytest

from widelearn.kernels import NNGP, NTK, DotProduct, TaylorKernel

FOLDER = Path(__file__).parents[1] / "golden"
GOLDEN = np.load(FOLDER / "duals.npz")
SMOOTH = ("tanh", "sigmoid", "softplus", "swish", "gelu", "erf")
NAMES = (*SMOOTH, "relu2", "relu3")
CASES = [(name, order) for name in NAMES for order in range(len(GOLDEN[name]))]
# Relative to sqrt(k(x, x) k(x', x')): the mixture's and the series' own errors are at most 3e-11 (order 4) and 1e-11.
TOLERANCE = 1e-10


def lattice():
    """The module that wrote the golden values: its quadrature is quick for variances up to 100."""
    spec = importlib.util.spec_from_file_location("golden_duals", FOLDER / "duals.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


LATTICE = lattice()


def plane(q, r, rho):
    """Two rows of dimension 2 whose squared norms over 2 are q and r, at an angle with cosine rho."""
    return math.sqrt(2 * q) * np.array([1.0, 0.0]), math.sqrt(2 * r) * np.array([rho, math.sqrt((1 - rho) * (1 + rho))])


def expectation(name, m, q, r, c):
    """E of the product of m-th derivatives for variances q, r and the covariance c."""
    rho = min(max(c / math.sqrt(q * r), -1.0), 1.0)
    if name.startswith("relu"):
        return LATTICE.power(int(name[-1]) - m, q, r, rho)
    return LATTICE.expectation(*LATTICE.SMOOTH[name], m, q, r, rho)


@pytest.mark.parametrize(("name", "order"), CASES)
def test_against_quadrature(name, order):
    golden, variances = GOLDEN[name][order], GOLDEN["variances"]
    own = {q: values[-1] for (q, r), values in zip(variances, golden, strict=True) if q == r}
    kernel, compared = TaylorKernel(order, name), 0
    for (q, r), values in zip(variances, golden, strict=True):
        size = math.sqrt(own[q] * own[r])
        for rho, want in zip(GOLDEN["correlations"], values, strict=True):
            if rho == 0 and order > 0:
                continue
            x, y = plane(q, r, rho)
            dual = float(kernel(x, y)) / (x @ y) ** order * math.factorial(order) ** 2
            assert dual == pytest.approx(want, rel=0, abs=TOLERANCE * size), (q, r, rho)
            # All terms of Mehler's series are positive then: nothing cancels.
            if rho >= 0.5:
                assert dual == pytest.approx(want, rel=TOLERANCE), (q, r, rho)
            compared += 1
    assert compared >= 70


@pytest.mark.parametrize("name", NAMES)
def test_networks_take_the_first_two(name, rng):
    X = rng.standard_normal((40, 3)) * np.logspace(-4, 3, 40)[:, None]
    value, both = NNGP(1, name)(X), NTK(1, name)(X)
    scale = np.sqrt(np.outer(*(np.diag(both),) * 2))
    np.testing.assert_array_equal(value, TaylorKernel(0, name)(X))
    # Either way to the derivative has its own truncation.
    assert (np.abs(both - value - TaylorKernel(1, name)(X) / 3) / scale).max() < 1e-12


@pytest.mark.parametrize("name", NAMES)
def test_variances_from_tiny_to_huge(name):
    """The diagonal, where the series gives way to the sum, against one-dimensional quadrature."""
    q = np.logspace(-8, 6, 57)
    X = np.sqrt(q)[:, None]
    wanted = [[expectation(name, m, v, v, v) for v in q] for m in (0, 1)]
    np.testing.assert_allclose(NNGP(1, name).diag(X), wanted[0], rtol=1e-11)
    np.testing.assert_allclose(NTK(1, name).diag(X), wanted[0] + q * wanted[1], rtol=1e-11)


@pytest.mark.parametrize("bias", [0.0, 0.3])
@pytest.mark.parametrize("name", NAMES)
def test_three_layers(name, bias, rng):
    w, d = 1.7, 4
    for scale in (0.1, 1.0, 4.0):
        x, y = scale * rng.standard_normal((2, d))
        for other in (y, x + 1e-5 * y, -x + 1e-3 * y):
            q, r, c = (w * v / d + bias for v in (x @ x, other @ other, x @ other))
            theta, own, theirs = c, q, r
            for _ in range(3):
                slopes = [expectation(name, 1, *pair) for pair in ((q, r, c), (q, q, q), (r, r, r))]
                q, r, c = (w * expectation(name, 0, *pair) + bias for pair in ((q, q, q), (r, r, r), (q, r, c)))
                theta, own, theirs = (
                    k + w * t * s for k, t, s in zip((c, q, r), (theta, own, theirs), slopes, strict=True)
                )
            parameters = {"depth": 3, "activation": name, "weight_variance": w, "bias_variance": bias}
            assert float(NNGP(**parameters)(x, other)) == pytest.approx(c, rel=0, abs=TOLERANCE * math.sqrt(q * r))
            size = math.sqrt(own * theirs)
            assert float(NTK(**parameters)(x, other)) == pytest.approx(theta, rel=0, abs=TOLERANCE * size)


def hard_rows(rng, largest=1e3):
    """Rows of all norms, equal, nearly equal, opposite and zero ones among them."""
    d = 5
    X = rng.standard_normal((30, d)) * np.geomspace(1e-4, largest, 30)[:, None]
    near = X[:10] * (1 + 1e-7 * rng.standard_normal((10, d)))
    return np.vstack([X, near, -X[::5], X[::3], np.zeros((2, d))])


KERNELS = [
    *(kind(depth, name, 1.5, 0.2) for name in NAMES for kind, depth in ((NNGP, 1), (NTK, 2))),
    *(TaylorKernel(order, name) for name in ("erf", "tanh", "gelu", "swish") for order in (1, 2, 3, 4)),
    TaylorKernel(3, "relu3"),
    TaylorKernel(1, ("leaky_relu", 0.2)),
    DotProduct((1.0, 0.0, 0.5, 0.25)),
]


@pytest.mark.parametrize("kernel", KERNELS, ids=repr)
def test_bits(kernel, rng):
    X = hard_rows(rng)
    gram = kernel(X)
    assert np.isfinite(gram).all()
    assert np.array_equal(gram, gram.T)
    assert np.array_equal(np.diag(gram), kernel.diag(X))
    assert np.array_equal(kernel(X, X[::-1]), gram[:, ::-1])
    assert all(kernel(X[i], X[j]) == gram[i, j] for i, j in rng.integers(len(X), size=(40, 2)))


@pytest.mark.parametrize("kernel", KERNELS, ids=repr)
def test_positive_definite(kernel, rng):
    gram = kernel(hard_rows(rng))
    size = np.sqrt(np.diag(gram))
    size = np.where(size > 0, size, 1)
    gram = gram / np.outer(size, size)
    # Entries off by the tolerance move eigenvalues by its multiple with the number of rows at most.
    assert np.linalg.eigvalsh(gram)[0] > -TOLERANCE * len(gram)


@pytest.mark.parametrize("kernel", KERNELS, ids=repr)
def test_single_precision(kernel, rng):
    # Variances that relu3 takes to the power 18 must not overflow.
    X = hard_rows(rng, largest=30.0).astype(np.float32)
    exact = kernel(X.astype(np.float64))
    values = kernel(X)
    assert values.dtype == np.float32
    size = np.sqrt(np.diag(exact))
    assert (np.abs(values - exact) <= 1e-5 * np.outer(size, size)).all()


def test_derivatives_that_are_activations_too(rng):
    X, Y = rng.standard_normal((8, 3)), rng.standard_normal((7, 3))
    inner = X @ Y.T
    same = [
        (TaylorKernel(1, "relu"), inner * NNGP(1, "step")(X, Y)),
        (TaylorKernel(2, "relu2"), inner**2 / 4 * NNGP(1, "step")(X, Y)),
        (TaylorKernel(2, "relu3"), inner**2 / 4 * NNGP(1, "relu")(X, Y)),
        (TaylorKernel(1, ("leaky_relu", 1.0)), inner),
        (TaylorKernel(1, ("leaky_relu", 0.2)), inner * (0.2 + 0.64 * NNGP(1, "step")(X, Y))),
        (TaylorKernel(1, "softplus"), inner * NNGP(1, "sigmoid")(X, Y)),
        (TaylorKernel(3, "cos"), inner**3 / 36 * NNGP(1, "sin")(X, Y)),
        (TaylorKernel(4, "sin"), inner**4 / 576 * NNGP(1, "sin")(X, Y)),
        (TaylorKernel(2, "exp"), inner**2 / 4 * NNGP(1, "exp")(X, Y)),
        (TaylorKernel(2, "cubic"), inner**2 / 4 * NNGP(1, "identity")(X, Y)),
        (TaylorKernel(1, "identity"), inner),
        (TaylorKernel(2, "identity"), 0 * inner),
        (TaylorKernel(2, "hermite4"), inner**2 / 4 * 12 * NNGP(1, "hermite2")(X, Y)),
        (TaylorKernel(2, "hermite2"), inner**2 / 2),
        (TaylorKernel(4, "hermite3"), 0 * inner),
    ]
    for kernel, wanted in same:
        np.testing.assert_allclose(kernel(X, Y), wanted, rtol=1e-12, atol=1e-15)


def test_dot_product(rng):
    X, Y = rng.standard_normal((8, 3)), rng.standard_normal((7, 3))
    coefficients = (0.5, -1.0, 0.0, 2.0)
    wanted = np.polynomial.Polynomial(coefficients)(X @ Y.T / 3)
    np.testing.assert_allclose(DotProduct(coefficients)(X, Y), wanted, rtol=1e-12)
    assert np.array_equal(DotProduct((2.0,))(X, Y), np.full((8, 7), 2.0))


@pytest.mark.parametrize(
    ("kernel", "kind", "message"),
    [
        (TaylorKernel(2, "relu"), ValueError, r"derivative 2 of activation \"relu\".*\"softplus\" or \"erf\""),
        (TaylorKernel(3, "relu2"), ValueError, "relu2"),
        (TaylorKernel(4, "relu3"), ValueError, "relu3"),
        (TaylorKernel(1, "step"), ValueError, "step"),
        (TaylorKernel(5, "tanh"), ValueError, "up to order 4, got 5"),
        (TaylorKernel(-1), ValueError, "must not be negative"),
        (TaylorKernel(1.5), TypeError, "must be an integer"),
        (TaylorKernel(1, "tanhh"), ValueError, '"tanh"'),
        (DotProduct(()), ValueError, "must not be empty"),
        (DotProduct((1.0, math.inf)), ValueError, r"coefficients\[1\] must be finite, got inf"),
        (DotProduct(("a",)), TypeError, "tuple of numbers"),
        (DotProduct(3.0), TypeError, "tuple of numbers"),
    ],
)
def test_errors(kernel, kind, message):
    with pytest.raises(kind, match=message):
        kernel([[1.0, 2.0]])
