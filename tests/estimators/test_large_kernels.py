"""Kernel ridge without a factor of its matrix: conjugate gradients, centres, and the choice between them."""

import numpy as np
import pytest
from scipy.linalg import LinAlgWarning
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from widelearn import FeatureRidge, KernelRidge, KernelRidgeClassifier, NystromFeatures
from widelearn.kernels import NTK, RBF, Laplace
from widelearn.ridge import kernel_systems, preconditioner


@pytest.fixture
def table(rng):
    X = rng.standard_normal((700, 4))
    return X, np.column_stack([np.sin(2 * X[:, 0]) + 10, X[:, 1] * X[:, 2]])


@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kernel", [RBF(0.2), NTK(depth=2, bias_variance=0.1), "precomputed"], ids=repr)
def test_conjugate_gradients_solve_the_same_system(kernel, weighted, fit_intercept, table, rng):
    X, y = table
    weight = rng.integers(0, 3, len(X)).astype(float) if weighted else None
    rows = RBF(0.2)(X) if kernel == "precomputed" else X
    options = {"kernel": kernel, "alpha": (0.05, 1.0), "fit_intercept": fit_intercept}
    direct = KernelRidge(**options, solver="cholesky").fit(rows, y, weight)
    found = KernelRidge(**options, solver="pcg").fit(rows, y, weight)
    assert (found.solver_, direct.solver_, direct.n_iter_) == ("pcg", "cholesky", 1)
    assert 1 <= found.n_iter_ < 100
    assert found.residual_ <= 1e-8
    # A residual of 1e-8 ‖y‖ moves a by that over alpha, and values K a by less than it.
    size = np.linalg.norm(y, axis=0)
    assert (np.abs(found.dual_coef_ - direct.dual_coef_) < 2e-8 * size / np.array([0.05, 1.0])).all()
    assert (np.abs(found.predict(rows) - direct.predict(rows)) < 4e-8 * size).all()
    np.testing.assert_allclose(found.intercept_, direct.intercept_, rtol=1e-7, atol=1e-7)


def test_residual_is_that_of_the_whole_system(table):
    X, y = table
    model = KernelRidge(Laplace(0.5), alpha=0.1, solver="pcg", tol=1e-5).fit(X, y[:, 0])
    a, b = model.dual_coef_, model.intercept_
    left = y[:, 0] - Laplace(0.5)(X) @ a - 0.1 * a - b
    assert np.linalg.norm(left) / np.linalg.norm(y[:, 0]) == pytest.approx(model.residual_, rel=1e-6)
    assert model.residual_ < 1e-5
    assert abs(a.sum()) < 1e-10 * np.abs(a).sum()


def test_classes(table):
    X, y = table
    classes = np.digitize(y[:, 1], [-0.5, 0.5])
    for solver in ("pcg", "nystrom"):
        options = {"kernel": RBF(0.2), "alpha": 0.1, "class_weight": "balanced"}
        direct = KernelRidgeClassifier(**options, solver="cholesky").fit(X, classes)
        found = KernelRidgeClassifier(**options, solver=solver, n_components=700).fit(X, classes)
        np.testing.assert_allclose(found.decision_function(X), direct.decision_function(X), rtol=0, atol=1e-5)


def test_single_precision(table):
    X, y = (part.astype(np.float32) for part in table)
    direct = KernelRidge(RBF(0.2), alpha=1.0, solver="cholesky").fit(X.astype(float), y.astype(float))
    for solver in ("pcg", "nystrom"):
        model = KernelRidge(RBF(0.2), alpha=1.0, solver=solver, tol=1e-5, n_components=500).fit(X, y)
        assert model.dual_coef_.dtype == model.predict(X).dtype == np.float32
        # Values of size 10, to the precision of single numbers and of the centres.
        np.testing.assert_allclose(model.predict(X), direct.predict(X.astype(float)), rtol=0, atol=2e-3)


# Centres.


