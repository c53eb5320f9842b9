"""Ridge regression on sparse rows: they stay sparse, and the model is that of the dense rows."""

import numpy as np
import pytest
from scipy import sparse

import widelearn as wl
from widelearn.estimators.feature_ridge import systems
from widelearn.ridge.sparse_rows import ENOUGH, SparseProblem


def drawn(rng: np.random.Generator, n: int, p: int, spread: float) -> sparse.csr_matrix:
    """Draw rows of which one value in eight is stored, in columns of unlike units."""
    stored = rng.random((n, p)) < 0.125
    return sparse.csr_matrix(stored * rng.standard_normal((n, p)) * np.exp(rng.normal(0, spread, p)))


def exact(X: np.ndarray, y: np.ndarray, alpha: np.ndarray, weight: np.ndarray, intercept: bool) -> np.ndarray:
    """Return fitted values by the singular vectors of the dense rows, whose squares are never summed."""
    found = np.empty(y.shape)
    for j, penalty in enumerate(alpha):
        mean = weight @ X / weight.sum() if intercept else 0.0 * X[0]
        origin = weight @ y[:, j] / weight.sum() if intercept else 0.0
        U, s, V = np.linalg.svd((X - mean) * np.sqrt(weight)[:, None], full_matrices=False)
        coef = V.T @ (s / (s**2 + penalty) * (U.T @ ((y[:, j] - origin) * np.sqrt(weight))))
        found[:, j] = (X - mean) @ coef + origin
    return found


@pytest.fixture
def always(monkeypatch):
    """Let iterations be tried whatever they cost."""
    monkeypatch.setattr(systems, "affordable", lambda X, targets: 400)
    # Fits to as many rows as columns keep no moments then.
    monkeypatch.setattr(systems, "KEPT", 0)


@pytest.mark.parametrize("seed", range(12))
def test_sparse_rows_give_the_model_of_dense_ones(seed, always):
    rng = np.random.default_rng(seed)
    n, p = [(60, 200), (200, 60), (90, 90)][seed % 3]
    X = drawn(rng, n, p, [0.0, 2.0][seed % 2])
    Y = (X[:, :3] @ rng.standard_normal((3, 2)) + 0.3 * rng.standard_normal((n, 2))) * 10.0 ** rng.integers(-6, 7)
    Y += rng.standard_normal() * np.abs(Y).max()
    alpha = 10.0 ** rng.uniform(-2, 2, 2)
    weight = rng.integers(0, 3, n) + rng.random(n) if seed % 4 else rng.integers(0, 2, n).astype(float)
    intercept = bool(rng.random() < 0.7)
    model = wl.FeatureRidge("passthrough", alpha, fit_intercept=intercept).fit(X, Y, weight)
    size = np.sqrt(np.average((Y - np.average(Y, axis=0, weights=weight)) ** 2, axis=0, weights=weight))
    size = size if intercept else np.sqrt(np.average(Y**2, axis=0, weights=weight))
    seen = weight > 0
    error = (model.predict(X) - exact(X.toarray(), Y, alpha, weight, intercept))[seen]
    assert np.abs(error).max() <= 1e-8 * size.max()


def test_the_error_is_bounded_by_what_is_said():
    rng = np.random.default_rng(1)
    X, y = drawn(rng, 80, 300, 1.0), rng.standard_normal((80, 1))
    for alpha in (1e-2, 1.0, 1e2):
        found = SparseProblem(X, None, fit_intercept=True).solve(y, np.array([alpha]))
        assert found.error <= ENOUGH
        fit = X @ found.coef + found.intercept
        error = np.linalg.norm(fit - exact(X.toarray(), y, np.array([alpha]), np.ones(80), True))
        # What the oracle rounds itself comes on top.
        assert error <= (found.error + 1e-12) * np.linalg.norm(y - y.mean())


