"""Ridge regression on features: scikit-learn's Ridge on the transformed rows, fused, streamed, in either shape."""

import inspect
import pickle
import time
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.linalg import LinAlgWarning
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.datasets import load_digits, load_iris
from sklearn.kernel_approximation import Nystroem, RBFSampler
from sklearn.linear_model import Ridge, RidgeClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, PolynomialFeatures, StandardScaler
from sklearn.utils._param_validation import InvalidParameterError

from widelearn import FeatureRidge, FeatureRidgeClassifier, FourierFeatures, KernelRidge, RandomFeatures
from widelearn.kernels import NTK, RBF

CLOSE = {"rtol": 1e-9, "atol": 1e-9}
MAPS = {
    "random": RandomFeatures(30, random_state=0),
    "many": RandomFeatures(400, bias_scale=1.0, random_state=0),
    "fourier": FourierFeatures(n_components=31, random_state=0),
    "passthrough": "passthrough",
    "polynomial": PolynomialFeatures(2),
    "peer": RBFSampler(n_components=40, random_state=0),
    "pipeline": make_pipeline(StandardScaler(), RandomFeatures(25, random_state=0)),
    "sparse": OneHotEncoder(handle_unknown="ignore"),
}


@pytest.fixture
def rows(rng):
    X = rng.standard_normal((150, 4)).round(1)
    return X, rng.standard_normal((150, 3)) + 10, rng.uniform(0, 3, 150)


def transformed(features, X, weight=None):
    seen = X if weight is None else X[weight > 0]
    Z = X if isinstance(features, str) else clone(features).fit(seen).transform(X)
    return Z.toarray() if hasattr(Z, "toarray") else Z


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_it_is_ridge_on_the_features(name, fit_intercept, weighted, rows):
    """The normalisation: scikit-learn's, ||y - Zc - b||² + alpha ||c||², alpha not divided by n."""
    X, Y, weight = rows
    features, weight = MAPS[name], np.where(weight < 0.5, 0, weight) if weighted else None
    # A map that looks at the rows sees those that have a weight.
    Z = transformed(features, X, weight)
    for alpha in (0.3, [0.3, 2.0, 0.3]):
        model = FeatureRidge(features, alpha, fit_intercept=fit_intercept).fit(X, Y, weight)
        peer = Ridge(alpha, fit_intercept=fit_intercept, solver="svd").fit(Z, Y, weight)
        np.testing.assert_allclose(model.coef_, peer.coef_, **CLOSE)
        np.testing.assert_allclose(model.intercept_, peer.intercept_ if fit_intercept else np.zeros(3), **CLOSE)
        np.testing.assert_allclose(model.predict(X), peer.predict(Z), **CLOSE)


@pytest.mark.parametrize("name", ["random", "many", "passthrough", "polynomial"])
def test_batches_are_one_fit(name, rows):
    X, Y, weight = rows
    features = MAPS[name]
    whole = FeatureRidge(features, 0.5).fit(X, Y, weight)
    model = FeatureRidge(features, 0.5)
    for start, stop in ((0, 1), (1, 70), (70, 150)):
        model.partial_fit(X[start:stop], Y[start:stop], weight[start:stop])
        assert model.predict(X).shape == (150, 3)
    np.testing.assert_allclose(model.coef_, whole.coef_, **CLOSE)
    np.testing.assert_allclose(model.intercept_, whole.intercept_, **CLOSE)
    assert model.moments_.weight == pytest.approx(weight.sum())
    # The penalty may change between batches: the moments do not know it.
    model.set_params(alpha=3.0).partial_fit(X[:1], Y[:1], np.zeros(1) + 1e-300)
    np.testing.assert_allclose(model.coef_, FeatureRidge(features, 3.0).fit(X, Y, weight).coef_, **CLOSE)


def test_fit_forgets_and_partial_fit_says_so(rows):
    X, Y, _ = rows
    model = FeatureRidge("passthrough").partial_fit(X[:50] * 9, Y[:50]).fit(X, Y)
    assert not hasattr(model, "moments_")
    np.testing.assert_array_equal(model.coef_, FeatureRidge("passthrough").fit(X, Y).coef_)
    with pytest.warns(UserWarning, match="the rows given to fit are forgotten"):
        model.partial_fit(X[:70], Y[:70])
    np.testing.assert_allclose(model.coef_, FeatureRidge("passthrough").fit(X[:70], Y[:70]).coef_, **CLOSE)


