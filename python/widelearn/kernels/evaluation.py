"""How a kernel is evaluated: by the core, for dense rows or for sparse ones, or by itself."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import issparse

from widelearn import _core
from widelearn.kernels import specs, stored
from widelearn.kernels.parameters import Parameters
from widelearn.runtime import Array, check_memory, row_blocks

# Rows of K that a kernel outside the core holds at once.
BLOCK_ROWS = 256


class Evaluated(Parameters):
    """Parameters of a function of two rows, and its values at blocks of them."""

    @property
    def compiled(self) -> bool:
        """Whether the compiled core evaluates it."""
        return True

    @property
    def takes_sparse(self) -> bool:
        """Whether rows may be a sparse matrix, none of which is made dense."""
        return self.compiled

    @property
    def _reads_stored(self) -> bool:
        """Whether the core evaluates it at sparse rows as it is."""
        return self.compiled

    def spec(self, d: int) -> specs.Kernel:
        """Return the kernel of rows with `d` features as the core reads it."""
        raise TypeError(f"{type(self).__name__} has no compiled form. Call the kernel itself.")

    def _product(self, x: Array, y: Array | None, v: Array, n: int) -> Array:
        """Return K(x, y) @ v, of shape (n, t)."""
        t = v.shape[1]
        check_memory(n * t * x.dtype.itemsize, f"The product with {t} columns", "Pass fewer columns or rows at a time.")
        out = np.zeros((n, t), x.dtype)
        if v.size:
            self._dot(x, y, v, out)
        return out

    def values_per_row(self, X: ArrayLike) -> int:
        """Return how many values a row has: 1, unless the outputs of a model are told apart."""
        return 1

    def _check_values(self, x: Array, name: str) -> None:
        """Refuse rows whose values are not finite."""
        self._finite_diag(x, name)

    def _finite_diag(self, x: Array, name: str = "X") -> Array:
        """Return the diagonal; |k(x, y)|² <= k(x, x) k(y, y), so where it is finite every value is."""
        out = np.empty(x.shape[0] * self.values_per_row(x), x.dtype)
        self._diag(x, out)
        self._check_finite(out, name)
        return out

    def _check_finite(self, diag: Array, name: str) -> None:
        if not np.isfinite(diag).all():
            row = int(np.flatnonzero(~np.isfinite(diag))[0])
            raise ValueError(f"{self!r} overflows {diag.dtype} at row {row} of {name}. Scale {name} down.")

    def _gram(self, x: Array, y: Array | None, out: Array) -> None:
        if issparse(x) and self._reads_stored:
            stored.gram(self.spec(x.shape[1]), x, y, out)
        elif self.compiled and not issparse(x):
            _core.gram(self.spec(x.shape[1]), x, y, out)
        else:
            self._own_gram(x, y, out)

    def _diag(self, x: Array, out: Array) -> None:
        if issparse(x) and self._reads_stored:
            stored.diagonal(self.spec(x.shape[1]), x, out)
        elif self.compiled and not issparse(x):
            _core.gram_diag(self.spec(x.shape[1]), x, out)
        else:
            self._own_diag(x, out)

    def _dot(self, x: Array, y: Array | None, v: Array, out: Array) -> None:
        if issparse(x) and self._reads_stored:
            stored.product(self.spec(x.shape[1]), x, y, v, out)
        elif self.compiled and not issparse(x):
            _core.gram_dot(self.spec(x.shape[1]), x, y, v, out)
        else:
            self._own_dot(x, y, v, out)

    def _check_kind(self, x: Any) -> None:
        """Refuse sparse rows where they would have to be made dense."""
        if issparse(x) and not self.takes_sparse:
            raise TypeError(
                f"{self!r} takes dense rows, and these are sparse: pass X.toarray(), or take a kernel of inner"
                " products, distances or random neurons."
            )

    # What a kernel that the core does not know does itself; diagonal and products come from rows of K.
    def _own_gram(self, x: Array, y: Array | None, out: Array) -> None:
        raise TypeError(f"{type(self).__name__} has neither a compiled form nor values of its own: define _own_gram.")

    def _own_diag(self, x: Array, out: Array) -> None:
        # Row by row: a block would compute its square to keep its diagonal.
        for i in range(x.shape[0]):
            self._gram(x[i : i + 1], None, out[i : i + 1, None])

    def _own_dot(self, x: Array, y: Array | None, v: Array, out: Array) -> None:
        y = x if y is None else y
        for block in row_blocks(x.shape[0], BLOCK_ROWS):
            gram = np.empty((block.stop - block.start, y.shape[0]), x.dtype)
            self._gram(x[block], y, gram)
            out[block] = gram @ v
