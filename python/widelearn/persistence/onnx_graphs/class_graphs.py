"""Classes, scores and probabilities of classifiers as graphs of their values (n, t)."""

from __future__ import annotations

from typing import Any

import numpy as np

from widelearn.estimators.chances import calibration_of
from widelearn.estimators.labels import Labels
from widelearn.features.state import snapshot
from widelearn.persistence.onnx_graphs.graph import BOOL, INT64, Value
from widelearn.runtime import Array

# Types of classes that graphs hold as they are.
KINDS = {"i": np.dtype(np.int64), "u": np.dtype(np.int64), "b": BOOL, "f": np.dtype(np.float64)}


def outputs(fitted: Any, found: Value, *, probabilities: bool) -> dict[str, Value]:
    """Return what a fitted classifier gives: "label", "scores" and, if asked for, "probabilities"."""
    labels = Labels(fitted.classes_, fitted.multilabel_)
    one = not labels.multilabel and len(labels.classes) <= 2
    named = {"label": decided(labels, found), "scores": found.squeezed() if one else found}
    if probabilities:
        named["probabilities"] = chances(labels, found, slopes(fitted))
    return named


def decided(labels: Labels, found: Value) -> Value:
    """Return the class of every row, or the labels (n, t) of a multilabel indicator."""
    if labels.multilabel:
        return found.greater(0.0).to(INT64)
    table = found.graph.constant(classes(labels.classes), classes(labels.classes).dtype)
    if len(labels.classes) == 1:
        return table.taken(found.squeezed().less(-np.inf).to(INT64))
    if len(labels.classes) == 2:
        return table.taken(found.squeezed().greater(0.0).to(INT64))
    return table.taken(found.op("ArgMax", dtype=INT64, axis=1, keepdims=0))


def classes(given: Array) -> Array:
    """Return classes as an array of a type that ONNX has; texts as objects."""
    if given.dtype.kind in KINDS:
        kind = KINDS[given.dtype.kind]
        if given.dtype.kind == "u" and given.max(initial=0) > np.iinfo(np.int64).max:
            raise ValueError(
                f"The class {given.max()} is beyond int64, which labels of ONNX are: fit classes below 2^63."
            )
        return given.astype(kind)
    if given.dtype.kind in "UO" and all(isinstance(one, str) for one in given.tolist()):
        return given.astype(object)
    raise ValueError(
        f"Classes of type {given.dtype} ({given[0]!r}) are no labels that ONNX has: fit to whole numbers or texts, as"
        " y.astype(str)."
    )


def slopes(fitted: Any) -> Array:
    """Return what values are multiplied by before they are odds, one or one a label."""
    if hasattr(fitted, "temperature_"):
        return np.asarray([1.0 / fitted.temperature_])
    if hasattr(fitted._model, "targets"):
        return np.ones(1)
    return np.asarray(calibration_of(snapshot(fitted)).slope)


def chances(labels: Labels, found: Value, slope: Array) -> Value:
    """Return probabilities (n, n_classes), or of labels (n, t)."""
    odds = found if (slope == 1.0).all() else found * slope[None]
    if labels.multilabel:
        return odds.op("Sigmoid")
    if len(labels.classes) == 1:
        return found * 0.0 + 1.0
    if len(labels.classes) == 2:
        return (-odds).op("Concat", odds, axis=1).op("Sigmoid")
    return odds.op("Softmax", axis=1)
