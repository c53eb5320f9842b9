//! A neuron and its twin with random multipliers of their movement, whose laws agree but in one moment.

use crate::activation::Shape;
use crate::error::{Error, Result, fits};
use crate::real::Real;
use crate::simd::{Job, Level, dispatch};

use super::cell::{CHUNK, Cell, Piece};

/// Values that multipliers take, at most.
const VALUES: usize = 5;

/// The laws of two multipliers: those of a neuron and of its twin, which has the opposite output.
#[derive(Debug, Clone, Copy)]
pub struct Law<'a> {
    /// Values of the multipliers.
    pub values: &'a [f64],
    /// Their probabilities: positive for the neuron's, negative for the twin's.
    pub weights: &'a [f64],
}

impl Law<'_> {
    /// Check the extents.
    pub(super) fn check(&self) -> Result<()> {
        fits("probabilities of multipliers", self.values.len(), self.weights.len())?;
        if self.values.len() > VALUES {
            let message = format!("multipliers take at most {VALUES} values, got {}", self.values.len());
            return Err(Error::Invalid(message));
        }
        Ok(())
    }
}

/// The mean of a neuron less its twin, and the sum of their variances.
#[derive(Debug)]
pub(super) struct Tied<'a> {
    pub(super) shape: Shape,
    pub(super) law: Law<'a>,
    pub(super) slopes: bool,
}

impl<T: Real> Cell<T> for Tied<'_> {
    fn values(&self) -> usize {
        2
    }

    fn slopes(&self) -> usize {
        if self.slopes { 2 } else { 0 }
    }

    fn apply(&self, level: Level, piece: Piece<'_, T>) {
        let Piece { products: [u, v, _], values: [mean, spread, ..], slopes: [first, second], .. } = piece;
        let mut point = [T::ZERO; CHUNK];
        let (mut sigma, mut slope) = ([[T::ZERO; CHUNK]; VALUES], [[T::ZERO; CHUNK]; VALUES]);
        let point = &mut point[..u.len()];
        for ((&z, sigma), slope) in self.law.values.iter().zip(&mut sigma).zip(&mut slope) {
            dispatch(level, Shifted { u, v, by: T::from_f64(z), to: &mut *point });
            let slope = if self.slopes { &mut slope[..u.len()] } else { &mut [] };
            self.shape.pair(level, point, &mut sigma[..u.len()], slope);
        }
        dispatch(level, Moments { law: self.law, sigma: &sigma, slope: &slope, mean, spread, first, second });
    }
}

/// `u + by v`.
struct Shifted<'a, T> {
    u: &'a [T],
    v: &'a [T],
    by: T,
    to: &'a mut [T],
}

impl<T: Real> Job for Shifted<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        for ((&u, &v), to) in self.u.iter().zip(self.v).zip(self.to) {
            *to = u + self.by * v;
        }
    }
}

/// From activations at all multipliers: means, variances and their derivatives by the movement's product.
struct Moments<'a, T> {
    law: Law<'a>,
    sigma: &'a [[T; CHUNK]; VALUES],
    slope: &'a [[T; CHUNK]; VALUES],
    mean: &'a mut [T],
    spread: &'a mut [T],
    first: &'a mut [T],
    second: &'a mut [T],
}

impl<T: Real> Job for Moments<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Self { law, sigma, slope, mean, spread, first, second } = self;
        let two = T::from_f64(2.0);
        for part in [&mut *mean, spread, first, second] {
            part.fill(T::ZERO);
        }
        // The neuron, then its twin: variances are sums of squares about a mean, in which no digits cancel.
        for side in [1.0, -1.0] {
            let mut middle = [T::ZERO; CHUNK];
            let middle = &mut middle[..mean.len()];
            let nodes = || {
                let all = law.values.iter().zip(law.weights).zip(sigma.iter().zip(slope));
                all.filter(|((_, weight), _)| **weight * side > 0.0)
            };
            for ((_, &weight), (sigma, _)) in nodes() {
                let p = T::from_f64(weight.abs());
                middle.iter_mut().zip(sigma).for_each(|(m, &s)| *m += p * s);
            }
            for ((&z, &weight), (sigma, slope)) in nodes() {
                let (p, q) = (T::from_f64(weight.abs()), T::from_f64(weight * z));
                for ((spread, &s), &m) in spread.iter_mut().zip(sigma).zip(&*middle) {
                    *spread += p * ((s - m) * (s - m));
                }
                first.iter_mut().zip(slope).for_each(|(f, &t)| *f += q * t);
                let by = two * p * T::from_f64(z);
                for (((second, &s), &t), &m) in second.iter_mut().zip(sigma).zip(slope).zip(&*middle) {
                    *second += by * ((s - m) * t);
                }
            }
            let sign = T::from_f64(side);
            mean.iter_mut().zip(&*middle).for_each(|(to, &m)| *to += sign * m);
        }
    }
}
