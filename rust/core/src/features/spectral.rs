//! Spectral measures: laws of frequencies whose waves have a shift-invariant kernel for mean product.

use super::law::Weights;
use crate::error::{Error, Result};
use crate::math::Functions;
use crate::random::{Purpose, Stream};

/// The spectral measure of a kernel. All but the last are Gaussian vectors times an independent random length.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Spectral {
    /// `N(0, 2 gamma I)`, of `exp(-gamma r^2)`.
    Rbf {
        /// Inverse squared length.
        gamma: f64,
    },
    /// Of `exp(-gamma r^power)`, `0 < power <= 2`: `N(0, 2 s A I)` with `s = gamma^(2 / power)` and `A` positive and stable,
    /// `E e^(-t A) = e^(-t^(power / 2))`.
    Laplace {
        /// Inverse length, to the power.
        gamma: f64,
        /// Exponent of the distance.
        power: f64,
    },
    /// Of the Matern kernels: Student's t with `2 nu` degrees of freedom over the length scale.
    Matern {
        /// Length scale.
        length_scale: f64,
        /// Smoothness, half of an odd number.
        nu: f64,
    },
    /// Of `exp(-gamma sum_k |x_k - x'_k|)`: independent Cauchy coordinates.
    Manhattan {
        /// Inverse length.
        gamma: f64,
    },
}

impl Spectral {
    /// Check every parameter, and that directions and lengths are independent where `weights` set the directions.
    ///
    /// # Errors
    /// [`Error::Invalid`] names the parameter, its value and its domain.
    pub(crate) fn validate(&self, weights: Weights) -> Result<()> {
        let positive = |name: &str, value: f64| match value {
            v if v > 0.0 && v.is_finite() => Ok(()),
            v => Err(Error::Invalid(format!("{name} must be positive and finite, got {v}"))),
        };
        match *self {
            Self::Rbf { gamma } => positive("gamma", gamma),
            Self::Laplace { power, .. } if !(power > 0.0 && power <= 2.0) => {
                Err(Error::Invalid(format!("power must be in (0, 2], got {power}; beyond 2 it is no kernel")))
            }
            Self::Laplace { gamma, .. } => positive("gamma", gamma),
            Self::Matern { nu, .. } if ![0.5, 1.5, 2.5].contains(&nu) => {
                Err(Error::Invalid(format!("nu must be 0.5, 1.5 or 2.5, got {nu}")))
            }
            Self::Matern { length_scale, .. } => positive("length_scale", length_scale),
            Self::Manhattan { .. } if weights != Weights::Gaussian => Err(Error::Invalid(format!(
                "frequencies of the kernel with norm 1 have independent coordinates and no free direction: take weights \
                 \"gaussian\", got {weights:?}, or the kernel with norm 2"
            ))),
            Self::Manhattan { gamma } => positive("gamma", gamma),
        }
    }

    /// The length of frequency `j` in units of a standard Gaussian vector's.
    pub(super) fn length(&self, seed: u64, j: u64) -> f64 {
        let stream = Stream::new(seed, Purpose::Radii as u32);
        match *self {
            Self::Rbf { gamma } => (2.0 * gamma).sqrt(),
            Self::Laplace { gamma, power: 2.0 } => (2.0 * gamma).sqrt(),
            Self::Laplace { gamma, power } => {
                let mut u = [0.0; 2];
                stream.uniforms(j, &mut u);
                let scale = power_of(gamma, 2.0 / power);
                (2.0 * scale * stable(power / 2.0, u[0], -Functions::log::<false>(u[1]))).sqrt()
            }
            Self::Matern { length_scale, nu } => {
                // A sum of 2 nu squared normals.
                let mut normals = [0.0; 5];
                stream.plain_normals(j, &mut normals);
                let chi2: f64 = normals.iter().take((2.0 * nu) as usize).map(|g| g * g).sum();
                (2.0 * nu / chi2).sqrt() / length_scale
            }
            Self::Manhattan { gamma } => gamma,
        }
    }

    /// The coordinates of frequency `j`, where they are drawn one by one.
    pub(super) fn coordinates(&self, seed: u64, j: u64, out: &mut [f64]) -> bool {
        let Self::Manhattan { gamma } = *self else { return false };
        Stream::new(seed, Purpose::Weights as u32).uniforms(j, out);
        for v in out {
            // Cauchy: the tangent of a uniform angle.
            let (sin, cos) = Functions::sin_cos::<false>((*v - 0.5) * std::f64::consts::PI);
            *v = gamma * sin / cos;
        }
        true
    }
}

fn power_of(x: f64, exponent: f64) -> f64 {
    Functions::exp::<false>(exponent * Functions::log::<false>(x))
}

/// Kanter's form of the positive stable law with Laplace transform `exp(-t^a)`, `0 < a < 1`, from a uniform and an
/// exponential variable.
///
/// # Source
/// Kanter, "Stable densities under change of scale and total variation inequalities", Annals of Probability 3, 1975,
/// section 4.
fn stable(a: f64, uniform: f64, exponential: f64) -> f64 {
    let sin = |t: f64| Functions::sin::<false>(t * std::f64::consts::PI * uniform);
    sin(a) / power_of(sin(1.0), 1.0 / a) * power_of(sin(1.0 - a) / exponential, (1.0 - a) / a)
}