@pytest.mark.parametrize("kind", [sparse.csr_matrix, sparse.csr_array, sparse.csc_matrix, sparse.coo_array])
def test_rows_of_any_sparse_kind_and_values_that_add_up(kind, always):
    rng = np.random.default_rng(2)
    X = drawn(rng, 40, 100, 0.0)
    y = rng.integers(0, 3, 40)
    model = wl.FeatureRidgeClassifier("passthrough", 0.5).fit(kind(X), y)
    dense = wl.FeatureRidgeClassifier("passthrough", 0.5).fit(X.toarray(), y)
    np.testing.assert_allclose(model.decision_function(kind(X)), dense.decision_function(X.toarray()), atol=1e-8)
    np.testing.assert_allclose(model.predict_proba(kind(X)), dense.predict_proba(X.toarray()), atol=1e-6)
    twice = sparse.csr_matrix((np.repeat(X.data / 2, 2), np.repeat(X.indices, 2), X.indptr * 2), X.shape)
    again = wl.FeatureRidgeClassifier("passthrough", 0.5).fit(twice, y)
    assert twice.nnz == 2 * X.nnz
    np.testing.assert_allclose(again.coef_, model.coef_, atol=1e-10)


def test_what_iterations_do_not_reach_dense_rows_do(always, monkeypatch):
    rng = np.random.default_rng(3)
    far = drawn(rng, 50, 120, 0.0).toarray()
    far[:, 0] = 1e6 + rng.standard_normal(50)
    for X, alpha in ((sparse.csr_matrix(far), 1.0), (drawn(rng, 50, 120, 3.0), 1e-14), (drawn(rng, 50, 120, 0), 0.0)):
        y = X[:, 0].toarray().ravel() - X[:, 0].mean() + rng.standard_normal(50)
        model = wl.FeatureRidge("passthrough", alpha).fit(X, y)
        np.testing.assert_array_equal(model.coef_, wl.FeatureRidge("passthrough", alpha).fit(X.toarray(), y).coef_)


@pytest.mark.parametrize("cv", [None, "gcv", 3])
@pytest.mark.parametrize("shape", [(80, 400), (120, 60)])
def test_penalties_are_chosen_as_of_dense_rows(cv, shape):
    rng = np.random.default_rng(4)
    X = drawn(rng, *shape, 0.0)
    X.data[rng.random(X.nnz) < 0.8] = 0.0
    X.eliminate_zeros()
    y = X @ rng.standard_normal(shape[1]) + rng.standard_normal(shape[0])
    model, dense = (wl.FeatureRidgeCV("passthrough", cv=cv).fit(rows, y) for rows in (X, X.toarray()))
    assert model.alpha_ == dense.alpha_
    np.testing.assert_allclose(model.best_score_, dense.best_score_, rtol=1e-8)
    np.testing.assert_allclose(model.coef_, dense.coef_, atol=1e-8 * np.abs(dense.coef_).max())


@pytest.mark.parametrize("shape", [(3000, 150), (150, 3000)])
def test_sparse_rows_keep_what_dense_ones_do(shape):
    rng = np.random.default_rng(6)
    places = rng.integers(0, shape[1], (shape[0], 3)).ravel()
    X = sparse.csr_matrix((rng.random(len(places)), places, np.arange(shape[0] + 1) * 3), shape)
    y = rng.integers(0, 2, shape[0]).astype(float)
    assert systems.affordable(X, 1)
    model, dense = (wl.FeatureRidge("passthrough").fit(rows, y) for rows in (X, X.toarray()))
    for one, other in zip(*(found.predict(X[:9], return_std=True) for found in (model, dense)), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-7)
    np.testing.assert_allclose(model.predict_interval(X[:9]), dense.predict_interval(X[:9]), rtol=1e-7)
    classes = [wl.FeatureRidgeClassifier("passthrough").fit(rows, y).predict_proba(X[:9]) for rows in (X, X.toarray())]
    np.testing.assert_allclose(*classes, atol=1e-7)


@pytest.mark.parametrize("intercept", [False, True])
def test_squares_that_overflow_are_refused_as_those_of_dense_rows(intercept, always):
    X = drawn(np.random.default_rng(7), 40, 90, 0.0) * 1e200
    for rows in (X, X.toarray()):
        with pytest.raises(ValueError, match="squares of the features overflow float64"):
            wl.FeatureRidge("passthrough", fit_intercept=intercept).fit(rows, np.arange(40.0))


def test_nothing_is_made_dense(monkeypatch):
    rng = np.random.default_rng(5)
    n, p = 1500, 300_000
    places = rng.integers(0, p, (n, 30)).ravel()
    X = sparse.csr_matrix((rng.random(30 * n), places, np.arange(n + 1) * 30), (n, p))
    y = rng.integers(0, 2, n)
    # Dense rows are 3.6 GB.
    monkeypatch.setenv("WIDELEARN_MAX_MEMORY", "200M")
    model = wl.FeatureRidgeClassifier("passthrough").fit(X, y)
    assert model.score(X, y) > 0.9
    assert model.predict_proba(X[:5]).shape == (5, 2)
    chosen = wl.FeatureRidgeClassifierCV("passthrough", alphas=[0.1, 1.0]).fit(X, y)
    assert chosen.score(X, y) > 0.9


