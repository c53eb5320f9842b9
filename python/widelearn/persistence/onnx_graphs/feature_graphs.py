"""Fitted feature maps as graphs, and their products with coefficients that need no features."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from widelearn.features import (
    FourierFeatures,
    NeuralRepresentation,
    NTKFeatures,
    NystromFeatures,
    RandomFeatures,
    TangentFeatures,
)
from widelearn.features.shifts import shifts_of
from widelearn.kernels import Kernel
from widelearn.kernels.deep import activation_spec, is_functions
from widelearn.kernels.specs import Activation
from widelearn.persistence.onnx_graphs.activation_graphs import cosine, neurons
from widelearn.persistence.onnx_graphs.graph import Value
from widelearn.persistence.onnx_graphs.kernel_graphs import kernel_values
from widelearn.runtime import Array

OWN_FUNCTION = (
    "{}.activation is a function of Python, of which ONNX has no operator: take an activation that has a name, as"
    " activation='relu'."
)


def features(map: Any, x: Value) -> Value:  # noqa: A002
    """Return the features (n, p) of rows."""
    for kind, graph in GRAPHS.items():
        if type(map) is kind:
            return graph(map, x)
    if isinstance(map, str) and map == "passthrough":
        return x
    raise NotImplementedError(
        f"{type(map).__name__} is no feature map that is known as ONNX operators. Those are"
        f" {', '.join(kind.__name__ for kind in GRAPHS)}. Export what comes after it, on its output."
    )


def product(map: Any, x: Value, coef: Array) -> Value:  # noqa: A002
    """Return features times coefficients (p, t)."""
    if type(map) is NystromFeatures:
        return centres(map, x, map.dual(coef))
    if type(map) is NeuralRepresentation:
        dual = map.whitening_.T @ coef if hasattr(map, "whitening_") else coef
        return random(map._neurons, units(map, x)) @ dual
    return features(map, x) @ coef


def projections(map: Any, x: Value) -> Value:  # noqa: A002
    """Return what rows are projected to, biases added."""
    d, count = map.n_features_in_, map._n_directions()
    x.graph.reserve(x.dtype.itemsize * d * count, f"The {count} x {d} directions of {type(map).__name__}")
    found = x @ np.ascontiguousarray(map.directions().T)
    shifts = shifts_of(map)
    return found + shifts[None] if shifts.any() else found


def random(map: RandomFeatures, x: Value) -> Value:  # noqa: A002
    """Return σ(w_j.x + b_j) / sqrt(p)."""
    if is_functions(map.activation) or map._function is not None:
        raise NotImplementedError(OWN_FUNCTION.format(type(map).__name__))
    formula: Any = map._spec.formula
    return neurons(projections(map, x), formula.activation) * map._n_features_out**-0.5


def fourier(map: FourierFeatures, x: Value) -> Value:  # noqa: A002
    """Return sines and cosines."""
    p, waves = map._n_features_out, projections(map, x)
    first = waves.graph.constant(np.arange(p // 2), np.int64)
    parts = [waves.taken(first, axis=1).op("Sin"), cosine(waves)] if p > 1 else [cosine(waves)]
    found = parts[0].op("Concat", *parts[1:], axis=1) if len(parts) > 1 else parts[0]
    return found * float(np.sqrt(2.0 / p))


def tangents(map: TangentFeatures, x: Value) -> Value:  # noqa: A002
    """Return σ'(w_j.x) x_k / sqrt(width d), column j d + k."""
    if is_functions(map._activation):
        raise NotImplementedError(OWN_FUNCTION.format(type(map).__name__))
    d, p = map.n_features_in_, map._n_features_out
    x.graph.reserve(x.dtype.itemsize * p, f"The {p // d} x {d} directions of TangentFeatures")
    slopes = neurons(x @ np.ascontiguousarray(map.directions().T), activation_spec(map._activation), 1) * p**-0.5
    return (slopes.reshaped(0, p // d, 1) * x.reshaped(0, 1, d)).reshaped(0, p)


def ntk(map: NTKFeatures, x: Value) -> Value:  # noqa: A002
    """Return ψ of the last layer: φ and ψ go through three projections each layer."""
    p, phi, psi = map._n_features_out, x, x
    sizes = [map.n_features_in_] + [p] * (map._depth - 1)
    need = 3 * p * sum(sizes) * x.dtype.itemsize
    x.graph.reserve(need, f"The directions of {map._depth} layers of {p} columns")
    for layer, d in enumerate(sizes):
        # Projections have variance 1 / (number of columns), also those of later layers.
        scale = 1.0 if layer == 0 else d**0.5
        up, gate, along = (matrix.T * scale for matrix in map.directions(layer))
        above = neurons(phi @ up, Activation("relu")) * p**-0.5
        gated = neurons(phi @ gate, Activation("step")) * (psi @ along) * p**-0.5
        phi, psi = above, gated + above
    return psi


def nystrom(map: NystromFeatures, x: Value) -> Value:  # noqa: A002
    """Return k(x, C) L⁻ᵀ, and zeros for centres that depend on others."""
    return centres(map, x, map.normalization_.T)


def centres(map: NystromFeatures, x: Value, dual: Array) -> Value:  # noqa: A002
    """Return k(x, C) times a matrix, in double precision."""
    if not isinstance(map.kernel_, Kernel):
        raise ValueError(
            "NystromFeatures with kernel='precomputed' maps kernel values, not rows: fit it with a kernel of"
            " widelearn.kernels and rows."
        )
    rows: Any = map.components_
    if not rows.shape[0]:
        return x @ np.zeros((map.n_features_in_, dual.shape[1]))
    if hasattr(rows, "toarray"):
        # ONNX Runtime has no products of sparse tables.
        r, d = rows.shape
        x.graph.reserve(r * d * rows.dtype.itemsize, f"The {r} centres of {d} columns, sparse ones made dense,")
        rows = rows.toarray()
    found = kernel_values(map.kernel_, x, rows)
    return (found.to(np.float64) @ dual).to(x.dtype)


def units(map: NeuralRepresentation, x: Value) -> Value:  # noqa: A002
    """Return (x - mean) / scale, in the units in which the map computes."""
    return (x * float(np.ldexp(1.0, -map._exponent)) - map._center[None]) / float(map._size)


def representation(map: NeuralRepresentation, x: Value) -> Value:  # noqa: A002
    """Return whitened neurons."""
    found = random(map._neurons, units(map, x))
    return found @ map.whitening_.T if hasattr(map, "whitening_") else found


def scaled(map: StandardScaler, x: Value) -> Value:  # noqa: A002
    """Return standardised columns, in double precision before they are rounded, as scikit-learn computes them."""
    found = x.to(np.float64)
    found = found - map.mean_[None] if map.with_mean else found
    return (found / map.scale_[None] if map.with_std else found).to(x.dtype)


def unchanged(map: FunctionTransformer, x: Value) -> Value:  # noqa: A002
    """Return rows themselves, which "passthrough" in a union has become; a function is one of Python."""
    if map.func is not None:
        raise NotImplementedError(
            "FunctionTransformer.func is a function of Python, of which ONNX has no operator: apply it to the rows"
            " before, and export the steps after it."
        )
    return x


def chained(map: Pipeline, x: Value) -> Value:  # noqa: A002
    """Return what comes out of the last of some steps."""
    for _, step in map.steps:
        x = x if step is None or isinstance(step, str) else features(step, x)
    return x


def side_by_side(map: FeatureUnion, x: Value) -> Value:  # noqa: A002
    """Return the columns of some maps, weighted."""
    weights, parts = map.transformer_weights or {}, []
    for name, part in map.transformer_list:
        if isinstance(part, str) and part == "drop":
            continue
        found = x if isinstance(part, str) else features(part, x)
        parts.append(found * float(weights[name]) if name in weights else found)
    return parts[0].op("Concat", *parts[1:], axis=1)


GRAPHS: dict[type, Callable[[Any, Value], Value]] = {
    FourierFeatures: fourier,
    NTKFeatures: ntk,
    NeuralRepresentation: representation,
    NystromFeatures: nystrom,
    RandomFeatures: random,
    TangentFeatures: tangents,
    StandardScaler: scaled,
    Pipeline: chained,
    FeatureUnion: side_by_side,
    FunctionTransformer: unchanged,
}
