//! Activation functions by name: values and derivatives.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};

use crate::error::{Error, Result};
use crate::math::{cos_scaled, sin_cos_scaled};
use crate::real::Real;
use crate::simd::{Job, Level, dispatch};

/// An activation function.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Activation {
    /// `max(t, 0)`, with derivative 0 at 0.
    Relu,
    /// `t` where positive, `slope t` elsewhere.
    LeakyRelu(f64),
    /// 1 where positive, 0 elsewhere.
    Step,
    /// The error function.
    Erf,
    /// The hyperbolic tangent.
    Tanh,
    /// `1 / (1 + e^-t)`.
    Sigmoid,
    /// `t Phi(t)`, `Phi` the standard normal distribution function.
    Gelu,
    /// `log(1 + e^t)`.
    Softplus,
    /// `t / (1 + e^-t)`.
    Swish,
    /// Cosine.
    Cos,
    /// Sine.
    Sin,
    /// Exponential.
    Exp,
    /// `t`.
    Identity,
    /// `t^2 / 2`.
    Quadratic,
    /// `t^3 / 6`.
    Cubic,
    /// `max(t, 0)^2 / 2`.
    Relu2,
    /// `max(t, 0)^3 / 6`.
    Relu3,
    /// The Hermite polynomial of this degree, orthonormal under the standard normal law.
    Hermite(u32),
}

/// The names that [`Activation::parse`] knows; `hermite` stands for `hermite0`, `hermite1` and so on.
pub const NAMES: [&str; 18] = [
    "relu",
    "leaky_relu",
    "step",
    "erf",
    "tanh",
    "sigmoid",
    "gelu",
    "softplus",
    "swish",
    "cos",
    "sin",
    "exp",
    "identity",
    "quadratic",
    "cubic",
    "relu2",
    "relu3",
    "hermite",
];

/// The highest Hermite degree.
pub const MAX_DEGREE: u32 = 30;
/// The highest derivative that [`Activation::scaled`] knows.
pub const MAX_ORDER: u32 = 4;

impl Activation {
    /// The activation called `name`; `parameter` is a leaky relu's slope and otherwise ignored.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the nearest name and the known ones.
    pub fn parse(name: &str, parameter: f64) -> Result<Self> {
        Ok(match name {
            "relu" => Self::Relu,
            "leaky_relu" if parameter.is_finite() => Self::LeakyRelu(parameter),
            "leaky_relu" => return Err(Error::Invalid(format!("the slope must be finite, got {parameter}"))),
            "step" => Self::Step,
            "erf" => Self::Erf,
            "tanh" => Self::Tanh,
            "sigmoid" => Self::Sigmoid,
            "gelu" => Self::Gelu,
            "softplus" => Self::Softplus,
            "swish" => Self::Swish,
            "cos" => Self::Cos,
            "sin" => Self::Sin,
            "exp" => Self::Exp,
            "identity" => Self::Identity,
            "quadratic" => Self::Quadratic,
            "cubic" => Self::Cubic,
            "relu2" => Self::Relu2,
            "relu3" => Self::Relu3,
            _ => match name.strip_prefix("hermite").map(str::parse::<u32>) {
                Some(Ok(degree)) if degree <= MAX_DEGREE => Self::Hermite(degree),
                Some(Ok(degree)) => {
                    let message = format!("hermite{degree} is beyond the highest degree, {MAX_DEGREE}");
                    return Err(Error::Invalid(message));
                }
                _ => {
                    let message = format!("activation {name:?} is unknown; did you mean {:?}? Known: ", nearest(name));
                    return Err(Error::Invalid(message + &NAMES.join(", ") + " with a degree, as in hermite3"));
                }
            },
        })
    }

    /// How many derivatives are functions; `None` if all are.
    pub fn smoothness(self) -> Option<u32> {
        match self {
            Self::Step => Some(0),
            Self::Relu | Self::LeakyRelu(_) => Some(1),
            Self::Relu2 => Some(2),
            Self::Relu3 => Some(3),
            _ => None,
        }
    }

