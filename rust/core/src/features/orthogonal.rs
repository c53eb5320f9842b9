//! Random orthogonal rows: Gaussian rows made orthogonal, which gives the uniform law on orthogonal matrices.

use crate::error::Result;
use crate::matrix::dot;
use crate::memory::{Buffer, alloc};
use crate::random::Stream;
use crate::simd::{Job, Level, dispatch};

/// Rows that are made orthogonal to those before them together, so that each of those is fetched once for all.
const PANEL: usize = 8;

/// The first `n` rows of block `block`, of length `d >= n`: orthogonal, row `i` as long as the Gaussian row `i` that it
/// came from. A row depends on those before it alone. Lengths and directions are independent, since orthogonalisation
/// sees directions alone.
///
/// # Errors
/// [`crate::error::Error::Memory`].
///
/// # Cost
/// `4 n^2 d` flops and `8 n d` bytes.
pub(super) fn block(level: Level, stream: Stream, block: u64, n: usize, d: usize) -> Result<Buffer<f64>> {
    let mut rows = alloc(n * d, "orthogonal weights")?;
    let mut lengths = alloc(n, "lengths")?;
    for (i, row) in rows.chunks_exact_mut(d).enumerate() {
        stream.normals_at(level, block * d as u64 + i as u64, row);
    }
    dispatch(level, GramSchmidt { rows: &mut rows, lengths: &mut lengths, d });
    Ok(rows)
}

struct GramSchmidt<'a> {
    rows: &'a mut [f64],
    lengths: &'a mut [f64],
    d: usize,
}

impl Job for GramSchmidt<'_> {
    type Output = ();

    /// Modified Gram-Schmidt, all of it twice: then the rows are orthogonal to rounding whatever they were.
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Self { rows, lengths, d } = self;
        for (row, length) in rows.chunks_exact_mut(d).zip(lengths.iter_mut()) {
            *length = normalize::<FMA>(row);
        }
        for first in (0..lengths.len()).step_by(PANEL) {
            let (done, rest) = rows.split_at_mut(first * d);
            let panel = &mut rest[..PANEL.min(lengths.len() - first) * d];
            for _ in 0..2 {
                for q in done.chunks_exact(d) {
                    for row in panel.chunks_exact_mut(d) {
                        take_away::<FMA>(q, row);
                    }
                }
                for i in 0..panel.len() / d {
                    let (before, rest) = panel.split_at_mut(i * d);
                    let row = &mut rest[..d];
                    for q in before.chunks_exact(d) {
                        take_away::<FMA>(q, row);
                    }
                    normalize::<FMA>(row);
                }
            }
        }
        for (row, &length) in rows.chunks_exact_mut(d).zip(lengths.iter()) {
            row.iter_mut().for_each(|v| *v *= length);
        }
    }
}

/// Divide a row by its norm, and return that.
#[inline(always)]
fn normalize<const FMA: bool>(row: &mut [f64]) -> f64 {
    let norm = dot::<f64, FMA>(row, row).sqrt();
    if norm > 0.0 {
        row.iter_mut().for_each(|v| *v /= norm);
    }
    norm
}

/// Take from a row its part along the unit vector `q`.
#[inline(always)]
fn take_away<const FMA: bool>(q: &[f64], row: &mut [f64]) {
    let along = dot::<f64, FMA>(q, row);
    for (v, &q) in row.iter_mut().zip(q) {
        *v = if FMA { (-along).mul_add(q, *v) } else { *v - along * q };
    }
}
