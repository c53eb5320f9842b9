"""What makes a score too good to be true: leaks, repeated rows, hidden groups, rare classes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from widelearn.experiments.errors import counted
from widelearn.experiments.tables.splits import sample

if TYPE_CHECKING:
    import pandas as pd

    from widelearn.experiments.tables.preparation import TablePreparation

Warnings = list[dict[str, str | None]]
# Rows that are looked at, columns that are tried alone, and what a column alone may reach before it is named.
MOST_ROWS, MOST_TRIED, TOO_GOOD = 3000, 12, 0.999
_GROUP_NAME = re.compile(
    r"(?:^|[\s_.-])(?:patient|subject|person|participant|user|customer|client|household|family|group|session|batch|plot|"
    r"animal|site|device|speaker|author)s?(?:[\s_.-]?(?:id|nr|no|number|name))?$|[a-z]Id$|_id$",
    re.IGNORECASE,
)


def found(
    raw: pd.DataFrame,
    preparation: TablePreparation,
    arrays: dict[str, NDArray[Any]],
    classes: list[Any] | None,
    grouped: bool,
) -> Warnings:
    """Return warnings, each with its kind, the column that it names (or None) and a sentence.

    Parameters
    ----------
    raw : pandas.DataFrame
        The training rows as they were read.
    preparation : TablePreparation
        Fitted on them.
    arrays : dict of str to ndarray
        y_train, y_test, N_train and N_test, as trees see the rows.
    classes : list or None
    grouped : bool
        Whether groups stay on one side already.

    Returns
    -------
    list of dict
    """
    y = arrays["y_train"]
    warnings = leaks(preparation.by_column(arrays["N_train"]), y, classes)
    warnings += repeats(*(np.column_stack([arrays[f"N_{side}"], arrays[f"y_{side}"]]) for side in ("train", "test")))
    if not grouped:
        distinct = {entry["name"]: entry["distinct"] for entry in preparation.columns_}
        warnings += groups(raw, distinct, y)
    whole = np.concatenate([y, arrays["y_test"]])
    return warnings + (imbalance(whole, classes) if classes is not None else [])


def leaks(used: dict[str, NDArray[np.float64]], y: NDArray[Any], classes: list[Any] | None) -> Warnings:
    """Warn of columns that tell the target alone: by order, or by a tree of few leaves, checked on other rows."""
    rows = sample(y, "regression" if classes is None else "classification", MOST_ROWS, 0)
    y = y[rows]
    if len(y) < 30:
        return []
    names = list(used)
    table = np.column_stack([used[name][rows] for name in names])
    known = ~np.isnan(table)
    orders = np.where(known.mean(axis=0) >= 0.5, _orders(table, y), 0.0)
    tried = [(orders[k], names[k], table[:, k]) for k in np.argsort(-orders, kind="stable")[:MOST_TRIED]]
    result: Warnings = []
    for order, name, column in tried:
        there = ~np.isnan(column)
        score = order if classes is None or not order else _alone(column[there], y[there], len(classes))
        if score > TOO_GOOD:
            what = (
                "orders the rows as the target does" if classes is None else "alone tells the class of nearly every row"
            )
            text = f"{name!r} {what} ({score:.4f}): is it known before the target is? --drop leaves it out"
            result.append({"kind": "leak", "column": name, "text": text})
    return result


def _orders(table: NDArray[np.float64], y: NDArray[Any]) -> NDArray[np.float64]:
    """Return how closely each column's ranks follow the target's, 0 to 1; for classes, the classes' shares of them."""
    from scipy.stats import rankdata

    middle = (len(y) + 1) / 2
    some = np.nan_to_num(np.nanmedian(np.where(np.isnan(table).all(axis=0), 0.0, table), axis=0))
    ranks = rankdata(np.where(np.isnan(table), some, table), axis=0) - middle
    spread = np.sum(ranks**2, axis=0) + 1e-300
    if y.dtype.kind == "f":
        other = rankdata(y) - middle
        return np.abs(other @ ranks) / np.sqrt(spread * (other @ other))
    one = np.equal.outer(np.unique(y), y).astype(np.float64)
    counts = one.sum(axis=1)
    between = np.sum((one @ ranks) ** 2 / counts[:, None], axis=0)
    # Rare classes can have but a small part: what is asked is how much of it.
    return between / (len(y) ** 3 / 12 * (1 - np.sum((counts / len(y)) ** 3)))


def _alone(column: NDArray[np.float64], y: NDArray[Any], classes: int) -> float:
    """Return the balanced accuracy of a tree of few leaves on rows that it did not see."""
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.tree import DecisionTreeClassifier

    counts = np.bincount(y)
    keep = counts[y] >= 3
    tree = DecisionTreeClassifier(max_leaf_nodes=4 * classes, min_samples_leaf=2, random_state=0)
    if len(np.unique(y[keep])) < 2:
        return 0.0
    guess = cross_val_predict(tree, column[keep, None], y[keep], cv=StratifiedKFold(3, shuffle=True, random_state=0))
    return float(np.mean([np.mean(guess[y[keep] == code] == code) for code in np.unique(y[keep])]))


def repeats(train: NDArray[np.float64], test: NDArray[np.float64]) -> Warnings:
    """Warn of held-out rows that are training rows in every column in use, their targets too."""
    seen = {row.tobytes() for row in train}
    again = sum(row.tobytes() in seen for row in test)
    if again < max(2, 0.05 * len(test)):
        return []
    text = (
        f"{counted(again, 'held-out row')} of {len(test):,} repeat training rows in every column and the target: "
        "scores say less of new rows; leave repeats out, or name by --group what they share"
    )
    return [{"kind": "repeated rows", "column": None, "text": text}]


def groups(raw: pd.DataFrame, distinct: dict[str, int], y: NDArray[Any]) -> Warnings:
    """Warn of columns whose values several rows share, if they name things or always come with one target."""
    result: Warnings = []
    n = len(y)
    for name in raw.columns:
        if not 5 <= distinct[name] <= n / 2:
            continue
        codes = raw[name].astype(str).factorize(use_na_sentinel=False)[0]
        sizes = np.bincount(codes)
        shared = sizes > 1
        if shared.sum() < 5 or sizes[shared].sum() < 0.8 * n:
            continue
        low, high = np.full(len(sizes), np.inf), np.full(len(sizes), -np.inf)
        np.minimum.at(low, codes, y)
        np.maximum.at(high, codes, y)
        pure = bool((low == high)[shared].all()) and len(sizes) >= 10
        if not (pure or _GROUP_NAME.search(name)):
            continue
        why = "and all rows of one value have the same target" if pure else "and its name is of groups"
        text = (
            f"{name!r} has {len(sizes):,} values in {n:,} training rows, {why}: if new rows come from new ones, "
            f"--group {name!r} keeps each on one side"
        )
        result.append({"kind": "groups", "column": name, "text": text})
    return result[:5]


def imbalance(y: NDArray[Any], classes: list[Any]) -> Warnings:
    """Warn of a class so rare that accuracy says nothing."""
    shares = np.bincount(y, minlength=len(classes)) / len(y)
    few, many = int(shares.argmin()), int(shares.argmax())
    if shares[few] >= 0.2 / len(classes):
        return []
    text = (
        f"class {classes[few]!r} is {shares[few]:.1%} of the rows: saying always {classes[many]!r} has accuracy "
        f"{shares[many]:.3f}, so read balanced accuracy, AUC or log loss"
    )
    return [{"kind": "imbalance", "column": None, "text": text}]
