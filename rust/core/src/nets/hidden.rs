//! Hidden activations of a layer, or their slopes, written out.

use crate::activation::Shape;
use crate::error::{Result, fits};
use crate::matrix::{Packed, Rows, TILE, product};
use crate::memory::alloc;
use crate::real::Real;
use crate::threads::Context;

use super::cell::{CHUNK, Cell, Piece};
use super::grid::Grid;
use super::layer::Layer;
use super::sweep::check_finite;
use super::two_layer::padded;
use super::weights::pack;

/// `out = sigma(w_r . x - b_r)`, or `sigma'` of it with `slopes`: n x m.
///
/// # Errors
/// Shapes that do not fit, values that are not finite, an activation without a slope, memory, interruption.
///
/// # Cost
/// `2 n m d` flops; memory: the packed layer, and for each thread some hundred kilobytes.
pub fn hidden<T: Real>(
    context: &Context<'_>,
    x: Rows<'_, T>,
    (w, b): (Rows<'_, T>, &[T]),
    shape: Shape,
    slopes: bool,
    out: &mut [T],
) -> Result<()> {
    fits("columns of w", x.d, w.d)?;
    fits("thresholds", w.n, b.len())?;
    fits("elements of out", x.n * w.n, out.len())?;
    if slopes {
        shape.check()?;
    }
    let level = context.level;
    let (thresholds, layer) = (padded(level, b)?, pack(context, w)?);
    let cell = Layer { shape, thresholds: &thresholds, wanted: (!slopes, slopes) };
    let grid = Grid::new::<T>(level, (x.n, x.d), w.n, None, 0, 0);
    let scratch =
        || Ok((Packed::new(T::block(level).0), alloc(grid.rows * TILE, "products")?, alloc(CHUNK, "values")?));
    context.each_part(out.chunks_mut((grid.rows * w.n).max(1)), scratch, |(rows, products, values), block, out| {
        let span = grid.span(block);
        let (first, n) = (span.start, span.len());
        check_finite(level, x.slice(first, n), first)?;
        rows.reserve(n, x.d)?;
        rows.fill(x.slice(first, n));
        for at in (0..grid.padded).step_by(TILE) {
            context.check()?;
            let width = grid.width(at);
            product(level, rows, (0, n), &layer, (at, width), products, width, false);
            let step = (CHUNK / width).max(1);
            for (chunk, piece) in products[..n * width].chunks_mut(step * width).enumerate() {
                let (values, count) = (&mut values[..piece.len()], TILE.min(w.n - at));
                let (mut sigma, mut slope) = Default::default();
                *(if slopes { &mut slope } else { &mut sigma }) = &mut *values;
                let (values_of, slopes_of) = ([sigma, &mut [], &mut [], &mut [], &mut []], [slope, &mut []]);
                let products = [piece, &mut [], &mut []];
                cell.apply(level, Piece { products, values: values_of, slopes: slopes_of, at, width });
                for (i, row) in values.chunks_exact(width).enumerate() {
                    out[(chunk * step + i) * w.n + at..][..count].copy_from_slice(&row[..count]);
                }
            }
        }
        Ok(())
    })
}
