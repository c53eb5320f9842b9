//! Cholesky solves: LAPACK's residual ratios on nine kinds of matrices, the same bits for any threads, honest failures.

use widelearn_core::error::Error;
use widelearn_core::random::Stream;
use widelearn_core::solve::{factor, shifted_inverses, solve, solve_mixed};
use widelearn_core::threads::{Context, run};

fn on<R: Send>(threads: usize, job: impl FnOnce(&Context<'_>) -> R + Send) -> R {
    run(threads, || true, |context| Ok(job(context))).expect("a pool")
}

fn normals(seed: u64, n: usize) -> Vec<f64> {
    let mut out = vec![0.0; n];
    on(1, |context| Stream::new(seed, 9).normals(context, 0, &mut out));
    out
}

/// A symmetric matrix with these eigenvalues: a diagonal one between Householder reflections.
fn with_eigenvalues(values: &[f64], seed: u64) -> Vec<f64> {
    let n = values.len();
    let mut a = vec![0.0; n * n];
    for (i, v) in values.iter().enumerate() {
        a[i * n + i] = *v;
    }
    for k in 0..3 {
        let v = normals(seed + k, n);
        let size: f64 = v.iter().map(|x| x * x).sum();
        // A - 2 v (v^T A) / |v|^2 from both sides.
        for _ in 0..2 {
            let mut row = vec![0.0; n];
            for i in 0..n {
                for j in 0..n {
                    row[j] += v[i] * a[i * n + j];
                }
            }
            for i in 0..n {
                for j in 0..n {
                    a[i * n + j] -= 2.0 * v[i] * row[j] / size;
                }
            }
            for i in 0..n {
                for j in 0..i {
                    a.swap(i * n + j, j * n + i);
                }
            }
        }
    }
    for i in 0..n {
        for j in 0..i {
            a[i * n + j] = a[j * n + i];
        }
    }
    a
}

/// Eigenvalues of the kinds that LAPACK's testers use for positive definite matrices.
fn kinds(n: usize) -> Vec<Vec<f64>> {
    let m = (n.max(2) - 1) as f64;
    let geometric = |condition: f64| (0..n).map(|i| condition.powf(-(i as f64) / m)).collect::<Vec<_>>();
    let cluster =
        |condition: f64, low: usize| (0..n).map(|i| if i < low { 1.0 / condition } else { 1.0 }).collect::<Vec<_>>();
    let scaled = |v: Vec<f64>, s: f64| v.into_iter().map(|x| x * s).collect::<Vec<_>>();
    vec![
        vec![1.0; n],
        (0..n).map(|i| 1.0 + i as f64 / m).collect(),
        geometric(2.0),
        cluster(2.0, n - 1),
        cluster(1e4, 1),
        geometric((0.1 / f64::EPSILON).sqrt()),
        geometric(0.1 / f64::EPSILON / n as f64),
        scaled(geometric(2.0), 1e-290),
        scaled(geometric(2.0), 1e290 / n as f64),
    ]
}

#[test]
fn residual_ratios_are_small() {
    let mut ratios = Vec::new();
    for n in [1, 2, 3, 5, 10, 50, 193, 400] {
        for (kind, values) in kinds(n).into_iter().enumerate() {
            let a = with_eigenvalues(&values, 11);
            for t in [1, 2, 15] {
                // b = A x for a known x keeps the solution of moderate size.
                let x0 = normals(5 + t as u64, n * t);
                let mut b = vec![0.0; n * t];
                for i in 0..n {
                    for j in 0..n {
                        for c in 0..t {
                            b[i * t + c] += a[i * n + j] * x0[j * t + c];
                        }
                    }
                }
                let (mut l, mut x) = (a.clone(), b.clone());
                on(2, |context| solve(context, &mut l, n, &vec![0.0; n], &mut x, true)).expect("positive definite");
                let norm = (0..n).map(|i| (0..n).map(|j| a[i * n + j].abs()).sum::<f64>()).fold(0.0, f64::max);
                for c in 0..t {
                    let (mut r, mut size) = (0.0f64, 0.0f64);
                    for i in 0..n {
                        let ax: f64 = (0..n).map(|j| a[i * n + j] * x[j * t + c]).sum();
                        r += (b[i * t + c] - ax).abs();
                        size += x[i * t + c].abs();
                    }
                    let ratio = r / (norm * size * f64::EPSILON);
                    assert!(ratio < 30.0, "n {n} kind {kind} targets {t}: ratio {ratio}");
                    ratios.push(ratio);
                }
            }
        }
    }
    ratios.sort_by(f64::total_cmp);
    assert!(ratios[ratios.len() / 2] < 1.0, "median ratio {}", ratios[ratios.len() / 2]);
}

#[test]
fn factors_reconstruct_their_matrix() {
    for n in [1, 7, 287, 288, 289, 500, 577] {
        let values: Vec<f64> = (0..n).map(|i| 1.0 + i as f64).collect();
        let a = with_eigenvalues(&values, 3);
        let mut l = a.clone();
        on(2, |context| factor(context, &mut l, n)).expect("positive definite");
        let norm = n as f64;
        for i in 0..n {
            for j in 0..=i {
                let llt: f64 = (0..=j).map(|k| l[i * n + k] * l[j * n + k]).sum();
                assert!((llt - a[i * n + j]).abs() <= 4.0 * norm * f64::EPSILON * norm, "n {n} at {i} {j}");
            }
            for j in i + 1..n {
                assert_eq!(l[i * n + j].to_bits(), a[i * n + j].to_bits(), "the upper triangle stays");
            }
        }
    }
}

#[test]
fn bits_do_not_depend_on_threads() {
    let n = 450;
    let a = with_eigenvalues(&(0..n).map(|i| 1.0 + (i % 17) as f64).collect::<Vec<_>>(), 8);
    let b = normals(1, n * 3);
    let mut one: Option<Vec<f64>> = None;
    for threads in [1, 2, 3, 4, 8] {
        let (mut l, mut x) = (a.clone(), b.clone());
        on(threads, |context| solve(context, &mut l, n, &vec![0.1; n], &mut x, true)).expect("positive definite");
        assert!(one.as_ref().is_none_or(|o| *o == x), "{threads} threads");
        one = Some(x);
    }
}

/// The backward error of every column beside the one of a factor in doubles, which is asked of both.
#[test]
fn factors_in_single_precision_solve_to_the_digits_of_doubles_or_say_no() {
    let (mut solved, mut refused) = (0, 0);
    for n in [1, 2, 10, 193, 400] {
        for (kind, values) in kinds(n).into_iter().enumerate() {
            let a = with_eigenvalues(&values, 11);
            for t in [1, 3] {
                let (b, kept) = (normals(5 + t as u64, n * t), a.clone());
                let mut x = b.clone();
                let found = on(2, |context| solve_mixed(context, &a, n, &vec![0.0; n], &mut x)).expect("an answer");
                assert_eq!(a, kept, "the matrix stays");
                if found.is_none() {
                    assert_eq!(b, x, "n {n} kind {kind}: right-hand sides stay");
                    refused += 1;
                    continue;
                }
                solved += 1;
                let norm = (0..n).map(|i| (0..n).map(|j| a[i * n + j].abs()).sum::<f64>()).fold(0.0, f64::max);
                for c in 0..t {
                    let (mut r, mut size, mut right) = (0.0f64, 0.0f64, 0.0f64);
                    for i in 0..n {
                        let ax: f64 = (0..n).map(|j| a[i * n + j] * x[j * t + c]).sum();
                        r += (b[i * t + c] - ax).powi(2);
                        size += x[i * t + c].powi(2);
                        right += b[i * t + c].powi(2);
                    }
                    let backward = r.sqrt() / (norm * size.sqrt() + right.sqrt());
                    assert!(backward <= f64::EPSILON, "n {n} kind {kind} targets {t}: {backward}");
                }
            }
        }
    }
    assert!(solved >= 40 && refused >= 10, "{solved} solved, {refused} refused");
}

#[test]
fn bits_of_both_precisions_together_do_not_depend_on_threads() {
    let n = 450;
    let a = with_eigenvalues(&(0..n).map(|i| 1.0 + (i % 17) as f64).collect::<Vec<_>>(), 8);
    let b = normals(1, n * 3);
    let mut one: Option<Vec<f64>> = None;
    for threads in [1, 2, 3, 8] {
        let mut x = b.clone();
        let found = on(threads, |context| solve_mixed(context, &a, n, &vec![0.1; n], &mut x)).expect("an answer");
        assert!(found.is_some());
        assert!(one.as_ref().is_none_or(|o| *o == x), "{threads} threads");
        one = Some(x);
    }
}

#[test]
fn shifted_inverses_are_those_of_factors() {
    for n in [1, 2, 31, 47, 48, 49, 95, 96, 97, 145, 250] {
        for (kind, values) in kinds(n).into_iter().enumerate().take(4) {
            let (a, norm) = (with_eigenvalues(&values, 7), values.iter().fold(0.0_f64, |m, v| m.max(v.abs())));
            let (y, alphas) = (normals(3, 2 * n), [norm / 8.0, norm, 40.0 * norm]);
            let mut one: Option<(Vec<f64>, Vec<f64>)> = None;
            for threads in [2, 1, 5] {
                let (mut work, mut x, mut d) = (a.clone(), vec![0.0; 6 * n], vec![0.0; 3 * n]);
                on(threads, |context| shifted_inverses(context, &mut work, n, &alphas, &y, &mut x, &mut d))
                    .expect("positive definite");
                if let Some(one) = &one {
                    assert!(one.0 == x && one.1 == d, "{threads} threads");
                    continue;
                }
                for (at, alpha) in alphas.iter().enumerate() {
                    let mut shifted = a.clone();
                    (0..n).for_each(|i| shifted[i * n + i] += alpha);
                    let exact = inverse(&shifted, n);
                    for i in 0..n {
                        let gap = (d[at * n + i] - exact[i * n + i]).abs();
                        assert!(gap <= 1e-12 / alpha, "n {n} kind {kind} alpha {at} row {i}: {gap}");
                        for k in 0..2 {
                            let dual: f64 = (0..n).map(|j| exact[i * n + j] * y[2 * j + k]).sum();
                            let gap = (x[(at * n + i) * 2 + k] - dual).abs();
                            assert!(gap <= 1e-11 / alpha, "n {n} kind {kind} alpha {at} row {i}: {gap}");
                        }
                    }
                }
                one = Some((x, d));
            }
        }
    }
}

#[test]
fn shifts_that_leave_a_matrix_indefinite_are_refused() {
    let n = 130;
    let a = with_eigenvalues(&(0..n).map(|i| if i == 40 { -1.0 } else { 2.0 }).collect::<Vec<_>>(), 4);
    let (y, mut x, mut d) = (vec![1.0; n], vec![0.0; 2 * n], vec![0.0; 2 * n]);
    for (alpha, fails) in [(0.9, true), (1.1, false)] {
        let found = on(2, |context| shifted_inverses(context, &mut a.clone(), n, &[3.0, alpha], &y, &mut x, &mut d));
        assert_eq!(matches!(found, Err(Error::NotPositiveDefinite { .. })), fails, "{alpha}");
    }
}

#[test]
fn indefinite_matrices_name_their_pivot() {
    let n = 300;
    let mut a = vec![0.0; n * n];
    for i in 0..n {
        a[i * n + i] = if i == 250 { -1.0 } else { 2.0 };
    }
    let e = on(2, |context| factor(context, &mut a, n)).expect_err("indefinite");
    assert_eq!(e, Error::NotPositiveDefinite { pivot: 250, n, value: -1.0 });
}

#[test]
fn condition_numbers_are_near_the_truth() {
    for condition in [1e2, 1e6, 1e10] {
        let n = 60;
        let a = with_eigenvalues(&(0..n).map(|i| f64::powf(condition, -(i as f64) / 59.0)).collect::<Vec<_>>(), 4);
        let (mut l, mut x) = (a.clone(), normals(2, n));
        let s = on(1, |context| solve(context, &mut l, n, &vec![0.0; n], &mut x, true)).expect("positive definite");
        // The 1-norm condition is within a factor n of the 2-norm's; the estimate within 10 of the 1-norm's.
        assert!(s.rcond < 10.0 / condition && s.rcond > 1.0 / (10.0 * n as f64 * condition), "{condition} {}", s.rcond);
    }
}

/// The inverse of a positive definite matrix, by elimination.
fn inverse(a: &[f64], n: usize) -> Vec<f64> {
    let (mut a, mut out) = (a.to_vec(), vec![0.0; n * n]);
    for i in 0..n {
        out[i * n + i] = 1.0;
    }
    for k in 0..n {
        let pivot = a[k * n + k];
        for i in (0..n).filter(|&i| i != k) {
            let factor = a[i * n + k] / pivot;
            for j in 0..n {
                a[i * n + j] -= factor * a[k * n + j];
                out[i * n + j] -= factor * out[k * n + j];
            }
        }
    }
    for i in 0..n * n {
        out[i] /= a[i / n * (n + 1)];
    }
    out
}

/// Hager's estimate of `|B|_1` for a symmetric B from products with it, and that of Higham's safeguard.
fn estimates(b: &[f64], n: usize) -> (f64, f64) {
    let times = |x: &[f64]| (0..n).map(|i| (0..n).map(|j| b[i * n + j] * x[j]).sum()).collect::<Vec<f64>>();
    let size = |x: &[f64]| x.iter().map(|v| v.abs()).sum::<f64>();
    let (mut x, mut found, mut last) = (vec![1.0 / n as f64; n], 0.0, usize::MAX);
    for _ in 0..5 {
        let y = times(&x);
        if size(&y) <= found {
            break;
        }
        found = size(&y);
        let z = times(&y.iter().map(|v| 1f64.copysign(*v)).collect::<Vec<_>>());
        let largest = z.iter().fold(0.0f64, |m, v| m.max(v.abs()));
        let j = z.iter().position(|v| v.abs() == largest).expect("one");
        if j == last {
            break;
        }
        last = j;
        x = (0..n).map(|i| if i == j { 1.0 } else { 0.0 }).collect();
    }
    let alternating = |i: usize| (1.0 + i as f64 / (n as f64 - 1.0).max(1.0)) * f64::powi(-1.0, i as i32);
    (found, 2.0 * size(&times(&(0..n).map(alternating).collect::<Vec<_>>())) / (3.0 * n as f64))
}

/// A matrix whose large entries Hager's vectors never see (Higham 1988): they sum to zero in every row, and the first
/// column, where he goes, has none.
fn misleading(n: usize, sizes: &[f64]) -> Vec<f64> {
    let whole = n - (n + 1) % 2;
    let sign = |i: usize| if i == 0 || i >= whole { 0.0 } else { f64::powi(-1.0, i as i32) };
    let entry = |i: usize, j: usize| 10.0 * sizes[0] * sign(i) * sign(j) + sizes[1] / n as f64;
    (0..n * n)
        .map(|at| (at / n, at % n))
        .map(|(i, j)| entry(i, j) + if i == j { 1.0 } else { 0.0 } + if i + j == 0 { sizes[2] } else { 0.0 })
        .collect()
}

#[test]
fn condition_numbers_are_those_of_the_estimator() {
    let mut decided = [0, 0];
    for seed in 0..200 {
        let n = 1 + seed as usize % 9;
        let values: Vec<f64> = normals(seed + 50, n).iter().map(|v| (1.5 * v).exp()).collect();
        let a =
            if seed % 4 == 0 && n > 2 { inverse(&misleading(n, &values), n) } else { with_eigenvalues(&values, seed) };
        let inverse = inverse(&a, n);
        let norm = |a: &[f64]| a.chunks(n).map(|row| row.iter().map(|v| v.abs()).sum::<f64>()).fold(0.0, f64::max);
        let (hager, safeguard) = estimates(&inverse, n);
        decided[usize::from(safeguard > hager)] += 1;
        let (mut l, mut x) = (a.clone(), normals(2, n));
        let s = on(1, |context| solve(context, &mut l, n, &vec![0.0; n], &mut x, true)).expect("positive definite");
        let want = 1.0 / (norm(&a) * hager.max(safeguard)).max(1.0);
        assert!((s.rcond / want - 1.0).abs() < 1e-9, "n {n} seed {seed}: {} {want}", s.rcond);
        // An estimate from below: never worse conditioned than the truth.
        assert!(s.rcond * norm(&a) * norm(&inverse) > 1.0 - 1e-9, "n {n} seed {seed}");
    }
    assert!(decided.iter().all(|&cases| cases > 0), "{decided:?}");
}

#[test]
fn residuals_in_single_precision_are_those_that_are_told() {
    let mut gained = Vec::new();
    for seed in 0..6 {
        let (n, t) = (40 + 40 * seed as usize, 3);
        let values: Vec<f64> = (0..n).map(|i| f64::powf(1e-3, i as f64 / n as f64)).collect();
        let a: Vec<f32> = with_eigenvalues(&values, seed).iter().map(|v| *v as f32).collect();
        // Right-hand sides of unlike sizes, and one of zeros.
        let sizes = [1e-3f64, 1e4, 0.0];
        let b: Vec<f32> =
            normals(seed + 30, n * t).iter().enumerate().map(|(i, v)| (v * sizes[i % t]) as f32).collect();
        let told = [false, true].map(|refine| {
            let (mut l, mut x) = (a.clone(), b.clone());
            let s = on(2, |context| solve(context, &mut l, n, &vec![0.5; n], &mut x, refine)).expect("a solution");
            let mut worst = 0.0f64;
            for c in 0..t {
                let (mut left, mut size) = (0.0f64, 0.0f64);
                for i in 0..n {
                    let entry = |j: usize| f64::from(a[i * n + j]) + if i == j { 0.5 } else { 0.0 };
                    let product: f64 = (0..n).map(|j| entry(j) * f64::from(x[j * t + c])).sum();
                    left += (f64::from(b[i * t + c]) - product).powi(2);
                    size += f64::from(b[i * t + c]).powi(2);
                }
                worst = worst.max(if size > 0.0 { (left / size).sqrt() } else { left });
            }
            assert!((s.residual / worst - 1.0).abs() < 1e-6, "seed {seed}, {refine}: {} {worst}", s.residual);
            s.residual
        });
        assert!(told[1] <= told[0], "seed {seed}: {told:?}");
        gained.push(told[0] / told[1]);
    }
    // Rounding of the factor, which grows with n, is taken back; that of the solution's digits stays.
    assert!(gained[5] > 1.5, "{gained:?}");
}
