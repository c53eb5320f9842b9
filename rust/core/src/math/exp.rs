//! The exponential function, e^x = 2^n e^r with n = round(x / ln 2) and |r| <= ln 2 / 2.

use super::polynomials::{fma, polynomial};

/// (n + BIAS in the low bits, r).
#[inline(always)]
fn reduce_f64<const FMA: bool>(x: f64, bias: f64) -> (u64, f64) {
    // adding 1.5 * 2^52 rounds to an integer and leaves it in the low bits
    let round = 6_755_399_441_055_744.0 + bias;
    const LN2_HI: f64 = 0.693147180559663; // 41 bits: n * LN2_HI is exact
    const LN2_LO: f64 = 2.8235290563031577e-13;
    let t = fma::<FMA, f64>(x, std::f64::consts::LOG2_E, round);
    let n = t - round;
    (t.to_bits(), fma::<FMA, f64>(-n, LN2_LO, fma::<FMA, f64>(-n, LN2_HI, x)))
}

/// e^r - 1.
#[inline(always)]
fn remainder_f64<const FMA: bool>(r: f64) -> f64 {
    // (e^r - 1 - r) / r^2 on |r| <= 0.3468: relative error of e^r 2^-57.1
    let square = r * r;
    let p = polynomial!(
        FMA, f64, r, square;
        0.5,
        0.16666666666666435,
        0.04166666666660377,
        0.008333333333499202,
        0.001388888892688464,
        0.0001984126946861266,
        2.48015085586423e-05,
        2.755763821335117e-06,
        2.762524046679067e-07,
        2.4979375644587532e-08
    );
    fma::<FMA, f64>(square, p, r)
}

/// e^x for any x.
#[inline(always)]
pub(super) fn exp_f64<const FMA: bool>(x: f64) -> f64 {
    let x = if 710.0 < x { 710.0 } else { x };
    let x = if -746.0 > x { -746.0 } else { x };
    let (bits, r) = reduce_f64::<FMA>(x, 2046.0);
    let e = 1.0 + remainder_f64::<FMA>(r);
    // 2^n in two factors, so that n > 1023 overflows late and a denormal result is rounded once
    let half = bits >> 1;
    e * f64::from_bits(half << 52) * f64::from_bits(bits.wrapping_sub(half) << 52)
}

/// e^x for |x| <= 700.
#[inline(always)]
pub(super) fn exp_normal_f64<const FMA: bool>(x: f64) -> f64 {
    let (bits, r) = reduce_f64::<FMA>(x, 1023.0);
    let scale = f64::from_bits(bits << 52);
    fma::<FMA, f64>(scale, remainder_f64::<FMA>(r), scale)
}

/// e^x - 1 for 0 <= x <= 40, and what rounding left of it.
#[inline(always)]
pub(super) fn expm1_f64<const FMA: bool>(x: f64) -> (f64, f64) {
    let (bits, r) = reduce_f64::<FMA>(x, 1023.0);
    // (e^r - 1 - r) / r^2 on |r| <= 0.3468: relative error of e^r - 1 2^-59.2
    let square = r * r;
    let p = polynomial!(
        FMA, f64, r, square;
        0.5,
        0.16666666666666677,
        0.04166666666666658,
        0.00833333333332213,
        0.0013888888888942638,
        0.00019841269885030336,
        2.4801587198304034e-05,
        2.7557245192130367e-06,
        2.7557386927099303e-07,
        2.5108726407543376e-08,
        2.0878970204358685e-09
    );
    let q = fma::<FMA, f64>(square, p, r);
    let scale = f64::from_bits(bits << 52);
    let less = scale - 1.0;
    let e = fma::<FMA, f64>(scale, q, less);
    let rest = fma::<FMA, f64>(square, p, r - q);
    (e, fma::<FMA, f64>(scale, rest, fma::<FMA, f64>(scale, q, less - e)))
}

/// As [`reduce_f64`].
#[inline(always)]
fn reduce_f32<const FMA: bool>(x: f32, bias: f32) -> (u32, f32) {
    let round = 12_582_912.0 + bias;
    const LN2_HI: f32 = 0.69314575; // 15 bits
    const LN2_LO: f32 = 1.4286068e-06;
    let t = fma::<FMA, f32>(x, std::f32::consts::LOG2_E, round);
    let n = t - round;
    (t.to_bits(), fma::<FMA, f32>(-n, LN2_LO, fma::<FMA, f32>(-n, LN2_HI, x)))
}

/// As [`remainder_f64`].
#[inline(always)]
fn remainder_f32<const FMA: bool>(r: f32) -> f32 {
    // on |r| <= 0.3468: relative error of e^r 2^-27.9
    let square = r * r;
    let p = polynomial!(FMA, f32, r, square; 0.5, 0.16666535, 0.041667238, 0.00836749, 0.001386395);
    fma::<FMA, f32>(square, p, r)
}

/// As [`exp_f64`].
#[inline(always)]
pub(super) fn exp_f32<const FMA: bool>(x: f32) -> f32 {
    let x = if 89.0 < x { 89.0 } else { x };
    let x = if -104.5 > x { -104.5 } else { x };
    let (bits, r) = reduce_f32::<FMA>(x, 254.0);
    let e = 1.0 + remainder_f32::<FMA>(r);
    let half = bits >> 1;
    e * f32::from_bits(half << 23) * f32::from_bits(bits.wrapping_sub(half) << 23)
}

/// e^x for |x| <= 86.
#[inline(always)]
pub(super) fn exp_normal_f32<const FMA: bool>(x: f32) -> f32 {
    let (bits, r) = reduce_f32::<FMA>(x, 127.0);
    let scale = f32::from_bits(bits << 23);
    fma::<FMA, f32>(scale, remainder_f32::<FMA>(r), scale)
}

/// As [`expm1_f64`].
#[inline(always)]
pub(super) fn expm1_f32<const FMA: bool>(x: f32) -> (f32, f32) {
    let (bits, r) = reduce_f32::<FMA>(x, 127.0);
    // on |r| <= 0.3468: relative error of e^r - 1 2^-30.8
    let square = r * r;
    let p = polynomial!(FMA, f32, r, square; 0.5, 0.16666667, 0.0416665, 0.008333259, 0.0013931746, 0.00019896703);
    let q = fma::<FMA, f32>(square, p, r);
    let scale = f32::from_bits(bits << 23);
    let less = scale - 1.0;
    let e = fma::<FMA, f32>(scale, q, less);
    let rest = fma::<FMA, f32>(square, p, r - q);
    (e, fma::<FMA, f32>(scale, rest, fma::<FMA, f32>(scale, q, less - e)))
}
