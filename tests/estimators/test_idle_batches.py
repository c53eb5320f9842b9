"""Batches whose weights are all zero: nothing seen but shapes and classes, whenever they come."""

import numpy as np
import pytest

from widelearn import (
    FeatureRidge,
    FeatureRidgeClassifier,
    FeatureRidgeClassifierCV,
    FeatureRidgeCV,
    NeuralRepresentation,
    NystromFeatures,
    RandomFeatures,
)
from widelearn.kernels import RBF

MAPS = {
    "blind": RandomFeatures(12, random_state=0),
    "rows themselves": "passthrough",
    "looks at rows": NystromFeatures(RBF(), 8, random_state=0),
    "is whitened on them": NeuralRepresentation(8, random_state=0),
}
MODELS = [
    FeatureRidge,
    lambda features: FeatureRidgeCV(features, (0.1, 1.0, 10.0), cv="gcv"),
    FeatureRidgeClassifier,
    lambda features: FeatureRidgeClassifierCV(features, (0.1, 1.0, 10.0), cv="gcv"),
]


@pytest.mark.filterwarnings("ignore:alpha = ")
@pytest.mark.parametrize("features", MAPS)
@pytest.mark.parametrize("make", MODELS)
def test_they_change_nothing(features, make, rng):
    X = rng.standard_normal((80, 3))
    numbers = X[:, 0] + 0.1 * rng.standard_normal(80)
    for idle in ([0], [1], [2, 3], [0, 3]):
        models = make(MAPS[features]), make(MAPS[features])
        classifies = hasattr(models[0], "class_weight")
        y = np.digitize(numbers, [-0.5, 0.5]) if classifies else numbers
        known = {"classes": [0, 1, 2]} if classifies else {}
        for batch, rows in enumerate(np.split(np.arange(80), 4)):
            weight = rng.integers(0, 3, 20).astype(float)
            weight[0] = 1.0
            nothing = np.zeros(20) if batch % 2 else 0.0
            models[0].partial_fit(X[rows], y[rows], sample_weight=nothing if batch in idle else weight, **known)
            if batch not in idle:
                models[1].partial_fit(X[rows], y[rows], sample_weight=weight, **known)
        np.testing.assert_array_equal(models[0].coef_, models[1].coef_)
        np.testing.assert_array_equal(models[0].predict(X), models[1].predict(X))


@pytest.mark.parametrize("features", MAPS)
def test_the_first_says_what_rows_and_classes_are(features, rng):
    X, y = rng.standard_normal((20, 3)), np.repeat(["a", "b"], 10)
    model = FeatureRidgeClassifier(MAPS[features]).partial_fit(
        X, y, classes=["a", "b", "c"], sample_weight=np.zeros(20)
    )
    assert model.n_features_in_ == 3
    assert model.classes_.tolist() == ["a", "b", "c"]
    with pytest.raises(ValueError, match="All sample weights are zero"):
        model.predict(X)
    with pytest.raises(ValueError, match="2 features"):
        model.partial_fit(X[:, :2], y)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        model.partial_fit(X, y, sample_weight=np.zeros(7))
    assert set(model.partial_fit(X, y).predict(X)) <= {"a", "b", "c"}
    with pytest.raises(ValueError, match="3 targets, but earlier batches had 2"):
        FeatureRidge(MAPS[features]).partial_fit(X, X[:, :2], 0.0).partial_fit(X, X)
