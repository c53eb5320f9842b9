"""Left-out errors that a fit of kernel ridge regression keeps: those of refits, and what intervals need."""

import pickle

import numpy as np
import pytest

import widelearn as wl
from widelearn.kernels import NTK, RBF


def refitted(model, X, y, weight=None):
    """Return left-out errors by a refit without each row."""
    out = np.full(y.shape, np.nan)
    for i in range(len(X)):
        rest = np.delete(np.arange(len(X)), i)
        if weight is None or weight[i] > 0:
            model.fit(X[rest], y[rest], None if weight is None else weight[rest])
            out[i] = y[i] - model.predict(X[i : i + 1])[0]
    return out


@pytest.mark.parametrize("seed", range(12))
def test_they_are_those_of_refits(seed):
    rng = np.random.default_rng(seed)
    n, d, t = rng.integers(8, 40), rng.integers(1, 5), rng.integers(0, 4)
    X = rng.standard_normal((n, d)) * 10.0 ** rng.integers(-3, 4)
    y = (rng.standard_normal((n, t) if t else n) + 5.0) * 10.0 ** rng.integers(-5, 6)
    weight = [None, rng.uniform(0.1, 3.0, n), np.where(np.arange(n) % 4, 1.0, 0.0)][seed % 3]
    alpha = 10.0 ** rng.uniform(-2, 2, t) if t and seed % 2 else 10.0 ** rng.uniform(-2, 2)
    kernel = NTK() if seed % 4 == 0 else RBF(gamma=1.0 / float(np.var(X) * d))
    options = {"alpha": alpha, "fit_intercept": bool(seed % 5), "solver": ["auto", "cholesky"][seed % 2]}
    found = wl.KernelRidge(kernel, store_loo=True, **options).fit(X, y, weight).loo_residuals_
    expected = refitted(wl.KernelRidge(kernel, **options), X, y, weight)
    assert found.shape == y.shape
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-8 * np.abs(y).max())


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("method", ["jackknife+", "loo"])
def test_intervals_are_the_same_before_and_after_a_pickle(rng, dtype, method, tmp_path):
    X = rng.standard_normal((300, 3)).astype(dtype)
    y = np.sin(X[:, 0]) + 0.1 * rng.standard_normal(300).astype(dtype)
    plain = wl.KernelRidge("rbf", alpha=0.1, solver="cholesky").fit(X, y)
    kept = wl.KernelRidge("rbf", alpha=0.1, solver="cholesky", store_loo=True).fit(X, y)
    expected = plain.predict_interval(X[:9], method=method)
    near = {"rtol": 0, "atol": 1e-10 if dtype == np.float64 else 1e-5}
    np.testing.assert_allclose(kept.predict_interval(X[:9], method=method), expected, **near)
    data = pickle.dumps(kept)
    assert len(data) < len(pickle.dumps(plain)) + 8 * 300 + 1000
    wl.save(kept, tmp_path / "kept.wl")
    for again in (pickle.loads(data), wl.load(tmp_path / "kept.wl")):
        np.testing.assert_array_equal(again.loo_residuals_, kept.loo_residuals_)
        np.testing.assert_allclose(again.predict_interval(X[:9], method=method), expected, **near)


@pytest.mark.parametrize("n", [12, 40, 5_000])
def test_a_linear_kernel_of_columns_has_those_of_its_columns(rng, n):
    X = rng.standard_normal((n, 3)) + 1e5
    Y = np.c_[X[:, 0] - 1e5, X[:, 1] - 1e5] + 0.1 * rng.standard_normal((n, 2))
    weight = np.where(np.arange(n) % 5, 1.0 + np.arange(n) % 2, 0.0)
    model = wl.KernelRidge("linear", alpha=[1e-6, 1.0], store_loo=True).fit(X, Y, weight)
    assert model.solver_ == "columns"
    some = np.r_[:10, n - 2 : n]
    for j, alpha in enumerate([1e-6, 1.0]):
        for i in some[weight[some] > 0]:
            rest = np.delete(np.arange(n), i)
            mean, level = (np.average(A[rest], axis=0, weights=weight[rest]) for A in (X, Y[:, j]))
            Z, y = X[rest] - mean, Y[rest, j] - level
            c = np.linalg.solve(Z.T * weight[rest] @ Z + alpha * np.eye(3), Z.T * weight[rest] @ y)
            assert abs(model.loo_residuals_[i, j] - (Y[i, j] - level - (X[i] - mean) @ c)) < 1e-7
    np.testing.assert_array_equal(np.isnan(model.loo_residuals_).all(axis=1), weight == 0)


