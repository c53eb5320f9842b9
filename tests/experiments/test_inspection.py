"""What is seen in a chosen model: counted errors, calibration, and which columns it cannot do without."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import brier_score_loss, confusion_matrix

from widelearn.experiments.comparison import inspection
from widelearn.experiments.comparison.inspection import calibration, inspect


class Known:
    """A model whose law is known: 3 a + kind's number; its sign, with a logistic probability, as label."""

    def __init__(self, task):
        self.task = task

    def outputs(self, frame):
        return 3 * frame["a"].to_numpy() + frame["kind"].map({"x": -1.0, "y": 0.0, "z": 1.0}).to_numpy()

    def predict(self, frame):
        values = self.outputs(frame)
        return values if self.task == "regression" else np.where(values > 0, "up", "down")

    def predict_proba(self, frame):
        up = 1 / (1 + np.exp(-self.outputs(frame)))
        return None if self.task == "regression" else np.column_stack([1 - up, up])


@pytest.fixture
def table(rng):
    return pd.DataFrame({"a": rng.normal(size=400), "idle": rng.normal(size=400), "kind": rng.choice(list("xyz"), 400)})


def labels(rng, table):
    """Draw labels by the probabilities of the model, which is then calibrated."""
    chances = Known("classification").predict_proba(table)[:, 1]
    return np.where(rng.uniform(size=len(table)) < chances, "up", "down")


@pytest.mark.parametrize("metric", ["accuracy", "balanced_accuracy", "log_loss"])
def test_classification(rng, table, metric):
    y = labels(rng, table)
    found = inspect(Known("classification"), table, y, "classification", metric, 0, classes=["down", "up"])
    expected = confusion_matrix(y, Known("classification").predict(table), labels=["down", "up"])
    assert found["confusion"] == {"classes": ["down", "up"], "matrix": expected.tolist()}
    assert found["residuals"] is None
    bins = found["calibration"]["bins"]
    assert sum(one["rows"] for one in bins) == 400
    # The labels follow the probabilities: of ten 95 % intervals, nine at least hold the mean probability.
    assert sum(one["lower"] <= one["probability"] <= one["upper"] for one in bins) >= 9
    importance = {one["column"]: one for one in found["importance"]}
    assert found["importance"][0]["column"] == "a"
    assert importance["idle"] == {"column": "idle", "value": 0.0, "se": 0.0}
    assert importance["kind"]["value"] > 0
    assert "5 times, over 400 held-out rows; 3 columns" in found["importance_about"]


def test_rise_of_a_loss_is_that_of_its_definition(rng, table):
    y = labels(rng, table)
    model = Known("classification")
    loss, _ = inspection._loss(model, table, y, y, "classification", "brier", ["down", "up"])
    assert loss(table).mean() / 2 == pytest.approx(brier_score_loss(y == "up", model.predict_proba(table)[:, 1]))


def test_regression(rng, table):
    model = Known("regression")
    y = model.predict(table) + 0.1 * rng.normal(size=400)
    found = inspect(model, table, y, "regression", "r2", 0)
    errors = model.predict(table) - y
    assert found["residuals"]["quantiles"]["0.5"] == np.median(errors)
    assert found["residuals"]["mean"] == errors.mean()
    assert found["confusion"] is found["calibration"] is found["metric"] is None
    # Shuffling independent values of variance v under weight 3 adds 2 (9 v) to the squared error.
    first = found["importance"][0]
    assert first["column"] == "a"
    assert first["value"] == pytest.approx(18 * table["a"].var() / y.var(), abs=4 * first["se"])
    again = inspect(model, table, y, "regression", "r2", 0)
    assert again == found
    assert inspect(model, table, y, "regression", "mae", 1)["importance"] != found["importance"]


def test_points_and_predicted_rows_are_few(rng, monkeypatch):
    wide = pd.DataFrame(rng.normal(size=(700, 30)), columns=[f"c{k}" for k in range(30)])
    calls = []

    def predict(frame):
        calls.append(len(frame))
        return frame["c7"].to_numpy()

    model = SimpleNamespace(predict=predict)
    monkeypatch.setattr(inspection, "MOST_PREDICTED", 5_000)
    monkeypatch.setattr(inspection, "MOST_COLUMNS", 10)
    found = inspect(model, wide, wide["c7"].to_numpy(), "regression", "r2", 0)
    assert len(found["residuals"]["points"]) == 500
    assert found["importance"][0]["column"] == "c7"
    assert len(found["importance"]) == 10
    assert "10 of 30 columns" in found["importance_about"]
    assert sum(calls) <= 700 * 2 + 100 + 5_000
    assert max(calls) <= inspection.A_CALL


def test_columns_of_one_name_and_of_categories(rng):
    frame = pd.DataFrame({"a": rng.normal(size=50), "kind": pd.Categorical(rng.choice(list("pq"), 50))})
    seen = []

    def predict(part):
        seen.append(str(part.dtypes["kind"]))
        return part["a"].to_numpy()

    inspect(SimpleNamespace(predict=predict), frame, frame["a"].to_numpy(), "regression", "rmse", 0)
    assert set(seen) == {"category"}


def test_probabilities_of_few_rows_or_many_classes(rng):
    chances = rng.dirichlet(np.ones(3), size=40)
    truth = rng.integers(3, size=40)
    assert calibration(truth[:19], chances[:19], ["a", "b", "c"]) is None
    found = calibration(truth, chances, ["a", "b", "c"])
    assert [one["rows"] for one in found["bins"]] == [10] * 4
    gaps = [abs(one["share"] - one["probability"]) for one in found["bins"]]
    assert found["error"] == pytest.approx(np.mean(gaps))


def test_metric_of_a_recursive_machine_is_that_of_whole_columns(table):
    names = np.array(["a", "a (missing)", "kind=x", "kind=y"], dtype=object)
    spread = np.array([1.0, 1.0, 0.5, 2.0])
    preparation = SimpleNamespace(
        get_feature_names_out=lambda: names,
        feature_names_in_=["a", "kind", "idle"],
        transform=lambda frame: np.stack([spread, -spread]),
    )
    machine = SimpleNamespace(preparation=preparation, model=SimpleNamespace(M_=np.diag([2.0, 1.0, 4.0, 1.0])))
    y = Known("regression").predict(table)
    found = inspect(Known("regression"), table, y, "regression", "r2", 0, recursive=machine)["metric"]["columns"]
    assert found == [{"column": "kind", "value": 0.625}, {"column": "a", "value": 0.375}]
    for plain in (np.eye(3), 2 * np.eye(4)):
        machine.model.M_ = plain
        assert inspect(Known("regression"), table, y, "regression", "r2", 0, recursive=machine)["metric"] is None
