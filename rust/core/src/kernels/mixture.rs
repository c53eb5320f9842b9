//! Gaussian moments of mixtures of smoothed steps: gelu and erf have one, tanh, sigmoid, softplus and swish some.
//!
//! A pair takes the sum over all pairs of steps ([`super::steps`]) or, where that converges fast enough, Mehler's series
//! of the whole: `E[f^(m) f'^(m)] = sum_(k >= m) e_k(q) e_k(q') c^(k-m) / (k-m)!` with `e_k(q) = E f^(k)(sqrt(q) z)`, sums
//! over the steps in closed form, all terms of one sign. Which of the two, and how many terms, is decided by the pair alone.

use super::deep::{LANES, Law, Lot, Pairs};
use super::logistic::LOGISTIC;
use super::steps::{Part, Shape, moments};
use crate::real::Real;
use crate::simd::{Job, dispatch, level};

/// `amplitude sum_m w_m f_m`, `f_m` a shape made of the step with `s_m`, or its derivative of an order.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mixture<const STEPS: usize, const TERMS: usize> {
    shape: Shape,
    order: u32,
    amplitude: f64,
    steps: [(f64, f64); STEPS],
}

/// Terms of the series, at most.
const MOST: usize = 96;
/// Terms are taken in blocks.
const BLOCK: usize = 8;
/// Numbers before those of the series: `1 / sqrt(q + s_m)` of every step, the variance, `1 / sqrt(terms)`.
const fn own(steps: usize) -> usize {
    steps + 2
}

/// A blurred step, ramp or gate alone.
pub(super) type Single = Mixture<1, 0>;
/// Made of logistic functions.
pub(super) type Logistic = Mixture<{ LOGISTIC.len() }, MOST>;

/// Pairs that take the sum over pairs of steps.
struct Gathered<T, const STEPS: usize, const WIDE: usize> {
    cov: [T; WIDE],
    sine2: [T; WIDE],
    q: [T; WIDE],
    inverse: [[T; WIDE]; STEPS],
}

impl Single {
    /// `amplitude` times the shape made of `Phi(t / sqrt(s))`.
    pub(super) fn new(shape: Shape, order: u32, amplitude: f64, s: f64) -> Self {
        Self { shape, order, amplitude, steps: [(s, 1.0)] }
    }
}

impl Logistic {
    /// `amplitude` times the shape made of `1 / (1 + e^-(scale t))`.
    pub(super) fn new(shape: Shape, order: u32, amplitude: f64, scale: f64) -> Self {
        Self { shape, order, amplitude, steps: LOGISTIC.map(|(s, w)| (s / (scale * scale), w)) }
    }
}

impl<const STEPS: usize, const TERMS: usize> Mixture<STEPS, TERMS> {
    /// Whether `e_k` is 0 for odd `k > 1` rather than for even `k`.
    fn even(&self) -> bool {
        matches!(self.shape, Shape::Ramp | Shape::Gate)
    }

    /// The lowest power of the series.
    fn lowest(&self) -> u32 {
        (self.order + u32::from(!self.even())) % 2
    }

    /// What is beside the series: a constant and a multiple of `c`, from `e_0` and `e_1` of the other parity.
    fn rest(&self) -> (f64, f64) {
        let quarter = self.amplitude * self.amplitude / 4.0;
        match (self.shape, self.order) {
            (Shape::Step, 0) | (Shape::Ramp | Shape::Gate, 1) => (quarter, 0.0),
            (Shape::Ramp | Shape::Gate, 0) => (0.0, quarter),
            _ => (0.0, 0.0),
        }
    }

    /// Terms that equal rows need. Measured: up to order 4 what is left out of the moments and their slopes is then below
    /// 1e-11 (float32: 1e-7) of the moments of the rows with themselves.
    fn terms<T: Real>(&self, q: f64) -> f64 {
        let order = f64::from(self.order);
        let (least, factor) = if size_of::<T>() == 8 { (6.0, 14.0 + 5.0 * order) } else { (4.0, 6.0 + 3.2 * order) };
        least + factor * (q * (LOGISTIC[0].0 / self.steps[0].0))
    }