def test_a_singular_matrix_has_them_too(rng):
    X = np.repeat(rng.standard_normal((20, 2)), 2, axis=0)
    y = X[:, 0] + 0.1 * rng.standard_normal(40)
    with pytest.warns(Warning, match=r"Raise alpha"):
        model = wl.KernelRidge("rbf", alpha=1e-18, store_loo=True).fit(X, y)
    # A row's twin says what it is without it.
    twin = y[np.arange(40) ^ 1]
    np.testing.assert_allclose(model.loo_residuals_, y - twin, rtol=1e-5, atol=1e-9)
    single = np.r_[X, [[9.0, 9.0]]], np.r_[y, 1.0]
    with pytest.warns(Warning, match=r"Raise alpha"):
        model = wl.KernelRidge("rbf", alpha=0.0, store_loo=True).fit(*single)
    with pytest.warns(Warning, match=r"Raise alpha"):
        left = 1.0 - wl.KernelRidge("rbf", alpha=0.0).fit(X, y).predict([[9.0, 9.0]])[0]
    np.testing.assert_allclose(model.loo_residuals_, np.r_[y - twin, left], rtol=1e-5, atol=1e-9)
    ends = model.predict_interval(X[:2], level=0.5, method="loo")
    assert (ends[:, 1] - ends[:, 0] < 4 * np.abs(y - twin).max()).all()


def test_what_keeps_none_says_so(rng):
    X, y = rng.standard_normal((30, 2)), rng.standard_normal(30)
    for options in ({"solver": "nystrom"}, {"kernel": "precomputed"}):
        rows = X @ X.T if "kernel" in options else X
        with pytest.raises(ValueError, match="store_loo=True keeps left-out errors of a kernel matrix of rows"):
            wl.KernelRidge(store_loo=True, **options).fit(rows, y)
    assert not hasattr(wl.KernelRidge("rbf").fit(X, y), "loo_residuals_")
    model = wl.KernelRidge("rbf", store_loo=True).fit(X, y)
    assert not hasattr(model.set_params(store_loo=False).fit(X, y), "loo_residuals_")


@pytest.mark.parametrize("per_target", [False, True])
@pytest.mark.parametrize("targets", [0, 3])
def test_choices_keep_theirs(rng, per_target, targets):
    X, Y = rng.standard_normal((40, 3)), 1e3 * rng.standard_normal((40, targets) if targets else 40)
    Y = Y + 1e4 * (X[:, 0] if not targets else np.outer(X[:, 0], [1.0, 0.0, 0.1]))
    weight, alphas = np.where(np.arange(40) % 7, 1.0 + np.arange(40) % 2, 0.0), [1e-5, 1e-3, 0.1, 10.0, 1e3, 1e5]
    options = {"alpha_per_target": per_target, "store_cv_results": True}
    found = wl.KernelRidgeCV([RBF(gamma=0.3), NTK()], alphas, **options).fit(X, Y, weight)
    assert found.cv_results_.shape == (*Y.shape, 6)
    for k, alpha in enumerate(alphas):
        left = refitted(wl.KernelRidge(found.kernel_, alpha=alpha), X, Y, weight)
        scaled = np.nan_to_num(left) ** 2 * (weight if not targets else weight[:, None])
        np.testing.assert_allclose(found.cv_results_[..., k], scaled, rtol=1e-7, atol=1e-6)
    errors = found.cv_results_.mean(axis=0)
    errors = errors if per_target or not targets else errors.mean(axis=0)
    np.testing.assert_array_equal(found.alpha_, np.array(alphas)[errors.argmin(axis=-1)])
    np.testing.assert_allclose(found.best_score_, -errors.min(axis=-1), rtol=1e-9)
    plain = wl.KernelRidge(found.kernel_, alpha=found.alpha_).fit(X, Y, weight)
    np.testing.assert_allclose(found.predict(X), plain.predict(X), rtol=1e-7, atol=1e-5)
    other = {"kernel": [NTK()]} if found.kernel_ == RBF(gamma=0.3) else {"kernel": [RBF(gamma=0.3)]}
    worse = wl.KernelRidgeCV(alphas=alphas, **options, **other).fit(X, Y, weight)
    assert np.mean(worse.best_score_) < np.mean(found.best_score_)
    again = found.set_params(store_cv_results=False).fit(X, Y, weight)
    assert not hasattr(again, "cv_results_")
    with pytest.raises(ValueError, match="store_cv_results needs"):
        wl.KernelRidgeCV(cv=3, store_cv_results=True).fit(X, Y)


