"""Kernels of rows and a table as graphs."""

from __future__ import annotations

from collections.abc import Callable
from math import factorial
from typing import Any

import numpy as np

from widelearn.features import RandomFeatures
from widelearn.kernels import Columns, CyclicAverage, Kernel, as_kernel, specs
from widelearn.kernels.base import Combination
from widelearn.kernels.radial import Radial
from widelearn.persistence.onnx_graphs.activation_graphs import neurons
from widelearn.persistence.onnx_graphs.expectations import Covariances, Homogeneous, expectation, homogeneous, raised
from widelearn.persistence.onnx_graphs.graph import Value
from widelearn.persistence.onnx_graphs.pairs import (
    Angles,
    angles,
    of_weights,
    squared_distances,
    summed_differences,
    variance,
)
from widelearn.runtime import Array


def kernel_values(kernel: Kernel, x: Value, table: Array) -> Value:
    """Return k(x, y) (n, m) for the rows y of a table, computed in the type of `x`."""
    m, d = table.shape
    if isinstance(kernel, Combination) and not kernel.compiled:
        first, second = (kernel_values(as_kernel(part), x, table) for part in (kernel.k1, kernel.k2))
        return first + second if kernel._spec is specs.Sum else first * second
    if isinstance(kernel, Columns):
        places = kernel._places(d)
        seen = x.op("Gather", x.graph.constant(places, np.int64), axis=1)
        return kernel_values(as_kernel(kernel.kernel), seen, np.ascontiguousarray(table[:, places]))
    if isinstance(kernel, CyclicAverage):
        x.graph.reserve(d * table.nbytes, f"The {d} shifts of {m} rows")
        shifted = np.concatenate([np.roll(table, shift, axis=1) for shift in range(d)])
        return kernel_values(as_kernel(kernel.kernel), x, shifted).reshaped(0, d, m).sum(keep=False) * (1.0 / d)
    if isinstance(kernel, Radial) and kernel.by_column:
        plain, factors = kernel.of_length_one(d, table.dtype)
        return kernel_values(plain, x * factors, table * factors)
    if not kernel.compiled or type(kernel).__name__ == "Empirical":
        raise NotImplementedError(
            f"{type(kernel).__name__} calls a function of Python, of which ONNX has no operator: take a kernel that"
            " widelearn.kernels has by name."
        )
    return of_spec(kernel.spec(d), x, table)


def of_spec(spec: specs.Kernel, x: Value, table: Array) -> Value:
    """Return the values of a kernel with its parameters settled."""
    return GRAPHS[type(spec)](spec, x, table)


def products(x: Value, table: Array) -> Value:
    """Return inner products (n, m)."""
    return x @ np.ascontiguousarray(table.T)


def of_constant(spec: specs.Constant, x: Value, table: Array) -> Value:
    """Return the same value for every pair."""
    return (x.sum() * 0.0) @ np.zeros((1, len(table))) + spec.value


def of_polynomial(spec: specs.Polynomial, x: Value, table: Array) -> Value:
    """Return (gamma x.y + coef0)^degree."""
    return (products(x, table) * spec.gamma + spec.coef0) ** spec.degree


def of_dot_product(spec: specs.DotProduct, x: Value, table: Array) -> Value:
    """Return Σ_k c_k (x.y/d)^k."""
    t = products(x, table) * (1.0 / table.shape[1])
    found = t * 0.0 + spec.coefficients[-1]
    for c in spec.coefficients[-2::-1]:
        found = found * t + c
    return found


def of_laplace(spec: specs.Laplace, x: Value, table: Array) -> Value:
    """Return exp(-gamma ‖x - y‖^power)."""
    squares = squared_distances(x, table)
    far = squares.sqrt() if spec.power == 1 else squares.op("Pow", spec.power / 2.0)
    return (far * -spec.gamma).exp()


def of_matern(spec: specs.Matern, x: Value, table: Array) -> Value:
    """Return a polynomial of t = sqrt(2 nu) ‖x - y‖ / length_scale times exp(-t)."""
    t = squared_distances(x, table).sqrt() * (float(np.sqrt(2.0 * spec.nu)) / spec.length_scale)
    fall = (-t).exp()
    if spec.nu == 0.5:
        return fall
    return fall * (t + 1.0 if spec.nu == 1.5 else t + t * t * (1.0 / 3.0) + 1.0)


def of_arc_cosine(spec: specs.ArcCosine, x: Value, table: Array) -> Value:
    """Return 2 E[relu^n relu^n]."""
    pairs, own = angles(x, table), Homogeneous(spec.order)
    # E of relu^n / n!, of which there are two factors.
    return own.mean(pairs, pairs.theta) * (2.0 * factorial(spec.order) ** 2)


def of_network(spec: specs.Network, x: Value, table: Array) -> Value:
    """Return the output covariance of a deep network, or its tangent kernel."""
    weight, bias = spec.weight_variance, spec.bias_variance
    power = homogeneous(spec.activation)
    pairs = of_weights(angles(x, table), weight / table.shape[1], bias)
    if power is not None:
        return of_powers(spec, power, pairs)
    of = covariances(pairs)
    tangent = of.k
    for layer in range(spec.depth):
        mean = expectation(spec.activation, 0, of) * weight + bias
        if spec.tangent:
            tangent = mean + expectation(spec.activation, 1, of) * tangent * weight
        if layer + 1 < spec.depth:
            first, second = (
                expectation(spec.activation, 0, Covariances(one, one, one)) * weight + bias for one in (of.x, of.y)
            )
            of = Covariances(first, second, mean)
    return tangent if spec.tangent else mean


