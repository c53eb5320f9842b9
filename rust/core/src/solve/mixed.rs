//! Symmetric positive definite systems of doubles by a factor of half their size: conjugate gradients to doubles' digits.

use super::cholesky::factor;
use super::condition::reciprocal;
use super::spd::{Solution, errors, one_after_the_other};
use super::symmetric::{multiply, norm1};
use super::triangular::substitute;
use crate::error::{Error, Result, fits};
use crate::memory::{Buffer, alloc};
use crate::threads::Context;

/// Products with the matrix, at most: a factor of doubles costs no more.
const MOST: usize = 20;
/// Rows that are rounded together.
const ROWS: usize = 64;
/// Backward errors that rounding of the matrix itself allows: those at which the factor of doubles ends.
const ENOUGH: f64 = f64::EPSILON / 4.0;

/// Solve `(A + diag(ridge)) x = b` in place of `b` (n x t, row-major) by conjugate gradients on the doubles of `a`, whose
/// preconditioner is a Cholesky factor in single precision. `a`, of which both triangles are read, stays.
///
/// `None` where single precision has no factor, or the true residual, in doubles, is not as small as rounding of `a`
/// allows after 20 products: `b` then stays too, and only a factor of doubles knows.
///
/// # Errors
/// Shapes that do not fit, memory, interruption.
///
/// # Cost
/// `n^3 / 3` flops in single precision and `4 n^2 t` a product; memory `4 n^2 + O(n t)` bytes. The same bits for any
/// number of threads.
///
/// # Source
/// Higham & Mary, "Mixed precision algorithms in numerical linear algebra", Acta Numerica 31, 2022, section 8.
pub fn solve_mixed(
    context: &Context<'_>,
    a: &[f64],
    n: usize,
    ridge: &[f64],
    b: &mut [f64],
) -> Result<Option<Solution>> {
    fits("elements of a", n * n, a.len())?;
    fits("elements of ridge", n, ridge.len())?;
    if n == 0 || b.is_empty() {
        return Ok(Some(Solution { rcond: 1.0, residual: 0.0 }));
    }
    let t = b.len() / n;
    fits("elements of b", n * t, b.len())?;
    let mut diagonal = alloc(n, "the diagonal")?;
    for ((d, ridge), a) in diagonal.iter_mut().zip(ridge).zip(a.iter().step_by(n + 1)) {
        *d = a + ridge;
    }
    let norm = norm1(context, a, &diagonal)?;
    if !(norm > 0.0 && norm.is_finite()) {
        return Ok(None);
    }
    // Of size one, so that single precision is not too narrow.
    let unit = (-norm.log2().ceil()).exp2();
    let mut low = rounded(context, a, &diagonal, unit)?;
    match factor(context, &mut low, n) {
        Ok(()) => (),
        Err(Error::NotPositiveDefinite { .. }) => return Ok(None),
        Err(error) => return Err(error),
    }
    let rcond = reciprocal(context, &low, n, norm * unit)?;
    let system = System { context, a, diagonal: &diagonal, low: &low, norm };
    let right = one_after_the_other(b, n)?;
    let mut x = alloc(n * t, "solutions")?;
    let Some(residual) = system.solve(&right, &mut x)? else {
        return Ok(None);
    };
    for (i, row) in b.chunks_exact_mut(t).enumerate() {
        for (k, v) in row.iter_mut().enumerate() {
            *v = x[k * n + i];
        }
    }
    Ok(Some(Solution { rcond, residual }))
}

/// The lower triangle of a matrix times `unit` in single precision, with another diagonal.
fn rounded(context: &Context<'_>, a: &[f64], diagonal: &[f64], unit: f64) -> Result<Buffer<f32>> {
    let n = diagonal.len();
    let mut low = alloc::<f32>(n * n, "a factor in single precision")?;
    context.each_part(
        low.chunks_mut(ROWS * n),
        || Ok(()),
        |(), part, rows| {
            for (i, row) in (part * ROWS..).zip(rows.chunks_exact_mut(n)) {
                for (to, &v) in row[..i].iter_mut().zip(&a[i * n..]) {
                    *to = (v * unit) as f32;
                }
                row[i] = (diagonal[i] * unit) as f32;
            }
            Ok(())
        },
    )?;
    Ok(low)
}

/// The matrix and a factor of about its multiple; vectors lie one after the other.
struct System<'a> {
    context: &'a Context<'a>,
    a: &'a [f64],
    diagonal: &'a [f64],
    low: &'a [f32],
    norm: f64,
}

