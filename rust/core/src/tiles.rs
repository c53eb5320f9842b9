//! The tile engine: a grid fixed by the shapes alone, one product a tile, an epilogue fused over it, a consumer.

use std::ops::Range;

use crate::error::Result;
use crate::gemm::{Packed, Rows, TILE, product};
use crate::memory::{Buffer, Shared, alloc};
use crate::real::Real;
use crate::simd::{Job, Level, dispatch};
use crate::threads::Context;

/// Bytes of packed columns held at once; more columns are taken in several sweeps.
const SWEEP_BYTES: usize = 64 << 20;
/// Row tiles taken together, so that a column tile is fetched once for all of them.
const TALL: usize = 2;
/// Tasks a sweep is cut into, at least, so that threads can share it.
const TASKS: usize = 48;

/// Some rows on one edge of a tile.
#[derive(Debug)]
pub struct Edge<'a, T, S> {
    /// The rows themselves.
    pub rows: Rows<'a, T>,
    /// Their squared norms.
    pub norms: &'a [T],
    /// What [`Epilogue::side`] derived from the norms of the group these rows belong to.
    pub side: &'a S,
    /// Index of the first of these rows within that group.
    pub at: usize,
    /// Index of the first of these rows within the matrix.
    pub start: usize,
}

/// Which edge a group of rows forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Rows of the result.
    Row,
    /// Columns of the result.
    Column,
}

/// What is done to a tile of inner products.
pub trait Epilogue<T: Real>: Sync {
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
pub struct Place {
    /// Number of its strip or group.
    pub strip: usize,
    /// Which of the epilogue's outputs it is.
    pub output: usize,
    /// Its rows.
    pub rows: Range<usize>,
    /// Its columns.
    pub cols: Range<usize>,
}

/// Where tiles go.
pub trait Consumer<T: Real>: Sync {
    /// State of one strip: tiles that share their rows.
    type State: Send;

    /// Whether only tiles on and below the diagonal are wanted when rows and columns are the same.
    fn triangle(&self) -> bool;
    /// Tasks, where each is to take every so many-th band of row tiles from top to bottom rather than one strip of one tile: for
    /// consumers whose sums are too large to keep for every strip.
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
    fn take(&self, state: &mut Self::State, tile: &[T], place: &Place);
    /// End `rows` of strip or group number `strip`.
    fn end(&self, _state: &mut Self::State, _strip: usize, _rows: Range<usize>) {}
    /// Combine the strips of a finished sweep.
    fn collect(&mut self, _context: &Context<'_>) -> Result<()> {
        Ok(())
    }
}

struct Norms<'a, T> {
    pack: &'a Packed<T>,
    start: usize,
    out: &'a mut [T],
}

impl<T: Real> Job for Norms<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        self.pack.norms::<FMA>(self.start, self.out);
    }
}

/// Squared norms of the packed rows from `start` on.
pub fn packed_norms<T: Real>(level: Level, pack: &Packed<T>, start: usize, out: &mut [T]) {
    dispatch(level, Norms { pack, start, out });
}

struct Scratch<T, E, C> {
    a: Packed<T>,
    norms: Buffer<T>,
    tile: Buffer<T>,
    epilogue: E,
    states: Vec<C>,
}

