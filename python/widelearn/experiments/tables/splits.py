"""Hold rows out, and cut the training part into folds: stratified, by groups, or by time."""

from __future__ import annotations

import warnings
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from widelearn.experiments.errors import InputError, listing

TUNE_ROWS = 3_000
SOME_ROWS = 8_000

Array: TypeAlias = NDArray[Any]
Rows: TypeAlias = NDArray[np.intp]


def hold_out(
    y: Array,
    task: str,
    number: int,
    seed: int,
    group: Array | None = None,
    time: Array | None = None,
) -> tuple[Rows, Rows]:
    """Choose the held-out rows.

    Classes keep their shares; with `group` no group is on both sides; with `time` the latest rows are held out, and
    rows of one time stay together.

    Parameters
    ----------
    y : array of shape (n,)
        Codes of classes, or numbers.
    task : {"classification", "regression"}
    number : int
        Rows to hold out (about so many with groups or repeated times).
    seed : int
    group, time : array of shape (n,) or None

    Returns
    -------
    train, test : arrays of int
        Ascending; in order of time with `time`.
    """
    from sklearn.model_selection import GroupKFold, StratifiedGroupKFold, train_test_split

    rows = np.arange(len(y))
    if time is not None:
        order = np.argsort(time, kind="stable")
        ordered = time[order]
        if ordered[0] == ordered[-1]:
            raise InputError("--time has one value in every row: nothing is later than anything")
        edge = ordered[len(y) - number]
        starts = [np.searchsorted(ordered, edge, side=side) for side in ("left", "right")]
        start = min((s for s in starts if 0 < s < len(y)), key=lambda s: abs(len(y) - number - s))
        return order[:start], order[start:]
    if group is not None:
        groups = len(np.unique(group))
        if groups < 3:
            raise InputError(f"--group has {groups} different values: at least 3 are needed")
        cuts = min(groups, max(2, round(len(y) / number)))
        cutter = StratifiedGroupKFold if task == "classification" else GroupKFold
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            train, test = next(cutter(cuts, shuffle=True, random_state=seed).split(rows, y, group))
        return train, test
    try:
        train, test = train_test_split(
            rows, test_size=number, random_state=seed, stratify=y if task == "classification" else None
        )
    except ValueError as error:
        classes = len(np.unique(y))
        raise InputError(
            f"{number} held-out of {len(y)} rows cannot hold all {classes} classes on both sides: change --test-size"
        ) from error
    return np.sort(train), np.sort(test)


def check_sides(y: Array, task: str, classes: list[Any] | None, train: Rows, test: Rows, notes: list[str]) -> None:
    """Refuse sides with nothing to learn; note classes that only the held-out rows have."""
    if len(train) < 5 or len(test) < 2:
        raise InputError(
            f"the split leaves {len(train)} rows for training and {len(test)} for testing: change --test-size"
        )
    if len(np.unique(y[train])) < 2:
        raise InputError("the target is constant in the training part of this split: there is nothing to learn")
    if classes is None:
        if len(np.unique(y[test])) < 2:
            raise InputError("the target is constant in the held-out rows: R² is not defined there; change --test-size")
        return
    unseen = sorted(set(y[test].tolist()) - set(y[train].tolist()))
    if unseen:
        notes.append(
            f"classes that only held-out rows have, always missed: {listing([classes[code] for code in unseen])}"
        )


def sample(y: Array, task: str, size: int, seed: int) -> Rows:
    """Choose at most `size` rows, classes in proportion; ascending.

    Examples
    --------
    >>> sample(np.zeros(3), "regression", 5, seed=0)
    array([0, 1, 2])
    """
    rows = np.arange(len(y))
    if len(y) <= size:
        return rows
    random = np.random.RandomState(seed)
    if task == "regression":
        return np.sort(random.choice(rows, size, replace=False))
    # proportional shares by largest remainder, one row of every class at least
    counts = np.bincount(y)
    shares = counts * (size / len(y))
    take = np.minimum(counts, np.maximum(np.floor(shares).astype(int), (counts > 0).astype(int)))
    for code in np.argsort(-(shares - take), kind="stable"):
        if take.sum() >= size:
            break
        take[code] += take[code] < counts[code]
    chosen = [
        random.choice(np.flatnonzero(y == code), number, replace=False) for code, number in enumerate(take) if number
    ]
    return np.sort(np.concatenate(chosen))


def folds(y: Array, task: str, seed: int, group: Array | None, by_time: bool, notes: list[str]) -> dict[str, Array]:
    """Choose the rows of the training part that tuning uses, and cut them into folds like the split itself.

    Parameters
    ----------
    y : array of shape (n_train,)
        In order of time if `by_time`.
    task, seed, group
        As in `hold_out`.
    by_time : bool
        Each fold is checked on rows later than those it is fitted on.
    notes : list of str
        Grows by what a user should know.

    Returns
    -------
    dict
        "tune": at most 3,000 rows; "some": at most 8,000 rows for methods with a row limit; "fold<k>_fit" and
        "fold<k>_check": positions in "tune".
    """
    from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold, TimeSeriesSplit

    tune = sample(y, task, TUNE_ROWS, seed)
    codes = y[tune]
    classify = task == "classification"
    number = 5 if len(tune) < 1000 else 3
    groups = None if group is None else group[tune]
    if groups is not None and len(np.unique(groups)) < 2:
        notes.append("the training part holds one group only: its folds ignore groups")
        groups = None
    cutter: Any
    if by_time:
        cutter = TimeSeriesSplit(min(number, len(tune) - 1))
    elif groups is not None:
        number = min(number, len(np.unique(groups)))
        cutter = (StratifiedGroupKFold if classify else GroupKFold)(number, shuffle=True, random_state=seed)
    elif classify:
        fewest = int(np.unique(codes, return_counts=True)[1].min())
        cutter = StratifiedKFold(max(2, min(number, fewest)), shuffle=True, random_state=seed)
    else:
        cutter = KFold(min(number, len(tune)), shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pairs = list(cutter.split(tune, codes, groups))
        pairs = [(fit, check) for fit, check in pairs if len(np.unique(codes[fit])) > 1 and len(check)]
        if not pairs:
            pairs = list(KFold(2, shuffle=True, random_state=seed).split(tune))
    result: dict[str, Array] = {"tune": tune, "some": sample(y, task, SOME_ROWS, seed)}
    for k, (fit, check) in enumerate(pairs):
        result[f"fold{k}_fit"], result[f"fold{k}_check"] = fit, check
    return result
