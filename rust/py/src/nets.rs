//! Two-layer nets.

use pyo3::prelude::*;
use widelearn_core::activation::{Activation, Shape};
use widelearn_core::flops;
use widelearn_core::nets::{self as core, Loss, Terms};

use crate::call::call;
use crate::convert::{Matrix, MatrixMut, Numbers, Optional, Scalar, Vector, VectorMut, by_type, views};
use crate::error::to_py;

type Array<'py> = Bound<'py, PyAny>;
/// Name, parameter and smoothing of an activation.
type Spec = Numbers<(String, f64, f64)>;
/// First layer, thresholds, output weights and activation.
type NetSpec<'py> = (Array<'py>, Array<'py>, Array<'py>, Spec);
/// Values of multipliers and their probabilities, positive for a neuron and negative for its twin.
type LawSpec = Numbers<(Vec<f64>, Vec<f64>)>;
/// First layer, output weights, movement, activation, and the law of multipliers that are no signs.
type SignsSpec<'py> = (Array<'py>, Array<'py>, Array<'py>, Spec, Option<LawSpec>);
/// First layer, output weights, movement, activation and orders.
type ExpansionSpec<'py> = (Array<'py>, Array<'py>, Array<'py>, Spec, Numbers<Vec<u32>>);
/// Labels, loss, weights of the rows, and what is added to the outputs.
type LabelsSpec<'py> = (Array<'py>, String, Array<'py>, Option<Array<'py>>);

fn shape(py: Python<'_>, Numbers((name, parameter, smoothing)): &Spec) -> PyResult<Shape> {
    Shape::parse(name, *parameter, *smoothing).map_err(|e| to_py(py, &e))
}

struct Net<'py, T: Scalar> {
    w: Matrix<'py, T>,
    b: Vector<'py, T>,
    a: Matrix<'py, T>,
    shape: Shape,
}

impl<'py, T: Scalar> Net<'py, T> {
    fn new((w, b, a, activation): NetSpec<'py>, _name: &str) -> PyResult<Self> {
        let shape = shape(w.py(), &activation)?;
        Ok(Self { w: Matrix::new(&w, "w")?, b: Vector::new(&b, "b")?, a: Matrix::new(&a, "a")?, shape })
    }

    fn view(&self) -> PyResult<core::Net<'_, T>> {
        Ok(core::Net { w: self.w.view()?, b: self.b.view()?, a: self.a.view()?, shape: self.shape })
    }
}

/// A first layer, its movement and output weights, with an activation or with its expansion.
struct Moved<'py, T: Scalar, A> {
    start: Matrix<'py, T>,
    movement: Matrix<'py, T>,
    a: Matrix<'py, T>,
    activation: A,
}
type Signs<'py, T> = Moved<'py, T, (Shape, Option<LawSpec>)>;
type Expansion<'py, T> = Moved<'py, T, (Activation, Vec<u32>)>;

impl<'py, T: Scalar, A> Moved<'py, T, A> {
    fn with(w0: &Array<'py>, a: &Array<'py>, w: &Array<'py>, activation: A) -> PyResult<Self> {
        Ok(Self { start: Matrix::new(w0, "w0")?, movement: Matrix::new(w, "w")?, a: Matrix::new(a, "a")?, activation })
    }
}

impl<'py, T: Scalar> Signs<'py, T> {
    fn new((w0, a, w, activation, law): SignsSpec<'py>, _name: &str) -> PyResult<Self> {
        Self::with(&w0, &a, &w, (shape(a.py(), &activation)?, law))
    }

    fn view(&self) -> PyResult<core::Signs<'_, T>> {
        let (start, movement, a) = (self.start.view()?, self.movement.view()?, self.a.view()?);
        let (shape, law) = &self.activation;
        let law = law.as_ref().map(|Numbers((values, weights))| core::Law { values, weights });
        Ok(core::Signs { start, movement, a, shape: *shape, law })
    }
}

impl<'py, T: Scalar> Expansion<'py, T> {
    fn new((w0, a, w, Numbers((name, parameter, _)), orders): ExpansionSpec<'py>, _name: &str) -> PyResult<Self> {
        let activation = Activation::parse(&name, parameter).map_err(|e| to_py(a.py(), &e))?;
        Self::with(&w0, &a, &w, (activation, orders.0))
    }

    fn view(&self) -> PyResult<core::Expansion<'_, T>> {
        let (start, movement, a) = (self.start.view()?, self.movement.view()?, self.a.view()?);
        Ok(core::Expansion { start, movement, a, activation: self.activation.0, orders: &self.activation.1 })
    }
}

struct Labels<'py, T: Scalar> {
    loss: Loss,
    y: Matrix<'py, T>,
    weight: Vector<'py, f64>,
    offset: Optional<'py, T>,
}

