//! How rows are cut into blocks, blocks dealt to groups and neurons cut into tiles: by the shapes alone.

use std::ops::Range;

use crate::error::Result;
use crate::matrix::TILE;
use crate::real::Real;
use crate::simd::Level;
use crate::threads::Context;

use super::sweep::Gradient;

/// Rows of a block, at most.
const ROWS: usize = 192;
/// Rows that a block of few rows is a multiple of.
const FEW: usize = 48;
/// Blocks that few rows make, so that threads can share them.
const SHARES: usize = 8;
/// Bytes of slopes of one block that are kept for the way back; beyond that they are computed twice.
const KEPT: usize = 16 << 20;
/// Bytes that the sums of all groups may take, unless there are few groups.
const SUMS: usize = 256 << 20;
/// The least and the largest number of groups.
const GROUPS: (usize, usize) = (4, 32);
/// Blocks in a group, where groups are many.
const DEEP: usize = 8;

/// The cut.
#[derive(Debug)]
pub(super) struct Grid {
    n: usize,
    d: usize,
    m: usize,
    /// Rows of a block.
    pub(super) rows: usize,
    pub(super) blocks: usize,
    pub(super) groups: usize,
    /// Neurons, rounded up to whole register blocks.
    pub(super) padded: usize,
    /// Columns of all copies of a row, rounded up likewise; 0 where no derivative is asked for.
    pub(super) columns: usize,
    /// Outputs by whose weights, and by the thresholds, derivatives are asked for; 0 where they are not.
    pub(super) outputs: usize,
    /// Whether a block's slopes are kept for the way back.
    pub(super) keep: bool,
}

impl Grid {
    /// For `n` rows of `d` columns and `m` neurons, with `copies` derivatives by the first layer and `arrays` to keep.
    pub(super) fn new<T: Real>(
        level: Level,
        (n, d): (usize, usize),
        m: usize,
        copies: Option<usize>,
        outputs: usize,
        arrays: usize,
    ) -> Self {
        let (mr, nr) = T::block(level);
        let rows = n.div_ceil(SHARES).next_multiple_of(FEW).min(ROWS);
        let (blocks, padded) = (n.div_ceil(rows), m.next_multiple_of(nr));
        let columns = copies.map_or(0, |c| (c * d).next_multiple_of(mr));
        let keep = arrays * rows * padded * size_of::<T>() <= KEPT;
        let mut grid = Self { n, d, m, rows, blocks, groups: blocks, padded, columns, outputs, keep };
        if columns > 0 {
            let room = SUMS / (8 * grid.sums()).max(1);
            let wanted = (blocks / DEEP).max(SHARES).min(room);
            grid.groups = wanted.clamp(GROUPS.0, GROUPS.1).min(blocks);
        }
        grid
    }

    /// Sums of one group: by the first layer, by output weights, by thresholds, each tile after tile.
    pub(super) fn sums(&self) -> usize {
        match (self.columns, self.outputs) {
            (0, _) => 0,
            (columns, 0) => self.padded * columns,
            (columns, outputs) => self.padded * (columns + outputs + 1),
        }
    }

    /// The rows of a block.
    pub(super) fn span(&self, block: usize) -> Range<usize> {
        block * self.rows..self.n.min((block + 1) * self.rows)
    }

    /// Neurons of the tile that starts at neuron `at`, padding included.
    pub(super) fn width(&self, at: usize) -> usize {
        TILE.min(self.padded - at)
    }

    /// Add up the groups, in order.
    ///
    /// # Errors
    /// [`crate::error::Error::Cancelled`].
    pub(super) fn finish<T: Real>(&self, context: &Context<'_>, sums: &[f64], out: &mut Gradient<'_, T>) -> Result<()> {
        let (m, d, columns) = (self.m, self.d, self.columns);
        let copies = out.layer.len() / (m * d).max(1);
        let tiles = self.padded.div_ceil(TILE);
        // To each tile of neurons its part of every copy of the layer, of thresholds and of output weights.
        let mut layers: Vec<Vec<&mut [T]>> = (0..tiles).map(|_| Vec::with_capacity(copies)).collect();
        for copy in out.layer.chunks_mut((m * d).max(1)) {
            copy.chunks_mut(TILE * d).zip(&mut layers).for_each(|(part, tile)| tile.push(part));
        }
        let (b, a) = out.rest.as_mut().map_or((&mut [][..], &mut [][..]), |(b, a)| (&mut **b, &mut **a));
        let mut rest: Vec<(&mut [T], &mut [T])> =
            b.chunks_mut(TILE).zip(a.chunks_mut((TILE * self.outputs).max(1))).collect();
        rest.resize_with(tiles, Default::default);
        context.each_part(
            layers.into_iter().zip(rest),
            || Ok(()),
            |(), tile, (mut layer, (b, a))| {
                let at = tile * TILE;
                let width = self.width(at);
                let total = |start: usize| {
                    let mut total = [0.0; TILE];
                    for group in sums.chunks_exact(self.sums()) {
                        total.iter_mut().zip(&group[start..start + width]).for_each(|(t, v)| *t += v);
                    }
                    total
                };
                for (copy, layer) in layer.iter_mut().enumerate() {
                    for k in 0..d {
                        let total = total(at * columns + (copy * d + k) * width);
                        layer.chunks_exact_mut(d).zip(total).for_each(|(row, v)| row[k] = T::from_f64(v));
                    }
                }
                let start = self.padded * columns;
                for t in 0..if a.is_empty() { 0 } else { self.outputs } {
                    let total = total(start + at * self.outputs + t * width);
                    a.chunks_exact_mut(self.outputs).zip(total).for_each(|(row, v)| row[t] = T::from_f64(v));
                }
                if !b.is_empty() {
                    let total = total(start + self.padded * self.outputs + at);
                    b.iter_mut().zip(total).for_each(|(b, v)| *b = T::from_f64(-v));
                }
                Ok(())
            },
        )
    }
}