@pytest.mark.parametrize("seed", range(16))
def test_those_of_features_are_those_of_refits(seed):
    """More rows than features and fewer, penalties by which rows nearly determine themselves among them."""
    rng = np.random.default_rng(seed)
    n, d, t = rng.integers(12, 60), rng.integers(1, 5), rng.integers(0, 4)
    X = rng.standard_normal((n, d))
    y = (rng.standard_normal((n, t) if t else n) + 5.0) * 10.0 ** rng.integers(-5, 6)
    weight = [None, rng.uniform(0.1, 3.0, n), np.where(np.arange(n) % 4, 1.0, 0.0)][seed % 3]
    alpha = 10.0 ** rng.uniform(-4, 2, t) if t and seed % 2 else 10.0 ** rng.uniform(-4, 2)
    features = wl.RandomFeatures([6, 100][seed // 2 % 2], bias_scale=1.0, random_state=seed)
    options = {"features": features, "alpha": alpha, "fit_intercept": bool(seed % 5)}
    found = wl.FeatureRidge(**options, store_loo=True).fit(X, y, weight).loo_residuals_
    expected = refitted(wl.FeatureRidge(**options), X, y, weight)
    assert found.shape == y.shape
    # Leverages in float32 are taken where they move errors by less than 1e-6 of themselves.
    np.testing.assert_allclose(found, expected, rtol=2e-6, atol=1e-9 * np.abs(y).max())


@pytest.mark.parametrize(("dtype", "precision"), [(np.float64, "auto"), (np.float64, "mixed"), (np.float32, "auto")])
def test_those_of_many_features_are_those_of_a_hat_matrix(rng, dtype, precision):
    X = rng.standard_normal((2200, 3)).astype(dtype)
    y = (np.sin(X[:, 0]) + 0.1 * rng.standard_normal(2200)).astype(dtype)
    features = wl.RandomFeatures(2100, bias_scale=1.0, random_state=0)
    model = wl.FeatureRidge(features, alpha=1e-3, precision=precision, store_loo=True).fit(X, y)
    Z = features.fit(X.astype(float)).transform(X.astype(float))
    Z -= Z.mean(axis=0)
    turned, centred = np.linalg.solve(Z.T @ Z + 1e-3 * np.eye(2100), Z.T), y.astype(float) - y.mean(dtype=float)
    own = np.einsum("ij,ji->i", Z, turned) + 1 / 2200
    errors = centred - Z @ (turned @ centred)
    # Of float32 rows features have 7 digits, which alpha = 1e-3 beside moments of 100 turns into 2 or 3.
    near = {"rtol": 1e-5, "atol": 1e-7} if dtype == np.float64 else {"rtol": 0.05, "atol": 0.01}
    np.testing.assert_allclose(model.loo_residuals_, errors / (1 - own), **near)


def test_rows_that_determine_their_values_are_doubted(rng):
    X = np.r_[np.zeros((40, 1)), [[1.0]]] + 1e-9 * rng.standard_normal((41, 1))
    with pytest.warns(Warning, match="Rounding may spoil"):
        wl.FeatureRidge("passthrough", alpha=1e-22, store_loo=True).fit(X, X[:, 0])


def test_sums_of_rows_have_none(rng, tmp_path):
    X, y = rng.standard_normal((30, 2)), rng.standard_normal(30)
    features = wl.RandomFeatures(5, random_state=0)
    model = wl.FeatureRidge(features, store_loo=True)
    for call in (lambda: model.partial_fit(X, y), lambda: model.fit_blocks([(X, y)])):
        with pytest.raises(ValueError, match="store_loo=True keeps the left-out errors of rows that are given to one"):
            call()
    model.fit(X, y)
    wl.save(model, tmp_path / "model.wl")
    np.testing.assert_array_equal(wl.load(tmp_path / "model.wl").loo_residuals_, model.loo_residuals_)
    with pytest.warns(UserWarning, match="fit keeps no moments"):
        model.set_params(store_loo=False).partial_fit(X, y)
    assert not hasattr(model, "loo_residuals_")
