//! Whole matrices: Gram matrices, of which one triangle is computed and mirrored, and feature matrices.

use super::write::{Span, Write};
use crate::error::{Result, fits};
use crate::features::{FeatureMap, Layout};
use crate::gemm::{Packed, Rows};
use crate::kernels::Plan;
use crate::memory::{Shared, alloc};
use crate::real::Real;
use crate::threads::Context;
use crate::tiles::{packed_norms, run};

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
    let spans = [Span { row0: 0, col0: 0, rows: x.n, cols }];
    let mut write = Write::new(context, out, cols, y.is_none(), &spans);
    run(context, x, y, plan, &mut write)
}

/// `out[i] = k(x_i, x_i)`, the bits of the Gram matrix's diagonal.
///
/// # Errors
/// As [`assemble`].
pub fn diagonal<T: Real>(context: &Context<'_>, plan: &Plan<T>, x: Rows<'_, T>, out: &mut [T]) -> Result<()> {
    fits("elements of out", x.n, out.len())?;
    let shared = Shared::new(out);
    let width = T::block(context.level).0;
    let step = 64 * width;
    context.each(
        x.n.div_ceil(step),
        || Ok((Packed::new(width), alloc(step, "squared norms")?)),
        |(pack, norms), t| {
            let rows = x.slice(t * step, step.min(x.n - t * step));
            pack.reserve(rows.n, rows.d)?;
            pack.fill(rows);
            let norms = &mut norms[..rows.n];
            packed_norms(context.level, pack, 0, norms);
            // SAFETY: every task has its own rows.
            plan.diagonal(context.level, rows, t * step, norms, unsafe { shared.part(t * step, rows.n) })
        },
    )
}

/// The feature matrix of `x`: row-major (`out` is n x p), or feature-major (`out` is p rows of n, `ld` apart).
///
/// # Errors
/// As [`assemble`].
///
/// # Cost
/// `2 n p d` flops and the activation.
pub fn transform<T: Real>(
    context: &Context<'_>,
    map: &FeatureMap<T>,
    x: Rows<'_, T>,
    layout: Layout,
    out: &mut [T],
    ld: usize,
) -> Result<()> {
    let p = map.n_components();
    fits("columns of x", map.weights().d, x.d)?;
    let row_major = layout == Layout::RowMajor;
    fits("elements of out", if row_major { x.n } else { p } * ld, out.len())?;
    let span = |output: usize| {
        let (first, n) = map.span(output);
        if row_major {
            Span { row0: 0, col0: first, rows: x.n, cols: n }
        } else {
            Span { row0: first, col0: 0, rows: n, cols: x.n }
        }
    };
    let spans = [span(0), span(1)];
    let mut write = Write::new(context, out, ld, false, &spans);
    let epilogue = map.epilogue(layout);
    if row_major {
        run(context, x, Some(map.weights()), &epilogue, &mut write)
    } else {
        run(context, map.weights(), Some(x), &epilogue, &mut write)
    }
}
