//! Mehler's series of a mixture of smoothed steps: its numbers, how many terms a pair needs, its sum.

use super::law::LANES;
use super::logistic::LOGISTIC;
use super::mixture::{BLOCK, Mixture};
use super::steps::Shape;
use crate::real::Real;

impl<const STEPS: usize, const TERMS: usize> Mixture<STEPS, TERMS> {
    /// Whether `e_k` is 0 for odd `k > 1` rather than for even `k`.
    pub(super) fn even(&self) -> bool {
        matches!(self.shape, Shape::Ramp | Shape::Gate)
    }

    /// The lowest power of the series.
    pub(super) fn lowest(&self) -> u32 {
        (self.order + u32::from(!self.even())) % 2
    }

    /// What is beside the series: a constant and a multiple of `c`, from `e_0` and `e_1` of the other parity.
    pub(super) fn rest(&self) -> (f64, f64) {
        let quarter = self.amplitude * self.amplitude / 4.0;
        match (self.shape, self.order) {
            (Shape::Step, 0) | (Shape::Ramp | Shape::Gate, 1) => (quarter, 0.0),
            (Shape::Ramp | Shape::Gate, 0) => (0.0, quarter),
            _ => (0.0, 0.0),
        }
    }

    /// Terms that equal rows need. Measured: up to order 4 what is left out of the moments and their slopes is then below
    /// 1e-11 (float32: 1e-7) of the moments of the rows with themselves.
    pub(super) fn terms<T: Real>(&self, q: f64) -> f64 {
        let order = f64::from(self.order);
        let (least, factor) = if size_of::<T>() == 8 { (6.0, 14.0 + 5.0 * order) } else { (4.0, 6.0 + 3.2 * order) };
        least + factor * (q * (LOGISTIC[0].0 / self.steps[0].0))
    }

    /// The series' numbers `|e_k| (q + s_0)^(p / 2) / sqrt(p!)`, `p = k - order`.
    #[inline(always)]
    pub(super) fn series(&self, q: f64, out: &mut [f64]) {
        let (order, lowest) = (f64::from(self.order), f64::from(self.lowest()));
        let (even, gate) = (self.even(), self.shape == Shape::Gate);
        let top = q + self.steps[0].0;
        let (mut powers, mut ratios, mut tilts) = ([0.0; STEPS], [0.0; STEPS], [0.0; STEPS]);
        for (m, (s, w)) in self.steps.into_iter().enumerate() {
            let a = q + s;
            (ratios[m], tilts[m]) = (top / a, if gate { s / a } else { 0.0 });
            let power = a.sqrt().powi(i32::from(even) - self.order as i32);
            powers[m] = w * power * if lowest > 0.0 { ratios[m].sqrt() } else { 1.0 };
        }
        // Derivatives of the normal density at 0 are double factorials: (k - 2)!! or (k - 3)!!.
        let (mut p, mut k) = (lowest, order + lowest);
        let double = if k - f64::from(u8::from(even)) >= 5.0 { 3.0 } else { 1.0 };
        let mut factor = self.amplitude * double / std::f64::consts::TAU.sqrt();
        for c in out {
            let mut sums = [0.0; STEPS];
            for m in 0..STEPS {
                sums[m] = powers[m] * (1.0 + (k - 1.0) * tilts[m]);
                powers[m] *= ratios[m];
            }
            *c = factor * sums.iter().sum::<f64>();
            factor *= if even { (k - 1.0).abs() } else { k } / ((p + 1.0) * (p + 2.0)).sqrt();
            (p, k) = (p + 2.0, k + 2.0);
        }
    }

    /// Blocks of the series that each pair needs. With `x` the squared ratio of successive powers a tail falls as `x^k`,
    /// and as `e^(-c sqrt(k))` with the sum of `c` of both rows.
    #[inline(always)]
    pub(super) fn blocks<T: Real>(&self, x: &[T], y: &[[T; LANES]], ratio: &[T; LANES]) -> [T; LANES] {
        let c = T::from_f64;
        let (half, inverse) = (c(0.5), c(1.0 / BLOCK as f64));
        let digits = c(if size_of::<T>() == 8 { 27.0 } else { 16.0 } + 3.0 * f64::from(self.order));
        let mut out = [T::ZERO; LANES];
        for j in 0..LANES {
            let both = half * (x[STEPS + 1] + y[STEPS + 1][j]);
            // -log x >= 2 (1 - x) / (1 + x).
            let terms =
                (T::ONE / (both * both)).min(half * digits * (T::ONE + ratio[j]) / (T::ONE - ratio[j]).max(T::ZERO));
            out[j] = terms * inverse;
        }
        out
    }

    /// `sum_i a_i b_i z^i` and its derivative by `z`, each lane from its own block of terms down.
    #[inline(always)]
    pub(super) fn horner<T: Real, const FMA: bool>(
        z: &[T; LANES],
        blocks: &[T; LANES],
        most: usize,
        (x, y): (&[T], &[[T; LANES]]),
    ) -> ([T; LANES], [T; LANES]) {
        let (mut p, mut d) = ([T::ZERO; LANES], [T::ZERO; LANES]);
        for block in (0..most).rev() {
            let first = T::from_u32(block as u32);
            for i in (block * BLOCK..(block + 1) * BLOCK).rev() {
                let (a, b) = (x[i], &y[i]);
                for j in 0..LANES {
                    d[j] = d[j].mul_add::<FMA>(z[j], p[j]);
                    p[j] = p[j].mul_add::<FMA>(z[j], a * b[j]);
                }
            }
            for j in 0..LANES {
                let begun = blocks[j] > first;
                (p[j], d[j]) = if begun { (p[j], d[j]) } else { (T::ZERO, T::ZERO) };
            }
        }
        (p, d)
    }
}
