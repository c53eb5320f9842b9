"""Sparse rows about the mean of their columns: products that store no zeros, and no row that is not sparse."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from scipy.sparse import csr_array

from widelearn import _core
from widelearn.runtime import Array, row_blocks, sparse_arrays

# Values whose squares are held at once.
SQUARED = 1 << 18
# What the product of a pair of stored values costs beside one of dense rows; such pairs that are taken at once, and
# numbers that are made dense at once.
STORED_PAIR, PAIRS, DENSE = 128.0, 1 << 25, 1 << 20


def summed_squares(X: Any, weight: Array) -> Array:
    """Return the weighted sums of squares of the columns."""
    out = np.zeros(X.shape[1])
    indptr, indices, values = sparse_arrays(X)
    for rows in row_blocks(X.shape[0], max(SQUARED * X.shape[0] // max(X.nnz, 1), 1)):
        ends = indptr[rows.start : rows.stop + 1] - indptr[rows.start]
        stored = slice(indptr[rows.start], indptr[rows.stop])
        squares = np.square(values[stored], dtype=np.float64)
        out += turned((ends, indices[stored], squares), len(out), weight[rows, None])[:, 0]
    return out


def turned(arrays: tuple[Array, Array, Array], p: int, R: Array) -> Array:
    """Return X'R (p, t), of compressed rows X of p columns as the core reads them, and R (n, t)."""
    out = np.empty((p, R.shape[1]))
    _core.sparse_transposed(arrays, p, np.ascontiguousarray(R), out)
    return out


class CentredRows:
    """The matrix A = S (X - 1 m') of compressed rows X (n, p), a mean m (p,) and roots of weights S (n,)."""

    def __init__(self, X: Any, mean: Array, root: Array) -> None:
        self.X, self.mean, self.root, self.arrays = X, mean, root, sparse_arrays(X)
        # What is taken from inner products of rows.
        self.shift, self.square = self.plain(mean[:, None])[:, 0], float(mean @ mean)

    def plain(self, C: Array) -> Array:
        """Return X C, of coefficients (p, t)."""
        out = np.empty((self.X.shape[0], C.shape[1]))
        _core.sparse_product(self.arrays, np.ascontiguousarray(C), out)
        return out

    def plain_turned(self, R: Array) -> Array:
        """Return X'R, of rows (n, t)."""
        return turned(self.arrays, self.X.shape[1], R)

    def times(self, C: Array) -> Array:
        """Return A C, of coefficients (p, t)."""
        out = self.plain(C)
        out -= self.mean @ C
        out *= self.root[:, None]
        return out

    def turned(self, R: Array) -> Array:
        """Return A'R, of rows (n, t)."""
        R = R * self.root[:, None]
        out = self.plain_turned(R)
        out -= np.outer(self.mean, R.sum(axis=0))
        return out

    def inner(self, R: Array) -> Array:
        """Return A A'R, of rows (n, t)."""
        R = R * self.root[:, None]
        sums = R.sum(axis=0)
        out = self.plain(self.plain_turned(R))
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
        n, h = self.X.shape
        pairs = float(np.square(np.diff(self.X.indptr), dtype=np.float64).sum())
        # Pairs of stored values cost so many times those of dense rows.
        few = pairs * STORED_PAIR <= float(n) * h * h
        step = max(int(n * PAIRS / max(pairs, 1.0)), 1) if few else max(DENSE // h, 1)
        out = np.zeros((h, h))
        for rows in row_blocks(n, step):
            part = self.X[rows].astype(np.float64, copy=False)
            scale = self.root[rows]
            if few:
                scaled = csr_array(part)
                scaled.data = scaled.data * np.repeat(scale, np.diff(part.indptr))
                out += (scaled.T @ scaled).toarray()
            else:
                dense = part.toarray() * scale[:, None]
                out += dense.T @ dense
        return out - float(self.root @ self.root) * np.outer(self.mean, self.mean)
