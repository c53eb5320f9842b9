"""Symmetric matrices as solvers see them: products, columns, diagonal; kept in memory where that has room."""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from widelearn.ridge.blas import SINGLE_COLUMNS, symmetric_product, times
from widelearn.runtime import Array, available_memory, empty, row_blocks

# Columns of a matrix in memory, or of one that is made, that are held at once.
HELD_COLUMNS = 256
# Rows that are compared with their mirror images at once.
COMPARED_ROWS = 256
# Bytes of entries that are made at once, to be rounded.
MADE_BYTES = 24 << 20


class Operator(Protocol):
    """A symmetric matrix as solvers see it: six verbs."""

    @property
    def shape(self) -> tuple[int, int]:
        """Return (n, n)."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Return the type of the entries, which says how large their rounding errors are."""

    def diag(self) -> Array:
        """Return the diagonal, of shape (n,)."""

    def columns(self, indices: ArrayLike, /) -> Array:
        """Return the columns at `indices`, of shape (n, len(indices))."""

    def entries(self, rows: ArrayLike, columns: ArrayLike, /) -> Array:
        """Return the entries where `rows` and `columns` cross, of shape (len(rows), len(columns))."""

    def __matmul__(self, V: Array, /) -> Array: ...


class Dense:
    """A symmetric matrix in memory, float32 or float64; residuals are taken with another that these entries round."""

    def __init__(self, matrix: Array, exact: Operator | None = None) -> None:
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
            raise ValueError(f"The matrix must be square, got shape {matrix.shape}.")
        if matrix.dtype.kind not in "biuf":
            raise TypeError(f"The matrix must be of real numbers, got an array of type {matrix.dtype}.")
        self.matrix = matrix if matrix.dtype in (np.float32, np.float64) else matrix.astype(np.float64)
        self.shape, self.dtype, self.exact = (len(matrix), len(matrix)), self.matrix.dtype, exact

    def diag(self) -> Array:
        """Return the diagonal."""
        return self.matrix.diagonal()

    def columns(self, indices: ArrayLike) -> Array:
        """Return some columns."""
        return self.matrix[np.asarray(indices)].T

    def entries(self, rows: ArrayLike, columns: ArrayLike) -> Array:
        """Return the entries where `rows` and `columns` cross."""
        return self.matrix[np.ix_(np.asarray(rows), np.asarray(columns))]

    def __matmul__(self, V: Array) -> Array:
        A = self.matrix
        if V.shape[1] > SINGLE_COLUMNS or not (A.flags.c_contiguous or A.flags.f_contiguous):
            return times(A, V)
        return symmetric_product(A, V)


class Weighted:
    """The matrix S A S for a diagonal S: what sample weights make of a kernel matrix."""

    def __init__(self, A: Operator, root: Array) -> None:
        self.A, self.root, self.shape, self.dtype = A, root, A.shape, A.dtype
        self.scale = root.astype(A.dtype)

    def diag(self) -> Array:
        """Return the diagonal."""
        return self.scale**2 * self.A.diag()

    def columns(self, indices: ArrayLike) -> Array:
        """Return some columns."""
        return self.scale[:, None] * self.A.columns(indices) * self.scale[np.asarray(indices)]

    def entries(self, rows: ArrayLike, columns: ArrayLike) -> Array:
        """Return the entries where `rows` and `columns` cross."""
        left, right = self.scale[np.asarray(rows), None], self.scale[np.asarray(columns)]
        return left * self.A.entries(rows, columns) * right

    def __matmul__(self, V: Array) -> Array:
        return self.scale[:, None] * (self.A @ (self.scale[:, None] * V))


class ByColumns:
    """An operator without ``entries``, which come from its columns; those are kept, for they are asked for next."""

    def __init__(self, given: Any) -> None:
        self.given, self.shape, self.dtype = given, given.shape, given.dtype
        self.places: dict[int, int] = {}
        self.kept = np.empty((0, 0))

    def diag(self) -> Array:
        """Return the diagonal."""
        return self.given.diag()

    def columns(self, indices: ArrayLike) -> Array:
        """Return some columns."""
        wanted = np.asarray(indices).tolist()
        if self.places.keys() >= set(wanted):
            return self.kept[:, [self.places[index] for index in wanted]]
        return self.given.columns(indices)

    def entries(self, rows: ArrayLike, columns: ArrayLike) -> Array:
        """Return the entries where `rows` and `columns` cross."""
        self.places = {index: place for place, index in enumerate(np.asarray(columns).tolist())}
        self.kept = self.given.columns(columns)
        return self.kept[np.asarray(rows)]

    def __matmul__(self, V: Array) -> Array:
        return self.given @ V


