//! What a kernel of scaled rows is: how its values grow with the rows, and the parameters that undo a common scale.

use super::{Kernel, Network};
use crate::activation::Activation;
use crate::real::Real;

/// `v 2^e`, whatever `e` is.
pub(crate) fn times_power(mut v: f64, mut e: i64) -> f64 {
    const STEP: i64 = 1000;
    let power = |e: i64| f64::from_bits(((1023 + e) as u64) << 52);
    while e.abs() > STEP && v != 0.0 && v.is_finite() {
        let step = STEP * e.signum();
        (v, e) = (v * power(step), e - step);
    }
    v * power(e.clamp(-STEP, STEP))
}

/// A positive finite number, the nearest to `v`.
fn positive(v: f64) -> f64 {
    v.clamp(f64::MIN_POSITIVE, f64::MAX)
}

impl Kernel {
    /// The `h` with `k(s x, t y) = (s t)^h k(x, y)` for all positive `s` and `t`, if there is one.
    pub(crate) fn degree(&self) -> Option<i64> {
        let layer = |activation: &Activation, step: i64| match activation {
            Activation::Step => Some(step),
            Activation::Relu | Activation::LeakyRelu(_) | Activation::Identity => Some(1),
            _ => None,
        };
        match self {
            Self::Constant(_) => Some(0),
            Self::Linear => Some(1),
            Self::Polynomial { degree, coef0: 0.0, .. } => Some(i64::from(*degree)),
            Self::ArcCosine { order } => Some(i64::from(*order)),
            Self::Nngp(Network { activation, bias_variance: 0.0, .. }) => layer(activation, 0),
            Self::Ntk(Network { activation, bias_variance: 0.0, .. }) => layer(activation, 0),
            Self::Finite { activation, tangent, .. } => layer(activation, i64::from(*tangent)),
            Self::Sum(a, b) => a.degree().filter(|&h| Some(h) == b.degree()),
            Self::Product(a, b) => a.degree().zip(b.degree()).map(|(a, b)| a + b),
            _ => None,
        }
    }

    /// The kernel whose values at rows `2^e x` and `2^e y` are those of this one at `x` and `y`, if it is one of ours.
    pub(crate) fn of_scaled(&self, e: i64) -> Option<Self> {
        if let Some(h) = self.degree() {
            let factor = times_power(1.0, -2 * e * h);
            return Some(Self::Product(Box::new(Self::Constant(factor)), Box::new(self.clone())));
        }
        let both = |a: &Self, b: &Self| Some((Box::new(a.of_scaled(e)?), Box::new(b.of_scaled(e)?)));
        Some(match self {
            Self::Polynomial { degree, gamma, coef0 } => {
                Self::Polynomial { degree: *degree, gamma: times_power(*gamma, -2 * e), coef0: *coef0 }
            }
            Self::DotProduct(coefficients) => {
                let scaled = coefficients.iter().zip(0..).map(|(&c, k)| times_power(c, -2 * e * k));
                Self::DotProduct(scaled.collect())
            }
            Self::Rbf { gamma } => Self::Rbf { gamma: positive(times_power(*gamma, -2 * e)) },
            Self::Manhattan { gamma } => Self::Manhattan { gamma: positive(times_power(*gamma, -e)) },
            Self::Laplace { gamma, power } => {
                let whole = -(e as f64) * power;
                let gamma = times_power(gamma * (whole - whole.trunc()).exp2(), whole.trunc() as i64);
                Self::Laplace { gamma: positive(gamma), power: *power }
            }
            Self::Matern { length_scale, nu } => {
                Self::Matern { length_scale: positive(times_power(*length_scale, e)), nu: *nu }
            }
            Self::Sum(a, b) => both(a, b).map(|(a, b)| Self::Sum(a, b))?,
            Self::Product(a, b) => both(a, b).map(|(a, b)| Self::Product(a, b))?,
            _ => return None,
        })
    }

    /// Whether values may be of order one for rows so small that their squares underflow.
    pub(crate) fn minds_tiny_rows(&self) -> bool {
        match self {
            Self::Rbf { .. } | Self::Laplace { .. } | Self::Matern { .. } => true,
            Self::ArcCosine { .. } | Self::Nngp(_) => self.degree() == Some(0),
            Self::Sum(a, b) | Self::Product(a, b) => a.minds_tiny_rows() || b.minds_tiny_rows(),
            _ => false,
        }
    }

    /// Whether a factor of the rows' geometry is no normal number of type `T`.
    pub(crate) fn exceeds<T: Real>(&self) -> bool {
        let fits = |v: f64| {
            let size = T::from_f64(v.abs());
            v == 0.0 || (size.is_finite() && size >= T::MIN_POSITIVE)
        };
        match self {
            Self::Polynomial { gamma, .. }
            | Self::Rbf { gamma }
            | Self::Laplace { gamma, .. }
            | Self::Manhattan { gamma } => !fits(*gamma),
            Self::Matern { length_scale, nu } => !fits((2.0 * nu).sqrt() / length_scale),
            Self::Sum(a, b) | Self::Product(a, b) => a.exceeds::<T>() || b.exceeds::<T>(),
            _ => false,
        }
    }
}
