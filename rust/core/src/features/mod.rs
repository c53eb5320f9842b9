//! Random feature maps: weights from counters, projected and activated inside a tile.

mod map;
mod weights;

pub use map::FeatureMap;

use crate::activation::Activation;
use crate::error::{Error, Result};
use crate::kernels::Kernel;

/// How the rows of the weight matrix are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weights {
    /// Independent, `N(0, I / d)`.
    Gaussian,
    /// Independent, uniform on the unit sphere.
    Sphere,
}

impl Weights {
    /// The weights called `name`.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the known names.
    pub fn parse(name: &str) -> Result<Self> {
        match name {
            "gaussian" => Ok(Self::Gaussian),
            "sphere" => Ok(Self::Sphere),
            _ => Err(Error::Invalid(format!("weights {name:?} is not one of [\"gaussian\", \"sphere\"]"))),
        }
    }
}

/// A feature map's formula and parameters.
#[derive(Debug, Clone, PartialEq)]
pub enum Features {
    /// `activation(w_j.x + bias_scale b_j) / sqrt(n_components)`.
    Random {
        /// Number of columns.
        n_components: usize,
        /// Activation.
        activation: Activation,
        /// Law of `w_j`.
        weights: Weights,
        /// Standard deviation of the biases.
        bias_scale: f64,
        /// Seed of all streams.
        seed: u64,
    },
    /// `sqrt(2 / n_components)` times sines, then cosines, of frequencies drawn from the kernel's spectral measure.
    Fourier {
        /// A shift-invariant kernel.
        kernel: Kernel,
        /// Number of columns.
        n_components: usize,
        /// Law of the directions.
        weights: Weights,
        /// Seed of all streams.
        seed: u64,
    },
}
