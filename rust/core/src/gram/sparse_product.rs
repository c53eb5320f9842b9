//! Products of a sparse matrix and its transpose with few columns, summed in f64.

use crate::error::{Result, fits};
use crate::matrix::{Rows, Sparse};
use crate::memory::alloc;
use crate::real::Real;
use crate::scalar::Scalar;
use crate::simd::{Job, dispatch};
use crate::threads::Context;

/// Rows after which an interrupt is looked for, and of one task.
const ROWS: usize = 128;
/// Columns of the factor that are summed in registers.
const WIDE: usize = 8;
/// Numbers of `x' v` up to which parts of the rows have sums of their own, and most such parts.
const FEW: usize = 1 << 18;
const PARTS: usize = 8;

/// `out = x v`, `v` of d x t and `out` of n x t.
///
/// # Errors
/// Shapes that do not fit, interruption.
///
/// # Cost
/// `2 t` flops for each stored value.
pub fn sparse_product<T: Real>(
    context: &Context<'_>,
    x: Sparse<'_, T>,
    v: Rows<'_, f64>,
    out: &mut [f64],
) -> Result<()> {
    let t = v.d;
    fits("rows of v", x.d, v.n)?;
    fits("elements of out", x.n() * t, out.len())?;
    if t == 0 {
        return Ok(());
    }
    context.each_part(
        out.chunks_mut(ROWS * t),
        || Ok(()),
        |(), task, out| {
            let start = task * ROWS;
            dispatch(context.level, Gather { x: x.slice(start, out.len() / t), v, out });
            Ok(())
        },
    )
}

/// `out = x' v`, `v` of n x t and `out` of d x t. Each column is summed from the first row to the last, or in a few parts
/// of the rows, cut by the shapes alone; then columns may stand in any order.
///
/// # Errors
/// As [`sparse_product`], memory, columns that do not rise.
///
/// # Cost
/// As [`sparse_product`]; memory: 16 MiB.
pub fn sparse_transposed<T: Real>(
    context: &Context<'_>,
    x: Sparse<'_, T>,
    v: Rows<'_, f64>,
    out: &mut [f64],
) -> Result<()> {
    let t = v.d;
    fits("rows of v", x.n(), v.n)?;
    fits("elements of out", x.d * t, out.len())?;
    if t == 0 {
        return Ok(());
    }
    out.fill(0.0);
    // To add the parts' sums up may take a quarter of the time.
    let parts = if out.len() <= FEW { (x.values.len() / (2 * x.d.max(1))).min(PARTS) } else { 1 };
    if parts > 1 { in_parts(context, x, v, parts, out) } else { by_columns(context, x, v, out) }
}

/// Sum parts of the rows by themselves, and add these sums up in their order.
fn in_parts<T: Real>(
    context: &Context<'_>,
    x: Sparse<'_, T>,
    v: Rows<'_, f64>,
    parts: usize,
    out: &mut [f64],
) -> Result<()> {
    let mut sums = alloc(out.len() * parts, "sums of columns")?;
    let cuts = |part: usize| part * x.n() / parts;
    context.each_part(
        sums.chunks_mut(out.len()),
        || Ok(()),
        |(), part, out| {
            for start in (cuts(part)..cuts(part + 1)).step_by(ROWS) {
                context.check()?;
                let n = ROWS.min(cuts(part + 1) - start);
                let columns = (0, x.d, x.d);
                dispatch(context.level, Scatter { x: x.slice(start, n), v: v.slice(start, n), columns, out });
            }
            Ok(())
        },
    )?;
    for part in sums.chunks(out.len()) {
        out.iter_mut().zip(part).for_each(|(o, s)| *o += s);
    }
    Ok(())
}

/// Sum some of the columns in each task.
fn by_columns<T: Real>(context: &Context<'_>, x: Sparse<'_, T>, v: Rows<'_, f64>, out: &mut [f64]) -> Result<()> {
    let t = v.d;
    x.check_order()?;
    // Columns are cut by the number of threads, which no column's sum knows.
    let cuts = x.cuts(context.width());
    let (mut parts, mut rest) = (Vec::new(), out);
    for cut in cuts.windows(2) {
        let (part, after) = rest.split_at_mut((cut[1] - cut[0]) * t);
        parts.push((cut[0] as i32, cut[1], part));
        rest = after;
    }
    context.each_part(
        parts.into_iter(),
        || Ok(()),
        |(), _, (first, end, out)| {
            for start in (0..x.n()).step_by(ROWS) {
                context.check()?;
                let n = ROWS.min(x.n() - start);
                let columns = (first, end, x.d);
                dispatch(context.level, Scatter { x: x.slice(start, n), v: v.slice(start, n), columns, out });
            }
            Ok(())
        },
    )
}