/// Sweep the grid of `x` against `y` (against itself when `None`).
///
/// # Errors
/// [`crate::error::Error::Cancelled`], [`crate::error::Error::Memory`].
///
/// # Cost
/// `2 n m d` flops, half of that for a triangle; memory beyond the consumer's: `min(m d, 64 MiB)` and, for each thread,
/// two row tiles of `x` and some tiles.
pub fn run<T: Real, E: Epilogue<T>, C: Consumer<T>>(
    context: &Context<'_>,
    x: Rows<'_, T>,
    y: Option<Rows<'_, T>>,
    epilogue: &E,
    consumer: &mut C,
) -> Result<()> {
    let (symmetric, triangle) = (y.is_none(), y.is_none() && consumer.triangle());
    let y = y.unwrap_or(x);
    let (level, (mr, nr)) = (context.level, T::block(context.level));
    let (row_tiles, bands) = (x.n.div_ceil(TILE), x.n.div_ceil(TALL * TILE));
    let sweep = (SWEEP_BYTES / ((y.d + epilogue.depth()).max(1) * size_of::<T>())).max(TILE) / TILE * TILE;
    let mut b = Packed::new(nr);
    for first in (0..y.n).step_by(sweep) {
        let columns = y.slice(first, sweep.min(y.n - first));
        let col_tiles = columns.n.div_ceil(TILE);
        let mut norms = alloc(columns.n, "squared norms")?;
        pack_columns(context, &mut b, columns, &mut norms)?;
        let side = epilogue.side(context, Which::Column, first, columns, &norms)?;
        let groups = consumer.groups();
        let strips = groups.unwrap_or(TASKS.div_ceil(bands).clamp(1, col_tiles));
        consumer.sweep(strips, first..first + columns.n)?;
        let shared: &C = consumer;
        let band_of = |s: &mut Scratch<T, E::Scratch, C::State>, band: usize, strip: usize| -> Result<()> {
            let row0 = band * TALL * TILE;
            let rows = x.slice(row0, (TALL * TILE).min(x.n - row0));
            let tiles = band * TALL..row_tiles.min((band + 1) * TALL);
            let wanted = |i: usize, j: usize| !triangle || first / TILE + j <= i;
            let part = if groups.is_some() {
                0..col_tiles
            } else {
                strip * col_tiles / strips..(strip + 1) * col_tiles / strips
            };
            let mine = part.filter(|&j| wanted(tiles.end - 1, j));
            s.states.iter_mut().for_each(|state| shared.begin(state));
            if mine.clone().next().is_some() {
                // Where these rows are columns of this sweep too, they are packed already.
                let packed = symmetric && first <= row0 && row0 + rows.n <= first + columns.n;
                let own;
                let (a, a0, row_norms, row_side) = if packed {
                    (&b, row0 - first, &norms[row0 - first..row0 - first + rows.n], &side)
                } else {
                    s.a.reserve(rows.n, x.d)?;
                    s.a.fill(rows);
                    packed_norms(level, &s.a, 0, &mut s.norms[..rows.n]);
                    own = epilogue.side(&context.alone(), Which::Row, row0, rows, &s.norms[..rows.n])?;
                    (&s.a, 0, &s.norms[..rows.n], &own)
                };
                for j in mine {
                    let at = j * TILE;
                    let cols = columns.slice(at, TILE.min(columns.n - at));
                    let col_edge =
                        Edge { rows: cols, norms: &norms[at..at + cols.n], side: &side, at, start: first + at };
                    for (i, state) in tiles.clone().zip(&mut s.states).filter(|(i, _)| wanted(*i, j)) {
                        context.check()?;
                        let down = (i - tiles.start) * TILE;
                        let rows = rows.slice(down, TILE.min(rows.n - down));
                        product(level, a, (a0 + down, rows.n), &b, (at, cols.n), &mut s.tile, TILE, false);
                        let norms = &row_norms[down..down + rows.n];
                        let row_edge = Edge { rows, norms, side: row_side, at: a0 + down, start: row0 + down };
                        epilogue.apply(level, &mut s.epilogue, &mut s.tile, &row_edge, &col_edge);
                        let start = row0 + down;
                        let (rows, cols) = (start..start + rows.n, first + at..first + at + cols.n);
                        let mut place = Place { strip, output: 0, rows, cols };
                        for (output, tile) in s.tile.chunks_exact(TILE * TILE).enumerate() {
                            place.output = output;
                            shared.take(state, tile, &place);
                        }
                    }
                }
            }
            for (i, state) in tiles.zip(&mut s.states) {
                shared.end(state, strip, i * TILE..x.n.min((i + 1) * TILE));
            }
            Ok(())
        };
        let ahead = if first == 0 { shared.ahead() } else { 0 };
        context.each(
            ahead + if groups.is_some() { strips } else { bands * strips },
            || {
                Ok(Scratch {
                    a: Packed::new(mr),
                    norms: alloc(TALL * TILE, "squared norms")?,
                    tile: alloc(TILE * TILE * epilogue.outputs(), "a tile")?,
                    epilogue: epilogue.scratch()?,
                    states: (0..TALL).map(|_| shared.state()).collect::<Result<_>>()?,
                })
            },
            |s, task| match groups {
                _ if task < ahead => {
                    shared.prepare(task);
                    Ok(())
                }
                Some(n) => {
                    let group = task - ahead;
                    (group..bands).step_by(n).try_for_each(|band| band_of(s, band, group))
                }
                // From the bottom up: in a triangle the longest strips come first.
                None => band_of(s, bands - 1 - (task - ahead) / strips, (task - ahead) % strips),
            },
        )?;
        consumer.collect(context)?;
    }
    Ok(())
}

