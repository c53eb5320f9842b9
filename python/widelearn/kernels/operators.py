"""A kernel matrix that is never formed: products, columns and diagonal of K(X, X)."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import issparse
from scipy.sparse.linalg import LinearOperator

from widelearn.kernels.rows import as_pair, as_rows
from widelearn.runtime import Array, in_range


class Pairwise(Protocol):
    """What an operator asks of a kernel."""

    def __call__(self, X: Array, Y: Array | None = None, /) -> Array:
        """Return K(X, Y)."""

    def diag(self, X: Array, /) -> Array:
        """Return k(x, x) for every row."""

    def dot(self, X: Array, Y: Array | None, V: Array, /) -> Array:
        """Return K(X, Y) @ V."""


class KernelOperator(LinearOperator):
    """Apply the symmetric matrix K(X, X) without forming it.

    A ``scipy.sparse.linalg.LinearOperator``: ``operator @ V``, and any iterative solver of SciPy takes it.

    Parameters
    ----------
    kernel : Kernel
        The kernel.
    x : array-like of shape (n, d)
        The rows.

    Notes
    -----
    A product with t columns costs one pass over the n² entries and keeps O(n t) bytes.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.kernels import RBF
    >>> operator = RBF(gamma=1.0).operator([[0.0], [1.0], [2.0]])
    >>> operator.shape
    (3, 3)
    >>> operator.diag()
    array([1., 1., 1.])
    >>> np.round(operator @ np.ones(3), 3)
    array([1.386, 1.736, 1.386])
    >>> np.round(operator.columns([1]), 3).ravel()
    array([0.368, 1.   , 0.368])
    """

    @in_range
    def __init__(self, kernel: Pairwise, x: ArrayLike) -> None:
        if not (callable(kernel) and hasattr(kernel, "diag") and hasattr(kernel, "dot")):
            raise TypeError(f"kernel must be an object of widelearn.kernels.Kernel, got {kernel!r}.")
        x = as_rows(x)[0]
        super().__init__(x.dtype, (x.shape[0], x.shape[0]))  # type: ignore[call-arg]
        self.kernel, self.x = kernel, x

    def diag(self) -> Array:
        """Return the diagonal, of shape (n,)."""
        return self.kernel.diag(self.x)

    def columns(self, indices: ArrayLike) -> Array:
        """Return the columns at `indices` as an (n, len(indices)) matrix."""
        return np.asarray(self.kernel(self.x, self._rows(indices)))

    def entries(self, rows: ArrayLike, columns: ArrayLike) -> Array:
        """Return the entries where `rows` and `columns` cross, as a (len(rows), len(columns)) matrix."""
        return np.asarray(self.kernel(self._rows(rows), self._rows(columns)))

    def dense(self) -> Array:
        """Return the whole matrix, of which the core computes one half."""
        return np.asarray(self.kernel(self.x))

    def _rows(self, indices: ArrayLike) -> Array:
        """Return some of the rows."""
        return self.x[self._places(indices)]

    def _places(self, indices: ArrayLike) -> Array:
        """Return numbers of rows of the matrix, or which they are, checked."""
        places, n = np.asarray(indices), self.shape[0]
        mask = places.dtype == bool and places.shape == (n,)
        if not (mask or (places.dtype.kind in "iu" and places.size)):
            raise TypeError(f"Indices must be integers, or booleans of shape ({n},), got {indices!r}.")
        if not mask and not (-n <= places.min() and places.max() < n):
            raise ValueError(f"Indices must lie in 0 to n - 1 = {n - 1}, got {places.min()} to {places.max()}.")
        return places

    def _matmat(self, V: Array) -> Array:
        return self.kernel.dot(self.x, None, V)

    def _matvec(self, v: Array) -> Array:
        return self.kernel.dot(self.x, None, v)

    def _adjoint(self) -> Any:
        return self

    _transpose = _adjoint


def fitted_product(kernel: Any, X: Array, rows: Array, V: Array) -> Array:
    """Return K(X, rows) @ V for validated rows and V (m, t), where a fit has found the values of `rows` finite."""
    # A view: the product of rows with themselves adds up in another order than that with their copy.
    if not kernel.compiled:
        return kernel.dot(X, rows if issparse(rows) else rows.view(), V)
    dtype = np.result_type(X.dtype, rows.dtype, V.dtype)
    v = np.require(V, dtype, ["C", "ALIGNED"])
    if issparse(X) or issparse(rows):
        x, y, _ = as_pair(X, rows)
        x, y = x.astype(dtype, copy=False), x.astype(dtype, copy=False) if y is None else y.astype(dtype, copy=False)
    else:
        x, y = (np.require(part, dtype, ["C", "ALIGNED"]) for part in (X, rows))
    kernel._check_values(x, "X")
    return kernel._product(x, y, v, x.shape[0])
