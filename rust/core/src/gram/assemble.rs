//! Whole matrices: Gram matrices, of which one triangle is computed and mirrored, and feature matrices.

use super::features::sweep;
use super::write::Write;
use crate::error::{Result, fits};
use crate::features::FeatureMap;
use crate::kernels::Plan;
use crate::matrix::{Packed, Rows};
use crate::memory::alloc;
use crate::real::Real;
use crate::threads::Context;
use crate::tiles::{Epilogue, packed_norms, run};

/// `out[i][j] = k(x_i, y_j)`, `y = x` when `None`: then one triangle is computed and mirrored.
///
/// # Errors
/// Shapes that do not fit, rows whose squared norm overflows, memory, interruption.
///
/// # Cost
/// `n m (2 d + the kernel)` flops, half of it when `y` is `None`.
pub fn assemble<T: Real>(
    context: &Context<'_>,
    plan: &Plan<T>,
    x: Rows<'_, T>,
    y: Option<Rows<'_, T>>,
    out: &mut [T],
) -> Result<()> {
    let (cols, d) = y.map_or((x.n, x.d), |y| (y.n, y.d));
    fits("columns of y", x.d, d)?;
    fits("elements of out", x.n * cols, out.len())?;
    let spans = [(0, cols)];
    let mut write = Write::new(context, out, cols, y.is_none(), &spans);
    run(context, x, y, plan, &mut write)
}

/// `out[i] = k(x_i, x_i)`, the bits of the Gram matrix's diagonal.
///
/// # Errors
/// As [`assemble`].
pub fn diagonal<T: Real>(context: &Context<'_>, plan: &Plan<T>, x: Rows<'_, T>, out: &mut [T]) -> Result<()> {
    fits("elements of out", x.n, out.len())?;
    let width = T::block(context.level).0;
    // Some megabytes of what the plan derives from rows, at most.
    let step = ((1 << 21) / (plan.depth().max(1) * width)).clamp(1, 64) * width;
    context.each_part(
        out.chunks_mut(step),
        || Ok((Packed::new(width), alloc(step, "squared norms")?)),
        |(pack, norms), t, out| {
            let rows = x.slice(t * step, out.len());
            pack.reserve(rows.n, rows.d)?;
            pack.fill(rows);
            let norms = &mut norms[..rows.n];
            packed_norms(context.level, pack, 0, norms);
            plan.diagonal(&context.alone(), rows, t * step, norms, out)
        },
    )
}

/// The feature matrix of `x`, n x p, row-major.
///
/// # Errors
/// As [`assemble`].
///
/// # Cost
/// `2 n p d` flops, `6 n p log2 d` additions for structured weights, and the activation.
pub fn transform<T: Real>(context: &Context<'_>, map: &FeatureMap<T>, x: Rows<'_, T>, out: &mut [T]) -> Result<()> {
    let p = map.n_components();
    fits("columns of x", map.d(), x.d)?;
    fits("elements of out", x.n * p, out.len())?;
    let spans = [map.span(0), map.span(1)];
    sweep(context, map, x, &mut Write::new(context, out, p, false, &spans))
}
