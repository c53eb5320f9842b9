//! Products with a symmetric matrix of which the strict upper triangle and the diagonal are at hand.

use crate::error::Result;
use crate::real::Real;
use crate::threads::{Context, Shared, alloc};

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
    let shared = Shared::new(&mut sums);
    context.each(
        PIECES,
        || Ok(()),
        |(), piece| {
            // SAFETY: every task has its own sums.
            let mine = unsafe { shared.part(piece * out.len(), out.len()) };
            // Interleaved rows: equal work for all pieces.
            for i in (piece..n).step_by(PIECES) {
                let row = &upper[i * n + i + 1..(i + 1) * n];
                for (x, y) in x.chunks_exact(n).zip(mine.chunks_exact_mut(n)) {
                    let xi = x[i];
                    let mut acc = [0.0; 4];
                    let (head, tail) = y.split_at_mut(i + 1);
                    for ((k, a), (y, x)) in row.iter().enumerate().zip(tail.iter_mut().zip(&x[i + 1..])) {
                        let a = a.to_f64();
                        *y += a * xi;
                        acc[k % 4] += a * x;
                    }
                    head[i] += diagonal[i].mul_add(xi, (acc[0] + acc[1]) + (acc[2] + acc[3]));
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

/// The largest absolute column sum.
pub(super) fn norm1<T: Real>(context: &Context<'_>, upper: &[T], diagonal: &[f64]) -> Result<f64> {
    let n = diagonal.len();
    let mut sums = alloc::<f64>(PIECES * n, "column sums")?;
    let shared = Shared::new(&mut sums);
    context.each(
        PIECES,
        || Ok(()),
        |(), piece| {
            // SAFETY: every task has its own sums.
            let mine = unsafe { shared.part(piece * n, n) };
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
