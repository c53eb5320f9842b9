"""Fitted models for ONNX Runtime: their predictions by its operators, without this package."""

from __future__ import annotations

import json
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
from widelearn.runtime import __version__, capped

if TYPE_CHECKING:
    from onnx import ModelProto

MISSING = "to_onnx writes graphs by the package onnx: pip install 'widelearn[onnx]'."
TRANSFORMERS = (FeatureMap, FeatureUnion, StandardScaler)


@capped
def to_onnx(model: Any, *, dtype: Any = None, probabilities: bool | None = None) -> ModelProto:
    """Return a fitted model as ONNX: what it predicts, by operators of opset 18 alone.

    The graph takes "X" (n, d), n being any number of rows. It gives "y", the shape of which is that of ``predict`` or
    ``transform``; of classifiers "label", "scores" (``decision_function``) and "probabilities" (``predict_proba``).
    ``onnx.save(to_onnx(model), path)`` writes a file.

    Parameters
    ----------
    model : estimator or transformer
        A fitted estimator or feature map of widelearn; a Pipeline, FeatureUnion or StandardScaler of them.
    dtype : {"float64", "float32"}, default=None
        Type of rows, values and arithmetic; None is the type of the rows that the model was fitted to, and float64 for
        maps. The graph of either type computes as ``predict`` does of rows of that type.
    probabilities : bool, default=None
        Whether a classifier gives "probabilities"; None means where it has ``predict_proba``. Those of ridge and kernel
        classifiers and of recursive machines cost what their first call costs.

    Returns
    -------
    onnx.ModelProto
        The model. Labels are int64, texts, booleans or float64 as the classes were; of a multilabel indicator int64
        (n, t). Its metadata names widelearn's version, the class, the type and the columns.

    Raises
    ------
    NotImplementedError
        If a part is no formula of ONNX operators; the message names it and says what to take. Such are functions of
        yours (activations, kernels, Jacobians), and kernels NNGP, NTK and TaylorKernel of "tanh", "sigmoid",
        "softplus" and "swish", which are series.
    ValueError
        If the model is not fitted, was fitted to a precomputed kernel, has classes of another type, or takes more than
        the 2 GiB that a file may hold, with the bytes.
    TypeError
        If it is no model of widelearn.
    ImportError
        If onnx is not installed: ``pip install 'widelearn[onnx]'``.

    Notes
    -----
    In ONNX Runtime on CPUs values of float64 graphs are within 1e-10 of the spread of ours, for equal, near-equal and
    opposite rows too: distances and angles of near rows come from their differences, as here. Erf, Acos, Asin and Atan
    are not in ONNX Runtime for float64: their graphs are series of multiplications, to 4e-16. float32 graphs are as
    far from float64 as our own float32 is, 1e-5 of the spread or a few times that; coefficients that were kept in
    float64 for float32 rows are used in float64. Where an activation jumps ("step", the gates of NTKFeatures, slopes
    of relu) a preactivation that rounds to the other side of 0 changes one neuron.

    Random weights are written out, also those of "hadamard": p d numbers. A graph of a kernel holds the rows that
    were fitted and takes n m numbers for n rows and m fitted ones, more where many of these pairs are near. Leaves of
    recursive machines are all computed for every row. Rows with missing values are not refused.

    Examples
    --------
    >>> import numpy as np
    >>> import onnxruntime
    >>> import widelearn as wl
    >>> X = np.random.default_rng(0).standard_normal((40, 3))
    >>> model = wl.KernelRidge(wl.kernels.NTK(depth=2), alpha=0.1).fit(X, np.sin(X[:, 0]))
    >>> session = onnxruntime.InferenceSession(
    ...     wl.to_onnx(model).SerializeToString(), providers=["CPUExecutionProvider"]
    ... )
    >>> (y,) = session.run(None, {"X": X})
    >>> bool(np.abs(y - model.predict(X)).max() < 1e-12)
    True
    """
    try:
        from onnx import helper
    except ImportError as error:
        raise ImportError(MISSING) from error
    check_known(model)
    check_is_fitted(model)
    kind = type_of(model, dtype)
    graph, d = Graph(), int(model.n_features_in_)
    found = named_outputs(model, Value(graph, "X", kind), probabilities)
    for name, value in found.items():
        graph.apply("Identity", value, name=name)
    inputs = [helper.make_tensor_value_info("X", helper.np_dtype_to_tensor_dtype(kind), ["n", d])]
    row = np.zeros((1, d), kind)
    outputs = [
        helper.make_tensor_value_info(
            name,
            helper.np_dtype_to_tensor_dtype(value.dtype),
            ["n", *getattr(model, method_of(model, name))(row).shape[1:]],
        )
        for name, value in found.items()
    ]
    return written(model, graph, inputs, outputs, kind)


def method_of(model: Any, name: str) -> str:
    """Return the method whose shape an output has."""
    if name == "y":
        return "predict" if hasattr(model, "predict") else "transform"
    return {"label": "predict", "scores": "decision_function", "probabilities": "predict_proba"}[name]


def check_known(model: Any) -> None:
    """Refuse what is no model of ours."""
    own = type(model).__module__.startswith("widelearn.") and hasattr(model, "get_params")
    known = (own and hasattr(model, "fit")) or isinstance(model, (Pipeline, *TRANSFORMERS))
    if isinstance(model, type) or not known:
        raise TypeError(
            f"to_onnx takes a fitted estimator or feature map of widelearn, or a Pipeline of them, got {model!r:.100}."
        )


def type_of(model: Any, asked: Any) -> np.dtype[Any]:
    """Return the type of a graph's rows: the one that was asked for, or the model's own."""
    kind = np.dtype(own_type(model) if asked is None else asked)
    if kind not in (np.dtype(np.float64), np.dtype(np.float32)):
        raise ValueError(f"dtype must be 'float64' or 'float32', got {asked!r}.")
    return kind


def own_type(model: Any) -> Any:
    """Return the type of the rows that a model was fitted to, float64 where it does not keep that."""
    last = model.steps[-1][1] if isinstance(model, Pipeline) else model
    if not hasattr(last, "predict"):
        return np.float64
    # Values of rows in single precision are so where the model is, and of doubles always double.
    inner = last._model
    for name in ("fixed", "solved", "inner"):
        inner = getattr(inner, name, inner)
    for name in ("rows", "coef", "W", "movement"):
        found = getattr(inner, name, None)
        if isinstance(found, np.ndarray):
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
        flat = model.predict(np.zeros((1, model.n_features_in_), x.dtype)).ndim == 1
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
