//! Symmetric matrices turned to bands, `A = Q B Q^T`: solutions and the inverse's diagonal for many shifts of one matrix.

use super::reflections::{Reflections, reflect, rotation};
use super::shifts::{BAND, Band, Rotated};
use super::two_sided::TwoSided;
use crate::error::{Result, fits};
use crate::memory::alloc;
use crate::threads::Context;

/// Write `(A + alpha I)^-1 Y` and the diagonal of the inverse for every alpha, to `solutions` (alphas x n x t) and
/// `diagonals` (alphas x n), for `A` (n x n, both triangles), which is destroyed, and `Y` (n x t).
///
/// # Errors
/// [`crate::error::Error::NotPositiveDefinite`] for an alpha whose matrix is not, shapes that do not fit, memory,
/// interruption.
///
/// # Cost
/// `8 n^3 / 3` flops, and for every alpha `96 n^2`; memory `16 n^2` bytes beyond `a`. The same bits for any number of
/// threads.
///
/// # Source
/// Bischof, Lang & Sun, "A framework for symmetric band reduction", ACM Transactions on Mathematical Software 26, 2000
/// (the reduction, without its second stage).
pub fn shifted_inverses(
    context: &Context<'_>,
    a: &mut [f64],
    n: usize,
    alphas: &[f64],
    y: &[f64],
    solutions: &mut [f64],
    diagonals: &mut [f64],
) -> Result<()> {
    fits("elements of a", n * n, a.len())?;
    let t = y.len() / n.max(1);
    fits("elements of y", n * t, y.len())?;
    fits("elements of solutions", alphas.len() * n * t, solutions.len())?;
    fits("elements of diagonals", alphas.len() * n, diagonals.len())?;
    if n == 0 || alphas.is_empty() {
        return Ok(());
    }
    let (band, reflections) = reduce(context, a, n)?;
    let turned = rotation(context, n, &reflections)?;
    drop(reflections);
    let rotated = Rotated { n, strips: &turned };
    rotated.inverses(context, &band, alphas, y, solutions, diagonals)
}

/// Turn `a` to a band, panel by panel.
fn reduce(context: &Context<'_>, a: &mut [f64], n: usize) -> Result<(Band, Vec<Reflections>)> {
    let (mut band, mut all) = (Band::new(n)?, Vec::new());
    let mut columns = alloc::<f64>(n * BAND, "a panel")?;
    let mut v = alloc::<f64>(n * BAND, "reflections")?;
    let mut update = TwoSided::new(context.level, n)?;
    for j in (0..n).step_by(BAND) {
        context.check()?;
        for i in 0..BAND.min(n - j) {
            band.row_mut(j + i)[BAND - i..].copy_from_slice(&a[(j + i) * n + j..=(j + i) * n + j + i]);
        }
        let from = j + BAND;
        if from >= n {
            break;
        }
        let m = n - from;
        let (columns, v) = (&mut columns[..m * BAND], &mut v[..m * BAND]);
        for i in 0..m {
            let row = &a[(from + i) * n + j..][..BAND];
            row.iter().enumerate().for_each(|(c, &x)| columns[c * m + i] = x);
        }
        let reflections = reflect(context, from, columns, v, &mut band)?;
        update.take(context, (a, n, from), (columns, v), &reflections.t)?;
        all.push(reflections);
    }
    Ok((band, all))
}
