//! Packing in parallel, and a sweep over rows that are packed already.

use super::{Consumer, Place, TALL, TASKS};
use crate::error::Result;
use crate::matrix::{Packed, Rows, TILE, product};
use crate::memory::alloc;
use crate::real::Real;
use crate::simd::{Job, Level, dispatch};
use crate::threads::Context;

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
pub(crate) fn packed_norms<T: Real>(level: Level, pack: &Packed<T>, start: usize, out: &mut [T]) {
    dispatch(level, Norms { pack, start, out });
}

/// The triangle of products of the first `n` packed rows with each other, as they are; what lies above the diagonal of
/// a tile on it is undefined.
///
/// # Errors
/// As [`run`].
///
/// # Cost
/// `n^2` times the pack's depth flops; memory: a tile for each thread.
pub(crate) fn run_packed<T: Real, C: Consumer<T>>(
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
                    // SAFETY: strips share no columns of the same rows.
                    unsafe { shared.take(state, tile, &Place { strip, output: 0, rows, cols }) };
                }
            }
            Ok(())
        },
    )
}

/// Pack all of `y` and take its squared norms.
pub(super) fn pack_columns<T: Real>(
    context: &Context<'_>,
    b: &mut Packed<T>,
    y: Rows<'_, T>,
    norms: &mut [T],
) -> Result<()> {
    b.pack(context, y, (0, y.d), None)?;
    let step = b.share();
    let context = if y.n <= 4 * step { context.alone() } else { *context };
    context.each_part(
        norms.chunks_mut(step),
        || Ok(()),
        |(), task, norms| {
            packed_norms(context.level, b, task * step, norms);
            Ok(())
        },
    )
}
