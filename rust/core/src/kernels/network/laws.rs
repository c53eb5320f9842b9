//! Gaussian moments in closed form: step, sine and cosine, exponential, polynomials.

use std::f64::consts::{FRAC_1_PI, PI};

use super::law::{LANES, Law, Lot, MAX_NUMBERS, Moments, Pairs};
use crate::kernels::geometry::angle::decode;
use crate::real::Real;

/// 1 where positive, else `low`: `E[f f'] = low + (1 - low)^2 (1 - theta / pi) / 2`. Its derivative has no second moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    pub(super) low: f64,
}

impl<T: Real> Law<T> for Step {
    /// 1, or 0 for a pre-activation that is always 0.
    const NUMBERS: usize = 1;
    const SHARP: bool = true;

    fn row(&self, q: f64, numbers: &mut [f64]) -> f64 {
        numbers[0] = if q > 0.0 { 1.0 } else { 0.0 };
        self.low * self.low + (1.0 - self.low * self.low) * (numbers[0] / 2.0)
    }

    #[inline(always)]
    fn moments<const FMA: bool>(&self, pairs: &Pairs<T>, x: &[T], y: &[[T; LANES]], out: &mut Lot<T>) {
        let (half, low, rise) = (T::from_f64(0.5), T::from_f64(self.low), T::from_f64(1.0 - self.low));
        pairs.each(out, |pair, j| {
            let (both, any) = (x[0] * y[0][j], half * (x[0] + y[0][j]));
            let turn = pair.shape.angle::<FMA>() * T::from_f64(FRAC_1_PI);
            // From pi - theta, so that opposite rows give an exact 0.
            let value = both * (half * ((T::from_f64(PI) - pair.shape.angle::<FMA>()) * T::from_f64(FRAC_1_PI)));
            let gap = if both > T::ZERO { turn } else { any };
            let value = low * (low + rise * any) + rise * rise * value;
            Moments { value, slope: T::ZERO, gap: rise * rise * gap }
        });
    }
}

/// Sine or cosine. With `n` the chord: `e^(-n / 2) (1 -+ e^(-2 |k|)) / 2`, the first with the sign of `k`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wave<const SINE: bool>;

impl<T: Real, const SINE: bool> Law<T> for Wave<SINE> {
    const NUMBERS: usize = 0;
    const CHORD: bool = true;

    fn row(&self, q: f64, _numbers: &mut [f64]) -> f64 {
        if SINE { -(-2.0 * q).exp_m1() / 2.0 } else { (1.0 + (-2.0 * q).exp()) / 2.0 }
    }

    #[inline(always)]
    fn moments<const FMA: bool>(&self, pairs: &Pairs<T>, _x: &[T], _y: &[[T; LANES]], out: &mut Lot<T>) {
        pairs.each(out, |pair, _| {
            // (1 - e^(-2 k)) / 2 = t / (1 + t) and (1 + e^(-2 k)) / 2 = 1 / (1 + t) with t = tanh k, accurate for small k.
            let t = pair.cov.abs().tanh::<FMA>();
            let even = (T::from_f64(-0.5) * pair.shape).exp::<FMA>() / (T::ONE + t);
            let odd = (even * t).copysign(pair.cov);
            let (value, slope) = if SINE { (odd, even) } else { (even, odd) };
            Moments { value, slope, gap: T::ZERO }
        });
    }
}

/// `e^t`: `E[f f'] = e^(q / 2 + q' / 2 + k)`, its own derivative.
#[derive(Debug, Clone, Copy)]
pub(super) struct Exponential;

impl<T: Real> Law<T> for Exponential {
    /// `e^q`.
    const NUMBERS: usize = 1;
    const CHORD: bool = true;

    fn row(&self, q: f64, numbers: &mut [f64]) -> f64 {
        numbers[0] = q.exp();
        (2.0 * q).exp()
    }

    #[inline(always)]
    fn moments<const FMA: bool>(&self, pairs: &Pairs<T>, x: &[T], y: &[[T; LANES]], out: &mut Lot<T>) {
        pairs.each(out, |pair, j| {
            // The second moment of the difference, from that of the sum where k is negative.
            let more = (T::from_f64(-4.0) * pair.cov).max(T::ZERO);
            let value = (x[0] * y[0][j]) * (T::from_f64(-0.5) * (pair.shape + more)).exp::<FMA>();
            Moments { value, slope: value, gap: T::ZERO }
        });
    }
}

