"""Rows that a net is trained on: scaled tables, minibatches of them, streams of fresh ones."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from widelearn.estimators.scaling import Scaling
from widelearn.estimators.two_layer.network import Batch
from widelearn.runtime import Array, row_blocks

STREAM_ROWS = 256
# Bytes of rows that are scaled once; batches of larger tables are scaled when they are drawn.
SCALED_ONCE = 1 << 26
# Rows whose sizes are looked at together.
MEASURED = 8192


@dataclass(frozen=True)
class Rows:
    """Scaled rows with their codes: those of the first iteration, the batches of every iteration, rows left out."""

    scaling: Scaling
    first: Batch
    batches: Callable[[int], Iterable[Batch]]
    left_out: Batch | None = None
    # Whether every iteration has others.
    fresh: bool = False
    # The largest sizes of numbers of rows and targets; of fresh ones they are not known.
    sizes: tuple[float, float] | None = None


class ScaledRows:
    """Rows that are scaled when some of them are taken: a table of them holds no copy."""

    def __init__(self, X: Array, scaling: Scaling) -> None:
        self._rows, self._scaling = X, scaling
        self.shape, self.dtype = X.shape, X.dtype

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, rows: Any) -> Array:
        return self._scaling.apply(self._rows[rows])


def scaled(batch: Batch, scaling: Scaling, size: int | None) -> Batch:
    """Return a table in scaled columns; of a large one that is seen in batches alone, no copy is made."""
    lazily = size is not None and size < len(batch.X) and batch.X.nbytes > SCALED_ONCE
    found: Any = ScaledRows(batch.X, scaling) if lazily else scaling.apply(batch.X)
    return batch._replace(X=found)


def sizes_of(batch: Batch) -> tuple[float, float]:
    """Return the largest sizes of numbers of rows and of targets."""
    largest = (float(np.abs(batch.X[rows]).max(initial=0.0)) for rows in row_blocks(len(batch.X), MEASURED))
    return max(largest), float(np.abs(batch.Y).max(initial=0.0))


def leave_out(batch: Batch, strata: Array | None, fraction: float | None, seed: int) -> tuple[Batch, Batch | None]:
    """Return rows that are kept and a share that is left out, of every stratum alike; without a fraction none."""
    if fraction is None:
        return batch, None
    n = len(batch.X)
    if int(n * fraction) < 1 or n - int(np.ceil(n * fraction)) < 1:
        raise ValueError(
            f"validation_fraction = {fraction:g} of {n} rows leaves no rows on one side: set early_stopping=False."
        )
    # With what it loads it would double the time to import the package.
    from sklearn.model_selection import train_test_split

    counts = np.zeros(1) if strata is None else np.unique(strata, return_counts=True)[1]
    # Strata too small to be shared out are not looked at.
    fits = strata is not None and counts.min() >= 2 and min(int(n * fraction), n - int(n * fraction) - 1) >= len(counts)
    given = [part for part in batch if part is not None]
    parts = train_test_split(*given, test_size=fraction, random_state=seed, stratify=strata if fits else None)
    arrays = [np.ascontiguousarray(part) for part in parts]
    return Batch(*arrays[::2]), Batch(*arrays[1::2])


def table_batches(table: Batch, size: int | None, seed: int) -> Callable[[int], Iterable[Batch]]:
    """Return the function from an iteration to its batches: all rows, or a permutation of them cut into batches."""
    count = len(table.X)
    if size is None or size >= count:
        return lambda iteration: [table]

    def batches(iteration: int) -> Iterator[Batch]:
        # A function of the seed and the iteration, so that a run can be taken up anywhere.
        order = np.random.default_rng([seed, 2, iteration]).permutation(count)
        for rows in row_blocks(count, size):
            yield table.of(order[rows])

    return batches


def stream_rows(stream: Any, size: int | None, seed: int) -> Callable[[int], tuple[Any, Any] | None]:
    """Return the function from an iteration to fresh raw rows (X, y); None at the end of an iterator."""
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
