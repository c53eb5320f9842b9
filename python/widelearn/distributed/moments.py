"""Sums over the rows of Dask collections: moments of every block, merged in a fixed order."""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from dask.delayed import delayed
from dask.sizeof import sizeof
from scipy.sparse import issparse, vstack
from sklearn.utils.validation import _num_samples

from widelearn.distributed.cluster import (
    Block,
    Recipe,
    compute,
    numbered,
    persist,
    recipes_of,
    replicate,
    use_own_threads,
)
from widelearn.distributed.rows import Rows, find_labels, not_numbers
from widelearn.ridge import Moments
from widelearn.runtime import Array

NOTHING = "There are no rows with a positive weight: X has no rows, or all sample weights are zero."
# Neighbours are summed by one task while that takes no more than this many products, a second or two, and this many
# tasks remain: what it costs to start, add up and move moments is worth about a thousand rows of theirs.
JOINED_PRODUCTS, LEAST_TASKS = 6e10, 4
# Rows that are shown to a feature map which looks at rows, at most; as many for each of its components.
SEEN_ROWS, SEEN_FOR_EACH = 10_000, 4
# Validates a block: (X, y, sample_weight) -> rows, targets (n, t) and weights.
Read = Callable[[Any, Any, Any], tuple[Any, Array, Array | None]]


@dataclass(frozen=True)
class Task:
    """How a block is summed wherever it lies: what reads it, what sums it, and what all blocks have in common."""

    read: Read
    sums: Any
    dtype: np.dtype[Any]
    # Whether targets are one label a row.
    labelled: bool