def test_shapes_of_targets(rows):
    X, Y, weight = rows
    for fit in (FeatureRidge.fit, FeatureRidge.partial_fit):
        one, column, many = (fit(FeatureRidge(MAPS["random"]), X, y, weight) for y in (Y[:, 0], Y[:, :1], Y))
        assert (one.coef_.shape, np.ndim(one.intercept_), one.predict(X).shape) == ((30,), 0, (150,))
        assert (column.coef_.shape, column.intercept_.shape, column.predict(X).shape) == ((1, 30), (1,), (150, 1))
        assert (many.coef_.shape, many.intercept_.shape, many.predict(X).shape) == ((3, 30), (3,), (150, 3))
        np.testing.assert_allclose(many.coef_[0], one.coef_, **CLOSE)
    model = FeatureRidge(MAPS["random"]).partial_fit(X, Y[:, 0])
    with pytest.raises(ValueError, match="y has 2 dimensions, but earlier batches had 1"):
        model.partial_fit(X, Y)
    with pytest.raises(ValueError, match=r"alpha has shape \(2,\), but there are 3 targets"):
        FeatureRidge(alpha=[1.0, 2.0]).fit(X, Y)


def test_many_features_tend_to_the_kernel(rng):
    X, y = rng.standard_normal((60, 4)), rng.standard_normal(60)
    wide = FeatureRidge(FourierFeatures(RBF(0.3), 60_000, random_state=0), 0.5).fit(X, y)
    limit = KernelRidge(RBF(0.3), 0.5).fit(X, y)
    other = KernelRidge(NTK(), 0.5).fit(X, y)
    gap, control = (np.abs(wide.predict(X) - model.predict(X)).max() for model in (limit, other))
    # The kernel's error is 1 / sqrt(30,000) a pair; the negative control is another kernel.
    assert gap < 0.05 < control


def test_wide_and_tall_agree_where_they_meet(rng):
    X, y = rng.standard_normal((100, 4)), rng.standard_normal(100)
    for p in (99, 100, 101):
        features = RandomFeatures(p, random_state=0)
        whole = FeatureRidge(features, 0.1).fit(X, y)
        streamed = FeatureRidge(features, 0.1).partial_fit(X, y)
        np.testing.assert_allclose(whole.coef_, streamed.coef_, **CLOSE)


# Condition.


@pytest.mark.parametrize("n", [100, 12])
def test_repeated_features_without_penalty(n, rng):
    X, y = rng.standard_normal((n, 20)) + 5, rng.standard_normal(n)
    X[:, 7] = X[:, 3]
    if n == 12:
        X[7], y[7] = X[3], y[3]
    with pytest.warns(LinAlgWarning, match="rcond") as caught:
        model = FeatureRidge("passthrough", 0.0).fit(X, y)
    assert len(caught) == 1
    centred = X - X.mean(axis=0)
    np.testing.assert_allclose(model.coef_, np.linalg.pinv(centred, rtol=1e-8) @ (y - y.mean()), rtol=1e-6, atol=1e-8)


def test_means_far_from_zero(rng):
    X, y = rng.standard_normal((300, 5)), rng.standard_normal(300)
    for n in (300, 4):
        near, far = (FeatureRidge("passthrough").fit(X[:n] + offset, y[:n] + offset) for offset in (0, 1e6))
        # Rounding the rows at 1e6 costs 1e-10 of them.
        np.testing.assert_allclose(far.coef_, near.coef_, rtol=1e-7, atol=1e-8)


# The feature map as a parameter.


def test_the_map_is_cloned_and_its_seed_drawn(rows):
    X, Y, _ = rows
    features = RandomFeatures(20)
    model = FeatureRidge(features, random_state=5).fit(X, Y)
    assert model.features is features
    assert not hasattr(features, "seed_")
    assert features.random_state is None
    again = FeatureRidge(features, random_state=5).fit(X, Y)
    other = FeatureRidge(features, random_state=6).fit(X, Y)
    np.testing.assert_array_equal(model.coef_, again.coef_)
    assert not np.array_equal(model.coef_, other.coef_)
    fixed = [FeatureRidge(RandomFeatures(20, random_state=1), random_state=seed).fit(X, Y).coef_ for seed in (1, 2)]
    np.testing.assert_array_equal(*fixed)
    inner = make_pipeline(StandardScaler(), RBFSampler(n_components=5), RandomFeatures(20))
    seeds = [FeatureRidge(inner, random_state=3).fit(X, Y).features_ for _ in range(2)]
    np.testing.assert_array_equal(seeds[0].transform(X), seeds[1].transform(X))
    assert seeds[0][1].random_state != seeds[0][2].random_state