impl<'py, T: Scalar> Labels<'py, T> {
    fn new((y, loss, weight, offset): LabelsSpec<'py>, _name: &str) -> PyResult<Self> {
        let loss = Loss::parse(&loss).map_err(|e| to_py(y.py(), &e))?;
        let (weight, offset) = (Vector::new(&weight, "weight")?, Optional::new(offset.as_ref(), "offset")?);
        Ok(Self { loss, y: Matrix::new(&y, "y")?, weight, offset })
    }

    fn view(&self) -> PyResult<core::Labels<'_, T>> {
        let offset = self.offset.view()?.map(|rows| rows.data);
        Ok(core::Labels { loss: self.loss, y: self.y.view()?.data, weight: self.weight.view()?, offset })
    }
}

/// The outputs of a two-layer net.
#[pyfunction]
pub(crate) fn net_forward(py: Python<'_>, x: &Array<'_>, net: NetSpec<'_>, out: &Array<'_>) -> PyResult<()> {
    by_type!(x, T => {
        views!(Matrix<T>: x; Net<T>: net; MatrixMut<T>: out);
        call(py, flops::net(1, x.n, net.w.n, x.d), |context| core::forward(context, x, net, out))
    })
}

/// The hidden activations of a two-layer net, or their slopes.
#[pyfunction]
pub(crate) fn net_hidden(
    py: Python<'_>,
    x: &Array<'_>,
    w: &Array<'_>,
    b: &Array<'_>,
    activation: Spec,
    slopes: bool,
    out: &Array<'_>,
) -> PyResult<()> {
    let shape = shape(py, &activation)?;
    by_type!(x, T => {
        views!(Matrix<T>: x, w; Vector<T>: b; MatrixMut<T>: out);
        call(py, flops::net(1, x.n, w.n, x.d), |context| core::hidden(context, x, (w, b), shape, slopes, out))
    })
}

/// The weighted sum of losses of outputs, and its derivatives by them.
#[pyfunction]
pub(crate) fn net_loss(py: Python<'_>, f: &Array<'_>, labels: LabelsSpec<'_>, residual: &Array<'_>) -> PyResult<f64> {
    by_type!(f, T => {
        views!(Matrix<T>: f; Labels<T>: labels; MatrixMut<T>: residual);
        call(py, flops::net(0, f.n, f.d, 0), |context| core::loss(context, f, labels, residual))
    })
}

/// The weighted sum of losses of a two-layer net, and its derivatives.
#[pyfunction]
pub(crate) fn net_gradient(
    py: Python<'_>,
    x: &Array<'_>,
    net: NetSpec<'_>,
    labels: LabelsSpec<'_>,
    by_w: &Array<'_>,
    by_b: &Array<'_>,
    by_a: &Array<'_>,
) -> PyResult<f64> {
    by_type!(x, T => {
        views!(Matrix<T>: x; Net<T>: net; Labels<T>: labels; MatrixMut<T>: by_w, by_a; VectorMut<T>: by_b);
        let out = core::NetGradient { w: by_w, b: by_b, a: by_a };
        call(py, flops::net(2, x.n, net.w.n, x.d), |context| core::gradient(context, x, net, labels, out))
    })
}

/// A step of Adam of the vector `theta`, with the running means of gradients and of their squares; whether it is finite.
/// `numbers` are the rate, the shares of a new gradient and of its square, what these add up to, and epsilon; `flags` say
/// whether the mean square is corrected rather than the rate, and whether subnormal means become 0.
#[pyfunction]
pub(crate) fn adam_step(
    py: Python<'_>,
    theta: &Array<'_>,
    gradient: &Array<'_>,
    means: (Array<'_>, Array<'_>),
    numbers: [f64; 6],
    flags: (bool, bool),
) -> PyResult<bool> {
    let (velocity, square) = (&means.0, &means.1);
    let [rate, first, second, seen, seen_square, epsilon] = numbers;
    let (corrects_root, drops) = flags;
    let rates = core::Rates { rate, shares: (first, second), seen: (seen, seen_square), epsilon, corrects_root, drops };
    by_type!(theta, T => {
        views!(VectorMut<T>: theta, velocity, square; Vector<T>: gradient);
        let work = flops::adam(theta.len());
        call(py, work, |context| core::adam(context, core::Moving { theta, gradient, velocity, square }, rates))
    })
}

/// For each column of `y`, the weighted sum of its products with the rows on which a neuron is active.
#[pyfunction]
pub(crate) fn net_simplified(
    py: Python<'_>,
    x: &Array<'_>,
    y: &Array<'_>,
    w: &Array<'_>,
    b: &Array<'_>,
    weight: &Array<'_>,
    out: &Array<'_>,
) -> PyResult<()> {
    by_type!(x, T => {
        views!(Matrix<T>: x, y, w; Vector<T>: b; Vector<f64>: weight; MatrixMut<T>: out);
        call(py, flops::net(1 + y.d, x.n, w.n, x.d), |context| core::simplified(context, x, (w, b), y, weight, out))
    })
}

