//! Kernels of rows whose squares underflow: the laws of scaling hold for every size of the rows.

use widelearn_core::activation::Activation;
use widelearn_core::gram::{kernel_diagonal, kernel_matrix, kernel_product};
use widelearn_core::kernels::{Kernel, Network};
use widelearn_core::matrix::Rows;
use widelearn_core::random::Stream;
use widelearn_core::real::Real;
use widelearn_core::threads::{Context, run};

const N: usize = 300;
const D: usize = 5;

fn on<R: Send>(job: impl FnOnce(&Context<'_>) -> R + Send) -> R {
    run(2, || true, |context| Ok(job(context))).expect("a pool")
}

fn rows(scale: f64) -> Vec<f64> {
    let mut out = vec![0.0; N * D];
    on(|context| Stream::new(4, 9).matrix(context, 0, D, &mut out)).expect("normals");
    out[3 * D..4 * D].fill(0.0);
    out.iter().map(|v| v * scale).collect()
}

/// The matrix, its diagonal and its product with ones.
fn all<T: Real>(kernel: &Kernel, data: &[f64]) -> Vec<f64> {
    let data: Vec<T> = data.iter().map(|&v| T::from_f64(v)).collect();
    let (x, ones) = (Rows::new(&data, N, D), vec![T::ONE; 2 * N]);
    let (mut k, mut diagonal, mut product) = (vec![T::ZERO; N * N], vec![T::ZERO; N], vec![T::ZERO; 2 * N]);
    on(|context| kernel_matrix(context, kernel, x, None, &mut k)).expect("a matrix");
    on(|context| kernel_diagonal(context, kernel, x, &mut diagonal)).expect("a diagonal");
    on(|context| kernel_product(context, kernel, x, None, Rows::new(&ones, N, 2), &mut product)).expect("a product");
    for i in 0..N {
        assert!(k[i * N + i] == diagonal[i], "{kernel:?} at row {i}");
    }
    k.iter().chain(&diagonal).chain(&product).map(|v| v.to_f64()).collect()
}

/// Kernels whose values are of order one, in units of `scale`.
fn kernels(scale: f64) -> Vec<Kernel> {
    let step = Network { depth: 2, activation: Activation::Step, weight_variance: 1.0, bias_variance: 0.0 };
    let laplace = Kernel::Laplace { gamma: 0.5 / scale, power: 1.0 };
    vec![
        Kernel::ArcCosine { order: 0 },
        Kernel::Nngp(step),
        Kernel::Matern { length_scale: 2.0 * scale, nu: 2.5 },
        Kernel::Laplace { gamma: 0.5 / scale.sqrt(), power: 0.5 },
        Kernel::Product(Box::new(laplace.clone()), Box::new(Kernel::ArcCosine { order: 0 })),
        Kernel::Sum(
            Box::new(Kernel::Constant(0.5)),
            Box::new(Kernel::Product(Box::new(laplace.clone()), Box::new(laplace))),
        ),
    ]
}

fn agree<T: Real>(power: i32, tolerance: f64) {
    let scale = 2f64.powi(power);
    for (kernel, unit) in kernels(scale).iter().zip(kernels(1.0)) {
        let (found, wanted) = (all::<T>(kernel, &rows(scale)), all::<T>(&unit, &rows(1.0)));
        for (a, b) in found.iter().zip(&wanted) {
            assert!((a - b).abs() <= tolerance * b.abs().max(1.0), "{kernel:?}: {a} is not {b}");
        }
    }
}

#[test]
fn values_do_not_depend_on_the_size_of_rows() {
    for power in [-40, -64, -70, -110] {
        agree::<f32>(power, 1e-4);
    }
    for power in [-300, -484, -530, -900] {
        agree::<f64>(power, 1e-11);
    }
}

#[test]
fn parameters_beyond_single_precision_are_taken() {
    let data = [1e-21, 3e-21];
    let data: Vec<f32> = data.iter().map(|&v| v as f32).collect();
    let mut out = [0f32; 4];
    let kernel = Kernel::Rbf { gamma: 3e41 };
    on(|context| kernel_matrix(context, &kernel, Rows::new(&data, 2, 1), None, &mut out)).expect("a matrix");
    assert!((f64::from(out[1]) - (-1.2f64).exp()).abs() < 1e-5 && out[0] == 1.0, "{out:?}");
}

#[test]
fn rows_that_overflow_are_refused_still() {
    let data = [1.0, 2.0, 1e200, 0.0];
    let mut out = [0.0; 4];
    let kernel = Kernel::Rbf { gamma: 1.0 };
    let e =
        on(|context| kernel_matrix(context, &kernel, Rows::new(&data, 2, 2), None, &mut out)).expect_err("overflow");
    assert!(e.to_string().contains("row 1"), "{e}");
}
