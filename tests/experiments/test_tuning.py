"""Tuning is the grid search it says, on the training part alone; every method fits what it tunes."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from made_tables import curved, problem
from widelearn.experiments.comparison import methods
from widelearn.experiments.comparison.plans import Setting, TuningPlan, plain
from widelearn.experiments.comparison.tuning import fit_on, predict_in_blocks, tune
from widelearn.experiments.errors import InputError


def test_tuning_is_the_grid_search_it_says():
    arrays = problem(curved()).arrays
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
    arrays = problem(curved(), "label").arrays | {"X_train": np.zeros((112, 1))}
    plan = methods.choose("sklearn_ridge")[0].plan(Setting("classification", 0, 1.0))
    assert tune(plan, "classification", arrays, lambda *_: None)[1] == plan.inner[0]


def test_tuning_never_looks_at_held_out_rows():
    found = problem(curved())
    held = {name: found.arrays[name] for name in found.arrays if name.endswith("_test")}
    for array in held.values():
        array[...] = np.nan
    plan = methods.choose("linear")[0].plan(Setting("regression", 0, 1.0))
    assert np.isfinite(tune(plan, "regression", found.arrays, lambda *_: None)[2])


@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.parametrize("name", [method.name for method in methods.METHODS])
def test_every_method_fits_what_it_tunes(task, name):
    """A represented fit and the final one on raw rows are the same model: tuning tunes what is used."""
    arrays = problem(curved(), "label" if task == "classification" else "y").arrays
    X, y, w = arrays["X_train"], arrays["y_train"], np.linspace(0.5, 2, len(arrays["y_train"]))
    plan: TuningPlan = methods.choose(name)[0].plan(Setting(task, 7, float(X.var(axis=0).sum())))
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
