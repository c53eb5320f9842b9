"""Models as ONNX: what files say of themselves, pipelines, functions in double precision, and what is refused."""

import json
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest
from onnx import helper
from onnx.reference import ReferenceEvaluator
from scipy import sparse, special
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler

import widelearn as wl
from onnx_sessions import answers, check_numbers
from widelearn.kernels import NTK, RBF, Laplace, Polynomial
from widelearn.persistence.onnx_graphs import functions, graph


def rows(n=60, d=3, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d))
    return X, np.sin(2 * X[:, 0]) + X[:, 1] ** 2


def test_a_model_says_where_it_comes_from():
    X, y = rows()
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    made = wl.to_onnx(wl.KernelRidge().fit(frame, y))
    assert (made.producer_name, made.producer_version) == ("widelearn", wl.__version__)
    assert [(one.domain, one.version) for one in made.opset_import] == [("", 18)]
    about = {one.key: one.value for one in made.metadata_props}
    assert json.loads(about.pop("feature_names")) == ["a", "b", "c"]
    assert about == {"widelearn": wl.__version__, "class": "KernelRidge", "dtype": "float64"}
    assert [one.dim_param or one.dim_value for one in made.graph.input[0].type.tensor_type.shape.dim] == ["n", 3]


@pytest.mark.parametrize("kernel", [NTK(depth=2), Laplace(), Laplace(norm=1), "polynomial"], ids=str)
def test_any_runtime_reads_it(kernel):
    X, y = rows(20)
    model = wl.KernelRidge(kernel).fit(X, y)
    made = wl.to_onnx(model)
    onnx.checker.check_model(made, full_check=True)
    (found,) = ReferenceEvaluator(made).run(None, {"X": X[:5]})
    assert np.abs(found - model.predict(X[:5])).max() < 1e-12


def test_the_type_may_be_another_than_the_model_has():
    X, y = rows()
    for one, other in ((np.float64, np.float32), (np.float32, np.float64)):
        model = wl.FeatureRidge(wl.RandomFeatures(40, random_state=0), 1e-2).fit(X.astype(one), y)
        found = answers(model, X.astype(other), dtype=other)["y"]
        assert found.dtype == other
        assert np.abs(found - model.predict(X.astype(other))).max() < 2e-5


def test_pipelines_and_unions():
    X, y = rows()
    both = FeatureUnion(
        [("waves", wl.FourierFeatures(n_components=20, random_state=0)), ("rows", "passthrough"), ("no", "drop")],
        transformer_weights={"waves": 2.0},
    )
    check_numbers(both.fit(X), X, "transform")
    check_numbers(make_pipeline(StandardScaler(), both).fit(X), X, "transform")
    check_numbers(make_pipeline(StandardScaler(), both, wl.FeatureRidge("passthrough")).fit(X, y), X, "predict")
    check_numbers(
        make_pipeline(StandardScaler(with_mean=False), "passthrough", wl.KernelRidge()).fit(X, y), X, "predict"
    )
    check_numbers(wl.FeatureRidge(make_pipeline(StandardScaler(), wl.RandomFeatures(30))).fit(X, y), X, "predict")
    classes = make_pipeline(StandardScaler(), wl.KernelRidgeClassifier("rbf")).fit(X, np.where(y > 1, "yes", "no"))
    assert (answers(classes, X)["label"] == classes.predict(X)).all()


def test_features_far_from_zero_keep_their_digits():
    X, y = rows()
    model = wl.FeatureRidge("passthrough", 1e-6).fit(X + 1e6, y)
    assert model._model.center is not None
    check_numbers(model, X + 1e6, "predict")


