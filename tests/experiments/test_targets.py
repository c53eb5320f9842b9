"""The target settles the task and its classes; what gives no problem is refused in one line."""

import numpy as np
import pandas as pd
import pytest

from made_tables import frame, problem, said
from widelearn.experiments.errors import InputError


@pytest.mark.parametrize(
    ("cells", "task", "classes"),
    [
        (["yes", "no"] * 30, "classification", ["no", "yes"]),
        ([True, False] * 30, "classification", ["False", "True"]),
        ([0, 1, 2] * 20, "classification", [0, 1, 2]),
        ([0.0, 1.0] * 30, "classification", [0, 1]),
        (list(range(60)), "regression", None),
        ([0.5, 1.5, 2.5] * 20, "regression", None),
        (["$1,200", "$3", "$4.5"] * 20, "regression", None),
        (["1", "2", "unknown"] * 20, "classification", ["1", "2", "unknown"]),
    ],
)
def test_task_follows_the_target(cells, task, classes):
    data = frame(60).assign(target=cells)
    found = problem(data, "target")
    assert (found.task, found.classes) == (task, classes)


def test_task_can_be_asked_for():
    data = frame(60).assign(target=[0, 1, 2] * 20)
    assert problem(data, "target", task="regression").task == "regression"
    assert said(problem(data, "target").data["notes"], "3 different whole numbers", "--task regression")


def test_rows_without_a_target_are_counted():
    data = frame()
    data.loc[:4, "y"] = [np.nan, np.inf, -np.inf, np.nan, np.nan]
    found = problem(data)
    assert found.data["n_used"] == 115
    assert said(found.data["notes"], "5 rows", "'y'")


def test_rare_classes():
    data = frame()
    data.loc[:2, "c"] = "rare"
    with pytest.raises(InputError, match=r"'c' has classes with fewer than 5 rows.*rare \(3\); add --drop-rare"):
        problem(data, "c")
    found = problem(data, "c", drop_rare=True)
    assert found.classes == ["p", "q"]
    assert said(found.data["notes"], "3 rows are left out")


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({"y": 1.0}, {}, "constant"),
        ({"y": np.nan}, {}, "no values"),
        ({"c": "p"}, {"target": "c"}, "constant"),
        ({}, {"target": "c", "task": "regression"}, "is text"),
        ({"y": pd.date_range("2020", periods=120)}, {}, "dates"),
        ({}, {"weight": "kind"}, "does not hold numbers"),
        ({}, {"weight": "a"}, "negative"),
        ({"w": 0.0}, {"weight": "w"}, "0 usable rows"),
        ({}, {"time": "kind"}, "neither dates nor numbers"),
        ({"t": 1}, {"time": "t"}, "one value"),
        ({"g": 1}, {"group": "g"}, "1 different"),
        ({}, {"group": "y"}, "same column"),
        ({}, {"group": "a", "time": "b"}, "cannot be combined"),
        ({}, {"test_size": 118}, "leave at least 5"),
        ({"a": 0, "b": 0, "kind": 0, "c": 0}, {}, "no usable column"),
    ],
)
def test_refusals(change, options, message):
    data = frame().assign(**change)
    with pytest.raises(InputError, match=message) as caught:
        problem(data, **{"target": "y"} | options)
    assert "\n" not in str(caught.value)
