"""Make one supervised problem of a table: the target, the held-out split, the folds inside the training part."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from widelearn.experiments.errors import InputError
from widelearn.experiments.tables import splits, suspicions
from widelearn.experiments.tables.dialect import Dialect
from widelearn.experiments.tables.preparation import TablePreparation
from widelearn.experiments.tables.readings import Reading, settle
from widelearn.experiments.tables.table import Table
from widelearn.experiments.tables.targets import count, encode, labelled, settle_task, without_rare

if TYPE_CHECKING:
    import pandas as pd

FEWEST_ROWS = 10


@dataclass(frozen=True)
class Request:
    """What the user asked for, beside the table.

    Parameters
    ----------
    target : str
        The column to predict.
    task : {"auto", "classification", "regression"}
    weight, group, time, id : str or None
        Columns of sample weights, of groups that stay on one side of the split, of times (the latest are held out), of
        names of rows, which stand beside predictions.
    test_size : float
        Below 1 the share of rows that are held out, otherwise their number.
    drop_rare : bool
        Leave out classes with fewer than 5 rows instead of refusing them.
    seed : int
    """

    target: str
    task: str = "auto"
    weight: str | None = None
    group: str | None = None
    time: str | None = None
    id: str | None = None
    test_size: float = 0.25
    drop_rare: bool = False
    seed: int = 0


@dataclass
class Problem:
    """Prepared arrays of one supervised problem.

    Attributes
    ----------
    task : {"classification", "regression"}
    classes : list or None
        The labels; `y` holds positions in this list.
    preparation : TablePreparation
        Fitted on the training rows.
    arrays : dict of str to ndarray
        X_train, y_train, X_test, y_test; N_train, N_test for trees (native columns); w_train, w_test with weights,
        group_train, group_test with groups; tune (rows of the training part that tuning uses), some (rows that methods
        with a row limit use), fold0_fit, fold0_check, ... (positions in tune).
    categorical : ndarray of shape (q,), bool
        Which native columns hold codes of categories.
    raw : pandas.DataFrame
        The features of the usable rows as they were read.
    train, test : ndarray of int
        Positions in `raw`.
    rows : ndarray of int
        The row of the table that each row of `raw` is.
    ids : ndarray of str or None
        The name of each row of `raw`.
    target : Reading
    split : dict
        What results.json says about the split.
    data : dict
        What results.json says about the table; "notes" among it.
    """

    task: str
    classes: list[Any] | None
    preparation: TablePreparation
    arrays: dict[str, NDArray[Any]]
    categorical: NDArray[np.bool_]
    raw: pd.DataFrame
    train: NDArray[np.intp]
    test: NDArray[np.intp]
    rows: NDArray[np.intp]
    ids: NDArray[np.object_] | None
    target: Reading
    split: dict[str, Any]
    data: dict[str, Any] = field(default_factory=dict)


def build(table: Table, request: Request) -> Problem:
    """Prepare a table for the comparison.

    Parameters
    ----------
    table : Table
    request : Request

    Returns
    -------
    Problem

    Raises
    ------
    InputError
        One line: no such column, no usable rows, a constant target, rare classes, an impossible split.
    """
    target = table.column(request.target, "--target")
    roles = _roles(table, request, target)
    dialect, notes = settle(table.frame, _named(table, table.dialect, target))
    notes = table.notes + notes
    reading, task, why = settle_task(table, target, request.task, dialect)
    notes += why
    keep = labelled(table, reading, task, notes)
    weight, keep = _weights(table, roles.get("weight"), keep, notes, dialect)
    group, keep = _groups(table, roles.get("group"), keep, notes)
    time, keep = _times(table, roles.get("time"), keep, notes, dialect)
    if task == "classification":
        keep = without_rare(table.frame[target], reading, keep, request.drop_rare, notes)
    rows = np.flatnonzero(keep)
    if len(rows) < FEWEST_ROWS:
        told = f" ({'; '.join(notes)})" if notes else ""
        raise InputError(f"{table.name} has {len(rows)} usable rows: a comparison needs at least {FEWEST_ROWS}{told}")
    y, classes = encode(table.frame[target].iloc[rows], reading, task)
    if len(np.unique(y)) < 2:
        only = table.frame[target].iloc[rows[0]]
        raise InputError(f"the target {target!r} is constant (always {only}): there is nothing to learn")
    weight, group, time = (part if part is None else part[rows] for part in (weight, group, time))
    held_out = _number_held_out(request.test_size, len(rows))
    train, test = splits.hold_out(y, task, held_out, request.seed, group, time)
    splits.check_sides(y, task, classes, train, test, notes)
    raw = table.frame.drop(columns=[target, *roles.values()]).iloc[rows]
    preparation = _prepared(raw, table.frame[target].iloc[rows], dialect, train)
    notes += preparation.notes_
    if roles:
        used = ", ".join(f"{name!r} ({role})" for role, name in roles.items())
        notes.append(f"not used as features: {used}")
    arrays = _sides(preparation, raw, {"y": y, "w": weight, "group": group}, train, test)
    folds = splits.folds(y[train], task, request.seed, None if group is None else group[train], time is not None, notes)
    arrays |= folds
    kind = "time" if time is not None else "group" if group is not None else "stratified" if classes else "random"
    split: dict[str, Any] = {"kind": kind, "n_train": len(train), "n_test": len(test), "test_size": request.test_size}
    split |= {"folds": sum(name.endswith("_fit") for name in folds), "n_tune": len(folds["tune"])} | roles
    data: dict[str, Any] = {"name": table.name, "target": target, "n_rows": len(table.frame), "n_used": len(rows)}
    data |= {"n_columns": raw.shape[1], "n_features": arrays["X_train"].shape[1], "classes": classes, "notes": notes}
    data["class_counts"] = None if classes is None else np.bincount(y, minlength=len(classes)).tolist()
    data |= {"columns": preparation.columns_, "reading": dialect.to_dict(), "warnings": []}
    data["warnings"] += suspicions.found(raw.iloc[train], preparation, arrays, classes, group is not None)
    ids = None if "id" not in roles else Reading(roles["id"], "text").text(table.frame[roles["id"]].iloc[rows])
    return Problem(
        task, classes, preparation, arrays, preparation.categorical_, raw, train, test, rows, ids, reading, split, data
    )


def _named(table: Table, dialect: Dialect, target: str) -> Dialect:
    """Check the columns that the options name."""
    options = ("drop", "keep", "categories", "numbers", "dates")
    named = {key: tuple(table.column(name, f"--{key}") for name in getattr(dialect, key)) for key in options}
    if target in named["drop"]:
        raise InputError(f"--drop and --target name the same column {target!r}")
    return dialect.but(**named)


def _prepared(raw: pd.DataFrame, target: pd.Series, dialect: Dialect, train: NDArray[np.intp]) -> TablePreparation:
    """Fit the preparation on the training rows; columns that repeat the target are left out."""
    label = target.astype(str)
    first = str(target.iloc[0])
    same = (name for name in raw.columns if str(raw[name].iloc[0]) == first)
    copies = sorted(name for name in same if raw[name].astype(str).equals(label.rename(name)))
    there = {
        key: tuple(name for name in getattr(dialect, key) if name in raw.columns)
        for key in ("drop", "keep", "categories", "numbers", "dates")
    }
    preparation = TablePreparation.of(dialect.but(**there)).set_params(drop=(*there["drop"], *copies))
    preparation.fit_rows(raw, train)
    for entry in preparation.columns_:
        if entry["name"] in copies:
            entry["done"] = "dropped: the same as the target"
    preparation.tell_dropped()
    return preparation


def _sides(
    preparation: TablePreparation,
    raw: pd.DataFrame,
    parts: dict[str, Any],
    train: NDArray[np.intp],
    test: NDArray[np.intp],
) -> dict[str, NDArray[Any]]:
    """Return what methods see of the training and of the held-out rows."""
    arrays: dict[str, NDArray[Any]] = {}
    X, N = preparation.both(raw)
    for side, rows in (("train", train), ("test", test)):
        arrays |= {f"X_{side}": X[rows], f"N_{side}": N[rows]}
        arrays |= {f"{name}_{side}": part[rows] for name, part in parts.items() if part is not None}
    return arrays


def _roles(table: Table, request: Request, target: str) -> dict[str, str]:
    """Check the columns that are not features."""
    asked = {"weight": request.weight, "group": request.group, "time": request.time, "id": request.id}
    roles = {role: table.column(name, f"--{role}") for role, name in asked.items() if name is not None}
    for role, name in roles.items():
        if name == target:
            raise InputError(f"--{role} and --target name the same column {name!r}")
    if "group" in roles and "time" in roles:
        raise InputError("--group and --time cannot be combined: choose how the held-out rows are taken")
    if len(set(roles.values())) < len(roles):
        raise InputError(f"--{' and --'.join(roles)} name the same column {next(iter(roles.values()))!r}")
    return roles


def _weights(
    table: Table, name: str | None, keep: NDArray[np.bool_], notes: list[str], dialect: Dialect
) -> tuple[NDArray[Any] | None, NDArray[np.bool_]]:
    """Read sample weights; rows with none, or zero, are left out."""
    if name is None:
        return None, keep
    reading, _ = Reading.of(table.frame[name], dialect)
    if reading.kind != "number":
        raise InputError(f"--weight {name!r} does not hold numbers")
    values = reading.numbers(table.frame[name])
    if (values < 0).any():
        raise InputError(f"--weight {name!r} holds {int((values < 0).sum())} negative values: weights are >= 0")
    positive = values > 0
    count(int((keep & ~positive).sum()), f"without a positive weight in {name!r}", notes)
    notes.append(f"weighted by {name!r}: every score is, and every fit of a method that takes weights")
    return values, keep & positive


def _groups(
    table: Table, name: str | None, keep: NDArray[np.bool_], notes: list[str]
) -> tuple[NDArray[Any] | None, NDArray[np.bool_]]:
    """Code the groups by numbers; rows without one are left out."""
    if name is None:
        return None, keep
    text = Reading(name, "text").text(table.frame[name])
    there = np.array([cell is not None for cell in text])
    count(int((keep & ~there).sum()), f"without a group in {name!r}", notes)
    return np.unique(np.where(there, text, "").astype(str), return_inverse=True)[1], keep & there


def _times(
    table: Table, name: str | None, keep: NDArray[np.bool_], notes: list[str], dialect: Dialect
) -> tuple[NDArray[Any] | None, NDArray[np.bool_]]:
    """Read the order of the rows in time; rows without a time are left out."""
    if name is None:
        return None, keep
    column = table.frame[name]
    reading, _ = Reading.of(column, dialect)
    if reading.kind == "text":
        raise InputError(f"--time {name!r} holds neither dates nor numbers (such as {column.dropna().iloc[0]!r})")
    values = reading.numbers(column)
    there = ~np.isnan(values)
    count(int((keep & ~there).sum()), f"without a time in {name!r}", notes)
    return values, keep & there


def _number_held_out(test_size: float, rows: int) -> int:
    """Turn a share or a number into a number of rows that leaves both sides something."""
    number = math.ceil(test_size * rows) if test_size < 1 else int(test_size)
    if not 2 <= number <= rows - 5:
        raise InputError(
            f"--test-size {test_size:g} holds out {number} of {rows} rows: leave at least 5 for training, 2 for testing"
        )
    return number
