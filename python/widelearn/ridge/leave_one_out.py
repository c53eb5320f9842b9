"""Leave-one-out errors of ridge regression for many penalties from one decomposition.

With weights w, S = √w and u the direction of S 1 where there is an intercept, everything lives in the space of S y. Row
i left out, its error is e_i / (1 - H_ii), H the hat matrix of all rows, or a_i / G_ii, a = G S y the dual coefficients
and G the inverse of S K S + alpha I on the complement of u: the second form loses no digits as alpha becomes small.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from widelearn.runtime import Array

# Rows whose errors are held for all penalties at once.
ERROR_ROWS = 2048
# Shares of one that leave-one-out leverages reach in vain: the row alone determines its fitted value.
FULL = 1e-13

# Rows, a slice or their numbers, and what they have.
Errors = Iterator[tuple[Any, Array]]


def products(vectors: Array, inverse: Array, projected: Array) -> Array:
    """Return vectors (b, k) times diag(inverse_a) projected (k, t) for every column a of `inverse`: (a, b, t)."""
    right = (inverse[:, :, None] * projected[:, None, :]).reshape(len(projected), -1)
    return np.moveaxis((vectors @ right).reshape(len(vectors), inverse.shape[1], -1), 0, 1)


def divide(errors: Array, diagonal: Array) -> Array:
    """Return errors (..., n, t) over their rows' shares (..., n); a row that determines itself keeps its error."""
    share = diagonal[..., None]
    return errors / np.where(np.abs(share) > 0.0, share, 1.0)


def mean_squares(errors: Errors, n: int) -> Array:
    """Return the mean over `n` rows of squared errors, of shape (a, t)."""
    return np.asarray(sum((block**2).sum(axis=1) for _, block in errors) / n)
