"""Kernels that see some of the columns."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import issparse

from widelearn.kernels.base import Kernel, as_kernel
from widelearn.kernels.rows import as_rows
from widelearn.runtime import Array, ordered


@dataclass(eq=False, repr=False)
class Columns(Kernel):
    """Let a kernel see some of the columns: k(x, x') = k_0(x_c, x'_c), x_c the entries of x in the columns c.

    Sums of such kernels treat groups of columns apart, each by a length or a network of its own; products let groups
    act together.

    Parameters
    ----------
    kernel : Kernel, str or callable, default="rbf"
        k_0. Its parameters are ``kernel__...``; what they read of the number of columns, such as ``gamma=None``, they
        read of those it sees.
    columns : int, array-like of int or of bool, or None, default=None
        Numbers of the columns, in the order in which k_0 sees them, negative ones counted from the end; or one boolean
        for each column. None means all.

    Raises
    ------
    ValueError
        If rows lack a column, or none is named.
    TypeError
        If columns are named by other than whole numbers or booleans.

    See Also
    --------
    weighted_sums : Sums of kernels with random weights to choose from.

    Notes
    -----
    Costs what k_0 does, and a copy of the columns. Sums and products that hold one are evaluated part by part, and hold
    as many numbers as K once more.

    Examples
    --------
    >>> from widelearn.kernels import RBF, Columns, Linear
    >>> kernel = Columns(RBF(gamma=1.0), [0, 1]) + Columns(Linear(), -1)
    >>> float(kernel([0.0, 0.0, 2.0], [0.0, 0.0, 3.0]))
    7.0
    """

    kernel: Any = "rbf"
    columns: Any = None
    _columns_alike = False

    @property
    def compiled(self) -> bool:
        """It is evaluated here, by its kernel at some of the columns."""
        return False

    @property
    def takes_sparse(self) -> bool:
        """Whether its kernel takes sparse rows."""
        return as_kernel(self.kernel).takes_sparse

    def values_per_row(self, X: ArrayLike) -> int:
        """Return how many values a row has, of its kernel."""
        return as_kernel(self.kernel).values_per_row(self._seen(as_rows(X)[0]))

    def _seen(self, x: Any) -> Any:
        """Return the columns of rows (n, d) that the kernel sees, as rows of their own."""
        if self.columns is None:
            return x
        found = x[:, self._places(x.shape[1])]
        return ordered(found) if issparse(found) else np.ascontiguousarray(found)

    def _places(self, d: int) -> NDArray[np.intp]:
        """Return the numbers of the columns that the kernel sees, among `d`."""
        if self.columns is None:
            return np.arange(d)
        try:
            given = np.atleast_1d(np.asarray(self.columns))
        except ValueError:
            # Lists of unlike lengths.
            given = np.empty(1, object)
        if given.dtype.kind not in "iub" and given.size:
            raise TypeError(
                f"Columns: columns must be whole numbers or booleans, got {self.columns!r}: a kernel sees arrays, whose"
                " columns have no names."
            )
        if given.dtype.kind == "b":
            if given.shape != (d,):
                raise ValueError(f"Columns: columns has booleans of shape {given.shape}, but rows have {d} columns.")
            given = np.flatnonzero(given)
        if given.ndim != 1 or given.size == 0:
            raise ValueError(f"Columns: columns must name at least one column in one axis, got {self.columns!r}.")
        if given.min() < -d or given.max() >= d:
            wrong = int(given[(given < -d) | (given >= d)][0])
            raise ValueError(f"Columns: there is no column {wrong}, rows have {d}: 0 to {d - 1}, or -{d} to -1.")
        return np.arange(d)[given]

    def _own_gram(self, x: Array, y: Array | None, out: Array) -> None:
        as_kernel(self.kernel)._gram(self._seen(x), None if y is None else self._seen(y), out)

    def _own_diag(self, x: Array, out: Array) -> None:
        as_kernel(self.kernel)._diag(self._seen(x), out)

    def _own_dot(self, x: Array, y: Array | None, v: Array, out: Array) -> None:
        as_kernel(self.kernel)._dot(self._seen(x), None if y is None else self._seen(y), v, out)