def test_steps_that_change_nothing_and_pipelines_in_pipelines():
    X, y = rows()
    for model in (
        make_pipeline("passthrough", wl.KernelRidge("rbf")),
        make_pipeline(None, "passthrough", StandardScaler(), wl.KernelRidge("rbf")),
        make_pipeline(StandardScaler(), make_pipeline(StandardScaler(), wl.KernelRidge("rbf"))),
        make_pipeline(make_pipeline("passthrough", StandardScaler()), wl.KernelRidge("rbf")),
    ):
        check_numbers(model.fit(X, y), X, "predict")


@pytest.mark.parametrize("size", [1e-300, 1e-50, 1e-46, 1e-40, 1.0])
def test_intercepts_are_no_zeros_of_single_precision(size):
    X, y = rows()
    for model in (wl.KernelRidge("rbf"), wl.FeatureRidge("passthrough"), wl.FeatureRidge(random_state=0)):
        model.fit(X, (1.0 + y) * size)
        assert np.allclose(answers(model, X)["y"] / size, model.predict(X) / size, rtol=0, atol=1e-10)


@pytest.mark.parametrize("near", [1 + 2.9e-8, 1 - 1.4e-8, 1 + 1e-12, 1 + 1e-7])
def test_factors_are_no_ones_of_single_precision(near):
    X, y = rows()
    column = (X[:, :1] - X[:, :1].mean()) / X[:, :1].std() * near
    for model, given in (
        (wl.KernelRidge(NTK(2, weight_variance=near), alpha=0.01), X),
        (wl.KernelRidge(Polynomial(gamma=near), alpha=0.01), X),
        (make_pipeline(StandardScaler(), wl.KernelRidge(RBF(30.0), alpha=0.01)), column),
    ):
        model.fit(given, y)
        assert np.allclose(answers(model, given)["y"], model.predict(given), rtol=0, atol=1e-10 * np.ptp(y))


@pytest.mark.parametrize("kernel", [RBF("scale"), NTK(depth=2)], ids=str)
def test_models_of_sparse_rows_take_dense_ones(kernel):
    X = sparse.random_array((40, 10), density=0.3, rng=np.random.default_rng(0), format="csr")
    y = np.random.default_rng(1).standard_normal(40)
    check_numbers(wl.KernelRidge(kernel).fit(X, y), X.toarray(), "predict")
    model = wl.KernelRidgeClassifier(kernel).fit(X, y > 0)
    assert np.allclose(answers(model, X.toarray())["probabilities"], model.predict_proba(X), rtol=1e-10)


def test_batches_are_solved_first():
    X, y = rows()
    model = wl.FeatureRidgeClassifier(wl.RandomFeatures(20, random_state=0))
    for part in (slice(0, 30), slice(30, 60)):
        model.partial_fit(X[part], y[part] > 1, classes=[False, True])
    found = answers(model, X)
    assert set(found) == {"label", "scores"} | ({"probabilities"} if hasattr(model, "predict_proba") else set())
    assert (found["label"] == model.predict(X)).all()


def test_one_class_and_no_rows():
    X, _ = rows()
    model = wl.KernelRidgeClassifier("rbf").fit(X, np.full(len(X), "only"))
    assert (answers(model, X, probabilities=False)["label"] == "only").all()
    for one in (model, wl.FeatureRidge(wl.TangentFeatures(4)).fit(X, X[:, :2]), wl.KernelRidge().fit(X, X[:, 0])):
        for name, found in answers(one, X[:0]).items():
            assert len(found) == 0, name


def test_probabilities_may_be_left_out():
    X, y = rows()
    model = wl.KernelRidgeClassifier("rbf").fit(X, y > 1)
    assert set(answers(model, X, probabilities=False)) == {"label", "scores"}
    assert set(answers(model, X, probabilities=True)) == {"label", "scores", "probabilities"}
    for other in (wl.GradientFlowClassifier("rbf").fit(X, y > 1), wl.KernelRidge().fit(X, y)):
        with pytest.raises(ValueError, match="has no predict_proba: leave probabilities=None"):
            wl.to_onnx(other, probabilities=True)


