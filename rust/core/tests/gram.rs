//! Gram matrices through the public API: right to the last digits, with the same bits for any threads, place or path.

mod grams;
mod pool;

use grams::{gram, kernels, network, plan};
use pool::{normals, on};
use proptest::prelude::*;
use widelearn_core::activation::Activation;
use widelearn_core::gram::{assemble, diagonal, product};
use widelearn_core::kernels::Kernel;
use widelearn_core::matrix::Rows;

#[test]
fn bits_do_not_depend_on_threads() {
    let x: Vec<f64> = normals(1, 211, 17);
    let x = Rows::new(&x, 211, 17);
    for kernel in kernels() {
        let one = gram(1, &kernel, x, None);
        for threads in [2, 3, 4, 8] {
            assert!(gram(threads, &kernel, x, None) == one, "{kernel:?} on {threads} threads");
        }
    }
}

#[test]
fn bits_do_not_depend_on_place() {
    // Rows 100 .. 110 against all, alone and as a part; and the transpose. Of short rows many pairs are near.
    for d in [1, 2, 3, 4, 5, 6, 7, 300] {
        let data: Vec<f64> = normals(2, 230, d);
        let x = Rows::new(&data, 230, d);
        for kernel in kernels() {
            let whole = gram(2, &kernel, x, None);
            let part = gram(1, &kernel, x.slice(100, 10), Some(x));
            let turned = gram(1, &kernel, x, Some(x.slice(100, 10)));
            for i in 0..10 {
                for j in 0..230 {
                    let (found, with) = (part[i * 230 + j].to_bits(), whole[(100 + i) * 230 + j].to_bits());
                    assert_eq!(found, with, "{kernel:?} {d} {i} {j}");
                    assert_eq!(turned[j * 10 + i].to_bits(), found, "{kernel:?} {d} {i} {j} turned");
                }
            }
        }
    }
}

#[test]
fn diagonals_are_those_of_the_matrix() {
    for d in [1, 3, 33] {
        let data: Vec<f32> = normals(3, 150, d);
        let x = Rows::new(&data, 150, d);
        for kernel in kernels() {
            let whole = gram(2, &kernel, x, None);
            let mut diag = vec![0.0f32; 150];
            let plan = plan(&kernel, d);
            on(2, |context| diagonal(context, &plan, x, &mut diag)).expect("a diagonal");
            for (i, found) in diag.iter().enumerate() {
                assert_eq!(found.to_bits(), whole[i * 151].to_bits(), "{kernel:?} {d} {i}");
            }
        }
    }
}

#[test]
fn half_zero_rows_pass_freivalds() {
    // Blocks of exact zeros have broken fast products before: K v must be X (X^T v).
    for (n, d) in [(1031, 257), (700, 64), (97, 1500)] {
        let mut data: Vec<f64> = normals(4, n, d);
        for (i, row) in data.chunks_exact_mut(d).enumerate() {
            let zeros = if i % 3 == 0 { 0..d / 2 } else { d / 2..d };
            row[zeros].fill(0.0);
        }
        let x = Rows::new(&data, n, d);
        let k = gram(2, &Kernel::Linear, x, None);
        let v: Vec<f64> = normals(5, n, 1);
        let mut inner = vec![0.0; d];
        for (row, v) in data.chunks_exact(d).zip(&v) {
            for (s, a) in inner.iter_mut().zip(row) {
                *s += a * v;
            }
        }
        for i in 0..n {
            let got: f64 = k[i * n..(i + 1) * n].iter().zip(&v).map(|(a, b)| a * b).sum();
            let want: f64 = x.row(i).iter().zip(&inner).map(|(a, b)| a * b).sum();
            // Rounding of about sqrt(n d) terms of size one, each to an epsilon.
            assert!((got - want).abs() < 1e-13 * (n * d) as f64, "{n} {d} row {i}: {got} {want}");
        }
    }
}