/// A monomial or Hermite polynomial of degree `k`: `f(sqrt(q) g) = sum_i b_i(q) h_{k - 2 i}(g)` in orthonormal Hermite
/// polynomials, so `E[f f'] = sum_i b_i(q) b_i(q') u^(k - 2 i)`, and the same for the derivative.
#[derive(Debug, Clone, Copy)]
pub(super) struct Polynomial<const TERMS: usize> {
    pub(super) degree: u32,
    /// `t^k` times this; `None` is the orthonormal Hermite polynomial.
    pub(super) monomial: Option<f64>,
}

impl<const TERMS: usize> Polynomial<TERMS> {
    /// `b_i(q)` of degree `k`, `i = 0 ..= k / 2`.
    fn coefficients(monomial: bool, k: u32, q: f64, out: &mut [f64]) {
        out.fill(0.0);
        // The ratio k! / (i! (k - 2 i)! 2^i) sqrt((k - 2 i)!), and 1 / sqrt(k!) for the orthonormal polynomial.
        let factorial = |n: u32| (1..=n).map(f64::from).product::<f64>();
        let scale = if monomial { factorial(k) } else { factorial(k).sqrt() };
        for i in 0..=k / 2 {
            let j = k - 2 * i;
            let ratio = scale / (factorial(i) * 2f64.powi(i as i32) * factorial(j).sqrt());
            let power = if monomial { q.powi(i as i32) } else { (q - 1.0).powi(i as i32) };
            out[i as usize] = ratio * power * q.sqrt().powi(j as i32);
        }
    }

    /// `sum_i b_i b'_i u^(k - 2 i)` by Horner's rule in `u^2`, from the highest power down.
    #[inline(always)]
    fn sum<T: Real, const FMA: bool>(k: u32, u: T, x: &[T], y: &[[T; LANES]], j: usize) -> T {
        let square = u * u;
        let mut sum = T::ZERO;
        for i in 0..TERMS {
            // Beyond the lowest power the numbers are zero and the sum stays as it is.
            let factor = if i as u32 <= k / 2 { square } else { T::ONE };
            sum = sum.mul_add::<FMA>(factor, x[i] * y[i][j]);
        }
        if k % 2 == 1 { sum * u } else { sum }
    }
}

impl<T: Real, const TERMS: usize> Law<T> for Polynomial<TERMS> {
    const NUMBERS: usize = 2 * TERMS;

    fn row(&self, q: f64, numbers: &mut [f64]) -> f64 {
        let (value, slope) = numbers.split_at_mut(TERMS);
        let monomial = self.monomial.is_some();
        Self::coefficients(monomial, self.degree, q, value);
        slope.fill(0.0);
        if self.degree > 0 {
            Self::coefficients(monomial, self.degree - 1, q, slope);
        }
        // f' is k times the monomial below, sqrt(k) times the orthonormal polynomial below.
        let k = f64::from(self.degree);
        let factor = self.monomial.unwrap_or(1.0);
        value.iter_mut().for_each(|b| *b *= factor);
        slope.iter_mut().for_each(|b| *b *= factor * if monomial { k } else { k.sqrt() });
        value.iter().map(|b| b * b).sum()
    }

    #[inline(always)]
    fn moments<const FMA: bool>(&self, pairs: &Pairs<T>, x: &[T], y: &[[T; LANES]], out: &mut Lot<T>) {
        pairs.each(out, |pair, j| {
            let (u, _) = decode(pair.shape);
            let value = Self::sum::<T, FMA>(self.degree, u, &x[..TERMS], &y[..TERMS], j);
            let below = self.degree.saturating_sub(1);
            let slope = Self::sum::<T, FMA>(below, u, &x[TERMS..2 * TERMS], &y[TERMS..2 * TERMS], j);
            Moments { value, slope, gap: T::ZERO }
        });
    }
}

const _: () = assert!(MAX_NUMBERS >= 32);
