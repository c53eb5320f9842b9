"""Rows left out in closed form, against refits, for every fit that keeps rows; and what intervals hold."""

import copy
import math
import pickle

import numpy as np
import pytest
from scipy.linalg import LinAlgWarning
from scipy.sparse import csr_matrix
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import widelearn as wl
from widelearn.estimators.feature_ridge import posterior
from widelearn.estimators.left_out import KEPT


def left_out_ends(Z, y, z, alpha, weight, intercept, level):
    """Jackknife+ by scikit-learn's ridge on features (n, p), refitted without each row that has a weight."""
    kept = np.flatnonzero(weight)
    n = len(kept)
    low, high = np.empty((n, len(z))), np.empty((n, len(z)))
    for place, i in enumerate(kept):
        rest = kept[kept != i]
        model = Ridge(alpha, fit_intercept=intercept, solver="svd").fit(Z[rest], y[rest], weight[rest])
        error = abs(y[i] - model.predict(Z[i : i + 1])[0])
        low[place], high[place] = model.predict(z) - error, model.predict(z) + error
    k, m = math.floor((1 - level) * (n + 1) + 1e-9), math.ceil(level * (n + 1) - 1e-9)
    return np.stack([np.sort(low, axis=0)[k - 1], np.sort(high, axis=0)[m - 1]], axis=1)


