"""Fitting in one pass over blocks of rows, from an iterable or a file, one block in memory at a time."""

import os
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import assert_all_finite
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _num_samples

from widelearn.estimators.feature_ridge.files import TableFile, open_table
from widelearn.estimators.feature_ridge.fit import NO_WEIGHT, model_with
from widelearn.estimators.feature_ridge.model import FittedRidge
from widelearn.estimators.feature_ridge.systems import Rows

Blocks = Iterable[Any] | str | os.PathLike[str]
Callback = Callable[[int], object]


def model_of_blocks(draft: Any, blocks: Blocks, read: Callable[..., Rows], callback: Callback | None) -> FittedRidge:
    """Return the model of all blocks of rows, of which no more than one is held at a time."""
    if callback is not None and not callable(callback):
        raise TypeError(f"callback must be a function of the number of rows, got {callback!r}.")
    source = open_table(blocks) if isinstance(blocks, str | os.PathLike) else blocks
    number = rows = 0
    for block in source:
        size = take_block(draft, number, block, read)
        # The next block is made without this one.
        del block
        number, rows = number + 1, rows + size
        if size and callback is not None:
            callback(rows)
    if rows == 0:
        raise ValueError(
            "There are no rows in the blocks: they are empty, or an iterator that an earlier pass has used up. Give"
            " a new one."
        )
    if draft.moments_.weight == 0.0:
        raise ValueError(NO_WEIGHT)
    if isinstance(source, TableFile) and source.names is not None:
        draft.feature_names_in_ = np.array(source.names, dtype=object)
    return draft._model.solved


def take_block(draft: Any, number: int, block: Any, read: Callable[..., Rows]) -> int:
    """Add a block to the model of a draft, and return how many rows it has."""
    if not isinstance(block, tuple | list) or len(block) not in (2, 3):
        what = f"{len(block)} things" if isinstance(block, tuple | list) else f"of type {type(block).__name__}"
        raise ValueError(f"Block {number} is {what}: it must be (X, y) or (X, y, sample_weight).")
    X, y, sample_weight = (*block, None)[:3]
    try:
        size = _num_samples(X)
        if size or _num_samples(y):
            draft._model = model_with(draft, partial(read, X=X, y=y, sample_weight=sample_weight, idle=True))
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"Block {number}: {error}") from error
    return size


def classes_of(table: TableFile) -> ArrayLike | None:
    """Return the sorted distinct targets of a file, None if it has no rows."""
    found = None
    for number, y in enumerate(table.targets()):
        try:
            assert_all_finite(y, input_name="y")
            check_classification_targets(y)
        except ValueError as error:
            raise ValueError(f"Block {number}: {error}") from error
        found = np.unique(y) if found is None else np.union1d(found, y)
    return found
