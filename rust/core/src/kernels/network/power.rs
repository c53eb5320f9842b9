//! Gaussian moments of powers of relu in closed form (Cho and Saul 2009).

use std::f64::consts::{PI, TAU};

use super::law::{LANES, Law, Lot, Moments, Pairs};
use crate::kernels::geometry::angle::decode;
use crate::real::Real;

/// `relu(t)^N / N!`, `N` 2 or 3: `E[f f'] = (sqrt(q q'))^N J_N(theta) / (2 pi N!^2)`; its derivative is the power below.
#[derive(Debug, Clone, Copy)]
pub(super) struct Power<const N: u32>;

/// `J_n(theta)` for n = 1, 2, 3 from `pi - theta`, the sine and the cosine; 0 at least, where it cancels.
#[inline(always)]
fn shape<T: Real, const FMA: bool>(n: u32, rest: T, sin: T, cos: T) -> T {
    let c = T::from_f64;
    let cos2 = cos * cos;
    let value = match n {
        1 => rest.mul_add::<FMA>(cos, sin),
        2 => rest.mul_add::<FMA>(c(2.0).mul_add::<FMA>(cos2, T::ONE), c(3.0) * sin * cos),
        _ => {
            let line = cos * c(6.0).mul_add::<FMA>(cos2, c(9.0));
            rest.mul_add::<FMA>(line, sin * c(11.0).mul_add::<FMA>(cos2, c(4.0)))
        }
    };
    value.max(T::ZERO)
}

impl<T: Real, const N: u32> Law<T> for Power<N> {
    /// `sqrt(q)^n / n!` for n = N and N - 1.
    const NUMBERS: usize = 2;

    fn row(&self, q: f64, numbers: &mut [f64]) -> f64 {
        let (s, n) = (q.sqrt(), N as i32);
        let factorial = if N == 2 { 2.0 } else { 6.0 };
        numbers[0] = s.powi(n) / factorial;
        numbers[1] = s.powi(n - 1) / (factorial / f64::from(N));
        numbers[0] * numbers[0] * (shape::<f64, false>(N, PI, 0.0, 1.0) / TAU)
    }

    #[inline(always)]
    fn moments<const FMA: bool>(&self, pairs: &Pairs<T>, x: &[T], y: &[[T; LANES]], out: &mut Lot<T>) {
        pairs.each(out, |pair, j| {
            let e = pair.shape;
            // pi - theta is the angle to the opposite row, whose code has the other sign.
            let (rest, (cos, _)) = ((-e).angle::<FMA>(), decode(e));
            let sin = (e.abs() * (T::from_f64(2.0) - e.abs())).sqrt();
            let inverse = T::from_f64(1.0 / TAU);
            let value = (x[0] * y[0][j]) * (shape::<T, FMA>(N, rest, sin, cos) * inverse);
            let slope = (x[1] * y[1][j]) * (shape::<T, FMA>(N - 1, rest, sin, cos) * inverse);
            Moments { value, slope, gap: T::ZERO }
        });
    }
}
