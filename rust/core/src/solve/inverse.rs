//! The inverse of a triangle, a block of rows after the other, for the diagonal of a symmetric inverse.

use crate::error::{Error, Result, fits};
use crate::matrix::{Packed, Rows, TILE, product_steps};
use crate::memory::{Shared, alloc};
use crate::real::Real;
use crate::simd::{Job, Level, dispatch};
use crate::threads::Context;

/// Rows inverted together, and steps that a product takes at once: whole tiles.
const BLOCK: usize = 2 * TILE;

/// Write the diagonal of `(L L^T)^-1` to `out`, for `L` (n x n, row-major) in the lower triangle of `l`, whose inverse
/// takes its place; what lies above stays.
///
/// # Errors
/// [`Error::Singular`] with the entry that is 0, shapes that do not fit, memory, interruption.
///
/// # Cost
/// `n^3 / 3` flops, memory `O(n)` times 192 beyond `l`. The same bits for any number of threads.
pub fn inverse_diagonal<T: Real>(context: &Context<'_>, l: &mut [T], n: usize, out: &mut [f64]) -> Result<()> {
    fits("elements of l", n * n, l.len())?;
    fits("elements of out", n, out.len())?;
    if let Some(pivot) = (0..n).find(|i| l[i * n + i] == T::ZERO) {
        return Err(Error::Singular { pivot, n });
    }
    out.fill(0.0);
    let mut block = alloc(BLOCK * BLOCK, "a diagonal block")?;
    let mut inverse = alloc(BLOCK * BLOCK, "a diagonal block")?;
    let mr = T::block(context.level).0;
    let mut left: Vec<Packed<T>> = (0..n / BLOCK).map(|_| Packed::new(mr)).collect();
    let mut own = [Packed::new(mr), Packed::new(mr)];
    for from in (0..n).step_by(BLOCK) {
        context.check()?;
        let height = BLOCK.min(n - from);
        let (above, rest) = l.split_at_mut(from * n);
        let rows = &mut rest[..height * n];
        for (to, row) in block.chunks_exact_mut(height).zip(rows.chunks_exact(n)) {
            to.copy_from_slice(&row[from..from + height]);
        }
        let (block, inverse) = (&block[..height * height], &mut inverse[..height * height]);
        dispatch(context.level, Invert { block, inverse, width: height });
        for (i, (row, values)) in rows.chunks_exact_mut(n).zip(inverse.chunks_exact(height)).enumerate() {
            for ((to, &v), sum) in row[from..=from + i].iter_mut().zip(values).zip(&mut out[from..]) {
                *to = v;
                *sum += v.to_f64() * v.to_f64();
            }
        }
        let own = &mut own[..height.div_ceil(TILE)];
        for (part, pack) in own.iter_mut().enumerate() {
            let (start, end) = (part * TILE, height.min((part + 1) * TILE));
            pack.reserve(end - start, end)?;
            pack.fill(Rows::new(&inverse[start * height..end * height], end - start, height));
        }
        let left = &mut left[..from / BLOCK];
        context.each_part(
            left.iter_mut(),
            || Ok(()),
            |(), q, pack| {
                pack.reserve(height, BLOCK)?;
                pack.whole().fill(Rows::new(rows, height, n), q * BLOCK, None);
                Ok(())
            },
        )?;
        let fresh = Fresh { level: context.level, n, height, above, left, own };
        fresh.write(context, rows, &mut out[..from])?;
    }
    Ok(())
}

/// What a block of rows of the inverse takes: the rows above, which are inverted, and its own rows, packed.
struct Fresh<'a, T> {
    level: Level,
    n: usize,
    height: usize,
    above: &'a [T],
    /// The block's rows left of the diagonal block, [`BLOCK`] columns each.
    left: &'a [Packed<T>],
    /// The inverse of the diagonal block, a tile's height of rows each, up to their diagonal.
    own: &'a [Packed<T>],
}

impl<T: Real> Fresh<'_, T> {
    /// Write the block's rows left of its diagonal, and add the squares of their columns to `out`.
    fn write(&self, context: &Context<'_>, rows: &mut [T], out: &mut [f64]) -> Result<()> {
        let columns = (0..out.len()).step_by(TILE);
        let (rows, sums) = (Shared::new(rows), Shared::new(out));
        context.each_part(
            columns,
            || Ok([alloc(BLOCK * TILE, "a tile")?, alloc(BLOCK * TILE, "a tile")?, alloc(BLOCK * TILE, "a tile")?]),
            |[steps, sum, tile], _, first| {
                self.columns(first, steps, sum, tile);
                // SAFETY: these columns are this task's.
                let sums = unsafe { sums.part(first, TILE) };
                for (i, values) in tile.chunks_exact(TILE).take(self.height).enumerate() {
                    // SAFETY: as above.
                    let to = unsafe { rows.part(i * self.n + first, TILE) };
                    for ((to, &v), sum) in to.iter_mut().zip(values).zip(sums.iter_mut()) {
                        *to = T::ZERO - v;
                        *sum += v.to_f64() * v.to_f64();
                    }
                }
                Ok(())
            },
        )
    }

    /// Write minus a tile's width of columns of the block from `first` on to `tile`.
    fn columns(&self, first: usize, steps: &mut [T], sum: &mut [T], tile: &mut [T]) {
        sum.fill(T::ZERO);
        for (q, pack) in self.left.iter().enumerate().skip(first / BLOCK) {
            let rows = self.above.chunks_exact(self.n).enumerate().skip(q * BLOCK);
            for (to, (k, row)) in steps.chunks_exact_mut(TILE).zip(rows) {
                // Above the diagonal the inverse is zero.
                let there = (k + 1).saturating_sub(first).min(TILE);
                to[..there].copy_from_slice(&row[first..first + there]);
                to[there..].fill(T::ZERO);
            }
            product_steps(self.level, pack, self.height, steps, (TILE, TILE), tile, TILE);
            sum.iter_mut().zip(&*tile).for_each(|(sum, &v)| *sum += v);
        }
        for (part, pack) in self.own.iter().enumerate() {
            let rows = TILE.min(self.height - part * TILE);
            product_steps(self.level, pack, rows, sum, (TILE, TILE), &mut tile[part * TILE * TILE..], TILE);
        }
    }
}

/// Inverts a small lower triangular matrix; zeros above the diagonal.
pub(super) struct Invert<'a, T> {
    pub(super) block: &'a [T],
    pub(super) inverse: &'a mut [T],
    pub(super) width: usize,
}

impl<T: Real> Job for Invert<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let n = self.width;
        for i in 0..n {
            let (above, rest) = self.inverse.split_at_mut(i * n);
            let row = &mut rest[..n];
            row.fill(T::ZERO);
            let l = &self.block[i * n..(i + 1) * n];
            for (k, inner) in above.chunks_exact(n).enumerate() {
                for (r, &v) in row[..=k].iter_mut().zip(inner) {
                    *r = l[k].mul_add::<FMA>(v, *r);
                }
            }
            let scale = T::ONE / l[i];
            for r in row[..i].iter_mut() {
                *r = -(*r * scale);
            }
            row[i] = scale;
        }
    }
}
