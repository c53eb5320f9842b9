//! Two-layer nets.

use pyo3::prelude::*;
use widelearn_core::activation::Activation;
use widelearn_core::flops;
use widelearn_core::nets::{self as core, Expansion, Labels, Loss, Net, NetGradient, Shape, Signs, Terms};

use crate::call::call;
use crate::convert::{Matrix, MatrixMut, Scalar, Vector, VectorMut, by_type};
use crate::error::to_py;

/// Name, parameter and smoothing of an activation.
type Spec = (String, f64, f64);

fn shape(py: Python<'_>, (name, parameter, smoothing): &Spec) -> PyResult<Shape> {
    Shape::parse(name, *parameter, *smoothing).map_err(|e| to_py(py, &e))
}

fn activation(py: Python<'_>, (name, parameter, _): &Spec) -> PyResult<Activation> {
    Activation::parse(name, *parameter).map_err(|e| to_py(py, &e))
}

fn loss(py: Python<'_>, name: &str) -> PyResult<Loss> {
    Loss::parse(name).map_err(|e| to_py(py, &e))
}

fn optional<'py, T: Scalar>(array: Option<&Bound<'py, PyAny>>, name: &str) -> PyResult<Option<Matrix<'py, T>>> {
    array.map(|array| Matrix::new(array, name)).transpose()
}

/// The outputs of a two-layer net.
#[pyfunction]
pub(crate) fn net_forward(
    py: Python<'_>,
    x: &Bound<'_, PyAny>,
    w: &Bound<'_, PyAny>,
    b: &Bound<'_, PyAny>,
    a: &Bound<'_, PyAny>,
    activation: Spec,
    out: &Bound<'_, PyAny>,
) -> PyResult<()> {
    let shape = shape(py, &activation)?;
    by_type!(x, T => {
        let (x, w, a) = (Matrix::<T>::new(x, "x")?, Matrix::<T>::new(w, "w")?, Matrix::<T>::new(a, "a")?);
        let (b, mut out) = (Vector::<T>::new(b, "b")?, MatrixMut::<T>::new(out, "out")?);
        let (x, net) = (x.rows()?, Net { w: w.rows()?, b: b.slice()?, a: a.rows()?, shape });
        let out = out.slice()?;
        call(py, flops::net(1, x.n, net.w.n, x.d), |context| core::forward(context, x, net, out))
    })
}

/// The hidden activations of a two-layer net, or their slopes.
#[pyfunction]
pub(crate) fn net_hidden(
    py: Python<'_>,
    x: &Bound<'_, PyAny>,
    w: &Bound<'_, PyAny>,
    b: &Bound<'_, PyAny>,
    activation: Spec,
    slopes: bool,
    out: &Bound<'_, PyAny>,
) -> PyResult<()> {
    let shape = shape(py, &activation)?;
    by_type!(x, T => {
        let (x, w, b) = (Matrix::<T>::new(x, "x")?, Matrix::<T>::new(w, "w")?, Vector::<T>::new(b, "b")?);
        let mut out = MatrixMut::<T>::new(out, "out")?;
        let (x, layer, out) = (x.rows()?, (w.rows()?, b.slice()?), out.slice()?);
        call(py, flops::net(1, x.n, layer.0.n, x.d), |context| core::hidden(context, x, layer, shape, slopes, out))
    })
}

/// The weighted sum of losses of outputs, and its derivatives by them.
#[pyfunction]
pub(crate) fn net_loss(
    py: Python<'_>,
    f: &Bound<'_, PyAny>,
    y: &Bound<'_, PyAny>,
    loss: &str,
    weight: &Bound<'_, PyAny>,
    residual: &Bound<'_, PyAny>,
) -> PyResult<f64> {
    let loss = self::loss(py, loss)?;
    by_type!(f, T => {
        let (f, y, weight) = (Matrix::<T>::new(f, "f")?, Matrix::<T>::new(y, "y")?, Vector::<f64>::new(weight, "weight")?);
        let mut residual = MatrixMut::<T>::new(residual, "residual")?;
        let (f, residual) = (f.rows()?, residual.slice()?);
        let labels = Labels { loss, y: y.rows()?.data, weight: weight.slice()?, offset: None };
        call(py, flops::net(0, f.n, f.d, 0), |context| core::loss(context, f, labels, residual))
    })
}

