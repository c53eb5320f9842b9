//! Feature maps through the public API: weights with the bits of their seed, passes that agree with the matrix.

mod maps;
mod pool;

use maps::{features, maps};
use pool::{normals, on};
use widelearn_core::activation::Activation;
use widelearn_core::features::{FeatureMap, Features, Formula, Spectral, Weights};
use widelearn_core::gram::{predict, transform, weights};
use widelearn_core::matrix::Rows;

#[test]
fn rows_alone_have_the_bits_they_have_together() {
    let data: Vec<f32> = normals(6, 70, 40);
    let x = Rows::new(&data, 70, 40);
    for map in maps() {
        let all = features(2, &map, x);
        for i in [0, 15, 16, 69] {
            assert_eq!(features(1, &map, x.slice(i, 1)), all[i * 157..(i + 1) * 157], "{map:?} row {i}");
        }
    }
}

#[test]
fn packed_maps_have_the_bits_of_others() {
    let data: Vec<f32> = normals(6, 230, 40);
    let (x, coef): (_, Vec<f32>) = (Rows::new(&data, 230, 40), normals(7, 157, 3));
    for map in maps() {
        let all = |packed: bool| {
            let (mut z, mut y, mut w) = (vec![0.0; 230 * 157], vec![0.0; 230 * 3], Vec::new());
            on(2, |context| {
                let map = FeatureMap::new(&map, context, 40)?;
                let map = if packed { map.packed(context)? } else { map };
                w.resize(map.directions() * 40, 0.0);
                // Weights and their shifts, or signs and lengths.
                assert!(map.bytes() > 4 * map.directions());
                weights(context, &map, &mut w)?;
                transform(context, &map, x, &mut z)?;
                predict(context, &map, x, &coef, 3, &mut y)
            })
            .expect("features");
            (z, y, w)
        };
        assert_eq!(all(true), all(false), "{map:?}");
    }
}

#[test]
fn parts_of_the_weights_are_those_of_the_whole() {
    for map in maps().into_iter().filter(|map| map.weights != Weights::Hadamard) {
        let draw = |part: std::ops::Range<usize>| {
            on(2, |context| {
                let map = FeatureMap::<f64>::part(&map, context, 33, part)?;
                let mut out = vec![0.0; map.directions() * 33];
                weights(context, &map, &mut out).map(|()| out)
            })
            .expect("weights")
        };
        let whole = draw(0..map.directions());
        assert_eq!(draw(30..70), whole[30 * 33..70 * 33], "{map:?}");
    }
}

#[test]
fn predictions_are_products_with_the_features() {
    let data: Vec<f64> = normals(6, 90, 40);
    let (x, coef): (_, Vec<f64>) = (Rows::new(&data, 90, 40), normals(7, 157, 3));
    for map in maps() {
        let z = features(2, &map, x);
        let mut out = vec![0.0; 90 * 3];
        on(2, |context| predict(context, &FeatureMap::new(&map, context, 40)?, x, &coef, 3, &mut out))
            .expect("predictions");
        for (i, row) in z.chunks_exact(157).enumerate() {
            for t in 0..3 {
                let want: f64 = row.iter().zip(coef.chunks_exact(3)).map(|(z, c)| z * c[t]).sum();
                // Rounding of 157 terms of size one.
                assert!((out[i * 3 + t] - want).abs() < 157.0 * f64::EPSILON, "{map:?} {i} {t}");
            }
        }
    }
}

#[test]
fn wrong_parameters_are_refused() {
    let of = |formula, n_components, weights| Features { formula, n_components, weights, seed: 0 };
    let relu = Formula::Random { activation: Activation::Relu, order: 0, bias_scale: 0.0 };
    for (features, message) in [
        (of(relu.clone(), 0, Weights::Gaussian), "n_components must be >= 1"),
        (
            of(Formula::Random { activation: Activation::Relu, order: 2, bias_scale: 0.0 }, 3, Weights::Sphere),
            "no function",
        ),
        (of(Formula::Random { activation: Activation::Erf, order: 5, bias_scale: 0.0 }, 3, Weights::Sphere), "order 4"),
        (
            of(Formula::Random { activation: Activation::Erf, order: 0, bias_scale: -1.0 }, 3, Weights::Sphere),
            "bias_scale",
        ),
        (of(Formula::Fourier(Spectral::Rbf { gamma: 0.0 }), 3, Weights::Gaussian), "gamma"),
        (of(Formula::Fourier(Spectral::Manhattan { gamma: 1.0 }), 3, Weights::Hadamard), "norm 2"),
    ] {
        let e = on(1, |context| FeatureMap::<f64>::new(&features, context, 4).map(drop)).expect_err(message);
        assert!(e.to_string().contains(message), "{e}");
    }
}
