//! A sweep over the grid of some rows against others.

use super::packed::pack_columns;
use super::{Consumer, Edge, Epilogue, Place, TALL, TASKS, Which, packed_norms};
use crate::error::Result;
use crate::matrix::{Packed, Rows, TILE, product};
use crate::memory::{Buffer, alloc};
use crate::real::Real;
use crate::threads::Context;

/// Bytes of packed columns held at once; more columns are taken in several sweeps.
const SWEEP_BYTES: usize = 64 << 20;

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
pub(crate) fn run<T: Real, E: Epilogue<T>, C: Consumer<T>>(
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
                            // SAFETY: strips share no columns of the same rows, outputs no tile.
                            unsafe { shared.take(state, tile, &place) };
                        }
                    }
                }
            }
            for (i, state) in tiles.zip(&mut s.states) {
                // SAFETY: one task at a time works on a strip, or on a group.
                unsafe { shared.end(state, strip, i * TILE..x.n.min((i + 1) * TILE)) };
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