class Collection:
    """The rows, targets and weights of Dask collections as blocks that belong together.

    Every block becomes moments where it lies; pairs of neighbours are merged until one is left. Neither the number of
    workers nor their order changes a bit.
    """

    def __init__(self, X: Any, y: Any, sample_weight: Any) -> None:
        self.rows = Rows(X, "X").check_numbers()
        self.targets = self.rows.beside(y, "y")
        # Of targets that are one label a row, once they are known.
        self.classes: Array | None = None
        parts = [self.rows, self.targets]
        if np.ndim(sample_weight) > 0:
            parts.append(self.rows.beside(sample_weight, "sample_weight"))
        columns = [part.blocks() for part in parts]
        if len(parts) == 2:
            columns.append([sample_weight] * len(columns[0]))
        self.blocks: list[Block] = list(zip(range(len(columns[0])), *columns, strict=True))

    def labels(self, balanced: bool) -> tuple[Array | None, Any]:
        """Pass over the labels: return their classes, None for an indicator, and weights if they are to be balanced."""
        self.classes, weights = find_labels(self.targets, balanced)
        return self.classes, weights

    def row(self, *, numbers: bool) -> tuple[Any, Any]:
        """Return one row and its target, which say what all are; targets that must be numbers are refused if not."""
        if numbers:
            self.targets.check_numbers()
        if self.classes is None:
            return self.rows.row(), self.targets.row()
        return self.rows.row(), self.classes[:1].reshape((1,) * len(self.targets.shape))

    def summed(self, read: Read, sums: Any, dtype: np.dtype[Any]) -> Any:
        """Return sums with all rows added, of which each block is validated by `read` and must have a `dtype`.

        Shallow copies of sums share their feature map, and add rows each for itself. A map that looks at rows is fitted
        to some of every block, drawn uniformly, in a pass before.
        """
        task = Task(read, sums, dtype, self.classes is not None)
        parts = recipes_of(self._groups(sums.features.n_features or self.rows.shape[1]))
        if sums.features.looks_at_rows:
            seen = self._show(task)
            total, task = compute(tree([delayed(sum_blocks)(seen, part) for part in parts]), seen)
        else:
            # In the function, for the scheduler sends tasks that need a result to the worker that has it.
            (total,) = compute(tree([delayed(partial(sum_blocks, task))(part) for part in parts]))
        if total is None:
            raise ValueError(NOTHING)
        return task.sums.merge(total)

    def _show(self, task: Task) -> Any:
        """Return a lazy task whose feature map has seen rows of all blocks that have a weight."""
        most = max(SEEN_ROWS, SEEN_FOR_EACH * task.sums.features.n_components)
        lengths = self.rows.lengths
        total = sum(lengths) if self.rows.known() else 0.0
        shares = [length / total if total else 1 / len(self.blocks) for length in lengths]
        drawn = [
            delayed(partial(draw_rows, task))(part, math.ceil(most * share))
            for part, share in zip(recipes_of([[block] for block in self.blocks]), shares, strict=True)
        ]
        # It stays where it is made, and goes to all from there, for some maps are large.
        seen = persist(delayed(partial(see_rows, task))(drawn))
        if not compute(delayed(bool)(seen))[0]:
            raise ValueError(NOTHING)
        replicate(seen)
        return seen

    def _groups(self, n_features: int) -> list[list[Block]]:
        """Return together the neighbours that one task is to sum. Shapes alone decide, so that bits stay the same."""
        rows, blocks = self.rows, self.blocks
        longest = max(max(rows.lengths, default=0), 1)
        if not rows.known():
            return [[block] for block in blocks]
        squares = n_features**2
        # Rows that are more to move than their moments stay where they are.
        most = min(JOINED_PRODUCTS / (longest * squares), squares / (longest * max(rows.shape[1], 1)))
        size = max(min(int(most), len(blocks) // LEAST_TASKS), 1)
        cuts = np.linspace(0, len(blocks), -(-len(blocks) // size) + 1).astype(int)
        return [blocks[start:stop] for start, stop in pairwise(cuts)]


def draw_rows(task: Task, blocks: list[Block] | Recipe, most: int) -> tuple[Any, ...] | None:
    """Return rows of a block that have a weight, drawn uniformly by its number; None if there are none."""
    use_own_threads()
    ((number, *parts),) = blocks.make() if isinstance(blocks, Recipe) else blocks
    checked = check_block(task, number, *parts)
    if checked is None:
        return None
    x, y, weight = checked
    rows = np.arange(x.shape[0]) if weight is None else np.flatnonzero(weight)
    rows = np.sort(np.random.RandomState(number).permutation(rows)[:most])
    return x[rows], y[rows], weight if weight is None else weight[rows]


def see_rows(task: Task, drawn: list[tuple[Any, ...] | None]) -> Task | None:
    """Return the task with its feature map fitted to rows; None if there are none."""
    use_own_threads()
    found = [rows for rows in drawn if rows is not None]
    if not found:
        return None
    joined = (join(arrays) for arrays in zip(*found, strict=True))
    return replace(task, sums=copy.deepcopy(task.sums).fit(*joined))


def sum_blocks(task: Task, blocks: list[Block] | Recipe) -> Moments | None:
    """Return the moments of neighbouring blocks of rows; None if there are no rows, or none with a weight."""
    use_own_threads()
    blocks = blocks.make() if isinstance(blocks, Recipe) else blocks
    checked = [found for found in (check_block(task, *block) for block in blocks) if found is not None]
    if not checked:
        return None
    joined = (join(arrays) for arrays in zip(*checked, strict=True))
    return copy.copy(task.sums).add(*joined).moments


def check_block(task: Task, number: int, X: Any, y: Any, sample_weight: Any) -> tuple[Any, ...] | None:
    """Return validated rows, targets and weights of a block; None if it is empty or without weight."""
    if _num_samples(X) == _num_samples(y) == 0:
        return None
    with numbered(number):
        if strange := not_numbers(X):
            raise ValueError(f"X holds {strange}, but numbers in other blocks.")
        if task.labelled and np.ndim(y) == 2 and y.shape[1] == 1:
            y = np.ravel(y)
        x, targets, weight = task.read(X, y, sample_weight)
        if x.dtype != task.dtype:
            raise ValueError(f"X holds {x.dtype}, but {task.dtype} in other blocks: give all of them the same type.")
        if targets.shape[1] != task.sums.n_targets:
            raise ValueError(f"y has {targets.shape[1]} targets, but other blocks have {task.sums.n_targets}.")
    return None if weight is not None and not weight.any() else (x, targets, weight)


def join(arrays: tuple[Any, ...]) -> Any:
    """Stack what neighbouring blocks hold."""
    if len(arrays) == 1 or arrays[0] is None:
        return arrays[0]
    return vstack(arrays, format="csr") if issparse(arrays[0]) else np.concatenate(arrays)


def tree(parts: list[Any]) -> Any:
    """Merge lazy moments, neighbours first, until one is left."""
    while len(parts) > 1:
        pairs = [parts[start : start + 2] for start in range(0, len(parts), 2)]
        parts = [delayed(merge)(*pair) if len(pair) == 2 else pair[0] for pair in pairs]
    return parts[0]


def merge(one: Moments | None, other: Moments | None) -> Moments | None:
    """Return the moments of two sets of rows. Both are left as they are, for a task may run again."""
    if one is None or other is None:
        return other if one is None else one
    return Moments(one.n_features, one.n_targets).merge(one).merge(other)


@sizeof.register(Moments)
def size_of_moments(moments: Moments) -> int:
    """Return the bytes of moments: what a scheduler weighs before it moves them."""
    return moments.zz.nbytes + moments.zy.nbytes + moments.mean_z.nbytes
