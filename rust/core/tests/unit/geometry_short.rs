//! Unit tests of `kernels::geometry::short`, with its private names.

use super::super::angle::squared_difference;
use super::{LANES, LONGEST, Turned};
use crate::matrix::{Rows, TILE};
use crate::real::Real;
use crate::simd::{Job, available, dispatch};

/// Whether a row and others have the bits that pairs have.
struct Same<'a, T, const D: usize> {
    x: &'a [T],
    y: Rows<'a, T>,
    factors: &'a [T],
}

impl<T: Real, const D: usize> Job for Same<'_, T, D> {
    type Output = bool;
    #[inline(always)]
    fn run<const FMA: bool>(self) -> bool {
        let Self { x, y, factors } = self;
        let turned = Turned::<T, D>::new(y, Some(factors));
        let signs: [T; LANES] = std::array::from_fn(|l| if l % 3 == 0 { -T::ONE } else { T::ONE });
        (0..y.n).step_by(LANES).all(|start| {
            let found = turned.squared_differences::<FMA>(x, start, &signs);
            (start..y.n.min(start + LANES)).all(|j| {
                let sign = signs[j - start];
                found[j - start] == squared_difference::<T, FMA>(x, T::ONE, y.row(j), sign * factors[j])
            })
        })
    }
}

fn check<T: Real>() {
    let numbers = |n: usize, by: f64| (0..n).map(|i| T::from_f64((i as f64 * by).sin())).collect::<Vec<_>>();
    for d in 1..=LONGEST {
        for n in [1, LANES, LANES + 3, TILE] {
            let (x, y, factors) = (numbers(d, 1.1), numbers(n * d, 0.7), numbers(n, 0.3));
            for level in available() {
                let (x, y, factors) = (&x, Rows::new(&y, n, d), &factors);
                assert!(by_length!(d, D => dispatch(level, Same::<T, D> { x, y, factors })), "{level:?} {n} x {d}");
            }
        }
    }
}

#[test]
fn many_pairs_have_the_bits_of_each() {
    check::<f32>();
    check::<f64>();
}
