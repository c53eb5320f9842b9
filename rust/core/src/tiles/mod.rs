//! The tile engine: a grid fixed by the shapes alone, one product a tile, an epilogue fused over it, a consumer.

mod packed;
mod sweep;

pub(crate) use packed::{packed_norms, run_packed};
pub(crate) use sweep::{Columns, run, run_columns, swept};

use std::ops::Range;
use std::sync::atomic::AtomicBool;

use crate::error::Result;
use crate::matrix::{Rows, TILE};
use crate::real::Real;
use crate::simd::Level;
use crate::threads::Context;

/// Row tiles taken together, so that a column tile is fetched once for all of them.
const TALL: usize = 2;
/// Tasks a sweep is cut into, at least, so that threads can share it.
const TASKS: usize = 48;

/// Some rows on one edge of a tile.
#[derive(Debug)]
pub(crate) struct Edge<'a, T, S> {
    /// The rows themselves.
    pub(crate) rows: Rows<'a, T>,
    /// Their squared norms.
    pub(crate) norms: &'a [T],
    /// What [`Epilogue::side`] derived from the norms of the group these rows belong to.
    pub(crate) side: &'a S,
    /// Index of the first of these rows within that group.
    pub(crate) at: usize,
    /// Index of the first of these rows within the matrix.
    pub(crate) start: usize,
    /// Whether the caller has asked to stop: tiles that take long look, and leave what they have.
    pub(crate) stop: &'a AtomicBool,
}

impl<T, S> Edge<'_, T, S> {
    /// Tile number `i` of these rows.
    fn tile(&self, i: usize) -> Self {
        let at = i * TILE;
        let n = TILE.min(self.rows.n - at);
        let (rows, norms) = (self.rows.slice(at, n), &self.norms[at..at + n]);
        Self { rows, norms, side: self.side, at: self.at + at, start: self.start + at, stop: self.stop }
    }
}

/// Which edge a group of rows forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    /// Rows of the result.
    Row,
    /// Columns of the result.
    Column,
}

/// What is done to a tile of inner products.
pub(crate) trait Epilogue<T: Real>: Sync {
    /// Values derived once from a group of rows.
    type Side: Send + Sync;
    /// Buffers of one thread.
    type Scratch: Send;

    /// How many tiles come out for one that goes in.
    fn outputs(&self) -> usize {
        1
    }
    /// Values that [`Self::side`] derives from a row.
    fn depth(&self) -> usize {
        0
    }
    /// Values derived from rows `start ..` of the matrix and their squared norms. Where rows and columns are the same,
    /// what was derived for columns may stand in for rows.
    ///
    /// # Errors
    /// [`crate::error::Error::Memory`].
    fn side(
        &self,
        context: &Context<'_>,
        which: Which,
        start: usize,
        rows: Rows<'_, T>,
        norms: &[T],
    ) -> Result<Self::Side>;
    /// Buffers for one thread.
    ///
    /// # Errors
    /// [`crate::error::Error::Memory`].
    fn scratch(&self) -> Result<Self::Scratch>;
    /// Turn the inner products in `tile` (rows [`TILE`] apart; further outputs follow, `TILE * TILE` apart) into values.
    fn apply(
        &self,
        level: Level,
        scratch: &mut Self::Scratch,
        tile: &mut [T],
        x: &Edge<'_, T, Self::Side>,
        y: &Edge<'_, T, Self::Side>,
    );
}

/// Where a tile lies.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// Number of its strip or group.
    pub(crate) strip: usize,
    /// Which of the epilogue's outputs it is.
    pub(crate) output: usize,
    /// Its rows.
    pub(crate) rows: Range<usize>,
    /// Its columns.
    pub(crate) cols: Range<usize>,
}

/// Hand the epilogue's outputs for rows `x` and columns `y`, one tile after the other, to a consumer.
///
/// # Safety
/// As [`Consumer::take`].
pub(crate) unsafe fn hand<T: Real, S, C: Consumer<T>>(
    consumer: &C,
    state: &mut C::State,
    tiles: &[T],
    strip: usize,
    x: &Edge<'_, T, S>,
    y: &Edge<'_, T, S>,
) {
    let (rows, cols) = (x.start..x.start + x.rows.n, y.start..y.start + y.rows.n);
    let mut place = Place { strip, output: 0, rows, cols };
    for (output, tile) in tiles.chunks_exact(TILE * TILE).enumerate() {
        place.output = output;
        // SAFETY: the caller's promise; outputs share no place.
        unsafe { consumer.take(state, tile, &place) };
    }
}

/// Where tiles go.
pub(crate) trait Consumer<T: Real>: Sync {
    /// State of one strip, tiles that share their rows; it stays on the thread that made it.
    type State;

    /// Whether only tiles on and below the diagonal are wanted when rows and columns are the same.
    fn triangle(&self) -> bool;
    /// The number of groups, for consumers whose sums are too large to keep for every strip. Group `g` of `n` is one task,
    /// which takes bands of row tiles `g`, `g + n`, `g + 2 n` and so on, each whole.
    fn groups(&self) -> Option<usize> {
        None
    }
    /// Tasks of [`Self::prepare`], done first in the first sweep; strips do not wait for all of them.
    fn ahead(&self) -> usize {
        0
    }
    /// Do one of the tasks that make strips go faster.
    fn prepare(&self, _task: usize) {}
    /// Prepare for a sweep of `strips` strips a row tile, or of so many groups.
    ///
    /// # Errors
    /// [`crate::error::Error::Memory`].
    fn sweep(&mut self, _strips: usize, _columns: Range<usize>) -> Result<()> {
        Ok(())
    }
    /// Buffers of one thread.
    ///
    /// # Errors
    /// [`crate::error::Error::Memory`].
    fn state(&self) -> Result<Self::State>;
    /// Begin a strip.
    fn begin(&self, _state: &mut Self::State) {}
    /// Take a tile, its rows [`TILE`] apart.
    ///
    /// # Safety
    /// Between [`Self::sweep`] and [`Self::collect`] no place of an output is taken twice, and of a triangle no tile above
    /// the diagonal. Calls for the same strip of the same rows, or for the same group, come one at a time.
    unsafe fn take(&self, state: &mut Self::State, tile: &[T], place: &Place);
    /// End `rows` of strip or group number `strip`.
    ///
    /// # Safety
    /// As [`Self::take`].
    unsafe fn end(&self, _state: &mut Self::State, _strip: usize, _rows: Range<usize>) {}
    /// Combine the strips of a finished sweep.
    fn collect(&mut self, _context: &Context<'_>) -> Result<()> {
        Ok(())
    }
}
