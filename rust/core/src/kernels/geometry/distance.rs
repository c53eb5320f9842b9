//! Distances between rows, recomputed from the difference where the norms cancel.

use super::angle::squared_difference;
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
fn near<T: Real>() -> T {
    T::from_f64(if size_of::<T>() == 4 { 1e-1 } else { 1e-2 })
}

impl<T: Real, const CHORD: bool> Job for Distances<'_, T, CHORD> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Self(tile, edges) = self;
        let (near, two) = (near::<T>(), T::from_f64(2.0));
        let size = |s: T| if CHORD { s.abs() } else { s };
        let signed = |d: T, s: T| if CHORD { d.copysign(s) } else { d };
        for (i, &qx) in edges.qx.iter().enumerate() {
            let row = &mut tile[i * TILE..i * TILE + edges.qy.len()];
            let mut count = 0u32;
            for (s, &qy) in row.iter_mut().zip(edges.qy) {
                let sum = qx + qy;
                let d = (sum - two * size(*s)).max(T::ZERO);
                count += u32::from(d < near * sum);
                *s = signed(d, *s);
            }
            if count == 0 {
                continue;
            }
            for (j, s) in row.iter_mut().enumerate() {
                if size(*s) < near * (qx + edges.qy[j]) {
                    let sign = signed(T::ONE, *s);
                    let d = squared_difference::<T, FMA>(edges.x.row(i), T::ONE, edges.y.row(j), sign);
                    *s = signed(d, sign);
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
