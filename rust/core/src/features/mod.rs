//! Random feature maps: weights from counters, projected and activated inside a tile.

mod hadamard;
mod map;
mod orthogonal;
mod spectral;
mod weights;

pub use hadamard::{Hadamard, LANES};
pub use map::{FeatureMap, Projection};
pub use spectral::Spectral;

use crate::activation::Activation;
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
    /// rows; see [`Hadamard`].
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

/// A feature map's formula and parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct Features {
    /// What is made of the projections.
    pub formula: Formula,
    /// Number of columns.
    pub n_components: usize,
    /// Law of the rows that inputs are projected on.
    pub weights: Weights,
    /// Seed of all streams.
    pub seed: u64,
}

/// What a feature map makes of projections.
#[derive(Debug, Clone, PartialEq)]
pub enum Formula {
    /// `activation^(order)(w_j.x + bias_scale b_j) / sqrt(n_components)`.
    Random {
        /// Activation.
        activation: Activation,
        /// Derivative of the activation that is taken.
        order: u32,
        /// Standard deviation of the biases.
        bias_scale: f64,
    },
    /// `sqrt(2 / n_components)` times sines, then cosines, of frequencies drawn from a spectral measure.
    Fourier(Spectral),
}

impl Features {
    /// How many rows inputs are projected on.
    pub fn directions(&self) -> usize {
        match self.formula {
            Formula::Random { .. } => self.n_components,
            Formula::Fourier(_) => self.n_components.div_ceil(2),
        }
    }

    /// Check every parameter.
    ///
    /// # Errors
    /// [`Error::Invalid`] names the parameter, its value and its domain.
    pub fn validate(&self) -> Result<()> {
        if self.n_components == 0 {
            return Err(Error::Invalid("n_components must be >= 1, got 0".into()));
        }
        match &self.formula {
            Formula::Random { activation, order, bias_scale } => {
                activation.check(*order)?;
                if *bias_scale >= 0.0 && bias_scale.is_finite() {
                    return Ok(());
                }
                Err(Error::Invalid(format!("bias_scale must be >= 0 and finite, got {bias_scale}")))
            }
            Formula::Fourier(spectral) => spectral.validate(self.weights),
        }
    }
}