/// The weighted sum of losses of a two-layer net, and its derivatives.
#[pyfunction]
pub(crate) fn net_gradient(
    py: Python<'_>,
    x: &Bound<'_, PyAny>,
    y: &Bound<'_, PyAny>,
    w: &Bound<'_, PyAny>,
    b: &Bound<'_, PyAny>,
    a: &Bound<'_, PyAny>,
    activation: Spec,
    loss: &str,
    weight: &Bound<'_, PyAny>,
    by_w: &Bound<'_, PyAny>,
    by_b: &Bound<'_, PyAny>,
    by_a: &Bound<'_, PyAny>,
) -> PyResult<f64> {
    let (shape, loss) = (shape(py, &activation)?, self::loss(py, loss)?);
    by_type!(x, T => {
        let (x, y) = (Matrix::<T>::new(x, "x")?, Matrix::<T>::new(y, "y")?);
        let (w, b, a) = (Matrix::<T>::new(w, "w")?, Vector::<T>::new(b, "b")?, Matrix::<T>::new(a, "a")?);
        let weight = Vector::<f64>::new(weight, "weight")?;
        let (mut by_w, mut by_b) = (MatrixMut::<T>::new(by_w, "by_w")?, VectorMut::<T>::new(by_b, "by_b")?);
        let mut by_a = MatrixMut::<T>::new(by_a, "by_a")?;
        let (x, net) = (x.rows()?, Net { w: w.rows()?, b: b.slice()?, a: a.rows()?, shape });
        let labels = Labels { loss, y: y.rows()?.data, weight: weight.slice()?, offset: None };
        let out = NetGradient { w: by_w.slice()?, b: by_b.slice()?, a: by_a.slice()? };
        call(py, flops::net(2, x.n, net.w.n, x.d), |context| core::gradient(context, x, net, labels, out))
    })
}

/// For each column of `y`, the weighted sum of its products with the rows on which a neuron is active.
#[pyfunction]
pub(crate) fn net_simplified(
    py: Python<'_>,
    x: &Bound<'_, PyAny>,
    y: &Bound<'_, PyAny>,
    w: &Bound<'_, PyAny>,
    b: &Bound<'_, PyAny>,
    weight: &Bound<'_, PyAny>,
    out: &Bound<'_, PyAny>,
) -> PyResult<()> {
    by_type!(x, T => {
        let (x, y) = (Matrix::<T>::new(x, "x")?, Matrix::<T>::new(y, "y")?);
        let (w, b) = (Matrix::<T>::new(w, "w")?, Vector::<T>::new(b, "b")?);
        let (weight, mut out) = (Vector::<f64>::new(weight, "weight")?, MatrixMut::<T>::new(out, "out")?);
        let (x, y, layer) = (x.rows()?, y.rows()?, (w.rows()?, b.slice()?));
        let (weight, out) = (weight.slice()?, out.slice()?);
        call(py, flops::net(1 + y.d, x.n, layer.0.n, x.d), |context| core::simplified(context, x, layer, y, weight, out))
    })
}

/// The derivative of a net's outputs along the movement `v` of its first layer.
#[pyfunction]
pub(crate) fn tangent_product(
    py: Python<'_>,
    x: &Bound<'_, PyAny>,
    w: &Bound<'_, PyAny>,
    b: &Bound<'_, PyAny>,
    a: &Bound<'_, PyAny>,
    activation: Spec,
    v: &Bound<'_, PyAny>,
    out: &Bound<'_, PyAny>,
) -> PyResult<()> {
    let shape = shape(py, &activation)?;
    by_type!(x, T => {
        let (x, w, a) = (Matrix::<T>::new(x, "x")?, Matrix::<T>::new(w, "w")?, Matrix::<T>::new(a, "a")?);
        let (b, v, mut out) = (Vector::<T>::new(b, "b")?, Matrix::<T>::new(v, "v")?, MatrixMut::<T>::new(out, "out")?);
        let (x, net) = (x.rows()?, Net { w: w.rows()?, b: b.slice()?, a: a.rows()?, shape });
        let (v, out) = (v.rows()?, out.slice()?);
        call(py, flops::net(2, x.n, net.w.n, x.d), |context| core::tangent_product(context, x, net, v, out))
    })
}

/// The derivative by a net's first layer of its outputs times `r`, added up.
#[pyfunction]
pub(crate) fn tangent_transpose(
    py: Python<'_>,
    x: &Bound<'_, PyAny>,
    w: &Bound<'_, PyAny>,
    b: &Bound<'_, PyAny>,
    a: &Bound<'_, PyAny>,
    activation: Spec,
    r: &Bound<'_, PyAny>,
    out: &Bound<'_, PyAny>,
) -> PyResult<()> {
    let shape = shape(py, &activation)?;
    by_type!(x, T => {
        let (x, w, a) = (Matrix::<T>::new(x, "x")?, Matrix::<T>::new(w, "w")?, Matrix::<T>::new(a, "a")?);
        let (b, r, mut out) = (Vector::<T>::new(b, "b")?, Matrix::<T>::new(r, "r")?, MatrixMut::<T>::new(out, "out")?);
        let (x, net) = (x.rows()?, Net { w: w.rows()?, b: b.slice()?, a: a.rows()?, shape });
        let (r, out) = (r.rows()?.data, out.slice()?);
        call(py, flops::net(2, x.n, net.w.n, x.d), |context| core::tangent_transpose(context, x, net, r, out))
    })
}

