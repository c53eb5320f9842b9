"""Weights of rows on their way into a mean loss: checked, of mean 1, and rows without one left out."""

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import _check_sample_weight

from widelearn.estimators.labels import check_values
from widelearn.runtime import Array


def weighed(X: Array, y: Array, sample_weight: ArrayLike | None) -> tuple[Array, Array, Array | None]:
    """Return rows, targets and weights whose mean is 1, of rows that have a weight; None where all have the same."""
    if sample_weight is None:
        return X, y, None
    weight = _check_sample_weight(check_values(sample_weight, "sample_weight"), X, dtype=np.float64)
    # Once more, for what was no array of numbers at first.
    weight = check_values(weight, "sample_weight")
    largest = float(weight.max())
    if not largest > 0:
        raise ValueError(f"All {len(weight)} sample weights are zero. Give some rows a positive weight.")
    kept = weight / largest > 0
    if not kept.all():
        X, y, weight = X[kept], y[kept], weight[kept]
    weight = weight / largest
    # No weight at all has the same bits.
    return X, y, None if (weight == 1).all() else weight / weight.mean()


def rooted(values: Array, weight: Array | None) -> Array:
    """Return rows times the roots of their weights: their mean squares are weighted ones."""
    return values if weight is None else values * np.sqrt(weight)[:, None].astype(values.dtype, copy=False)
