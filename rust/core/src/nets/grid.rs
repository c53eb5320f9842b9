//! How rows are cut into blocks, blocks dealt to groups and neurons cut into tiles: by the shapes alone.

use std::ops::Range;

use crate::matrix::TILE;
use crate::real::Real;
use crate::simd::Level;

/// Rows of a block, at most.
const ROWS: usize = 192;
/// Rows that a block of few rows is at most rounded up to a multiple of.
const FEW: usize = 48;
/// Rows of any block but the last are a multiple of this, which is one of every register block's height.
const EVEN: usize = 8;
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
    pub(super) n: usize,
    pub(super) d: usize,
    pub(super) m: usize,
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
        let most = n.div_ceil(SHARES).next_multiple_of(FEW).min(ROWS);
        // Blocks of about as many rows: a short last one would let threads wait.
        let rows = n.div_ceil(n.div_ceil(most.max(1)).max(1)).next_multiple_of(EVEN);
        let (blocks, padded) = (n.div_ceil(rows.max(1)), m.next_multiple_of(nr));
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
}
