//! More columns for a partial Cholesky factor, a tile of rows at a time.

use crate::error::{Error, Result, fits};
use crate::matrix::{Packed, Rows, TILE, product};
use crate::memory::{Buffer, alloc};
use crate::real::Real;
use crate::simd::{Job, dispatch};
use crate::threads::Context;

/// Rows that substitution takes together.
const LANES: usize = 32;

/// The factor so far: whole panels, and the one that is being filled.
#[derive(Debug)]
pub struct Columns<'a, T> {
    /// Panels that are complete, n rows each.
    pub known: &'a [Rows<'a, T>],
    /// The last one, n x `width`.
    pub last: &'a mut [T],
    /// Its columns.
    pub width: usize,
    /// How many of them are known.
    pub at: usize,
}

/// Write the columns `(A_S - F F_S^T) L^-T` to the factor `F`, from `at` of its last panel on, and take their squares
/// from `u`: `fresh` is `A_S` (n x w), `S` the w rows `chosen`, `l` (w x w) the Cholesky factor of what is left of `A`
/// where they cross.
///
/// # Errors
/// Shapes that do not fit, memory, interruption.
///
/// # Cost
/// `2 n k w + n w^2` flops for k columns known; memory `O(k (w + 96))`. The same bits for any number of threads.
pub fn extend<T: Real>(
    context: &Context<'_>,
    to: Columns<'_, T>,
    fresh: &[T],
    chosen: &[i64],
    l: &[T],
    u: &mut [f64],
) -> Result<()> {
    let (n, w) = (u.len(), chosen.len());
    check(&to, n, fresh, chosen, l)?;
    let (mr, nr) = T::block(context.level);
    let (level, ld, width) = (context.level, w.next_multiple_of(nr), to.width.max(1));
    let last = Rows::new(&*to.last, n, to.width);
    let tops = to.known.iter().map(|p| (p, p.d)).chain([(&last, to.at)]).filter(|&(_, depth)| depth > 0);
    let tops = tops.map(|(panel, depth)| top(panel, depth, chosen, nr)).collect::<Result<Vec<_>>>()?;
    let known: Vec<_> = to.known.iter().filter(|p| p.d > 0).collect();
    context.each_part(
        to.last.chunks_mut(TILE * width).zip(u.chunks_mut(TILE)),
        || Ok((Packed::new(mr), alloc(TILE * ld, "a tile")?, alloc(TILE * w, "a tile")?, alloc(LANES * w, "lanes")?)),
        |(pack, tile, mine, lanes): &mut (Packed<T>, Buffer<T>, Buffer<T>, Buffer<T>), task, (last, u)| {
            let (first, rows) = (task * TILE, u.len());
            let mine = &mut mine[..rows * w];
            mine.copy_from_slice(&fresh[first * w..(first + rows) * w]);
            for (s, (top, depth)) in tops.iter().enumerate() {
                let part = known.get(s).map_or_else(|| Rows::new(&*last, rows, width), |p| p.slice(first, rows));
                pack.reserve(rows, *depth)?;
                pack.fill(part);
                product(level, pack, (0, rows), top, (0, w), tile, ld, false);
                for (row, known) in mine.chunks_exact_mut(w.max(1)).zip(tile.chunks_exact(ld.max(1))) {
                    row.iter_mut().zip(known).for_each(|(v, &k)| *v -= k);
                }
            }
            for group in mine.chunks_mut(LANES * w.max(1)) {
                dispatch(level, Substitute { l, w, rows: group, lanes });
            }
            for ((row, last), u) in mine.chunks_exact(w.max(1)).zip(last.chunks_exact_mut(width)).zip(u) {
                last[to.at..to.at + w].copy_from_slice(row);
                *u -= row.iter().map(|v| v.to_f64() * v.to_f64()).sum::<f64>();
            }
            Ok(())
        },
    )
}

/// Whether everything has its extent.
fn check<T>(to: &Columns<'_, T>, n: usize, fresh: &[T], chosen: &[i64], l: &[T]) -> Result<()> {
    let w = chosen.len();
    fits("elements of the new columns", n * w, fresh.len())?;
    fits("elements of the last panel", n * to.width, to.last.len())?;
    fits("elements of l", w * w, l.len())?;
    if to.at + w > to.width || to.known.iter().any(|p| p.n != n) {
        return Err(Error::Invalid(format!("{w} columns from {} do not fit into a panel of {}", to.at, to.width)));
    }
    match chosen.iter().find(|&&i| usize::try_from(i).map_or(true, |i| i >= n)) {
        Some(i) => Err(Error::Invalid(format!("row {i} is none of {n}"))),
        None => Ok(()),
    }
}

/// The chosen rows of a panel, `depth` of their columns, packed.
fn top<T: Real>(panel: &Rows<'_, T>, depth: usize, chosen: &[i64], width: usize) -> Result<(Packed<T>, usize)> {
    let mut rows = alloc(chosen.len() * depth, "chosen rows")?;
    for (row, &i) in rows.chunks_exact_mut(depth).zip(chosen) {
        row.copy_from_slice(&panel.row(i as usize)[..depth]);
    }
    let mut top = Packed::new(width);
    top.reserve(chosen.len(), depth)?;
    top.fill(Rows::new(&rows, chosen.len(), depth));
    Ok((top, depth))
}

/// Solves `x L^T = row` in place for some rows, each in a lane of its own.
struct Substitute<'a, T> {
    l: &'a [T],
    w: usize,
    rows: &'a mut [T],
    lanes: &'a mut [T],
}

impl<T: Real> Job for Substitute<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Self { l, w, rows, lanes } = self;
        let (lanes, _) = lanes.as_chunks_mut::<LANES>();
        for (r, row) in rows.chunks_exact(w.max(1)).enumerate() {
            lanes.iter_mut().zip(row).for_each(|(x, &v)| x[r] = v);
        }
        for j in 0..w {
            let (done, rest) = lanes.split_at_mut(j);
            let mut x = rest[0];
            for (y, &l) in done.iter().zip(&l[j * w..]) {
                for (x, &y) in x.iter_mut().zip(y) {
                    *x = (-l).mul_add::<FMA>(y, *x);
                }
            }
            let pivot = l[j * w + j];
            rest[0] = x.map(|v| v / pivot);
        }
        for (r, row) in rows.chunks_exact_mut(w.max(1)).enumerate() {
            row.iter_mut().zip(&*lanes).for_each(|(v, x)| *v = x[r]);
        }
    }
}
