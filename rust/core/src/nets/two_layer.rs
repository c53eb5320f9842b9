//! Two-layer nets: outputs, gradients, and the gradient at which training starts.

use crate::activation::{Activation, Shape};
use crate::error::{Result, fits};
use crate::matrix::Rows;
use crate::memory::{Buffer, Shared, alloc};
use crate::real::Real;
use crate::simd::Level;
use crate::threads::Context;

use super::gradient::Gradient;
use super::layer::Layer;
use super::sweep::Sweep;
use super::targets::{Given, Labels, Slopes, Write};
use super::weights::Head;

/// `f(x) = sum_r a_r sigma(w_r . x - b_r)`.
#[derive(Debug, Clone, Copy)]
pub struct Net<'a, T> {
    /// First layer, m rows.
    pub w: Rows<'a, T>,
    /// Thresholds, m.
    pub b: &'a [T],
    /// Output weights, m x c.
    pub a: Rows<'a, T>,
    /// Activation.
    pub shape: Shape,
}

impl<T: Real> Net<'_, T> {
    /// Check the extents against rows of `d` columns.
    pub(super) fn check(&self, d: usize) -> Result<()> {
        fits("columns of w", d, self.w.d)?;
        fits("thresholds", self.w.n, self.b.len())?;
        fits("rows of a", self.w.n, self.a.n)
    }

    pub(super) fn head(&self, level: Level) -> Result<Head<T>> {
        Head::new(level, self.a.n, self.a.d, |r, t| self.a.row(r)[t])
    }

    /// Thresholds, and zeros for padded neurons.
    pub(super) fn thresholds(&self, level: Level) -> Result<Buffer<T>> {
        padded(level, self.b)
    }
}

/// `values` and as many zeros as padded neurons need.
pub(super) fn padded<T: Real>(level: Level, values: &[T]) -> Result<Buffer<T>> {
    let mut out = alloc(values.len().next_multiple_of(T::block(level).1), "thresholds")?;
    out[..values.len()].copy_from_slice(values);
    Ok(out)
}

/// Outputs of the rows of `x`, n x c.
///
/// # Errors
/// Shapes that do not fit, values that are not finite, memory, interruption.
///
/// # Cost
/// `2 n m (d + c)` flops; memory: the packed layer, and for each thread some hundred kilobytes.
pub fn forward<T: Real>(context: &Context<'_>, x: Rows<'_, T>, net: Net<'_, T>, out: &mut [T]) -> Result<()> {
    net.check(x.d)?;
    fits("elements of out", x.n * net.a.d, out.len())?;
    let thresholds = net.thresholds(context.level)?;
    let cell = Layer { shape: net.shape, thresholds: &thresholds, wanted: (true, false) };
    let (heads, target) = ([net.head(context.level)?], Write { offset: None, out: vec![Shared::new(out)] });
    Sweep { x, layers: &[net.w], heads: &heads, cell: &cell, target: &target }.run(context, None)?;
    Ok(())
}

/// Where the derivatives of a mean loss go.
#[derive(Debug)]
pub struct NetGradient<'a, T> {
    /// By the first layer, m x d.
    pub w: &'a mut [T],
    /// By the thresholds, m.
    pub b: &'a mut [T],
    /// By the output weights, m x c.
    pub a: &'a mut [T],
}

/// `sum_i weight_i loss(y_i, f(x_i))` and its derivatives.
///
/// # Errors
/// As [`forward`].
///
/// # Cost
/// `4 n m d + 6 n m c` flops; memory: 8 bytes times `m (d + c)` for each of at most 32 groups of rows, and for each thread
/// slopes of a block.
pub fn gradient<T: Real>(
    context: &Context<'_>,
    x: Rows<'_, T>,
    net: Net<'_, T>,
    labels: Labels<'_, T>,
    out: NetGradient<'_, T>,
) -> Result<f64> {
    net.check(x.d)?;
    net.shape.check()?;
    labels.check(x.n, net.a.d)?;
    fits("elements of w's derivative", net.w.data.len(), out.w.len())?;
    fits("elements of b's derivative", net.b.len(), out.b.len())?;
    fits("elements of a's derivative", net.a.data.len(), out.a.len())?;
    let thresholds = net.thresholds(context.level)?;
    let cell = Layer { shape: net.shape, thresholds: &thresholds, wanted: (true, true) };
    let (heads, target) = ([net.head(context.level)?], Slopes { labels, residual: None, rule: None });
    let gradient = Gradient { layer: out.w, copies: None, rest: Some((out.b, out.a)) };
    Sweep { x, layers: &[net.w], heads: &heads, cell: &cell, target: &target }.run(context, Some(gradient))
}

/// `out[k] = sum_i weight_i y_ik x_i 1{w . x_i > b}` for every neuron: c x m x d.
///
/// # Errors
/// As [`forward`].
///
/// # Cost
/// `2 n m d (1 + c)` flops; memory as [`gradient`], c times.
pub fn simplified<T: Real>(
    context: &Context<'_>,
    x: Rows<'_, T>,
    (w, b): (Rows<'_, T>, &[T]),
    y: Rows<'_, T>,
    weight: &[f64],
    out: &mut [T],
) -> Result<()> {
    fits("columns of w", x.d, w.d)?;
    fits("thresholds", w.n, b.len())?;
    fits("rows of y", x.n, y.n)?;
    fits("weights", x.n, weight.len())?;
    fits("elements of out", y.d * w.data.len(), out.len())?;
    let thresholds = padded(context.level, b)?;
    // The slope of relu is 1 where the pre-activation less the threshold is positive.
    let shape = Shape::Plain(Activation::Relu);
    let cell = Layer { shape, thresholds: &thresholds, wanted: (false, true) };
    let heads = [Head::new(context.level, w.n, y.d, |_, _| T::ZERO)?];
    let target = Given { values: y.data, weight: Some(weight) };
    let gradient = Gradient { layer: out, copies: Some(y.d), rest: None };
    Sweep { x, layers: &[w], heads: &heads, cell: &cell, target: &target }.run(context, Some(gradient))?;
    Ok(())
}
