"""Callbacks of scikit-learn: what they are told of a fit, alone and within pipelines, and what is left of them."""

import pickle
import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

import widelearn as wl
from widelearn.kernels import callbacks

here = pytest.mark.skipif(not callbacks.exist(), reason="scikit-learn has them from 1.9 on")
X = np.random.default_rng(0).standard_normal((60, 4))
Y = np.sin(X[:, 0])
# Fits in one step, and how many iterations the others have at most.
AT_ONCE = (wl.KernelRidge(), wl.FeatureRidge(), wl.KernelRidgeCV(), wl.GradientFlowRegressor())
IN_STEPS = (
    wl.KernelRidge("rbf", solver="pcg"),
    wl.TaylorRegressor(width=20, max_iter=5, random_state=0),
    wl.TwoLayerRegressor(max_iter=5, random_state=0),
    wl.RecursiveFeatureMachine(),
)


class Recorder:
    """What a callback was told; it asks for an end after some iterations."""

    max_propagation_depth = None

    def __init__(self, most=None):
        self.seen, self.most = [], most

    def setup(self, estimator, context):
        self.seen.append("setup")

    def teardown(self, estimator, context):
        self.seen.append("teardown")

    def on_fit_task_begin(self, estimator, context, *, X=None, y=None, metadata=None):
        self.seen.append(f"begin {context.task_name}")
        if context.task_name == "fit":
            self.given = X, y, metadata

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        self.seen.append(f"end {context.task_name}")
        if fitted_estimator is not None:
            self.fitted = fitted_estimator
        return self.seen.count("end iteration") == self.most


def fitted(model, recorder, **options):
    with warnings.catch_warnings():
        # Few iterations leave trainings before their end.
        warnings.simplefilter("ignore")
        return clone(model).set_callbacks(recorder).fit(X, Y, **options)


@here
@pytest.mark.parametrize("model", AT_ONCE + IN_STEPS, ids=str)
def test_a_fit_is_a_task_and_iterations_are_tasks_of_it(model):
    recorder, weight = Recorder(), np.ones(60)
    found = fitted(model, recorder, sample_weight=weight)
    first, *inner, last, teardown = recorder.seen[1:]
    assert (recorder.seen[0], first, last, teardown) == ("setup", "begin fit", "end fit", "teardown")
    assert inner == ["begin iteration", "end iteration"] * (len(inner) // 2)
    assert bool(inner) == (model in IN_STEPS)
    assert recorder.given[0] is X
    assert recorder.given[1] is Y
    assert recorder.given[2] == {"sample_weight": weight}
    np.testing.assert_array_equal(recorder.fitted.predict(X), found.predict(X))


@here
def test_an_end_that_is_asked_for_ends_two_layer_trainings():
    recorder = Recorder(most=2)
    assert fitted(wl.TwoLayerRegressor(max_iter=9, random_state=0), recorder).n_iter_ == 2
    assert recorder.seen.count("begin iteration") == 2


@here
def test_the_users_own_callback_is_called_as_before():
    called = []
    model = wl.KernelRidge("rbf", solver="pcg", callback=lambda iteration, _: called.append(iteration))
    recorder = Recorder()
    fitted(model, recorder)
    assert called == list(range(1, recorder.seen.count("end iteration") + 1))


@here
def test_what_holds_an_estimator_tells_its_callbacks_without_a_warning():
    pipe, recorder = make_pipeline(wl.RandomFeatures(20, random_state=0), wl.FeatureRidge("passthrough")), Recorder()
    pipe.set_callbacks(recorder).fit(X, Y)
    assert recorder.seen.count("begin fit") == 3
    search = GridSearchCV(wl.KernelRidge(), {"alpha": [0.1, 1.0]}, cv=2).set_callbacks(recorder := Recorder())
    search.fit(X, Y)
    assert recorder.seen.count("setup") == recorder.seen.count("teardown") == 1
    assert recorder.seen.count("begin fit") == 6
    assert not {"_skl_callbacks", "_parent_callback_ctx"} & vars(search.best_estimator_).keys()


@here
def test_a_fit_that_fails_ends_its_callbacks_and_leaves_nothing():
    recorder = Recorder()
    model = wl.KernelRidge().set_callbacks(recorder)
    before = vars(model).keys()
    with pytest.raises(ValueError, match="inconsistent"):
        model.fit(X, Y[:3])
    assert recorder.seen == ["setup", "begin fit", "teardown"]
    assert vars(model).keys() == before
    model.set_callbacks().fit(X, Y)
    assert len(recorder.seen) == 3


@here
def test_callbacks_are_no_part_of_files_and_other_things_are_refused(tmp_path):
    model = wl.KernelRidge().set_callbacks(Recorder()).fit(X, Y)
    wl.save(model, tmp_path / "model.wl")
    back = wl.load(tmp_path / "model.wl")
    assert "_skl_callbacks" not in vars(back)
    np.testing.assert_array_equal(back.predict(X), model.predict(X))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), model.predict(X))
    with pytest.raises(TypeError, match="FitCallback"):
        model.set_callbacks(3)


def test_older_versions_of_scikit_learn_have_none(monkeypatch):
    monkeypatch.setattr(callbacks, "exist", lambda: False)
    model = wl.KernelRidge()
    assert not hasattr(model, "set_callbacks")
    with pytest.raises(AttributeError, match="set_callbacks"):
        model.set_callbacks(Recorder())
    assert model.fit(X, Y) is model
