"""Tuning is the grid search it says, on the training part alone; every method fits what it tunes."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score

import widelearn as wl
from made_tables import curved, problem
from widelearn.estimators import chances
from widelearn.experiments.comparison import methods
from widelearn.experiments.comparison.answers import answer, predict_in_blocks
from widelearn.experiments.comparison.plans import Grid, Sample, Setting, TuningPlan, fit_on, plain
from widelearn.experiments.comparison.sklearn_methods import TUNED_TREES
from widelearn.experiments.comparison.tuning import folds_of, tune
from widelearn.experiments.errors import InputError


def folds(found, classes=0, **options):
    return folds_of(found.arrays, "X", classes, None, **options)


def test_tuning_is_the_grid_search_it_says():
    found = problem(curved())
    alphas = tuple({"alpha": alpha} for alpha in (1e4, 1e1, 1e-3))
    steps = []
    choice = tune(plain(lambda p: Ridge(**p), Grid(alphas)), folds(found), "r2", lambda *step: steps.append(step))
    X, y, rows = (found.arrays[name] for name in ("X_train", "y_train", "tune"))
    pairs = [(rows[found.arrays[f"fold{k}_fit"]], rows[found.arrays[f"fold{k}_check"]]) for k in range(5)]
    said = np.empty((3, len(y)))
    for k, one in enumerate(alphas):
        for fit, check in pairs:
            said[k, check] = Ridge(**one).fit(X[fit], y[fit]).predict(X[check])
    scores = [r2_score(y, one) for one in said]
    assert (choice.outer, choice.inner) == (alphas[int(np.argmax(scores))], {})
    # What is best without a fold speaks for the fold.
    joined = np.empty(len(y))
    for _, check in pairs:
        rest = np.setdiff1d(np.arange(len(y)), check)
        joined[check] = said[int(np.argmax([r2_score(y[rest], one[rest]) for one in said])), check]
    assert choice.cv_score == pytest.approx(r2_score(y, joined), abs=1e-12)
    assert (choice.settings, choice.stopped) == (3, False)
    assert steps == [(k, 4) for k in range(1, 4)]


def test_the_score_of_a_choice_is_not_that_of_a_winner(rng):
    """Of 40 constants on noise the best one looks good on the rows that chose it; the choice's score does not."""

    class Constant:
        def __init__(self, column):
            self.column = column

        def fit(self, X, y):
            return self

        def predict(self, X):
            return np.sign(X[:, self.column])

    scores = []
    for seed in range(30):
        random = np.random.default_rng(seed)
        found = problem(curved(160, seed))
        found.arrays["X_train"] = random.normal(size=(120, 40))
        found.arrays["y_train"] = random.permutation(np.repeat([-1.0, 1.0], 60))
        plan = plain(lambda given: Constant(**given), Grid(tuple({"column": k} for k in range(40))))
        scores.append(tune(plan, folds(found), "mae").cv_score)
    # mean absolute error 1 is chance; its spread is 1 / sqrt(120) a seed, and a little more for the choice
    assert np.mean(scores) == pytest.approx(1.0, abs=0.06)


def test_a_fold_does_not_know_the_mean_of_its_check():
    """On noise, kernels without an intercept tie with the baseline; centred by all rows they were chosen before it."""
    found = problem(curved(60))
    found.arrays["X_train"] = np.random.default_rng(0).normal(size=(45, 3))
    scores = []
    for name in ("dummy", "sklearn_kernel_ridge"):
        plan = methods.choose(name)[0].plan(Setting("regression", 0, 3.0, 45))
        inner = Grid(({"alpha": 1e12},)) if name != "dummy" else plan.inner
        plan = replace(plan, outer=Grid(plan.outer.settings[:1]), inner=inner)
        scores += [tune(plan, folds(found, independent=one), "r2").cv_score for one in (True, False)]
    assert scores[0] < 0
    np.testing.assert_allclose(scores, scores[0], rtol=0, atol=1e-9)


def test_grids_grow_while_the_best_is_at_their_edge():
    found = problem(curved().assign(y=np.linspace(-1, 1, 150)), "y")
    found.arrays["y_train"] = 3 * found.arrays["X_train"][:, 0]
    grid = Grid(tuple({"alpha": alpha} for alpha in (1e3, 1e2)), "alpha", 10.0, 3)
    choice = tune(plain(lambda p: Ridge(**p), grid), folds(found), "r2")
    assert choice.outer == {"alpha": 0.1}
    assert (choice.settings, choice.edge) == (5, ["alpha"])
    grid = Grid(tuple({"alpha": alpha} for alpha in (1e3, 1e-9, 1e-13)), "alpha", 10.0, 3)
    assert tune(plain(lambda p: Ridge(**p), grid), folds(found), "r2").settings <= 4


