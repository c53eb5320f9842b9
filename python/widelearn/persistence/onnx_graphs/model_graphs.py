"""The models that estimators keep as graphs: their values (n, t) at rows."""

from __future__ import annotations

from collections.abc import Callable
from math import factorial
from typing import Any

import numpy as np

from widelearn.estimators.feature_ridge.model import FittedRidge, SummedRidge
from widelearn.estimators.flow.model import FlowModel
from widelearn.estimators.kernel_ridge.model import KernelModel
from widelearn.estimators.linearized.ridge import Linearized
from widelearn.estimators.recursive.fit import RecursiveModel
from widelearn.estimators.recursive.leaves import Leaves
from widelearn.estimators.taylor.joint import JointNet
from widelearn.estimators.taylor.model import TaylorModel, TaylorNet
from widelearn.estimators.two_layer.model import NumberTargets, TwoLayerModel
from widelearn.kernels import Kernel
from widelearn.nets import Expansion
from widelearn.persistence.onnx_graphs.activation_graphs import neurons
from widelearn.persistence.onnx_graphs.feature_graphs import features, product
from widelearn.persistence.onnx_graphs.graph import Value
from widelearn.persistence.onnx_graphs.kernel_graphs import kernel_values
from widelearn.runtime import Array

PRECOMPUTED = "kernel='precomputed' takes kernel values of rows, not rows: fit a kernel of widelearn.kernels to rows."
OF_PYTHON = (
    "{} calls functions of Python (f0, the Jacobian), of which ONNX has no operator: export that model itself, or a"
    " KernelRidge or FeatureRidge in its place."
)


def values(model: Any, x: Value) -> Value:
    """Return the values (n, t) of a fitted model at rows, of their type."""
    for kind, graph in GRAPHS.items():
        if isinstance(model, kind):
            return graph(model, x)
    raise NotImplementedError(f"A model of {type(model).__name__} is not known as ONNX operators.")


def of_ridge(model: FittedRidge, x: Value) -> Value:
    """Return features times coefficients plus intercepts, or about a centre that features are far from zero by."""
    map_ = model.features.map
    if model.features.columns is not None:
        raise ValueError(PRECOMPUTED)
    if model.center is None or model.offset is None:
        return product(map_, x, model.coef.T) + model.intercept[None]
    return (features(map_, x) - model.center[None]) @ model.coef.T + model.offset[None]


def of_kernel(model: KernelModel, x: Value) -> Value:
    """Return Σ_i a_i k(x, x_i) + b, in double precision where coefficients are."""
    if model.columns is not None:
        return of_ridge(model.columns, x)
    if not isinstance(model.kernel, Kernel) or model.rows is None:
        raise ValueError(PRECOMPUTED)
    rows: Any = model.rows
    dual, offset = model.solution.coef, model.solution.offset
    if hasattr(rows, "toarray"):
        # ONNX Runtime has no products of sparse tables.
        n, d = rows.shape
        x.graph.reserve(n * d * rows.dtype.itemsize, f"The {n} fitted rows of {d} columns, sparse ones made dense,")
        rows = rows.toarray()
    return machine(model.kernel, rows, dual, offset, x).to(x.dtype)


def machine(kernel: Kernel, rows: Array, dual: Array, offset: Array, x: Value) -> Value:
    """Return a kernel machine's values in the type of rows and coefficients together; rows of no weight are left."""
    kept = dual.any(axis=1)
    exact = x.to(np.result_type(x.dtype, dual))
    if not kept.any():
        return exact @ np.zeros((rows.shape[1], dual.shape[1])) + offset[None]
    rows, dual = (rows, dual) if kept.all() else (rows[kept], dual[kept])
    exact.graph.reserve(rows.size * exact.dtype.itemsize, f"{len(rows)} rows of {rows.shape[1]} columns")
    return kernel_values(kernel, exact, np.asarray(rows, exact.dtype)) @ dual + offset[None]


def of_recursive(model: RecursiveModel, x: Value) -> Value:
    """Return the values of the machine of rows in its metric."""
    # As the model does: the difference from the mean in double precision, the metric in the type of rows.
    z = ((x.to(np.float64) - model.mean[None]) / model.scale[None]).to(x.dtype)
    root = model.root
    z = z * root[None] if root.ndim == 1 else z @ root
    if isinstance(model.inner, Leaves):
        return of_leaves(model.inner, z)
    return of_kernel(model.inner, z)


