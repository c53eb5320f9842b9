"""A feature ridge is the old model or the new one, whatever fails, whoever predicts and whatever is set after a fit."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin, clone, is_classifier

from widelearn import (
    FeatureRidge,
    FeatureRidgeClassifier,
    FeatureRidgeClassifierCV,
    FeatureRidgeCV,
    RandomFeatures,
)

# Grids of few penalties, whose edges are often chosen.
pytestmark = pytest.mark.filterwarnings("ignore:alpha = ")

MAP = RandomFeatures(20, random_state=0)
MODELS = [
    FeatureRidge(MAP),
    FeatureRidgeCV(MAP),
    FeatureRidgeCV(MAP, cv="gcv"),
    FeatureRidgeCV(MAP, cv=3, alphas=(0.1, 1.0)),
    FeatureRidgeClassifier(MAP),
    FeatureRidgeClassifierCV(MAP, store_cv_results=True),
    FeatureRidgeClassifierCV(MAP, cv="gcv"),
]


class Stopped(TransformerMixin, BaseEstimator):
    """A map that is interrupted while it is fitted, or while it maps, as by Ctrl-C."""

    def __init__(self, method="fit"):
        self.method = method

    def fit(self, X, y=None):
        if self.method == "fit":
            raise KeyboardInterrupt
        return self

    def transform(self, X):
        raise KeyboardInterrupt


@pytest.fixture
def rows(rng):
    X = rng.standard_normal((90, 4))
    return X, np.array(["a", "b", "c"])[np.digitize(X[:, 0], [-0.5, 0.5])]


def targets(model, labels):
    return labels if is_classifier(model) else (labels == "b").astype(float)


def state(model):
    """Everything that was fitted, by name."""
    return {name: value for name, value in vars(model).items() if name not in model.get_params(deep=False)}


def unchanged(model, error, call, match=None):
    """A call fails and leaves all that was fitted as it was, to the very objects."""
    before = state(model)
    with pytest.raises(error, match=match):
        call()
    assert state(model).keys() == before.keys()
    assert all(state(model)[name] is value for name, value in before.items())


@pytest.mark.parametrize("model", MODELS, ids=repr)
def test_a_refit_that_fails_leaves_the_old_model(model, rows):
    X, labels = rows
    model = clone(model).fit(X, targets(model, labels))
    values, classes = model.predict(X), getattr(model, "classes_", None)
    numbers = np.linspace(0, 1, 90)
    other = numbers if is_classifier(model) else numbers * np.nan
    unchanged(model, ValueError, lambda: model.fit(X[:, :3], other), "Unknown label type|NaN")
    # Labels are read before weights are: they must not be kept without them.
    unchanged(model, ValueError, lambda: model.fit(X[:, :3], numbers > 0.5, -numbers), "sample_weight is negative")
    unchanged(model, ValueError, lambda: model.fit(X, numbers > 0.5, 0 * numbers), "at least one non-zero")
    np.testing.assert_array_equal(model.predict(X), values)
    assert getattr(model, "classes_", None) is classes
    assert model.n_features_in_ == 4


@pytest.mark.parametrize("model", MODELS, ids=repr)
@pytest.mark.parametrize("method", ["fit", "transform"])
def test_an_interrupted_refit_leaves_the_old_model(model, method, rows):
    X, labels = rows
    model = clone(model).fit(X, targets(model, labels))
    values = model.predict(X)
    model.set_params(features=Stopped(method))
    unchanged(model, KeyboardInterrupt, lambda: model.fit(X[:, :2], targets(model, labels[::-1])))
    np.testing.assert_array_equal(model.predict(X), values)


@pytest.mark.parametrize("model", [FeatureRidge(MAP), FeatureRidgeClassifier(MAP)], ids=repr)
def test_a_batch_that_fails_leaves_earlier_sums(model, rows):
    X, labels = rows
    y = targets(model, labels)
    classes = {"classes": np.unique(labels)} if is_classifier(model) else {}
    model = clone(model).partial_fit(X[:50], y[:50], **classes)
    for call in (
        lambda: model.partial_fit(X[50:] * np.nan, y[50:]),
        lambda: model.partial_fit(X[50:], y[50:], sample_weight=-np.ones(40)),
        lambda: model.partial_fit(X[50:] * 1e200, y[50:]),
        lambda: model.partial_fit(X[50:], np.eye(40, 2)),
    ):
        unchanged(model, ValueError, call)
    model.partial_fit(X[50:], y[50:])
    whole = clone(model).fit(X, y)
    # Sums in another order: eps times a condition number of at most 1e4.
    np.testing.assert_allclose(model.coef_, whole.coef_, rtol=1e-10, atol=1e-10)


def test_a_model_of_sums_stays_while_batches_are_added(rows):
    """What another thread holds is solved from its own sums, whenever it is asked for."""
    X, labels = rows
    y = (labels == "b").astype(float)
    model = FeatureRidge(MAP).partial_fit(X[:50], y[:50])
    held = vars(model)["_model"]
    model.partial_fit(X[50:], y[50:])
    np.testing.assert_array_equal(held.solved.coef[0], FeatureRidge(MAP).partial_fit(X[:50], y[:50]).coef_)


@pytest.mark.parametrize("model", [FeatureRidge(MAP), FeatureRidgeCV(MAP), FeatureRidgeClassifier(MAP)], ids=repr)
def test_threads_see_one_model_or_the_other(model, rows):
    X, labels = rows
    sets = [(X, targets(model, labels)), (X, targets(model, np.array(["b", "z", "y"])[np.arange(90) % 3]))]
    known = [clone(model).fit(*one).predict(X).tobytes() for one in sets]
    shared, stop = clone(model).fit(*sets[0]), threading.Event()

    def predict():
        seen = set()
        while not stop.is_set():
            seen.add(shared.predict(X).tobytes())
        return seen

    with ThreadPoolExecutor(3) as pool:
        seen = [pool.submit(predict) for _ in range(3)]
        try:
            for turn in range(60):
                shared.fit(*sets[turn % 2])
        finally:
            stop.set()
    assert all(one.result() <= set(known) for one in seen)


@pytest.mark.parametrize("model", MODELS, ids=repr)
def test_parameters_set_after_a_fit_wait_for_the_next(model, rows):
    X, labels = rows
    model = clone(model).fit(X, targets(model, labels))
    values = model.predict(X)
    penalty = {"alpha": 1e3} if hasattr(model, "alpha") else {"alphas": (1e3,), "cv": 2}
    model.set_params(features="passthrough", fit_intercept=False, random_state=3, **penalty)
    np.testing.assert_array_equal(model.predict(X), values)
    assert isinstance(model.features_, RandomFeatures)


def test_parameters_set_after_a_batch_wait_for_the_next(rows):
    X, labels = rows
    y = (labels == "b").astype(float)
    model = FeatureRidge(MAP).partial_fit(X, y).set_params(alpha=1e3, fit_intercept=False)
    np.testing.assert_array_equal(model.coef_, FeatureRidge(MAP).partial_fit(X, y).coef_)
    model.partial_fit(X[:1], y[:1])
    assert model.intercept_ == 0.0


def test_a_path_is_summed_by_gcv_alone(rows):
    X, labels = rows
    for model in (FeatureRidgeCV(), FeatureRidgeClassifierCV(cv=3)):
        for name in ("partial_fit", "fit_blocks"):
            assert not hasattr(model, name)
            with pytest.raises(AttributeError, match=name) as caught:
                getattr(model, name)
            assert "chooses alpha from moments only with cv='gcv'" in str(caught.value.__cause__)
    model = FeatureRidgeCV(MAP).fit(X, (labels == "b").astype(float))
    for name in ("moments_", "cv_results_"):
        with pytest.raises(AttributeError, match=r"moments|store_cv_results"):
            getattr(model, name)
