"""Radial kernels with a length for each column, or with one that is read from the fitted rows."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.gaussian_process import kernels as gp
from sklearn.metrics.pairwise import laplacian_kernel
from sklearn.model_selection import GridSearchCV

import widelearn as wl
from widelearn.kernels import RBF, Constant, CyclicAverage, Kernel, Laplace, Linear, Matern
from widelearn.kernels.radial import settled

LENGTHS = np.array([1.0, 0.01, 20.0, 0.2])


@pytest.fixture
def rows(rng):
    return rng.standard_normal((40, 4)) * [1, 10, 0.1, 3], rng.standard_normal((9, 4)) * [1, 10, 0.1, 3]


def by_hand(name, X, Y, lengths):
    """Each kernel with a length a column, from differences in long doubles."""
    D = np.abs(X.astype(np.longdouble)[:, None] - Y)
    return {
        "rbf": lambda: np.exp(-(D**2 * lengths).sum(-1)),
        "laplace": lambda: np.exp(-np.sqrt((D**2 * lengths.astype(np.longdouble) ** 2).sum(-1))),
        "power": lambda: np.exp(-((D**2 * lengths ** (np.longdouble(2) / 1.5)).sum(-1) ** np.longdouble(0.75))),
        "manhattan": lambda: np.exp(-(D * lengths).sum(-1)),
        "matern": lambda: (
            (1 + np.sqrt(3 * (D**2 / lengths**2).sum(-1))) * np.exp(-np.sqrt(3 * (D**2 / lengths**2).sum(-1)))
        ),
    }[name]()


KERNELS = {
    "rbf": RBF,
    "laplace": Laplace,
    "power": lambda g: Laplace(g, power=1.5),
    "manhattan": lambda g: Laplace(g, norm=1),
    "matern": Matern,
}


@pytest.mark.parametrize("name", KERNELS)
def test_values_are_those_of_differences(rows, name):
    X, Y = rows
    kernel, wanted = KERNELS[name](LENGTHS), by_hand(name, X, Y, LENGTHS).astype(float)
    # A column moved by half a unit of its last place, times its length: at most 40 of the differences' units.
    np.testing.assert_allclose(kernel(X, Y), wanted, rtol=0, atol=1e-14)
    np.testing.assert_allclose(kernel.dot(X, Y, np.ones(9)), wanted.sum(1), rtol=0, atol=1e-13)
    np.testing.assert_array_equal(kernel.diag(X), 1.0)
    K = kernel(X)
    np.testing.assert_array_equal(K, K.T)
    single = kernel(X.astype(np.float32), Y.astype(np.float32))
    assert single.dtype == np.float32
    # Rows rounded to float32 and their products: each difference to a unit of rows some 30 times longer than a length.
    np.testing.assert_allclose(single, wanted, rtol=0, atol=3e-5)


@pytest.mark.parametrize("name", KERNELS)
def test_equal_lengths_are_one(rows, name):
    X, Y = rows
    one, each = KERNELS[name](0.25), KERNELS[name]([0.25] * 4)
    # A power of two that has a root: nothing is rounded; but its power 2/3 rounds columns as any length does.
    np.testing.assert_allclose(each(X, Y), one(X, Y), rtol=0, atol=1e-14 if name == "power" else 2e-16)


def test_values_are_those_of_peers(rows):
    X, Y = rows
    np.testing.assert_allclose(Matern(LENGTHS, 2.5)(X, Y), gp.Matern(LENGTHS, nu=2.5)(X, Y), atol=1e-13)
    np.testing.assert_allclose(RBF(0.5 / LENGTHS**2)(X, Y), gp.RBF(LENGTHS)(X, Y), atol=1e-13)
    np.testing.assert_allclose(settled(Laplace("scale", norm=1), X)(X, Y), laplacian_kernel(X, Y, 1 / (4 * X.var())))


@pytest.mark.parametrize("kind", [np.array, list, tuple, pd.Series])
def test_parameters_stay_what_they_were(rows, kind):
    X, _ = rows
    kernel = RBF(kind(LENGTHS.tolist()))
    assert clone(kernel) == kernel
    assert hash(clone(kernel)) == hash(kernel)
    assert kernel != RBF(kind([1.0, 2, 3, 4]))
    assert [one.compiled for one in (kernel, kernel + Linear(), RBF(0.5))] == [False, False, True]
    model = wl.KernelRidge(kernel, 0.1).fit(X, X[:, 0])
    assert model.kernel is kernel
    assert model.kernel_ == kernel


@pytest.mark.parametrize("solver", ["cholesky", "pcg", "nystrom"])
def test_estimators_fit_scaled_columns(rows, solver, tmp_path):
    X, Y = rows
    y = np.sin(X[:, 0]) + X[:, 2]
    model = wl.KernelRidge(RBF(LENGTHS), 0.1, solver=solver, random_state=0).fit(X, y)
    other = wl.KernelRidge(RBF(1.0), 0.1, solver=solver, random_state=0).fit(X * np.sqrt(LENGTHS), y)
    np.testing.assert_allclose(model.predict(Y), other.predict(Y * np.sqrt(LENGTHS)), rtol=1e-7)
    wl.save(model, tmp_path / "model.npz")
    np.testing.assert_array_equal(wl.load(tmp_path / "model.npz").predict(Y), model.predict(Y))


def test_lengths_are_searched(rows):
    X, _ = rows
    search = GridSearchCV(
        wl.KernelRidge(RBF(), 1e-3), {"kernel__gamma": [None, "scale", [4.0, 1e-6, 1e-6, 1e-6]]}, cv=3
    )
    assert search.fit(X, np.sin(2 * X[:, 0])).best_params_["kernel__gamma"] == [4.0, 1e-6, 1e-6, 1e-6]


@pytest.mark.parametrize("size", [1e-150, 1e-3, 1.0, 1e140])
def test_scale_is_read_from_the_fitted_rows(rows, size):
    X, y = rows[0] * size + size, rows[0][:, 0]
    gamma = 1 / (4 * X.var())
    fits = [
        wl.KernelRidge(RBF("scale")),
        wl.KernelRidgeCV(RBF("scale")),
        wl.KernelRidgeCV([RBF("scale")]),
        wl.NystromFeatures(RBF("scale"), 5),
        wl.KernelRidge(RBF("scale"), solver="nystrom"),
    ]
    for model in fits:
        assert model.fit(X, y).kernel_ == RBF(pytest.approx(gamma, rel=1e-12)), model
        (given,) = model.kernel if isinstance(model.kernel, list) else [model.kernel]
        assert given.gamma == "scale"
    whole = settled(2.0 * RBF("scale") + Matern("scale") * Constant(2.0), X)
    assert whole.k1.k2.gamma == pytest.approx(gamma, rel=1e-12)
    assert whole.k2.k1.length_scale == pytest.approx(np.sqrt(0.5 / gamma), rel=1e-12)
    assert settled(CyclicAverage(RBF("scale")), X).kernel.gamma == pytest.approx(gamma, rel=1e-12)
    stored = sparse.csr_array(np.where(size < X, X, 0.0))
    parts = sparse.csr_array(
        (np.repeat(stored.data / 2, 2), np.repeat(stored.indices, 2), 2 * stored.indptr), stored.shape
    )
    assert parts.nnz == 2 * stored.nnz
    assert settled(RBF("scale"), parts) == settled(RBF("scale"), stored)
    assert settled(RBF("scale"), stored) == RBF(pytest.approx(1 / (4 * stored.toarray().var()), rel=1e-12))


def test_scale_of_rows_that_are_all_equal(rows):
    assert settled(RBF("scale"), np.ones((5, 2))).gamma == 1.0
    assert settled(RBF(0.5), rows[0]) == RBF(0.5)
    with pytest.raises(ValueError, match="overflows float64"):
        settled(RBF("scale"), np.array([[1e200], [0.0]]))


def test_recursive_machines_and_flows_read_it(rows):
    X, y = rows[0], rows[0][:, 0]
    # Columns in units of their own spread: their variance is 1.
    assert wl.RecursiveFeatureMachine(RBF("scale")).fit(X, y).kernel_.gamma == pytest.approx(0.25)
    found = wl.GradientFlowRegressor(RBF("scale"), time=50.0).fit(X, y).predict(X)
    np.testing.assert_allclose(found, wl.GradientFlowRegressor(RBF(1 / (4 * X.var())), time=50.0).fit(X, y).predict(X))


@pytest.mark.parametrize(
    ("gamma", "message"),
    [
        ([1.0, 2.0], r"shape \(2,\), but rows have 4 columns"),
        ([[1.0] * 4], r"shape \(1, 4\)"),
        ([1.0, 2.0, 3.0, -1.0], r"got -1\.0 for column 3"),
        ([1.0, np.nan, 3.0, 1.0], "got nan for column 1"),
        ([1.0, 0.0, 3.0, 1.0], r"got 0\.0 for column 1"),
        (["1"] * 4, "one for each column, or 'scale', got values of <U1"),
        ([True] * 4, "got values of bool"),
        (["a"] * 4, "one for each column, or 'scale'"),
        ("sclae", "one for each column, or 'scale'"),
        ("scale", "is read from the rows that an estimator is fitted to"),
        ([1e300, 1.0, 1.0, 1.0], "does not|overflows"),
    ],
)
def test_wrong_lengths_are_refused(rows, gamma, message):
    X = rows[0].astype(np.float32)
    with pytest.raises(ValueError, match=message):
        RBF(gamma)(X)
    with pytest.raises(ValueError, match=message):
        RBF(gamma).diag(X)


def test_who_takes_one_number_alone_says_so(rows):
    X, y = rows[0], rows[0][:, 0]
    for kernel in (RBF(LENGTHS), RBF("scale")):
        with pytest.raises(ValueError, match=r"Give one number, such as 1 / \(X\.shape"):
            wl.FourierFeatures(kernel).fit(X)
        with pytest.raises(ValueError, match="one number for gamma"):
            wl.theory.kernel_spectrum(kernel, 4, 3)
    with pytest.raises(ValueError, match="which is what the metric learns"):
        wl.RecursiveFeatureMachine(RBF(LENGTHS)).fit(X, y)
    with pytest.raises(ValueError, match="may change where both rows are shifted"):
        CyclicAverage(RBF(LENGTHS))(X)
    with pytest.raises(TypeError, match="length_scale must be a number"):
        Matern(None)(X)
    assert isinstance(RBF("scale"), Kernel)