    /// Check that the derivative of this order is a function and known here.
    ///
    /// # Errors
    /// [`Error::NoDerivative`], or [`Error::Invalid`] with the highest order that is known.
    pub fn check(self, order: u32) -> Result<()> {
        let name = self.name();
        match self.smoothness() {
            Some(most) if order > most => Err(Error::NoDerivative { activation: name, order, most }),
            _ if order > MAX_ORDER => {
                Err(Error::Invalid(format!("derivatives go up to order {MAX_ORDER}, got {order} for {name:?}")))
            }
            _ => Ok(()),
        }
    }

    /// The name that [`Self::parse`] takes.
    pub fn name(self) -> String {
        match self {
            Self::Relu => "relu",
            Self::LeakyRelu(_) => "leaky_relu",
            Self::Step => "step",
            Self::Erf => "erf",
            Self::Tanh => "tanh",
            Self::Sigmoid => "sigmoid",
            Self::Gelu => "gelu",
            Self::Softplus => "softplus",
            Self::Swish => "swish",
            Self::Cos => "cos",
            Self::Sin => "sin",
            Self::Exp => "exp",
            Self::Identity => "identity",
            Self::Quadratic => "quadratic",
            Self::Cubic => "cubic",
            Self::Relu2 => "relu2",
            Self::Relu3 => "relu3",
            Self::Hermite(degree) => return format!("hermite{degree}"),
        }
        .into()
    }