impl System<'_> {
    /// Write solutions to `x`, which is zero, and return their largest residual relative to the right-hand sides; `None`
    /// where that is not small enough.
    fn solve(&self, right: &[f64], x: &mut [f64]) -> Result<Option<f64>> {
        let n = self.diagonal.len();
        let mut r = alloc(right.len(), "residuals")?;
        let mut q = alloc(right.len(), "products")?;
        r.copy_from_slice(right);
        let mut products = 0;
        while products < MOST {
            if !self.iterate(right, x, &mut r, &mut q, &mut products)? {
                return Ok(None);
            }
            products += 1;
            multiply(self.context, self.a, self.diagonal, x, &mut q)?;
            let (residual, backward) = errors(n, self.norm, right, &q, x);
            if backward <= ENOUGH {
                return Ok(Some(residual));
            }
            r.iter_mut().zip(right).zip(&q).for_each(|((r, b), q)| *r = b - q);
        }
        Ok(None)
    }

    /// Iterate from the residuals `r` of `x` until they seem small enough; `q` is scratch. Whether all were numbers.
    fn iterate(
        &self,
        right: &[f64],
        x: &mut [f64],
        r: &mut [f64],
        q: &mut [f64],
        products: &mut usize,
    ) -> Result<bool> {
        let n = self.diagonal.len();
        let mut p = self.preconditioned(r)?;
        let mut curvature = alloc::<f64>(right.len() / n, "curvatures")?;
        while *products < MOST {
            *products += 1;
            multiply(self.context, self.a, self.diagonal, &p, q)?;
            let mut open = false;
            let columns = p.chunks_exact(n).zip(q.chunks_exact(n)).zip(right.chunks_exact(n));
            let own = x.chunks_exact_mut(n).zip(r.chunks_exact_mut(n)).zip(curvature.iter_mut());
            for (((p, q), b), ((x, r), curvature)) in columns.zip(own) {
                let descent = inner(r, p);
                *curvature = inner(p, q);
                // Nothing is left, or asked for.
                if descent == 0.0 && *curvature == 0.0 {
                    continue;
                }
                let step = descent / *curvature;
                if !(step.is_finite() && *curvature > 0.0) {
                    return Ok(false);
                }
                x.iter_mut().zip(p).for_each(|(x, p)| *x += step * p);
                r.iter_mut().zip(q).for_each(|(r, q)| *r -= step * q);
                let size = self.norm * inner(x, x).sqrt() + inner(b, b).sqrt();
                let small = inner(r, r).sqrt() <= ENOUGH / 2.0 * size;
                // Not-a-number is not small.
                open |= !small;
            }
            if !open {
                break;
            }
            let fresh = self.preconditioned(r)?;
            let columns = p.chunks_exact_mut(n).zip(fresh.chunks_exact(n)).zip(q.chunks_exact(n));
            for (((p, z), q), &curvature) in columns.zip(curvature.iter()) {
                // Orthogonal to the last direction, whatever rounding of the factor does to the preconditioner.
                let share = if curvature > 0.0 { -inner(z, q) / curvature } else { 0.0 };
                p.iter_mut().zip(z).for_each(|(p, z)| *p = z + share * *p);
            }
        }
        Ok(true)
    }

    /// About the inverse of the matrix times residuals, but for a factor that all share.
    fn preconditioned(&self, r: &[f64]) -> Result<Buffer<f64>> {
        let n = self.diagonal.len();
        let (mut low, mut out) = (alloc::<f32>(r.len(), "corrections")?, alloc::<f64>(r.len(), "corrections")?);
        for (to, r) in low.chunks_exact_mut(n).zip(r.chunks_exact(n)) {
            // Of size one, so that single precision is not too narrow.
            let size = r.iter().fold(0.0_f64, |most, v| most.max(v.abs()));
            let scale = if size > 0.0 { 1.0 / size } else { 0.0 };
            to.iter_mut().zip(r).for_each(|(to, v)| *to = (v * scale) as f32);
        }
        substitute(self.context, self.low, n, &mut low)?;
        for ((to, low), r) in out.chunks_exact_mut(n).zip(low.chunks_exact(n)).zip(r.chunks_exact(n)) {
            let size = r.iter().fold(0.0_f64, |most, v| most.max(v.abs()));
            to.iter_mut().zip(low).for_each(|(to, &v)| *to = f64::from(v) * size);
        }
        Ok(out)
    }
}

fn inner(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
