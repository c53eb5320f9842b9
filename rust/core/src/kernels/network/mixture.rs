//! Gaussian moments of mixtures of smoothed steps: gelu and erf have one, tanh, sigmoid, softplus and swish some.
//!
//! A pair takes the sum over all pairs of steps ([`super::steps`]) or, where that converges fast enough, Mehler's series
//! of the whole: `E[f^(m) f'^(m)] = sum_(k >= m) e_k(q) e_k(q') c^(k-m) / (k-m)!` with `e_k(q) = E f^(k)(sqrt(q) z)`, sums
//! over the steps in closed form, all terms of one sign. Which of the two, and how many terms, is decided by the pair alone.

use super::law::{LANES, Law, Lot, Pairs};
use super::logistic::LOGISTIC;
use super::steps::{Part, Shape, moments};
use crate::real::Real;
use crate::simd::{Job, dispatch, level};

/// `amplitude sum_m w_m f_m`, `f_m` a shape made of the step with `s_m`, or its derivative of an order.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mixture<const STEPS: usize, const TERMS: usize> {
    pub(super) shape: Shape,
    pub(super) order: u32,
    pub(super) amplitude: f64,
    pub(super) steps: [(f64, f64); STEPS],
}

/// Terms of the series are taken in blocks.
pub(super) const BLOCK: usize = 8;
/// Terms, at most.
const MOST: usize = 96;
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

impl<T: Real, const STEPS: usize, const WIDE: usize> Gathered<T, STEPS, WIDE> {
    #[inline(always)]
    fn new() -> Self {
        let none = [T::ZERO; WIDE];
        Self { cov: none, sine2: none, q: none, inverse: [none; STEPS] }
    }
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

    /// [`Self::sum`] of the law's own shape and order, told apart here so that the loops over lanes have no branches.
    #[inline(always)]
    fn direct<T: Real, const FMA: bool, const WIDE: usize>(
        &self,
        lanes: &Gathered<T, STEPS, WIDE>,
        x: &[T],
    ) -> ([T; WIDE], [T; WIDE]) {
        match (self.shape, self.order) {
            (Shape::Odd, 0) => self.sum::<T, FMA, WIDE>((Shape::Odd, 0), lanes, x),
            (Shape::Step, 0) => self.sum::<T, FMA, WIDE>((Shape::Step, 0), lanes, x),
            (Shape::Ramp, 0) => self.sum::<T, FMA, WIDE>((Shape::Ramp, 0), lanes, x),
            (Shape::Gate, 0) => self.sum::<T, FMA, WIDE>((Shape::Gate, 0), lanes, x),
            form => self.sum::<T, FMA, WIDE>(form, lanes, x),
        }
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
            let u = q / (q + law.steps[0].0);
            let (constant, linear) = law.rest();
            let sum = series.iter().rev().fold(0.0, |sum, c| sum * (u * u) + c * c);
            return constant + linear * q + if law.lowest() == 1 { sum * u } else { sum };
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
        if TERMS == 0 {
            let mut all = Gathered::<T, STEPS, LANES>::new();
            for j in 0..LANES {
                (all.cov[j], all.sine2[j], all.q[j]) = (pairs.cov[j], sine2(pairs.shape[j]), y[STEPS][j]);
            }
            all.inverse.copy_from_slice(&y[..STEPS]);
            (out.value, out.slope) = self.direct::<T, FMA, LANES>(&all, x);
            return;
        }
        let (mut u, mut z) = ([T::ZERO; LANES], [T::ZERO; LANES]);
        for j in 0..LANES {
            u[j] = pairs.cov[j] * (x[0] * y[0][j]);
            z[j] = u[j] * u[j];
        }
        let blocks = self.blocks(x, y, &z);
        let limit = T::from_f64((TERMS / BLOCK) as f64);
        let (mut most, mut list, mut count) = (T::ZERO, [0; LANES], 0);
        for (j, &wanted) in blocks.iter().enumerate() {
            if wanted <= limit {
                most = most.max(wanted);
            } else {
                list[count] = j;
                count += 1;
            }
        }
        let most = most.to_f64().ceil() as usize;
        let (p, d) = Self::horner::<T, FMA>(&z, &blocks, most, (&x[own(STEPS)..], &y[own(STEPS)..]));
        let (odd, (constant, linear)) = (self.lowest() == 1, self.rest());
        let (constant, linear, two) = (T::from_f64(constant), T::from_f64(linear), T::from_f64(2.0));
        for j in 0..LANES {
            let (value, slope) =
                if odd { (u[j] * p[j], (two * z[j]).mul_add::<FMA>(d[j], p[j])) } else { (p[j], two * u[j] * d[j]) };
            out.value[j] = linear.mul_add::<FMA>(pairs.cov[j], constant) + value;
            out.slope[j] = linear + slope * (x[0] * y[0][j]);
        }
        // Few pairs go this way, and few at a time leave few lanes idle.
        for lanes in list[..count].chunks(8) {
            let mut some = Gathered::<T, STEPS, 8>::new();
            for (l, &j) in lanes.iter().enumerate() {
                (some.cov[l], some.sine2[l], some.q[l]) = (pairs.cov[j], sine2(pairs.shape[j]), y[STEPS][j]);
                for m in 0..STEPS {
                    some.inverse[m][l] = y[m][j];
                }
            }
            let (value, slope) = self.direct::<T, FMA, 8>(&some, x);
            for (l, &j) in lanes.iter().enumerate() {
                (out.value[j], out.slope[j]) = (value[l], slope[l]);
            }
        }
    }
}
