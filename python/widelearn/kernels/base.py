"""The kernel: a function of two rows as a parameter object, with its algebra of sums, products and multiples."""

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from widelearn.kernels import specs
from widelearn.kernels.evaluation import Evaluated
from widelearn.kernels.operators import KernelOperator
from widelearn.kernels.rows import as_pair, as_rows
from widelearn.runtime import Array, capped, check_memory, empty, one_blas_thread_for, row_blocks

# Numbers that a function of Python combines in one call, of rows of at least that length: a few hundredths of a second;
# rows that it compares with themselves.
CALLED, LONG, DIAGONAL_ROWS = 1 << 26, 64, 64


class Kernel(Evaluated):
    """A positive definite function k(x, x') that knows its parameters and no data.

    Subclasses are the kernels; ``k(X, Y)`` evaluates one, ``k1 + k2``, ``k1 * k2`` and ``2.0 * k`` make new ones.

    Notes
    -----
    float32 rows give float32 values, everything else is computed in float64; values of equal rows are those of
    :meth:`diag` exactly, and the bits are the same for every number of threads.

    Rows may be a sparse matrix or array of any format where `takes_sparse` is true: for all kernels but those of
    functions of Python, of :class:`Empirical` and of a net's weights, and averages over shifts. They stay sparse: inner
    products cost 2 flops for each pair of values that two rows store in one column, and pairs of near rows, of which
    differences are taken, as much as they store; beside K no more is held than a copy of what Y stores (of X, too,
    where there is a length a column), a number for each column, and 3 MiB for each thread, or what
    :class:`FiniteRF` says. Values agree with those of dense rows to rounding. Distances of float64 rows whose squares
    underflow are refused.

    Examples
    --------
    >>> from widelearn.kernels import RBF, Linear
    >>> kernel = RBF(gamma=0.5) + 2.0 * Linear()
    >>> kernel
    Sum(k1=RBF(gamma=0.5), k2=Product(k1=Constant(value=2.0), k2=Linear()))
    >>> float(kernel([1.0, 2.0], [1.0, 2.0]))
    11.0
    """

    # Arrays must not take `array * kernel` apart into a kernel for each entry.
    __array_ufunc__ = None
    # The string that stands for this kernel with its defaults.
    name: ClassVar[str | None] = None
    names: ClassVar[dict[str, Callable[[], "Kernel"]]] = {}
    # Whether no value changes where the columns of both rows change places alike.
    _columns_alike: ClassVar[bool] = True

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "name" in vars(cls) and cls.name is not None:
            Kernel.names[cls.name] = cls

    def _seen(self, x: Any) -> Any:
        """Return what the kernels that it is made of see of rows (n, d): the rows."""
        return x

    @capped
    def __call__(self, X: ArrayLike, Y: ArrayLike | None = None) -> Array:
        """Return K(X, Y) of shape (n, m), or K(X, X); a one-dimensional argument is one row and its axis is dropped."""
        x, y, keep = as_pair(X, Y)
        self._check_kind(x)
        each = self.values_per_row(x)
        shape = (x.shape[0] * each, (x if y is None else y).shape[0] * each)
        check_memory(
            shape[0] * shape[1] * x.dtype.itemsize * (1 if self.compiled else 2),
            f"The kernel matrix of {shape[0]} x {shape[1]} rows",
            "Use k.dot or k.operator, which never form it, random features (FeatureRidge), or fewer rows.",
        )
        if y is not None:
            self._check_values(x, "X")
            self._check_values(y, "Y")
        out = empty(shape, x.dtype)
        self._gram(x, y, out)
        if y is None:
            self._check_finite(out.diagonal(), "X")
        return out[tuple(slice(None) if kept or each > 1 else 0 for kept in keep)]

    @capped
    def diag(self, X: ArrayLike) -> Array:
        """Return k(x, x) for every row of `X`, of shape (n,); a scalar for one row."""
        x, single = as_rows(X)
        self._check_kind(x)
        diag = self._finite_diag(x)
        return diag[0] if single and len(diag) == 1 else diag

    @capped
    def dot(self, X: ArrayLike, Y: ArrayLike | None, V: ArrayLike) -> Array:
        """Return K(X, Y) @ V for `V` of shape (m,) or (m, t) without forming K; `Y` None means `X`."""
        x, y, keep = as_pair(X, Y)
        self._check_kind(x)
        each = self.values_per_row(x)
        n, m = x.shape[0] * each, (x if y is None else y).shape[0] * each
        v = np.require(V, x.dtype, ["C", "ALIGNED"])
        if v.ndim not in (1, 2) or len(v) != m:
            raise ValueError(f"V has shape {v.shape}, but K(X, Y) has {m} columns: V must be ({m},) or ({m}, t).")
        self._check_values(x, "X")
        if y is not None:
            self._check_values(y, "Y")
        out = self._product(x, y, v.reshape(m, -1), n)
        return (out if v.ndim == 2 else out[:, 0])[slice(None) if keep[0] or each > 1 else 0]

    def operator(self, X: ArrayLike) -> KernelOperator:
        """Return K(X, X) as a linear operator that is never formed."""
        return KernelOperator(self, X)

    def __add__(self, other: object) -> "Kernel":
        return Sum(self, term(other)) if is_term(other) else NotImplemented

    def __radd__(self, other: object) -> "Kernel":
        return Sum(term(other), self) if is_term(other) else NotImplemented

    def __mul__(self, other: object) -> "Kernel":
        return Product(self, term(other)) if is_term(other) else NotImplemented

    def __rmul__(self, other: object) -> "Kernel":
        return Product(term(other), self) if is_term(other) else NotImplemented


