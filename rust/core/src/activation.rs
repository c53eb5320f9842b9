//! Activation functions by name.

use crate::error::{Error, Result};

/// An activation function.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Activation {
    /// `max(t, 0)`, with derivative 0 at 0.
    Relu,
}

/// Every name that [`Activation::parse`] knows.
pub const NAMES: [&str; 1] = ["relu"];

impl Activation {
    /// The activation called `name`.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the known names.
    pub fn parse(name: &str) -> Result<Self> {
        match name {
            "relu" => Ok(Self::Relu),
            _ => Err(Error::Invalid(format!("activation {name:?} is not one of {NAMES:?}"))),
        }
    }
}
