"""Powers of two that targets and weights are divided by while a model is fitted, and that its numbers get back."""

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from widelearn.runtime import Array, row_blocks

# Targets and weights whose largest lies between these powers of two stay as they are.
TARGETS, WEIGHTS = 40, 20
# Rows looked at together.
ROWS = 65_536
Exponents = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Units:
    """Exponents of the units of every target (t,), None where all are 1, and of weights.

    Squares of numbers near 1 neither overflow nor vanish, in float32 either. A power of two changes no bit of what is
    linear in targets; that of weights is even, so that their roots keep their bits too.
    """

    targets: Exponents | None = None
    weight: int = 0

    @classmethod
    def of(
        cls, Y: Array, weight: Array | None, dtype: DTypeLike, *, weights: bool = True, shared: bool = False
    ) -> Self:
        """Measure targets (n, t), of which all or each have a unit, and weights, for a model of a type of number.

        Raises ValueError where numbers of that type are too coarse or too few for a target.
        """
        largest = largest_of(Y, weight)
        check_range(largest, np.dtype(dtype))
        exponents = exponents_of(largest, TARGETS)
        if shared and exponents.any():
            exponents[:] = exponents[int(largest.argmax())]
            check_range(largest, np.dtype(dtype), exponents)
        even = (
            0 if weight is None or not weights else int(exponents_of(largest_of(weight[:, None]), WEIGHTS)[0]) // 2 * 2
        )
        return cls(exponents if exponents.any() else None, even)

    def take_out(self, Y: Array, weight: Array | None) -> tuple[Array, Array | None]:
        """Return targets and weights in these units; as they are where all units are 1."""
        if self.targets is not None:
            Y = np.ldexp(Y if Y.dtype.kind == "f" else Y.astype(np.float64), -self.targets)
        if self.weight and weight is not None:
            weight = np.ldexp(weight if weight.dtype.kind == "f" else weight.astype(np.float64), -self.weight)
        return Y, weight

    def of_one(self) -> Self:
        """Return the units of one target, where all have the same."""
        return self if self.targets is None else replace(self, targets=self.targets[:1])

    def penalties(self, alphas: Array) -> Array:
        """Return penalties that stand beside weights in these units; the largest are still finite."""
        if not self.weight:
            return alphas
        with np.errstate(over="ignore", under="ignore"):
            return np.minimum(np.ldexp(alphas, -self.weight), 1e300)

    def original(self, values: Array, what: str, *, axis: int = -1) -> Array:
        """Return what is linear in targets, an axis of which is theirs, in the user's units."""
        if self.targets is None:
            return values
        return raised(values, along(self.targets, values.ndim, axis), what)

    def squares(self, values: Array, what: str, *, axis: int = -1) -> Array:
        """Return weighted squares of what is linear in targets in the user's units."""
        if self.targets is None and not self.weight:
            return values
        return raised(values, along(self.of_squares(values.shape[axis]), values.ndim, axis), what)

    def of_squares(self, count: int) -> Exponents:
        """Return the exponents of weighted squares of `count` targets."""
        units = np.zeros(count, np.int64) if self.targets is None else self.targets
        return 2 * units + self.weight

    def together(self, squares: Array) -> tuple[Array, int]:
        """Return squares (..., t) in one unit for all targets, that of the largest, and its exponent."""
        if self.targets is None:
            return squares, self.weight
        most = int(self.targets.max())
        with np.errstate(under="ignore"):
            return np.ldexp(squares, 2 * (self.targets - most)), 2 * most + self.weight


# The units of targets and weights that stay as they are.
ONES = Units()


def largest_of(values: Array, weight: Array | None = None) -> NDArray[np.float64]:
    """Return the largest size of the numbers of every column, of rows that have a weight, block by block."""
    largest = np.zeros(values.shape[1])
    # Codes of classes are +1 and -1.
    if values.dtype == np.int8:
        return largest + 1.0
    for rows in row_blocks(len(values), ROWS):
        block = values[rows] if weight is None else values[rows][weight[rows] > 0]
        np.maximum(largest, np.abs(block.astype(np.float64, copy=False)).max(axis=0, initial=0.0), out=largest)
    return largest


def exponents_of(largest: Array, ordinary: int) -> Exponents:
    """Return the exponents that make numbers about 1; 0 for what is 0, and for what is ordinary."""
    exponents = np.frexp(largest)[1].astype(np.int64)
    exponents[np.abs(exponents) <= ordinary] = 0
    return exponents


def check_range(largest: Array, dtype: np.dtype[Any], exponents: Any = 0) -> None:
    """Refuse targets that numbers of a type cannot hold in some units, or hold with less than their digits."""
    info = np.finfo(dtype)
    # Room for differences.
    most = float(info.max) / 4
    with np.errstate(under="ignore"):
        sizes = np.ldexp(largest, -exponents)
    wrong = (largest > 0) & ((sizes < float(info.tiny)) | (sizes > most))
    if not wrong.any():
        return
    found = float(largest[wrong][0])
    beside = f", those of another {float(largest.max()):.3g}" if np.any(exponents) else ""
    rows = "pass float64 rows, or scale" if dtype == np.float32 else "scale"
    raise ValueError(
        f"The numbers of a target reach {found:.3g}{beside}, and {dtype} holds {float(info.tiny):.2g} to"
        f" {most:.2g} with all digits: {rows} y {'up' if found < 1 else 'down'}."
    )


def along(exponents: Exponents, ndim: int, axis: int) -> Exponents:
    """Return exponents shaped to stand along an axis."""
    shape = [1] * ndim
    shape[axis] = len(exponents)
    return exponents.reshape(shape)


def raised(values: Any, exponents: Any, what: str) -> Any:
    """Return values times powers of two; refuse what overflows, with numbers and the remedy."""
    with np.errstate(over="ignore", under="ignore"):
        found = np.ldexp(values, exponents)
    beyond = np.isinf(found) & np.isfinite(values)
    if np.any(beyond):
        sizes = np.log10(np.abs(values), where=beyond, out=np.zeros(np.shape(values))) + exponents * np.log10(2.0)
        most = float(np.max(sizes, where=beyond, initial=0.0))
        limit = float(np.finfo(np.asarray(values).dtype).max)
        raise ValueError(
            f"{what} would be about 1e{most:.0f}, and {np.asarray(values).dtype} holds at most {limit:.2g}: scale y"
            f" down by 1e{max(most - np.log10(limit) + 1, 1):.0f} or more."
        )
    return found
