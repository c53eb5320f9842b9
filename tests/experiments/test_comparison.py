"""Comparisons: a row a method, the best model kept, one failure apart from the others."""

import json

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.neighbors import KNeighborsRegressor
from sklearn.tree import DecisionTreeRegressor

from compared_results import row as example
from made_tables import curved, problem
from widelearn.experiments import compare as compare_frame
from widelearn.experiments.comparison import methods, process
from widelearn.experiments.comparison.fitted import TargetScale
from widelearn.experiments.comparison.journal import mark
from widelearn.experiments.comparison.runner import Order, compare
from widelearn.experiments.errors import InputError
from widelearn.experiments.tables import table as tables
from widelearn.experiments.tables.problem import Request, build

pytestmark = pytest.mark.usefixtures("one_worker")
FAST = "linear,sklearn_ridge"


def chosen(names, task="classification"):
    return methods.applicable(methods.choose(names), task, named=True)


def test_rows_of_a_comparison():
    found = problem(curved(), "label")
    heard = []
    comparison = compare(found, chosen(FAST), on_step=lambda name, fraction: heard.append((name, fraction)))
    results = json.loads(json.dumps(comparison.results, allow_nan=False))
    assert results["versions"].keys() >= {"widelearn", "python", "numpy", "scipy", "scikit-learn"}
    assert [row["model"] for row in results["rows"]] == ["dummy", "linear", "sklearn_ridge"]
    baseline, ours, peers = results["rows"]
    for row, package in ((ours, "widelearn"), (peers, "scikit-learn")):
        assert set(row) >= set(example("x", 0.5, 0.5))
        assert (row["package"], row["error"], row["stopped"], row["weighted"]) == (package, None, False, False)
        assert row["n_used"] == found.split["n_train"] == 112
        assert 0.7 < row["score"] <= 1
        assert row["score_se"] == pytest.approx(np.sqrt(row["score"] * (1 - row["score"]) / 38))
        assert row["interval"][0] < row["score"] < row["interval"][1]
        assert row["over_dummy"]["value"] == pytest.approx(row["score"] - baseline["score"])
        assert row["settings"] >= 7
        assert row["total_s"] >= row["fit_s"] + row["tune_s"] > 0
        assert 0 <= row["peak_bytes"] < 2**30
        assert list(row["params"]) == ["alpha"]
        # scikit-learn's ridge has no probabilities.
        assert (row["scores"]["log_loss"] is None, row["scores"]["auc"] > 0.8) == (row is peers, True)
    assert (ours["score"], ours["params"], ours["cv_score"]) == (peers["score"], peers["params"], peers["cv_score"])
    assert peers["difference"] == {"value": 0.0, "se": 0.0}
    assert baseline["over_dummy"] == {"value": 0.0, "se": 0.0}
    assert (results["chosen"], results["dummy"], results["greater_is_better"]) == ("linear", "dummy", True)
    assert (heard[0][0], heard[-1]) == ("dummy", ("sklearn_ridge", 1.0))
    assert not comparison.failed
    assert comparison.best is None
    said = comparison.held_out["prediction"] == comparison.held_out["truth"]
    assert said.mean() == ours["score"]


def test_weights_reach_the_fits_that_take_them():
    found = problem(curved())
    found.arrays["w_train"] = np.linspace(0.5, 2, 112)
    some = (*chosen("linear,recursive", "regression"), methods.own("neighbours", KNeighborsRegressor()))
    results = compare(found, some).results
    weighted = {row["model"]: row["weighted"] for row in results["rows"]}
    assert weighted == {"dummy": True, "linear": True, "recursive": True, "neighbours": False}
    noted = [note for note in results["data"]["notes"] if "without weights" in note]
    assert noted == ["fitted without weights, which count in its score alone: neighbours"]


def test_balanced_classes_trade_accuracy_for_balance():
    frame = curved(400)
    frame["label"] = np.where(frame["y"] > 1.2, "rare", "usual")
    found = problem(frame.drop(columns="y"), "label")
    plain, balanced = (
        compare(found, chosen("sklearn_logistic_regression"), Order(class_weight=weight)).results["rows"][1]
        for weight in (None, "balanced")
    )
    assert balanced["weighted"]
    assert balanced["scores"]["balanced_accuracy"] > plain["scores"]["balanced_accuracy"] + 0.05


def test_the_same_seed_gives_the_same_scores():
    names = "random_features,ntk"
    runs = [compare(problem(curved(), seed=5), chosen(names), Order(seed=5, threads=k)).results["rows"] for k in (1, 2)]
    first, second = ([(row["score"], row["cv_score"], row["score_se"], row["params"]) for row in rows] for rows in runs)
    assert first == second


def test_repeats_are_other_splits_with_an_error_over_them():
    frame = curved().drop(columns=["w", "g", "label"])
    results = compare_frame(frame, "y", ["linear"], "rmse", repeat=5)
    alone = compare_frame(frame, "y", ["linear"], "rmse", random_state=3)
    row = results["rows"][1]
    scores = [one["score"] for one in row["repeats"]]
    assert [one["seed"] for one in row["repeats"]] == [0, 1, 2, 3, 4]
    assert scores[3] == alone["rows"][1]["score"]
    assert row["score"] == pytest.approx(np.mean(scores))
    assert row["score_se"] == pytest.approx(np.sqrt((1 / 5 + 38 / 112) * np.var(scores, ddof=1)))
    assert (results["chosen"], results["greater_is_better"]) == ("linear", False)
    assert row["over_dummy"]["value"] < -0.3


