"""Class labels as +1 and -1: how ridge regression classifies."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray
from scipy import special
from sklearn.base import ClassifierMixin
from sklearn.exceptions import DataConversionWarning
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets, is_multilabel
from sklearn.utils.validation import column_or_1d

from widelearn.features.state import snapshot
from widelearn.runtime import Array, in_range, row_blocks, warn

LABEL_ROWS = 65_536
# In scikit-learn's words.
COLUMN = (
    "A column-vector y was passed when a 1d array was expected. Please change the shape of y to (n_samples,), for"
    " example using ravel()."
)
# What scikit-learn checks of a classifier's parameter.
CLASS_WEIGHT: dict[str, list[Any]] = {"class_weight": [dict, list, StrOptions({"balanced"}), None]}
ClassWeight = dict[Any, float] | list[dict[int, float]] | str | None


@dataclass(frozen=True)
class Labels:
    """The classes of a classifier, or the columns of a multilabel indicator, as targets of a regression.

    A row's target is +1 for its class and -1 for every other, as in RidgeClassifier; the largest value wins. Two
    classes share one column, whose sign decides; the columns of an indicator are decided one by one.
    """

    classes: Array
    multilabel: bool

    @classmethod
    def from_targets(cls, y: Any, classes: ArrayLike | None = None) -> Self:
        """Return the labels that targets hold; where classes are given, those, and refuse targets that hold others."""
        # What is looked at block by block is not copied whole, as the search for distinct labels would do.
        for rows in row_blocks(y.shape[0], LABEL_ROWS) if y.ndim == 1 else [slice(None)]:
            check_classification_targets(y[rows])
        if is_multilabel(y):
            return cls(np.arange(y.shape[1]), True)
        labels = column_or_1d(y)
        if y.ndim == 2:
            warn(COLUMN, DataConversionWarning)
        found = distinct(labels[rows] for rows in row_blocks(len(labels), LABEL_ROWS))
        known = found if classes is None else np.unique(np.asarray(classes))
        unknown = np.setdiff1d(found, known)
        if len(unknown):
            raise ValueError(f"y has labels {unknown.tolist()} that are not among the classes {known.tolist()}.")
        return cls(known, False)

    def encode(self, y: Any, dtype: DTypeLike = np.float64) -> Array:
        """Return the codes (n, t) of targets that :meth:`from_targets` has checked."""
        if self.multilabel:
            return signs(dense(y) > 0, dtype)
        coded = self.classes[1:] if len(self.classes) == 2 else self.classes
        return signs(column_or_1d(y)[:, None] == coded, dtype)

    def decide(self, values: Array) -> Array:
        """Return the class of every row of fitted values, (n,) for one column, or its labels (n, t)."""
        if self.multilabel:
            return (values > 0).astype(int)
        if len(self.classes) == 1:
            return np.repeat(self.classes, len(values))
        return self.classes[(values > 0).astype(int) if values.ndim == 1 else values.argmax(axis=1)]

    def probabilities(self, values: Array) -> Array:
        """Return logistic probabilities of classes or labels by fitted values (n, t); of many classes the softmax."""
        if self.multilabel:
            return special.expit(values)
        if len(self.classes) == 2:
            return special.expit(np.hstack([-values, values]))
        return special.softmax(values, axis=1)

    def weights(self, y: Any, class_weight: Any, sample_weight: Array | None) -> Array | None:
        """Return the sample weights times the weights of the classes."""
        if class_weight is None:
            return sample_weight
        if isinstance(class_weight, str):
            weight = compute_sample_weight(class_weight, dense(y) if self.multilabel else column_or_1d(y))
        elif self.multilabel:
            weight = label_weights(class_weight, dense(y) > 0)
        else:
            weight = class_weights(class_weight, self.classes)[np.searchsorted(self.classes, column_or_1d(y))]
        return weight if sample_weight is None else weight * sample_weight


class SignClassifier(ClassifierMixin):
    """A classifier by fitted values (n, t), which `_values(X)` gives; fitting sets `classes_` and `multilabel_`."""

    @in_range
    def decision_function(self, X: ArrayLike) -> Array:
        """Return the fitted values: (n,) for two classes, else one column a class or label."""
        fitted = snapshot(self)
        values = fitted._values(X)
        return values[:, 0] if not fitted.multilabel_ and values.shape[1] == 1 else values

    @in_range
    def predict(self, X: ArrayLike) -> Array:
        """Return the class of every row, or its labels (n, t) for multilabel targets."""
        fitted = snapshot(self)
        values, labels = fitted.decision_function(X), Labels(fitted.classes_, fitted.multilabel_)
        if hasattr(values, "__dask_graph__"):
            from widelearn.distributed import by_block

            return by_block(labels.decide, values)
        return labels.decide(values)

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return the share of rows of `X` whose class is that of `y`, or whose labels all are; by weight, if any."""
        return float(super().score(X, y, sample_weight))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


