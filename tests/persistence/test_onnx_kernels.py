"""Kernels as graphs of ONNX: every class, activation and order, at rows that are equal, near, opposite and zero."""

import inspect

import numpy as np
import pytest

import widelearn as wl
from activation_values import NAMES
from onnx_sessions import answers, check_numbers, error
from widelearn import kernels
from widelearn.kernels import (
    NNGP,
    NTK,
    RBF,
    ArcCosine,
    Columns,
    Constant,
    CyclicAverage,
    DotProduct,
    Empirical,
    FiniteNTK,
    FiniteRF,
    Kernel,
    Laplace,
    Linear,
    Matern,
    Polynomial,
    Product,
    Sum,
    TaylorKernel,
)

KERNELS = [
    Linear(),
    Polynomial(),
    Polynomial(degree=6, gamma=0.5, coef0=0.0),
    DotProduct((1.0, 0.5, 0.0, 0.2)),
    RBF(),
    RBF(gamma=3.0),
    RBF(gamma="scale"),
    RBF(gamma=(1.0, 0.1, 3.0, 0.5)),
    Laplace(gamma=(1.0, 0.1, 3.0, 0.5), norm=1) + Matern(length_scale=(1.0, 0.4, 3.0, 0.5)),
    Laplace(),
    Laplace(norm=1),
    Laplace(power=1.5),
    Matern(nu=0.5),
    Matern(),
    Matern(nu=2.5, length_scale=0.7),
    ArcCosine(order=0),
    ArcCosine(order=1),
    ArcCosine(order=2),
    NNGP(depth=3),
    NTK(depth=3),
    FiniteRF(30),
    FiniteNTK(30, "erf", random_state=3),
    TaylorKernel(order=1, activation="relu"),
    Sum(RBF(), Product(Constant(value=0.5), Linear())),
    Product(RBF(), NTK()),
    Columns("rbf", [2, 0]),
    Columns(NTK(), [True, True, False, True]) * 2.0 + Columns("linear", -1) * Columns(RBF(gamma=(1.0, 3.0)), (0, 1)),
    CyclicAverage("rbf"),
    CyclicAverage(NTK()) + Linear(),
]
# The same value everywhere, which has no spread to compare with.
CONSTANTS = [Polynomial(degree=0), Constant(value=2.0), NNGP(activation="hermite0")]
# No operators say these, and why.
REFUSED = {"Empirical": "its Jacobian is a function of the user's"}
BASES = {"Kernel", "KernelOperator"}
SERIES = {"tanh", "sigmoid", "softplus", "swish"}
LEVEL = {"relu", "leaky_relu", ("leaky_relu", 0.3), "step", "erf", "gelu", "sin", "cos", "identity"}
ACTIVATIONS = sorted((set(NAMES) - SERIES - {"hermite0"}) | LEVEL | {"hermite2", "hermite5"}, key=str)


def rows(seed=0, n=40, scale=1.0, d=4):
    """Rows that are fitted, and new ones: equal, near, opposite, nearly opposite, parallel, zero and others."""
    rng = np.random.default_rng(seed)
    X = scale * rng.standard_normal((n, d))
    near = X[3] + scale * 1e-8 * rng.standard_normal(d)
    special = [X[0], -X[1], X[2] * (1 + 1e-9), near, -near, 3.0 * X[4], np.zeros(d)]
    return X, np.vstack([special, scale * rng.standard_normal((12, d))])


def fitted(kernel, X, alpha=0.1):
    """Kernel ridge of noise, which takes large coefficients."""
    return wl.KernelRidge(kernel, alpha=alpha).fit(X, np.random.default_rng(0).standard_normal(len(X)))


def test_every_kernel_is_exported_or_refused():
    public = {name for name in kernels.__all__ if inspect.isclass(getattr(kernels, name))} - BASES
    assert all(issubclass(getattr(kernels, name), Kernel) for name in public)
    exported = {type(kernel).__name__ for kernel in KERNELS + CONSTANTS}
    assert exported.isdisjoint(REFUSED)
    assert exported | set(REFUSED) == public


@pytest.mark.parametrize("kernel", KERNELS, ids=str)
def test_kernels_are_ours(kernel):
    for dtype in (np.float64, np.float32):
        X, new = rows(dtype().itemsize)
        check_numbers(fitted(kernel, X.astype(dtype)), new.astype(dtype), "predict")