class Stubborn(LinearRegression):
    def __reduce__(self):
        raise TypeError("cannot be pickled")


class Failing(LinearRegression):
    def fit(self, X, y):
        raise RuntimeError("no luck")


def test_own_estimators_take_part():
    frame = curved().drop(columns=["w", "g", "label"])
    models = {"tree": DecisionTreeRegressor(max_depth=4, random_state=0), "linear": None}
    results = compare_frame(frame, "y", models | {"stubborn": Stubborn(), "failing": Failing()})
    rows = {row["model"]: row for row in results["rows"]}
    assert rows["tree"]["score"] > 0.5
    assert rows["tree"]["package"] == "scikit-learn"
    assert "another process" in rows["stubborn"]["error"]
    assert rows["failing"]["error"] == "RuntimeError: no luck"
    assert rows["failing"]["score"] is None
    assert results["chosen"] in {"tree", "linear"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"models": ["nkt"]}, "did you mean 'ntk'"),
        ({"models": {"tree": DecisionTreeRegressor}}, "is the class DecisionTreeRegressor"),
        ({"models": {"a b": LinearRegression()}}, "at most 60 letters"),
        ({"models": {"ntk": LinearRegression()}}, "one of this comparison's own"),
        ({"models": ["sklearn_logistic_regression"]}, "this is regression"),
        ({"metric": "acuracy"}, "did you mean 'accuracy'"),
        ({"metric": "accuracy"}, "is for classification"),
        ({"repeat": 0}, "repeat is 0: take a whole number from 1"),
        ({"repeat": "a"}, "repeat is 'a'"),
        ({"random_state": -1}, "random_state is -1: take a whole number from 0"),
        ({"threads": 0}, "threads is 0"),
        ({"time_limit": 0}, "time_limit is 0: take a number of seconds above 0"),
        ({"class_weight": "even"}, "take 'balanced'"),
    ],
)
def test_wrong_questions_are_refused_before_anything_runs(options, message):
    with pytest.raises(InputError, match=message):
        compare_frame(curved().drop(columns=["label"]), "y", **options)


def test_noise_shows_no_advantage():
    """Of twenty seeds, one may be beyond 3 standard errors; the best of several by its own held-out score would be."""
    far = 0
    for seed in range(8):
        random = np.random.default_rng(seed)
        y = random.normal(size=80) if seed % 2 else random.choice(["up", "down"], 80)
        frame = pd.DataFrame(random.normal(size=(80, 4)), columns=list("abcd")).assign(y=y)
        results = compare_frame(frame, "y", ["linear", "rbf", "sklearn_rbf_sampler"], random_state=seed)
        lead = next(row["over_dummy"] for row in results["rows"] if row["model"] == results["chosen"])
        far += lead["value"] > 3 * lead["se"]
    assert far == 0


@pytest.mark.parametrize("first", [0, 1])
def test_the_choice_is_by_cross_validation(monkeypatch, first):
    """A score of exactly 0 is one like any other; held-out scores take no part."""
    found = problem(curved())
    outcomes = iter([0.5, *[(-0.3), 0.0][:: 1 - 2 * first]])

    def run(self, folder, job, on_step=None, seconds=None):
        value = next(outcomes) - (job["model"] == "dummy")
        np.savez(folder / "prediction.npz", prediction=-value * found.arrays["y_test"])
        joblib.dump((job["model"], TargetScale(), False), folder / "model.joblib")
        return {"n_used": 112, "params": {}, "cv_score": value}

    monkeypatch.setattr(process.Worker, "run", run)
    found = compare(found, chosen(FAST, "regression"), Order(keep=True))
    assert found.results["chosen"] == found.best.model == FAST.split(",")[1 - first]
    assert found.best.about["row"]["cv_score"] == 0.0


def test_neural_tangent_kernel_reads_digits():
    found = build(tables.builtin("digits"), Request("target"))
    _, row = compare(found, chosen("ntk")).results["rows"]
    assert row["score"] >= 0.98
    assert (row["error"], row["n_used"]) == (None, 1347)


def test_a_failing_method_leaves_the_others():
    found = problem(curved(), "label")
    found.arrays["X_train"][3, 0] = np.nan
    results = compare(found, chosen("linear,sklearn_hist_gradient_boosting"), Order(keep=True))
    _, failed, other = results.results["rows"]
    assert "NaN" in failed["error"]
    assert "\n" not in failed["error"]
    assert failed["score"] is failed["fit_s"] is failed["params"] is None
    assert other["score"] > 0.6
    assert results.failed
    assert results.best.about["row"]["model"] == "sklearn_hist_gradient_boosting"


def test_the_best_model_predicts_from_raw_rows():
    raw = curved()
    found = problem(raw, "label")
    comparison = compare(found, chosen("linear,rbf"), Order(keep=True, look=True))
    best = comparison.best
    assert best.about["row"]["cv_score"] == max(row["cv_score"] for row in comparison.results["rows"])
    assert comparison.results["inspection"]["confusion"]["classes"] == ["down", "up"]
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
