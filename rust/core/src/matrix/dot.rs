//! Dot products of plain rows.

use crate::real::Real;

/// A dot product in sixteen interleaved chains, whatever the vector width.
#[inline(always)]
pub(crate) fn dot<T: Real, const FMA: bool>(a: &[T], b: &[T]) -> T {
    let mut acc = [T::ZERO; 16];
    let whole = a.len() - a.len() % 16;
    for (a, b) in a[..whole].chunks_exact(16).zip(b[..whole].chunks_exact(16)) {
        for l in 0..16 {
            acc[l] = a[l].mul_add::<FMA>(b[l], acc[l]);
        }
    }
    for l in whole..a.len() {
        acc[l - whole] = a[l].mul_add::<FMA>(b[l], acc[l - whole]);
    }
    for l in 0..8 {
        acc[l] += acc[l + 8];
    }
    ((acc[0] + acc[4]) + (acc[2] + acc[6])) + ((acc[1] + acc[5]) + (acc[3] + acc[7]))
}