/// The triangle of products of the first `n` packed rows with each other, as they are; what lies above the diagonal of
/// a tile on it is undefined.
///
/// # Errors
/// As [`run`].
///
/// # Cost
/// `n^2` times the pack's depth flops; memory: a tile for each thread.
pub fn run_packed<T: Real, C: Consumer<T>>(
    context: &Context<'_>,
    pack: &Packed<T>,
    n: usize,
    consumer: &mut C,
) -> Result<()> {
    let (tiles, bands) = (n.div_ceil(TILE), n.div_ceil(TALL * TILE));
    let strips = TASKS.div_ceil(bands.max(1)).clamp(1, tiles.max(1));
    consumer.sweep(strips, 0..n)?;
    let shared: &C = consumer;
    let extent = |tile: usize| tile * TILE..n.min((tile + 1) * TILE);
    context.each(
        bands * strips,
        || Ok((alloc(TILE * TILE, "a tile")?, shared.state()?)),
        |(tile, state), task| {
            let (band, strip) = (bands - 1 - task / strips, task % strips);
            let mine = band * TALL..tiles.min((band + 1) * TALL);
            for j in strip * mine.end / strips..(strip + 1) * mine.end / strips {
                for i in mine.clone().filter(|&i| j <= i) {
                    context.check()?;
                    let (rows, cols) = (extent(i), extent(j));
                    let (a, b) = ((rows.start, rows.len()), (cols.start, cols.len()));
                    // Of a tile on the diagonal the consumer takes what is below it.
                    product(context.level, pack, a, pack, b, tile, TILE, i == j);
                    shared.take(state, tile, &Place { strip, output: 0, rows, cols });
                }
            }
            Ok(())
        },
    )
}

/// Pack all of `y` and take its squared norms.
fn pack_columns<T: Real>(context: &Context<'_>, b: &mut Packed<T>, y: Rows<'_, T>, norms: &mut [T]) -> Result<()> {
    b.reserve(y.n, y.d)?;
    let width = b.width();
    // A few hundred kilobytes a task, whole panels each; for less than some of them waking workers costs more.
    let step = ((1 << 18) / (y.d.max(1) * size_of::<T>())).max(1).next_multiple_of(width);
    let tasks = y.n.div_ceil(step);
    if tasks <= 4 {
        b.fill(y);
        packed_norms(context.level, b, 0, norms);
        return Ok(());
    }
    let filler = b.filler();
    context.each(
        tasks,
        || Ok(()),
        |(), t| {
            let part = y.slice(t * step, step.min(y.n - t * step));
            // SAFETY: every task has its own panels, and `b` is not touched meanwhile.
            unsafe { filler.fill(t * step, part) };
            Ok(())
        },
    )?;
    let out = Shared::new(norms);
    let b: &Packed<T> = b;
    context.each(
        tasks,
        || Ok(()),
        |(), t| {
            let (at, n) = (t * step, step.min(y.n - t * step));
            // SAFETY: every task has its own rows.
            packed_norms(context.level, b, at, unsafe { out.part(at, n) });
            Ok(())
        },
    )
}