def as_operator(given: Any, *, products: bool = True) -> Operator:
    """Return what a user gave for a symmetric matrix as an operator; without products less is asked of it."""
    if isinstance(given, np.ndarray):
        A = Dense(np.asarray(given))
        return Dense(symmetric_kernel_matrix(A.matrix)) if products else A
    verbs = {"shape": "shape", "dtype": "dtype", "diag": "diag()", "columns": "columns(indices)"}
    verbs |= {"__matmul__": "operator @ V"} if products else {}
    missing = [text for verb, text in verbs.items() if not hasattr(given, verb)]
    if missing:
        raise TypeError(
            f"The operator, of type {type(given).__name__}, lacks {', '.join(missing)}: it must have"
            f" {', '.join(verbs.values())}, like kernel.operator(X). Or pass the matrix as an array."
        )
    shape, dtype = tuple(given.shape), np.dtype(given.dtype)
    if len(shape) != 2 or shape[0] != shape[1]:
        raise ValueError(f"The operator must be square, got shape {shape}.")
    if dtype.kind != "f":
        raise TypeError(f"The operator must be of float32 or float64, got {dtype}.")
    return given if hasattr(given, "entries") else ByColumns(given)


def cached(operator: Operator, form: Callable[[], Array] | None = None) -> Operator:
    """Return the operator with its entries in memory if half of what is available holds them, or else as it is.

    Where the entries fit in float32 only, residuals are taken with the operator itself. `form` makes the whole matrix,
    where that costs less than its columns do.
    """
    n = operator.shape[0]
    dtype = kept_type(n, operator.dtype)
    if dtype is None:
        return operator
    if dtype == operator.dtype and form is not None:
        return Dense(form())
    matrix = empty((n, n), dtype)
    # Rows of so few bytes at a time that the same memory serves for all: new pages cost more than the values.
    whole = np.arange(n)
    for part in row_blocks(n, max(MADE_BYTES // (n * operator.dtype.itemsize), 1)):
        matrix[part] = operator.entries(whole[part], whole)
    return Dense(matrix, None if dtype == operator.dtype else operator)


def kept_type(n: int, dtype: DTypeLike) -> np.dtype[Any] | None:
    """Return the type in which entries of n rows are kept, their own or float32, None where neither fits."""
    room = available_memory()[0] // 2
    types = (np.dtype(dtype), np.dtype(np.float32))
    return next((one for one in types if n * n * one.itemsize <= room), None)


def exact(A: Operator) -> Operator:
    """Return the matrix as it was before its entries were rounded for being kept."""
    if isinstance(A, Weighted):
        return Weighted(exact(A.A), A.root)
    return A.exact if isinstance(A, Dense) and A.exact is not None else A


def asymmetry(K: Array) -> float:
    """Return the largest difference of an entry from its mirror image, relative to the largest entry; NaN if one is."""
    largest, gap = 0.0, 0.0
    for rows in row_blocks(len(K), COMPARED_ROWS):
        block = K[rows, : rows.stop]
        largest = np.maximum(largest, np.abs(block).max())
        with np.errstate(invalid="ignore"):
            gap = np.maximum(gap, np.abs(block - K[: rows.stop, rows].T).max())
    return float(gap / largest) if largest > 0 or np.isnan(largest) else float(gap)


def symmetric_kernel_matrix(K: Array) -> Array:
    """Return `K` if it is symmetric to half its digits, else refuse it."""
    gap = asymmetry(K)
    if np.isnan(gap):
        row = int(np.argmin(np.isfinite(K).all(axis=1)))
        raise ValueError(f"The kernel matrix has NaN or infinity in row {row}.")
    if gap > np.finfo(K.dtype).eps ** 0.5:
        raise ValueError(
            f"The kernel matrix is not symmetric: mirrored entries differ by up to {gap:.2g} of the largest. Pass"
            " (K + K.T) / 2, or instead of the matrix the rows and an object of class widelearn.kernels.Kernel."
        )
    return K


def product(A: Operator, V: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return A V in the precision of A, as doubles."""
    if A.dtype == np.float64:
        return np.asarray(A @ V, np.float64)
    # Of size one, so that single precision is not too narrow for them.
    height = np.frexp(np.abs(V).max(axis=0, initial=0.0))[1]
    return np.ldexp(np.asarray(A @ np.ldexp(V, -height).astype(A.dtype), np.float64), height)


def double_product(A: Operator, V: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return A V in double precision, whatever the type of the entries."""
    if A.dtype == np.float64:
        return product(A, V)
    if isinstance(A, Weighted):
        return A.root[:, None] * double_product(A.A, A.root[:, None] * V)
    out = np.empty(V.shape)
    for part in row_blocks(len(V), HELD_COLUMNS):
        out[part] = A.columns(np.arange(part.start, part.stop)).T.astype(np.float64) @ V
    return out
