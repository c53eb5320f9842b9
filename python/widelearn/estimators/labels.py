"""Class labels as +1 and -1: how ridge regression classifies."""

from collections.abc import Iterable
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets, is_multilabel
from sklearn.utils.validation import check_is_fitted, column_or_1d

from widelearn.runtime import row_blocks

Array = NDArray[Any]
LABEL_ROWS = 65_536


class SignCoding(ClassifierMixin):
    """Regress on +1 for a row's class and -1 for every other, as RidgeClassifier does; the largest value wins.

    Two classes share one column, whose sign decides; the columns of a multilabel indicator are decided one by one.
    """

    def _encode(self, y: Any, classes: ArrayLike | None = None, dtype: DTypeLike = np.float64) -> tuple[Array, Array]:
        """Set `classes_` and `multilabel_`, and return the labels and their codes (n, t) as numbers of a type."""
        # What is looked at block by block is not copied whole, as the search for distinct labels would do.
        for rows in row_blocks(y.shape[0], LABEL_ROWS) if y.ndim == 1 else [slice(None)]:
            check_classification_targets(y[rows])
        self.multilabel_ = is_multilabel(y)
        if self.multilabel_:
            labels = np.asarray(y.toarray() if hasattr(y, "toarray") else y)
            self.classes_ = np.arange(labels.shape[1])
            return labels, signs(labels > 0, dtype)
        labels = column_or_1d(y, warn=True)
        found = distinct(labels[rows] for rows in row_blocks(len(labels), LABEL_ROWS))
        self.classes_ = found if classes is None else np.unique(np.asarray(classes))
        unknown = np.setdiff1d(found, self.classes_)
        if len(unknown):
            raise ValueError(
                f"y has labels {unknown.tolist()} that are not among the classes {self.classes_.tolist()}."
            )
        coded = self.classes_[1:] if len(self.classes_) == 2 else self.classes_
        return labels, signs(labels[:, None] == coded, dtype)

    def _reweigh(self, labels: Array, sample_weight: Array | None) -> Array | None:
        """Multiply the sample weights by the class weights."""
        if self.class_weight is None:
            return sample_weight
        if isinstance(self.class_weight, dict) and not self.multilabel_:
            # By the known classes, for a batch need not hold them all.
            known = compute_class_weight(self.class_weight, classes=self.classes_, y=self.classes_)
            weight = known[np.searchsorted(self.classes_, labels)]
        else:
            weight = compute_sample_weight(self.class_weight, labels)
        return weight if sample_weight is None else weight * sample_weight

    def decision_function(self, X: ArrayLike) -> Array:
        """Return the fitted values: (n,) for two classes, else one column a class or label."""
        check_is_fitted(self)
        values = self._values(X)
        return values[:, 0] if not self.multilabel_ and values.shape[1] == 1 else values

    def predict(self, X: ArrayLike) -> Array:
        """Return the class of every row, or its labels (n, t) for multilabel targets."""
        values = self.decision_function(X)
        if hasattr(values, "__dask_graph__"):
            from widelearn.distributed import by_block

            return by_block(decide, values, self.classes_, self.multilabel_)
        return decide(values, self.classes_, self.multilabel_)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


def decide(values: Array, classes: Array, multilabel: bool) -> Array:
    """Return the class of every row of fitted values, or its labels."""
    if multilabel:
        return (values > 0).astype(int)
    if len(classes) == 1:
        return np.repeat(classes, len(values))
    return classes[(values > 0).astype(int) if values.ndim == 1 else values.argmax(axis=1)]


def signs(hits: NDArray[np.bool_], dtype: DTypeLike) -> Array:
    """Return +1 where something is true and -1 where it is not; one byte each for ``np.int8``, without a copy."""
    codes = hits.view(np.int8)
    codes += codes
    codes -= 1
    return codes.astype(dtype, copy=False)


def distinct(blocks: Iterable[Array]) -> Array:
    """Return the sorted distinct labels of all blocks, of which there is at least one."""
    return reduce(np.union1d, map(np.unique, blocks))
