//! The hyperbolic tangent and the logistic function.

use super::exp::{exp_f32, exp_f64, expm1_f32, expm1_f64};
use super::polynomials::fma;

/// a - b y where multiply-add is exact enough for it, 0 elsewhere.
#[inline(always)]
fn remainder_f64<const FMA: bool>(a: f64, b: f64, y: f64) -> f64 {
    if FMA { (-y).mul_add(b, a) } else { 0.0 }
}

/// tanh x = t / (t + 2) with t = e^(2|x|) - 1, and the sign of x.
#[inline(always)]
pub(super) fn tanh_f64<const FMA: bool>(x: f64) -> f64 {
    let a = x.abs();
    let (t, low) = expm1_f64::<FMA>(2.0 * if 18.71 < a { 18.71 } else { a });
    let d = t + 2.0;
    let y = t / d;
    // what rounding left of t, d and y, times 1 / d = (1 - y) / 2
    let low = fma::<FMA, f64>(-y, (2.0 - d) + t, low + remainder_f64::<FMA>(t, d, y));
    let y = fma::<FMA, f64>(low, fma::<FMA, f64>(-0.5, y, 0.5), y);
    // from there on 1 is within an ulp, and t would be too large for its remainder
    (if 18.71 < a { 1.0 } else { y }).copysign(x)
}

/// As [`remainder_f64`].
#[inline(always)]
fn remainder_f32<const FMA: bool>(a: f32, b: f32, y: f32) -> f32 {
    if FMA { (-y).mul_add(b, a) } else { 0.0 }
}

/// As [`tanh_f64`].
#[inline(always)]
pub(super) fn tanh_f32<const FMA: bool>(x: f32) -> f32 {
    let a = x.abs();
    let (t, low) = expm1_f32::<FMA>(2.0 * if 8.66 < a { 8.66 } else { a });
    let d = t + 2.0;
    let y = t / d;
    // what rounding left of t, d and y, times 1 / d = (1 - y) / 2
    let low = fma::<FMA, f32>(-y, (2.0 - d) + t, low + remainder_f32::<FMA>(t, d, y));
    let y = fma::<FMA, f32>(low, fma::<FMA, f32>(-0.5, y, 0.5), y);
    // from there on 1 is within an ulp, and t would be too large for its remainder
    (if 8.66 < a { 1.0 } else { y }).copysign(x)
}

/// y = e / (1 + e) with e = e^-|x| where x < 0, 1 - y elsewhere.
#[inline(always)]
pub(super) fn sigmoid_f64<const FMA: bool>(x: f64) -> f64 {
    let e = exp_f64::<FMA>(-x.abs());
    let d = 1.0 + e;
    let y = e / d;
    // what rounding left of d and y, times 1 / d = 1 - y
    let low = fma::<FMA, f64>(-y, (1.0 - d) + e, remainder_f64::<FMA>(e, d, y));
    let y = fma::<FMA, f64>(low, 1.0 - y, y);
    if x < 0.0 { y } else { 1.0 - y }
}

/// As [`sigmoid_f64`].
#[inline(always)]
pub(super) fn sigmoid_f32<const FMA: bool>(x: f32) -> f32 {
    let e = exp_f32::<FMA>(-x.abs());
    let d = 1.0 + e;
    let y = e / d;
    // what rounding left of d and y, times 1 / d = 1 - y
    let low = fma::<FMA, f32>(-y, (1.0 - d) + e, remainder_f32::<FMA>(e, d, y));
    let y = fma::<FMA, f32>(low, 1.0 - y, y);
    if x < 0.0 { y } else { 1.0 - y }
}