def test_defaults(rows):
    X, Y, _ = rows
    model = FeatureRidge(random_state=0).fit(X, Y)
    assert isinstance(model.features_, RandomFeatures)
    assert model.coef_.shape == (3, 1024)
    assert FeatureRidge().set_params(features__n_components=7).features.n_components == 7
    named = FeatureRidge(FourierFeatures()).set_params(features__kernel__gamma=2.0)
    assert named.features.kernel == RBF(gamma=2.0)
    with pytest.raises(ValueError, match="Invalid parameter"):
        FeatureRidge().set_params(features__gamma=1.0)
    for wrong in ("random", 3, object()):
        with pytest.raises(InvalidParameterError, match="features"):
            FeatureRidge(wrong).fit(X, Y)


def test_grid_search_over_features(rows):
    X, Y, _ = rows
    grid = {"features__n_components": [5, 20], "alpha": [0.1, 1.0]}
    search = GridSearchCV(FeatureRidge(random_state=0), grid, cv=3).fit(X, Y)
    assert search.best_estimator_.coef_.shape == (3, search.best_params_["features__n_components"])


class Shapeless(TransformerMixin, BaseEstimator):
    """A map that gives frames, or its target back: whatever a user may have."""

    def __init__(self, frame=False):
        self.frame = frame

    def fit(self, X, y=None):
        self.seen_ = None if y is None else y.shape
        return self

    def transform(self, X):
        return pd.DataFrame(np.cos(X), columns=list("abcd")) if self.frame else np.cos(X).tolist()


@pytest.mark.parametrize("frame", [False, True])
def test_any_map_will_do(frame, rows):
    X, Y, _ = rows
    model = FeatureRidge(Shapeless(frame)).fit(X, Y)
    assert model.features_.seen_ == Y.shape
    np.testing.assert_allclose(model.coef_, Ridge().fit(np.cos(X), Y).coef_, **CLOSE)
    nystrom = FeatureRidge(Nystroem(n_components=10, random_state=0)).fit(X, Y)
    assert nystrom.predict(X).shape == Y.shape


def test_maps_see_blocks_of_rows(rng):
    X, y = rng.standard_normal((5000, 4)), rng.standard_normal(5000)

    class Counting(Shapeless):
        most = 0

        def transform(self, X):
            Counting.most = max(Counting.most, len(X))
            return np.cos(X)

    model = FeatureRidge(Counting()).fit(X, y)
    model.predict(X)
    assert 1 < Counting.most < 5000
    np.testing.assert_allclose(model.coef_, Ridge().fit(np.cos(X), y).coef_, **CLOSE)


# Classes.


@pytest.mark.parametrize("features", ["passthrough", MAPS["many"]])
def test_classes_are_plus_and_minus_one(features, rng):
    X, y = load_iris(return_X_y=True)
    Z, weight = transformed(features, X), rng.uniform(0.1, 2, 150)
    for labels in (y, (y == 1).astype(int), np.array(["a", "b", "c"])[y]):
        model = FeatureRidgeClassifier(features, 0.5).fit(X, labels, weight)
        peer = RidgeClassifier(0.5, solver="svd").fit(Z, labels, weight)
        np.testing.assert_array_equal(model.classes_, peer.classes_)
        np.testing.assert_allclose(model.decision_function(X), peer.decision_function(Z), **CLOSE)
        np.testing.assert_allclose(model.coef_, peer.coef_, **CLOSE)
        np.testing.assert_allclose(model.intercept_, peer.intercept_, **CLOSE)
        np.testing.assert_array_equal(model.predict(X), peer.predict(Z))
    for class_weight in ("balanced", {0: 1.0, 1: 3.0, 2: 0.5}):
        model = FeatureRidgeClassifier(features, 0.5, class_weight=class_weight).fit(X[:120], y[:120])
        peer = RidgeClassifier(0.5, class_weight=class_weight, solver="svd").fit(Z[:120], y[:120])
        np.testing.assert_allclose(model.decision_function(X), peer.decision_function(Z), **CLOSE)


