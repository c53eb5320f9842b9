//! A layer of neurons at weights of the user's: what a kernel takes the inner products of.

use std::fmt;

use crate::activation::{Activation, Shape};
use crate::error::{Error, MAX_EXTENT, Result, fits, within};

/// `sum_r s_r^2 g(w_r.x - b_r) g(w_r.x' - b_r)`, `g` the activation or its slope.
#[derive(Clone, PartialEq)]
pub struct Layer {
    /// Weights, a row of `d` for every neuron.
    pub w: Vec<f64>,
    /// Thresholds, one a neuron.
    pub b: Vec<f64>,
    /// Sizes `s`, one a neuron.
    pub sizes: Vec<f64>,
    /// Columns of the weights.
    pub d: usize,
    /// Activation.
    pub shape: Shape,
    /// Whether slopes are taken in place of values.
    pub slopes: bool,
}

impl fmt::Debug for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Layer").field("width", &self.width()).field("shape", &self.shape).finish_non_exhaustive()
    }
}

impl Layer {
    /// Number of neurons.
    #[must_use]
    pub fn width(&self) -> usize {
        self.b.len()
    }

    /// Check that there are neurons, that the arrays fit together, and that slopes are functions.
    pub(super) fn check(&self) -> Result<()> {
        if self.b.is_empty() {
            return Err(Error::Invalid("width must be >= 1, got 0".into()));
        }
        within("width", self.width(), MAX_EXTENT)?;
        fits("weights", self.width() * self.d, self.w.len())?;
        fits("sizes", self.width(), self.sizes.len())?;
        if self.slopes { self.shape.check() } else { Ok(()) }
    }

    /// Whether all neurons are 0 or one and the same number.
    pub(super) fn binary(&self) -> bool {
        steps(self.shape, self.slopes) && self.sizes.iter().all(|&s| s == self.sizes[0])
    }
}

/// Whether values, or slopes, are 0 or 1.
pub(super) fn steps(shape: Shape, slopes: bool) -> bool {
    matches!((shape, slopes), (Shape::Plain(Activation::Relu), true) | (Shape::Plain(Activation::Step), false))
}
