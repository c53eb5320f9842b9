"""Kernel ridge regression on sparse rows: the models of the same rows made dense, and no row is."""

import pickle

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.utils import get_tags

import widelearn as wl
from widelearn import kernels

KERNELS = [kernels.NTK(2), kernels.RBF(0.3), kernels.Polynomial(2), kernels.Linear() + kernels.Laplace(0.2)]


def problem(seed: int, n: int = 60, d: int = 90) -> tuple[sparse.csr_array, np.ndarray]:
    """Draw rows of which most values are zero, one row twice and one of zeros alone, and two targets."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d)) * (rng.random((n, d)) < 0.15)
    X[3], X[5] = X[4], 0.0
    return sparse.csr_array(X), X[:, :2] + np.sin(X[:, 2:4]) + 0.1 * rng.standard_normal((n, 2))


@pytest.mark.parametrize("kernel", KERNELS, ids=repr)
@pytest.mark.parametrize("solver", ["auto", "cholesky", "pcg"])
def test_fits_are_those_of_dense_rows(kernel, solver):
    X, Y = problem(0)
    fresh, rng = problem(1)[0], np.random.default_rng(0)
    weight = rng.integers(0, 3, X.shape[0]) + 0.5
    weight[7] = 0.0
    options = {"alpha": 0.1, "solver": solver, "tol": 1e-12}
    model = wl.KernelRidge(kernel, **options).fit(X, Y, weight)
    dense = wl.KernelRidge(kernel, **options).fit(X.toarray(), Y, weight)
    assert sparse.issparse(model.X_fit_)
    assert get_tags(model).input_tags.sparse
    # A residual of 1e-12, or the rounding of a system whose condition number is some thousands.
    for rows in (fresh, fresh.tocsc(), fresh.toarray()):
        np.testing.assert_allclose(model.predict(rows), dense.predict(fresh.toarray()), atol=1e-9)
    np.testing.assert_allclose(dense.predict(fresh), dense.predict(fresh.toarray()), atol=1e-11)
    for found, other in zip(*(one.predict(fresh, return_std=True) for one in (model, dense)), strict=True):
        np.testing.assert_allclose(found, other, atol=1e-8)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(fresh), model.predict(fresh))


def test_files_keep_sparse_rows(tmp_path):
    X, Y = problem(2)
    for kind in (sparse.csr_array, sparse.csr_matrix):
        model = wl.KernelRidge("rbf", 0.1).fit(kind(X), Y)
        wl.save(model, tmp_path / "model.wl")
        again = wl.load(tmp_path / "model.wl")
        np.testing.assert_array_equal(again.predict(X), model.predict(X))
        np.testing.assert_array_equal(*(one.predict(X, return_std=True)[1] for one in (model, again)))


@pytest.mark.parametrize("cv", [None, "gcv", 3])
def test_kernels_and_penalties_are_chosen_as_of_dense_rows(cv):
    X, Y = problem(3)
    models = [wl.KernelRidgeCV(["rbf", "ntk"], cv=cv).fit(rows, Y[:, 0]) for rows in (X, X.toarray())]
    assert models[0].kernel_ == models[1].kernel_
    assert models[0].alpha_ == models[1].alpha_
    np.testing.assert_allclose(models[0].best_score_, models[1].best_score_, rtol=1e-9)
    np.testing.assert_allclose(models[0].predict(X), models[1].predict(X.toarray()), atol=1e-9)


@pytest.mark.parametrize("kind", [wl.KernelRidgeClassifier, wl.KernelRidgeClassifierCV])
def test_classes_probabilities_sets_and_intervals(kind):
    X, Y = problem(4)
    labels = (Y[:, 0] > 0).astype(int) + (Y[:, 1] > 0.5)
    model, dense = (kind("rbf").fit(rows, labels) for rows in (X, X.toarray()))
    np.testing.assert_array_equal(model.predict(X), dense.predict(X.toarray()))
    np.testing.assert_allclose(model.decision_function(X), dense.decision_function(X.toarray()), atol=1e-10)
    np.testing.assert_allclose(model.predict_proba(X), dense.predict_proba(X.toarray()), atol=1e-7)
    np.testing.assert_array_equal(model.predict_set(X), dense.predict_set(X.toarray()))
    ends = [wl.KernelRidge("rbf", 0.1).fit(rows, Y).predict_interval(rows) for rows in (X, X.toarray())]
    np.testing.assert_allclose(*ends, atol=1e-9)
    lost = [wl.KernelRidge("rbf", 0.1, store_loo=True).fit(rows, Y).loo_residuals_ for rows in (X, X.toarray())]
    np.testing.assert_allclose(*lost, atol=1e-9)


def test_float32_is_kept():
    X, Y = problem(5)
    X = X.astype(np.float32)
    model, dense = (wl.KernelRidge("rbf", 0.1).fit(rows, Y.astype(np.float32)) for rows in (X, X.toarray()))
    assert model.predict(X).dtype == np.float32
    assert model.X_fit_.dtype == np.float32
    np.testing.assert_allclose(model.predict(X), dense.predict(X.toarray()), atol=1e-5)


def test_what_would_make_rows_dense_is_refused():
    X, Y = problem(6)
    refused = [
        wl.KernelRidge(kernels.CyclicAverage(), solver="nystrom"),
        wl.KernelRidge(lambda x, y: x @ y.T),
        wl.KernelRidge("precomputed"),
        wl.KernelRidgeCV([kernels.RBF(), kernels.NNGP(activation=(np.tanh,))]),
        wl.KernelRidgeClassifier(kernels.Empirical(lambda x: x)),
    ]
    for model in refused:
        assert not get_tags(model).input_tags.sparse
        with pytest.raises(TypeError, match="toarray"):
            model.fit(X, (Y[:, 0] > 0).astype(int))


def test_no_row_is_made_dense(monkeypatch):
    # 700 dense rows take 5.6 GB.
    rng = np.random.default_rng(0)
    X = sparse.csr_array(
        (rng.random(35_000), rng.integers(0, 1_000_000, 35_000), np.arange(701) * 50), (700, 1_000_000)
    )
    y = rng.integers(0, 2, 700)
    monkeypatch.setenv("WIDELEARN_MAX_MEMORY", "120M")
    for model in (
        wl.KernelRidgeClassifier(kernels.RBF(gamma=0.5), alpha=0.1),
        wl.KernelRidgeClassifier(kernels.Linear(), alpha=0.1, solver="pcg"),
    ):
        assert model.fit(X, y).score(X, y) > 0.9
    # Labels are noise: what is chosen is a large penalty.
    assert np.isfinite(wl.KernelRidgeClassifierCV("ntk").fit(X, y).decision_function(X)).all()


def test_the_linear_kernel_is_ridge_regression_on_sparse_columns():
    X, Y = problem(7, 50, 200)
    model = wl.KernelRidge("linear", 0.5).fit(X, Y)
    np.testing.assert_allclose(model.predict(X), wl.FeatureRidge("passthrough", 0.5).fit(X, Y).predict(X), atol=1e-9)


CENTRES = [
    wl.KernelRidge("rbf", 0.1, solver="nystrom", n_components=20),
    wl.KernelRidge("ntk", 0.1, solver="nystrom", n_components=100),
    wl.KernelRidge(kernels.FiniteNTK(500) + kernels.RBF(np.full(90, 0.02)), 0.1, solver="nystrom", n_components=20),
]
NEURONS = [
    wl.KernelRidge(kernels.FiniteNTK(50), 0.1),
    wl.KernelRidge(kernels.FiniteRF(50, (np.tanh,)), 0.1, solver="pcg", tol=1e-12),
    wl.KernelRidge(kernels.Matern(np.linspace(2, 4, 90)), 0.1),
    wl.KernelRidgeCV([kernels.Laplace(np.full(90, 0.02)), kernels.FiniteRF(500)]),
]


@pytest.mark.parametrize("model", CENTRES + NEURONS, ids=repr)
def test_centres_neurons_and_lengths_of_columns(model, tmp_path):
    X, Y = problem(8)
    fresh, rng = problem(9)[0], np.random.default_rng(0)
    weight = None if hasattr(model, "cv") else rng.integers(0, 3, X.shape[0]).astype(float)
    assert get_tags(model).input_tags.sparse
    found, dense = (clone(model).fit(rows, Y, weight) for rows in (X.tocsc(), X.toarray()))
    assert sparse.issparse(found.X_fit_)
    # Systems whose condition number is some thousands.
    for rows in (fresh, fresh.toarray()):
        np.testing.assert_allclose(found.predict(rows), dense.predict(fresh.toarray()), atol=1e-9)
    for one, other in zip(*(fit.predict(fresh, return_std=True) for fit in (found, dense)), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-7)
    np.testing.assert_allclose(*(fit.predict_interval(fresh) for fit in (found, dense)), atol=1e-7)
    if not callable(getattr(found.kernel_, "activation", [""])[0]):
        wl.save(found, tmp_path / "model.wl")
        np.testing.assert_array_equal(wl.load(tmp_path / "model.wl").predict(fresh), found.predict(fresh))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(found)).predict(fresh), found.predict(fresh))


@pytest.mark.filterwarnings("ignore:alpha = ")
@pytest.mark.parametrize("alpha", [1e-8, 1e-4, 1.0])
@pytest.mark.parametrize("far", [0.0, 100.0])
def test_the_linear_kernel_of_many_rows_keeps_its_digits(alpha, far):
    rng = np.random.default_rng(0)
    X = sparse.random_array((400, 50), density=0.1, format="csr", rng=rng)
    X.data = (X.data + far) * 10.0 ** rng.uniform(-2, 2, 50)[X.indices]
    Y, weight = X @ rng.standard_normal((50, 2)) + rng.standard_normal((400, 2)), rng.integers(0, 3, 400).astype(float)
    size = 1e-10 * np.std(Y)
    for model in (wl.KernelRidge("linear", alpha), wl.KernelRidgeCV("linear", [alpha, 10 * alpha])):
        found, dense = (clone(model).fit(rows, Y, weight) for rows in (X, X.toarray()))
        np.testing.assert_allclose(found.predict(X), dense.predict(X.toarray()), rtol=0, atol=size)
        assert found.solver_ == dense.solver_ or alpha == 1.0
        for one, other in zip(*(fit.predict(X[:9], return_std=True) for fit in (found, dense)), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-6, atol=size)
        if found.solver_ == "columns":
            np.testing.assert_allclose(
                found.dual_coef_, dense.dual_coef_, rtol=0, atol=1e-9 * np.abs(dense.dual_coef_).max() + size / alpha
            )


def test_centres_of_more_rows_than_their_factor_has_room_for(monkeypatch):
    rng = np.random.default_rng(1)
    X = sparse.random_array((3000, 5000), density=0.002, format="csr", rng=rng)
    y = np.asarray(X[:, :50].sum(axis=1)).ravel()
    monkeypatch.setenv("WIDELEARN_MAX_MEMORY", "24M")
    model = wl.KernelRidge("rbf", 0.1, solver="nystrom", n_components=50).fit(X, y)
    assert model.X_fit_.shape[0] == 50
    assert np.isfinite(model.predict(X)).all()
