//! A sweep over the grid of some rows against others.

use std::ops::Range;

use super::packed::pack_columns;
use super::{Consumer, Edge, Epilogue, TALL, TASKS, Which, hand, packed_norms};
use crate::error::Result;
use crate::matrix::{Packed, Rows, TILE, product_until};
use crate::memory::{Buffer, alloc};
use crate::real::Real;
use crate::threads::Context;

/// Bytes of packed columns held at once; more columns are taken in several sweeps.
const SWEEP_BYTES: usize = 64 << 20;

/// Sweep the grid of `x` against `y` (against itself when `None`).
///
/// # Errors
/// [`crate::error::Error::Cancelled`], [`crate::error::Error::Memory`].
///
/// # Cost
/// `2 n m d` flops, half of that for a triangle; memory beyond the consumer's: `min(m d, 64 MiB)` and, for each thread,
/// two row tiles of `x` and some tiles.
pub(crate) fn run<T: Real, E: Epilogue<T>, C: Consumer<T>>(
    context: &Context<'_>,
    x: Rows<'_, T>,
    y: Option<Rows<'_, T>>,
    epilogue: &E,
    consumer: &mut C,
) -> Result<()> {
    let (symmetric, y) = (y.is_none(), y.unwrap_or(x));
    let step = swept(y.d + epilogue.depth(), size_of::<T>());
    let mut pack = Packed::new(T::block(context.level).1);
    for first in (0..y.n).step_by(step) {
        let rows = y.slice(first, step.min(y.n - first));
        let columns = Columns::of(context, pack, epilogue, first, rows)?;
        against(context, x, columns.edge(context, first, rows), &columns.pack, symmetric, epilogue, consumer)?;
        pack = columns.pack;
    }
    Ok(())
}

/// Sweep the grid of `x` against columns that are ready, whose rows the epilogue does not look at.
///
/// # Errors
/// As [`run`].
///
/// # Cost
/// As [`run`], without packing columns.
pub(crate) fn run_columns<T: Real, E: Epilogue<T>, C: Consumer<T>>(
    context: &Context<'_>,
    x: Rows<'_, T>,
    columns: &Columns<T, E::Side>,
    epilogue: &E,
    consumer: &mut C,
) -> Result<()> {
    let rows = Rows::new(&[], columns.norms.len(), 0);
    against(context, x, columns.edge(context, 0, rows), &columns.pack, false, epilogue, consumer)
}

/// Columns with so many values each that are held, packed, at once.
pub(crate) fn swept(values: usize, size: usize) -> usize {
    (SWEEP_BYTES / (values.max(1) * size)).max(TILE) / TILE * TILE
}

/// Columns made ready: packed, with their squared norms and what an epilogue derives from them.
#[derive(Debug)]
pub(crate) struct Columns<T, S> {
    pub(crate) pack: Packed<T>,
    norms: Buffer<T>,
    side: S,
}

impl<T: Real, S> Columns<T, S> {
    /// Make `rows`, which start at row `first` of the matrix, ready in the memory of an older pack.
    ///
    /// # Errors
    /// As [`run`].
    pub(crate) fn of<E: Epilogue<T, Side = S>>(
        context: &Context<'_>,
        mut pack: Packed<T>,
        epilogue: &E,
        first: usize,
        rows: Rows<'_, T>,
    ) -> Result<Self> {
        let mut norms = alloc(rows.n, "squared norms")?;
        pack_columns(context, &mut pack, rows, &mut norms)?;
        let side = epilogue.side(context, Which::Column, first, rows, &norms)?;
        Ok(Self { pack, norms, side })
    }

    fn edge<'a>(&'a self, context: &Context<'a>, first: usize, rows: Rows<'a, T>) -> Edge<'a, T, S> {
        Edge { rows, norms: &self.norms, side: &self.side, at: 0, start: first, stop: context.stop() }
    }
}

/// Sweep the grid of `x` against some columns.
fn against<T: Real, E: Epilogue<T>, C: Consumer<T>>(
    context: &Context<'_>,
    x: Rows<'_, T>,
    columns: Edge<'_, T, E::Side>,
    pack: &Packed<T>,
    symmetric: bool,
    epilogue: &E,
    consumer: &mut C,
) -> Result<()> {
    let (first, n, bands) = (columns.start, columns.rows.n, x.n.div_ceil(TALL * TILE));
    let strips = consumer.groups().unwrap_or(TASKS.div_ceil(bands.max(1)).clamp(1, n.div_ceil(TILE)));
    consumer.sweep(strips, first..first + n)?;
    let triangle = symmetric && consumer.triangle();
    let shared: &C = consumer;
    Sweep { context, x, columns, pack, symmetric, triangle, bands, strips, epilogue, consumer: shared }.run()?;
    consumer.collect(context)
}

/// All rows against some columns.
struct Sweep<'a, T: Real, E: Epilogue<T>, C> {
    context: &'a Context<'a>,
    x: Rows<'a, T>,
    columns: Edge<'a, T, E::Side>,
    /// The columns, packed.
    pack: &'a Packed<T>,
    /// Whether columns are rows.
    symmetric: bool,
    /// Whether only tiles on and below the diagonal are wanted.
    triangle: bool,
    /// Groups of row tiles that are taken together.
    bands: usize,
    strips: usize,
    epilogue: &'a E,
    consumer: &'a C,
}