@pytest.mark.parametrize("kernel", CONSTANTS, ids=str)
def test_constants_are_ours(kernel):
    X, new = rows()
    model = wl.KernelRidge(kernel, alpha=0.1, fit_intercept=False).fit(X, 1.0 + X[:, 0])
    assert np.allclose(answers(model, new)["y"], model.predict(new), rtol=1e-13)


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=str)
def test_networks_of_every_activation_are_ours(activation):
    X, new = rows(1, scale=0.7)
    # Deep networks of steps are infinitely steep where angles are 0: of those only equal rows are the same.
    new = new[[0, *range(6, len(new))]] if activation == "step" else new
    # Powers of powers reach 1e40.
    deepest = 3 if activation in LEVEL else 1 if activation == "exp" else 2
    for depth, bias in ((1, 0.0), (2, 0.3), (3, 0.0))[:deepest]:
        for kind in (NNGP, NTK)[: 1 if activation == "step" else 2]:
            kernel = kind(depth=depth, activation=activation, weight_variance=1.3, bias_variance=bias)
            alpha = 0.01 * float(kernel.diag(X).max())
            for dtype in (np.float64, np.float32):
                check_numbers(fitted(kernel, X.astype(dtype), alpha), new.astype(dtype), "predict")


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=str)
def test_taylor_kernels_of_every_order_are_ours(activation):
    X, new = rows(2)
    exported = 0
    for order in range(5):
        kernel = TaylorKernel(order=order, activation=activation)
        try:
            values = kernel(X)
        except ValueError:
            continue
        if values.any():
            check_numbers(fitted(kernel, X, 0.01 * float(values.max())), new, "predict")
            exported += 1
    assert exported >= 1


@pytest.mark.parametrize("scale", [1e-150, 1e-3, 1e3])
def test_angles_do_not_depend_on_the_scale_of_rows(scale):
    X, new = rows(3, scale=scale)
    for kernel in (ArcCosine(order=0), NTK(), NTK(activation="erf"), NNGP(activation="sin")):
        if scale > 1e-100 or kernel == ArcCosine(order=0):
            check_numbers(fitted(kernel, X), new, "predict")


@pytest.mark.parametrize("kernel", [RBF(), Laplace(), Matern()], ids=str)
def test_distances_do_not_depend_on_where_rows_lie(kernel):
    X, new = rows(4)
    check_numbers(fitted(kernel, X + 1e5), new + 1e5, "predict")


def test_near_rows_are_told_apart_in_float32():
    # Inner products in float32 know 1 - cos θ to 6e-8, and so angles to 3e-4, which kernels with cusps would show.
    rng = np.random.default_rng(5)
    X = rng.standard_normal((30, 6)).astype(np.float32)
    steps = np.logspace(-6, -2, 30)[:, None] * rng.standard_normal((30, 6))
    new = (X + steps).astype(np.float32)
    for kernel in (ArcCosine(order=0), NTK(depth=2), Laplace()):
        model = fitted(kernel, X)
        exact = model.predict(new.astype(np.float64))
        found = answers(model, new)["y"].astype(np.float64)
        assert error(found, exact.astype(np.float64)) < 5e-6


def test_rows_far_from_zero_are_near_each_other():
    # Angles of a few hundredths, at which most pairs are told by inner products.
    rng = np.random.default_rng(7)
    X = 30.0 + rng.standard_normal((40, 4))
    new = np.vstack([X[:3] + 1e-4, 30.0 + rng.standard_normal((20, 4)), X[:2]])
    for kernel in (NTK(depth=3), ArcCosine(order=0), NTK(activation="erf")):
        check_numbers(fitted(kernel, X), new, "predict")


def test_all_pairs_may_be_near_and_none():
    X, _ = rows(6)
    model = fitted(Laplace(), X)
    for new in (X[:1] + 1e-9 * np.ones((5, 4)), 100.0 + np.abs(X), X[:0]):
        found = answers(model, new)["y"]
        assert found.shape == (len(new),)
        wanted = model.predict(new) if len(new) else np.zeros(0)
        assert np.abs(found - wanted).max(initial=0.0) < 1e-11


def test_series_are_refused_by_name():
    X, _ = rows()
    for kernel in [kind(activation=name) for name in SERIES for kind in (NNGP, NTK, TaylorKernel)]:
        with pytest.raises(NotImplementedError, match=f"{kernel.activation!r} is a series .* random features"):
            wl.to_onnx(fitted(kernel, X))


def test_functions_of_python_are_refused():
    X, _ = rows()
    given = [
        lambda a, b: a @ b.T,
        FiniteRF(10, activation=(np.sin,)),
        Empirical(lambda a: a),
        RBF() + Empirical(lambda a: a),
    ]
    for kernel in given:
        with pytest.raises(NotImplementedError, match="calls a function of Python, of which ONNX has no operator"):
            wl.to_onnx(fitted(kernel, X))
