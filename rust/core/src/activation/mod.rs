//! Activation functions by name, which derivatives they have, and the shapes that neurons make of them.

mod shape;
mod values;

use std::mem::discriminant;

pub use shape::Shape;
pub(crate) use values::logistic_pair;

use crate::error::{Error, Result};

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

/// The names that [`Activation::parse`] knows; a slope and a degree are read beside the name.
const NAMED: [(&str, Activation); 18] = [
    ("relu", Activation::Relu),
    ("leaky_relu", Activation::LeakyRelu(0.0)),
    ("step", Activation::Step),
    ("erf", Activation::Erf),
    ("tanh", Activation::Tanh),
    ("sigmoid", Activation::Sigmoid),
    ("gelu", Activation::Gelu),
    ("softplus", Activation::Softplus),
    ("swish", Activation::Swish),
    ("cos", Activation::Cos),
    ("sin", Activation::Sin),
    ("exp", Activation::Exp),
    ("identity", Activation::Identity),
    ("quadratic", Activation::Quadratic),
    ("cubic", Activation::Cubic),
    ("relu2", Activation::Relu2),
    ("relu3", Activation::Relu3),
    ("hermite", Activation::Hermite(0)),
];

/// What other packages call some of them, and the name here.
const ELSEWHERE: [(&str, &str); 5] = [
    ("silu", "swish"),
    ("heaviside", "step"),
    ("logistic", "sigmoid"),
    ("linear", "identity"),
    ("leakyrelu", "leaky_relu"),
];

/// The highest Hermite degree.
pub(crate) const MAX_DEGREE: u32 = 30;
/// The highest derivative that [`Activation::scaled`] knows.
pub(crate) const MAX_ORDER: u32 = 4;

impl Activation {
    /// The activation called `name`; `parameter` is a leaky relu's slope and otherwise ignored.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the nearest name and the known ones.
    pub fn parse(name: &str, parameter: f64) -> Result<Self> {
        let known = NAMED.iter().find(|(known, _)| *known == name).map(|&(_, activation)| activation);
        match (known, name.strip_prefix("hermite").map(str::parse::<u32>)) {
            (Some(Self::LeakyRelu(_)), _) if parameter.is_finite() => Ok(Self::LeakyRelu(parameter)),
            (Some(Self::LeakyRelu(_)), _) => Err(Error::Invalid(format!("the slope must be finite, got {parameter}"))),
            (_, Some(Ok(degree))) if degree <= MAX_DEGREE => Ok(Self::Hermite(degree)),
            (_, Some(Ok(degree))) => {
                Err(Error::Invalid(format!("hermite{degree} is beyond the highest degree, {MAX_DEGREE}")))
            }
            (Some(activation), None) => Ok(activation),
            _ => {
                let message = format!("activation {name:?} is unknown; did you mean {:?}? Known: ", nearest(name));
                let names = NAMED.map(|(name, _)| name).join(", ");
                Err(Error::Invalid(message + &names + " with a degree, as in hermite3"))
            }
        }
    }

    /// How many derivatives are functions; `None` if all are.
    pub(crate) fn smoothness(self) -> Option<u32> {
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
            Self::Hermite(degree) => format!("hermite{degree}"),
            _ => {
                NAMED.iter().find(|(_, a)| discriminant(a) == discriminant(&self)).map_or("", |&(name, _)| name).into()
            }
        }
    }
}

/// The known name of what other packages call so, or else that with the fewest edits.
fn nearest(name: &str) -> &'static str {
    let name = name.to_ascii_lowercase();
    if let Some(&(_, known)) = ELSEWHERE.iter().find(|(other, _)| *other == name) {
        return known;
    }
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
    NAMED.map(|(name, _)| name).into_iter().min_by_key(|other| distance(other)).unwrap_or("relu")
}