    /// Each value `t` becomes `scale` times the derivative of order `order` at `t`, order 0 being the function itself.
    /// Call it inside a [`Job`], with an order that [`Self::check`] lets pass.
    ///
    /// Derivatives at a jump are 0: `step(0) = relu'(0) = 0`.
    #[inline(always)]
    pub fn scaled<T: Real, const FMA: bool>(self, order: u32, values: &mut [T], scale: T) {
        let (zero, one) = (T::ZERO, T::ONE);
        let c = T::from_f64;
        match (self, order) {
            (Self::Relu, 0) => map(values, scale, |t| t.max(zero)),
            (Self::Relu, _) | (Self::Step, _) | (Self::Relu2, 2) | (Self::Relu3, 3) => map(values, scale, step),
            (Self::Relu2, 1) | (Self::Relu3, 2) => map(values, scale, |t| t.max(zero)),
            (Self::Relu2, _) | (Self::Relu3, 1) => map(values, scale * c(0.5), |t| t.max(zero) * t.max(zero)),
            (Self::Relu3, _) => map(values, scale * c(1.0 / 6.0), |t| t.max(zero) * (t.max(zero) * t.max(zero))),
            (Self::LeakyRelu(slope), 0) => {
                let slope = c(slope);
                map(values, scale, |t| if t > zero { t } else { slope * t });
            }
            (Self::LeakyRelu(slope), _) => {
                let slope = c(slope);
                map(values, scale, |t| if t > zero { one } else { slope });
            }
            (Self::Identity, 0) | (Self::Quadratic, 1) | (Self::Cubic, 2) => map(values, scale, |t| t),
            (Self::Identity, 1) | (Self::Quadratic, 2) | (Self::Cubic, 3) => values.fill(scale),
            (Self::Quadratic, 0) | (Self::Cubic, 1) => map(values, scale * c(0.5), |t| t * t),
            (Self::Cubic, 0) => map(values, scale * c(1.0 / 6.0), |t| t * (t * t)),
            (Self::Identity | Self::Quadratic | Self::Cubic, _) => values.fill(zero),
            (Self::Exp, _) => map(values, scale, |t| t.exp::<FMA>()),
            (Self::Cos | Self::Sin, _) => {
                // Each derivative is a quarter turn further on.
                let turns = order + u32::from(matches!(self, Self::Sin)) * 3;
                let scale = if matches!(turns % 4, 1 | 2) { -scale } else { scale };
                if turns.is_multiple_of(2) {
                    cos_scaled::<FMA, T>(values, scale);
                } else {
                    let mut cosines = [zero; CHUNK];
                    for values in values.chunks_mut(CHUNK) {
                        sin_cos_scaled::<FMA, T>(values, &mut cosines[..values.len()], scale);
                    }
                }
            }
            (Self::Erf, 0) => map(values, scale, |t| t.erf::<FMA>()),
            (Self::Erf, _) => map(values, scale * c(FRAC_2_SQRT_PI), |t| {
                let factor = match order {
                    1 => one,
                    2 => c(-2.0) * t,
                    3 => c(4.0) * t * t - c(2.0),
                    _ => t * (c(12.0) - c(8.0) * t * t),
                };
                gaussian::<T, FMA>(t, 1.0, factor)
            }),
            (Self::Tanh, 0) => map(values, scale, |t| t.tanh::<FMA>()),
            // The order is settled outside the loops, which would not become vector code around it.
            (Self::Tanh, 1) => map(values, scale, |t| tanh::<T, FMA>(t).1),
            (Self::Tanh, 2) => map(values, scale, |t| {
                let (h, s) = tanh::<T, FMA>(t);
                c(-2.0) * h * s
            }),
            (Self::Tanh, 3) => map(values, scale, |t| {
                let (h, s) = tanh::<T, FMA>(t);
                s * (c(6.0) * h * h - c(2.0))
            }),
            (Self::Tanh, _) => map(values, scale, |t| {
                let (h, s) = tanh::<T, FMA>(t);
                s * h * (c(16.0) - c(24.0) * h * h)
            }),
            (Self::Sigmoid, _) => map(values, scale, |t| logistic::<T, FMA>(order, t)),
            (Self::Softplus, 0) => map(values, scale, |t| {
                // log(1 + z) = z log(u) / (u - 1) with u the rounded 1 + z.
                let z = (-t.abs()).exp::<FMA>();
                let u = one + z;
                let below = u - one;
                let log = if below > zero { u.log::<FMA>() * (z / below) } else { z };
                t.max(zero) + log
            }),
            (Self::Softplus, _) => map(values, scale, |t| logistic::<T, FMA>(order - 1, t)),
            (Self::Swish, 0) => map(values, scale, |t| t * t.sigmoid::<FMA>()),
            (Self::Swish, _) => map(values, scale, |t| {
                t.mul_add::<FMA>(logistic::<T, FMA>(order, t), T::from_u32(order) * logistic::<T, FMA>(order - 1, t))
            }),
            (Self::Gelu, 0) => map(values, scale, |t| t * normal::<T, FMA>(t)),
            (Self::Gelu, 1) => map(values, scale, |t| {
                normal::<T, FMA>(t) + gaussian::<T, FMA>(t, 0.5, t * c(0.5 * FRAC_1_SQRT_2 * FRAC_2_SQRT_PI))
            }),
            (Self::Gelu, _) => map(values, scale * c(0.5 * FRAC_1_SQRT_2 * FRAC_2_SQRT_PI), |t| {
                let square = t * t;
                let factor = match order {
                    2 => c(2.0) - square,
                    3 => t * (square - c(4.0)),
                    _ => square * (c(7.0) - square) - c(4.0),
                };
                gaussian::<T, FMA>(t, 0.5, factor)
            }),
            (Self::Hermite(degree), _) if order > degree => values.fill(zero),
            (Self::Hermite(degree), _) => {
                let below = degree - order;
                let factor: f64 = (below + 1..=degree).map(f64::from).product();
                hermite::<T, FMA>(below, values, scale * c(factor.sqrt()));
            }
        }
    }

    /// [`Self::scaled`] outside a job.
    pub fn apply<T: Real>(self, level: Level, order: u32, values: &mut [T], scale: T) {
        dispatch(level, Apply { activation: self, order, values, scale });
    }
}

struct Apply<'a, T> {
    activation: Activation,
    order: u32,
    values: &'a mut [T],
    scale: T,
}

impl<T: Real> Job for Apply<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        self.activation.scaled::<T, FMA>(self.order, self.values, self.scale);
    }
}

