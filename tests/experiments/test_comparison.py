"""The ladder: scores with standard errors, tuning on the training part alone, a fresh process a method."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge
from sklearn.metrics import accuracy_score, r2_score

from widelearn.experiments.comparison import memory, methods, process
from widelearn.experiments.comparison.plans import Plan, Setting, plain
from widelearn.experiments.comparison.runner import compare
from widelearn.experiments.comparison.scores import score, standard_error
from widelearn.experiments.comparison.tuning import fit_on, predict_in_blocks, tune
from widelearn.experiments.errors import InputError
from widelearn.experiments.tables import table as tables
from widelearn.experiments.tables.problem import Problem, Request, build
from widelearn.experiments.tables.splits import sample
from widelearn.experiments.tables.table import Table

FAST = "linear,sklearn_ridge"


def table(rows: int = 150, seed: int = 0) -> Table:
    random = np.random.default_rng(seed)
    X = random.normal(size=(rows, 3))
    y = np.sin(2 * X[:, 0]) + X[:, 1] + 0.1 * random.normal(size=rows)
    data = pd.DataFrame(X, columns=list("abc")).assign(
        y=y, label=np.where(y > 0, "up", "down"), w=random.uniform(0.5, 2, rows), g=np.arange(rows) // 5
    )
    return Table(data, "made")


def problem(target: str = "y", **options: object) -> Problem:
    return build(table(), Request(target, **options))


# scores


@pytest.mark.parametrize("weighted", [False, True])
def test_scores_are_scikit_learns(rng, weighted):
    y, p = rng.normal(size=50), rng.normal(size=50)
    w = rng.uniform(size=50) if weighted else None
    assert score("regression", y, p, w) == pytest.approx(r2_score(y, p, sample_weight=w), abs=1e-12)
    assert score("classification", y > 0, p > 0, w) == pytest.approx(
        accuracy_score(y > 0, p > 0, sample_weight=w), abs=1e-12
    )


def test_standard_error_of_accuracy_is_binomial():
    y, p = np.zeros(200, int), np.r_[np.ones(30, int), np.zeros(170, int)]
    assert standard_error("classification", y, p) == pytest.approx(np.sqrt(0.85 * 0.15 / 200), rel=1e-12)


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_grouped_standard_error_is_the_delete_one_jackknife(rng, task):
    y, p, w = rng.integers(0, 3, 60), rng.integers(0, 3, 60), rng.uniform(size=60)
    group = rng.integers(0, 12, 60)
    groups = np.unique(group)
    left_out = np.array([score(task, y[group != g], p[group != g], w[group != g]) for g in groups])
    m = len(groups)
    expected = np.sqrt((m - 1) / m * np.sum((left_out - left_out.mean()) ** 2))
    # closed form against refitting: differences of sums of 60 terms, so 60 roundings
    assert standard_error(task, y, p, w, group) == pytest.approx(expected, rel=1e-10)


def test_standard_error_of_r2_matches_repeated_samples(rng):
    def draw(n):
        y = rng.normal(size=n)
        return y, y + 0.5 * rng.normal(size=n)

    repeated = [score("regression", *draw(200)) for _ in range(400)]
    estimated = np.mean([standard_error("regression", *draw(200)) for _ in range(100)])
    # the spread of 400 draws is itself known to 1 / sqrt(800) = 3.5 %; 4 of those
    assert estimated == pytest.approx(np.std(repeated), rel=0.15)


def test_undefined_scores_are_nan():
    assert np.isnan(score("regression", np.ones(4), np.ones(4)))
    assert np.isnan(standard_error("regression", np.array([1.0]), np.array([1.0])))


# samples and tuning


def test_samples_keep_shares_and_every_class():
    y = np.repeat([0, 1, 2], [9000, 990, 10])
    rows = sample(y, "classification", 1000, seed=3)
    np.testing.assert_array_equal(np.bincount(y[rows]), [900, 99, 1])
    np.testing.assert_array_equal(rows, sample(y, "classification", 1000, seed=3))
    assert (np.diff(rows) > 0).all()
    assert not np.array_equal(rows, sample(y, "classification", 1000, seed=4))


def test_tuning_is_the_grid_search_it_says():
    arrays = problem().arrays
    alphas = tuple({"alpha": alpha} for alpha in (1e4, 1e1, 1e-3))
    steps = []
    outer, inner, mean = tune(plain(lambda p: Ridge(**p), alphas), "regression", arrays, lambda *s: steps.append(s))
    X, y, rows = arrays["X_train"], arrays["y_train"], arrays["tune"]
    folds = [(rows[arrays[f"fold{k}_fit"]], rows[arrays[f"fold{k}_check"]]) for k in range(5)]
    means = [np.mean([Ridge(**a).fit(X[f], y[f]).score(X[c], y[c]) for f, c in folds]) for a in alphas]
    assert (outer, inner) == ({}, alphas[int(np.argmax(means))])
    assert mean == pytest.approx(max(means), abs=1e-12)
    assert steps == [(k, 15) for k in range(1, 16)]


def test_ties_go_to_the_more_regular_candidate():
    arrays = problem("label").arrays | {"X_train": np.zeros((112, 1))}
    plan = methods.choose("sklearn_ridge")[0].plan(Setting("classification", 0, 1.0))
    assert tune(plan, "classification", arrays, lambda *_: None)[1] == plan.inner[0]


def test_tuning_never_looks_at_held_out_rows():
    found = problem()
    held = {name: found.arrays[name] for name in found.arrays if name.endswith("_test")}
    for array in held.values():
        array[...] = np.nan
    plan = methods.choose("linear")[0].plan(Setting("regression", 0, 1.0))
    assert np.isfinite(tune(plan, "regression", found.arrays, lambda *_: None)[2])


@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.parametrize("name", [method.name for method in methods.METHODS])
def test_every_method_fits_what_it_tunes(task, name):
    """A represented fit and the final one on raw rows are the same model: tuning tunes what is used."""
    arrays = problem("label" if task == "classification" else "y").arrays
    X, y, w = arrays["X_train"], arrays["y_train"], np.linspace(0.5, 2, len(arrays["y_train"]))
    plan: Plan = methods.choose(name)[0].plan(Setting(task, 7, float(X.var(axis=0).sum())))
    outer, inner = plan.outer[-1], plan.inner[:3][-1]
    A, B = plan.represent(outer, X, arrays["X_test"])
    tuned = fit_on(plan.solver(inner), A, y, w).predict(B)
    final = fit_on(plan.final(outer, inner), X, y, w).predict(arrays["X_test"])
    if task == "classification":
        np.testing.assert_array_equal(tuned, final)
    else:
        # two ways to the same solution of a system whose condition is at most 1e2 / alpha = 1e4 in double precision
        np.testing.assert_allclose(tuned, final, rtol=0, atol=1e-8)


def test_prediction_in_blocks(rng):
    X = rng.normal(size=(9000, 2))
    model = Ridge().fit(X, X[:, 0])
    np.testing.assert_allclose(predict_in_blocks(model, X), model.predict(X), atol=1e-13)
    assert len(predict_in_blocks(model, X[:0])) == 0


def test_methods_are_chosen_by_name():
    assert [method.name for method in methods.choose(" rbf, linear")] == ["linear", "rbf"]
    assert len(methods.choose(None)) == 12
    for names, message in (("nkt", "did you mean 'ntk'"), ("foo", "there are linear"), (",", "names no model")):
        with pytest.raises(InputError, match=message):
            methods.choose(names)


# comparisons


def test_rows_of_a_comparison():
    found = problem("label")
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
    found = problem("y")
    found.arrays["w_train"] = np.linspace(0.5, 2, 112)
    results = compare(found, methods.choose("two_layer,recursive")).results
    chosen = {"two_layer": {"early_stopping": True}, "recursive": {"n_iter": 5, "metric": "full"}}
    for row in results["rows"]:
        assert (row["error"], row["tune_score"], row["params"]) == (None, None, chosen[row["model"]])
        assert [note for note in results["data"]["notes"] if "without weights" in note and row["model"] in note]


def test_the_same_seed_gives_the_same_scores():
    names = "random_features,ntk"
    runs = [compare(problem(seed=5), methods.choose(names), seed=5, threads=k).results["rows"] for k in (1, 2)]
    first, second = ([(row["score"], row["score_se"], row["params"]) for row in rows] for rows in runs)
    assert first == second


def test_neural_tangent_kernel_reads_digits():
    found = build(tables.builtin("digits"), Request("target"))
    [row] = compare(found, methods.choose("ntk")).results["rows"]
    assert row["score"] >= 0.98
    assert (row["error"], row["n_used"]) == (None, 1347)


def test_a_failing_method_leaves_the_others():
    found = problem("label")
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
    raw = table()
    found = build(raw, Request("label"))
    comparison = compare(found, methods.choose("linear,rbf"), keep=True)
    best = comparison.best
    assert best.about["row"]["score"] == max(row["score"] for row in comparison.results["rows"])
    prediction = best.predict(raw.frame.drop(columns=["label", "y"]).assign(y=0.0))
    assert set(prediction) <= {"up", "down"}


# processes


def test_memory_counts_what_this_process_held():
    code = (
        "import numpy as np\nfrom widelearn.experiments.comparison import memory\n"
        "memory.forget_peak(); before = memory.peak(); x = np.ones(40 * 2**20 // 8); del x\n"
        "print(memory.peak() - before)"
    )
    big = np.ones(200 * 2**20 // 8)  # the parent's size must not count
    size = int(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
    del big
    assert 35 * 2**20 < size < 80 * 2**20
    assert memory.peak() > 0


def test_a_process_that_dies_is_an_error_row(tmp_path, monkeypatch):
    np.savez(tmp_path / "problem.npz", x=np.zeros(1))
    job = {"model": "linear", "task": "regression", "seed": 0, "keep": False}
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    for code, message in (
        ("import os; os.kill(os.getpid(), 9)", "signal 9"),
        ("raise SystemExit('no luck')", "no luck"),
    ):
        (tmp_path / "sitecustomize.py").write_text(code)
        assert message in process.run(tmp_path, job)["error"]


def test_no_process_outlives_its_parent(tmp_path):
    found = build(tables.builtin("digits"), Request("target"))
    np.savez(tmp_path / "problem.npz", **found.arrays)
    code = (
        "import sys, pathlib\nfrom widelearn.experiments.comparison import process\n"
        "job = {'model': 'sklearn_hist_gradient_boosting', 'task': 'classification', 'seed': 0, 'keep': False}\n"
        "process.run(pathlib.Path(sys.argv[1]), job, lambda f: print(f, flush=True))\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    parent.stdout.readline()
    children = subprocess.run(["pgrep", "-P", str(parent.pid)], capture_output=True, text=True).stdout.split()
    assert children
    parent.kill()
    parent.communicate()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and any(running(int(child)) for child in children):
        time.sleep(0.05)
    assert not any(running(int(child)) for child in children)


def running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{process}/stat").read_text().split(")")[1][:3]
