"""Dask collections as blocks of rows, and the labels that they hold."""

import math
from typing import Any, Self

import dask.array as da
import numpy as np
from dask.delayed import delayed
from dask.utils import is_dataframe_like, is_series_like
from sklearn.utils import assert_all_finite
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _num_samples

from widelearn.distributed.cluster import compute, numbered
from widelearn.runtime import Array

# Blocks whose lengths a message lists.
LISTED = 8
UNKNOWN = (
    "nan is unknown, and compute_chunk_sizes() counts the rows of an array, to_dask_array(lengths=True) those of a"
    " dataframe"
)
# Distinct labels of one column, and how often each occurs.
Counts = tuple[Array, Array]


class Rows:
    """A Dask array or dataframe as blocks of rows, with what is known of them before they are computed."""

    def __init__(self, collection: Any, name: str) -> None:
        self.name, self.collection = name, collection
        if isinstance(collection, da.Array):
            self._take_array(collection)
        elif is_dataframe_like(collection) or is_series_like(collection):
            self.shape: tuple[Any, ...] = (math.nan, *collection._meta.shape[1:])
            self.lengths: tuple[float, ...] = (math.nan,) * collection.npartitions
        else:
            kind = f"{type(collection).__module__}.{type(collection).__qualname__}"
            raise TypeError(f"{name} must be a Dask array or dataframe, got {kind}.")

    def _take_array(self, array: Any) -> None:
        if array.ndim not in (1, 2) or any(math.isnan(size) for size in array.shape[1:]):
            raise ValueError(f"{self.name} has shape {array.shape}: it must be rows, and columns of a known number.")
        # All columns of a row in one block.
        self.collection = array.rechunk({1: -1}) if array.ndim == 2 and array.numblocks[1] > 1 else array
        self.shape, self.lengths = array.shape, array.chunks[0]

    def blocks(self) -> list[Any]:
        """Return the blocks, each a lazy value."""
        if isinstance(self.collection, da.Array):
            # As the graph is, so that a block which rows and targets are cut from is made once.
            return list(self.collection.to_delayed(optimize_graph=False).ravel())
        return list(self.collection.to_delayed())

    def row(self) -> Any:
        """Return one row of the collection's own kind, its numbers of no meaning."""
        if isinstance(self.collection, da.Array):
            return np.ones((1, *self.shape[1:]), self.collection.dtype)
        return self.collection._meta_nonempty.iloc[:1]

    def check_numbers(self) -> Self:
        """Refuse what is not numbers."""
        if strange := not_numbers(self.collection):
            raise ValueError(f"{self.name} holds {strange}: encode it, or make it numbers with astype(float).")
        return self

    def known(self) -> bool:
        """Whether it is known how many rows every block has."""
        return not any(math.isnan(length) for length in self.lengths)

    def beside(self, other: Any, name: str) -> "Rows":
        """Return rows that belong to these, another collection or an array, cut as these are."""
        if not hasattr(other, "__dask_graph__"):
            other = np.asarray(other)
            if not self.known():
                raise ValueError(
                    f"{name} is no Dask collection and cannot be cut as {self.name} is, whose blocks have"
                    f" {listed(self.lengths)} rows: {UNKNOWN}."
                )
            other = da.from_array(other, chunks=(other.shape[:1], *other.shape[1:]) if other.ndim else ())
        rows = Rows(other, name)
        pair = f"{self.name} has blocks of {listed(self.lengths)} rows and {name} blocks of {listed(rows.lengths)} rows"
        if self.known() and rows.known():
            if sum(self.lengths) != sum(rows.lengths):
                raise ValueError(f"{pair}: {sum(self.lengths)} and {sum(rows.lengths)} rows do not belong together.")
            if self.lengths != rows.lengths:
                rows = Rows(rows.collection.rechunk({0: self.lengths}), name)
        elif len(self.lengths) != len(rows.lengths):
            raise ValueError(f"{pair}, which cannot be aligned: {UNKNOWN}.")
        return rows


def count_rows(X: Any) -> float:
    """Return how many rows a Dask collection has, nan if it is unknown."""
    return float(Rows(X, "X").shape[0])


def not_numbers(rows: Any) -> str:
    """Return the types of an array or dataframe that are none of numbers, with the names of their columns."""
    dtypes = rows.dtypes.items() if rows.ndim == 2 and hasattr(rows, "dtypes") else [(None, rows.dtype)]
    return ", ".join(
        f"{name!r} ({dtype})" if name is not None else str(dtype) for name, dtype in dtypes if dtype.kind not in "biufc"
    )


def listed(lengths: tuple[float, ...]) -> str:
    """Return lengths as a message shows them."""
    shown = ", ".join(f"{length:g}" for length in lengths[:LISTED])
    return f"({shown}, ... {len(lengths)} blocks)" if len(lengths) > LISTED else f"({shown})"


def find_labels(targets: Rows, balanced: bool) -> tuple[Array | None, Any]:
    """Return the sorted classes, None for a multilabel indicator, and their weights if they are to be balanced.

    The weights are those of scikit-learn's "balanced", n / (n_classes n_c), by class; one dictionary a column of an
    indicator.
    """
    indicator = len(targets.shape) == 2 and targets.shape[1] > 1
    if indicator and not balanced:
        return None, None
    blocks = compute(*[delayed(count_labels)(number, block) for number, block in enumerate(targets.blocks())])
    found = [columns for columns in blocks if columns]
    if not found:
        raise ValueError("There are no rows in y.")
    columns = [total(counts) for counts in zip(*found, strict=True)]
    weights = [dict(zip(values.tolist(), n.sum() / (len(n) * n), strict=True)) for values, n in columns]
    return (None, weights) if indicator else (columns[0][0], weights[0])


def count_labels(number: int, y: Any) -> list[Counts]:
    """Return the labels of each column of a block; of no rows, nothing."""
    if _num_samples(y) == 0:
        return []
    with numbered(number):
        labels = np.asarray(y)
        assert_all_finite(labels, input_name="y")
        check_classification_targets(labels)
    return [np.unique(column, return_counts=True) for column in labels.reshape(len(labels), -1).T]


def total(counts: tuple[Counts, ...]) -> Counts:
    """Return the labels of all blocks of one column."""
    values, inverse = np.unique(np.concatenate([values for values, _ in counts]), return_inverse=True)
    return values, np.bincount(inverse, np.concatenate([n for _, n in counts])).astype(np.int64)