/// Values worked on together where something is kept beside them.
const CHUNK: usize = 32;

/// Each value `t` becomes `scale * f(t)`.
#[inline(always)]
fn map<T: Real>(values: &mut [T], scale: T, f: impl Fn(T) -> T) {
    for v in values {
        *v = f(*v) * scale;
    }
}

#[inline(always)]
fn step<T: Real>(t: T) -> T {
    if t > T::ZERO { T::ONE } else { T::ZERO }
}

/// `factor e^(-c t^2)`, 0 where a factor that overflows would meet an exponential of 0.
#[inline(always)]
fn gaussian<T: Real, const FMA: bool>(t: T, c: f64, factor: T) -> T {
    let bell = (T::from_f64(-c) * t * t).exp::<FMA>();
    if bell > T::ZERO { factor * bell } else { T::ZERO }
}

/// The standard normal distribution function.
#[inline(always)]
fn normal<T: Real, const FMA: bool>(t: T) -> T {
    let half = T::from_f64(0.5);
    (t * T::from_f64(FRAC_1_SQRT_2)).erf::<FMA>().mul_add::<FMA>(half, half)
}

/// The hyperbolic tangent and its derivative, 1 - tanh^2 without cancellation.
#[inline(always)]
fn tanh<T: Real, const FMA: bool>(t: T) -> (T, T) {
    let (s, rest) = logistic_pair::<T, FMA>(t + t);
    (t.tanh::<FMA>(), T::from_f64(4.0) * s * rest)
}

/// The logistic function of `t` and of `-t`, from one exponential.
///
/// Error: 4 ulp.
#[inline(always)]
pub(crate) fn logistic_pair<T: Real, const FMA: bool>(t: T) -> (T, T) {
    let z = (-t.abs()).exp::<FMA>();
    let large = T::ONE / (T::ONE + z);
    let small = z * large;
    if t > T::ZERO { (large, small) } else { (small, large) }
}

/// Derivatives of the logistic function, `1 - s` being `s(-t)`.
#[inline(always)]
fn logistic<T: Real, const FMA: bool>(order: u32, t: T) -> T {
    let c = T::from_f64;
    if order == 0 {
        return t.sigmoid::<FMA>();
    }
    let (s, rest) = logistic_pair::<T, FMA>(t);
    let (both, gap) = (s * rest, rest - s);
    match order {
        1 => both,
        2 => both * gap,
        3 => both * (T::ONE - c(6.0) * both),
        _ => both * gap * (T::ONE - c(12.0) * both),
    }
}

/// Orthonormal Hermite polynomials by their recurrence.
#[inline(always)]
fn hermite<T: Real, const FMA: bool>(degree: u32, values: &mut [T], scale: T) {
    for values in values.chunks_mut(CHUNK) {
        let (mut below, mut this) = ([T::ZERO; CHUNK], [T::ONE; CHUNK]);
        for k in 0..degree {
            let up = T::from_f64(1.0 / f64::from(k + 1).sqrt());
            let down = T::from_f64((f64::from(k) / f64::from(k + 1)).sqrt());
            for ((&t, below), this) in values.iter().zip(&mut below).zip(&mut this) {
                let next = (t * up).mul_add::<FMA>(*this, -(down * *below));
                (*below, *this) = (*this, next);
            }
        }
        for (v, h) in values.iter_mut().zip(this) {
            *v = h * scale;
        }
    }
}

/// The known name with the fewest edits.
fn nearest(name: &str) -> &'static str {
    let distance = |other: &str| {
        let mut row: Vec<usize> = (0..=other.len()).collect();
        for (i, a) in name.bytes().enumerate() {
            let mut corner = row[0];
            row[0] = i + 1;
            for (j, b) in other.bytes().enumerate() {
                let change = corner + usize::from(a != b);
                corner = row[j + 1];
                row[j + 1] = change.min(row[j].min(corner) + 1);
            }
        }
        row[other.len()]
    };
    NAMES.into_iter().min_by_key(|other| distance(other)).unwrap_or(NAMES[0])
}
