"""Kernel machines keep one model: refits that fail, parameters set later, Dask where none is taken, and the choices."""

import copy

import dask.array as da
import numpy as np
import pytest
from sklearn.base import clone, is_classifier

import widelearn as wl
from widelearn.estimators.feature_ridge.systems import Rows
from widelearn.estimators.kernel_ridge.choice import choose_kernel
from widelearn.estimators.kernel_ridge.model import KernelProblem
from widelearn.estimators.penalty import choice_of
from widelearn.kernels import NTK, RBF

# Grids of few penalties, whose edges are often chosen.
pytestmark = pytest.mark.filterwarnings("ignore:alpha = ")

MACHINES = [
    wl.KernelRidge("rbf", 0.1),
    wl.KernelRidge("rbf", 0.1, solver="pcg"),
    wl.KernelRidge("rbf", 0.1, solver="nystrom", n_components=20),
    wl.KernelRidgeClassifier("rbf", 0.1),
    wl.KernelRidgeCV(["rbf", "ntk"]),
    wl.KernelRidgeClassifierCV("rbf"),
    wl.RecursiveFeatureMachine("rbf", n_iter=1),
    wl.RecursiveFeatureMachineClassifier("rbf", n_iter=1),
]


@pytest.fixture
def rows(rng):
    X = rng.standard_normal((60, 3))
    return X, np.digitize(X[:, 0], [-0.5, 0.5])


def state(model):
    """Everything that is fitted, to compare by value."""
    return {name: copy.deepcopy(value) for name, value in vars(model).items() if name.endswith("_")}


def assert_kept(model, before, X, values):
    assert vars(model).keys() >= before.keys()
    for name, value in before.items():
        assert repr(getattr(model, name)) == repr(value), name
    assert {name for name in vars(model) if name.endswith("_")} == set(before)
    np.testing.assert_array_equal(model.predict(X), values)


@pytest.mark.parametrize("machine", MACHINES, ids=repr)
def test_a_refit_that_fails_leaves_the_model_whole(machine, rows):
    X, y = rows
    model = clone(machine).fit(X, y)
    before, values = state(model), model.predict(X)
    wide = np.hstack([X, X])
    # What is wrong shows before, while and after targets are read.
    failures = [(wide, y[:-1], {}), (wide, np.full(60, np.nan), {}), (wide, y, {"alpha": -1.0, "alphas": (-1.0,)})]
    if is_classifier(model):
        failures += [(wide, X[:, 0], {}), (wide, y > 0, {"class_weight": {False: 0.0, True: 0.0}})]
    for rows_, targets, changes in failures:
        changes = {name: value for name, value in changes.items() if name in machine.get_params()}
        model.set_params(**changes)
        with pytest.raises(ValueError):  # noqa: PT011
            model.fit(rows_, targets)
        model.set_params(**{name: machine.get_params()[name] for name in changes})
        assert_kept(model, before, X, values)
    # And one that does not fail replaces all of it.
    model.fit(wide, y > 0)
    assert model.n_features_in_ == 6
    assert model.predict(wide).shape == (60,)
    np.testing.assert_array_equal(model.predict(wide), clone(machine).fit(wide, y > 0).predict(wide))


@pytest.mark.parametrize("machine", MACHINES, ids=repr)
def test_parameters_set_after_fit_change_nothing_that_is_fitted(machine, rows):
    X, y = rows
    model = clone(machine).fit(X, y)
    before, values = state(model), model.predict(X)
    changes = {"kernel": NTK(), "alpha": 7.0, "alphas": (7.0,), "fit_intercept": False, "solver": "cholesky"}
    changes |= {"metric": "diagonal", "standardize": False, "n_iter": 0}
    model.set_params(**{name: value for name, value in changes.items() if name in machine.get_params()})
    assert_kept(model, before, X, values)
    model.set_params(kernel="precomputed")
    assert_kept(model, before, X, values)


def test_rows_of_a_precomputed_kernel_leave_none_behind(rows):
    X, y = rows
    model = wl.KernelRidge("rbf").fit(X, y)
    assert model.X_fit_.shape == (60, 3)
    assert not hasattr(model.set_params(kernel="precomputed").fit(RBF()(X), y), "X_fit_")


