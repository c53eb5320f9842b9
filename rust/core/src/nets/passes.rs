//! Passes over a tile: outputs of its rows, coefficients times slopes, sums in f64.

use crate::matrix::{TILE, dot};
use crate::real::Real;
use crate::simd::Job;

/// Whether all values are finite.
pub(super) struct Finite<'a, T>(pub(super) &'a [T]);

impl<T: Real> Job for Finite<'_, T> {
    type Output = bool;
    #[inline(always)]
    fn run<const FMA: bool>(self) -> bool {
        // x 0 is 0, or NaN where x is not finite, which stays in the sum.
        let mut sums = [T::ZERO; 32];
        let chunks = self.0.chunks_exact(32);
        for (s, &v) in sums.iter_mut().zip(chunks.remainder()) {
            *s += v * T::ZERO;
        }
        for chunk in chunks {
            for (s, &v) in sums.iter_mut().zip(chunk) {
                *s += v * T::ZERO;
            }
        }
        sums.iter().all(|&s| s == T::ZERO)
    }
}

/// `sums[i][t] += tile[i] . weights[t]`: products in the tile's precision, sums of tiles in f64.
pub(super) struct Dots<'a, T> {
    pub(super) tile: &'a [T],
    pub(super) width: usize,
    /// Rows `stride` apart, one for each output.
    pub(super) weights: &'a [T],
    pub(super) stride: usize,
    pub(super) outputs: usize,
    pub(super) sums: &'a mut [f64],
}

impl<T: Real> Job for Dots<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        for (row, sums) in self.tile.chunks_exact(self.width).zip(self.sums.chunks_exact_mut(self.outputs)) {
            for (t, sum) in sums.iter_mut().enumerate() {
                *sum += dot::<T, FMA>(row, &self.weights[t * self.stride..][..self.width]).to_f64();
            }
        }
    }
}

/// `first[i] = sum_t r[i][t] a[t] first[i]`, with as much of `second` and its coefficients added, and the sums of
/// columns added to `column`.
pub(super) struct Back<'a, T> {
    pub(super) first: &'a mut [T],
    pub(super) second: &'a [T],
    pub(super) width: usize,
    /// For each array of slopes: coefficients, output weights, whose rows are `stride` apart, and how many of both.
    pub(super) heads: [(&'a [T], &'a [T], usize); 2],
    pub(super) stride: usize,
    pub(super) column: &'a mut [T],
}

impl<T: Real> Back<'_, T> {
    /// `out = sum_t r[i][t] a[t]`.
    #[inline(always)]
    fn combine<const FMA: bool>(&self, head: usize, i: usize, out: &mut [T]) {
        let (coefficients, weights, outputs) = self.heads[head];
        for (t, &r) in coefficients[i * outputs..(i + 1) * outputs].iter().enumerate() {
            let weights = &weights[t * self.stride..][..out.len()];
            if t == 0 {
                out.iter_mut().zip(weights).for_each(|(o, &w)| *o = r * w);
            } else {
                out.iter_mut().zip(weights).for_each(|(o, &w)| *o = r.mul_add::<FMA>(w, *o));
            }
        }
    }
}

impl<T: Real> Job for Back<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<const FMA: bool>(mut self) {
        let mut buffers = [[T::ZERO; TILE]; 2];
        let [one, two] = &mut buffers;
        let (one, two) = (&mut one[..self.width], &mut two[..self.width]);
        let first = std::mem::take(&mut self.first);
        let column = std::mem::take(&mut self.column);
        if let ([(coefficients, weights, 1), _], true) = (self.heads, self.second.is_empty()) {
            let weights = &weights[..self.width];
            for (row, &r) in first.chunks_exact_mut(self.width).zip(coefficients) {
                row.iter_mut().zip(weights).for_each(|(v, &w)| *v *= r * w);
                column.iter_mut().zip(row).for_each(|(c, v)| *c += *v);
            }
            return;
        }
        for (i, row) in first.chunks_exact_mut(self.width).enumerate() {
            self.combine::<FMA>(0, i, one);
            row.iter_mut().zip(&*one).for_each(|(v, &c)| *v *= c);
            if !self.second.is_empty() {
                self.combine::<FMA>(1, i, two);
                let second = &self.second[i * self.width..][..self.width];
                for ((v, &c), &s) in row.iter_mut().zip(&*two).zip(second) {
                    *v = c.mul_add::<FMA>(s, *v);
                }
            }
            column.iter_mut().zip(row).for_each(|(c, v)| *c += *v);
        }
    }
}

/// `to += from`, in f64.
pub(super) struct Add<'a, T> {
    pub(super) to: &'a mut [f64],
    pub(super) from: &'a [T],
}

impl<T: Real> Job for Add<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        for (t, v) in self.to.iter_mut().zip(self.from) {
            *t += v.to_f64();
        }
    }
}
