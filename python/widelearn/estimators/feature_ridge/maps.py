"""Feature maps of any kind, with the passes over rows that ridge regression makes."""

from collections.abc import Iterator
from typing import Any, Self

import numpy as np
from scipy.sparse import issparse
from sklearn.base import clone
from sklearn.utils import check_random_state, get_tags

from widelearn.features import RandomFeatures
from widelearn.features.base import FeatureMap
from widelearn.kernels import Kernel
from widelearn.ridge import Moments
from widelearn.ridge.dual_rows import DualRows, KernelRows, StoredRows
from widelearn.ridge.sparse_rows import stored_rows
from widelearn.runtime import Array, row_blocks

# Rows whose features a map outside the core holds at once, and rows copied at once to leave some out.
BLOCK_ROWS, COPIED_ROWS = 1024, 1 << 14


class RidgeFeatures:
    """A clone of a feature map, "passthrough" or None; seeds that it leaves open are drawn from a random state."""

    # Number of features, p, known once the map is fitted.
    n_features = 0
    # Of kernel matrices, the rows that the map has seen: those of weight zero have columns, too.
    columns: Array | None = None

    def __init__(self, features: Any, random_state: Any) -> None:
        self.map: Any = features
        if isinstance(features, str):
            return
        self.map = clone(RandomFeatures() if features is None else features, safe=False)
        generator = check_random_state(random_state)
        parameters = self.map.get_params() if hasattr(self.map, "get_params") else {}
        for name in sorted(parameters):
            if name.split("__")[-1] == "random_state" and parameters[name] is None:
                self.map.set_params(**{name: int(generator.randint(2**31 - 1))})

    @property
    def looks_at_rows(self) -> bool:
        """Whether the map may depend on the rows that it is fitted to."""
        return self.map.looks_at_rows if isinstance(self.map, FeatureMap) else not isinstance(self.map, str)

    @property
    def n_components(self) -> int:
        """How many components the map was asked for, 0 if it has no such parameter."""
        return int(getattr(self.map, "n_components", 0))

    @property
    def is_fused(self) -> bool:
        """Whether the map is one of ours, whose products with coefficients store no features."""
        return isinstance(self.map, FeatureMap)

    def fit(self, X: Array, Y: Array, weight: Array | None = None) -> Self:
        """Fit the map; if it may look at rows it sees those that have a weight, if any has."""
        if self.looks_at_rows:
            seen = None if weight is None or not weight.any() else weight
            if seen is not None and not seen.all() and is_pairwise(self.map):
                self.columns = np.flatnonzero(seen)
            x, y, _ = with_weight(X, Y.astype(np.float64, copy=False), seen)
            self.map.fit(self._seen(x), y)
        elif not isinstance(self.map, str):
            self.map.fit(X, Y)
        row = 0 if weight is None else int(weight.argmax())
        own = isinstance(self.map, FeatureMap)
        self.n_features = self.map.n_features_out if own else self.transform(X[row : row + 1]).shape[1]
        return self

    def unfitted(self) -> Self:
        """Return another copy of the map, which is fitted to nothing."""
        return type(self)(self.map, None)

    def transform(self, X: Array) -> Array:
        """Return the features of rows as a dense array of X's dtype."""
        Z = X if isinstance(self.map, str) else self.map.transform(self._seen(X))
        return np.asarray(Z.toarray() if hasattr(Z, "toarray") else Z, dtype=X.dtype)

    def blocks(self, X: Array, dtype: Any = None) -> Iterator[tuple[slice, Array]]:
        """Yield blocks of rows' features, of X's dtype unless another is asked for."""
        for rows in row_blocks(X.shape[0], BLOCK_ROWS):
            yield rows, self.transform(X[rows] if dtype is None else X[rows].astype(dtype, copy=False))

    def moments(self, X: Array, Y: Array, weight: Array | None) -> Moments:
        """Return the moments of rows: one fused pass for our feature maps, block by block for any other.

        A fused pass takes products in X's own precision, any other in double precision.
        """
        moments = Moments(self.n_features, Y.shape[1])
        if weight is not None and not weight.all():
            # A row without weight is left out, for its numbers may be anything.
            for rows in row_blocks(X.shape[0], COPIED_ROWS):
                if weight[rows].any():
                    moments.merge(self.moments(*with_weight(X[rows], Y[rows], weight[rows])))
        elif isinstance(self.map, FeatureMap):
            moments.absorb(*self.map.moments(self._seen(X), Y, weight), dtype=X.dtype)
        else:
            targets = np.require(Y, np.float64, ["C", "ALIGNED"])
            weight = None if weight is None else np.require(weight, np.float64, ["C", "ALIGNED"])
            # Rows themselves have been checked.
            add = moments.take if isinstance(self.map, str) else moments.update
            for rows, Z in self.blocks(X):
                add(Z, targets[rows], None if weight is None else weight[rows])
        return moments

    def values(self, X: Array, coef: Array, intercept: Array) -> Array:
        """Return features times coefficients (t, p) plus intercepts (t,), of shape (n, t), block by block."""
        if isinstance(self.map, FeatureMap):
            return self.map._product(self._seen(X), coef.T) + intercept.astype(X.dtype)
        if self.keeps_sparse(X):
            return np.asarray(X @ coef.T + intercept, dtype=X.dtype)
        out = np.empty((X.shape[0], len(coef)), X.dtype)
        for rows, Z in self.blocks(X):
            out[rows] = Z @ coef.T + intercept
        return out

    def is_wide(self, n: int, d: int) -> bool:
        """Whether the n x n system of n rows of d columns costs less than the p x p one."""
        p = self.n_features
        if self.kernel() is None:
            return n < p
        # Products of neurons and of rows instead of products of features.
        return n * n * (p / d + d) + n**3 / 3 < n * p * p + p**3 / 3

    def dual_rows(self, X: Array, fit_intercept: bool) -> DualRows:
        """Return rows for an n x n system: their features, or a kernel that makes those needless."""
        kernel = self.kernel()
        if self.keeps_sparse(X) and (rows := stored_rows(X)) is not None:
            return rows
        if kernel is None:
            return StoredRows(self.transform(X), fit_intercept)
        return KernelRows(X, kernel, self.map.pull_back)

    def keeps_sparse(self, X: Any) -> bool:
        """Whether the features are sparse rows themselves."""
        return isinstance(self.map, str) and issparse(X)

    def _seen(self, X: Any) -> Any:
        """Return rows as the map takes them: kernels with the rows that it has seen."""
        return X if self.columns is None else X[:, self.columns]

    def kernel(self) -> Kernel | None:
        """Return the kernel that gives inner products of features where those cost more."""
        return self.map.gram_kernel() if isinstance(self.map, FeatureMap) else None


def is_pairwise(features: Any) -> bool:
    """Whether a map takes the kernel matrix of its rows, as its tags say."""
    return hasattr(features, "__sklearn_tags__") and bool(get_tags(features).input_tags.pairwise)


def with_weight(X: Array, Y: Array, weight: Array | None) -> tuple[Array, Array, Array | None]:
    """Return the rows that have a weight: copies, if there are any others."""
    if weight is None or weight.all():
        return X, Y, weight
    kept = weight > 0
    return X[kept], Y[kept], weight[kept]
