//! The weight matrix of a feature map, any rows of it at any time.

use super::{Features, Weights};
use crate::error::{Error, Result};
use crate::kernels::Kernel;
use crate::random::{Purpose, Stream};
use crate::real::Real;
use crate::threads::Context;

/// Rows `first ..` of the weights that multiply inputs of length `d`.
pub(super) fn rows<T: Real>(
    features: &Features,
    context: &Context<'_>,
    first: u64,
    d: usize,
    out: &mut [T],
) -> Result<()> {
    let (law, seed, scale) = match features {
        Features::Random { weights, seed, .. } => (*weights, *seed, 1.0),
        Features::Fourier { kernel: Kernel::Rbf { gamma }, weights, seed, .. } => {
            (*weights, *seed, (2.0 * gamma * d as f64).sqrt())
        }
        Features::Fourier { .. } => {
            return Err(Error::Invalid("this kernel has no spectral measure here; use RBF".into()));
        }
    };
    Stream::new(seed, Purpose::Weights as u32).matrix(context, first, d, out)?;
    for w in out.chunks_exact_mut(d.max(1)) {
        let factor = match law {
            Weights::Gaussian => T::from_f64(scale / (d as f64).sqrt()),
            Weights::Sphere => {
                let norm = w.iter().map(|v| v.to_f64() * v.to_f64()).sum::<f64>().sqrt();
                T::from_f64(if norm > 0.0 { scale / norm } else { 0.0 })
            }
        };
        w.iter_mut().for_each(|v| *v *= factor);
    }
    Ok(())
}

/// Biases of components `0 ..`, standard normal.
pub(super) fn biases<T: Real>(seed: u64, context: &Context<'_>, out: &mut [T]) {
    Stream::new(seed, Purpose::Biases as u32).normals(context, 0, out);
}

/// A phase, uniform on `[0, 2 pi)`.
pub(super) fn phase<T: Real>(seed: u64) -> T {
    let mut u = [0.0f64];
    Stream::new(seed, Purpose::Biases as u32).uniforms(0, &mut u);
    T::from_f64(u[0] * std::f64::consts::TAU)
}
