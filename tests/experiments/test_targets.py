"""The target settles the task and its classes; what gives no problem is refused in one line."""

import numpy as np
import pandas as pd
import pytest

from made_tables import frame, problem, said
from widelearn.experiments.errors import InputError
from widelearn.experiments.tables import table as tables
from widelearn.experiments.tables.problem import Request, build


@pytest.mark.parametrize(
    ("cells", "task", "classes"),
    [
        (["yes", "no"] * 30, "classification", ["no", "yes"]),
        ([True, False] * 30, "classification", ["False", "True"]),
        (["True", "False"] * 30, "classification", ["False", "True"]),
        (["0", "1", "2", "true", "false"] * 12, "classification", ["0", "1", "2", "false", "true"]),
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


@pytest.mark.parametrize(
    ("cells", "task", "classes"),
    [
        (["None", "mild", "severe"], "classification", ["None", "mild", "severe"]),
        (["+", "-", "0"], "classification", ["+", "-", "0"]),
        (["NA", "DE", "FR"], "classification", ["DE", "FR", "NA"]),
        (["0", "1", "NA"], "classification", [0, 1]),
        (["0", "1", "X"], "classification", ["0", "1", "X"]),
        (["01", "02", "03"], "classification", ["01", "02", "03"]),
        (["5 kg", "500 g", "7 kg"], "classification", ["5 kg", "500 g", "7 kg"]),
    ],
)
def test_a_label_is_a_label(cells, task, classes):
    found = problem(frame(120).assign(target=cells * 40), "target")
    assert (found.task, found.classes) == (task, classes)
    assert found.data["class_counts"] == [40] * len(classes)


def test_numbers_whose_marks_are_in_doubt_are_no_classes(tmp_path):
    (tmp_path / "t.csv").write_text("x;y\n" + "".join(f"w{k};1,{k}\n" for k in range(100, 160)))
    with pytest.raises(InputError, match="add --decimal"):
        build(tables.read(tmp_path / "t.csv"), Request("y"))


def test_a_dense_column_of_whole_numbers_is_kept():
    weeks = np.arange(1, 105)
    data = pd.DataFrame({"week": weeks, "id": weeks + 7, "y": 50.5 + 2 * weeks})
    found = problem(data)
    assert found.preparation.get_feature_names_out().tolist() == ["week"]
    assert [entry["done"][:7] for entry in found.data["columns"]] == ["1 numbe", "dropped"]
    assert len(found.raw) == 104
    assert sorted([*found.train, *found.test]) == list(range(104))


def test_names_of_rows_stand_beside_them():
    data = frame(60).assign(name=[f"row {k}" for k in range(60)])
    data.loc[3, "y"] = np.nan
    found = problem(data, id="name")
    assert found.ids.tolist() == [f"row {k}" for k in range(60) if k != 3]
    assert "name" not in found.raw