def of_numbers(function, *arrays):
    """What ONNX Runtime makes of numbers by a graph of a function."""
    whole, inputs = graph.Graph(), [f"x{place}" for place in range(len(arrays))]
    found = function(*(graph.Value(whole, name, arrays[0].dtype) for name in inputs))
    kind = helper.np_dtype_to_tensor_dtype(arrays[0].dtype)
    made = helper.make_graph(
        whole.nodes,
        "numbers",
        [helper.make_tensor_value_info(name, kind, ["n"]) for name in inputs],
        [helper.make_tensor_value_info(found.name, kind, ["n"])],
        [onnx.numpy_helper.from_array(array, name) for name, array in whole.arrays.items()],
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", graph.OPSET)], ir_version=graph.IR)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, dict(zip(inputs, arrays, strict=True)))[0]


def test_functions_without_double_precision_are_made():
    t = np.concatenate([np.linspace(-8, 8, 4001), np.logspace(-12, 0, 400), -np.logspace(-12, 0, 400), [0.0, 1.0]])
    for ours, theirs in ((functions.erf, special.erf), (functions.arctangent, np.arctan)):
        found, wanted = of_numbers(ours, t), theirs(t)
        assert (np.abs(found - wanted) <= 2e-15 * np.abs(wanted)).all()
        assert np.abs(of_numbers(ours, t.astype(np.float32)) - wanted).max() < 3e-7
    fall = np.abs(t) + 0.3
    found, wanted = of_numbers(functions.falling_sinh, t, fall), np.sinh(t) * np.exp(-fall)
    assert (np.abs(found - wanted) <= 2e-15 * np.abs(wanted)).all()
    corners = np.array([[0.0, 0.0], [0.0, 2.0], [2.0, 0.0], [1.0, 1.0], [1e-200, 1.0]]).T
    assert np.allclose(of_numbers(functions.angle, *corners), [0.0, 0.0, np.pi / 2, np.pi / 4, 1e-200], rtol=1e-15)


@pytest.mark.parametrize(
    ("model", "kind", "message"),
    [
        (wl.KernelRidge(), NotFittedError, "not fitted yet"),
        (wl.RandomFeatures(), NotFittedError, "not fitted yet"),
        (make_pipeline(StandardScaler(), wl.KernelRidge()), NotFittedError, "not fitted yet"),
        (RBF(), TypeError, "takes a fitted estimator or feature map of widelearn"),
        (wl.KernelRidge, TypeError, "takes a fitted estimator"),
        ("model", TypeError, "takes a fitted estimator"),
        (Ridge(), TypeError, "takes a fitted estimator .* got Ridge"),
        (GridSearchCV(wl.KernelRidge(), {}), TypeError, "best_estimator_"),
    ],
)
def test_what_is_no_fitted_model_is_refused(model, kind, message):
    with pytest.raises(kind, match=message):
        wl.to_onnx(model)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (wl.FeatureRidge(wl.RandomFeatures(9, (np.sin,))), "RandomFeatures.activation is a function of Python"),
        (wl.FeatureRidge(wl.TangentFeatures(9, (np.sin, np.cos))), "TangentFeatures.activation is a function"),
        (wl.FeatureRidge(MinMaxScaler()), "MinMaxScaler is no feature map that is known"),
        (wl.GradientFlowRegressor(wl.linearize(lambda X: X[:, 0], lambda X: X), time=1.0, fit_intercept=False), "f0"),
        (
            make_pipeline(FunctionTransformer(np.abs), wl.KernelRidge("rbf")),
            "FunctionTransformer.func is a function of Python.*export the steps after it",
        ),
        (wl.linearize(lambda X: X[:, 0], lambda X: X), r"calls functions of Python \(f0, the Jacobian\)"),
        (wl.linearize(None, lambda X: X), "calls functions of Python"),
        (wl.TaylorizedRidge(lambda X: X[:, 0]), "TaylorizedRidge calls functions of Python"),
        (wl.KernelRidge(NTK(activation="tanh")), "'tanh' is a series"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_what_no_operators_say_is_refused_by_name(model, message):
    X, y = rows()
    model.fit(X, y)
    with pytest.raises(NotImplementedError, match=message):
        wl.to_onnx(model)


def test_kernel_matrices_are_refused():
    X, y = rows()
    K = X @ X.T
    for model in (
        wl.KernelRidge("precomputed").fit(K, y),
        wl.GradientFlowRegressor("precomputed", time=1.0).fit(K, y),
        wl.NystromFeatures("precomputed", 9).fit(K),
        wl.FeatureRidge(wl.NystromFeatures("precomputed", 9)).fit(K, y),
    ):
        with pytest.raises(ValueError, match=r"kernel='precomputed' .* not rows"):
            wl.to_onnx(model)


def test_arguments_are_refused():
    X, y = rows()
    model = wl.KernelRidge().fit(X, y)
    for dtype in ("float16", "int64", "number"):
        with pytest.raises(ValueError, match=f"dtype must be 'float64' or 'float32', got '{dtype}'"):
            wl.to_onnx(model, dtype=dtype)
    dates = wl.KernelRidgeClassifier("rbf").fit(X, np.where(y > 1, "2020-01-01", "2021-01-01").astype("M8[D]"))
    with pytest.raises(ValueError, match=r"Classes of type datetime64\[D\] .* are no labels that ONNX has"):
        wl.to_onnx(dates)
    foreign = make_pipeline(StandardScaler(), Ridge()).fit(X, y)
    with pytest.raises(TypeError, match="got Ridge"):
        wl.to_onnx(foreign)


def test_numbers_beyond_the_type_are_refused():
    X, y = rows()
    model = wl.FeatureRidge("passthrough").fit(X, 1e60 * y)
    with pytest.raises(ValueError, match=r"A number of the model, .*e\+59, is beyond float32: take dtype='float64'"):
        wl.to_onnx(model, dtype="float32")
    check_numbers(model, X, "predict")


def test_more_than_a_file_holds_is_refused_before_it_is_made(monkeypatch):
    wide = wl.RandomFeatures(1_000_000, random_state=0).fit(np.zeros((1, 1000)))
    with pytest.raises(ValueError, match="The 1000000 x 1000 directions of RandomFeatures take 8000000000 bytes"):
        wl.to_onnx(wide)
    deep = wl.NTKFeatures(20_000, depth=2, random_state=0).fit(np.zeros((1, 10)))
    with pytest.raises(ValueError, match=r"of 2 layers of 20000 columns take 9604800000 bytes.*dtype='float32'"):
        wl.to_onnx(deep)
    X, y = rows()
    model = wl.KernelRidge().fit(X, y)
    monkeypatch.setattr(graph, "MOST", 1000)
    with pytest.raises(ValueError, match=r"60 rows of 3 columns take 1440 bytes, .* holds 1000"):
        wl.to_onnx(model)


def test_without_onnx_the_remedy_is_told(monkeypatch):
    X, y = rows()
    model = wl.KernelRidge().fit(X, y)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r"pip install 'widelearn\[onnx\]'"):
        wl.to_onnx(model)


def test_onnx_loads_with_the_first_export():
    code = "import sys, widelearn; print([name for name in sys.modules if name in ('onnx', 'sklearn.preprocessing')])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_the_example_serves(monkeypatch, capsys):
    path = Path(__file__).parents[2] / "examples" / "onnx_service.py"
    monkeypatch.setattr(sys, "argv", [str(path), "--quick"])
    runpy.run_path(str(path), run_name="__main__")
    printed = capsys.readouterr().out
    assert "requests of 90 rows" in printed
    assert "labels as ours: 100.0%" in printed
    assert float(printed.split("apart by ")[1]) < 1e-10
