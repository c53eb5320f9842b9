//! Where derivatives go: sums over groups of rows become matrices of the caller's.

use crate::error::Result;
use crate::matrix::TILE;
use crate::memory::alloc;
use crate::real::Real;
use crate::threads::Context;

use super::grid::Grid;

/// Columns that are turned into rows together.
const STEPS: usize = 32;

/// The matrices that derivatives are written to.
#[derive(Debug)]
pub(super) struct Gradient<'a, T> {
    /// By the first layer: m x d, or one such matrix for each coefficient of a row.
    pub(super) layer: &'a mut [T],
    /// Coefficients of a row multiply copies of the row, each with a matrix of its own, rather than slopes.
    pub(super) copies: Option<usize>,
    /// By thresholds, m, and output weights, m x c.
    pub(super) rest: Option<(&'a mut [T], &'a mut [T])>,
}

impl<T: Real> Gradient<'_, T> {
    /// Add up the groups, in order.
    ///
    /// # Errors
    /// [`crate::error::Error::Cancelled`], [`crate::error::Error::Memory`].
    pub(super) fn finish(&mut self, context: &Context<'_>, grid: &Grid, sums: &[f64]) -> Result<()> {
        let (m, d, columns) = (grid.m, grid.d, grid.columns);
        let copies = self.layer.len() / (m * d).max(1);
        let tiles = grid.padded.div_ceil(TILE);
        // To each tile of neurons its part of every copy of the layer, of thresholds and of output weights.
        let mut layers: Vec<Vec<&mut [T]>> = (0..tiles).map(|_| Vec::with_capacity(copies)).collect();
        for copy in self.layer.chunks_mut((m * d).max(1)) {
            copy.chunks_mut(TILE * d).zip(&mut layers).for_each(|(part, tile)| tile.push(part));
        }
        let (b, a) = self.rest.as_mut().map_or((&mut [][..], &mut [][..]), |(b, a)| (&mut **b, &mut **a));
        let mut rest: Vec<(&mut [T], &mut [T])> =
            b.chunks_mut(TILE).zip(a.chunks_mut((TILE * grid.outputs).max(1))).collect();
        rest.resize_with(tiles, Default::default);
        context.each_part(
            layers.into_iter().zip(rest),
            || alloc(STEPS * TILE, "derivatives of some columns"),
            |block, tile, (mut layer, (b, a))| {
                let at = tile * TILE;
                let width = grid.width(at);
                let total = |start: usize| {
                    let mut total = [0.0; TILE];
                    for group in sums.chunks_exact(grid.sums()) {
                        total.iter_mut().zip(&group[start..start + width]).for_each(|(t, v)| *t += v);
                    }
                    total
                };
                for (copy, layer) in layer.iter_mut().enumerate() {
                    let rows = layer.len() / d.max(1);
                    for first in (0..d).step_by(STEPS) {
                        let steps = STEPS.min(d - first);
                        for (k, step) in block.chunks_exact_mut(TILE).take(steps).enumerate() {
                            let total = total(at * columns + (copy * d + first + k) * width);
                            step.iter_mut().zip(total).for_each(|(s, v)| *s = T::from_f64(v));
                        }
                        T::transpose(context.level, block, TILE, steps, rows, &mut layer[first..], d);
                    }
                }
                let start = grid.padded * columns;
                for t in 0..if a.is_empty() { 0 } else { grid.outputs } {
                    let total = total(start + at * grid.outputs + t * width);
                    a.chunks_exact_mut(grid.outputs).zip(total).for_each(|(row, v)| row[t] = T::from_f64(v));
                }
                if !b.is_empty() {
                    let total = total(start + grid.padded * grid.outputs + at);
                    b.iter_mut().zip(total).for_each(|(b, v)| *b = T::from_f64(-v));
                }
                Ok(())
            },
        )
    }
}
