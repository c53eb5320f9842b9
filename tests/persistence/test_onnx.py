"""Fitted models as ONNX: every public class, what they answer, and what is refused."""

import inspect

import numpy as np
import pytest
from sklearn.base import BaseEstimator, clone, is_classifier

import widelearn as wl
from activation_values import NAMES
from onnx_sessions import answers, bound, check_numbers, error, session_of
from widelearn.features.shifts import shifts_of
from widelearn.kernels import Laplace, Matern

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
# Classes that no operators say with their defaults, and why: none. Linearised ones are linear then.
REFUSED: dict[str, str] = {}
QUICK = {"random_state": 0, "max_iter": 15, "n_iter": 1, "width": 12, "n_components": 24}
CLASSES = {name: getattr(wl, name) for name in wl.__all__ if inspect.isclass(getattr(wl, name))}
CLASSES = {name: kind for name, kind in CLASSES.items() if issubclass(kind, BaseEstimator)}


def table(n=90, d=4, seed=0):
    """Rows, new rows, and targets of every kind by name."""
    rng = np.random.default_rng(seed)
    X, new = rng.standard_normal((n, d)), rng.standard_normal((25, d))
    new[0] = X[1]
    y = np.sin(2 * X[:, 0]) + X[:, 1] ** 2
    c = np.digitize(y, [0.3, 1.2])
    labels = {"many": c, "texts": np.array(["low", "mid", "high"])[c], "two": c > 1, "odd": np.where(c > 1, 7, -3)}
    labels["floats"] = c.astype(float)
    labels["multilabel"] = (np.column_stack([y, X[:, 2], -y]) > 0.2).astype(int)
    return X, new, {"flat": y, "wide": np.column_stack([y, X[:, 2]]), "column": y[:, None]}, labels


def quick(kind, **parameters):
    """An estimator of a class that is fitted quickly."""
    names = inspect.signature(kind).parameters
    return kind(**{name: value for name, value in (QUICK | parameters).items() if name in names})


def check(model, X, new):
    """Compare all outputs of a fitted model with its methods."""
    if not is_classifier(model):
        check_numbers(model, new, "predict" if hasattr(model, "predict") else "transform")
        return
    found = answers(model, new, dtype=new.dtype)
    wanted = model.predict(new)
    assert found["label"].shape == wanted.shape
    assert (found["label"] == wanted).all()
    methods = {"scores": "decision_function"}
    if hasattr(model, "predict_proba"):
        methods["probabilities"] = "predict_proba"
    assert set(found) == {"label", *methods}
    for name, method in methods.items():
        values = getattr(model, method)(new).astype(new.dtype)
        assert error(found[name], values) <= (1e-10 if new.dtype == np.float64 else bound(model, new, method))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", sorted(CLASSES))
def test_every_public_class_is_exported(name, dtype):
    X, new, targets, labels = table()
    model = quick(CLASSES[name])
    y = labels["texts"] if is_classifier(model) else targets["flat"]
    model = model.fit(X.astype(dtype), y)
    if name in REFUSED:
        with pytest.raises(NotImplementedError, match=name):
            wl.to_onnx(model)
        return
    check(model, X, new.astype(dtype))
    if hasattr(model, "predict"):
        # The type of its own.
        assert session_of(model).get_inputs()[0].type == ("tensor(double)" if dtype == np.float64 else "tensor(float)")


@pytest.mark.parametrize("name", sorted(name for name, kind in CLASSES.items() if hasattr(kind, "predict")))
def test_targets_of_every_shape_and_type(name):
    X, new, targets, labels = table(60)
    kind = CLASSES[name]
    given = labels if is_classifier(kind()) else targets
    for y in given.values():
        model = quick(kind)
        if "features" in model.get_params(deep=False):
            model.set_params(features=wl.RandomFeatures(16, random_state=0))
        check(model.fit(X, y), X, new)


@pytest.mark.parametrize("activation", [*NAMES, ("leaky_relu", 0.3), "hermite7"], ids=str)
def test_activations_of_maps(activation):
    X, new, *_ = table()
    maps = [wl.RandomFeatures(30, activation, bias_scale=0.7, random_state=1)]
    maps += [wl.TangentFeatures(10, activation, random_state=1)] if activation != "step" else []
    for one in maps:
        for dtype in (np.float64, np.float32):
            check_numbers(one.fit(X.astype(dtype)), new.astype(dtype), "transform")


MAPS = [
    *(wl.RandomFeatures(70, weights=law, random_state=1) for law in ("gaussian", "sphere", "orthogonal", "hadamard")),
    *(wl.FourierFeatures(n_components=p, random_state=2) for p in (1, 2, 21)),
    wl.FourierFeatures("laplace", 20, random_state=2),
    wl.FourierFeatures("laplacian", 20, random_state=2),
    wl.FourierFeatures(Matern(), 31, weights="hadamard", random_state=2),
    wl.NTKFeatures(70, depth=1, random_state=0),
    wl.NTKFeatures(70, depth=3, random_state=0),
    wl.NystromFeatures(Laplace(), 30, random_state=0),
    wl.NystromFeatures("polynomial", 60, random_state=0),
    wl.NeuralRepresentation(20, "quadratic", whiten=False, random_state=0),
    "passthrough",
]


