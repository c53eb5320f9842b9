//! The shape of a neuron: an activation as it is, truncated or smoothed by noise, with value and slope in one pass.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};

use super::{Activation, logistic_pair};
use crate::error::{Error, Result};
use crate::real::Real;
use crate::simd::{Job, Level, dispatch};

/// An activation, truncated or smoothed or as it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shape {
    /// As it is.
    Plain(Activation),
    /// `min(1, max(t, 0))`, with slope 1 for `0 < t < 1`.
    Truncated,
    /// The mean of relu, or of the truncated relu, over normal noise of this standard deviation: `t Phi(t / s) + s
    /// phi(t / s)`, less the same at `t - 1`.
    Smooth {
        /// The standard deviation.
        s: f64,
        /// Whether of the truncated relu.
        truncated: bool,
    },
}

impl Shape {
    /// The activation called `name`, or `truncated_relu`, its noise of standard deviation `smoothing` integrated out.
    ///
    /// # Errors
    /// [`Error::Invalid`] for names that are unknown, have no slope or cannot be smoothed.
    pub fn parse(name: &str, parameter: f64, smoothing: f64) -> Result<Self> {
        let truncated = name == "truncated_relu";
        if !(smoothing >= 0.0 && smoothing.is_finite()) {
            return Err(Error::Invalid(format!("smoothing must be finite and >= 0, got {smoothing}")));
        }
        if smoothing > 0.0 && !truncated && name != "relu" {
            let message = format!("smoothing is for \"relu\" and \"truncated_relu\", got {name:?}; set it to 0");
            return Err(Error::Invalid(message));
        }
        Ok(match (smoothing > 0.0, truncated) {
            (true, _) => Self::Smooth { s: smoothing, truncated },
            (false, true) => Self::Truncated,
            (false, false) => Self::Plain(Activation::parse(name, parameter)?),
        })
    }

    /// Check that there is a slope.
    ///
    /// # Errors
    /// As [`Activation::check`].
    pub fn check(self) -> Result<()> {
        if let Self::Plain(activation) = self { activation.check(1) } else { Ok(()) }
    }

    /// Values and slopes at `t`; those that are not wanted are empty.
    pub(crate) fn pair<T: Real>(self, level: Level, t: &[T], values: &mut [T], slopes: &mut [T]) {
        let both = !values.is_empty() && !slopes.is_empty();
        match self {
            Self::Plain(activation) if !(both && Pair::<T>::knows(activation)) => {
                for (order, out) in [(0, values), (1, slopes)] {
                    if !out.is_empty() {
                        out.copy_from_slice(t);
                        activation.apply(level, order, out, T::ONE);
                    }
                }
            }
            _ if both => dispatch(level, Pair { shape: self, t, values, slopes }),
            _ => {
                let slope = values.is_empty();
                dispatch(level, Single { shape: self, t, slope, out: if slope { slopes } else { values } });
            }
        }
    }
}

/// Values and slopes in one pass.
struct Pair<'a, T> {
    shape: Shape,
    t: &'a [T],
    values: &'a mut [T],
    slopes: &'a mut [T],
}

impl<T: Real> Pair<'_, T> {
    /// Activations whose value and slope share most of their work.
    fn knows(activation: Activation) -> bool {
        matches!(activation, Activation::Relu | Activation::Tanh | Activation::Softplus | Activation::Sigmoid)
    }

    #[inline(always)]
    fn fill(self, f: impl Fn(T) -> (T, T)) {
        for ((&t, value), slope) in self.t.iter().zip(self.values).zip(self.slopes) {
            (*value, *slope) = f(t);
        }
    }
}

impl<T: Real> Job for Pair<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        match self.shape {
            Shape::Plain(Activation::Tanh) => self.fill(|t| {
                let h = t.tanh::<FMA>();
                (h, (T::ONE - h) * (T::ONE + h))
            }),
            Shape::Plain(Activation::Sigmoid) => self.fill(|t| {
                let (s, rest) = logistic_pair::<T, FMA>(t);
                (s, s * rest)
            }),
            Shape::Plain(Activation::Softplus) => self.fill(|t| {
                let z = (-t.abs()).exp::<FMA>();
                let slope = (if t > T::ZERO { T::ONE } else { z }) / (T::ONE + z);
                (t.max(T::ZERO) + z.log1p::<FMA>(), slope)
            }),
            Shape::Plain(_) => self.fill(relu),
            Shape::Truncated => self.fill(truncated),
            Shape::Smooth { s, truncated } => self.fill(|t| smooth::<T, FMA>(t, s, truncated)),
        }
    }
}

/// Values or slopes, where the other ones are not wanted.
struct Single<'a, T> {
    shape: Shape,
    t: &'a [T],
    slope: bool,
    out: &'a mut [T],
}

impl<T: Real> Single<'_, T> {
    #[inline(always)]
    fn fill(self, f: impl Fn(T) -> (T, T)) {
        for (&t, out) in self.t.iter().zip(self.out) {
            *out = if self.slope { f(t).1 } else { f(t).0 };
        }
    }
}

impl<T: Real> Job for Single<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        match self.shape {
            Shape::Plain(_) => self.fill(relu),
            Shape::Truncated => self.fill(truncated),
            Shape::Smooth { s, truncated } => self.fill(|t| smooth::<T, FMA>(t, s, truncated)),
        }
    }
}

#[inline(always)]
fn relu<T: Real>(t: T) -> (T, T) {
    (t.max(T::ZERO), if t > T::ZERO { T::ONE } else { T::ZERO })
}

#[inline(always)]
fn truncated<T: Real>(t: T) -> (T, T) {
    let inside = t > T::ZERO && t < T::ONE;
    (t.max(T::ZERO).min(T::ONE), if inside { T::ONE } else { T::ZERO })
}

#[inline(always)]
fn smooth<T: Real, const FMA: bool>(t: T, s: f64, truncated: bool) -> (T, T) {
    let part = |t: T| {
        let z = t * T::from_f64(1.0 / s);
        let half = T::from_f64(0.5);
        let normal = (z * T::from_f64(FRAC_1_SQRT_2)).erf::<FMA>().mul_add::<FMA>(half, half);
        let bell = (T::from_f64(-0.5) * z * z).exp::<FMA>() * T::from_f64(s * 0.5 * FRAC_1_SQRT_2 * FRAC_2_SQRT_PI);
        (t.mul_add::<FMA>(normal, bell), normal)
    };
    let (value, slope) = part(t);
    if truncated {
        let (less, down) = part(t - T::ONE);
        (value - less, slope - down)
    } else {
        (value, slope)
    }
}
