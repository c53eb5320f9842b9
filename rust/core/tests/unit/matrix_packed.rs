//! Unit tests of `matrix::packed`, with its private names.

use super::Packed;
use crate::matrix::{DEPTH, Rows};
use crate::threads::run;
use proptest::prelude::*;

#[test]
fn however_it_is_packed_it_is_the_same() {
    let (n, d, width) = (1000, DEPTH + 50, 8);
    let values: Vec<f64> = (0..n * d).map(|i| i as f64).collect();
    let x = Rows::new(&values, n, d);
    let mut whole = Packed::new(width);
    whole.reserve(n, d).unwrap();
    whole.fill(x);
    let mut tasks = Packed::new(width);
    run(2, || true, |c| tasks.pack(c, x, (0, d), None)).unwrap();
    let mut steps = Packed::new(width);
    steps.reserve(n, d).unwrap();
    for (at, mut part) in steps.parts(5 * width).into_iter().enumerate() {
        let first = at * 5 * width;
        for k in 0..d {
            part.step(k, 0, (5 * width).min(n - first), |done, out| {
                out.iter_mut().zip(first + done..).for_each(|(o, i)| *o = x.row(i)[k]);
            });
        }
    }
    for k in [0, 1, DEPTH - 1, DEPTH, d - 1] {
        for i in [0, 7, 8, 523, n - 1] {
            assert_eq!(whole.panel(k, i)[0], x.row(i)[k]);
            assert_eq!(tasks.panel(k, i)[0], x.row(i)[k]);
            assert_eq!(steps.panel(k, i)[0], x.row(i)[k]);
        }
    }
}

#[test]
fn columns_are_packed_less_their_shift() {
    let values: Vec<f32> = (0..60).map(|i| i as f32).collect();
    let mut pack = Packed::new(4);
    run(1, || true, |c| pack.pack(c, Rows::new(&values, 6, 10), (3, 2), Some(&[1.0, 2.0]))).unwrap();
    assert_eq!((pack.panel(0, 5)[0], pack.panel(1, 5)[0]), (52.0, 52.0));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(48) })]

    #[test]
    fn panels_hold_their_rows_and_zeros(
        n in 1usize..400,
        d in 1usize..40,
        cut in (0.0f64..1.0, 0.0f64..1.0),
        width in prop_oneof![Just(4usize), Just(8), Just(16), Just(24)],
        threads in 1usize..4,
    ) {
        let values: Vec<f64> = (0..n * d).map(|i| i as f64).collect();
        let x = Rows::new(&values, n, d);
        let first = (cut.0 * d as f64) as usize;
        let depth = 1 + (cut.1 * (d - first - 1) as f64) as usize;
        let shift: Vec<f64> = (0..depth).map(|k| (3 * k) as f64).collect();
        let mut pack = Packed::new(width);
        run(threads, || true, |c| pack.pack(c, x, (first, depth), Some(&shift))).unwrap();
        for i in (0..n).step_by(7) {
            for k in 0..depth {
                prop_assert_eq!(pack.panel(k, i)[0], x.row(i)[first + k] - shift[k]);
            }
        }
    }
}
