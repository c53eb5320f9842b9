//! Products with a symmetric matrix of which the strict upper triangle and the diagonal are at hand.

use crate::error::Result;
use crate::memory::alloc;
use crate::real::Real;
use crate::scalar::Scalar;
use crate::simd::{Job, dispatch};
use crate::threads::Context;

/// Pieces that the rows are cut into; each has its own sums, added up in order.
const PIECES: usize = 8;

/// `out = A x` in f64; `x` and `out` hold one vector after the other.
pub(super) fn multiply<T: Real>(
    context: &Context<'_>,
    upper: &[T],
    diagonal: &[f64],
    x: &[f64],
    out: &mut [f64],
) -> Result<()> {
    let n = diagonal.len();
    let mut sums = alloc::<f64>(PIECES * out.len(), "partial products")?;
    context.each_part(
        sums.chunks_mut(out.len().max(1)),
        || Ok(()),
        |(), piece, mine| {
            // Interleaved rows: equal work for all pieces.
            for i in (piece..n).step_by(PIECES) {
                let row = &upper[i * n + i + 1..(i + 1) * n];
                for (x, y) in x.chunks_exact(n).zip(mine.chunks_exact_mut(n)) {
                    let (head, tail) = y.split_at_mut(i + 1);
                    let dot = dispatch(context.level, Row { row, xi: x[i], x: &x[i + 1..], y: tail });
                    head[i] += diagonal[i].mul_add(x[i], dot);
                }
            }
            Ok(())
        },
    )?;
    out.fill(0.0);
    for piece in sums.chunks_exact(out.len().max(1)) {
        for (o, s) in out.iter_mut().zip(piece) {
            *o += s;
        }
    }
    Ok(())
}

/// One row of the upper triangle: `y += row xi`, and `row . x` in eight interleaved chains.
struct Row<'a, T> {
    row: &'a [T],
    xi: f64,
    x: &'a [f64],
    y: &'a mut [f64],
}

impl<T: Real> Job for Row<'_, T> {
    type Output = f64;

    #[inline(always)]
    fn run<const FMA: bool>(self) -> f64 {
        let Self { row, xi, x, y } = self;
        let n = row.len();
        let (x, y) = (&x[..n], &mut y[..n]);
        let mut acc = [0.0; 8];
        let whole = n - n % 8;
        for k in (0..whole).step_by(8) {
            let (row, x, y) = (&row[k..k + 8], &x[k..k + 8], &mut y[k..k + 8]);
            for l in 0..8 {
                let a = row[l].to_f64();
                y[l] = Scalar::mul_add::<FMA>(a, xi, y[l]);
                acc[l] = Scalar::mul_add::<FMA>(a, x[l], acc[l]);
            }
        }
        for k in whole..n {
            let a = row[k].to_f64();
            y[k] = Scalar::mul_add::<FMA>(a, xi, y[k]);
            acc[k - whole] = Scalar::mul_add::<FMA>(a, x[k], acc[k - whole]);
        }
        ((acc[0] + acc[4]) + (acc[2] + acc[6])) + ((acc[1] + acc[5]) + (acc[3] + acc[7]))
    }
}

/// The largest absolute column sum.
pub(super) fn norm1<T: Real>(context: &Context<'_>, upper: &[T], diagonal: &[f64]) -> Result<f64> {
    let n = diagonal.len();
    let mut sums = alloc::<f64>(PIECES * n, "column sums")?;
    context.each_part(
        sums.chunks_mut(n.max(1)),
        || Ok(()),
        |(), piece, mine| {
            for i in (piece..n).step_by(PIECES) {
                let mut own = diagonal[i].abs();
                for (s, a) in mine[i + 1..].iter_mut().zip(&upper[i * n + i + 1..(i + 1) * n]) {
                    let a = a.to_f64().abs();
                    *s += a;
                    own += a;
                }
                mine[i] += own;
            }
            Ok(())
        },
    )?;
    Ok((0..n).map(|j| (0..PIECES).map(|p| sums[p * n + j]).sum()).fold(0.0, f64::max))
}