@pytest.mark.parametrize(
    "machine",
    [
        wl.KernelRidgeCV(),
        wl.KernelRidgeClassifierCV(),
        wl.RecursiveFeatureMachine(),
        wl.RecursiveFeatureMachineClassifier(),
        wl.TaylorRegressor(),
        wl.TaylorClassifier(),
        wl.TwoLayerRegressor(),
        wl.TwoLayerClassifier(),
    ],
    ids=lambda machine: type(machine).__name__,
)
def test_dask_is_refused_by_name(machine, rows):
    X, y = rows
    lazy = da.from_array(X, chunks=20)
    with pytest.raises(TypeError, match=rf"^{type(machine).__name__} takes no Dask collections: pass X\.compute\(\)"):
        machine.fit(lazy, da.from_array(y, chunks=20))
    assert not hasattr(machine, "n_features_in_")


def test_gradients_and_values_of_dask_are_refused(rows):
    X, y = rows
    model, lazy = wl.RecursiveFeatureMachine("rbf", n_iter=0).fit(X, y), da.from_array(X, chunks=20)
    for call in (model.predict, model.gradient):
        with pytest.raises(TypeError, match="RecursiveFeatureMachine takes no Dask"):
            call(lazy)
    # What can be computed block by block is.
    chosen = wl.KernelRidgeCV("rbf").fit(X, y)
    np.testing.assert_allclose(chosen.predict(lazy).compute(), chosen.predict(X), rtol=1e-12)


class Counted(KernelProblem):
    """A problem that counts what is asked of it."""

    asked = []  # noqa: RUF012

    def left_out(self, alphas):
        self.asked.append(("left out", self.kernel, tuple(alphas)))
        return super().left_out(alphas)

    def refit(self, train, test, alphas):
        self.asked.append(("refit", self.kernel, tuple(alphas)))
        return super().refit(train, test, alphas)


@pytest.mark.parametrize("weighted", [False, True])
def test_every_penalty_is_asked_for_once_a_kernel(weighted, rows, monkeypatch, rng):
    X, y = rows
    weight = rng.integers(0, 3, 60).astype(float) if weighted else None
    given = Rows(X, y.astype(float)[:, None], weight, True)
    alphas, kernels = np.array([0.1, 1.0, 10.0]), [RBF(0.5), RBF(0.1)]
    monkeypatch.setattr("widelearn.estimators.kernel_ridge.choice.KernelProblem", Counted)
    found = {}
    for cv, verb, times in ((None, "left out", 1), (4, "refit", 4)):
        penalty = choice_of(wl.KernelRidgeCV(kernels, alphas, cv=cv), given)
        Counted.asked.clear()
        problem, choice = choose_kernel(kernels, penalty, *given[:3], True)
        assert Counted.asked == [(verb, kernel, (0.1, 1.0, 10.0)) for kernel in kernels for _ in range(times)]
        assert choice.alpha in alphas
        assert (choice.penalties == choice.alpha).all()
        assert problem.kernel in kernels
        found[verb] = problem.kernel, choice.alpha, choice.score
    for cv, verb in ((None, "left out"), (4, "refit")):
        model = wl.KernelRidgeCV(kernels, alphas, cv=cv).fit(X, y, weight)
        assert (model.kernel_, model.alpha_, model.best_score_) == found[verb]


def test_a_fold_of_all_rows_keeps_the_matrix(rows):
    """Training on every row must not destroy the matrix that other folds use."""
    X, y = rows
    every = np.arange(60)
    folds = [(every, every[:20]), (every[20:], every[:20])]
    model = wl.KernelRidgeCV(RBF(0.5), (0.1, 1.0), cv=folds).fit(X, y.astype(float))
    scores = [
        [wl.KernelRidge(RBF(0.5), alpha).fit(X[train], y[train]).score(X[test], y[test]) for train, test in folds]
        for alpha in (0.1, 1.0)
    ]
    np.testing.assert_allclose(model.best_score_, np.max(np.mean(scores, axis=1)), rtol=1e-10)