def test_classes_in_batches(rng):
    X, y = load_iris(return_X_y=True)
    weight = {0: 1.0, 1: 3.0, 2: 0.5}
    whole = FeatureRidgeClassifier(MAPS["random"], class_weight=weight).fit(X, y)
    model = FeatureRidgeClassifier(MAPS["random"], class_weight=weight).partial_fit(X[:60], y[:60], [0, 1, 2])
    model.partial_fit(X[60:], y[60:])
    np.testing.assert_allclose(model.coef_, whole.coef_, **CLOSE)
    with pytest.raises(ValueError, match=r"labels \[9\] that are not among the classes \[0, 1, 2\]"):
        model.partial_fit(X[:2], [0, 9])
    with pytest.raises(ValueError, match=r"classes are \[0, 1\], but were \[0, 1, 2\] in the first call"):
        model.partial_fit(X, y, [0, 1])
    with pytest.raises(ValueError, match="classes must name all classes"):
        FeatureRidgeClassifier().partial_fit(X, y)
    with pytest.raises(ValueError, match="balanced"):
        FeatureRidgeClassifier(class_weight="balanced").partial_fit(X, y, [0, 1, 2])
    labels = rng.integers(0, 2, (150, 3))
    whole = FeatureRidgeClassifier(MAPS["random"]).fit(X, labels)
    model = FeatureRidgeClassifier(MAPS["random"]).partial_fit(X[:50], labels[:50]).partial_fit(X[50:], labels[50:])
    np.testing.assert_allclose(model.coef_, whole.coef_, **CLOSE)
    np.testing.assert_array_equal(
        model.predict(X),
        RidgeClassifier().fit(transformed(MAPS["random"], X), labels).predict(transformed(MAPS["random"], X)),
    )


def test_digits():
    X, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(X))
    train, test = order[:1347], order[1347:]
    model = FeatureRidgeClassifier(RandomFeatures(2000, random_state=0), 1e-4).fit(X[train] / 16, y[train])
    assert model.score(X[test] / 16, y[test]) >= 0.97


# Housekeeping.


def test_precisions(rows):
    X, Y, weight = rows
    x = X.astype(np.float32)
    for name in ("random", "many", "passthrough"):
        double, single = (FeatureRidge(MAPS[name], 0.5).fit(rows, Y, weight) for rows in (X, x))
        assert single.coef_.dtype == single.predict(x).dtype == np.float32
        np.testing.assert_allclose(single.predict(x), double.predict(X), atol=1e-3)


def test_bits_for_any_number_of_threads(threads, rng):
    X, Y = rng.standard_normal((3000, 5)), rng.standard_normal((3000, 2))
    for n in (3000, 150):
        seen = set()
        for k in (1, 2, 3, 4):
            threads(k)
            model = FeatureRidge(MAPS["many"]).fit(X[:n], Y[:n])
            seen.add((model.features_.moments(X, Y)[2].tobytes(), model.predict(X[:0:-1]).tobytes()))
        assert len(seen) == 1


def test_state(rows):
    X, Y, _ = rows
    for fit in (FeatureRidge.fit, FeatureRidge.partial_fit):
        model = fit(FeatureRidge(MAPS["random"]), X, Y)
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), model.predict(X))
        again = pickle.loads(pickle.dumps(fit(FeatureRidge(MAPS["random"]), X, Y)))
        np.testing.assert_array_equal(again.coef_, model.coef_)
    assert not hasattr(FeatureRidge(), "coef_")
    parameters = list(inspect.signature(FeatureRidge).parameters.values())
    assert [p.name for p in parameters if p.kind is not p.KEYWORD_ONLY] == ["features", "alpha"]


@pytest.mark.parametrize("model", [FeatureRidge(), FeatureRidgeClassifier(), KernelRidge()], ids=repr)
def test_a_fit_with_defaults_is_quick_and_quiet(model, rng):
    X = rng.standard_normal((200, 10))
    y = X[:, 0] > 0 if isinstance(model, FeatureRidgeClassifier) else X[:, 0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(X, y)
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        model.fit(X, y)
        seconds.append(time.perf_counter() - start)
    assert min(seconds) <= 0.1


@pytest.mark.parametrize("columns", [4, 90])
def test_features_whose_squares_overflow_are_refused(columns, rng):
    X, y = rng.standard_normal((60, columns)), rng.standard_normal(60)
    with pytest.raises(ValueError, match=r"overflow|beyond the largest"):
        FeatureRidge("passthrough").fit(1e200 * X, y)
