//! Gram matrices, inner products, moments, factors and solves of drawn shapes and sizes, against naive sums in f64.

mod pool;

use pool::{normals, on};
use proptest::prelude::*;
use widelearn_core::gram::{Moments, assemble, inner_products, moments};
use widelearn_core::kernels::{Kernel, Plan};
use widelearn_core::matrix::Rows;
use widelearn_core::real::Real;
use widelearn_core::solve::{Columns, extend, factor, inverse_diagonal, solve};

/// Numbers of one type, times a power of two, as that type and as f64.
fn rows<T: Real>(seed: u64, n: usize, d: usize, power: i32) -> (Vec<T>, Vec<f64>) {
    let values: Vec<T> = normals(seed, n, d);
    let scaled: Vec<T> = values.iter().map(|v| T::from_f64(v.to_f64() * 2f64.powi(power))).collect();
    let wide = scaled.iter().map(|v| v.to_f64()).collect();
    (scaled, wide)
}

/// `x x^T + n I`, positive definite with a condition number of a few units.
fn definite(seed: u64, n: usize) -> Vec<f64> {
    let x: Vec<f64> = normals(seed, n, n);
    let mut a = vec![0.0; n * n];
    for i in 0..n {
        for j in 0..n {
            a[i * n + j] = (0..n).map(|k| x[i * n + k] * x[j * n + k]).sum::<f64>();
        }
        a[i * n + i] += n as f64;
    }
    a
}

/// The textbook's factor.
fn naive_factor(a: &[f64], n: usize) -> Vec<f64> {
    let mut l = vec![0.0; n * n];
    for i in 0..n {
        for j in 0..=i {
            let rest = a[i * n + j] - (0..j).map(|k| l[i * n + k] * l[j * n + k]).sum::<f64>();
            l[i * n + j] = if i == j { rest.sqrt() } else { rest / l[j * n + j] };
        }
    }
    l
}

/// Some rows and columns of an n x n matrix.
fn part(a: &[f64], n: usize, rows: &[usize], columns: &[usize]) -> Vec<f64> {
    rows.iter().flat_map(|&i| columns.iter().map(move |&j| a[i * n + j])).collect()
}

fn naive_kernel(kernel: &Kernel, x: &[f64], y: &[f64]) -> f64 {
    let dot: f64 = x.iter().zip(y).map(|(a, b)| a * b).sum();
    let square: f64 = x.iter().zip(y).map(|(a, b)| (a - b) * (a - b)).sum();
    match *kernel {
        Kernel::Linear => dot,
        Kernel::Polynomial { degree, gamma, coef0 } => (gamma * dot + coef0).powi(degree as i32),
        Kernel::Rbf { gamma } => (-gamma * square).exp(),
        Kernel::Laplace { gamma, .. } => (-gamma * square.sqrt()).exp(),
        _ => unreachable!("only those of the test"),
    }
}