/// Buffers of one thread.
struct Scratch<T: Real, E: Epilogue<T>, C> {
    a: Packed<T>,
    norms: Buffer<T>,
    /// First row of the band that `a` and `norms` hold, and what the epilogue derived from it: strips of a band that follow
    /// each other share them.
    held: Option<(usize, E::Side)>,
    tile: Buffer<T>,
    epilogue: E::Scratch,
    states: Vec<C>,
}

impl<T: Real, E: Epilogue<T>, C: Consumer<T>> Sweep<'_, T, E, C> {
    /// Do a strip of a band in each task, or all bands of a group.
    fn run(&self) -> Result<()> {
        let (bands, strips, groups) = (self.bands, self.strips, self.consumer.groups().is_some());
        let ahead = if self.columns.start == 0 { self.consumer.ahead() } else { 0 };
        self.context.each(
            ahead + if groups { strips } else { bands * strips },
            || self.scratch(),
            |s, task| match task.checked_sub(ahead) {
                None => {
                    self.consumer.prepare(task);
                    Ok(())
                }
                Some(group) if groups => {
                    (group..bands).step_by(strips).try_for_each(|band| self.band(s, band, group, (0, 1)))
                }
                // From the bottom up: in a triangle the longest strips come first.
                Some(task) => {
                    let strip = task % strips;
                    self.band(s, bands - 1 - task / strips, strip, (strip, strips))
                }
            },
        )
    }

    fn scratch(&self) -> Result<Scratch<T, E, C::State>> {
        Ok(Scratch {
            a: Packed::new(T::block(self.context.level).0),
            norms: alloc(TALL * TILE, "squared norms")?,
            held: None,
            tile: alloc(TILE * TILE * self.epilogue.outputs(), "a tile")?,
            epilogue: self.epilogue.scratch()?,
            states: (0..TALL).map(|_| self.consumer.state()).collect::<Result<_>>()?,
        })
    }

    /// Whether row tile `i` and column tile `j` of the sweep make a tile that is wanted.
    fn wanted(&self, i: usize, j: usize) -> bool {
        !self.triangle || self.columns.start / TILE + j <= i
    }

    /// Do part `part.0` of `part.1` of a band, as strip or group number `strip`.
    fn band(&self, s: &mut Scratch<T, E, C::State>, band: usize, strip: usize, part: (usize, usize)) -> Result<()> {
        let (start, col_tiles) = (band * TALL * TILE, self.columns.rows.n.div_ceil(TILE));
        let rows = self.x.slice(start, (TALL * TILE).min(self.x.n - start));
        let tiles = band * TALL..self.x.n.div_ceil(TILE).min((band + 1) * TALL);
        let mut mine = part.0 * col_tiles / part.1..(part.0 + 1) * col_tiles / part.1;
        while !mine.is_empty() && !self.wanted(tiles.end - 1, mine.end - 1) {
            mine.end -= 1;
        }
        s.states.iter_mut().for_each(|state| self.consumer.begin(state));
        if !mine.is_empty() {
            self.tiles(s, tiles.clone(), rows, strip, mine)?;
        }
        for (i, state) in tiles.zip(&mut s.states) {
            // SAFETY: one task at a time works on a strip, or on a group.
            unsafe { self.consumer.end(state, strip, i * TILE..self.x.n.min((i + 1) * TILE)) };
        }
        Ok(())
    }

    /// Do the tiles of row tiles `tiles`, which are `rows`, and of column tiles `mine`.
    fn tiles(
        &self,
        s: &mut Scratch<T, E, C::State>,
        tiles: Range<usize>,
        rows: Rows<'_, T>,
        strip: usize,
        mine: Range<usize>,
    ) -> Result<()> {
        let (level, stop, start) = (self.context.level, self.context.stop(), tiles.start * TILE);
        let known = self.columns.start..self.columns.start + self.columns.rows.n;
        // Where these rows are columns of this sweep too, they are packed already.
        let (a, band) = if self.symmetric && known.start <= start && start + rows.n <= known.end {
            let at = start - known.start;
            let norms = &self.columns.norms[at..at + rows.n];
            (self.pack, Edge { rows, norms, side: self.columns.side, at, start, stop })
        } else {
            let side = match s.held.take() {
                Some((first, side)) if first == start => side,
                _ => {
                    s.a.reserve(rows.n, rows.d)?;
                    s.a.fill(rows);
                    packed_norms(level, &s.a, 0, &mut s.norms[..rows.n]);
                    self.epilogue.side(&self.context.alone(), Which::Row, start, rows, &s.norms[..rows.n])?
                }
            };
            let (_, side) = s.held.insert((start, side));
            (&s.a, Edge { rows, norms: &s.norms[..rows.n], side, at: 0, start, stop })
        };
        for j in mine {
            let cols = self.columns.tile(j);
            for (i, state) in tiles.clone().zip(&mut s.states).filter(|(i, _)| self.wanted(*i, j)) {
                self.context.check()?;
                let rows = band.tile(i - tiles.start);
                let (left, right) = ((rows.at, rows.rows.n), (cols.at, cols.rows.n));
                product_until(stop, level, a, left, self.pack, right, &mut s.tile, TILE, false);
                self.epilogue.apply(level, &mut s.epilogue, &mut s.tile, &rows, &cols);
                // SAFETY: strips share no columns of the same rows, and one task at a time works on a group.
                unsafe { hand(self.consumer, state, &s.tile, strip, &rows, &cols) };
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "../../tests/unit/tiles_sweep.rs"]
mod tests;