#[test]
fn overflowing_rows_are_refused() {
    let data = [1.0, 2.0, 1e200, 0.0];
    let plan = plan::<f64>(&Kernel::Rbf { gamma: 1.0 }, 2);
    let mut out = vec![0.0; 4];
    let e = on(1, |context| assemble(context, &plan, Rows::new(&data, 2, 2), None, &mut out)).expect_err("overflow");
    assert!(e.to_string().contains("row 1"), "{e}");
}

#[test]
fn symmetric_products_use_each_tile_twice() {
    for (n, t) in [(1, 1), (96, 2), (97, 5), (400, 9)] {
        let (x, v): (Vec<f64>, Vec<f64>) = (normals(8, n, 6), normals(9, n, t));
        let x = Rows::new(&x, n, 6);
        let kernel = Kernel::Matern { length_scale: 2.0, nu: 2.5 };
        let (k, plan) = (gram(2, &kernel, x, None), plan(&kernel, 6));
        let on_threads = |threads| {
            let mut out = vec![0.0; n * t];
            on(threads, |context| product(context, &plan, x, None, &v, t, &mut out)).expect("a product");
            out
        };
        let out = on_threads(1);
        assert!([2, 3, 8].into_iter().all(|threads| on_threads(threads) == out), "bits for n {n} t {t}");
        for i in 0..n {
            for c in 0..t {
                let want: f64 = (0..n).map(|j| k[i * n + j] * v[j * t + c]).sum();
                let size: f64 = (0..n).map(|j| (k[i * n + j] * v[j * t + c]).abs()).sum();
                assert!((out[i * t + c] - want).abs() <= 1e-14 * (size + 1.0), "n {n} t {t} at {i} {c}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn products_match_matrices(n in 1usize..120, m in 1usize..220, d in 1usize..40, t in 1usize..5, seed in 0u64..1000) {
        let (x, y, v): (Vec<f64>, Vec<f64>, Vec<f64>) =
            (normals(seed, n, d), normals(seed + 1, m, d), normals(seed + 2, m, t));
        let (x, y) = (Rows::new(&x, n, d), Rows::new(&y, m, d));
        let kernel = Kernel::Ntk(network(Activation::Relu, 1, 0.1));
        let k = gram(2, &kernel, x, Some(y));
        let plan = plan(&kernel, d);
        let mut out = vec![0.0; n * t];
        on(2, |context| product(context, &plan, x, Some(y), &v, t, &mut out)).expect("a product");
        for i in 0..n {
            for c in 0..t {
                let want: f64 = (0..m).map(|j| k[i * m + j] * v[j * t + c]).sum();
                let size: f64 = (0..m).map(|j| (k[i * m + j] * v[j * t + c]).abs()).sum();
                prop_assert!((out[i * t + c] - want).abs() <= 1e-14 * (size + 1.0));
            }
        }
    }

    #[test]
    fn relu_kernels_scale_with_their_rows(d in 1usize..30, a in -8i32..8, b in -8i32..8, seed in 0u64..1000) {
        // k(2^a x, 2^b y) = 2^(a + b) k(x, y), exactly: powers of two round nothing.
        let (x, y): (Vec<f64>, Vec<f64>) = (normals(seed, 3, d), normals(seed + 7, 5, d));
        let (fa, fb) = (2f64.powi(a), 2f64.powi(b));
        let (xs, ys): (Vec<f64>, Vec<f64>) = (x.iter().map(|v| v * fa).collect(), y.iter().map(|v| v * fb).collect());
        let kernel = Kernel::ArcCosine { order: 1 };
        let k = gram(1, &kernel, Rows::new(&x, 3, d), Some(Rows::new(&y, 5, d)));
        let scaled = gram(1, &kernel, Rows::new(&xs, 3, d), Some(Rows::new(&ys, 5, d)));
        for (k, s) in k.iter().zip(&scaled) {
            prop_assert!((s - k * fa * fb).abs() <= 1e-14 * s.abs());
        }
    }
}
