"""Pairs of a row and a row of a table: inner products, distances and angles that keep their digits near equal rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from widelearn.persistence.onnx_graphs.functions import angle
from widelearn.persistence.onnx_graphs.graph import INT64, Value
from widelearn.runtime import Array

# Pairs are near where ‖x - y‖² is below so much of ‖x‖² + ‖y‖², by bytes of a number; unit rows where 1 - cos θ, or
# 1 + cos θ, is. Angles are then right to 1e-13. More would take d numbers a pair of rows that all lie far from zero.
NEAR = {8: 1e-5, 4: 1e-2}


def near_pairs(near: Value) -> tuple[Value, Value, Value]:
    """Return where a matrix (n, m) is true, as pairs, and their rows and columns."""
    places = near.op("NonZero", dtype=INT64).turned()
    first, second = (places.taken(near.graph.constant(np.array(axis), INT64), axis=1) for axis in (0, 1))
    return places, first, second


def mended(matrix: Value, places: Value, values: Value) -> Value:
    """Return a matrix with other values at some places."""
    return matrix.graph.apply("ScatterND", matrix, places, values)


def squared_lengths(rows: Value) -> Value:
    """Return ‖x‖² (k,)."""
    return (rows * rows).sum(keep=False)


def squared_distances(x: Value, table: Array) -> Value:
    """Return ‖x - y‖² (n, m), from inner products about the table's mean and from differences of near rows."""
    center = table.mean(axis=0, dtype=np.float64)[None]
    rows, others = x - x.like(center), x.like(table - center)
    squares = (rows * rows).sum() + x.like(np.square(table - center).sum(axis=1)[None])
    found = squares - (rows @ others.turned()) * 2.0
    places, first, second = near_pairs(found.less(squares * NEAR[x.dtype.itemsize]))
    apart = squared_lengths(x.taken(first) - x.like(table).taken(second))
    return mended(found, places, apart).at_least(0.0)


def summed_differences(x: Value, table: Array) -> Value:
    """Return Σ_k |x_k - y_k| (n, m), column by column."""
    from onnx import helper

    graph, kind = x.graph, helper.np_dtype_to_tensor_dtype(x.dtype)
    begin = x @ np.zeros(table.shape[::-1])
    stems = ("sum", "row", "other", "axis", "column", "apart", "size", "next")
    so_far, row, other, axis, column, apart, size, after = (graph.name(stem) for stem in stems)
    body = helper.make_graph(
        [
            helper.make_node("Constant", [], [axis], graph.name("node"), value_ints=[1]),
            helper.make_node("Unsqueeze", [row, axis], [column], graph.name("node")),
            helper.make_node("Sub", [column, other], [apart], graph.name("node")),
            helper.make_node("Abs", [apart], [size], graph.name("node")),
            helper.make_node("Add", [so_far, size], [after], graph.name("node")),
        ],
        graph.name("columns"),
        [
            helper.make_tensor_value_info(so_far, kind, None),
            helper.make_tensor_value_info(row, kind, None),
            helper.make_tensor_value_info(other, kind, None),
        ],
        [helper.make_tensor_value_info(after, kind, None)],
    )
    inputs = [begin, x.turned(), x.like(np.ascontiguousarray(table.T))]
    return graph.several("Scan", inputs, 1, body=body, num_scan_inputs=2)[0]


def unit_rows(table: Array) -> tuple[Array, Array]:
    """Return rows of length 1, zero where they are zero, and their lengths (n, 1)."""
    exact = table.astype(np.float64)
    largest = np.maximum(np.abs(exact).max(axis=1, keepdims=True), np.finfo(np.float64).tiny)
    scaled = exact / largest
    lengths = np.sqrt(np.square(scaled).sum(axis=1, keepdims=True))
    return scaled / np.where(lengths > 0, lengths, 1.0), lengths * largest


@dataclass(frozen=True)
class Angles:
    """Pairs (n, m) of Gaussian variables, or of rows: h = 1 - cos θ, g = 1 + cos θ, and roots of their variances."""

    h: Value
    g: Value
    u: Value
    v: Value

    @property
    def theta(self) -> Value:
        """The angle θ in [0, π]."""
        return angle(self.h.sqrt(), self.g.sqrt()) * 2.0

    @property
    def product(self) -> Value:
        """The root of the product of both variances."""
        return self.u * self.v


def angles(x: Value, table: Array) -> Angles:
    """Return rows' angles with a table's, from differences of unit rows that are nearly equal, or nearly opposite.

    They are measured in double precision for rows of either type; equal rows have the angle 0.
    """
    units, lengths = unit_rows(table)
    exact, axes = x.to(np.float64), x.graph.constant(np.array([1]), INT64)
    others = exact.like(units)
    largest = x.graph.apply("ReduceMax", exact.abs(), axes, keepdims=1).at_least(float(np.finfo(np.float64).tiny))
    scaled = exact / largest
    root = (scaled * scaled).sum().sqrt()
    rows = scaled / root.greater(0.0).where(root, root.like(1.0))
    cosine = rows @ others.turned()
    h, g = 1.0 - cosine, cosine + 1.0
    places, first, second = near_pairs(h.less(NEAR[8]))
    unlike = squared_lengths(exact.taken(first) - exact.like(table).taken(second)).greater(0.0)
    apart = squared_lengths(rows.taken(first) - others.taken(second)) * 0.5
    h = mended(h, places, apart * unlike.to(np.float64))
    places, first, second = near_pairs(g.less(NEAR[8]))
    g = mended(g, places, squared_lengths(rows.taken(first) + others.taken(second)) * 0.5)
    return Angles(h.to(x.dtype), g.to(x.dtype), (root * largest).to(x.dtype), x.like(lengths.T))


def of_weights(first: Angles, weight: float, bias: float) -> Angles:
    """Return the pairs weight x.y + bias of rows' angles."""
    u, v = variance(first.u, weight, bias), variance(first.v, weight, bias)
    if bias == 0.0:
        # Nothing is added, and nothing may round.
        return Angles(first.h, first.g, u, v)
    p, raw = u * v, first.product * weight
    apart = first.u - first.v
    h = (apart * apart * (weight * bias) / (p + raw + bias) + raw * first.h) / p
    return Angles(h, 2.0 - h, u, v)


def variance(u: Value, weight: float, bias: float, power: int = 1) -> Value:
    """Return the root of weight u^(2 power) + bias."""
    root = float(np.sqrt(weight))
    return u**power * root if bias == 0.0 else (u ** (2 * power) * weight + bias).sqrt()
