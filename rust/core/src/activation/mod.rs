//! Activation functions by name, and which derivatives they have.

mod values;

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
pub(crate) const MAX_DEGREE: u32 = 30;
/// The highest derivative that [`Activation::scaled`] knows.
pub(crate) const MAX_ORDER: u32 = 4;

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