@dataclass(eq=False, repr=False)
class CallableKernel(Kernel):
    """A kernel given as a function of two blocks of rows, of shapes (n, d) and (m, d), that returns (n, m) values.

    It is called for some rows of X at a time, so that Ctrl-C need not wait for all, and no more is held beside K. Where
    K(X, X) is asked for, it gets the same block twice for pairs near the diagonal: it may then say that they are equal.
    """

    function: Callable[[Array, Array], ArrayLike]
    compiled, _columns_alike = False, False

    def _own_gram(self, x: Array, y: Array | None, out: Array) -> None:
        other = x if y is None else y
        with one_blas_thread_for(len(x)):
            blocks = row_blocks(len(x), called_rows(*other.shape))
            for block in blocks:
                rows = x if len(blocks) == 1 else x[block]
                self._evaluate(rows, other, out[block])
            if y is None and len(blocks) > 1:
                for block in row_blocks(len(x), DIAGONAL_ROWS):
                    rows = x[block]
                    self._evaluate(rows, rows, out[block, block])

    def _evaluate(self, x: Array, y: Array, out: Array) -> None:
        """Write what the function returns of copies, which it may write into."""
        rows = x.copy()
        values = np.asarray(self.function(rows, rows if y is x else y.copy()))
        if values.shape != out.shape:
            raise ValueError(
                f"The kernel function returned shape {values.shape} for {out.shape[0]} and {out.shape[1]} rows: it must"
                f" take two blocks of rows and return {out.shape}."
            )
        np.copyto(out, values, casting="same_kind")
        if not np.isfinite(out).all():
            raise ValueError("The kernel function returned NaN or infinity.")


