"""Kernels of the distance between two rows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from widelearn.kernels import specs
from widelearn.kernels.base import Kernel, as_kernel
from widelearn.kernels.rows import is_sparse
from widelearn.runtime import Array, ordered

# What one length can be: a number, one a column, "scale" (read from the fitted rows), or None where there is a default.
Lengths = float | Sequence[float] | NDArray[Any] | str | None


class Radial(Kernel):
    """A function of a distance whose length is one number, one a column, or read from the fitted rows.

    With one a column it is the kernel of length 1 of rows whose columns are multiplied by what each says.
    """

    # The parameter that sets the length, and what columns of such lengths are multiplied by.
    _length: ClassVar[str] = "gamma"
    _factors: Callable[[NDArray[np.float64]], NDArray[np.float64]]

    @property
    def compiled(self) -> bool:
        """Whether the core reads it as it is: not with a length a column."""
        return not self.by_column

    @property
    def takes_sparse(self) -> bool:
        """Rows may be sparse, with a length a column, too: stored values are multiplied."""
        return True

    @property
    def _columns_alike(self) -> bool:  # type: ignore[override]
        return not self.by_column

    def settled(self, x: Any) -> Self:
        """Return the kernel with its length read from rows (n, d), sparse ones too, if it is "scale"."""
        if not self.from_rows:
            return self
        found = x.shape[1] * _variance(x)
        if not np.isfinite(found):
            raise ValueError(
                f"{type(self).__name__}: {self._length}='scale' is read from the variance of X, which overflows"
                " float64. Scale X down."
            )
        # Rows that are all equal have any length.
        return replace(self, **{self._length: self._of_scale(found or 1.0)})  # type: ignore[type-var]

    def _of_scale(self, squares: float) -> float:
        """Return the length for rows whose columns' variance times their number is `squares`."""
        return 1.0 / squares

    @property
    def by_column(self) -> bool:
        """Whether there is a length for each column."""
        value = getattr(self, self._length)
        return not self.from_rows and (
            isinstance(value, Sequence) or (hasattr(value, "__array__") and np.ndim(value) > 0)
        )

    @property
    def from_rows(self) -> bool:
        """Whether the length is read from rows, by :meth:`settled`."""
        value = getattr(self, self._length)
        return isinstance(value, str) and value == "scale"

    def _scale(self, name: str, d: int) -> float:
        """Return the length as one number; None stands for 1/d."""
        if self.from_rows:
            raise ValueError(
                f"{type(self).__name__}: {name}='scale' is read from the rows that an estimator is fitted to. Give the"
                " kernel a number where it is called itself."
            )
        if self.by_column:
            raise TypeError(f"{self!r} has a {name} for each column, which has no compiled form here. Give one number.")
        return super()._scale(name, d)

    def of_length_one(self, d: int, dtype: Any) -> tuple[Kernel, Array]:
        """Return the kernel of length 1, and what rows' columns are multiplied by."""
        name = f"{type(self).__name__}: {self._length}"
        try:
            values = np.asarray(getattr(self, self._length))
            given = values.astype(np.float64)
        except (TypeError, ValueError, OverflowError) as error:
            raise ValueError(f"{name} must be a number, one for each column, or 'scale'.") from error
        if values.dtype.kind not in "fiuO":
            raise ValueError(f"{name} must be a number, one for each column, or 'scale', got values of {values.dtype}.")
        if given.shape != (d,):
            raise ValueError(f"{name} has shape {given.shape}, but rows have {d} columns: give a number for each.")
        if not (np.isfinite(given) & (given > 0.0)).all():
            wrong = int(np.flatnonzero(~(np.isfinite(given) & (given > 0.0)))[0])
            raise ValueError(f"{name} must be positive and finite, got {given[wrong]} for column {wrong}.")
        with np.errstate(over="ignore", under="ignore"):
            factors = self._factors(given).astype(dtype)
        if not (np.isfinite(factors) & (factors > 0.0)).all():
            raise ValueError(f"{name} holds numbers that {np.dtype(dtype)} does not. Scale the columns of X.")
        return replace(self, **{self._length: 1.0}), factors  # type: ignore[type-var]

    def _scaled(self, x: Any, factors: Array) -> Any:
        with np.errstate(over="ignore"):
            if is_sparse(x):
                found = x.copy()
                found.data = x.data * factors[x.indices]
                wrong = np.searchsorted(x.indptr, np.flatnonzero(~np.isfinite(found.data)), side="right") - 1
            else:
                found = x * factors
                wrong = np.flatnonzero(~np.isfinite(found).all(axis=1))
        if len(wrong):
            raise ValueError(f"{self!r} overflows {x.dtype} at row {int(wrong[0])}. Scale the columns of X down.")
        return found

    def _own_gram(self, x: Array, y: Array | None, out: Array) -> None:
        plain, factors = self.of_length_one(x.shape[1], x.dtype)
        plain._gram(self._scaled(x, factors), None if y is None else self._scaled(y, factors), out)

    def _own_diag(self, x: Array, out: Array) -> None:
        plain, factors = self.of_length_one(x.shape[1], x.dtype)
        plain._diag(self._scaled(x, factors), out)

    def _own_dot(self, x: Array, y: Array | None, v: Array, out: Array) -> None:
        plain, factors = self.of_length_one(x.shape[1], x.dtype)
        plain._dot(self._scaled(x, factors), None if y is None else self._scaled(y, factors), v, out)


