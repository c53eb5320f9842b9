"""Ridge regression on a feature map, fitted to Dask collections: moments of every block, merged in a fixed order."""

import copy
import math
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from dask.delayed import delayed
from dask.sizeof import sizeof
from numpy.typing import NDArray
from scipy.sparse import issparse, vstack
from sklearn.base import is_classifier
from sklearn.utils.validation import _num_samples

from widelearn.distributed.cluster import compute, numbered, persist, replicate, use_own_threads
from widelearn.distributed.labels import find_labels
from widelearn.distributed.recipes import Block, Recipe, recipes
from widelearn.distributed.rows import Rows, not_numbers
from widelearn.ridge import Moments

Array = NDArray[Any]
NOTHING = "There are no rows with a positive weight: X has no rows, or all sample weights are zero."
# Neighbours are summed by one task while that takes no more than this many products, a second or two, and this many
# tasks remain: what it costs to start, add up and move moments is worth about a thousand rows of theirs.
JOINED_PRODUCTS, LEAST_TASKS = 6e10, 4
# Rows that are shown to a feature map which looks at rows, at most; as many for each of its components.
SEEN_ROWS, SEEN_FOR_EACH = 10_000, 4


@dataclass(frozen=True)
class Plan:
    """What every block is summed by: an estimator whose feature map has its seed, and what is known of all rows."""

    draft: Any
    classes: Array | None
    n_features: int
    n_targets: int
    dtype: np.dtype[Any]


def fit(estimator: Any, X: Any, y: Any, sample_weight: Any) -> Any:
    """Fit an estimator that needs no more than moments to a Dask array or dataframe, and return it.

    Every block of rows becomes moments where it lies, with a feature map of the same seed; pairs of neighbours are
    merged until one is left, and the system is solved here. Neither the number of workers nor their order changes a
    bit. A map that looks at rows sees some of every block, drawn uniformly, in a pass before. If anything is raised,
    the estimator is as it was.
    """
    try:
        estimator._sums_suffice()
    except AttributeError as error:
        raise ValueError(f"{error} Dask collections are summed: set cv='gcv'.") from error
    rows = Rows(X, "X").check_numbers()
    targets = rows.beside(y, "y")
    parts = [rows, targets]
    if np.ndim(sample_weight) > 0:
        parts.append(rows.beside(sample_weight, "sample_weight"))
    columns = [part.blocks() for part in parts]
    if len(parts) == 2:
        columns.append([sample_weight] * len(columns[0]))
    blocks = list(zip(range(len(columns[0])), *columns, strict=True))

    plan = make_plan(estimator, rows, targets)
    parts = recipes(groups(blocks, rows, plan))
    if plan.draft._looks_at_rows():
        seen = fit_map(plan, blocks, rows)
        total, plan = compute(tree([delayed(sum_blocks)(seen, part) for part in parts]), seen)
    else:
        # In the function, for the scheduler sends tasks that need a result to the worker that has it.
        (total,) = compute(tree([delayed(partial(sum_blocks, plan))(part) for part in parts]))
    if total is None:
        raise ValueError(NOTHING)
    draft = plan.draft
    draft._dtype = plan.dtype
    # What came by wire need not be aligned.
    total.zz, total.zy = (np.require(array, requirements=["C", "ALIGNED"]) for array in (total.zz, total.zy))
    draft._solved = draft._solve_moments(total)
    estimator._take_over(draft)
    return estimator


def make_plan(estimator: Any, rows: Rows, targets: Rows) -> Plan:
    """Check what is known of rows before they are computed, and fix the seed of the feature map."""
    draft = type(estimator)(**estimator.get_params(deep=False))
    row, target, classes = rows.row(), targets.row(), None
    if is_classifier(estimator):
        balanced = isinstance(draft.class_weight, str)
        classes, weights = find_labels(targets, balanced)
        draft.class_weight = weights if balanced else draft.class_weight
        target = target if classes is None else classes[:1].reshape((1,) * len(targets.shape))
    else:
        targets.check_numbers()
    x, codes, _ = draft._check_block(row, target, None, classes, reset=True)
    draft._check_penalties(codes.shape[1])
    draft._clone_features()
    n_features = x.shape[1]
    if not draft._looks_at_rows():
        draft._show_rows(x, codes)
        n_features = draft._n_features(x)
    return Plan(draft, classes, n_features, codes.shape[1], x.dtype)


