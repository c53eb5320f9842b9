"""Lines of progress: printed where `verbose` says so, logged where a logger listens, and nothing else changes."""

import logging
import pickle
import re

import numpy as np
import pytest
from sklearn.base import is_classifier

import widelearn as wl

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning", "ignore:alpha = ")

FIXED = {"alpha": 0.1, "linear_alpha": 0.1, "weight_variance": 1.0, "bias_variance": 0.0}
TAYLOR = {"width": 8, "max_iter": 4, "random_state": 0}
MODELS = [
    wl.TaylorRegressor(**TAYLOR, **FIXED),
    wl.TaylorRegressor(solver="adam", **TAYLOR, **FIXED),
    wl.TaylorClassifier(solver="pgd", **TAYLOR, **FIXED),
    wl.TaylorizedRidge(order=1, max_iter=4),
    wl.TwoLayerRegressor(8, max_iter=4, random_state=0),
    wl.TwoLayerClassifier(8, max_iter=4, early_stopping=True, random_state=0),
    wl.RecursiveFeatureMachine(n_iter=2),
    wl.RecursiveFeatureMachineClassifier(n_iter=2),
    wl.KernelRidge("rbf", solver="pcg"),
    wl.KernelRidgeClassifier("rbf", solver="pcg"),
]
several = pytest.mark.parametrize("model", MODELS, ids=lambda model: f"{type(model).__name__}-{model}"[:50])
LINE = re.compile(r"\[(\w+)\] iteration (\d+), [a-z ]+ (\S+?)(?:, validation loss (\S+))?$")


def problem():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((120, 3))
    return X, np.sin(2 * X[:, 0]) + X[:, 1] + 0.1 * rng.standard_normal(120)


def fitted(model, **options):
    X, y = problem()
    model = type(model)(**model.get_params(deep=False) | options)
    return model.fit(X, (y > 0).astype(int) if is_classifier(model) else y)


def number(seen):
    """What a line says of what a callback has seen."""
    return float(seen.loss if hasattr(seen, "loss") else np.max(seen))


def values(model):
    return model.decision_function(problem()[0]) if is_classifier(model) else model.predict(problem()[0])


@several
def test_a_default_fit_says_nothing(model, capfd):
    fitted(model)
    assert capfd.readouterr() == ("", "")


@several
def test_a_line_an_iteration(model, capfd):
    seen = []
    found = fitted(model, verbose=True, callback=lambda iteration, what: seen.append((iteration, number(what))))
    out, err = capfd.readouterr()
    lines = [LINE.match(line) for line in out.splitlines()]
    assert err == ""
    assert len(seen) >= 2
    assert {line[1] for line in lines} == {type(model).__name__}
    assert [int(line[2]) for line in lines] == [iteration for iteration, _ in seen]
    np.testing.assert_allclose([float(line[3]) for line in lines], [value for _, value in seen], rtol=6e-3)
    assert all((line[4] is not None) == getattr(model, "early_stopping", False) for line in lines)
    np.testing.assert_array_equal(values(found), values(fitted(model)))
    # What prints is no part of the model.
    np.testing.assert_array_equal(values(pickle.loads(pickle.dumps(fitted(model, verbose=2)))), values(found))


@several
def test_a_logger_has_the_same_lines_unprinted(model, capfd, caplog):
    fitted(model, verbose=1)
    printed = capfd.readouterr().out.splitlines()
    with caplog.at_level(logging.INFO, logger="widelearn"):
        fitted(model)
    assert capfd.readouterr().out == ""
    assert [record.getMessage() for record in caplog.records] == printed
    assert {(record.name, record.levelno) for record in caplog.records} == {("widelearn", logging.INFO)}


def test_batches_of_a_descent_have_lines(capfd):
    X, y = problem()
    model = wl.TaylorRegressor(solver="adam", verbose=1, **TAYLOR, **FIXED)
    model.partial_fit(X, y).partial_fit(X, y)
    assert [LINE.match(line)[2] for line in capfd.readouterr().out.splitlines()] == ["1", "2"]


def test_errors_are_in_the_users_units(capfd):
    X, y = problem()
    wl.RecursiveFeatureMachine(n_iter=0, verbose=True).fit(X, y)
    wl.RecursiveFeatureMachine(n_iter=0, verbose=True).fit(X, np.ldexp(y, 100))
    first, second = (float(LINE.match(line)[3]) for line in capfd.readouterr().out.splitlines())
    assert second == pytest.approx(first * 2.0**200, rel=1e-4)


def test_a_callback_still_ends_a_training(capfd):
    model = fitted(
        wl.TwoLayerRegressor(8, random_state=0), verbose=True, callback=lambda iteration, seen: iteration == 3
    )
    assert model.n_iter_ == 3
    assert len(capfd.readouterr().out.splitlines()) == 3


def test_a_checkpoint_does_not_ask_who_listens(tmp_path, capfd):
    for model in (wl.TwoLayerRegressor(8, max_iter=6, random_state=0), wl.KernelRidge("rbf", solver="pcg")):
        file = tmp_path / type(model).__name__
        whole = fitted(model)
        fitted(model, checkpoint=file, max_iter=2)
        found = fitted(model, checkpoint=file, verbose=True)
        np.testing.assert_array_equal(values(found), values(whole))
        assert LINE.match(capfd.readouterr().out.splitlines()[0])[2] == "3"


def test_nobody_hears_of_a_level_alone(script):
    """The logger's own handler drops lines: a level without a handler prints none."""
    code = (
        "import logging; logging.getLogger('widelearn').setLevel(logging.INFO)\n"
        "import numpy as np, widelearn as wl\n"
        "X = np.random.default_rng(0).standard_normal((50, 2))\n"
        "wl.KernelRidge('rbf', solver='pcg').fit(X, X[:, 0])\n"
        "print('done')"
    )
    assert script(code).strip() == "done"


@several
def test_what_is_no_verbosity_is_refused(model):
    for wrong in (-1, 1.5, "yes", None):
        with pytest.raises(ValueError, match="verbose"):
            fitted(model, verbose=wrong)