/// Terms of an expansion in the first layer, one matrix below the other, or their sum with `offset`.
#[pyfunction]
pub(crate) fn taylor_terms(
    py: Python<'_>,
    x: &Bound<'_, PyAny>,
    w0: &Bound<'_, PyAny>,
    a: &Bound<'_, PyAny>,
    w: &Bound<'_, PyAny>,
    activation: Spec,
    orders: Vec<u32>,
    each: bool,
    offset: Option<&Bound<'_, PyAny>>,
    out: &Bound<'_, PyAny>,
) -> PyResult<()> {
    let activation = self::activation(py, &activation)?;
    by_type!(x, T => {
        let (x, w0, a) = (Matrix::<T>::new(x, "x")?, Matrix::<T>::new(w0, "w0")?, Matrix::<T>::new(a, "a")?);
        let (w, offset) = (Matrix::<T>::new(w, "w")?, optional::<T>(offset, "offset")?);
        let mut out = MatrixMut::<T>::new(out, "out")?;
        let (x, start, movement, a) = (x.rows()?, w0.rows()?, w.rows()?, a.rows()?);
        let net = Expansion { start, movement, a, activation, orders: &orders };
        let offset = offset.as_ref().map(Matrix::rows).transpose()?.map(|rows| rows.data);
        let (terms, out) = (if each { Terms::Each } else { Terms::Sum }, out.slice()?);
        call(py, flops::net(2, x.n, w0.rows()?.n, x.d), |context| core::taylor_terms(context, x, net, terms, offset, out))
    })
}

/// The weighted sum of losses of an expansion, and its derivatives by movement and outputs.
#[pyfunction]
pub(crate) fn taylor_gradient(
    py: Python<'_>,
    x: &Bound<'_, PyAny>,
    y: &Bound<'_, PyAny>,
    w0: &Bound<'_, PyAny>,
    a: &Bound<'_, PyAny>,
    w: &Bound<'_, PyAny>,
    activation: Spec,
    orders: Vec<u32>,
    loss: &str,
    offset: Option<&Bound<'_, PyAny>>,
    weight: &Bound<'_, PyAny>,
    by_w: &Bound<'_, PyAny>,
    residual: &Bound<'_, PyAny>,
) -> PyResult<f64> {
    let (activation, loss) = (self::activation(py, &activation)?, self::loss(py, loss)?);
    by_type!(x, T => {
        let (x, y, w0) = (Matrix::<T>::new(x, "x")?, Matrix::<T>::new(y, "y")?, Matrix::<T>::new(w0, "w0")?);
        let (a, w, offset) = (Matrix::<T>::new(a, "a")?, Matrix::<T>::new(w, "w")?, optional::<T>(offset, "offset")?);
        let weight = Vector::<f64>::new(weight, "weight")?;
        let (mut by_w, mut residual) = (MatrixMut::<T>::new(by_w, "by_w")?, MatrixMut::<T>::new(residual, "residual")?);
        let (x, start, movement, a) = (x.rows()?, w0.rows()?, w.rows()?, a.rows()?);
        let net = Expansion { start, movement, a, activation, orders: &orders };
        let offset = offset.as_ref().map(Matrix::rows).transpose()?.map(|rows| rows.data);
        let labels = Labels { loss, y: y.rows()?.data, weight: weight.slice()?, offset };
        let (by_w, residual) = (by_w.slice()?, residual.slice()?);
        call(py, flops::net(3, x.n, start.n, x.d), |context| core::taylor_gradient(context, x, net, labels, by_w, residual))
    })
}

