"""Ridge regression on a feature map, fitted to Dask collections: moments of every block, merged in a fixed order."""

import copy
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from dask.delayed import delayed
from dask.sizeof import sizeof
from numpy.typing import NDArray
from scipy.sparse import issparse, vstack
from sklearn.base import is_classifier
from sklearn.utils.validation import _num_samples

from widelearn.distributed.cluster import compute, numbered, persist, use_own_threads
from widelearn.distributed.labels import find_labels
from widelearn.distributed.rows import Rows, not_numbers
from widelearn.ridge import Moments

Array = NDArray[Any]
# The number of a block, and its rows, targets and weights.
Block = tuple[int, Any, Any, Any]
NOTHING = "There are no rows with a positive weight: X has no rows, or all sample weights are zero."
# Neighbours are summed by one task while that takes no more than this many products, a second or two, and this many
# tasks remain: what it costs to start, add up and move moments is worth about a thousand rows of theirs.
JOINED_PRODUCTS, LEAST_TASKS = 6e10, 4


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
    bit. A map that looks at rows is fitted to the first block that has any. If anything is raised, the estimator is as
    it was.
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
    sent = fit_map(plan, blocks) if plan.draft._looks_at_rows() else delayed(plan)
    total, plan = compute(tree([delayed(sum_blocks)(sent, group) for group in groups(blocks, rows, plan)]), sent)
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


def fit_map(plan: Plan, blocks: list[Block]) -> Any:
    """Return a lazy plan whose feature map has seen the first block that has rows and weights."""
    shared = delayed(plan)
    for block in blocks:
        # It stays where it is made, for some maps are large.
        seen = persist(delayed(see_block)(shared, block))
        if compute(delayed(bool)(seen))[0]:
            return seen
    raise ValueError(NOTHING)


def see_block(plan: Plan, block: Block) -> Plan | None:
    """Return the plan with its feature map fitted to a block; None if that is empty."""
    use_own_threads()
    checked = check_block(plan, *block)
    if checked is None:
        return None
    draft = copy.copy(plan.draft)
    draft.features_ = copy.deepcopy(draft.features_)
    draft._show_rows(*checked)
    return replace(plan, draft=draft)


def sum_blocks(plan: Plan, blocks: list[Block]) -> Moments | None:
    """Return the moments of neighbouring blocks of rows; None if there are no rows, or none with a weight."""
    use_own_threads()
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
