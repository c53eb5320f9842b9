//! The law of the directions that rows are projected on.

use crate::error::{Error, Result};

/// How the rows of the weight matrix are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weights {
    /// Independent, `N(0, I / d)`.
    Gaussian,
    /// Independent, uniform on the unit sphere.
    Sphere,
    /// Orthogonal in blocks of `d`, each block's directions uniform, lengths as of Gaussian rows.
    Orthogonal,
    /// Products of Hadamard matrices and random signs, orthogonal in blocks of a power of two, lengths as of Gaussian
    /// rows; see [`super::Hadamard`].
    Hadamard,
}

/// The names that [`Weights::parse`] knows.
pub const WEIGHTS: [&str; 4] = ["gaussian", "sphere", "orthogonal", "hadamard"];

impl Weights {
    /// The weights called `name`.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the known names.
    pub fn parse(name: &str) -> Result<Self> {
        match name {
            "gaussian" => Ok(Self::Gaussian),
            "sphere" => Ok(Self::Sphere),
            "orthogonal" => Ok(Self::Orthogonal),
            "hadamard" => Ok(Self::Hadamard),
            _ => Err(Error::Invalid(format!("weights {name:?} is not one of {WEIGHTS:?}"))),
        }
    }
}