@pytest.mark.parametrize("features", MAPS, ids=str)
def test_maps_by_themselves_and_below_ridge(features):
    X, new, targets, _ = table()
    if not isinstance(features, str):
        check_numbers(clone(features).fit(X), new, "transform")
    for dtype in (np.float64, np.float32):
        check_numbers(
            wl.FeatureRidge(features, 1e-3).fit(X.astype(dtype), targets["wide"]), new.astype(dtype), "predict"
        )


def test_doors_of_maps_say_what_they_compute():
    X, *_ = table()
    one = wl.RandomFeatures(9, "erf", bias_scale=0.5, random_state=4).fit(X)
    layer = X @ one.directions().T + shifts_of(one)
    wanted = wl.RandomFeatures(9, "identity", bias_scale=0.5, random_state=4).fit(X).transform(X) * 3.0
    assert np.abs(layer - wanted).max() < 1e-13
    assert np.abs(shifts_of(one)).max() > 0.1
    odd = wl.FourierFeatures(n_components=7, random_state=3).fit(X)
    last = np.cos(X @ odd.directions()[-1] + shifts_of(odd)[-1]) * np.sqrt(2 / 7)
    assert np.abs(last - odd.transform(X)[:, -1]).max() < 1e-13
    assert not shifts_of(odd)[:-1].any()
    tangents = wl.TangentFeatures(5, random_state=3).fit(X)
    slopes = (X @ tangents.directions().T > 0) / np.sqrt(5 * 4)
    assert np.abs((slopes[:, :, None] * X[:, None, :]).reshape(len(X), -1) - tangents.transform(X)).max() < 1e-15
    deep = wl.NTKFeatures(6, depth=2, random_state=1).fit(X)
    assert [[part.shape for part in deep.directions(layer)] for layer in (0, 1)] == [3 * [(6, 4)], 3 * [(6, 6)]]
    with pytest.raises(ValueError, match="layer must be one of 0 to 1, got 2"):
        deep.directions(2)


VARIANTS = [
    wl.KernelRidge("laplace", alpha=1e-6, fit_intercept=False),
    wl.KernelRidge("linear", alpha=1e-9),
    wl.KernelRidge("rbf", solver="nystrom", n_components=20, random_state=0),
    wl.KernelRidgeCV(["rbf", "ntk"]),
    wl.RecursiveFeatureMachine("rbf", n_iter=2, metric="diagonal"),
    wl.RecursiveFeatureMachine("laplacian", n_iter=2),
    wl.RecursiveFeatureMachine(n_iter=2, leaf_size=30),
    wl.GradientFlowRegressor("linear"),
    wl.GradientFlowRegressor(wl.RandomFeatures(30, random_state=0), time=10, learning_rate=1e-3),
    wl.GradientFlowRegressor(wl.RandomFeatures(300, random_state=0)),
    wl.LinearizedRidge(fit_intercept=True),
    wl.TaylorizedRidge(fit_intercept=True),
    *(
        wl.TaylorRegressor(order, activation, width=12, mode=mode, max_iter=10, random_state=0)
        for order, activation, mode in [
            (3, None, "taylor"),
            (4, "swish", "taylor"),
            (3, "sigmoid", "taylor"),
            (3, "tanh", "taylor"),
            (4, "gelu", "taylor"),
            (3, "erf", "taylor"),
            ((1, 2), "relu2", "taylor"),
            (1, "relu", "taylor"),
            (2, None, "marginal"),
            (3, None, "marginal"),
            (2, None, "signs"),
            (3, None, "signs"),
        ]
    ),
    wl.TaylorRegressor(width=12, whiten=True, linear_term=False, max_iter=10, random_state=0),
    wl.TaylorRegressor(width=12, weight_variance=6.0, bias_variance=1.0, max_iter=10, random_state=0),
    *(
        wl.TwoLayerRegressor(12, activation, smoothing=smoothing, max_iter=10, random_state=0)
        for activation in ("relu", "truncated_relu", ("leaky_relu", 0.2), "softplus")
        for smoothing in ((0.0, 0.3) if activation in ("relu", "truncated_relu") else (0.0,))
    ),
    wl.TwoLayerRegressor(12, scaling=None, max_iter=10, random_state=0),
]


@pytest.mark.parametrize("model", VARIANTS, ids=str)
def test_variants_are_ours(model):
    X, new, targets, _ = table()
    for dtype in (np.float64, np.float32):
        check(model.fit(X.astype(dtype), targets["flat"]), X, new.astype(dtype))


def test_classifiers_of_leaves_have_probabilities():
    X, new, _, labels = table()
    for y in (labels["texts"], labels["two"], labels["multilabel"]):
        model = wl.RecursiveFeatureMachineClassifier(n_iter=1, leaf_size=30, random_state=0).fit(X, y)
        assert len(model.leaf_starts_) > 3
        check(model, X, new)
