"""What belongs to the user stays through a fit: parameters and attributes of any name, in every estimator."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone, is_classifier

import widelearn as wl

X = np.random.default_rng(0).standard_normal((60, 4))
NUMBERS, LABELS = X[:, 0] * X[:, 1], (X[:, 0] > 0).astype(int)
ESTIMATORS = [
    value for name in wl.__all__ if isinstance(value := getattr(wl, name), type) and hasattr(value, "predict")
]


def targets(model):
    return LABELS if is_classifier(model) else NUMBERS


def test_all_estimators_are_found():
    assert len(ESTIMATORS) == 18


@pytest.mark.parametrize("family", ESTIMATORS)
def test_attributes_of_a_subclass_outlive_fits(family):
    class Extended(family):
        def fit(self, X, y):
            self.before_ = len(X)
            super().fit(X, y)
            self.after_ = len(X)
            return self

    Extended.__init__ = family.__init__
    seed = {"random_state": 0} if "random_state" in Extended().get_params() else {}
    model = Extended(**seed)
    y = targets(model)
    for rows in (60, 50):
        model.fit(X[:rows], y[:rows])
        model.note_ = "mine"
        assert (model.before_, model.after_) == (rows, rows)
    with pytest.raises(ValueError, match="NaN"):
        model.fit(np.full((30, 4), np.nan), y[:30])
    assert (model.before_, model.after_, model.note_, model.n_features_in_) == (30, 50, "mine", 4)
    np.testing.assert_array_equal(model.predict(X), family(**seed).fit(X[:50], y[:50]).predict(X))
    model.fit(X, y)
    assert model.note_ == "mine"


@pytest.mark.parametrize("family", ESTIMATORS)
def test_a_parameter_may_have_any_name(family):
    class Named(family):
        def __init__(self, lambda_=1.0):
            family.__init__(self)
            self.lambda_ = lambda_

        def get_params(self, deep=True):
            return {"lambda_": self.lambda_}

    model = clone(Named(lambda_=2.0))
    model.fit(X, targets(model)).fit(X, targets(model))
    assert model.get_params() == {"lambda_": 2.0}
    assert clone(model).lambda_ == 2.0


@pytest.mark.parametrize("family", ESTIMATORS)
def test_names_of_columns_go_with_the_fit_that_had_them(family):
    model = family()
    model.fit(pd.DataFrame(X, columns=list("abcd")), targets(model))
    assert model.feature_names_in_.tolist() == list("abcd")
    model.fit(X, targets(model))
    assert not hasattr(model, "feature_names_in_")


def answers(model):
    """Return all that a fitted model says of rows and of itself."""
    known = ("coef_", "intercept_", "dual_coef_", "alpha_", "best_score_", "n_iter_", "classes_")
    found = {name: getattr(model, name) for name in known if hasattr(model, name)}
    return found | {name: getattr(model, name)(X) for name in ("predict", "decision_function") if hasattr(model, name)}


def agree(one, other):
    assert one.keys() == other.keys()
    for name, value in one.items():
        np.testing.assert_array_equal(value, other[name])


@pytest.mark.parametrize("family", ESTIMATORS)
def test_parameters_set_after_a_fit_are_those_of_the_next(family):
    cheap = {"width": 8, "max_iter": 3, "n_iter": 1, "random_state": 0, "tol": None}
    known = family().get_params(deep=False)
    model = family(**{name: value for name, value in cheap.items() if name in known and name != "tol"})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before = answers(model.fit(X, targets(model)))
        for name in known:
            for value in ("another", 1e4, None):
                model.set_params(**{name: value})
                agree(answers(model), before)


@pytest.mark.parametrize("family", [wl.FeatureRidge, wl.FeatureRidgeCV, wl.FeatureRidgeClassifier])
def test_parameters_set_after_a_batch_are_those_of_the_next(family):
    """Whether the system was solved before they were set or not."""
    options = {"cv": "gcv"} if family is wl.FeatureRidgeCV else {"alpha": 0.1}
    others = [{"alpha" if "alpha" in options else "alphas": 1e4}, {"fit_intercept": False}, {"features": "passthrough"}]
    others += [{"random_state": 7}, {"cv": None} if "cv" in options else {"precision": "mixed"}]
    named = {"classes": [0, 1]} if is_classifier(family()) else {}

    def batch(start, stop, model):
        return model.partial_fit(X[start:stop], targets(model)[start:stop], **named)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted = answers(batch(0, 40, family(random_state=0, **options)))
        for other in others:
            solved = batch(0, 40, family(random_state=0, **options))
            solved.predict(X)
            for model in (solved, batch(0, 40, family(random_state=0, **options))):
                agree(answers(model.set_params(**other)), wanted)
        # The next batch goes by what was set: the penalty, of the sums of all rows.
        changed = batch(40, 60, solved.set_params(**options, fit_intercept=False, random_state=0, features=None))
        fresh = family(random_state=0, fit_intercept=False, **options)
        agree(answers(changed), answers(batch(40, 60, batch(0, 40, fresh))))
