"""The command ``widelearn forecast``, and what a comparison's report says of more rows."""

import json

import numpy as np
import pandas as pd
import pytest

from widelearn.__main__ import main
from widelearn.experiments.forecasts.answers import more_rows, sentences
from widelearn.experiments.tables.problem import Request, build
from widelearn.experiments.tables.table import Table
from widelearn.forecast import Forecast


def table(n, task, rng, noise=0.3):
    X = rng.standard_normal((n, 3))
    values = np.sin(2 * X[:, 0]) + X[:, 1] + noise * rng.standard_normal(n)
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    frame["y"] = values if task == "regression" else np.where(values > 0, "yes", "no")
    return frame


@pytest.mark.parametrize("task", ["regression", "classification"])
def test_the_command_writes_and_prints_what_it_found(tmp_path, capsys, rng, task):
    table(160, task, rng).to_csv(tmp_path / "t.csv", index=False)
    out = tmp_path / "out"
    assert main(["forecast", str(tmp_path / "t.csv"), "--target", "y", "--until", "640", "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    results = json.loads((out / "forecast.json").read_text())
    assert results["schema"] == "widelearn-forecast/1"
    assert {path.name for path in out.iterdir()} == {"forecast.json", "forecast.csv", "forecast.png", "forecast.svg"}
    rows = results["rows"]
    assert {row["kernel"] for row in rows} == {"ntk", "rbf"}
    assert max(row["n"] for row in rows) == 640
    assert all((row["test"] is None) == bool(row["reason"]) for row in rows)
    given = [row for row in rows if row["test"] is not None]
    assert all(row["lower"] < row["test"] < row["upper"] for row in given)
    assert ("error_rate" in rows[0]) == (task == "classification")
    assert "By left-out errors of 160 rows" in results["text"].replace("by left-out", "By left-out")
    assert " ".join(results["text"].split()[:6]) in " ".join(printed.split())


def test_a_report_says_whether_more_rows_would_help(rng):
    frame = table(300, "regression", rng, 0.5)
    found = more_rows(build(Table(frame, "t"), Request("y")), 0)
    assert "So more rows would help: " in found["text"]
    clean = build(Table(table(300, "regression", rng, 0.1), "t"), Request("y"))
    assert "no forecast of more rows: " in more_rows(clean, 0)["text"]
    shuffled = table(160, "regression", rng)
    shuffled["y"] = rng.permutation(shuffled["y"])
    assert "learns nothing that is sure" in more_rows(build(Table(shuffled, "t"), Request("y")), 0)["text"]
    few = build(Table(table(60, "regression", rng), "t"), Request("y"))
    assert "60 rows tell too little of more" in more_rows(few, 0)["text"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--target", "z"], "no column 'z'"),
        ([], "--target is missing"),
        (["--target", "y", "--rows", "50"], "--rows 50 is not between 100 and 4,000"),
        (["--target", "y", "--until", "10"], "--until 10 is below"),
    ],
)
def test_wrong_usage_is_one_line(tmp_path, capsys, rng, options, message):
    table(120, "regression", rng).to_csv(tmp_path / "t.csv", index=False)
    assert main(["forecast", str(tmp_path / "t.csv"), "--out", str(tmp_path / "out"), *options]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_too_few_rows_are_refused(tmp_path, capsys, rng):
    table(80, "regression", rng).to_csv(tmp_path / "t.csv", index=False)
    assert main(["forecast", str(tmp_path / "t.csv"), "--target", "y", "--out", str(tmp_path / "out")]) == 2
    assert "80 usable rows: a forecast needs 100" in capsys.readouterr().err


def said_of(**errors):
    n = np.array([3000.0, 6000.0, 12000.0])
    found = {}
    for kernel, values in errors.items():
        test = np.array(values)
        reasons = tuple("" if np.isfinite(value) else f"{kernel} is heavy" for value in values)
        found[kernel] = Forecast(n, n, n, test, 0.9 * test, 1.1 * test, reasons, baseline=1.0, n_sample=2000)
    return " ".join(sentences(found, "regression", 3000))


def test_what_is_refused_is_not_said_to_learn_nothing():
    none = [np.nan] * 3
    assert "There is no forecast: ntk is heavy." in said_of(ntk=none, rbf=none)
    assert "learns nothing" not in said_of(ntk=none, rbf=none)
    for text in (said_of(ntk=none, rbf=[0.5, 0.4, 0.3]), said_of(ntk=[0.6, 0.6, 0.6], rbf=[0.5, 0.4, 0.3])):
        assert "(rbf)" in text
        assert "lower this method's error by 40%" in text
    assert "learns nothing that is sure" in said_of(ntk=[1.2, 1.1, 1.0], rbf=none)
