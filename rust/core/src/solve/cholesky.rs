//! Blocked Cholesky factorisation in place: `A = L L^T`, row-major, the strict upper triangle left as it was.

use super::inverse::Invert;
use crate::error::{Error, Result, fits};
use crate::matrix::{Packed, Rows, TILE, dot, product};
use crate::memory::{Shared, alloc};
use crate::real::Real;
use crate::simd::{Job, dispatch};
use crate::threads::Context;
use crate::tiles::{Consumer, Place, run_packed};

/// Columns factored together.
const PANEL: usize = 3 * TILE;

/// Subtracts tiles of one triangle from the trailing matrix.
struct Subtract<'a, T> {
    out: Shared<'a, T>,
    n: usize,
    from: usize,
}

impl<T: Real> Consumer<T> for Subtract<'_, T> {
    type State = ();

    fn triangle(&self) -> bool {
        true
    }

    fn state(&self) -> Result<()> {
        Ok(())
    }

    unsafe fn take(&self, (): &mut (), tile: &[T], Place { rows, cols, .. }: &Place) {
        for i in rows.clone() {
            let width = cols.end.min(i + 1).saturating_sub(cols.start);
            let values = &tile[(i - rows.start) * TILE..][..width];
            // SAFETY: no place is taken twice.
            let out = unsafe { self.out.part((self.from + i) * self.n + self.from + cols.start, width) };
            for (o, &v) in out.iter_mut().zip(values) {
                *o -= v;
            }
        }
    }
}

/// Factor the symmetric positive definite `a` (n x n, of which the lower triangle is read) in place.
///
/// # Errors
/// [`Error::NotPositiveDefinite`] with the failing pivot; `a`'s lower triangle is then partly overwritten.
///
/// # Cost
/// `n^3 / 3` flops, memory `O(n)` times 288 beyond `a`. The same bits for any number of threads.
pub fn factor<T: Real>(context: &Context<'_>, a: &mut [T], n: usize) -> Result<()> {
    fits("elements of a", n * n, a.len())?;
    let mut block = alloc(PANEL * PANEL, "a diagonal block")?;
    let mut inverse = alloc(PANEL * PANEL, "a diagonal block")?;
    let mut panel = Packed::new(T::block(context.level).1);
    for from in (0..n).step_by(PANEL) {
        context.check()?;
        let width = PANEL.min(n - from);
        let next = from + width;
        for i in 0..width {
            let row = (from + i) * n + from;
            block[i * width..(i + 1) * width].copy_from_slice(&a[row..row + width]);
        }
        let (block, inverse) = (&mut block[..width * width], &mut inverse[..width * width]);
        dispatch(context.level, Diagonal { block, width }).map_err(|(i, value)| Error::NotPositiveDefinite {
            pivot: from + i,
            n,
            value,
        })?;
        for i in 0..width {
            let row = (from + i) * n + from;
            a[row..=row + i].copy_from_slice(&block[i * width..=i * width + i]);
        }
        if next == n {
            break;
        }
        dispatch(context.level, Invert { block, inverse, width });
        solve_panel(context, a, n, (from, next), inverse, &mut panel)?;
        let mut subtract = Subtract { out: Shared::new(a), n, from: next };
        run_packed(context, &panel, n - next, &mut subtract)?;
    }
    Ok(())
}

/// Rows below the diagonal block times the transposed inverse of its factor, to `a` and, packed, to `panel`.
fn solve_panel<T: Real>(
    context: &Context<'_>,
    a: &mut [T],
    n: usize,
    (from, next): (usize, usize),
    inverse: &[T],
    panel: &mut Packed<T>,
) -> Result<()> {
    let width = next - from;
    let (mr, nr) = T::block(context.level);
    let mut b = Packed::new(nr);
    b.reserve(width, width)?;
    b.fill(Rows::new(inverse, width, width));
    panel.reserve(n - next, width)?;
    // A tile's rows are whole panels.
    let parts = a[next * n..].chunks_mut(TILE * n).zip(panel.parts(TILE));
    context.each_part(
        parts,
        || Ok((Packed::new(mr), alloc(TILE * PANEL, "a tile")?, alloc(TILE * PANEL, "a tile")?)),
        |(pack, tile, mine), _, (a, mut panel)| {
            let rows = a.len() / n;
            let mine = &mut mine[..rows * width];
            for (row, a) in mine.chunks_exact_mut(width).zip(a.chunks_exact(n)) {
                row.copy_from_slice(&a[from..next]);
            }
            pack.reserve(rows, width)?;
            pack.fill(Rows::new(mine, rows, width));
            product(context.level, pack, (0, rows), &b, (0, width), tile, PANEL, false);
            let tile = tile.chunks_exact(PANEL);
            for ((row, a), values) in mine.chunks_exact_mut(width).zip(a.chunks_exact_mut(n)).zip(tile) {
                row.copy_from_slice(&values[..width]);
                a[from..next].copy_from_slice(&values[..width]);
            }
            panel.fill(Rows::new(mine, rows, width), 0, None);
            Ok(())
        },
    )
}

/// Factors a small matrix; on failure gives the pivot's index and value.
struct Diagonal<'a, T> {
    block: &'a mut [T],
    width: usize,
}

impl<T: Real> Job for Diagonal<'_, T> {
    type Output = std::result::Result<(), (usize, f64)>;

    #[inline(always)]
    fn run<const FMA: bool>(self) -> Self::Output {
        let n = self.width;
        for i in 0..n {
            let (above, rest) = self.block.split_at_mut(i * n);
            let row = &mut rest[..n];
            for (j, upper) in above.chunks_exact(n).enumerate() {
                row[j] = (row[j] - dot::<T, FMA>(&row[..j], &upper[..j])) / upper[j];
            }
            let pivot = row[i] - dot::<T, FMA>(&row[..i], &row[..i]);
            if !(pivot > T::ZERO && pivot.is_finite()) {
                return Err((i, pivot.to_f64()));
            }
            row[i] = pivot.sqrt();
        }
        Ok(())
    }
}