def test_a_deadline_stops_after_the_first_candidates():
    plan = methods.choose("linear")[0].plan(Setting("regression", 0, 1.0))
    choice = tune(plan, folds(problem(curved())), "r2", deadline=0.0)
    assert (choice.settings, choice.stopped) == (1, True)
    assert choice.cv_score is not None


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.parametrize("name", ["rbf", "ntk", "sklearn_kernel_ridge"])
def test_left_out_predictions_are_refits(name, task, weighted):
    arrays = problem(curved(60), "label" if task == "classification" else "y").arrays
    X, y = arrays["X_train"], arrays["y_train"]
    w = np.linspace(0.5, 2, len(y)) if weighted else None
    plan = methods.choose(name)[0].plan(Setting(task, 0, 3.0, len(y), 2))
    inner = plan.inner.settings[1:5]
    for outer in plan.outer.settings:
        for one, said in zip(inner, plan.left_out(outer, inner, Sample(X, y, w)), strict=True):
            for k in (0, 17, 31):
                rest = np.arange(len(y)) != k
                part = None if w is None else w[rest]
                mean = np.average(y[rest], weights=part) if task == "regression" else 0.0
                model = fit_on(plan.final(outer, one), X[rest], y[rest] - mean, part)
                call = model.predict if task == "regression" else model.decision_function
                value = said[k] if task == "regression" else said[k, 1]
                # the intercept is free up to one part in FREE of the kernel's size over the penalty
                assert value == pytest.approx(np.ravel(call(X[k : k + 1]))[-1] + mean, abs=2e-3)


def test_ties_go_to_the_more_regular_candidate():
    found = problem(curved(), "label")
    found.arrays["X_train"] = np.zeros((112, 1))
    plan = methods.choose("sklearn_ridge")[0].plan(Setting("classification", 0, 1.0))
    # growth beyond the first, which ties, too
    assert tune(plan, folds(found, 2), "accuracy").outer == plan.outer.settings[0]


def test_tuning_never_looks_at_held_out_rows():
    found = problem(curved())
    for name in found.arrays:
        if name.endswith("_test") and found.arrays[name].dtype == float:
            found.arrays[name][...] = np.nan
    plan = methods.choose("linear")[0].plan(Setting("regression", 0, 1.0))
    assert np.isfinite(tune(plan, folds(found), "r2").cv_score)


def test_networks_of_many_columns_have_half_of_the_settings():
    plan = methods.choose("sklearn_mlp")[0].plan
    settings = [plan(Setting("regression", 0, 1.0, 40, columns=columns)) for columns in (1000, 4000)]
    counts = [len(one.outer.settings) * len(one.inner.settings) for one in settings]
    assert counts[1] == counts[0] / 2


@pytest.mark.parametrize(
    ("task", "name"),
    [
        (task, method.name)
        for task in ("classification", "regression")
        for method in methods.METHODS
        if task == "classification" or not method.classes_only
    ],
)
def test_every_method_fits_what_it_tunes(task, name):
    """A represented fit and the final one on raw rows are the same model: tuning tunes what is used."""
    arrays = problem(curved(), "label" if task == "classification" else "y").arrays
    X, y, w = arrays["X_train"], arrays["y_train"], np.linspace(0.5, 2, len(arrays["y_train"]))
    setting = Setting(task, 7, float(X.var(axis=0).sum()), len(y), 2 if task == "classification" else 0)
    plan: TuningPlan = methods.choose(name)[0].plan(setting)
    outer, inner = plan.outer.settings[-1], plan.inner.settings[:3][-1]
    (tuned,) = plan.path(outer, [inner], Sample(X, y, w), arrays["X_test"], lambda model, X: answer(model, X, 0))
    model = fit_on(plan.final(outer, inner), X, y, w)
    if name == "sklearn_random_forest":
        model.estimators_ = model.estimators_[:TUNED_TREES]
    final = model.predict(arrays["X_test"])
    if task == "classification":
        np.testing.assert_array_equal(tuned.prediction, final)
    else:
        # two ways to the same solution of a system whose condition is at most 1e2 / alpha = 1e4 in double precision
        np.testing.assert_allclose(tuned.prediction, final, rtol=0, atol=1e-8)


def test_prediction_in_blocks(rng):
    X = rng.normal(size=(9000, 2))
    model = Ridge().fit(X, X[:, 0])
    np.testing.assert_allclose(predict_in_blocks(model, X), model.predict(X), atol=1e-13)
    assert len(predict_in_blocks(model, X[:0])) == 0


def test_methods_are_chosen_by_name():
    assert [method.name for method in methods.choose(" rbf, linear")] == ["linear", "rbf"]
    assert len(methods.choose(None)) == 16
    for names, message in (("nkt", "did you mean 'ntk'"), ("foo", "there are dummy, linear"), (",", "names no model")):
        with pytest.raises(InputError, match=message):
            methods.choose(names)


def test_kernels_that_have_no_room_for_probabilities_give_scores(monkeypatch):
    arrays = problem(curved(60), "label").arrays
    model = wl.KernelRidgeClassifier("rbf").fit(arrays["X_train"], arrays["y_train"])
    assert answer(model, arrays["X_test"], 2).probability is not None
    model.fit(arrays["X_train"], arrays["y_train"])
    monkeypatch.setattr(chances, "calibration_of", lambda fitted: raise_memory())
    found = answer(model, arrays["X_test"], 2)
    assert (found.probability, found.scores.shape) == (None, (len(arrays["X_test"]), 2))


def raise_memory():
    raise MemoryError("no room")


@pytest.mark.filterwarnings("ignore:Rounding errors may leave")
def test_kernels_are_tuned_by_log_loss():
    plan = methods.choose("rbf")[0].plan(Setting("classification", 0, 1.0, 112, 2))
    choice = tune(plan, folds(problem(curved(), "label"), 2), "log_loss")
    assert choice.complete
    assert 0 < choice.cv_score < 0.7
