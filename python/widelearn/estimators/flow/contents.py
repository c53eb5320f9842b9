"""Rows that are one row: by content, so that copies are never split and their order does not matter."""

from typing import Any

import numpy as np
from scipy.sparse import issparse

from widelearn.estimators.flow import stored
from widelearn.estimators.folds import Fold
from widelearn.runtime import Array

# Squared distances, relative to squared lengths, within which kernels say that two rows are one, and the digits of what
# orders them.
SAME, DIGITS = 1e-12, 9


def of_rows(X: Any) -> Array:
    """Return the number of every row's content among the distinct ones, in their lexicographic order."""
    if issparse(X):
        return stored.contents(X)
    # Minus zero is zero.
    return np.unique(X + X.dtype.type(0), axis=0, return_inverse=True)[1].ravel()


def of_kernels(K: Array, weight: Array | None) -> Array:
    """Return what :func:`of_rows` does for rows that only their kernel matrix tells of, ordered by its sums."""
    sizes = np.abs(K.diagonal()).astype(np.float64)
    first = np.empty(len(K), np.intp)
    for i, row in enumerate(K):
        # Of a copy the first is found, itself where there is none.
        first[i] = int(np.argmax(sizes[i] + sizes - 2.0 * row <= SAME * (sizes[i] + sizes)))
    first = np.minimum(first, np.arange(len(K)))
    leaders, groups = np.unique(first, return_inverse=True)
    sums = K[leaders] @ (np.ones(len(K)) if weight is None else weight)
    unit = max(float(np.abs(sums).max()), float(np.finfo(np.float64).tiny))
    order = np.lexsort(
        (leaders, np.round(sums / unit, DIGITS), np.round(sizes[leaders] / (sizes.max() or 1.0), DIGITS))
    )
    rank = np.empty(len(leaders), np.intp)
    rank[order] = np.arange(len(leaders))
    return rank[groups.ravel()]


def folds(groups: Array, count: int) -> list[Fold]:
    """Return training and test rows of folds of about as many distinct rows each; of fewer where there are fewer."""
    distinct = int(groups.max(initial=-1)) + 1
    count = min(count, distinct)
    if count < 2:
        return []
    dealt = np.random.default_rng(0).permutation(np.arange(distinct) % count)[groups]
    return [(np.flatnonzero(dealt != fold), np.flatnonzero(dealt == fold)) for fold in range(count)]


def merged(groups: Array, Y: Array, weight: Array | None) -> tuple[Array, Array, Array, Array]:
    """Return the first row of each group, mean targets, weights, and the squares (t,) of targets about those means."""
    w = np.ones(len(Y)) if weight is None else weight
    first, whole = np.unique(groups, return_index=True)[1], np.bincount(groups, w)
    mean = np.stack([np.bincount(groups, w * column) / whole for column in Y.T], axis=1)
    return first, mean, whole, w @ (Y - mean[groups]) ** 2
