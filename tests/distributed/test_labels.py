"""Classes and their weights are found in a pass over the labels."""

import warnings

import dask.array as da
import numpy as np
import pytest
from sklearn.base import clone

from lazy_rows import CLOSE, MAPS, N, lazy, left_alone, lying, same
from widelearn import FeatureRidgeClassifier, FeatureRidgeClassifierCV


@pytest.mark.parametrize(
    ("labels", "class_weight"),
    [("number", None), ("text", "balanced"), ("two", "dict"), ("one", None), ("column", "dict"), ("two", "balanced")],
)
def test_classes(labels, class_weight, rows, rng):
    X, _, weight = rows
    y = np.digitize(X[:, 0] + 0.5 * rng.standard_normal(N), [-1.5, 0.8])
    # Sorted, so that most blocks hold one class.
    y.sort()
    y = {"text": np.array(["a", "bb", "c"])[y], "two": y > 0, "one": 0 * y}.get(labels, y)
    weights = (
        {label: 1.5 + i for i, label in enumerate(np.unique(y).tolist())} if class_weight == "dict" else class_weight
    )
    for model in (
        FeatureRidgeClassifier(MAPS["random"], class_weight=weights),
        FeatureRidgeClassifierCV(MAPS["random"], cv="gcv", class_weight=weights),
    ):
        whole = clone(model).fit(X, y, weight)
        target = lazy(y[:, None] if labels == "column" else y)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model.fit(lazy(X), target, lazy(weight))
        assert [str(one.message)[:27] for one in caught] == ["A column-vector y was passe"] * (labels == "column")
        assert set(vars(model)) == set(vars(whole))
        assert model.class_weight == weights
        np.testing.assert_array_equal(model.classes_, whole.classes_)
        values, found = model.decision_function(lazy(X)), model.predict(lazy(X))
        np.testing.assert_allclose(values.compute(), whole.decision_function(X), **CLOSE)
        assert (found.dtype, found.shape) == (whole.predict(X).dtype, (N,))
        np.testing.assert_array_equal(found.compute(), whole.predict(X))
        assert model.score(lazy(X), target) == pytest.approx(whole.score(X, y))


@pytest.mark.parametrize("class_weight", [None, "balanced"])
def test_multilabel_indicators(class_weight, rows, rng):
    X, _, weight = rows
    y = (rng.uniform(size=(N, 3)) < [0.1, 0.5, 0.9]).astype(int)
    whole = FeatureRidgeClassifier(MAPS["random"], class_weight=class_weight).fit(X, y, weight)
    model = FeatureRidgeClassifier(MAPS["random"], class_weight=class_weight).fit(*lazy(X, y, weight))
    same(model, whole, X)
    np.testing.assert_array_equal(model.predict(lazy(X)).compute(), whole.predict(X))


def test_wrong_labels():
    X0, Y0 = np.random.default_rng(0).standard_normal((2, 60, 3))
    X1, Y1 = lazy(X0, Y0, blocks=6)
    model = FeatureRidgeClassifier().fit(X0, Y0[:, 0] > 0)
    left_alone(model, ValueError, r"Block \d: Unknown label type: continuous", X1, Y1[:, 0])
    left_alone(
        model, ValueError, "Block 1: Input y contains NaN", X1, lying(da.ones(60, chunks=10), 1, lambda y: y * np.nan)
    )
    left_alone(
        model,
        ValueError,
        r"Block \d: Some batches have one label a row",
        X1,
        da.ones((60, 3), int, chunks=10).cumsum(axis=1),
    )
    left_alone(model, ValueError, "There are no rows in y", X1[:0], Y1[:0, 0])
    with pytest.raises(ValueError, match="X has 2 features, but FeatureRidgeClassifier is expecting 3"):
        model.predict(X1[:, :2])
    with pytest.raises(ValueError, match="X holds object: encode"):
        model.predict(X1.astype(object))