/// The derivative of a net's outputs along the movement `v` of its first layer.
#[pyfunction]
pub(crate) fn tangent_product(
    py: Python<'_>,
    x: &Array<'_>,
    net: NetSpec<'_>,
    v: &Array<'_>,
    out: &Array<'_>,
) -> PyResult<()> {
    by_type!(x, T => {
        views!(Matrix<T>: x, v; Net<T>: net; MatrixMut<T>: out);
        call(py, flops::net(2, x.n, net.w.n, x.d), |context| core::tangent_product(context, x, net, v, out))
    })
}

/// The derivative by a net's first layer of its outputs times `r`, added up.
#[pyfunction]
pub(crate) fn tangent_transpose(
    py: Python<'_>,
    x: &Array<'_>,
    net: NetSpec<'_>,
    r: &Array<'_>,
    out: &Array<'_>,
) -> PyResult<()> {
    by_type!(x, T => {
        views!(Matrix<T>: x, r; Net<T>: net; MatrixMut<T>: out);
        call(py, flops::net(2, x.n, net.w.n, x.d), |context| core::tangent_transpose(context, x, net, r.data, out))
    })
}

/// Terms of an expansion in the first layer, one matrix below the other, or their sum with `offset`.
#[pyfunction]
pub(crate) fn taylor_terms(
    py: Python<'_>,
    x: &Array<'_>,
    net: ExpansionSpec<'_>,
    each: bool,
    offset: Option<&Array<'_>>,
    out: &Array<'_>,
) -> PyResult<()> {
    let terms = if each { Terms::Each } else { Terms::Sum };
    by_type!(x, T => {
        views!(Matrix<T>: x; Expansion<T>: net; Optional<T>: offset; MatrixMut<T>: out);
        let offset = offset.map(|rows| rows.data);
        call(py, flops::net(2, x.n, net.start.n, x.d), |context| core::taylor_terms(context, x, net, terms, offset, out))
    })
}

/// The weighted sum of losses of an expansion, and its derivatives by movement and outputs.
#[pyfunction]
pub(crate) fn taylor_gradient(
    py: Python<'_>,
    x: &Array<'_>,
    net: ExpansionSpec<'_>,
    labels: LabelsSpec<'_>,
    by_w: &Array<'_>,
    residual: &Array<'_>,
) -> PyResult<f64> {
    by_type!(x, T => {
        views!(Matrix<T>: x; Expansion<T>: net; Labels<T>: labels; MatrixMut<T>: by_w, residual);
        call(py, flops::net(3, x.n, net.start.n, x.d), |context| {
            core::taylor_gradient(context, x, net, labels, by_w, residual)
        })
    })
}

/// The second derivative by the movement of the weighted sum of losses of an expansion, times `v`.
#[pyfunction]
pub(crate) fn taylor_hessian(
    py: Python<'_>,
    x: &Array<'_>,
    net: ExpansionSpec<'_>,
    labels: LabelsSpec<'_>,
    v: &Array<'_>,
    out: &Array<'_>,
) -> PyResult<()> {
    by_type!(x, T => {
        views!(Matrix<T>: x, v; Expansion<T>: net; Labels<T>: labels; MatrixMut<T>: out);
        call(py, flops::net(4, x.n, net.start.n, x.d), |context| core::hessian_product(context, x, net, labels, v, out))
    })
}

/// Mean and variance of a net's outputs over random signs of the rows of its movement.
#[pyfunction]
pub(crate) fn signs_forward(
    py: Python<'_>,
    x: &Array<'_>,
    net: SignsSpec<'_>,
    mean: &Array<'_>,
    variance: &Array<'_>,
) -> PyResult<()> {
    by_type!(x, T => {
        views!(Matrix<T>: x; Signs<T>: net; MatrixMut<T>: mean, variance);
        call(py, flops::net(2, x.n, net.start.n, x.d), |context| core::signs_forward(context, x, net, mean, variance))
    })
}

/// The mean over those signs of the weighted sum of losses, and its derivatives by movement and mean outputs.
#[pyfunction]
pub(crate) fn signs_gradient(
    py: Python<'_>,
    x: &Array<'_>,
    net: SignsSpec<'_>,
    labels: LabelsSpec<'_>,
    nodes: &Array<'_>,
    node_weights: &Array<'_>,
    by_w: &Array<'_>,
    residual: &Array<'_>,
) -> PyResult<f64> {
    by_type!(x, T => {
        views!(Matrix<T>: x; Signs<T>: net; Labels<T>: labels; Vector<f64>: nodes, node_weights);
        views!(MatrixMut<T>: by_w, residual);
        call(py, flops::net(3, x.n, net.start.n, x.d), |context| {
            core::signs_gradient(context, x, net, labels, (nodes, node_weights), by_w, residual)
        })
    })
}