def test_what_was_fitted_says_which_rows_are_taken():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((30, 4)), rng.standard_normal(30)
    model = wl.KernelRidge("rbf").fit(sparse.csr_array(X), y)
    expected = model.predict(X)
    model.set_params(kernel="ntk", solver="nystrom")
    np.testing.assert_allclose(model.predict(sparse.csr_array(X)), expected, rtol=1e-12)
    model = wl.KernelRidge(lambda a, b: a @ b.T).fit(X, y).set_params(kernel="rbf")
    with pytest.raises(TypeError, match="dense"):
        model.predict(sparse.csr_array(X))


@pytest.mark.parametrize(
    "estimator",
    [
        *(wl.KernelRidge("rbf"), wl.FeatureRidge(), wl.TaylorRegressor(max_iter=2), wl.TwoLayerRegressor(max_iter=2)),
        *(wl.RecursiveFeatureMachine(), wl.GradientFlowRegressor(time=1.0)),
    ],
    ids=lambda one: type(one).__name__,
)
def test_sparse_targets_are_refused(estimator):
    X = np.random.default_rng(0).standard_normal((20, 3))
    with pytest.raises(TypeError, match=r"y is a sparse matrix \(20 x 1\), and targets are dense: pass y.toarray\(\)"):
        estimator.fit(X, sparse.csr_array(X[:, :1]))


@pytest.mark.parametrize("place", [-1, 3, 1 << 20])
@pytest.mark.parametrize("rows", [2, 40])
def test_a_value_outside_of_the_columns_is_refused(place, rows):
    rng = np.random.default_rng(0)
    X, y = sparse.csr_array(rng.standard_normal((rows, 3))), np.arange(float(rows))
    damaged = X.copy()
    damaged.indices[1] = place
    for model in (wl.FeatureRidge("passthrough"), wl.FeatureRidge(), wl.KernelRidge("rbf")):
        with pytest.raises(ValueError, match=rf"X is damaged: a value is stored in column {place}, and there are 3"):
            model.fit(damaged, y)
        model.fit(X, y)
        with pytest.raises(ValueError, match=rf"X is damaged: a value is stored in column {place}, and there are 3"):
            model.predict(damaged)


@pytest.mark.parametrize("damage", ["falls", "negative", "beyond", "first", "short", "lengths"])
def test_parts_that_do_not_belong_together_are_refused(damage):
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((40, 6)), np.arange(40.0)
    rows = sparse.csr_array(X)
    rows.indptr, rows.data = rows.indptr.copy(), rows.data.copy()
    if damage == "short":
        rows.data = rows.data[:-5].copy()
    elif damage == "lengths":
        rows.indptr = rows.indptr[:-1].copy()
    else:
        place, value = {"falls": (5, 0), "negative": (5, -7), "beyond": (40, 340), "first": (0, 3)}[damage]
        rows.indptr[place] = value
    columns = wl.kernels.Columns(wl.kernels.RBF(1.0), [0, 1])
    for kernel in (wl.kernels.RBF(1.0), columns):
        with pytest.raises(ValueError, match="X is damaged: its indptr must be 41 numbers that rise from 0 to at most"):
            kernel(rows, rows)
    features = wl.RandomFeatures(8, random_state=0).fit(X)
    with pytest.raises(ValueError, match="X is damaged"):
        features.transform(rows)
    for model in (wl.FeatureRidge("passthrough"), wl.KernelRidge(columns)):
        with pytest.raises(ValueError, match="X is damaged"):
            model.fit(rows, y)
        with pytest.raises(ValueError, match="X is damaged"):
            model.fit(X, y).predict(rows)


@pytest.mark.parametrize("place", [-1, 6, 1 << 30])
def test_kernels_of_some_columns_look_at_all_of_them_first(place):
    rows = sparse.csr_array(np.ones((40, 6)))
    rows.indices = rows.indices.copy()
    rows.indices[7] = place
    with pytest.raises(ValueError, match=f"X is damaged: a value is stored in column {place}, and there are 6 columns"):
        wl.kernels.Columns(wl.kernels.RBF(1.0), [0, 1])(rows, rows)