/// Entries against naive ones; sums of d products of up to `size` lose some units of its last place.
fn check_gram<T: Real>(kernel: &Kernel, seed: u64, (n, m, d): (usize, usize, usize), power: i32, threads: usize) {
    let ((x, wide_x), (y, wide_y)) = (rows::<T>(seed, n, d, power), rows::<T>(seed + 1, m, d, power));
    let plan = on(1, |context| Plan::new(context, kernel, d)).expect("a plan");
    let mut out = vec![T::ZERO; n * m];
    let (a, b) = (Rows::new(&x, n, d), Rows::new(&y, m, d));
    on(threads, |context| assemble(context, &plan, a, Some(b), &mut out)).expect("a Gram matrix");
    let mut again = vec![T::ZERO; n * m];
    on(1, |context| assemble(context, &plan, a, Some(b), &mut again)).expect("a Gram matrix");
    assert!(out == again, "other bits for {threads} threads");
    for i in 0..n {
        for j in 0..m {
            let (p, q) = (&wide_x[i * d..(i + 1) * d], &wide_y[j * d..(j + 1) * d]);
            let want = naive_kernel(kernel, p, q);
            let size: f64 = p.iter().chain(q).map(|v| v * v).sum();
            let least = if matches!(kernel, Kernel::Linear) { size } else { (1.0 + size).powi(2) };
            let gap = (out[i * m + j].to_f64() - want).abs();
            assert!(gap <= 16.0 * T::EPSILON.to_f64() * (d as f64).sqrt() * least, "{kernel:?} {i} {j}: {gap:e}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(120) })]

    #[test]
    fn gram_matrices(
        shape in (1usize..130, 1usize..130, 1usize..60),
        which in 0usize..4,
        power in -3i32..2,
        threads in 1usize..4,
        seed in 0u64..1000,
    ) {
        let kernel = [
            Kernel::Linear,
            Kernel::Polynomial { degree: 2, gamma: 0.25, coef0: 1.0 },
            Kernel::Rbf { gamma: 0.05 },
            Kernel::Laplace { gamma: 0.2, power: 1.0 },
        ][which].clone();
        check_gram::<f64>(&kernel, seed, shape, power, threads);
        check_gram::<f32>(&kernel, seed, shape, power, threads);
    }

    #[test]
    fn products_about_an_origin(n in 1usize..130, d in 1usize..80, power in -60i32..60, seed in 0u64..1000) {
        let (x, _) = rows::<f64>(seed, n, d, power);
        let shift: Vec<f64> = x[..d].to_vec();
        let mut out = vec![0.0; n * n];
        on(2, |context| inner_products(context, Rows::new(&x, n, d), &shift, &mut out)).expect("inner products");
        let centred: Vec<f64> = x.iter().enumerate().map(|(at, v)| v - shift[at % d]).collect();
        for i in 0..n {
            for j in 0..n {
                let terms = (0..d).map(|k| centred[i * d + k] * centred[j * d + k]);
                let size: f64 = terms.clone().map(f64::abs).sum();
                prop_assert!((out[i * n + j] - terms.sum::<f64>()).abs() <= 1e-14 * size);
                prop_assert_eq!(out[i * n + j], out[j * n + i]);
            }
        }
    }

    #[test]
    fn moments_are_sums(
        shape in (1usize..150, 1usize..40, 1usize..4),
        weighted in any::<bool>(),
        parts in 1usize..4,
        seed in 0u64..1000,
    ) {
        let (n, p, t) = shape;
        let (x, y): (Vec<f64>, Vec<f64>) = (normals(seed, n, p), normals(seed + 1, n, t));
        let weight: Vec<f64> = (0..n).map(|i| if weighted { (i % 3) as f64 } else { 1.0 }).collect();
        let (shift_z, shift_y) = (vec![0.5; p], vec![-0.25; t]);
        let (mut zz, mut zy, mut sums) = (vec![0.0; p * p], vec![0.0; p * t], vec![0.0; 1 + p + 2 * t]);
        // Parts of the rows add up.
        for rows in (0..n).collect::<Vec<_>>().chunks(n.div_ceil(parts)) {
            let (from, to) = (rows[0], rows[0] + rows.len());
            let mut into = Moments { shift_z: &shift_z, shift_y: &shift_y, zz: &mut zz, zy: &mut zy, sums: &mut sums };
            let part = Rows::new(&x[from * p..to * p], to - from, p);
            let w = weighted.then_some(&weight[from..to]);
            on(2, |context| moments(context, None, part, &y[from * t..to * t], w, &mut into)).expect("moments");
        }
        let z = |i: usize, j: usize| x[i * p + j] - 0.5;
        let r = |i: usize, k: usize| y[i * t + k] + 0.25;
        let near = |found: f64, term: &dyn Fn(usize) -> f64| {
            let (sum, size) = (0..n).map(term).fold((0.0, 0.0), |(s, a): (f64, f64), v| (s + v, a + v.abs()));
            (found - sum).abs() <= 1e-14 * size * 8.0
        };
        prop_assert!(near(sums[0], &|i| weight[i]));
        for j in 0..p {
            prop_assert!(near(sums[1 + j], &|i| weight[i] * z(i, j)));
            prop_assert!((0..p).all(|k| near(zz[j * p + k], &|i| weight[i] * z(i, j) * z(i, k))));
            prop_assert!((0..t).all(|k| near(zy[j * t + k], &|i| weight[i] * z(i, j) * r(i, k))));
        }
        for k in 0..t {
            prop_assert!(near(sums[1 + p + k], &|i| weight[i] * r(i, k)));
            prop_assert!(near(sums[1 + p + t + k], &|i| weight[i] * r(i, k) * r(i, k)));
        }
    }

    #[test]
    fn factors_and_solutions(n in 1usize..160, t in 1usize..4, power in -200i32..200, seed in 0u64..1000) {
        let scale = 2f64.powi(power);
        let whole: Vec<f64> = definite(seed, n).iter().map(|v| v * scale).collect();
        let mut a = whole.clone();
        on(3, |context| factor(context, &mut a, n)).expect("a factor");
        let want = naive_factor(&whole, n);
        for i in 0..n {
            for j in 0..=i {
                prop_assert!((a[i * n + j] - want[i * n + j]).abs() <= 1e-13 * (n as f64 * scale * 4.0).sqrt() * n as f64);
            }
        }
        let (b, ridge): (Vec<f64>, Vec<f64>) = (normals(seed + 2, n, t), vec![scale; n]);
        let (mut a, mut x) = (whole.clone(), b.clone());
        let found = on(2, |context| solve(context, &mut a, n, &ridge, &mut x, true)).expect("a solution");
        prop_assert!(found.residual <= 1e-14 && found.rcond > 1e-4 && found.rcond <= 1.0, "{found:?}");
        for i in 0..n {
            for k in 0..t {
                let product: f64 = (0..n).map(|j| whole[i * n + j] * x[j * t + k]).sum();
                prop_assert!((product + scale * x[i * t + k] - b[i * t + k]).abs() <= 1e-12 * (n as f64).sqrt());
            }
        }
    }

    #[test]
    fn diagonals_of_inverses(n in 1usize..500, seed in 0u64..1000) {
        let a = definite(seed, n);
        let mut l = a.clone();
        on(2, |context| factor(context, &mut l, n)).expect("a factor");
        let (known, mut twice, mut out, mut again) = (l.clone(), l.clone(), vec![0.0; n], vec![0.0; n]);
        on(3, |context| inverse_diagonal(context, &mut l, n, &mut out)).expect("an inverse");
        on(1, |context| inverse_diagonal(context, &mut twice, n, &mut again)).expect("an inverse");
        prop_assert!(l == twice && out == again);
        for i in 0..n {
            // What lies above stays, and the rows of the inverse turn columns of L into those of the identity.
            prop_assert!((i + 1..n).all(|j| l[i * n + j] == known[i * n + j]));
            for j in (i.saturating_sub(3)..=i).chain([0, i / 2]) {
                let product: f64 = (j..=i).map(|k| l[i * n + k] * known[k * n + j]).sum();
                prop_assert!((product - f64::from(u8::from(i == j))).abs() <= 1e-11, "{i} {j}: {product}");
            }
            let sum: f64 = (i..n).map(|k| l[k * n + i].powi(2)).sum();
            prop_assert!((out[i] - sum).abs() <= 1e-12 * sum);
        }
    }

    #[test]
    fn an_extended_factor_is_the_factor(
        n in 2usize..160, steps in proptest::collection::vec((1usize..12, 0usize..12), 1..4), seed in 0u64..1000
    ) {
        // Rows of A are chosen in a drawn order, for panels that take their columns in two steps.
        let (a, keys): (_, Vec<f64>) = (definite(seed, n), normals(seed + 3, n, 1));
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|&i, &j| keys[i].total_cmp(&keys[j]));
        let want = naive_factor(&part(&a, n, &order, &order), n);
        let mut left: Vec<f64> = (0..n).map(|i| a[i * n + i]).collect();
        let (mut panels, mut start): (Vec<(Vec<f64>, usize)>, usize) = (Vec::new(), 0);
        for (first, second) in steps {
            let width = (first + second).min(n - start);
            let mut last = vec![0.0; n * width];
            let cut = first.min(width);
            for (at, end) in [(0, cut), (cut, width)].into_iter().filter(|(at, end)| at < end) {
                let (columns, all): (Vec<usize>, Vec<usize>) = ((start + at..start + end).collect(), (0..n).collect());
                let fresh = part(&a, n, &all, &order[start + at..start + end]);
                let l = part(&want, n, &columns, &columns);
                let chosen: Vec<i64> = columns.iter().map(|&j| order[j] as i64).collect();
                let known: Vec<_> = panels.iter().map(|(panel, width)| Rows::new(panel, n, *width)).collect();
                let to = Columns { known: &known, last: &mut last, width, at };
                on(2, |context| extend(context, to, &fresh, &chosen, &l, &mut left)).expect("columns");
            }
            panels.push((last, width));
            start += width;
        }
        for (k, &i) in order.iter().enumerate() {
            let row: Vec<f64> = panels.iter().flat_map(|(panel, w)| panel[i * w..(i + 1) * w].to_vec()).collect();
            let squares: f64 = row.iter().map(|v| v * v).sum();
            prop_assert!((left[i] - (a[i * n + i] - squares)).abs() <= 1e-12 * a[i * n + i]);
            for (j, found) in row.iter().enumerate() {
                prop_assert!((found - want[k * n + j]).abs() <= 1e-12 * a[i * n + i], "row {k} column {j}");
            }
        }
    }
}