def called_rows(m: int, d: int) -> int:
    """Return how many rows of length d a function gets at once beside m others."""
    return max(CALLED // (m * max(d, LONG)), 1)


@dataclass(eq=False, repr=False)
class Constant(Kernel):
    """Return the same value for every pair of rows: k(x, x') = value.

    Parameters
    ----------
    value : float, default=1.0
        The value; positive definiteness needs value >= 0.

    Notes
    -----
    Adding it to a kernel is a penalised intercept.

    Examples
    --------
    >>> from widelearn.kernels import Constant
    >>> Constant(value=3.0)([[1.0], [2.0]])
    array([[3., 3.],
           [3., 3.]])
    """

    value: float = 1.0

    def spec(self, d: int) -> specs.Constant:
        """Return what the core reads."""
        return specs.Constant(self._real("value"))

    def number(self) -> float:
        """Return the value, which the core has checked."""
        return float(self(np.zeros(1), np.zeros(1)))


@dataclass(eq=False, repr=False)
class Combination(Kernel):
    """Two kernels joined entry by entry."""

    k1: Any
    k2: Any
    _spec: ClassVar[type[specs.Sum] | type[specs.Product]]
    _join: ClassVar[np.ufunc]

    @property
    def compiled(self) -> bool:
        """Whether both parts are in the core."""
        return all(kernel.compiled for kernel in self._parts())

    @property
    def takes_sparse(self) -> bool:
        """Whether both parts take sparse rows."""
        return all(kernel.takes_sparse for kernel in self._parts())

    @property
    def _reads_stored(self) -> bool:
        return all(kernel._reads_stored for kernel in self._parts())

    def spec(self, d: int) -> specs.Sum | specs.Product:
        """Return what the core reads."""
        return self._spec(*(kernel.spec(d) for kernel in self._parts()))

    def values_per_row(self, X: ArrayLike) -> int:
        """Return how many values a row has, in both parts."""
        first, second = (kernel.values_per_row(X) for kernel in self._parts())
        if first != second:
            raise ValueError(
                f"{self!r} joins kernels of {first} and {second} values a row: let the outputs of both be summed, by"
                ' outputs="trace".'
            )
        return first

    def _parts(self) -> tuple[Kernel, Kernel]:
        return as_kernel(self.k1), as_kernel(self.k2)

    def _own_gram(self, x: Array, y: Array | None, out: Array) -> None:
        (k1, k2), other = self._parts(), np.empty_like(out)
        k1._gram(x, y, out)
        k2._gram(x, y, other)
        self._join(out, other, out=out)

    def _own_diag(self, x: Array, out: Array) -> None:
        (k1, k2), other = self._parts(), np.empty_like(out)
        k1._diag(x, out)
        k2._diag(x, other)
        self._join(out, other, out=out)


class Sum(Combination):
    """Add two kernels: k(x, x') = k1(x, x') + k2(x, x').

    Parameters
    ----------
    k1, k2 : Kernel, str or callable
        The terms. Their parameters are ``k1__...`` and ``k2__...``.

    Notes
    -----
    Both are evaluated in the same pass over the rows.

    Examples
    --------
    >>> from widelearn.kernels import RBF, Linear, Sum
    >>> Sum(RBF(), Linear()) == RBF() + Linear()
    True
    >>> (RBF() + Linear()).set_params(k1__gamma=0.1)
    Sum(k1=RBF(gamma=0.1), k2=Linear())
    """

    _spec = specs.Sum
    _join = np.add

    def _own_dot(self, x: Array, y: Array | None, v: Array, out: Array) -> None:
        (k1, k2), other = self._parts(), np.zeros_like(out)
        k1._dot(x, y, v, out)
        k2._dot(x, y, v, other)
        out += other


class Product(Combination):
    """Multiply two kernels: k(x, x') = k1(x, x') k2(x, x').

    Parameters
    ----------
    k1, k2 : Kernel, str or callable
        The factors. Their parameters are ``k1__...`` and ``k2__...``.

    Notes
    -----
    Both are evaluated in the same pass over the rows. A multiple ``2.0 * k`` is ``Product(Constant(value=2.0), k)``.

    Examples
    --------
    >>> from widelearn.kernels import Linear
    >>> float((3.0 * Linear())([1.0, 1.0], [2.0, 3.0]))
    15.0
    """

    _spec = specs.Product
    _join = np.multiply

    def multiple(self) -> tuple[Constant, Kernel] | None:
        """Return the constant and the kernel that it is multiplied by, if that is what this is."""
        first, second = self._parts()
        if isinstance(first, Constant) == isinstance(second, Constant):
            return None
        return (first, second) if isinstance(first, Constant) else (second, first)  # type: ignore[return-value]

    def _own_gram(self, x: Array, y: Array | None, out: Array) -> None:
        self._own(super()._own_gram, "_gram", out, x, y)

    def _own_diag(self, x: Array, out: Array) -> None:
        self._own(super()._own_diag, "_diag", out, x)

    def _own_dot(self, x: Array, y: Array | None, v: Array, out: Array) -> None:
        self._own(super()._own_dot, "_dot", out, x, y, v)

    def _own(self, plainly: Callable[..., None], name: str, out: Array, *given: Any) -> None:
        """Write what a multiple has by that of its kernel, and plainly what another product has."""
        found = self.multiple()
        if found is None:
            return plainly(*given, out)
        getattr(found[1], name)(*given, out)
        out *= out.dtype.type(found[0].number())
        return None


def is_term(other: object) -> bool:
    """Whether a kernel can be added to or multiplied by `other`."""
    return (isinstance(other, Real) and not isinstance(other, bool)) or callable(other)


def term(other: Any) -> Any:
    """Return `other` as a part of a sum or product: a number is a constant kernel."""
    return Constant(value=float(other)) if isinstance(other, Real) else other


def as_kernel(kernel: Any, default: Kernel | None = None) -> Kernel:
    """Return what a `kernel` argument stands for: a kernel, a name, a function of two blocks of rows, or None.

    Parameters
    ----------
    kernel : Kernel, str, callable or None
        What the user gave.
    default : Kernel, optional
        What None stands for.

    Returns
    -------
    Kernel
        The kernel, unchanged if it was one.

    Raises
    ------
    ValueError
        If a name is unknown; the message lists those there are.
    TypeError
        If it is none of these.

    Examples
    --------
    >>> from widelearn.kernels import as_kernel
    >>> as_kernel("rbf")
    RBF()
    """
    kernel = default if kernel is None else kernel
    if isinstance(kernel, Kernel):
        return kernel
    if isinstance(kernel, str):
        if kernel not in Kernel.names:
            raise ValueError(f"Unknown kernel {kernel!r}. The names are: {', '.join(sorted(Kernel.names))}.")
        return Kernel.names[kernel]()
    if callable(kernel) and not isinstance(kernel, type):
        return CallableKernel(kernel)
    raise TypeError(
        f"A kernel is an object of widelearn.kernels, a name or a function (X, Y) -> (n, m); got {kernel!r}."
    )
