"""Leave-one-out errors of ridge regression for many penalties from one decomposition.

With weights w, S = √w and u the direction of S 1 where there is an intercept, everything lives in the space of S y. Row
i left out, its error is e_i / (1 - H_ii), H the hat matrix of all rows, or a_i / G_ii, a = G S y the dual coefficients
and G the inverse of S K S + alpha I on the complement of u: the second form loses no digits as alpha becomes small.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from widelearn.runtime import Array, row_blocks

# Rows whose errors are held for all penalties at once.
ERROR_ROWS = 2048
# Shares of one that leave-one-out leverages reach in vain: the row alone determines its fitted value.
FULL = 1e-13

# Rows, a slice or their numbers, and what they have.
Errors = Iterator[tuple[Any, Array]]


def eigen_errors(values: Array, vectors: Array, y: Array, alphas: Array, noise: float) -> Errors:
    """Yield rows and their errors from eigenvalues and eigenvectors of S K S on the complement of u.

    Eigenvalues of which more than `noise` are not known count as zero where a penalty is zero.
    """
    shifted = values[:, None] + alphas
    # Where a penalty of zero meets directions without variance, those alone decide, as they do in its limit.
    null = (np.abs(shifted) <= noise) & (alphas == 0.0) | (shifted == 0.0)
    inverse = np.where(null.any(axis=0), null, 1.0) / np.where(null.any(axis=0) | null, 1.0, shifted)
    # Rows that such directions do not touch are left to the others.
    other = np.where(null, 0.0, 1.0 / np.where(null, 1.0, shifted))
    projected = vectors.T @ y
    for rows in row_blocks(len(y), ERROR_ROWS):
        part = vectors[rows]
        squares = part**2
        errors, diagonal = products(part, inverse, projected), squares @ inverse
        untouched = null.any(axis=0) & (diagonal <= FULL)
        if untouched.any():
            errors = np.where(untouched.T[:, :, None], products(part, other, projected), errors)
            diagonal = np.where(untouched, squares @ other, diagonal)
        yield rows, divide(errors, diagonal.T)


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
