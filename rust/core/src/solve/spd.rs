//! Symmetric positive definite systems: factor once, solve, refine, and say how good the answer is.

use super::cholesky::factor;
use super::condition::reciprocal;
use super::symmetric::{multiply, norm1};
use super::triangular::substitute;
use crate::error::{Result, fits};
use crate::memory::{Buffer, alloc};
use crate::real::Real;
use crate::threads::Context;

/// Rounds of iterative refinement, at most.
const ROUNDS: usize = 3;

/// What is known of a solution.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Solution {
    /// Estimated reciprocal condition number in the 1-norm.
    pub rcond: f64,
    /// Largest `|b - A x| / |b|` over the right-hand sides, computed in f64.
    pub residual: f64,
}

/// Solve `(A + diag(ridge)) x = b` in place of `b` (n x t, row-major), with up to three rounds of refinement against
/// residuals in f64. The diagonal and lower triangle of `a` are overwritten by the factor.
///
/// # Errors
/// [`crate::error::Error::NotPositiveDefinite`], shapes that do not fit, memory, interruption.
///
/// # Cost
/// `n^3 / 3 + 4 n^2 t` flops; memory `O(n t)` beyond `a`.
pub fn solve<T: Real>(
    context: &Context<'_>,
    a: &mut [T],
    n: usize,
    ridge: &[f64],
    b: &mut [T],
    refine: bool,
) -> Result<Solution> {
    fits("elements of a", n * n, a.len())?;
    fits("elements of ridge", n, ridge.len())?;
    if n == 0 || b.is_empty() {
        return Ok(Solution { rcond: 1.0, residual: 0.0 });
    }
    let t = b.len() / n;
    fits("elements of b", n * t, b.len())?;
    let diagonal = add_to_diagonal(a, ridge)?;
    let norm = norm1(context, a, &diagonal)?;
    factor(context, a, n)?;
    let rcond = reciprocal(context, a, n, norm)?;

    let right = one_after_the_other(b, n)?;
    let mut x = alloc::<f64>(n * t, "solutions")?;
    let mut step = alloc::<T>(n * t, "corrections")?;
    let mut product = alloc::<f64>(n * t, "residuals")?;
    let mut best = f64::INFINITY;
    for round in 0..=if refine { ROUNDS } else { 0 } {
        // The residual of x = 0 is b itself.
        for ((s, r), p) in step.iter_mut().zip(&right).zip(&product) {
            *s = T::from_f64(r - p);
        }
        substitute(context, a, n, &mut step)?;
        for (x, s) in x.iter_mut().zip(&step) {
            *x += s.to_f64();
        }
        // What will be returned has the precision of T.
        x.iter_mut().for_each(|v| *v = T::from_f64(*v).to_f64());
        multiply(context, a, &diagonal, &x, &mut product)?;
        let (residual, backward) = errors(n, norm, &right, &product, &x);
        // Only progress is kept.
        if residual < best || round == 0 {
            best = residual;
            for (i, row) in b.chunks_exact_mut(t).enumerate() {
                for (k, v) in row.iter_mut().enumerate() {
                    *v = T::from_f64(x[k * n + i]);
                }
            }
        } else {
            break;
        }
        // As good as rounding the matrix itself allows.
        if backward <= T::EPSILON.to_f64() / 4.0 {
            break;
        }
    }
    Ok(Solution { rcond, residual: best })
}

/// Add `ridge` to the diagonal of `a`; the sum in f64.
fn add_to_diagonal<T: Real>(a: &mut [T], ridge: &[f64]) -> Result<Buffer<f64>> {
    let mut diagonal = alloc(ridge.len(), "the diagonal")?;
    for ((d, ridge), a) in diagonal.iter_mut().zip(ridge).zip(a.iter_mut().step_by(ridge.len() + 1)) {
        *d = a.to_f64() + ridge;
        *a = T::from_f64(*d);
    }
    Ok(diagonal)
}

/// The columns of `b`, n values each.
pub(super) fn one_after_the_other<T: Real>(b: &[T], n: usize) -> Result<Buffer<f64>> {
    let mut right = alloc(b.len(), "right-hand sides")?;
    for (i, row) in b.chunks_exact(b.len() / n).enumerate() {
        for (k, v) in row.iter().enumerate() {
            right[k * n + i] = v.to_f64();
        }
    }
    Ok(right)
}

/// The largest error of a solution `x` of `A x = b` with the product `p = A x`, relative to `b` and to rounding `A`.
pub(super) fn errors(n: usize, norm: f64, b: &[f64], p: &[f64], x: &[f64]) -> (f64, f64) {
    let (mut residual, mut backward) = (0.0f64, 0.0f64);
    for ((b, p), x) in b.chunks_exact(n).zip(p.chunks_exact(n)).zip(x.chunks_exact(n)) {
        let r = b.iter().zip(p).map(|(b, p)| (b - p) * (b - p)).sum::<f64>().sqrt();
        let size = norm2(b);
        let scale = norm * norm2(x) + size;
        residual = residual.max(if size > 0.0 { r / size } else { r });
        backward = backward.max(if scale > 0.0 { r / scale } else { r });
    }
    (residual, backward)
}

fn norm2(x: &[f64]) -> f64 {
    x.iter().map(|v| v * v).sum::<f64>().sqrt()
}
