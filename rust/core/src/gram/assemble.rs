//! Whole matrices: Gram matrices, of which one triangle is computed and mirrored, and feature matrices.

use crate::error::{Result, fits};
use crate::features::{FeatureMap, Layout};
use crate::gemm::{Packed, Rows, TILE};
use crate::kernels::Plan;
use crate::real::Real;
use crate::threads::{Context, Shared, alloc};
use crate::tiles::{Consumer, Place, packed_norms, run};

/// Writes tiles to a row-major matrix.
#[derive(Debug)]
pub(super) struct Write<'a, T> {
    pub(super) out: Shared<T>,
    /// Distance between rows of `out`.
    pub(super) ld: usize,
    /// Mirror what lies below the diagonal.
    pub(super) mirror: bool,
    /// For each output tile: what to add to row and column indices, and how many rows and columns there are.
    pub(super) spans: &'a [Span],
}

/// Where one output of an epilogue lands in the matrix.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) row0: usize,
    pub(super) col0: usize,
    pub(super) rows: usize,
    pub(super) cols: usize,
}

/// Columns mirrored together.
const STRIP: usize = 8;

impl<T: Real> Consumer<T> for Write<'_, T> {
    type State = Vec<T>;

    fn triangle(&self) -> bool {
        self.mirror
    }

    fn state(&self) -> Result<Vec<T>> {
        alloc(if self.mirror { STRIP * TILE } else { 0 }, "a strip")
    }

    /// Without this the writes wait for memory, one short row after the other: a Gram matrix of short rows takes twice
    /// as long.
    fn prepare(&self, Place { rows, cols, .. }: &Place) {
        for span in self.spans.iter().filter(|span| span.rows > 0) {
            let n = cols.end.min(span.cols).saturating_sub(cols.start);
            for i in rows.start..rows.end.min(span.rows) {
                self.out.prefetch((span.row0 + i) * self.ld + span.col0 + cols.start, n);
            }
        }
        if self.mirror && rows != cols {
            for j in cols.clone() {
                self.out.prefetch(j * self.ld + rows.start, rows.len());
            }
        }
    }

    fn take(&self, strip: &mut Vec<T>, tile: &[T], Place { output, rows, cols, .. }: &Place) {
        let span = self.spans[*output];
        let n = cols.end.min(span.cols).saturating_sub(cols.start);
        for i in rows.start..rows.end.min(span.rows) {
            let at = (span.row0 + i) * self.ld + span.col0 + cols.start;
            let values = &tile[(i - rows.start) * TILE..][..n];
            // SAFETY: tiles do not overlap, and mirrored tiles lie on the other side of the diagonal.
            unsafe { self.out.part(at, n) }.copy_from_slice(values);
        }
        if !self.mirror || rows == cols {
            return;
        }
        // Strips of columns go through a small buffer, so that both reads and writes run along rows.
        for j in (0..n).step_by(STRIP) {
            let width = STRIP.min(n - j);
            for i in 0..rows.len() {
                for (k, &v) in tile[i * TILE + j..][..width].iter().enumerate() {
                    strip[k * TILE + i] = v;
                }
            }
            for k in 0..width {
                let at = (cols.start + j + k) * self.ld + rows.start;
                // SAFETY: as above.
                unsafe { self.out.part(at, rows.len()) }.copy_from_slice(&strip[k * TILE..][..rows.len()]);
            }
        }
    }
}

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
    let mut write = Write { out: Shared::new(out), ld: cols, mirror: y.is_none(), spans: &spans };
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
    let mut write = Write { out: Shared::new(out), ld, mirror: false, spans: &spans };
    let epilogue = map.epilogue(layout);
    if row_major {
        run(context, x, Some(map.weights()), &epilogue, &mut write)
    } else {
        run(context, map.weights(), Some(x), &epilogue, &mut write)
    }
}
