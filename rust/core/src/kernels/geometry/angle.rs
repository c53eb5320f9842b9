//! Angles between rows, kept as distance from parallel or antiparallel so that no accuracy is lost near either.
//!
//! The code of an angle with cosine `u` is `e = 1 - |u|` with the sign of `u`. Where `|e|` is small it is recomputed from
//! the difference (or sum) of the unit vectors, whose rounding errors are relative to it.

use super::short::{LANES, Turned, by_length, length};
use crate::error::Result;
use crate::matrix::{Rows, TILE};
use crate::memory::{Buffer, alloc};
use crate::real::Real;
use crate::simd::Job;

/// `1 / sqrt(q)`, 0 for a row of zeros.
pub(crate) fn inverse_norms<T: Real>(q: &[T]) -> Result<Buffer<T>> {
    let mut r = alloc(q.len(), "inverse norms")?;
    for (r, &q) in r.iter_mut().zip(q) {
        *r = if q > T::ZERO { T::ONE / q.sqrt() } else { T::ZERO };
    }
    Ok(r)
}

/// Sum over k of `(x_k rx - y_k ry)^2`, in eight interleaved chains whatever the vector width.
#[inline(always)]
pub(crate) fn squared_difference<T: Real, const FMA: bool>(x: &[T], rx: T, y: &[T], ry: T) -> T {
    let mut acc = [T::ZERO; 8];
    let whole = x.len() - x.len() % 8;
    for (a, b) in x[..whole].chunks_exact(8).zip(y[..whole].chunks_exact(8)) {
        for l in 0..8 {
            let t = a[l] * rx - b[l] * ry;
            acc[l] = t.mul_add::<FMA>(t, acc[l]);
        }
    }
    for l in 0..x.len() - whole {
        let t = x[whole + l] * rx - y[whole + l] * ry;
        acc[l] = t.mul_add::<FMA>(t, acc[l]);
    }
    ((acc[0] + acc[4]) + (acc[2] + acc[6])) + ((acc[1] + acc[5]) + (acc[3] + acc[7]))
}

/// The cosine of an angle code, and 1 minus it.
#[inline(always)]
pub(crate) fn decode<T: Real>(e: T) -> (T, T) {
    let cos = (T::ONE - e.abs()).copysign(e);
    (cos, if cos < T::ZERO { T::ONE - cos } else { e.abs() })
}

/// The code of a cosine known to about an epsilon.
#[inline(always)]
pub(crate) fn encode<T: Real>(u: T) -> T {
    (T::ONE - u.abs()).max(T::ZERO).copysign(u)
}

/// The map `K -> a K + b` of a covariance matrix: the new covariance and its angle code. `s` are the old standard
/// deviations, `r` is the product of the new ones, `e` the old angle code, whose cosine is `cos = 1 - v`.
///
/// With `p = a s_x s_y`: `1 - cos' = (a b (s_x - s_y)^2 / (r + p + b) + p v) / r` from `r^2 - (p + b)^2 = a b (s_x - s_y)^2`,
/// and `1 + cos' = ((a b (s_x^2 + s_y^2) + b^2) / (r + p) + b + p (1 + cos)) / r`: sums of positive terms.
#[inline(always)]
pub(crate) fn mixed<T: Real, const FMA: bool>(a: T, b: T, (sx, sy): (T, T), r: T, e: T, (cos, v): (T, T)) -> (T, T) {
    let p = a * (sx * sy);
    let k = p.mul_add::<FMA>(cos, b);
    let gap = sx - sy;
    let spread = (b * (a * (gap * gap))) / ((r + p) + b);
    let near = p.mul_add::<FMA>(v, spread) / r;
    let w = if cos < T::ZERO { e.abs() } else { T::ONE + cos };
    let rise = (b * (a * (sx * sx + sy * sy)) + b * b) / (r + p) + b;
    let far = p.mul_add::<FMA>(w, rise) / r;
    (k, if k < T::ZERO { -far.min(T::ONE) } else { near.min(T::ONE) })
}

