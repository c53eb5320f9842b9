//! Squared differences of a row and some others, all at once where rows are short, with the bits of one pair at a time.

use crate::matrix::{Rows, TILE};
use crate::real::Real;

/// Length of the longest rows whose differences are taken of some pairs at once: of longer ones few are near.
pub(super) const LONGEST: usize = 4;

/// Pairs that are worked on together.
pub(super) const LANES: usize = 16;

/// `d` for rows that are short and many, else 0.
pub(super) fn length(d: usize, rows: usize) -> usize {
    if d <= LONGEST && rows >= LANES { d } else { 0 }
}

/// Run `$body` with `$d` a [`length`], known when it is compiled.
macro_rules! by_length {
    ($length:expr, $d:ident => $body:expr) => {
        match $length {
            1 => by_length!(@ 1, $d => $body),
            2 => by_length!(@ 2, $d => $body),
            3 => by_length!(@ 3, $d => $body),
            4 => by_length!(@ 4, $d => $body),
            _ => by_length!(@ 0, $d => $body),
        }
    };
    (@ $length:literal, $d:ident => $body:expr) => {{
        const $d: usize = $length;
        $body
    }};
}
pub(super) use by_length;

/// Up to [`TILE`] rows of length `D` with their columns as rows; nothing where that is 0.
pub(super) struct Turned<T, const D: usize>([[T; TILE]; D]);

impl<T: Real, const D: usize> Turned<T, D> {
    /// Of `y`, each row times its factor.
    #[inline(always)]
    pub(super) fn new(y: Rows<'_, T>, factors: Option<&[T]>) -> Self {
        let mut columns = [[T::ZERO; TILE]; D];
        for (j, row) in y.data.chunks_exact(D.max(1)).enumerate().take(if D > 0 { y.n } else { 0 }) {
            let factor = factors.map_or(T::ONE, |factors| factors[j]);
            for k in 0..D {
                columns[k][j] = row[k] * factor;
            }
        }
        Self(columns)
    }

    /// Sums over k of `(x_k - sign y_k)^2` for the rows from `start` on: what `squared_difference` gives.
    #[inline(always)]
    pub(super) fn squared_differences<const FMA: bool>(&self, x: &[T], start: usize, signs: &[T; LANES]) -> [T; LANES] {
        let mut squares = [[T::ZERO; LANES]; D];
        for k in 0..D {
            let y = &self.0[k][start..start + LANES];
            for l in 0..LANES {
                let t = x[k] - y[l] * signs[l];
                squares[k][l] = t * t;
            }
        }
        // The chains that are not empty, in the order in which those of long rows are added up.
        let pair = |k: usize, l: usize| if k + 4 < D { squares[k][l] + squares[k + 4][l] } else { squares[k][l] };
        let half = |k: usize, l: usize| if k + 2 < D { pair(k, l) + pair(k + 2, l) } else { pair(k, l) };
        std::array::from_fn(|l| if D > 1 { half(0, l) + half(1, l) } else { half(0, l) })
    }
}

#[cfg(test)]
#[path = "../../../tests/unit/geometry_short.rs"]
mod tests;
