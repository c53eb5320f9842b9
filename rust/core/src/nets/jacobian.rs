//! Products with the derivative of a two-layer net's outputs by its first layer, which is never formed.

use crate::error::{Result, fits};
use crate::matrix::Rows;
use crate::memory::Shared;
use crate::real::Real;
use crate::threads::Context;

use super::gradient::Gradient;
use super::layer::{Along, Layer};
use super::sweep::Sweep;
use super::targets::{Given, Write};
use super::two_layer::Net;

/// `out = sum_r a_r sigma'(w_r . x - b_r) v_r . x`, n x c.
///
/// # Errors
/// Shapes that do not fit, values that are not finite, an activation without a slope, memory, interruption.
///
/// # Cost
/// `4 n m d` flops.
pub fn tangent_product<T: Real>(
    context: &Context<'_>,
    x: Rows<'_, T>,
    net: Net<'_, T>,
    v: Rows<'_, T>,
    out: &mut [T],
) -> Result<()> {
    net.check(x.d)?;
    net.shape.check()?;
    fits("rows of v", net.w.n, v.n)?;
    fits("columns of v", net.w.d, v.d)?;
    fits("elements of out", x.n * net.a.d, out.len())?;
    let thresholds = net.thresholds(context.level)?;
    let cell = Along { shape: net.shape, thresholds: &thresholds };
    let (heads, target) = ([net.head(context.level)?], Write { offset: None, out: vec![Shared::new(out)] });
    Sweep { x, layers: &[net.w, v], heads: &heads, cell: &cell, target: &target }.run(context, None)?;
    Ok(())
}

/// `out_r = sum_i (r_i . a_r) sigma'(w_r . x_i - b_r) x_i`, m x d: the transpose of [`tangent_product`].
///
/// # Errors
/// As [`tangent_product`].
///
/// # Cost
/// `4 n m d` flops.
pub fn tangent_transpose<T: Real>(
    context: &Context<'_>,
    x: Rows<'_, T>,
    net: Net<'_, T>,
    r: &[T],
    out: &mut [T],
) -> Result<()> {
    net.check(x.d)?;
    net.shape.check()?;
    fits("elements of r", x.n * net.a.d, r.len())?;
    fits("elements of out", net.w.data.len(), out.len())?;
    let thresholds = net.thresholds(context.level)?;
    let cell = Layer { shape: net.shape, thresholds: &thresholds, wanted: (false, true) };
    let (heads, target) = ([net.head(context.level)?], Given { values: r, weight: None });
    let gradient = Gradient { layer: out, copies: None, rest: None };
    Sweep { x, layers: &[net.w], heads: &heads, cell: &cell, target: &target }.run(context, Some(gradient))?;
    Ok(())
}
