"""Where a net's rows come from: scaled tables, minibatches of them, streams of fresh ones."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from widelearn.runtime import row_blocks

Array = NDArray[Any]
# Rows scaled at once for predictions.
ROWS = 4096
STREAM_ROWS = 256


@dataclass(frozen=True)
class Scaling:
    """Offsets and scales of columns: values are taken as (x - offset)/scale."""

    offset: Array
    scale: Array

    @classmethod
    def of(cls, X: Array, kind: str | None) -> "Scaling":
        """Measure a table: "standard" means and standard deviations, "scalar" √(mean ‖x‖²/d) alone, None nothing."""
        d = X.shape[1]
        if kind == "standard":
            # With what it loads it would double the time to import the package.
            from sklearn.preprocessing import StandardScaler

            found = StandardScaler().fit(X.astype(np.float64, copy=False))
            return cls(found.mean_, found.scale_)
        size = 1.0
        if kind == "scalar":
            size = float(np.sqrt(np.mean(np.square(X, dtype=np.float64)))) or 1.0
        return cls(np.zeros(d), np.full(d, size))

    def apply(self, X: Array) -> Array:
        """Return scaled rows of the same type."""
        if not self.offset.any() and (self.scale == 1).all():
            return np.require(X, requirements=["C", "ALIGNED"])
        # In double precision: an offset far larger than the spread would cancel the digits of single precision.
        out = np.empty(X.shape, X.dtype)
        for rows in row_blocks(len(X), ROWS):
            out[rows] = (X[rows] - self.offset) / self.scale
        return out

    def undo(self, X: Array) -> Array:
        """Return what was scaled."""
        return (X * self.scale + self.offset).astype(X.dtype, copy=False)


def table_batches(X: Array, Y: Array, size: int | None, seed: int) -> Callable[[int], Iterable[tuple[Array, Array]]]:
    """Return the function from an iteration to its batches: all rows, or a permutation of them cut into batches.

    The permutation is a function of the seed and the iteration, so that a run can be taken up anywhere.
    """
    if size is None or size >= len(X):
        return lambda iteration: [(X, Y)]

    def batches(iteration: int) -> Iterator[tuple[Array, Array]]:
        order = np.random.default_rng([seed, 2, iteration]).permutation(len(X))
        for rows in row_blocks(len(X), size):
            yield X[order[rows]], Y[order[rows]]

    return batches


def stream_rows(stream: Any, size: int | None, seed: int) -> Callable[[int], tuple[Any, Any] | None]:
    """Return the function from an iteration to fresh raw rows (X, y); None at the end of an iterator.

    A sampler is called with the number of rows and an integer seed of the iteration.
    """
    if callable(stream):

        def sample(iteration: int) -> tuple[Any, Any]:
            drawn = np.random.SeedSequence([seed, 3, iteration]).generate_state(1)[0] >> 1
            return pair(stream(size or STREAM_ROWS, int(drawn)))

        return sample
    iterator = iter(stream)
    return lambda iteration: next((pair(item) for item in iterator), None)


def pair(item: Any) -> tuple[Any, Any]:
    """Return the rows and targets of a batch: a pair, or a Bunch that has them."""
    if hasattr(item, "X") and hasattr(item, "y"):
        return item.X, item.y
    try:
        X, y = item
    except (TypeError, ValueError):
        raise ValueError(f"A stream must give pairs (X, y), got {type(item).__name__}.") from None
    return X, y


def digest(parameters: dict[str, Any], *arrays: Array) -> str:
    """Return a fingerprint of arrays and parameters, the same in every process."""
    found = hashlib.sha256()
    for name, value in sorted(parameters.items()):
        shown = value
        if callable(value):
            shown = f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', type(value).__name__)}"
        elif isinstance(value, np.random.RandomState):
            shown = "RandomState"
        elif name in ("init", "mask") and value is not None and not isinstance(value, str):
            shown = [np.asarray(part).tolist() for part in value]
        found.update(f"{name}={shown!r};".encode())
    for array in arrays:
        found.update(f"{array.shape} {array.dtype};".encode())
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()
