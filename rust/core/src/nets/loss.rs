//! Losses of one row: value, derivative by the outputs, second derivative, mean over normal outputs.

use crate::error::{Error, Result};
use crate::math::Functions;

/// A loss of outputs `f` and labels `y`, summed over columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// `(f - y)^2 / 2`.
    Squared,
    /// `log(1 + e^(-y f))`, y being -1 or 1.
    Logistic,
    /// `max(0, 1 - y f)`, y being -1 or 1, with derivative 0 at the kink.
    Hinge,
    /// `-sum y log p` with `p` the normalised exponentials of `f`.
    Softmax,
}

/// Nodes and weights of a quadrature under the standard normal law.
pub(super) type Rule<'a> = (&'a [f64], &'a [f64]);

impl Loss {
    /// The loss called `name`.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the known names.
    pub fn parse(name: &str) -> Result<Self> {
        match name {
            "squared" => Ok(Self::Squared),
            "logistic" => Ok(Self::Logistic),
            "hinge" => Ok(Self::Hinge),
            "softmax" => Ok(Self::Softmax),
            _ => Err(Error::Invalid(format!("loss {name:?} is unknown; take squared, logistic, hinge or softmax"))),
        }
    }

    /// The loss at `f`, which becomes its derivative.
    pub(super) fn slope(self, y: &[f64], f: &mut [f64]) -> f64 {
        if self == Self::Softmax {
            let top = f.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let size: f64 = y.iter().sum();
            let linear: f64 = y.iter().zip(&*f).map(|(y, f)| y * (f - top)).sum();
            let total = softmax(f, top);
            f.iter_mut().zip(y).for_each(|(p, y)| *p = size * *p - y);
            return size * log(total) - linear;
        }
        let mut sum = 0.0;
        for (f, &y) in f.iter_mut().zip(y) {
            let (value, slope) = self.of(y, *f);
            sum += value;
            *f = slope;
        }
        sum
    }

    /// Value and derivative of one column's loss.
    fn of(self, y: f64, f: f64) -> (f64, f64) {
        match self {
            Self::Squared => (0.5 * (f - y) * (f - y), f - y),
            Self::Hinge => (if y * f < 1.0 { 1.0 - y * f } else { 0.0 }, if y * f < 1.0 { -y } else { 0.0 }),
            Self::Logistic | Self::Softmax => {
                let t = -y * f;
                let z = exp(-t.abs());
                // log(1 + z) = z log(u) / (u - 1) with u the rounded 1 + z.
                let (u, below) = (1.0 + z, (1.0 + z) - 1.0);
                let rest = if below > 0.0 { log(u) * (z / below) } else { z };
                (t.max(0.0) + rest, -y * if t > 0.0 { 1.0 } else { z } / u)
            }
        }
    }

    /// `d` becomes the second derivative at `f` times `d`.
    pub(super) fn curve(self, y: &[f64], f: &[f64], d: &mut [f64]) {
        match self {
            Self::Squared => (),
            Self::Hinge => d.fill(0.0),
            Self::Logistic => {
                for (d, &f) in d.iter_mut().zip(f) {
                    let z = exp(-f.abs());
                    *d *= z / ((1.0 + z) * (1.0 + z));
                }
            }
            Self::Softmax => {
                let top = f.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let size: f64 = y.iter().sum();
                let exponential = |f: f64| exp(f - top);
                let total: f64 = f.iter().map(|&f| exponential(f)).sum();
                let mean: f64 = f.iter().zip(&*d).map(|(&f, d)| exponential(f) * d).sum::<f64>() / total;
                d.iter_mut().zip(f).for_each(|(d, &f)| *d = size * exponential(f) / total * (*d - mean));
            }
        }
    }

    /// The mean loss where outputs are normal with mean `f` and second moments `v` about it, variances or, for
    /// [`Self::Softmax`], the covariances' lower triangle row by row; both become derivatives. Exact for
    /// [`Self::Squared`], by the rule column by column for labels of -1 and 1, to second order for [`Self::Softmax`].
    pub(super) fn mean(self, rule: Rule<'_>, y: &[f64], f: &mut [f64], v: &mut [f64]) -> f64 {
        match self {
            Self::Squared => {
                let spread: f64 = v.iter().sum();
                v.fill(0.5);
                self.slope(y, f) + 0.5 * spread
            }
            Self::Softmax => second_order(y, f, v),
            Self::Logistic | Self::Hinge => {
                let mut sum = 0.0;
                for ((f, v), &y) in f.iter_mut().zip(v).zip(y) {
                    let root = v.max(0.0).sqrt();
                    let (mut by_mean, mut by_root) = (0.0, 0.0);
                    for (&z, &weight) in rule.0.iter().zip(rule.1) {
                        let (value, slope) = self.of(y, *f + root * z);
                        sum += weight * value;
                        by_mean += weight * slope;
                        by_root += weight * slope * z;
                    }
                    // Where the variance is 0 so is every neuron's share of it, which multiplies this.
                    *v = if root > 0.0 { by_root / (2.0 * root) } else { 0.0 };
                    *f = by_mean;
                }
                sum
            }
        }
    }
}

// The core's own functions, whose bits do not depend on the system's library.

fn exp(x: f64) -> f64 {
    Functions::exp::<false>(x)
}

fn log(x: f64) -> f64 {
    Functions::log::<false>(x)
}

/// `f` becomes normalised exponentials; returns the sum of `e^(f - top)`.
fn softmax(f: &mut [f64], top: f64) -> f64 {
    f.iter_mut().for_each(|f| *f = exp(*f - top));
    let total: f64 = f.iter().sum();
    f.iter_mut().for_each(|f| *f /= total);
    total
}

/// `l(f) + tr(H C) / 2`, `H = size (diag p - p p^T)`; `f` and the lower triangle `v` of C become derivatives.
fn second_order(y: &[f64], f: &mut [f64], v: &mut [f64]) -> f64 {
    let (c, size) = (f.len(), y.iter().sum::<f64>());
    let at = |k: usize, l: usize| if k < l { l * (l + 1) / 2 + k } else { k * (k + 1) / 2 + l };
    let value = Loss::Softmax.slope(y, f);
    let p = |f: &[f64], k: usize| if size > 0.0 { (f[k] + y[k]) / size } else { 0.0 };
    let cp = |f: &[f64], v: &[f64], k: usize| (0..c).map(|l| v[at(k, l)] * p(f, l)).sum::<f64>();
    let products: Vec<f64> = (0..c).map(|k| cp(f, v, k)).collect();
    let p: Vec<f64> = (0..c).map(|k| p(f, k)).collect();
    let both: f64 = (0..c).map(|k| p[k] * products[k]).sum();
    let trace = (0..c).map(|k| p[k] * v[at(k, k)]).sum::<f64>() - both;
    for k in 0..c {
        f[k] += 0.5 * size * p[k] * (v[at(k, k)] - 2.0 * products[k] + both - trace);
    }
    for k in 0..c {
        for l in 0..k {
            // One element stands for two.
            v[at(k, l)] = -size * p[k] * p[l];
        }
        v[at(k, k)] = 0.5 * size * p[k] * (1.0 - p[k]);
    }
    value + 0.5 * size * trace
}