@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_centres_are_ridge_on_nystrom_features(weighted, fit_intercept, table, rng):
    X, y = table
    weight = rng.random(len(X)) if weighted else None
    model = KernelRidge(RBF(0.2), 0.1, fit_intercept=fit_intercept, solver="nystrom", n_components=60).fit(X, y, weight)
    features = NystromFeatures(RBF(0.2), 60, random_state=0)
    ridge = FeatureRidge(features, 0.1, fit_intercept=fit_intercept).fit(X, y, weight)
    assert model.X_fit_.shape == (60, 4)
    assert model.dual_coef_.shape == (60, 2)
    assert model.solver_ == "nystrom"
    np.testing.assert_allclose(model.predict(X), ridge.predict(X), rtol=0, atol=1e-7)
    # The first-order condition in the space of the centres.
    K, part = RBF(0.2)(X, model.X_fit_), RBF(0.2)(model.X_fit_)
    w = np.ones(len(X)) if weight is None else weight
    gradient = K.T @ (w[:, None] * (y - model.predict(X))) - 0.1 * part @ model.dual_coef_
    assert np.abs(gradient).max() < 1e-7 * np.abs(K.T @ (w[:, None] * y)).max()


def test_all_rows_as_centres_are_the_whole_model(table):
    X, y = table
    whole = KernelRidge(RBF(0.5), 0.1, solver="cholesky").fit(X, y)
    centres = KernelRidge(RBF(0.5), 0.1, solver="nystrom", n_components=10**6).fit(X, y)
    np.testing.assert_allclose(centres.predict(X), whole.predict(X), rtol=0, atol=1e-6)
    few = KernelRidge("precomputed", 0.1, solver="nystrom", n_components=50).fit(RBF(0.5)(X), y)
    assert few.dual_coef_.shape == (700, 2)
    assert np.count_nonzero(few.dual_coef_[:, 0]) == 50
    same = KernelRidge(RBF(0.5), 0.1, solver="nystrom", n_components=50).fit(X, y)
    np.testing.assert_allclose(few.predict(RBF(0.5)(X)), same.predict(X), rtol=0, atol=1e-8)


def test_centres_of_more_rows_than_a_factor_holds(table, monkeypatch):
    X, y = table
    # Room for the factor of 200 rows with 40 centres: those choose, all rows are summed.
    monkeypatch.setenv("WIDELEARN_MAX_MEMORY", str(3 * 8 * (40 + 256) * 200 + 3 * 8 * 296))
    model = KernelRidge(RBF(0.2), 0.1, solver="nystrom", n_components=40).fit(X, y)
    monkeypatch.delenv("WIDELEARN_MAX_MEMORY")
    K, part = RBF(0.2)(X, model.X_fit_), RBF(0.2)(model.X_fit_)
    centred = K - K.mean(axis=0)
    wanted = np.linalg.solve(centred.T @ centred + 0.1 * part, centred.T @ y)
    np.testing.assert_allclose(model.predict(X), centred @ wanted + y.mean(axis=0), rtol=0, atol=1e-6)


# The choice.


def test_auto_counts_rows_memory_and_spectrum(table, rng, monkeypatch):
    X, y = table
    assert KernelRidge(RBF(0.01)).fit(X, y).solver_ == "cholesky"
    monkeypatch.setattr(kernel_systems, "FEW_ROWS", 100)
    monkeypatch.setattr("widelearn.estimators.kernel_ridge.solver.FEW_ROWS", 100)
    # Of so few rows what a block of pivots costs beside its products decides, unless that costs nothing.
    assert KernelRidge(RBF(0.01)).fit(X, y).solver_ == "cholesky"
    monkeypatch.setattr(preconditioner, "LOOK", 0.0)
    monkeypatch.setattr(preconditioner, "ITERATION", 0.0)
    smooth = KernelRidge(RBF(0.01), 1.0).fit(X, y)
    assert smooth.solver_ == "pcg"
    assert smooth.residual_ <= 1e-8
    # A kernel close to the identity has no low-rank factor, and no penalty leaves nothing to iterate with.
    assert KernelRidge(RBF(50.0), 1e-6).fit(X, y).solver_ == "cholesky"
    assert KernelRidge(RBF(5.0), 0.0).fit(X, y).solver_ == "cholesky"
    again = KernelRidge(RBF(0.01), 1.0).fit(X, y)
    np.testing.assert_array_equal(again.dual_coef_, smooth.dual_coef_)
    monkeypatch.setenv("WIDELEARN_MAX_MEMORY", "3M")
    found = KernelRidge(RBF(0.01), 1.0).fit(X, y)
    assert found.solver_ == "pcg"
    np.testing.assert_allclose(found.predict(X), smooth.predict(X), rtol=0, atol=1e-6)


