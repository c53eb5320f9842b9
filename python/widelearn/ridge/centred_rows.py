"""Sparse rows about the mean of their columns: products that store no zeros, and no row that is not sparse."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from widelearn.runtime import Array, row_blocks

# Values whose squares are held at once.
SQUARED = 1 << 18


def canonical(X: Any) -> Any:
    """Return compressed rows in float64 whose values have one place each; a copy where they are not so."""
    X = X.tocsr()
    if not X.has_canonical_format:
        X = X.copy()
        X.sum_duplicates()
    return X.astype(np.float64, copy=False)


def summed_squares(X: Any, weight: Array) -> Array:
    """Return the weighted sums of squares of the columns."""
    out = np.zeros(X.shape[1])
    for rows in row_blocks(X.shape[0], max(SQUARED * X.shape[0] // max(X.nnz, 1), 1)):
        stored = slice(X.indptr[rows.start], X.indptr[rows.stop])
        factors = np.repeat(weight[rows], np.diff(X.indptr[rows.start : rows.stop + 1]))
        out += np.bincount(X.indices[stored], X.data[stored] ** 2 * factors, X.shape[1])
    return out


class CentredRows:
    """The matrix A = S (X - 1 m') of compressed rows X (n, p), a mean m (p,) and roots of weights S (n,)."""

    def __init__(self, X: Any, mean: Array, root: Array) -> None:
        self.X, self.mean, self.root = X, mean, root
        # What is taken from inner products of rows.
        self.shift, self.square = X @ mean, float(mean @ mean)

    def times(self, C: Array) -> Array:
        """Return A C, of coefficients (p, t)."""
        return np.asarray(self.X @ C - self.mean @ C) * self.root[:, None]

    def turned(self, R: Array) -> Array:
        """Return A'R, of rows (n, t)."""
        R = R * self.root[:, None]
        return np.asarray(self.X.T @ R) - np.outer(self.mean, R.sum(axis=0))

    def inner(self, R: Array) -> Array:
        """Return A A'R, of rows (n, t)."""
        R = R * self.root[:, None]
        sums = R.sum(axis=0)
        out = np.asarray(self.X @ (self.X.T @ R))
        out -= np.outer(self.shift, sums)
        out -= self.shift @ R - self.square * sums
        out *= self.root[:, None]
        return out

    def columns(self, places: Array) -> Self:
        """Return some of the columns."""
        X = self.X[:, places]
        X.sort_indices()
        return type(self)(X, self.mean[places], self.root)

    def gram(self) -> Array:
        """Return A'A where m is the weighted mean, or zero."""
        X = self.X.copy()
        X.data *= np.repeat(self.root, np.diff(X.indptr))
        return np.asarray((X.T @ X).toarray()) - float(self.root @ self.root) * np.outer(self.mean, self.mean)
