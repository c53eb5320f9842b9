"""What belongs to the user stays through a fit: parameters and attributes of any name, in every estimator."""

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
    assert len(ESTIMATORS) == 14


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
