"""Comparisons: a row a method, the best model kept, one failure apart from the others."""

import json

import joblib
import numpy as np
import pytest

from made_tables import curved, problem
from widelearn.experiments.comparison import methods, process
from widelearn.experiments.comparison.fitted import TargetScale
from widelearn.experiments.comparison.journal import mark
from widelearn.experiments.comparison.runner import compare
from widelearn.experiments.tables import table as tables
from widelearn.experiments.tables.problem import Request, build

FAST = "linear,sklearn_ridge"


def test_rows_of_a_comparison():
    found = problem(curved(), "label")
    heard = []
    comparison = compare(found, methods.choose(FAST), on_step=lambda name, fraction: heard.append((name, fraction)))
    results = json.loads(json.dumps(comparison.results, allow_nan=False))
    assert set(results) >= {"schema", "task", "data", "seed", "split", "versions", "rows"}
    assert results["versions"].keys() >= {"widelearn", "python", "numpy", "scipy", "scikit-learn"}
    assert [row["model"] for row in results["rows"]] == ["linear", "sklearn_ridge"]
    for row, package in zip(results["rows"], ["widelearn", "scikit-learn"], strict=True):
        assert (row["package"], row["metric"], row["error"]) == (package, "accuracy", None)
        assert row["n_used"] == found.split["n_train"] == 112
        assert 0.7 < row["score"] <= 1
        assert row["score_se"] == pytest.approx(np.sqrt(row["score"] * (1 - row["score"]) / 38))
        assert row["fit_s"] > 0
        assert row["predict_s"] > 0
        assert 0 <= row["peak_bytes"] < 2**30
        assert list(row["params"]) == ["alpha"]
    ours, peers = results["rows"]
    assert (ours["score"], ours["params"]) == (peers["score"], peers["params"])
    assert (heard[0][0], heard[-1]) == ("linear", ("sklearn_ridge", 1.0))
    assert not comparison.failed
    assert comparison.best is None


def test_a_method_without_weights_says_so():
    found = problem(curved())
    found.arrays["w_train"] = np.linspace(0.5, 2, 112)
    results = compare(found, methods.choose("two_layer,recursive")).results
    chosen = {"two_layer": {"early_stopping": True}, "recursive": {"n_iter": 5, "metric": "full"}}
    for row in results["rows"]:
        assert (row["error"], row["tune_score"], row["params"]) == (None, None, chosen[row["model"]])
        assert [note for note in results["data"]["notes"] if "without weights" in note and row["model"] in note]


def test_the_same_seed_gives_the_same_scores():
    names = "random_features,ntk"
    runs = [
        compare(problem(curved(), seed=5), methods.choose(names), seed=5, threads=k).results["rows"] for k in (1, 2)
    ]
    first, second = ([(row["score"], row["score_se"], row["params"]) for row in rows] for rows in runs)
    assert first == second


@pytest.mark.parametrize("first", [0, 1])
def test_a_score_of_exactly_zero_wins(monkeypatch, first):
    """R² is 0 for predictions of the mean, and 1 - 1.3 for errors √1.3 times as large."""
    found = problem(curved())
    found.arrays["y_test"] = y = np.tile([1.0, -1.0], 19)
    outcomes = iter([(1 - np.sqrt(1.3)) * y, 0.0 * y][:: 1 - 2 * first])

    def run(folder, job, on_step, threads):
        np.save(folder / "prediction.npy", next(outcomes))
        joblib.dump((job["model"], TargetScale()), folder / "model.joblib")
        return {"n_used": 112}

    monkeypatch.setattr(process, "run", run)
    found = compare(found, methods.choose(FAST), keep=True)
    assert sorted(row["score"] for row in found.results["rows"]) == pytest.approx([-0.3, 0.0], abs=1e-12)
    assert found.best.about["row"]["score"] == 0.0
    assert found.best.model == FAST.split(",")[1 - first]


def test_neural_tangent_kernel_reads_digits():
    found = build(tables.builtin("digits"), Request("target"))
    [row] = compare(found, methods.choose("ntk")).results["rows"]
    assert row["score"] >= 0.98
    assert (row["error"], row["n_used"]) == (None, 1347)


def test_a_failing_method_leaves_the_others():
    found = problem(curved(), "label")
    found.arrays["X_train"][3, 0] = np.nan
    results = compare(found, methods.choose("linear,sklearn_hist_gradient_boosting"), keep=True)
    failed, other = results.results["rows"]
    assert "NaN" in failed["error"]
    assert "\n" not in failed["error"]
    assert failed["score"] is failed["fit_s"] is failed["params"] is None
    assert other["score"] > 0.6
    assert results.failed
    assert results.best.about["row"]["model"] == "sklearn_hist_gradient_boosting"


def test_the_best_model_predicts_from_raw_rows():
    raw = curved()
    found = problem(raw, "label")
    comparison = compare(found, methods.choose("linear,rbf"), keep=True)
    best = comparison.best
    assert best.about["row"]["score"] == max(row["score"] for row in comparison.results["rows"])
    prediction = best.predict(raw.drop(columns=["label", "y"]).assign(y=0.0))
    assert set(prediction) <= {"up", "down"}


def test_targets_are_scaled_and_given_back():
    scale, y = TargetScale.of(np.array([1.0, 3.0])), np.array([1.0, 3.0])
    assert scale.forward(y).tolist() == [-1.0, 1.0]
    assert scale.back(scale.forward(y)).tolist() == y.tolist()


def test_a_mark_tells_arrays_and_settings_apart():
    x = {"x": np.arange(3)}
    assert mark(x, 1) == mark({"x": np.arange(3)}, 1)
    assert len({mark(x, 1), mark(x, 2), mark({"x": np.arange(4)}, 1), mark({"y": np.arange(3)}, 1)}) == 4
