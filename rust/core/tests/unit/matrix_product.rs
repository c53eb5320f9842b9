//! Unit tests of `matrix::product`, with its private names.

use super::{block, inner, product, product_steps};
use crate::matrix::{DEPTH, Packed, Rows, TILE};
use crate::real::Real;
use crate::simd::{Level, Micro, available};
use proptest::prelude::*;

fn packed<T: Real>(width: usize, x: Rows<'_, T>) -> Packed<T> {
    let mut pack = Packed::new(width);
    pack.reserve(x.n, x.d).unwrap();
    pack.fill(x);
    pack
}

fn numbers<T: Real>(n: usize, d: usize) -> Vec<T> {
    (0..n * d).map(|i| T::from_i32((i * i % 17) as i32 - 8)).collect()
}

/// Products of small whole numbers are exact.
fn check<T: Real>(level: Level, n: usize, m: usize, d: usize) {
    let ((mr, nr), x, y) = (T::block(level), numbers::<T>(n, d), numbers::<T>(m, d));
    let (x, y) = (Rows::new(&x, n, d), Rows::new(&y, m, d));
    let (a, b) = (packed(mr, x), packed(nr, y));
    let (mut tile, mut other) = (vec![T::ONE; TILE * TILE], vec![T::ONE; TILE * TILE]);
    product(level, &a, (0, n), &b, (0, m), &mut tile, TILE, false);
    // The other factor's steps as rows, as long as whole register blocks.
    let ld = m.next_multiple_of(nr);
    let mut steps = vec![T::ZERO; d * ld];
    T::transpose(level, y.data, d, m, d, &mut steps, ld);
    product_steps(level, &a, n, &steps, (ld, m), &mut other, TILE);
    for i in 0..n {
        for j in 0..m {
            let expected: f64 = x.row(i).iter().zip(y.row(j)).map(|(x, y)| x.to_f64() * y.to_f64()).sum();
            assert_eq!(tile[i * TILE + j].to_f64(), expected, "{level:?} {n} x {m} x {d}: {i}, {j}");
            assert!(d == 0 || other[i * TILE + j].to_f64() == expected);
            assert_eq!(inner(level, &a, i, &b, j).to_f64(), expected);
        }
    }
}

#[test]
fn products_of_any_shape_at_every_level() {
    for level in available() {
        for (n, m, d) in
            [(1, 1, 0), (1, 1, 1), (7, 13, 5), (TILE, 50, 33), (9, TILE, DEPTH + 3), (1, TILE, DEPTH + 3), (2, 40, 9)]
        {
            check::<f32>(level, n, m, d);
            check::<f64>(level, n, m, d);
        }
    }
}

/// Rows that a register block holds alone or with few others have the bits of one pair.
fn few<T: Real>(level: Level) {
    let numbers = |n: usize, by: f64| (0..n).map(|i| T::from_f64((i as f64 * by).sin())).collect::<Vec<_>>();
    let ((mr, nr), d) = (T::block(level), 2 * DEPTH + 5);
    let (x, y) = (numbers((mr + 2) * d, 1.3), numbers(TILE * d, 0.7));
    for (n, m) in [(1, TILE), (2, TILE), (mr + 1, TILE), (mr + 2, 3 * nr - 1)] {
        let m = m.min(TILE);
        let a = packed(mr, Rows::new(&x[..n * d], n, d));
        let b = packed(nr, Rows::new(&y[..m * d], m, d));
        let mut tile = vec![T::ONE; TILE * TILE];
        product(level, &a, (0, n), &b, (0, m), &mut tile, TILE, false);
        for (i, j) in (0..n).flat_map(|i| (0..m).map(move |j| (i, j))) {
            assert_eq!(tile[i * TILE + j], inner(level, &a, i, &b, j), "{level:?} {n} x {m}: {i}, {j}");
        }
    }
}

#[test]
fn few_rows_have_the_bits_of_pairs() {
    for level in available() {
        few::<f32>(level);
        few::<f64>(level);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(24) })]

    #[test]
    fn products_of_drawn_shapes(n in 1..=TILE, m in 1..=TILE, d in 0..2 * DEPTH + 9) {
        for level in available() {
            check::<f32>(level, n, m, d);
            check::<f64>(level, n, m, d);
        }
    }
}

#[test]
#[should_panic(expected = "assertion")]
fn no_register_block_reaches_past_the_end() {
    let level = available()[0];
    let (mr, nr) = f64::block(level);
    block(level, &vec![1.0; 3 * mr], (&vec![1.0; 3 * nr], nr), (&mut vec![0.0; mr * nr], nr + 1), false);
}