@dataclass(eq=False, repr=False)
class RBF(Radial):
    """Take the Gaussian of the distance: k(x, x') = exp(-gamma ‖x - x'‖²).

    Parameters
    ----------
    gamma : float, array-like of shape (d,), "scale" or None, default=None
        Positive inverse squared width, 1 / (2 length_scale²); None means 1/d. One a column gives exp(-Σ_j gamma_j
        (x_j - x'_j)²). "scale" is 1 / (d var X), read from the rows that an estimator is fitted to, weights of rows
        playing no part.

    Notes
    -----
    Costs 2 d flops and one exponential an entry; near-equal rows are computed from their difference. With one `gamma` a
    column rows are first multiplied by its roots, which moves each number by half a unit of its last place.

    References
    ----------
    Rahimi & Recht, "Random features for large-scale kernel machines", NeurIPS 2007, figure 1 (its spectral measure,
    which :class:`~widelearn.FourierFeatures` samples).

    Examples
    --------
    >>> from widelearn.kernels import RBF
    >>> round(float(RBF(gamma=1.0)([0.0], [1.0])), 4)
    0.3679
    """

    gamma: Lengths = None
    name = "rbf"

    def _factors(self, given: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.sqrt(given)

    def spec(self, d: int) -> specs.Rbf:
        """Return what the core reads."""
        return specs.Rbf(self._scale("gamma", d))


@dataclass(eq=False, repr=False)
class Laplace(Radial):
    """Take the exponential of the distance: k(x, x') = exp(-gamma ‖x - x'‖^power).

    Parameters
    ----------
    gamma : float, array-like of shape (d,), "scale" or None, default=None
        Positive inverse length to the power `power`; None means 1/d. One a column multiplies column j by
        gamma_j^(1/power), so that equal ones are one number. "scale" is 1 / (d var X), read from the rows that an
        estimator is fitted to, weights of rows playing no part.
    norm : {2, 1}, default=2
        2 is the Euclidean distance, which the string "laplace" stands for; 1 the sum of absolute differences, the
        string "laplacian", as scikit-learn has it.
    power : float, default=1.0
        Exponent of the distance, 0 < power <= 2 for norm 2 (beyond it there is no kernel) and 1 for norm 1; 2 is
        :class:`RBF`.

    Notes
    -----
    Costs 2 d flops, a square root and an exponential an entry (a logarithm and an exponential more if `power` is
    neither 1 nor 2); for norm 1, 3 d flops and an exponential. Near-equal rows are computed from their difference, so
    the cusp at coinciding rows is exact.

    References
    ----------
    Rahimi & Recht, "Random features for large-scale kernel machines", NeurIPS 2007, figure 1 (norm 1). Geifman et al.,
    "On the similarity between the Laplace and neural tangent kernels", NeurIPS 2020, section 3 (norm 2).

    Examples
    --------
    >>> from widelearn.kernels import Laplace
    >>> round(float(Laplace(gamma=1.0)([0.0, 0.0], [3.0, 4.0])), 6)
    0.006738
    >>> round(float(Laplace(gamma=0.1, norm=1)([0.0, 0.0], [3.0, 4.0])), 6)
    0.496585
    """

    gamma: Lengths = None
    norm: int = 2
    power: float = 1.0
    name = "laplace"

    def _factors(self, given: NDArray[np.float64]) -> NDArray[np.float64]:
        power = self._real("power")
        if not 0.0 < power <= 2.0:
            raise ValueError(f"Laplace: power must be positive and at most 2, got {power}.")
        return given if self._integer("norm") == 1 else given ** (1.0 / power)

    def spec(self, d: int) -> specs.Laplace | specs.Manhattan:
        """Return what the core reads."""
        gamma = self._scale("gamma", d)
        norm, power = self._integer("norm"), self._real("power")
        if norm == 2:
            return specs.Laplace(gamma, power)
        if norm == 1 and power == 1:
            return specs.Manhattan(gamma)
        raise ValueError(f"norm must be 2, or 1 with power 1; got norm={norm} and power={power}.")


@dataclass(eq=False, repr=False)
class Matern(Radial):
    """Take a Matern function of the distance: a polynomial times exp(-t), t = sqrt(2 nu) ‖x - x'‖ / length_scale.

    k = e^-t for nu 0.5, (1 + t) e^-t for 1.5 and (1 + t + t²/3) e^-t for 2.5.

    Parameters
    ----------
    length_scale : float, array-like of shape (d,) or "scale", default=1.0
        Positive. One a column divides column j by it. "scale" is sqrt(d var X / 2), read from the rows that an
        estimator is fitted to: as nu grows, the kernel tends to ``RBF(gamma="scale")``.
    nu : {0.5, 1.5, 2.5}, default=1.5
        Smoothness.

    Notes
    -----
    Costs 2 d flops, a square root and an exponential an entry; near-equal rows are computed from their difference.

    References
    ----------
    Rasmussen & Williams, "Gaussian Processes for Machine Learning", MIT Press 2006, section 4.2.1, equations 4.14-4.17.

    Examples
    --------
    >>> from widelearn.kernels import Matern
    >>> round(float(Matern(length_scale=2.0, nu=0.5)([0.0], [2.0])), 6)
    0.367879
    """

    length_scale: Lengths = 1.0
    nu: float = 1.5
    _length: ClassVar[str] = "length_scale"

    def _factors(self, given: NDArray[np.float64]) -> NDArray[np.float64]:
        return 1.0 / given

    def _of_scale(self, squares: float) -> float:
        return float(np.sqrt(squares / 2.0))

    def spec(self, d: int) -> specs.Matern:
        """Return what the core reads."""
        if self.length_scale is None:
            raise TypeError("Matern: length_scale must be a number, one for each column, or 'scale', got None.")
        return specs.Matern(self._scale("length_scale", d), self._real("nu"))


def settled(kernel: Kernel, x: Any) -> Kernel:
    """Return a kernel with what it and its parts read of fitted rows (n, d) settled: itself, where that is nothing."""
    if isinstance(kernel, Radial):
        return kernel.settled(x)
    parts = {name: as_kernel(getattr(kernel, name)) for name in ("k1", "k2", "kernel") if hasattr(kernel, name)}
    seen = kernel._seen(x) if parts else x
    found = {name: settled(part, seen) for name, part in parts.items()}
    return kernel if found == parts else type(kernel)(**kernel.get_params(deep=False) | found)


def _variance(x: Any) -> float:
    """Return the variance of all entries."""
    # What is stored twice in one place is added up there.
    values = ordered(x).data if is_sparse(x) else x
    stored: NDArray[np.float64] = np.asarray(values, dtype=np.float64)
    size = float(np.prod(x.shape, dtype=np.float64))
    with np.errstate(over="ignore", invalid="ignore"):
        mean = float(stored.sum()) / size
        return (float(np.square(stored - mean).sum()) + (size - stored.size) * mean * mean) / size


Kernel.names["laplacian"] = partial(Laplace, norm=1)
