//! Kernels as functions of an inner product and two norms, alone or combined, evaluated inside a tile.

mod arccosine;
mod bits;
mod dot;
mod epilogue;
mod finite;
mod geometry;
mod layer;
mod leaf;
mod network;
mod plan;
mod radial;
mod scaling;

pub(crate) use geometry::Known;
pub use layer::Layer;
pub use plan::Plan;
pub(crate) use scaling::times_power;

use std::sync::Arc;

use crate::activation::Activation;
use crate::error::{Error, MAX_EXTENT, Result, within};
use crate::features::Spectral;

/// A kernel's formula and parameters.
#[derive(Debug, Clone, PartialEq)]
pub enum Kernel {
    /// The same value for every pair.
    Constant(f64),
    /// `x.x'`.
    Linear,
    /// `(gamma x.x' + coef0)^degree`.
    Polynomial {
        /// Exponent.
        degree: u32,
        /// Factor of the inner product.
        gamma: f64,
        /// Added constant.
        coef0: f64,
    },
    /// `exp(-gamma |x - x'|^2)`.
    Rbf {
        /// Inverse squared length.
        gamma: f64,
    },
    /// `exp(-gamma |x - x'|^power)`, the norm Euclidean, `0 < power <= 2`.
    Laplace {
        /// Inverse length, to the power.
        gamma: f64,
        /// Exponent of the distance.
        power: f64,
    },
    /// `exp(-gamma sum_k |x_k - x'_k|)`.
    Manhattan {
        /// Inverse length.
        gamma: f64,
    },
    /// Matern.
    Matern {
        /// Length scale.
        length_scale: f64,
        /// Smoothness: 1/2, 3/2 or 5/2.
        nu: f64,
    },
    /// `2 E[relu(w.x)^order relu(w.x')^order]`, `w ~ N(0, I)`.
    ArcCosine {
        /// 0 (step), 1 or 2.
        order: u32,
    },
    /// Covariance of an infinitely wide network's output.
    Nngp(Network),
    /// Tangent kernel of an infinitely wide network, all layers trained.
    Ntk(Network),
    /// `sum_j s(w_j.x) s(w_j.x') / width`, `w_j` uniform on the unit sphere: `s` is the activation, or its derivative for
    /// the tangent kernel, which has `x.x' / d` as a factor.
    Finite {
        /// Number of neurons.
        width: usize,
        /// Activation.
        activation: Activation,
        /// Seed of the weights.
        seed: u64,
        /// Whether it is the tangent kernel.
        tangent: bool,
    },
    /// The inner product of a layer's neurons at weights of the user's, or of their slopes.
    Layer(Arc<Layer>),
    /// `(x.x')^k E[f^(k)(w.x) f^(k)(w.x')] / k!^2`, `w ~ N(0, I / d)`.
    Taylor {
        /// `k`, the order of the derivative.
        order: u32,
        /// `f`.
        activation: Activation,
    },
    /// `sum_k c_k (x.x' / d)^k`, the coefficients from `c_0` up.
    DotProduct(Vec<f64>),
    /// Sum of two kernels.
    Sum(Box<Kernel>, Box<Kernel>),
    /// Product of two kernels.
    Product(Box<Kernel>, Box<Kernel>),
}

/// The most hidden layers of an infinite network. A kernel's cost, and the memory of each thread, grow with them.
pub const MAX_DEPTH: usize = 1000;

/// A fully connected network of infinite width: layers `sqrt(weight_variance / fan_in) W x + sqrt(bias_variance) b`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Network {
    /// Number of hidden layers.
    pub depth: usize,
    /// Activation after each hidden layer.
    pub activation: Activation,
    /// Variance of the weights times their fan-in.
    pub weight_variance: f64,
    /// Variance of the biases.
    pub bias_variance: f64,
}

fn positive(name: &str, value: f64) -> Result<()> {
    if value > 0.0 && value.is_finite() {
        Ok(())
    } else {
        Err(Error::Invalid(format!("{name} must be positive and finite, got {value}")))
    }
}

fn finite(name: &str, value: f64) -> Result<()> {
    if value.is_finite() { Ok(()) } else { Err(Error::Invalid(format!("{name} must be finite, got {value}"))) }
}

