"""Weights and groups reach estimators by scikit-learn's metadata routing."""

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import clone, is_classifier
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import widelearn as wl

RIDGES = [
    wl.KernelRidgeCV(),
    wl.KernelRidgeClassifierCV(),
    wl.FeatureRidgeCV(random_state=0),
    wl.FeatureRidgeClassifierCV(random_state=0),
]
WEIGHTED = [
    *RIDGES,
    wl.KernelRidge(),
    wl.KernelRidgeClassifier(),
    wl.FeatureRidge(random_state=0),
    wl.FeatureRidgeClassifier(random_state=0),
    wl.RecursiveFeatureMachine(),
    wl.RecursiveFeatureMachineClassifier(),
    wl.GradientFlowRegressor(),
    wl.GradientFlowClassifier(),
    wl.TaylorRegressor(width=8, max_iter=5, random_state=0),
    wl.TaylorClassifier(width=8, max_iter=5, random_state=0),
    wl.TwoLayerRegressor(8, max_iter=5, random_state=0),
    wl.TwoLayerClassifier(8, max_iter=5, random_state=0),
]


@pytest.fixture(autouse=True)
def routing():
    with config_context(enable_metadata_routing=True):
        yield


@pytest.fixture
def problem(rng):
    X = rng.standard_normal((60, 3))
    return X, X[:, 0] + 0.3 * rng.standard_normal(60), rng.integers(1, 4, 60).astype(float), np.arange(60) % 6


def test_every_estimator_is_asked():
    names = {name for name in wl.__all__ if hasattr(getattr(wl, name), "predict")}
    # Linearized models are made of a user's functions; these have no weights in scikit-learn's sense of routing tests.
    assert names - {type(one).__name__ for one in WEIGHTED} == {"LinearizedRidge", "TaylorizedRidge"}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning", "ignore:alpha = ")
@pytest.mark.parametrize("model", WEIGHTED, ids=lambda model: type(model).__name__)
def test_weights_reach_the_last_step_of_a_pipeline(problem, model):
    X, y, weight, _ = problem
    y = (y > 0).astype(int) if is_classifier(model) else y
    asked = clone(model).set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
    plain = StandardScaler().set_fit_request(sample_weight=False)
    found = make_pipeline(plain, asked).fit(X, y, sample_weight=weight)
    direct = type(model)(**model.get_params(deep=False)).fit(StandardScaler().fit_transform(X), y, weight)
    np.testing.assert_array_equal(found.predict(X), direct.predict(StandardScaler().fit_transform(X)))
    scores = cross_validate(asked, X, y, params={"sample_weight": weight}, cv=3, error_score="raise")
    assert np.isfinite(scores["test_score"]).all()
    with pytest.raises(UnsetMetadataPassedError, match="sample_weight"):
        cross_validate(type(model)(**model.get_params(deep=False)), X, y, params={"sample_weight": weight}, cv=3)


@pytest.mark.filterwarnings("ignore:alpha = ")
@pytest.mark.parametrize("model", RIDGES, ids=lambda model: type(model).__name__)
def test_groups_reach_the_folds_that_choose(problem, model):
    X, y, weight, groups = problem
    y = (y > 0).astype(int) if is_classifier(model) else y
    model = clone(model).set_params(cv=GroupKFold(3), alphas=(0.01, 1.0, 100.0))
    asked = model.set_fit_request(groups=True, sample_weight=True).set_score_request(sample_weight=False)
    outer = GridSearchCV(asked, {"fit_intercept": [True, False]}, cv=GroupKFold(3).set_split_request(groups=True))
    outer.fit(X, y, groups=groups, sample_weight=weight)
    direct = type(model)(**outer.best_estimator_.get_params(deep=False)).fit(X, y, weight, groups)
    assert outer.best_estimator_.alpha_ == direct.alpha_
    np.testing.assert_array_equal(outer.predict(X), direct.predict(X))
