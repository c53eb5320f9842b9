//! A feature map's formula and parameters, and what is allowed.

use super::law::Weights;
use super::spectral::Spectral;
use crate::activation::Activation;
use crate::error::{Error, MAX_EXTENT, Result, within};

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
    pub(crate) fn validate(&self) -> Result<()> {
        if self.n_components == 0 {
            return Err(Error::Invalid("n_components must be >= 1, got 0".into()));
        }
        within("n_components", self.n_components, MAX_EXTENT)?;
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