    /// The series' numbers `|e_k| (q + s_0)^(p / 2) / sqrt(p!)`, `p = k - order`.
    #[inline(always)]
    fn series(&self, q: f64, out: &mut [f64]) {
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

    /// The sum over pairs of steps of `WIDE` pairs: value and slope. Exchanging the rows leaves the bits as they are.
    #[inline(always)]
    fn sum<T: Real, const FMA: bool, const WIDE: usize>(
        &self,
        (shape, order): (Shape, u32),
        lanes: &Gathered<T, STEPS, WIDE>,
        x: &[T],
    ) -> ([T; WIDE], [T; WIDE]) {
        let (mut value, mut slope) = ([T::ZERO; WIDE], [T::ZERO; WIDE]);
        let square = self.amplitude * self.amplitude;
        for m in 0..STEPS {
            for n in 0..=m {
                let ((sm, wm), (sn, wn)) = (self.steps[m], self.steps[n]);
                let weight = T::from_f64(square * (wm * wn));
                let (sm, sn) = (T::from_f64(sm), T::from_f64(sn));
                for l in 0..WIDE {
                    let pair = (lanes.cov[l], lanes.sine2[l]);
                    let a = Part { q: x[STEPS], s: sm, inverse: x[m] };
                    let b = Part { q: lanes.q[l], s: sn, inverse: lanes.inverse[n][l] };
                    let (mut v, mut d) = moments::<T, FMA>(shape, order, pair, a, b);
                    if n < m {
                        let (a, b) =
                            (Part { s: sn, inverse: x[n], ..a }, Part { s: sm, inverse: lanes.inverse[m][l], ..b });
                        let (v2, d2) = moments::<T, FMA>(shape, order, pair, a, b);
                        (v, d) = (v + v2, d + d2);
                    }
                    value[l] = weight.mul_add::<FMA>(v, value[l]);
                    slope[l] = weight.mul_add::<FMA>(d, slope[l]);
                }
            }
        }
        (value, slope)
    }

    /// The sum over pairs of steps for the lanes of a list.
    #[inline(always)]
    fn direct<T: Real, const FMA: bool, const WIDE: usize>(
        &self,
        list: &[usize],
        pairs: &Pairs<T>,
        (x, y): (&[T], &[[T; LANES]]),
        out: &mut Lot<T>,
    ) {
        for lanes in list.chunks(WIDE) {
            // Whatever fills up the last chunk is not looked at.
            let at: [usize; WIDE] = std::array::from_fn(|l| lanes[l.min(lanes.len() - 1)]);
            let gathered = Gathered {
                cov: at.map(|j| pairs.cov[j]),
                sine2: at.map(|j| sine2(pairs.shape[j])),
                q: at.map(|j| y[STEPS][j]),
                inverse: std::array::from_fn(|m| at.map(|j| y[m][j])),
            };
            // Told apart here, so that the loops over lanes have no branches.
            let (value, slope) = match (self.shape, self.order) {
                (Shape::Odd, 0) => self.sum::<T, FMA, WIDE>((Shape::Odd, 0), &gathered, x),
                (Shape::Step, 0) => self.sum::<T, FMA, WIDE>((Shape::Step, 0), &gathered, x),
                (Shape::Ramp, 0) => self.sum::<T, FMA, WIDE>((Shape::Ramp, 0), &gathered, x),
                (Shape::Gate, 0) => self.sum::<T, FMA, WIDE>((Shape::Gate, 0), &gathered, x),
                form => self.sum::<T, FMA, WIDE>(form, &gathered, x),
            };
            for (l, &j) in lanes.iter().enumerate() {
                (out.value[j], out.slope[j]) = (value[l], slope[l]);
            }
        }
    }

    /// Blocks of the series that each pair needs. With `x` the squared ratio of successive powers a tail falls as `x^k`,
    /// and as `e^(-c sqrt(k))` with the sum of `c` of both rows.
    #[inline(always)]
    fn blocks<T: Real>(&self, x: &[T], y: &[[T; LANES]], ratio: &[T; LANES]) -> [T; LANES] {
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
    fn horner<T: Real, const FMA: bool>(
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

/// `sin^2` of an angle's code.
#[inline(always)]
fn sine2<T: Real>(code: T) -> T {
    let e = code.abs();
    e * (T::from_f64(2.0) - e)
}

/// One row's numbers and second moment.
struct Row<'a, const STEPS: usize, const TERMS: usize> {
    law: &'a Mixture<STEPS, TERMS>,
    q: f64,
    /// `1 / sqrt(q + s_m)`.
    inverse: &'a [f64],
    series: &'a mut [f64],
}

impl<const STEPS: usize, const TERMS: usize> Job for Row<'_, STEPS, TERMS> {
    type Output = f64;

    #[inline(always)]
    fn run<const FMA: bool>(self) -> f64 {
        let Self { law, q, inverse, series } = self;
        law.series(q, series);
        if law.terms::<f64>(q) <= TERMS as f64 {
            // The series with c = q.
            let z = q / (q + law.steps[0].0);
            let (constant, linear) = law.rest();
            let sum = series.iter().rev().fold(0.0, |sum, c| sum * z + c * c);
            return constant + linear * q + if law.lowest() == 1 { sum * z } else { sum };
        }
        let mut sums = [0.0; STEPS];
        for (m, (sm, wm)) in law.steps.into_iter().enumerate() {
            for (n, (sn, wn)) in law.steps.into_iter().enumerate() {
                let (a, b) = (Part { q, s: sm, inverse: inverse[m] }, Part { q, s: sn, inverse: inverse[n] });
                sums[n] += wm * wn * moments::<f64, FMA>(law.shape, law.order, (q, 0.0), a, b).0;
            }
        }
        law.amplitude * law.amplitude * sums.iter().sum::<f64>()
    }
}

impl<T: Real, const STEPS: usize, const TERMS: usize> Law<T> for Mixture<STEPS, TERMS> {
    const NUMBERS: usize = own(STEPS) + TERMS;

    fn row(&self, q: f64, numbers: &mut [f64]) -> f64 {
        let (own, series) = numbers.split_at_mut(own(STEPS));
        for (number, (s, _)) in own.iter_mut().zip(self.steps) {
            *number = 1.0 / (q + s).sqrt();
        }
        own[STEPS] = q;
        own[STEPS + 1] = 1.0 / self.terms::<T>(q).sqrt();
        dispatch(level(), Row { law: self, q, inverse: &own[..STEPS], series })
    }

    #[inline(always)]
    fn moments<const FMA: bool>(&self, pairs: &Pairs<T>, x: &[T], y: &[[T; LANES]], out: &mut Lot<T>) {
        let (mut direct, mut count) = ([0; LANES], 0);
        if TERMS == 0 {
            direct = std::array::from_fn(|j| j);
            count = LANES;
        } else {
            let (mut u, mut z) = ([T::ZERO; LANES], [T::ZERO; LANES]);
            for j in 0..LANES {
                u[j] = pairs.cov[j] * (x[0] * y[0][j]);
                z[j] = u[j] * u[j];
            }
            let blocks = self.blocks(x, y, &z);
            let limit = T::from_f64((TERMS / BLOCK) as f64);
            let mut most = T::ZERO;
            for (j, &wanted) in blocks.iter().enumerate() {
                if wanted <= limit {
                    most = most.max(wanted);
                } else {
                    direct[count] = j;
                    count += 1;
                }
            }
            let most = most.to_f64().ceil() as usize;
            let (p, d) = Self::horner::<T, FMA>(&z, &blocks, most, (&x[own(STEPS)..], &y[own(STEPS)..]));
            let (odd, (constant, linear)) = (self.lowest() == 1, self.rest());
            let (constant, linear, two) = (T::from_f64(constant), T::from_f64(linear), T::from_f64(2.0));
            for j in 0..LANES {
                let (value, slope) = if odd {
                    (u[j] * p[j], (two * z[j]).mul_add::<FMA>(d[j], p[j]))
                } else {
                    (p[j], two * u[j] * d[j])
                };
                out.value[j] = linear.mul_add::<FMA>(pairs.cov[j], constant) + value;
                out.slope[j] = linear + slope * (x[0] * y[0][j]);
            }
        }
        // Of one step alone every pair is taken; of many a few, which are to leave few lanes idle.
        if TERMS == 0 {
            self.direct::<T, FMA, 16>(&direct[..count], pairs, (x, y), out);
        } else {
            self.direct::<T, FMA, 8>(&direct[..count], pairs, (x, y), out);
        }
    }
}
