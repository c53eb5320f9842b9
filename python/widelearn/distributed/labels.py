"""The labels of a Dask collection: a pass over them, before rows can be coded."""

from typing import Any

import numpy as np
from dask.delayed import delayed
from sklearn.utils import assert_all_finite
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _num_samples

from widelearn.distributed.cluster import compute, numbered
from widelearn.distributed.rows import Rows
from widelearn.runtime import Array

# Distinct labels of one column, and how often each occurs.
Counts = tuple[Array, Array]


def find_labels(targets: Rows, balanced: bool) -> tuple[Array | None, Any]:
    """Return the sorted classes, None for a multilabel indicator, and their weights if they are to be balanced.

    The weights are those of scikit-learn's "balanced", n / (n_classes n_c), by class; one dictionary a column of an
    indicator.
    """
    indicator = len(targets.shape) == 2 and targets.shape[1] > 1
    if indicator and not balanced:
        return None, None
    blocks = compute(*[delayed(count_labels)(number, block) for number, block in enumerate(targets.blocks())])
    found = [columns for columns in blocks if columns]
    if not found:
        raise ValueError("There are no rows in y.")
    columns = [total(counts) for counts in zip(*found, strict=True)]
    weights = [dict(zip(values.tolist(), n.sum() / (len(n) * n), strict=True)) for values, n in columns]
    return (None, weights) if indicator else (columns[0][0], weights[0])


def count_labels(number: int, y: Any) -> list[Counts]:
    """Return the labels of each column of a block; of no rows, nothing."""
    if _num_samples(y) == 0:
        return []
    with numbered(number):
        labels = np.asarray(y)
        assert_all_finite(labels, input_name="y")
        check_classification_targets(labels)
    return [np.unique(column, return_counts=True) for column in labels.reshape(len(labels), -1).T]


def total(counts: tuple[Counts, ...]) -> Counts:
    """Return the labels of all blocks of one column."""
    values, inverse = np.unique(np.concatenate([values for values, _ in counts]), return_inverse=True)
    return values, np.bincount(inverse, np.concatenate([n for _, n in counts])).astype(np.int64)