def test_auto_gives_indefinite_kernels_to_the_direct_solver(table, monkeypatch):
    X, y = table
    monkeypatch.setattr(kernel_systems, "FEW_ROWS", 100)
    monkeypatch.setattr("widelearn.estimators.kernel_ridge.solver.FEW_ROWS", 100)

    def indefinite(A, B):
        return 5 - 0.5 * ((A[:, None] - B) ** 2).sum(axis=2)

    with pytest.warns(LinAlgWarning):
        model = KernelRidge(indefinite, 1.0, fit_intercept=False).fit(X, y)
    assert model.solver_ in ("ldlt", "eigen")
    with pytest.raises(np.linalg.LinAlgError, match="solver='cholesky'"):
        KernelRidge(indefinite, 1.0, fit_intercept=False, solver="pcg").fit(X, y)


# The door.


def test_progress_and_checkpoint(table, tmp_path):
    X, y = table
    seen = []

    class StopError(Exception):
        pass

    def stop(iteration, residuals):
        seen.append((iteration, residuals.max()))
        if iteration == 3:
            raise StopError

    path = tmp_path / "state.npz"
    options = {"kernel": Laplace(0.5), "alpha": 1e-3, "solver": "pcg", "n_components": 20, "checkpoint": path}
    model = KernelRidge(**options, callback=stop)
    with pytest.raises(StopError):
        model.fit(X, y)
    assert not hasattr(model, "dual_coef_")
    assert [iteration for iteration, _ in seen] == [1, 2, 3]
    assert path.exists()
    resumed = KernelRidge(**options).fit(X, y)
    whole = KernelRidge(**(options | {"checkpoint": None})).fit(X, y)
    np.testing.assert_array_equal(resumed.dual_coef_, whole.dual_coef_)
    assert resumed.n_iter_ == whole.n_iter_
    with pytest.raises(ValueError, match="the checkpoint of another problem"):
        KernelRidge(**options).fit(X, y + 1)
    path.write_bytes(b"no archive")
    with pytest.raises(ValueError, match="is no checkpoint"):
        KernelRidge(**options).fit(X, y)


def test_failures_leave_the_model_as_it_was(table):
    X, y = table
    model = KernelRidge(RBF(0.2), 0.1).fit(X, y)
    before = model.predict(X)

    def fail(iteration, residuals):
        raise RuntimeError("stop")

    model.set_params(solver="pcg", callback=fail)
    with pytest.raises(RuntimeError, match="stop"):
        model.fit(2 * X, y)
    np.testing.assert_array_equal(model.predict(X), before)


def test_what_does_not_converge_says_so(table):
    X, y = table
    with pytest.warns(ConvergenceWarning, match=r"residual of .*, not tol=5e-09, in 2 iterations.*max_iter=2"):
        model = KernelRidge(Laplace(0.5), 1e-3, solver="pcg", n_components=5, max_iter=2).fit(X, y)
    assert model.residual_ > 1e-8
    with pytest.warns(ConvergenceWarning, match="rounding errors"):
        KernelRidge(RBF(0.2), 1e-4, solver="pcg", tol=1e-17).fit(X, y)


@pytest.mark.parametrize(
    ("parameters", "match"),
    [
        ({"solver": "cg"}, "solver"),
        ({"tol": 0.0}, "tol"),
        ({"n_components": 0}, "n_components"),
        ({"max_iter": 0}, "max_iter"),
        ({"callback": 3}, "callback"),
    ],
)
def test_wrong_parameters(parameters, match, table):
    with pytest.raises(ValueError, match=match):
        KernelRidge(**parameters).fit(*table)


@pytest.mark.parametrize("solver", ["pcg", "nystrom"])
def test_one_row_and_weightless_rows(solver):
    model = KernelRidge(RBF(), solver=solver).fit([[1.0, 2.0]], [3.0])
    np.testing.assert_allclose(model.predict([[1.0, 2.0]]), [3.0], rtol=1e-7)
    with pytest.raises(ValueError, match="non-zero"):
        clone(model).fit([[1.0, 2.0]], [3.0], [0.0])
