//! Distances between rows, recomputed from the difference where the norms cancel.

use super::angle::squared_difference;
use super::short::{LANES, Turned, by_length, length};
use crate::matrix::{Rows, TILE};
use crate::real::Real;
use crate::simd::Job;

/// The rows on both edges of a tile and their squared norms.
#[derive(Debug)]
pub(crate) struct Edges<'a, T> {
    pub(crate) x: Rows<'a, T>,
    pub(crate) y: Rows<'a, T>,
    pub(crate) qx: &'a [T],
    pub(crate) qy: &'a [T],
}

/// Turns inner products into squared distances `|x - x'|^2`; for a chord into `-|x + x'|^2` where they are negative.
pub(crate) struct Distances<'a, T, const CHORD: bool>(pub(crate) &'a mut [T], pub(crate) Edges<'a, T>);

/// Puts the sums of absolute differences in a tile.
pub(crate) struct Manhattans<'a, T>(pub(crate) &'a mut [T], pub(crate) Edges<'a, T>);

/// Below this share of the squared norms a squared distance is recomputed from the difference.
#[inline(always)]
pub(super) fn near<T: Real>() -> T {
    T::from_f64(if size_of::<T>() == 4 { 1e-1 } else { 1e-2 })
}

impl<T: Real, const CHORD: bool> Job for Distances<'_, T, CHORD> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        by_length!(length(self.1.x.d, self.1.y.n), D => self.turn::<FMA, D>());
    }
}

impl<T: Real, const CHORD: bool> Distances<'_, T, CHORD> {
    /// Do it for rows of length `D`, which are short; 0 stands for any others.
    #[inline(always)]
    fn turn<const FMA: bool, const D: usize>(self) {
        let Self(tile, edges) = self;
        let (near, two, cols) = (near::<T>(), T::from_f64(2.0), edges.y.n);
        let turned = Turned::<T, D>::new(edges.y, None);
        let mut norms = [T::ZERO; TILE];
        norms[..cols].copy_from_slice(edges.qy);
        for (i, &qx) in edges.qx.iter().enumerate() {
            let (x, row) = (edges.x.row(i), &mut tile[i * TILE..(i + 1) * TILE]);
            for (first, values) in (0..cols).step_by(LANES).zip(row.chunks_exact_mut(LANES)) {
                let sums: [T; LANES] = std::array::from_fn(|l| qx + norms[first + l]);
                let signs: [T; LANES] =
                    std::array::from_fn(|l| if CHORD { T::ONE.copysign(values[l]) } else { T::ONE });
                let mut any = false;
                for l in 0..LANES {
                    let size = if CHORD { values[l].abs() } else { values[l] };
                    values[l] = (sums[l] - two * size).max(T::ZERO);
                    any |= values[l] < near * sums[l];
                }
                if any && D > 0 {
                    let exact = turned.squared_differences::<FMA>(x, first, &signs);
                    for l in 0..LANES {
                        values[l] = if values[l] < near * sums[l] { exact[l] } else { values[l] };
                    }
                } else if any {
                    for l in 0..LANES.min(cols - first) {
                        if values[l] < near * sums[l] {
                            values[l] = squared_difference::<T, FMA>(x, T::ONE, edges.y.row(first + l), signs[l]);
                        }
                    }
                }
                if CHORD {
                    values.iter_mut().zip(signs).for_each(|(d, sign)| *d = d.copysign(sign));
                }
            }
        }
    }
}

impl<T: Real> Job for Manhattans<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Self(tile, edges) = self;
        for i in 0..edges.qx.len() {
            let x = edges.x.row(i);
            for j in 0..edges.qy.len() {
                tile[i * TILE + j] = absolute_difference(x, edges.y.row(j));
            }
        }
    }
}

/// Sum over k of `|x_k - y_k|`, in eight interleaved chains whatever the vector width.
#[inline(always)]
fn absolute_difference<T: Real>(x: &[T], y: &[T]) -> T {
    let mut acc = [T::ZERO; 8];
    let whole = x.len() - x.len() % 8;
    for (a, b) in x[..whole].chunks_exact(8).zip(y[..whole].chunks_exact(8)) {
        for l in 0..8 {
            acc[l] += (a[l] - b[l]).abs();
        }
    }
    for l in 0..x.len() - whole {
        acc[l] += (x[whole + l] - y[whole + l]).abs();
    }
    ((acc[0] + acc[4]) + (acc[2] + acc[6])) + ((acc[1] + acc[5]) + (acc[3] + acc[7]))
}