impl Kernel {
    /// The law of frequencies whose waves have this kernel for mean product.
    ///
    /// # Errors
    /// [`Error::Invalid`] for kernels whose law is not here.
    pub fn spectral(&self) -> Result<Spectral> {
        match *self {
            Self::Rbf { gamma } => Ok(Spectral::Rbf { gamma }),
            Self::Laplace { gamma, power } => Ok(Spectral::Laplace { gamma, power }),
            Self::Matern { length_scale, nu } => Ok(Spectral::Matern { length_scale, nu }),
            Self::Manhattan { gamma } => Ok(Spectral::Manhattan { gamma }),
            _ => Err(Error::Invalid(format!("{self:?} has no spectral measure here"))),
        }
    }

    /// About how many flops `values` of it for `rows` rows of length `d` take beyond an inner product and a formula each.
    #[must_use]
    pub fn extra_flops(&self, values: usize, rows: usize, d: usize) -> f64 {
        let (values, rows, d) = (values as f64, rows as f64, d as f64);
        match self {
            Self::Sum(a, b) | Self::Product(a, b) => {
                let part = |kernel: &Self| kernel.extra_flops(values as usize, rows as usize, d as usize);
                part(a) + part(b) + 40.0 * values
            }
            // Layer by layer, for every pair and every row.
            Self::Nngp(network) | Self::Ntk(network) => 60.0 * network.depth as f64 * (values + rows),
            // Weights are drawn, and neurons made of all rows and multiplied for every pair.
            Self::Finite { width, .. } => {
                let width = *width as f64;
                20.0 * width * d + 2.0 * width * d * rows + 2.0 * width * values
            }
            Self::Layer(layer) => 2.0 * layer.width() as f64 * (d * rows + values),
            Self::DotProduct(coefficients) => 2.0 * coefficients.len() as f64 * values,
            _ => 0.0,
        }
    }

    /// Check every parameter.
    ///
    /// # Errors
    /// [`Error::Invalid`] names the parameter, its value and its domain.
    pub(crate) fn validate(&self) -> Result<()> {
        match self {
            Self::Constant(v) => finite("value", *v),
            Self::Linear => Ok(()),
            Self::Polynomial { degree: _, gamma, coef0 } => finite("gamma", *gamma).and(finite("coef0", *coef0)),
            Self::Rbf { gamma } | Self::Manhattan { gamma } => positive("gamma", *gamma),
            Self::Laplace { gamma, power } => {
                positive("gamma", *gamma)?;
                if *power > 0.0 && *power <= 2.0 {
                    return Ok(());
                }
                Err(Error::Invalid(format!("power must be in (0, 2], got {power}; beyond 2 it is no kernel")))
            }
            Self::Matern { length_scale, nu } => {
                positive("length_scale", *length_scale)?;
                if [0.5, 1.5, 2.5].contains(nu) {
                    return Ok(());
                }
                Err(Error::Invalid(format!("nu must be 0.5, 1.5 or 2.5, got {nu}")))
            }
            Self::ArcCosine { order } if *order <= 2 => Ok(()),
            Self::ArcCosine { order } => Err(Error::Invalid(format!("order must be 0, 1 or 2, got {order}"))),
            Self::Ntk(Network { activation: Activation::Step, .. }) => Err(Error::Invalid(
                "the NTK of \"step\" has an infinite diagonal; use NNGP, or NTK with \"erf\"".into(),
            )),
            Self::Nngp(n) | Self::Ntk(n) => {
                positive("weight_variance", n.weight_variance)?;
                finite("bias_variance", n.bias_variance)?;
                if n.bias_variance < 0.0 {
                    return Err(Error::Invalid(format!("bias_variance must be >= 0, got {}", n.bias_variance)));
                }
                if n.depth == 0 {
                    return Err(Error::Invalid("depth must be >= 1, got 0; for no hidden layer use Linear".into()));
                }
                within("depth", n.depth, MAX_DEPTH)
            }
            Self::Finite { width: 0, .. } => Err(Error::Invalid("width must be >= 1, got 0".into())),
            Self::Finite { width, activation, tangent, .. } => {
                within("width", *width, MAX_EXTENT)?;
                activation.check(u32::from(*tangent))
            }
            Self::Layer(layer) => layer.check(),
            Self::Taylor { order, activation } => activation.check(*order),
            Self::DotProduct(coefficients) if coefficients.is_empty() => {
                Err(Error::Invalid("coefficients must not be empty; for the kernel 0 pass (0.0,)".into()))
            }
            Self::DotProduct(coefficients) => {
                coefficients.iter().enumerate().try_for_each(|(k, c)| finite(&format!("coefficients[{k}]"), *c))
            }
            Self::Sum(a, b) | Self::Product(a, b) => a.validate().and_then(|()| b.validate()),
        }
    }
}
