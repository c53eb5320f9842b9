//! Squared distances between rows, recomputed from the difference where the norms cancel.

use super::angle::squared_difference;
use crate::gemm::{Rows, TILE};
use crate::real::Real;
use crate::simd::Job;

/// Turns inner products into squared distances.
pub(super) struct Distances<'a, T> {
    pub(super) tile: &'a mut [T],
    pub(super) x: Rows<'a, T>,
    pub(super) y: Rows<'a, T>,
    pub(super) qx: &'a [T],
    pub(super) qy: &'a [T],
}

impl<T: Real> Job for Distances<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let near = T::from_f64(if size_of::<T>() == 4 { 1e-1 } else { 1e-2 });
        let two = T::from_f64(2.0);
        for i in 0..self.qx.len() {
            let qx = self.qx[i];
            let row = &mut self.tile[i * TILE..i * TILE + self.qy.len()];
            let mut count = 0u32;
            for (s, &qy) in row.iter_mut().zip(self.qy) {
                let sum = qx + qy;
                let d = (sum - two * *s).max(T::ZERO);
                count += u32::from(d < near * sum);
                *s = d;
            }
            if count == 0 {
                continue;
            }
            for (j, s) in row.iter_mut().enumerate() {
                if *s < near * (qx + self.qy[j]) {
                    *s = squared_difference::<T, FMA>(self.x.row(i), T::ONE, self.y.row(j), T::ONE);
                }
            }
        }
    }
}