def made(seed):
    """Make a problem by lot: rows, targets, weights, new rows, options; more rows than features or fewer."""
    rng = np.random.default_rng(seed)
    n, d = int(rng.integers(15, 45)), int(rng.integers(1, 5))
    X = rng.standard_normal((n + 4, d)) * 10.0 ** rng.integers(-1, 2) + rng.choice([0.0, 20.0])
    if rng.random() < 0.3:
        X[1 : n // 3] = X[0]
    y = rng.standard_normal((n, int(rng.integers(1, 3)))) * 10.0 ** rng.integers(-3, 4) + rng.choice([0.0, 5.0])
    weight = rng.choice([0.0, 0.5, 1.0, 3.0], n, p=[0.1, 0.3, 0.3, 0.3]) if rng.random() < 0.5 else None
    features = [wl.RandomFeatures(int(rng.choice([5, 80])), bias_scale=1.0), "passthrough"]
    options = {"alpha": 10.0 ** rng.integers(-1, 3), "fit_intercept": bool(rng.random() < 0.7), "random_state": seed}
    return X[:n], y, weight, X[n:], features[rng.integers(2)], options


@pytest.mark.parametrize("seed", range(24))
def test_feature_ridges_leave_rows_out_as_refits_do(seed):
    X, Y, weight, x, features, options = made(seed)
    model = wl.FeatureRidge(features, **options).fit(X, Y, weight)
    map_ = model.features_
    Z, z = (X, x) if isinstance(map_, str) else (map_.transform(X), map_.transform(x))
    found = model.predict_interval(x, 0.8)
    weight = np.ones(len(X)) if weight is None else weight
    for j in range(Y.shape[1]):
        expected = left_out_ends(Z, Y[:, j], z, options["alpha"], weight, options["fit_intercept"], 0.8)
        np.testing.assert_allclose(found[:, j], expected, rtol=0, atol=1e-10 * np.abs(Y).max())


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_centres_and_metrics_stay_as_they_are(rng, intercept, dtype):
    X, x = rng.standard_normal((60, 3)).astype(dtype), rng.standard_normal((5, 3)).astype(dtype)
    y = (np.sin(X[:, 0]) + 0.3 * rng.standard_normal(60)).astype(dtype)
    # Features of float32 rows are in float32.
    exact = 1e-10 if dtype == np.float64 else 2e-4
    model = wl.KernelRidge("rbf", 0.1, solver="nystrom", n_components=9, fit_intercept=intercept).fit(X, y)
    map_ = wl.NystromFeatures("rbf", 9, random_state=0).fit(X)
    np.testing.assert_array_equal(map_.components_, model.X_fit_)
    Z, z = map_.transform(X).astype(float), map_.transform(x).astype(float)
    expected = left_out_ends(Z, y.astype(float), z, 0.1, np.ones(60), intercept, 0.9)
    np.testing.assert_allclose(model.predict_interval(x), expected, rtol=0, atol=exact)
    machine = wl.RecursiveFeatureMachine(fit_intercept=intercept).fit(X, y)
    given = machine.X_fit_.astype(float), y.astype(float)
    plain = wl.KernelRidge(machine.kernel_, machine.alpha_, fit_intercept=intercept).fit(*given)
    mapped = machine._model.mapped(x).astype(float)
    for method in ("jackknife+", "loo", "gaussian"):
        expected = plain.predict_interval(mapped, method=method)
        np.testing.assert_allclose(machine.predict_interval(x, method=method), expected, rtol=0, atol=exact)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("method", ["jackknife+", "loo", "gaussian"])
def test_columns_and_rows_leave_out_alike(rng, method, intercept, weighted):
    X, y = rng.standard_normal((50, 4)) + 1.0, rng.standard_normal((50, 2)) + 2.0
    weight = rng.choice([0.0, 1.0, 2.0], 50) if weighted else None
    one = wl.FeatureRidge("passthrough", [0.5, 2.0], fit_intercept=intercept).fit(X, y, weight)
    other = wl.KernelRidge("linear", [0.5, 2.0], fit_intercept=intercept).fit(X, y, weight)
    assert other.solver_ == "cholesky"
    one, other = (model.predict_interval(X[:5], method=method) for model in (one, other))
    np.testing.assert_allclose(one, other, rtol=1e-9)


@pytest.mark.parametrize("columns", [20, 200])
@pytest.mark.parametrize("factor", [1e-200, 1e60, 1e200])
def test_targets_and_weights_of_any_unit(rng, columns, factor):
    X, y, weight = rng.standard_normal((80, 3)), rng.standard_normal(80), rng.choice([0.0, 1.0, 2.0], 80)
    features = wl.RandomFeatures(columns, random_state=0)
    one = wl.FeatureRidge(features, 0.3).fit(X, y, weight)
    other = wl.FeatureRidge(features, 0.3).fit(X, factor * y, weight)
    heavy = wl.FeatureRidge(features, 3e29).fit(X, y, 1e30 * weight)
    for method in ("jackknife+", "loo"):
        expected = one.predict_interval(X[:5], method=method)
        np.testing.assert_allclose(other.predict_interval(X[:5], method=method), factor * expected, rtol=1e-9)
        np.testing.assert_allclose(heavy.predict_interval(X[:5], method=method), expected, rtol=1e-9)
    if factor in (1e-200, 1e200):
        with pytest.raises(ValueError, match="leave the range of float64"):
            other.predict_interval(X[:5], method="gaussian")


@pytest.mark.parametrize("columns", [40, 400])
def test_chosen_penalties_are_those_of_one_fit(rng, columns):
    X, y = rng.standard_normal((100, 3)), rng.standard_normal(100)
    features = wl.RandomFeatures(columns, random_state=0)
    found = wl.FeatureRidgeCV(features).fit(X, y)
    one = wl.FeatureRidge(features, found.alpha_).fit(X, y)
    np.testing.assert_allclose(found.predict_interval(X[:9]), one.predict_interval(X[:9]), rtol=1e-7)


def test_what_was_factored_is_kept_but_not_in_pickles(rng):
    X, y = rng.standard_normal((80, 3)), rng.standard_normal(80)
    for model in (wl.KernelRidge("rbf").fit(X, y), wl.FeatureRidge(random_state=0).fit(X, y)):
        before = len(pickle.dumps(model))
        ends = model.predict_interval(X[:5])
        first = KEPT[model._model.posterior]
        np.testing.assert_array_equal(model.predict_interval(X[:5]), ends)
        assert KEPT[model._model.posterior] is first
        assert len(pickle.dumps(model)) == before
        for other in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
            np.testing.assert_allclose(other.predict_interval(X[:5]), ends, rtol=1e-12)
        model.fit(X[:50], y[:50])
        assert not np.array_equal(model.predict_interval(X[:5]), ends)


def test_many_rows_are_left_out_by_sample(rng, monkeypatch):
    X = rng.standard_normal((3000, 5))
    y = X[:, 0] + rng.standard_normal(3000)
    whole = wl.FeatureRidge("passthrough").fit(X, y)
    monkeypatch.setattr(posterior, "KEPT_ROWS", 1000)
    part = wl.FeatureRidge("passthrough").fit(X, y)
    assert len(part._model.posterior.kept_rows.Y) == 1000
    for method in ("jackknife+", "loo"):
        one, other = whole.predict_interval(X[:9], method=method), part.predict_interval(X[:9], method=method)
        # A quantile of 1,000 of 3,000 rows has a standard error of about .07.
        np.testing.assert_allclose(one, other, rtol=0, atol=0.25)


def test_what_rounding_spoils_is_told_of(rng):
    X, y = rng.standard_normal((20, 3)), rng.standard_normal(20)
    X[0] *= 1e9
    model = wl.FeatureRidge("passthrough", alpha=1e-6).fit(X, y)
    with pytest.warns(LinAlgWarning, match="left-out errors of 20 of 20 rows"):
        assert np.isfinite(model.predict_interval(X[1:])).all()


@pytest.mark.parametrize("alpha", [1.0, 1e-6])
@pytest.mark.parametrize(("n", "columns"), [(300, 50), (400, 390), (100, 300)])
def test_single_precision_is_enough_without_a_word(rng, n, columns, alpha):
    X = rng.standard_normal((n, 5))
    y = np.sin(X[:, 0]) + 0.3 * rng.standard_normal(n)
    model = wl.FeatureRidge(wl.RandomFeatures(columns, random_state=0), alpha)
    one = model.fit(X, y).predict_interval(X[:9])
    other = model.fit(X.astype(np.float32), y.astype(np.float32)).predict_interval(X[:9].astype(np.float32))
    np.testing.assert_allclose(other, one, rtol=0, atol=2e-3)


def test_rows_may_be_sparse_frames_or_in_pipelines(rng):
    X, y = rng.standard_normal((60, 4)), rng.standard_normal(60)
    expected = wl.FeatureRidge("passthrough").fit(X, y).predict_interval(X)
    found = wl.FeatureRidge("passthrough").fit(csr_matrix(X), y).predict_interval(csr_matrix(X))
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    scaler, model = make_pipeline(StandardScaler(), wl.FeatureRidge("passthrough")).fit(X, y).named_steps.values()
    assert model.predict_interval(scaler.transform(X)).shape == (60, 2)


@pytest.mark.parametrize(
    "fit",
    [
        lambda X, y: wl.FeatureRidge("passthrough").partial_fit(X, y),
        lambda X, y: wl.FeatureRidge("passthrough").fit_blocks([(X, y)]),
        lambda X, y: wl.FeatureRidge(wl.RandomFeatures(2049, random_state=0)).fit(np.tile(X, (50, 1)), np.tile(y, 50)),
    ],
)
def test_fits_that_keep_no_rows_say_so(rng, fit):
    X, y = rng.standard_normal((50, 2)), rng.standard_normal(50)
    with pytest.raises(ValueError, match="FeatureRidge keeps none here"):
        fit(X, y).predict_interval(X)


@pytest.mark.parametrize("method", ["jackknife+", "loo"])
def test_features_hold_what_they_say_on_real_rows(method):
    X, y = load_diabetes(return_X_y=True)
    held = []
    for seed in range(10):
        order = np.random.default_rng(seed).permutation(len(X))
        train, test = order[:300], order[300:]
        features = wl.RandomFeatures(100, bias_scale=1.0, random_state=seed)
        model = wl.FeatureRidgeCV(features).fit(X[train], y[train])
        ends = model.predict_interval(X[test], method=method)
        held.append(np.mean((ends[:, 0] <= y[test]) & (y[test] <= ends[:, 1])))
    # 1,420 rows, ten times the same 442: a standard error of about .01.
    assert 0.87 < np.mean(held) < 0.93
