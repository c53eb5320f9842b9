//! The right-hand factor of a product, in panels, and what a tile makes of some of its rows.

use crate::error::Result;
use crate::matrix::{TILE, block, dot};
use crate::memory::{Buffer, alloc};
use crate::real::Real;
use crate::simd::{Job, Level};

/// The right-hand factor in panels as wide as a register block is high: `width` columns each, one row after the other.
pub(super) struct Right<T> {
    panels: Buffer<T>,
    rows: usize,
    pub(super) width: usize,
}

impl<T: Real> Right<T> {
    /// Panels of `v`, which is rows x targets, row-major. One column alone is a vector, and a panel of width 1.
    pub(super) fn new(level: Level, v: &[T], rows: usize, targets: usize) -> Result<Self> {
        let width = if targets == 1 { 1 } else { T::block(level).0 };
        let mut panels = alloc(rows * targets.next_multiple_of(width), "right-hand factor")?;
        for (i, row) in v.chunks_exact(targets.max(1)).enumerate() {
            for (t, &x) in row.iter().enumerate() {
                panels[(t / width * rows + i) * width + t % width] = x;
            }
        }
        Ok(Self { panels, rows, width })
    }

    /// Rows `start .. start + n` of panel `p`.
    pub(super) fn panel(&self, p: usize, start: usize, n: usize) -> &[T] {
        &self.panels[(p * self.rows + start) * self.width..][..n * self.width]
    }
}

/// `out[t][j] = sum_k panel[k][t] tile[k][j]` for all columns of a tile, which are [`TILE`] apart in `out`.
pub(super) fn combine<T: Real>(level: Level, panel: &[T], tile: &[T], out: &mut [T]) {
    let nr = T::block(level).1;
    for j in (0..TILE).step_by(nr) {
        block(level, panel, (&tile[j..], TILE), (&mut out[j..], TILE), false);
    }
}

/// `sums[i] += tile[i] . right`, in sixteen interleaved chains whatever the vector width.
pub(super) struct Dots<'a, T> {
    pub(super) tile: &'a [T],
    pub(super) right: &'a [T],
    pub(super) sums: &'a mut [T],
}

impl<T: Real> Job for Dots<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        for (s, row) in self.sums.iter_mut().zip(self.tile.chunks_exact(TILE)) {
            *s += dot::<T, FMA>(&row[..self.right.len()], self.right);
        }
    }
}

/// `out[j] = sum_i tile[i][j] left[i]`: the mirror image's share.
pub(super) struct Combine<'a, T> {
    pub(super) tile: &'a [T],
    pub(super) left: &'a [T],
    pub(super) out: &'a mut [T],
}

impl<T: Real> Job for Combine<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        const LANES: usize = 32;
        for (c, out) in self.out.chunks_exact_mut(LANES).enumerate() {
            let mut acc = [T::ZERO; LANES];
            for (i, &v) in self.left.iter().enumerate() {
                let row = &self.tile[i * TILE + c * LANES..i * TILE + (c + 1) * LANES];
                for l in 0..LANES {
                    acc[l] = row[l].mul_add::<FMA>(v, acc[l]);
                }
            }
            out.copy_from_slice(&acc);
        }
    }
}
