"""A fitted model of any kind as a model of ONNX: which outputs it has, of which types and shapes."""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted

from widelearn.estimators import TaylorizedRidge
from widelearn.features.base import FeatureMap
from widelearn.features.state import snapshot
from widelearn.persistence.onnx_graphs import class_graphs, feature_graphs, model_graphs
from widelearn.persistence.onnx_graphs.graph import IR, OPSET, Graph, Value
from widelearn.runtime import __version__

if TYPE_CHECKING:
    from onnx import ModelProto

TRANSFORMERS = (FeatureMap, FeatureUnion, StandardScaler)


def exported(model: Any, dtype: Any, probabilities: bool | None) -> ModelProto:
    """Return a fitted model as ONNX, in a type of rows; see `to_onnx`."""
    check_known(model)
    check_is_fitted(model)
    kind = type_of(model, dtype)
    graph, d = Graph(), width_of(model)
    found = named_outputs(model, Value(graph, "X", kind), probabilities)
    for name, value in found.items():
        graph.apply("Identity", value, name=name)
    inputs = [outline("X", kind, d)]
    outputs = [outline(name, value.dtype, *columns_of(model, name, d, kind)) for name, value in found.items()]
    return written(model, graph, inputs, outputs, kind)


def width_of(model: Any) -> int:
    """Return how many columns rows have, which steps of a pipeline that change nothing do not know."""
    if isinstance(model, Pipeline):
        steps = [step for _, step in model.steps if step is not None and not isinstance(step, str)]
        if steps:
            return width_of(steps[0])
    return int(model.n_features_in_)


def outline(name: str, kind: np.dtype[Any], *columns: int) -> Any:
    """Return what ONNX says of an array of any number of rows."""
    from onnx import helper

    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(kind), ["n", *columns])


def columns_of(model: Any, name: str, d: int, kind: np.dtype[Any]) -> tuple[int, ...]:
    """Return the shape of one row's output, as the model gives it."""
    with warnings.catch_warnings():
        # It asks for the names of columns where it has any.
        warnings.filterwarnings("ignore", message="X does not have valid feature names")
        found: tuple[int, ...] = getattr(model, method_of(model, name))(np.zeros((1, d), kind)).shape[1:]
    return found


def method_of(model: Any, name: str) -> str:
    """Return the method whose shape an output has."""
    if name == "y":
        return "predict" if hasattr(model, "predict") else "transform"
    return {"label": "predict", "scores": "decision_function", "probabilities": "predict_proba"}[name]


def check_known(model: Any) -> None:
    """Refuse what is no model of ours."""
    own = type(model).__module__.startswith("widelearn.") and hasattr(model, "get_params")
    known = (own and hasattr(model, "fit")) or isinstance(model, (Pipeline, *TRANSFORMERS))
    if isinstance(model, Pipeline) and hasattr(model.steps[-1][1], "predict"):
        check_known(model.steps[-1][1])
    if isinstance(model, type) or not known:
        raise TypeError(
            "to_onnx takes a fitted estimator or feature map of widelearn, or a Pipeline of them, got"
            f" {str(model)[:100]}. Of a search give its best_estimator_."
        )


def type_of(model: Any, asked: Any) -> np.dtype[Any]:
    """Return the type of a graph's rows: the one that was asked for, or the model's own."""
    try:
        kind = np.dtype(own_type(model) if asked is None else asked)
    except TypeError:
        kind = np.dtype(object)
    if kind not in (np.dtype(np.float64), np.dtype(np.float32)):
        raise ValueError(f"dtype must be 'float64' or 'float32', got {asked!r}.")
    return kind


def own_type(model: Any) -> Any:
    """Return the type of the rows that a model was fitted to, float64 where it does not keep that."""
    if isinstance(model, Pipeline):
        return own_type(model.steps[-1][1])
    if not hasattr(model, "predict"):
        return np.float64
    # Values of rows in single precision are so where the model is, and of doubles always double.
    inner = model if isinstance(model, TaylorizedRidge) else model._model
    for name in ("fixed", "solved", "inner"):
        inner = getattr(inner, name, inner)
    for name in ("rows", "coef", "W", "movement", "coef_"):
        found: Any = getattr(inner, name, None)
        if isinstance(found, np.ndarray) or hasattr(found, "toarray"):
            return found.dtype
    return inner.net.W.dtype if hasattr(inner, "net") else np.float64


def named_outputs(model: Any, x: Value, probabilities: bool | None) -> dict[str, Value]:
    """Return the outputs of a model by name."""
    if isinstance(model, Pipeline) and hasattr(model.steps[-1][1], "predict"):
        return named_outputs(model.steps[-1][1], feature_graphs.chained(model[:-1], x), probabilities)
    if isinstance(model, (Pipeline, *TRANSFORMERS)):
        return {"y": feature_graphs.features(model, x)}
    fitted = snapshot(model)
    found = linear(fitted, x) if isinstance(model, TaylorizedRidge) else model_graphs.values(fitted._model, x)
    if not is_classifier(model):
        refuse_probabilities(model, probabilities)
        flat = not columns_of(model, "y", int(model.n_features_in_), x.dtype)
        return {"y": found.squeezed() if flat else found}
    has = hasattr(model, "predict_proba")
    if not has:
        refuse_probabilities(model, probabilities)
    return class_graphs.outputs(fitted, found, probabilities=has if probabilities is None else probabilities)


def refuse_probabilities(model: Any, asked: bool | None) -> None:
    """Refuse to give probabilities that a model does not have."""
    if asked:
        raise ValueError(f"{type(model).__name__} as it was fitted has no predict_proba: leave probabilities=None.")


def linear(fitted: Any, x: Value) -> Value:
    """Return the values of a Taylorised linear model; others are functions of Python."""
    terms, movements = fitted._model
    if fitted._start is not None or terms._terms.__name__ != "linear_terms":
        raise NotImplementedError(model_graphs.OF_PYTHON.format("TaylorizedRidge"))
    return x @ np.column_stack(movements) + np.reshape(fitted.intercept_, (1, -1))


def written(model: Any, graph: Graph, inputs: list[Any], outputs: list[Any], kind: np.dtype[Any]) -> ModelProto:
    """Return a graph as a model of ONNX that says where it comes from, checked."""
    import onnx
    from onnx import helper, numpy_helper

    arrays = [numpy_helper.from_array(np.asarray(array, order="C"), name) for name, array in graph.arrays.items()]
    whole = helper.make_graph(graph.nodes, type(model).__name__, inputs, outputs, arrays)
    made = helper.make_model(
        whole,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR,
        producer_name="widelearn",
        producer_version=__version__,
    )
    about = {"widelearn": __version__, "class": type(model).__name__, "dtype": str(kind)}
    names = getattr(model, "feature_names_in_", None)
    if names is not None:
        about["feature_names"] = json.dumps([str(name) for name in names])
    helper.set_model_props(made, about)
    onnx.checker.check_model(made)
    return made