def covariances(pairs: Angles) -> Covariances:
    """Return variances and covariances of pairs."""
    p = pairs.product
    return Covariances(pairs.u * pairs.u, pairs.v * pairs.v, p * (1.0 - pairs.h), p * p * pairs.h * pairs.g)


def of_powers(spec: specs.Network, own: Homogeneous, pairs: Angles) -> Value:
    """Return a deep network's kernel for an activation that is a power on each side of 0, by angles alone."""
    weight, bias = spec.weight_variance, spec.bias_variance
    tangent = pairs.product * (1.0 - pairs.h)
    for layer in range(spec.depth):
        theta = pairs.theta
        mean = own.mean(pairs, theta) * weight + bias
        if spec.tangent:
            tangent = mean + own.slopes(pairs, theta) * tangent * weight
        if layer + 1 < spec.depth:
            pairs = next_layer(own, pairs, theta, weight, bias)
    return tangent if spec.tangent else mean


def next_layer(own: Homogeneous, pairs: Angles, theta: Value, weight: float, bias: float) -> Angles:
    """Return the pairs weight E[σ σ] + bias: the difference 1 - cos θ is a sum of what is not negative."""
    power, whole = own.power, weight * own.square
    tiny = float(np.finfo(pairs.h.dtype).tiny)
    raw = raised(pairs, power)
    short = raw * own.lacks(pairs, theta) * weight
    if power == 0:
        u, v = ((one.greater(0.0).to(one.dtype) * whole + bias).sqrt() for one in (pairs.u, pairs.v))
        # Of equal variances nothing is left but the angle.
        rest = (u * v - bias) * (1.0 - raw)
        h = (short + rest) / (u * v).at_least(tiny)
        return Angles(h, 2.0 - h, u, v)
    u, v = variance(pairs.u, whole, bias, power), variance(pairs.v, whole, bias, power)
    p = u * v
    if bias:
        apart = pairs.u**power - pairs.v**power
        short = short + apart * apart * (whole * bias) / (p + raw * whole + bias)
    h = short / p.at_least(tiny)
    return Angles(h, 2.0 - h, u, v)


def of_neurons(spec: specs.Finite, x: Value, table: Array) -> Value:
    """Return Σ_j σ(w_j.x) σ(w_j.y) / width, or of slopes times x.y / d."""
    d, order = table.shape[1], int(spec.tangent)
    x.graph.reserve(8 * spec.width * d, f"The {spec.width} x {d} weights")
    drawn = RandomFeatures(spec.width, "identity", "sphere", random_state=spec.seed).fit(np.zeros((1, d)))
    W = x.like(drawn.directions().T)
    left, right = (neurons(rows @ W, spec.activation, order) for rows in (x, x.like(table)))
    found = left @ right.turned() * (1.0 / spec.width)
    return found * products(x, table) * (1.0 / d) if spec.tangent else found


def of_layer(spec: specs.Layer, x: Value, table: Array) -> Value:
    """Return Σ_r s_r² g(w_r.x - b_r) g(w_r.y - b_r), g a shape of neurons or its slope."""
    W, b = np.asarray(spec.W), np.asarray(spec.b)[None]
    left, right = (
        neurons(rows @ np.ascontiguousarray(W.T) - b, spec.shape, int(spec.slopes)) * np.asarray(spec.sizes)[None]
        for rows in (x, x.like(table))
    )
    return left @ right.turned()


def of_taylor(spec: specs.Taylor, x: Value, table: Array) -> Value:
    """Return (x.y)^k E[σ^(k) σ^(k)] / (k!)²."""
    k, d = spec.order, table.shape[1]
    pairs = of_weights(angles(x, table), 1.0 / d, 0.0)
    if spec.activation.name == "leaky_relu" and k == 1:
        mean = Homogeneous(1, spec.activation.parameter).slopes(pairs, pairs.theta)
    elif (own := homogeneous(spec.activation, k)) is not None:
        mean = own.mean(pairs, pairs.theta)
    else:
        mean = expectation(spec.activation, k, covariances(pairs))
    return mean * products(x, table) ** k * (1.0 / factorial(k) ** 2) if k else mean


def joined(spec: Any, x: Value, table: Array) -> tuple[Value, Value]:
    """Return the values of both parts."""
    return of_spec(spec.k1, x, table), of_spec(spec.k2, x, table)


GRAPHS: dict[type, Callable[[Any, Value, Array], Value]] = {
    specs.ArcCosine: of_arc_cosine,
    specs.Constant: of_constant,
    specs.DotProduct: of_dot_product,
    specs.Finite: of_neurons,
    specs.Laplace: of_laplace,
    specs.Layer: of_layer,
    specs.Linear: lambda spec, x, table: products(x, table),
    specs.Manhattan: lambda spec, x, table: (summed_differences(x, table) * -spec.gamma).exp(),
    specs.Matern: of_matern,
    specs.Network: of_network,
    specs.Polynomial: of_polynomial,
    specs.Product: lambda spec, x, table: joined(spec, x, table)[0] * joined(spec, x, table)[1],
    specs.Rbf: lambda spec, x, table: (squared_distances(x, table) * -spec.gamma).exp(),
    specs.Sum: lambda spec, x, table: joined(spec, x, table)[0] + joined(spec, x, table)[1],
    specs.Taylor: of_taylor,
}