def of_leaves(model: Leaves, z: Value) -> Value:
    """Return the blend of all leaves: each is computed for every row."""
    z64, shares = z.to(np.float64), [z.to(np.float64).sum() * 0.0 + 1.0]
    count, total = len(model.ends), None
    for node in range(count):
        low, high = model.ends[node]
        place = z64 @ model.directions[node][:, None]
        second = ((place - float(low)) / float(high - low)).at_least(0.0).at_most(1.0)
        shares += [shares[node] * (1.0 - second), shares[node] * second]
    for leaf, share in enumerate(shares[count:]):
        part = slice(int(model.starts[leaf]), int(model.starts[leaf + 1]))
        own = machine(model.kernel, model.rows[part], model.dual[part], model.offsets[leaf], z).to(np.float64)
        total = own * share if total is None else total + own * share
    assert total is not None  # noqa: S101 -- a tree has a leaf
    return total.to(z.dtype)


def of_flow(model: FlowModel, x: Value) -> Value:
    """Return the function at the time that was chosen."""
    if model.start is not None:
        raise NotImplementedError(OF_PYTHON.format("A gradient flow of a linearised model"))
    return values(model.fixed, x)


def of_linearized(model: Linearized, x: Value) -> Value:
    """Return the movement of a linear model; others are functions of Python."""
    jacobian = getattr(model.kernel, "jacobian", None)
    if model.f0 is not None or getattr(jacobian, "__name__", "") != "itself":
        raise NotImplementedError(OF_PYTHON.format("LinearizedRidge"))
    return x @ model.movement + model.intercept[None]


def of_taylor(model: TaylorModel, x: Value) -> Value:
    """Return the net's outputs at rows in its units, scaled, plus a linear part."""
    rows = x.to(model.W.dtype)
    if model.rows.mean is not None and model.rows.whitening is not None:
        rows = (rows - model.rows.mean[None]) @ model.rows.whitening
    rows = rows / float(model.rows.scale)
    if model.rows.last:
        rows = rows.op("Concat", rows.sum() * 0.0 + model.rows.last, axis=1)
    moved = of_net(model.net, model.W, rows) * model.targets.scale[None]
    exact = x.to(np.result_type(x.dtype, model.coef))
    linear = exact @ model.coef.T + model.intercept[None]
    return (moved.to(exact.dtype) + linear).to(x.dtype)


def of_net(net: TaylorNet | JointNet, W: Array, rows: Value) -> Value:
    """Return the outputs of the terms, or the mean over random movements."""
    if isinstance(net, JointNet):
        parts = [
            of_expansion(term, part, rows) for term, part in zip(net.terms, np.split(W, len(net.terms)), strict=True)
        ]
        return sum(parts[1:], parts[0])
    if net.mode == "taylor":
        return of_expansion(net.expansion, W, rows)
    law = net.multipliers
    law_values, weights = ([1.0, -1.0], [0.5, 0.5]) if law is None else (law.values, law.weights / law.gap)
    start, moved, total = rows @ net.expansion.W0.T, rows @ W.T, None
    for value, weight in zip(law_values, weights, strict=True):
        part = neurons(start + moved * float(value), net.expansion._spec) * float(weight)
        total = part if total is None else total + part
    assert total is not None  # noqa: S101 -- a law has values
    return total @ net.expansion.a


def of_expansion(expansion: Expansion, W: Array, rows: Value) -> Value:
    """Return Σ_k σ^(k)(<w0, x>) <w, x>^k / k! times output weights."""
    start, moved, total = rows @ expansion.W0.T, rows @ W.T, None
    for k in expansion.orders:
        part = neurons(start, expansion._spec, k)
        part = part * moved**k * (1.0 / factorial(k)) if k else part
        total = part if total is None else total + part
    assert total is not None  # noqa: S101 -- there is an order
    return total @ expansion.a


def of_two_layer(model: TwoLayerModel, x: Value) -> Value:
    """Return the net's outputs at scaled rows, and of numbers in their units."""
    scaling, net = model.scaling, model.net
    rows = x
    if scaling.offset.any() or not (scaling.scale == 1).all():
        rows = ((x.to(np.float64) - scaling.offset[None]) / scaling.scale[None]).to(x.dtype)
    found = neurons(rows @ net.W.T - net.b[None], net._spec) @ net.a
    if not isinstance(model.targets, NumberTargets):
        return found
    own = model.targets.scaling
    return (found.to(np.float64) * own.scale[None] + own.offset[None]).to(x.dtype)


GRAPHS: dict[type, Callable[[Any, Value], Value]] = {
    FittedRidge: of_ridge,
    SummedRidge: lambda model, x: of_ridge(model.solved, x),
    KernelModel: of_kernel,
    RecursiveModel: of_recursive,
    FlowModel: of_flow,
    Linearized: of_linearized,
    TaylorModel: of_taylor,
    TwoLayerModel: of_two_layer,
}
