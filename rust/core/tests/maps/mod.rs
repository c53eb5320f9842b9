//! Features of one call, and a map of every kind.

use widelearn_core::activation::Activation;
use widelearn_core::features::{FeatureMap, Features, Formula, Spectral, Weights};
use widelearn_core::gram::transform;
use widelearn_core::matrix::Rows;
use widelearn_core::real::Real;

use crate::pool::on;

pub(crate) fn maps() -> Vec<Features> {
    let laws = [Weights::Gaussian, Weights::Sphere, Weights::Orthogonal, Weights::Hadamard];
    let formulas = [
        Formula::Random { activation: Activation::Tanh, order: 0, bias_scale: 0.5 },
        Formula::Random { activation: Activation::Gelu, order: 1, bias_scale: 0.0 },
        Formula::Fourier(Spectral::Rbf { gamma: 0.1 }),
        Formula::Fourier(Spectral::Laplace { gamma: 0.1, power: 1.3 }),
        Formula::Fourier(Spectral::Matern { length_scale: 2.0, nu: 1.5 }),
    ];
    laws.into_iter()
        .flat_map(|weights| formulas.clone().map(|formula| Features { formula, n_components: 157, weights, seed: 5 }))
        .collect()
}

pub(crate) fn features<T: Real>(threads: usize, map: &Features, x: Rows<'_, T>) -> Vec<T> {
    let mut out = vec![T::ZERO; x.n * map.n_components];
    on(threads, |context| transform(context, &FeatureMap::new(map, context, x.d)?, x, &mut out)).expect("features");
    out
}