def fit_map(plan: Plan, blocks: list[Block], rows: Rows) -> Any:
    """Return a lazy plan whose feature map has seen rows of all blocks that have a weight."""
    most = max(SEEN_ROWS, SEEN_FOR_EACH * getattr(plan.draft.features_, "n_components", 0))
    total = sum(rows.lengths) if rows.known() else 0.0
    shares = [length / total if total else 1 / len(blocks) for length in rows.lengths]
    drawn = [
        delayed(partial(draw_rows, plan))(part, math.ceil(most * share))
        for part, share in zip(recipes([[block] for block in blocks]), shares, strict=True)
    ]
    # It stays where it is made, and goes to all from there, for some maps are large.
    seen = persist(delayed(partial(see_rows, plan))(drawn))
    if not compute(delayed(bool)(seen))[0]:
        raise ValueError(NOTHING)
    replicate(seen)
    return seen


def draw_rows(plan: Plan, blocks: list[Block] | Recipe, most: int) -> tuple[Any, ...] | None:
    """Return rows of a block that have a weight, drawn uniformly by its number; None if there are none."""
    use_own_threads()
    ((number, *parts),) = blocks.make() if isinstance(blocks, Recipe) else blocks
    checked = check_block(plan, number, *parts)
    if checked is None:
        return None
    x, y, weight = checked
    rows = np.arange(x.shape[0]) if weight is None else np.flatnonzero(weight)
    rows = np.sort(np.random.RandomState(number).permutation(rows)[:most])
    return x[rows], y[rows], weight if weight is None else weight[rows]


def see_rows(plan: Plan, drawn: list[tuple[Any, ...] | None]) -> Plan | None:
    """Return the plan with its feature map fitted to rows; None if there are none."""
    use_own_threads()
    found = [rows for rows in drawn if rows is not None]
    if not found:
        return None
    draft = copy.copy(plan.draft)
    draft.features_ = copy.deepcopy(draft.features_)
    draft._show_rows(*(join(arrays) for arrays in zip(*found, strict=True)))
    return replace(plan, draft=draft)


def sum_blocks(plan: Plan, blocks: list[Block] | Recipe) -> Moments | None:
    """Return the moments of neighbouring blocks of rows; None if there are no rows, or none with a weight."""
    use_own_threads()
    blocks = blocks.make() if isinstance(blocks, Recipe) else blocks
    checked = [found for found in (check_block(plan, *block) for block in blocks) if found is not None]
    if not checked:
        return None
    x, y, weight = (join(arrays) for arrays in zip(*checked, strict=True))
    return copy.copy(plan.draft)._sum_rows(x, y, weight)


def check_block(plan: Plan, number: int, X: Any, y: Any, sample_weight: Any) -> tuple[Any, ...] | None:
    """Return validated rows, targets and weights of a block; None if it is empty or without weight."""
    if _num_samples(X) == _num_samples(y) == 0:
        return None
    with numbered(number):
        if strange := not_numbers(X):
            raise ValueError(f"X holds {strange}, but numbers in other blocks.")
        if plan.classes is not None and np.ndim(y) == 2 and y.shape[1] == 1:
            y = np.ravel(y)
        x, targets, weight = copy.copy(plan.draft)._check_block(X, y, sample_weight, plan.classes, reset=False)
        if x.dtype != plan.dtype:
            raise ValueError(f"X holds {x.dtype}, but {plan.dtype} in other blocks: give all of them the same type.")
        if targets.shape[1] != plan.n_targets:
            raise ValueError(f"y has {targets.shape[1]} targets, but other blocks have {plan.n_targets}.")
    return None if weight is not None and not weight.any() else (x, targets, weight)


def join(arrays: tuple[Any, ...]) -> Any:
    """Stack what neighbouring blocks hold."""
    if len(arrays) == 1 or arrays[0] is None:
        return arrays[0]
    return vstack(arrays, format="csr") if issparse(arrays[0]) else np.concatenate(arrays)


def groups(blocks: list[Block], rows: Rows, plan: Plan) -> list[list[Block]]:
    """Return together the neighbours that one task is to sum. Shapes alone decide, so that bits stay the same."""
    longest = max(max(rows.lengths, default=0), 1)
    if not rows.known():
        return [[block] for block in blocks]
    squares = plan.n_features**2
    # Rows that are more to move than their moments stay where they are.
    most = min(JOINED_PRODUCTS / (longest * squares), squares / (longest * max(rows.shape[1], 1)))
    size = max(min(int(most), len(blocks) // LEAST_TASKS), 1)
    cuts = np.linspace(0, len(blocks), -(-len(blocks) // size) + 1).astype(int)
    return [blocks[start:stop] for start, stop in pairwise(cuts)]


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