def refuse_balanced(class_weight: Any) -> None:
    """Refuse "balanced" where rows come one batch after the other."""
    if isinstance(class_weight, str):
        raise ValueError(
            "class_weight='balanced' needs all rows at once: pass the weights as a dict, which"
            " sklearn.utils.class_weight.compute_class_weight('balanced', classes=classes, y=y) makes of enough labels."
        )


def class_weights(class_weight: Any, classes: Array) -> Array:
    """Return the weights that a dictionary gives to all known classes, for a batch need not hold them all."""
    if not isinstance(class_weight, dict):
        raise ValueError(
            f"class_weight has {class_weight!r}, which is no dictionary of classes: one column of labels takes one, a"
            " multilabel indicator a list of them, one for each of its columns."
        )
    found = compute_class_weight(class_weight, classes=classes, y=classes)
    return check_values(np.asarray(found, np.float64), "class_weight")


def label_weights(class_weight: Any, positive: Array) -> Array:
    """Return the product over the labels (n, t) of rows of the weights of 0 and 1."""
    count = positive.shape[1]
    if not isinstance(class_weight, list) or len(class_weight) != count:
        given = f"a list of {len(class_weight)}" if isinstance(class_weight, list) else type(class_weight).__name__
        raise ValueError(
            f"class_weight is {given}, but a multilabel indicator of {count} columns takes a list of {count}"
            " dictionaries, or 'balanced'."
        )
    found = np.ones(len(positive))
    for column, weights in zip(positive.T, class_weight, strict=True):
        found *= class_weights(weights, np.arange(2))[column.astype(int)]
    return found


def check_values(weight: Any, name: str) -> Any:
    """Return weights; refuse those that are negative, infinite or no numbers."""
    values = np.asarray(weight)
    if values.dtype.kind not in "fiu":
        return weight
    wrong = ~((values >= 0) & (values < np.inf))
    if wrong.any():
        first = int(np.flatnonzero(wrong)[0])
        raise ValueError(
            f"{name} is negative, infinite or NaN at {int(wrong.sum())} of {wrong.size} places, first {first}:"
            f" {values.ravel()[first]:g}. Give finite weights of at least 0."
        )
    return weight


def dense(y: Any) -> Array:
    """Return a multilabel indicator as an array."""
    return np.asarray(y.toarray() if hasattr(y, "toarray") else y)


def signs(hits: NDArray[np.bool_], dtype: DTypeLike) -> Array:
    """Return +1 where something is true and -1 where it is not; one byte each for ``np.int8``, without a copy."""
    codes = hits.view(np.int8)
    codes += codes
    codes -= 1
    return codes.astype(dtype, copy=False)


def distinct(blocks: Iterable[Array]) -> Array:
    """Return the sorted distinct labels of all blocks, of which there is at least one."""
    return reduce(np.union1d, map(np.unique, blocks))