/// Sums over the stored values of each row.
struct Gather<'a, T> {
    x: Sparse<'a, T>,
    v: Rows<'a, f64>,
    out: &'a mut [f64],
}

impl<T: Real> Job for Gather<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Self { x, v, out } = self;
        let t = v.d;
        for (i, out) in out.chunks_exact_mut(t).enumerate() {
            let (indices, values) = x.row(i);
            if t == 1 {
                out[0] = single::<T, FMA>(indices, values, v.data);
                continue;
            }
            let mut first = 0;
            while first + WIDE <= t {
                several::<T, FMA, WIDE>(indices, values, v, first, out);
                first += WIDE;
            }
            if first + 4 <= t {
                several::<T, FMA, 4>(indices, values, v, first, out);
                first += 4;
            }
            if first + 2 <= t {
                several::<T, FMA, 2>(indices, values, v, first, out);
                first += 2;
            }
            if first < t {
                several::<T, FMA, 1>(indices, values, v, first, out);
            }
        }
    }
}

/// The product with one column, in four interleaved chains.
#[inline(always)]
fn single<T: Real, const FMA: bool>(indices: &[i32], values: &[T], v: &[f64]) -> f64 {
    let mut sums = [0.0_f64; 4];
    let whole = indices.len() - indices.len() % 4;
    for (k, x) in indices[..whole].chunks_exact(4).zip(values[..whole].chunks_exact(4)) {
        for l in 0..4 {
            sums[l] = Scalar::mul_add::<FMA>(x[l].to_f64(), v[k[l] as usize], sums[l]);
        }
    }
    for l in whole..indices.len() {
        sums[l - whole] = Scalar::mul_add::<FMA>(values[l].to_f64(), v[indices[l] as usize], sums[l - whole]);
    }
    (sums[0] + sums[2]) + (sums[1] + sums[3])
}

/// The product with columns `first .. first + W`.
#[inline(always)]
fn several<T: Real, const FMA: bool, const W: usize>(
    indices: &[i32],
    values: &[T],
    v: Rows<'_, f64>,
    first: usize,
    out: &mut [f64],
) {
    let mut sums = [0.0_f64; W];
    for (&k, &x) in indices.iter().zip(values) {
        let (x, v) = (x.to_f64(), &v.data[k as usize * v.d + first..][..W]);
        for l in 0..W {
            sums[l] = Scalar::mul_add::<FMA>(x, v[l], sums[l]);
        }
    }
    out[first..first + W].copy_from_slice(&sums);
}

/// Adds the stored values of some columns, times their rows' factors, to those columns' sums.
struct Scatter<'a, T> {
    x: Sparse<'a, T>,
    v: Rows<'a, f64>,
    /// The first of the columns, their end, and that of all.
    columns: (i32, usize, usize),
    out: &'a mut [f64],
}

impl<T: Real> Job for Scatter<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Self { x, v, columns: (first, end, all), out } = self;
        let t = v.d;
        for i in 0..x.n() {
            let (mut indices, mut values) = x.row(i);
            if end < all {
                let n = indices.partition_point(|&k| (k as usize) < end);
                (indices, values) = (&indices[..n], &values[..n]);
            }
            if first > 0 {
                let n = indices.partition_point(|&k| k < first);
                (indices, values) = (&indices[n..], &values[n..]);
            }
            let v = v.row(i);
            if t == 1 {
                for (&k, &x) in indices.iter().zip(values) {
                    let sum = &mut out[(k - first) as usize];
                    *sum = Scalar::mul_add::<FMA>(x.to_f64(), v[0], *sum);
                }
                continue;
            }
            for (&k, &x) in indices.iter().zip(values) {
                let (x, sums) = (x.to_f64(), &mut out[(k - first) as usize * t..][..t]);
                let (whole, rest) = sums.split_at_mut(t - t % WIDE);
                let (v, last) = v.split_at(t - t % WIDE);
                for (sums, v) in whole.chunks_exact_mut(WIDE).zip(v.chunks_exact(WIDE)) {
                    for l in 0..WIDE {
                        sums[l] = Scalar::mul_add::<FMA>(x, v[l], sums[l]);
                    }
                }
                for (sum, &v) in rest.iter_mut().zip(last) {
                    *sum = Scalar::mul_add::<FMA>(x, v, *sum);
                }
            }
        }
    }
}
