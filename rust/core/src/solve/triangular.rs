//! Substitution with a Cholesky factor stored in the lower triangle of a row-major matrix.

use crate::error::Result;
use crate::matrix::dot;
use crate::real::Real;
use crate::simd::{Job, dispatch};
use crate::threads::Context;

/// Solve `L L^T x = b` in place; `b` holds one right-hand side after the other, `n` values each.
pub(super) fn substitute<T: Real>(context: &Context<'_>, l: &[T], n: usize, b: &mut [T]) -> Result<()> {
    // A few right-hand sides share each row of L.
    let group = (b.len() / n.max(1)).div_ceil(8).clamp(1, 4);
    context.each_part(
        b.chunks_mut((group * n).max(1)),
        || Ok(()),
        |(), _, b| {
            dispatch(context.level, Substitute { l, n, b });
            Ok(())
        },
    )
}

struct Substitute<'a, T> {
    l: &'a [T],
    n: usize,
    b: &'a mut [T],
}

impl<T: Real> Job for Substitute<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Self { l, n, b } = self;
        for i in 0..n {
            let row = &l[i * n..=i * n + i];
            for x in b.chunks_exact_mut(n) {
                x[i] = (x[i] - dot::<T, FMA>(&row[..i], &x[..i])) / row[i];
            }
        }
        for i in (0..n).rev() {
            let row = &l[i * n..=i * n + i];
            for x in b.chunks_exact_mut(n) {
                let v = x[i] / row[i];
                x[i] = v;
                for (x, &l) in x[..i].iter_mut().zip(row) {
                    *x = (-v).mul_add::<FMA>(l, *x);
                }
            }
        }
    }
}
