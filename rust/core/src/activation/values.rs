//! Values and derivatives of activations, many at once.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};

use super::Activation;
use crate::math::{cos_scaled, sin_cos_scaled};
use crate::real::Real;
use crate::simd::{Job, Level, dispatch};

impl Activation {
    /// Each value `t` becomes `scale` times the derivative of order `order` at `t`, order 0 being the function itself.
    /// Call it inside a [`Job`], with an order that [`Self::check`] lets pass.
    ///
    /// Derivatives at a jump are 0: `step(0) = relu'(0) = 0`.
    #[inline(always)]
    pub fn scaled<T: Real, const FMA: bool>(self, order: u32, values: &mut [T], scale: T) {
        match self {
            Self::Relu | Self::LeakyRelu(_) | Self::Step | Self::Relu2 | Self::Relu3 => {
                self.piecewise(order, values, scale);
            }
            Self::Identity | Self::Quadratic | Self::Cubic => self.monomial(order, values, scale),
            Self::Hermite(degree) if order > degree => values.fill(T::ZERO),
            Self::Hermite(degree) => {
                let below = degree - order;
                let factor: f64 = (below + 1..=degree).map(f64::from).product();
                hermite::<T, FMA>(below, values, scale * T::from_f64(factor.sqrt()));
            }
            Self::Exp => map(values, scale, |t| t.exp::<FMA>()),
            Self::Cos => wave::<T, FMA>(order, values, scale),
            // A sine is three quarter turns ahead of a cosine.
            Self::Sin => wave::<T, FMA>(order + 3, values, scale),
            Self::Tanh => tangent::<T, FMA>(order, values, scale),
            Self::Erf => erf::<T, FMA>(order, values, scale),
            Self::Gelu => gelu::<T, FMA>(order, values, scale),
            Self::Sigmoid => map(values, scale, |t| logistic::<T, FMA>(order, t)),
            Self::Softplus if order == 0 => map(values, scale, |t| softplus::<T, FMA>(t)),
            Self::Softplus => map(values, scale, |t| logistic::<T, FMA>(order - 1, t)),
            Self::Swish if order == 0 => map(values, scale, |t| t * t.sigmoid::<FMA>()),
            Self::Swish => map(values, scale, |t| {
                t.mul_add::<FMA>(logistic::<T, FMA>(order, t), T::from_u32(order) * logistic::<T, FMA>(order - 1, t))
            }),
        }
    }

    /// Powers of the positive part, and the leaky relu.
    #[inline(always)]
    fn piecewise<T: Real>(self, order: u32, values: &mut [T], scale: T) {
        let (zero, one, c) = (T::ZERO, T::ONE, T::from_f64);
        match (self, order) {
            (Self::LeakyRelu(slope), 0) => {
                let slope = c(slope);
                map(values, scale, |t| if t > zero { t } else { slope * t });
            }
            (Self::LeakyRelu(slope), _) => {
                let slope = c(slope);
                map(values, scale, |t| if t > zero { one } else { slope });
            }
            (Self::Relu, 0) | (Self::Relu2, 1) | (Self::Relu3, 2) => map(values, scale, |t| t.max(zero)),
            (Self::Relu2, 0) | (Self::Relu3, 1) => map(values, scale * c(0.5), |t| t.max(zero) * t.max(zero)),
            (Self::Relu3, 0) => map(values, scale * c(1.0 / 6.0), |t| t.max(zero) * (t.max(zero) * t.max(zero))),
            _ => map(values, scale, |t| if t > zero { one } else { zero }),
        }
    }

    /// `t`, `t^2 / 2` and `t^3 / 6`.
    #[inline(always)]
    fn monomial<T: Real>(self, order: u32, values: &mut [T], scale: T) {
        match (self, order) {
            (Self::Identity, 0) | (Self::Quadratic, 1) | (Self::Cubic, 2) => map(values, scale, |t| t),
            (Self::Identity, 1) | (Self::Quadratic, 2) | (Self::Cubic, 3) => values.fill(scale),
            (Self::Quadratic, 0) | (Self::Cubic, 1) => map(values, scale * T::from_f64(0.5), |t| t * t),
            (Self::Cubic, 0) => map(values, scale * T::from_f64(1.0 / 6.0), |t| t * (t * t)),
            _ => values.fill(T::ZERO),
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

/// Derivatives of the cosine, each a quarter turn further on.
#[inline(always)]
fn wave<T: Real, const FMA: bool>(turns: u32, values: &mut [T], scale: T) {
    let scale = if matches!(turns % 4, 1 | 2) { -scale } else { scale };
    if turns.is_multiple_of(2) {
        return cos_scaled::<FMA, T>(values, scale);
    }
    let mut cosines = [T::ZERO; CHUNK];
    for values in values.chunks_mut(CHUNK) {
        sin_cos_scaled::<FMA, T>(values, &mut cosines[..values.len()], scale);
    }
}

/// Derivatives of the error function.
#[inline(always)]
fn erf<T: Real, const FMA: bool>(order: u32, values: &mut [T], scale: T) {
    let c = T::from_f64;
    if order == 0 {
        return map(values, scale, |t| t.erf::<FMA>());
    }
    map(values, scale * c(FRAC_2_SQRT_PI), |t| {
        let factor = match order {
            1 => T::ONE,
            2 => c(-2.0) * t,
            3 => c(4.0) * t * t - c(2.0),
            _ => t * (c(12.0) - c(8.0) * t * t),
        };
        gaussian::<T, FMA>(t, 1.0, factor)
    });
}

/// Derivatives of the hyperbolic tangent: the order is settled outside the loops, which would not become vector code
/// around it.
#[inline(always)]
fn tangent<T: Real, const FMA: bool>(order: u32, values: &mut [T], scale: T) {
    let c = T::from_f64;
    match order {
        0 => map(values, scale, |t| t.tanh::<FMA>()),
        1 => map(values, scale, |t| tanh::<T, FMA>(t).1),
        2 => map(values, scale, |t| {
            let (h, s) = tanh::<T, FMA>(t);
            c(-2.0) * h * s
        }),
        3 => map(values, scale, |t| {
            let (h, s) = tanh::<T, FMA>(t);
            s * (c(6.0) * h * h - c(2.0))
        }),
        _ => map(values, scale, |t| {
            let (h, s) = tanh::<T, FMA>(t);
            s * h * (c(16.0) - c(24.0) * h * h)
        }),
    }
}

/// Derivatives of `t Phi(t)`.
#[inline(always)]
fn gelu<T: Real, const FMA: bool>(order: u32, values: &mut [T], scale: T) {
    let c = T::from_f64;
    let half = 0.5 * FRAC_1_SQRT_2 * FRAC_2_SQRT_PI;
    match order {
        0 => map(values, scale, |t| t * normal::<T, FMA>(t)),
        1 => map(values, scale, |t| normal::<T, FMA>(t) + gaussian::<T, FMA>(t, 0.5, t * c(half))),
        _ => map(values, scale * c(half), |t| {
            let square = t * t;
            let factor = match order {
                2 => c(2.0) - square,
                3 => t * (square - c(4.0)),
                _ => square * (c(7.0) - square) - c(4.0),
            };
            gaussian::<T, FMA>(t, 0.5, factor)
        }),
    }
}

/// `log(1 + e^t)`.
#[inline(always)]
fn softplus<T: Real, const FMA: bool>(t: T) -> T {
    let z = (-t.abs()).exp::<FMA>();
    t.max(T::ZERO) + z.log1p::<FMA>()
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