/// The code of the acute angle between the rows `(x, h)` and `(y, h)`, with full relative accuracy however small.
///
/// What `y` has beside `x` is found by projecting twice: the first factor's rounding leaves an error along `x` alone, and
/// the second projection takes that away. The row that is projected on is chosen by value, so that the order of the
/// arguments does not matter.
pub(crate) fn between<T: Real, const FMA: bool>(x: &[T], y: &[T], h: T) -> T {
    let inner = |a: &[T], b: &[T]| a.iter().zip(b).fold(h * h, |s, (&a, &b)| a.mul_add::<FMA>(b, s));
    let (mut x, mut y) = (x, y);
    let (mut qx, mut qy) = (inner(x, x), inner(y, y));
    let swap = if qx == qy { x.iter().zip(y).find(|(a, b)| a != b).is_some_and(|(a, b)| a < b) } else { qx < qy };
    if swap {
        (x, y) = (y, x);
        (qx, qy) = (qy, qx);
    }
    if qy == T::ZERO {
        return T::ONE;
    }
    let (rx, ry) = (T::ONE / qx.sqrt(), T::ONE / qy.sqrt());
    let factor = inner(x, y) / qx;
    let rest = |a: T, b: T| (-factor).mul_add::<FMA>(a, b) * ry;
    let pairs = || x.iter().zip(y).map(|(&a, &b)| (a * rx, rest(a, b))).chain([(h * rx, rest(h, h))]);
    let along = pairs().fold(T::ZERO, |s, (a, t)| a.mul_add::<FMA>(t, s));
    let sine2 = pairs().fold(T::ZERO, |s, (a, t)| {
        let u = (-along).mul_add::<FMA>(a, t);
        u.mul_add::<FMA>(u, s)
    });
    sine2 / (T::ONE + (T::ONE - sine2).max(T::ZERO).sqrt())
}

/// Above this an error of a few eps in the cosine moves the angle by less than 1e-14 (float32: 1e-6).
#[inline(always)]
pub(super) fn near<T: Real>() -> T {
    T::from_f64(if size_of::<T>() == 4 { 5e-2 } else { 5e-3 })
}

/// Turns inner products into angle codes.
pub(crate) struct Angles<'a, T> {
    pub(crate) tile: &'a mut [T],
    pub(crate) x: Rows<'a, T>,
    pub(crate) y: Rows<'a, T>,
    pub(crate) rx: &'a [T],
    pub(crate) ry: &'a [T],
}

impl<T: Real> Job for Angles<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        by_length!(length(self.x.d, self.y.n), D => self.turn::<FMA, D>());
    }
}

impl<T: Real> Angles<'_, T> {
    /// Do it for rows of length `D`, which are short; 0 stands for any others.
    #[inline(always)]
    fn turn<const FMA: bool, const D: usize>(self) {
        if D == 0 {
            return self.turn_long::<FMA>();
        }
        let (near, half, cols) = (near::<T>(), T::from_f64(0.5), self.y.n);
        let turned = Turned::<T, D>::new(self.y, Some(self.ry));
        let mut inverse = [T::ZERO; TILE];
        inverse[..cols].copy_from_slice(self.ry);
        for (i, &rx) in self.rx.iter().enumerate() {
            let (x, row) = (self.x.row(i), &mut self.tile[i * TILE..(i + 1) * TILE]);
            let scaled: [T; D] = std::array::from_fn(|k| x[k] * rx);
            for (first, values) in (0..cols).step_by(LANES).zip(row.chunks_exact_mut(LANES)) {
                let cosines: [T; LANES] = std::array::from_fn(|l| values[l] * (rx * inverse[first + l]));
                let mut any = false;
                for l in 0..LANES {
                    values[l] = (T::ONE - cosines[l].abs()).max(T::ZERO);
                    any |= values[l] < near;
                }
                if any {
                    let signs: [T; LANES] = std::array::from_fn(|l| T::ONE.copysign(cosines[l]));
                    let exact = turned.squared_differences::<FMA>(&scaled, first, &signs);
                    for l in 0..LANES {
                        values[l] = if values[l] < near { half * exact[l] } else { values[l] };
                    }
                }
                values.iter_mut().zip(cosines).for_each(|(v, u)| *v = v.min(T::ONE).copysign(u));
            }
        }
    }

    /// Do it for rows of which few are near.
    #[inline(always)]
    fn turn_long<const FMA: bool>(self) {
        let (near, half) = (near::<T>(), T::from_f64(0.5));
        for i in 0..self.rx.len() {
            let rx = self.rx[i];
            let row = &mut self.tile[i * TILE..i * TILE + self.ry.len()];
            let mut count = 0u32;
            for (s, &ry) in row.iter_mut().zip(self.ry) {
                let u = *s * (rx * ry);
                let v = (T::ONE - u.abs()).max(T::ZERO);
                count += u32::from(v < near);
                *s = v.copysign(u);
            }
            if count == 0 {
                continue;
            }
            for (j, s) in row.iter_mut().enumerate() {
                if s.abs() < near {
                    let (sign, ry) = (T::ONE.copysign(*s), self.ry[j]);
                    let v = half * squared_difference::<T, FMA>(self.x.row(i), rx, self.y.row(j), sign * ry);
                    *s = v.min(T::ONE).copysign(sign);
                }
            }
        }
    }
}
