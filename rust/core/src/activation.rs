//! Activation functions by name.

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
    /// The Hermite polynomial of this degree, orthonormal under the standard normal law.
    Hermite(u32),
}

/// The names that [`Activation::parse`] knows; `hermite` stands for `hermite0`, `hermite1` and so on.
pub const NAMES: [&str; 11] =
    ["relu", "leaky_relu", "step", "erf", "cos", "sin", "exp", "identity", "quadratic", "cubic", "hermite"];

/// The highest Hermite degree.
pub const MAX_DEGREE: u32 = 30;

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
            "cos" => Self::Cos,
            "sin" => Self::Sin,
            "exp" => Self::Exp,
            "identity" => Self::Identity,
            "quadratic" => Self::Quadratic,
            "cubic" => Self::Cubic,
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
