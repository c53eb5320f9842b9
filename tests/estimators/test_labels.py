"""Labels become codes and come back: classes, indicators, weights, and what is refused."""

import dataclasses

import numpy as np
import pytest
from scipy import sparse
from sklearn.exceptions import DataConversionWarning

from widelearn.estimators.labels import LABEL_ROWS, Labels

Y = np.array(["b", "a", "c", "a"])


@pytest.mark.parametrize("y", [Y, np.array([3, 1, 7, 1]), Y == "b", np.zeros(4), np.repeat(Y, LABEL_ROWS // 2)])
def test_codes_are_decided_back(y):
    labels = Labels.from_targets(y)
    codes = labels.encode(y, np.int8)
    np.testing.assert_array_equal(labels.classes, np.unique(y))
    assert codes.dtype == np.int8
    assert codes.shape == (len(y), 1 if len(labels.classes) == 2 else len(labels.classes))
    np.testing.assert_array_equal(labels.decide(codes[:, 0] if codes.shape[1] == 1 else codes), y)
    np.testing.assert_array_equal(labels.encode(y), codes.astype(float))


def test_indicators_are_decided_column_by_column():
    y = np.array([[1, 0, 1], [0, 0, 0], [1, 1, 0]])
    for targets in (y, sparse.csr_array(y)):
        labels = Labels.from_targets(targets)
        assert labels.multilabel
        np.testing.assert_array_equal(labels.encode(targets), 2.0 * y - 1)
        np.testing.assert_array_equal(labels.decide(labels.encode(targets)), y)
        weight = labels.weights(targets, "balanced", None)
        np.testing.assert_array_equal(labels.weights(targets, "balanced", np.array([1, 2, 3])), weight * [1, 2, 3])


def test_classes_may_be_named_and_are_kept():
    labels = Labels.from_targets(Y[:2], ["c", "a", "b", "a"])
    np.testing.assert_array_equal(labels.encode(Y[:2]), [[-1, 1, -1], [1, -1, -1]])
    with pytest.raises(ValueError, match=r"labels \['c'\] that are not among the classes \['a', 'b'\]"):
        Labels.from_targets(Y, ["a", "b"])
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        Labels.from_targets(np.array([0.5, 1.5]))
    with pytest.raises(dataclasses.FrozenInstanceError):
        labels.multilabel = True
    with pytest.warns(DataConversionWarning, match="column-vector"):
        column = Labels.from_targets(Y[:, None])
    np.testing.assert_array_equal(column.encode(Y[:, None]), column.encode(Y))


def test_weights_of_classes():
    labels = Labels.from_targets(Y)
    weight = np.array([1.0, 2.0, 3.0, 4.0])
    assert labels.weights(Y, None, weight) is weight
    np.testing.assert_array_equal(labels.weights(Y, {"a": 2.0, "c": 0.5}, weight), [1.0, 4.0, 1.5, 8.0])
    # n / (n_classes n_c).
    np.testing.assert_allclose(labels.weights(Y, "balanced", None), [4 / 3, 2 / 3, 4 / 3, 2 / 3], rtol=1e-15)