/// The second derivative by the movement of the weighted sum of losses of an expansion, times `v`.
#[pyfunction]
pub(crate) fn taylor_hessian(
    py: Python<'_>,
    x: &Bound<'_, PyAny>,
    y: &Bound<'_, PyAny>,
    w0: &Bound<'_, PyAny>,
    a: &Bound<'_, PyAny>,
    w: &Bound<'_, PyAny>,
    v: &Bound<'_, PyAny>,
    activation: Spec,
    orders: Vec<u32>,
    loss: &str,
    offset: Option<&Bound<'_, PyAny>>,
    weight: &Bound<'_, PyAny>,
    out: &Bound<'_, PyAny>,
) -> PyResult<()> {
    let (activation, loss) = (self::activation(py, &activation)?, self::loss(py, loss)?);
    by_type!(x, T => {
        let (x, y, w0) = (Matrix::<T>::new(x, "x")?, Matrix::<T>::new(y, "y")?, Matrix::<T>::new(w0, "w0")?);
        let (a, w, v) = (Matrix::<T>::new(a, "a")?, Matrix::<T>::new(w, "w")?, Matrix::<T>::new(v, "v")?);
        let (offset, weight) = (optional::<T>(offset, "offset")?, Vector::<f64>::new(weight, "weight")?);
        let mut out = MatrixMut::<T>::new(out, "out")?;
        let (x, start, movement, a) = (x.rows()?, w0.rows()?, w.rows()?, a.rows()?);
        let net = Expansion { start, movement, a, activation, orders: &orders };
        let offset = offset.as_ref().map(Matrix::rows).transpose()?.map(|rows| rows.data);
        let labels = Labels { loss, y: y.rows()?.data, weight: weight.slice()?, offset };
        let (v, out) = (v.rows()?, out.slice()?);
        call(py, flops::net(4, x.n, start.n, x.d), |context| core::hessian_product(context, x, net, labels, v, out))
    })
}

/// Mean and variance of a net's outputs over random signs of the rows of its movement.
#[pyfunction]
pub(crate) fn signs_forward(
    py: Python<'_>,
    x: &Bound<'_, PyAny>,
    w0: &Bound<'_, PyAny>,
    a: &Bound<'_, PyAny>,
    w: &Bound<'_, PyAny>,
    activation: Spec,
    mean: &Bound<'_, PyAny>,
    variance: &Bound<'_, PyAny>,
) -> PyResult<()> {
    let shape = shape(py, &activation)?;
    by_type!(x, T => {
        let (x, w0, a) = (Matrix::<T>::new(x, "x")?, Matrix::<T>::new(w0, "w0")?, Matrix::<T>::new(a, "a")?);
        let w = Matrix::<T>::new(w, "w")?;
        let (mut mean, mut variance) = (MatrixMut::<T>::new(mean, "mean")?, MatrixMut::<T>::new(variance, "variance")?);
        let (x, net) = (x.rows()?, Signs { start: w0.rows()?, movement: w.rows()?, a: a.rows()?, shape });
        let (mean, variance) = (mean.slice()?, variance.slice()?);
        call(py, flops::net(2, x.n, net.start.n, x.d), |context| core::signs_forward(context, x, net, mean, variance))
    })
}

/// The mean over those signs of the weighted sum of losses, and its derivatives by movement and mean outputs.
#[pyfunction]
pub(crate) fn signs_gradient(
    py: Python<'_>,
    x: &Bound<'_, PyAny>,
    y: &Bound<'_, PyAny>,
    w0: &Bound<'_, PyAny>,
    a: &Bound<'_, PyAny>,
    w: &Bound<'_, PyAny>,
    activation: Spec,
    loss: &str,
    nodes: &Bound<'_, PyAny>,
    node_weights: &Bound<'_, PyAny>,
    offset: Option<&Bound<'_, PyAny>>,
    weight: &Bound<'_, PyAny>,
    by_w: &Bound<'_, PyAny>,
    residual: &Bound<'_, PyAny>,
) -> PyResult<f64> {
    let (shape, loss) = (shape(py, &activation)?, self::loss(py, loss)?);
    by_type!(x, T => {
        let (x, y, w0) = (Matrix::<T>::new(x, "x")?, Matrix::<T>::new(y, "y")?, Matrix::<T>::new(w0, "w0")?);
        let (a, w, offset) = (Matrix::<T>::new(a, "a")?, Matrix::<T>::new(w, "w")?, optional::<T>(offset, "offset")?);
        let (nodes, heights) = (Vector::<f64>::new(nodes, "nodes")?, Vector::<f64>::new(node_weights, "node_weights")?);
        let weight = Vector::<f64>::new(weight, "weight")?;
        let (mut by_w, mut residual) = (MatrixMut::<T>::new(by_w, "by_w")?, MatrixMut::<T>::new(residual, "residual")?);
        let (x, net) = (x.rows()?, Signs { start: w0.rows()?, movement: w.rows()?, a: a.rows()?, shape });
        let offset = offset.as_ref().map(Matrix::rows).transpose()?.map(|rows| rows.data);
        let labels = Labels { loss, y: y.rows()?.data, weight: weight.slice()?, offset };
        let (rule, by_w, residual) = ((nodes.slice()?, heights.slice()?), by_w.slice()?, residual.slice()?);
        call(py, flops::net(3, x.n, net.start.n, x.d), |context| {
            core::signs_gradient(context, x, net, labels, rule, by_w, residual)
        })
    })
}
