"""Class labels as +1 and -1: how ridge regression classifies."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_is_fitted, column_or_1d

Array = NDArray[Any]


class SignCoding(ClassifierMixin):
    """Regress on +1 for a row's class and -1 for every other, as RidgeClassifier does; the largest value wins.

    Two classes share one column, whose sign decides; the columns of a multilabel indicator are decided one by one.
    """

    def _encode(self, y: Any, classes: ArrayLike | None = None) -> tuple[Array, Array]:
        """Set `classes_` and `multilabel_`, and return the labels and their codes (n, t)."""
        check_classification_targets(y)
        self.multilabel_ = type_of_target(y, input_name="y") == "multilabel-indicator"
        if self.multilabel_:
            labels = np.asarray(y.toarray() if hasattr(y, "toarray") else y)
            self.classes_ = np.arange(labels.shape[1])
            return labels, 2.0 * labels - 1.0
        labels = column_or_1d(y, warn=True)
        self.classes_ = np.unique(labels if classes is None else np.asarray(classes))
        unknown = np.setdiff1d(labels, self.classes_)
        if len(unknown):
            raise ValueError(
                f"y has labels {unknown.tolist()} that are not among the classes {self.classes_.tolist()}."
            )
        coded = self.classes_[1:] if len(self.classes_) == 2 else self.classes_
        return labels, np.where(labels[:, None] == coded, 1.0, -1.0)

    def _reweigh(self, labels: Array, sample_weight: Array | None) -> Array | None:
        """Multiply the sample weights by the class weights."""
        if self.class_weight is None:
            return sample_weight
        weight = compute_sample_weight(self.class_weight, labels)
        return weight if sample_weight is None else weight * sample_weight

    def decision_function(self, X: ArrayLike) -> Array:
        """Return the fitted values: (n,) for two classes, else one column a class or label."""
        check_is_fitted(self)
        values = self._values(X)
        return values[:, 0] if not self.multilabel_ and values.shape[1] == 1 else values

    def predict(self, X: ArrayLike) -> Array:
        """Return the class of every row, or its labels (n, t) for multilabel targets."""
        return self._decide(self.decision_function(X))

    def _decide(self, values: Array) -> Array:
        if self.multilabel_:
            return (values > 0).astype(int)
        if len(self.classes_) == 1:
            return np.repeat(self.classes_, len(values))
        return self.classes_[(values > 0).astype(int) if values.ndim == 1 else values.argmax(axis=1)]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
