//! The exponential function.

use super::{fma, horner};

/// e^x = 2^n e^r with n = round(x / ln 2), |r| <= ln 2 / 2, and 2^n applied as two factors so that denormals are rounded once.
#[inline(always)]
pub(super) fn exp_f64<const FMA: bool>(x: f64) -> f64 {
    // 1.5 * 2^52 rounds to an integer; the 2046 more leave n + 2046 in the low bits.
    const ROUND: f64 = 6_755_399_441_055_744.0 + 2046.0;
    const LN2_HI: f64 = 0.693147180559663; // 41 bits: n * LN2_HI is exact
    const LN2_LO: f64 = 2.8235290563031577e-13;
    let x = if 710.0 < x { 710.0 } else { x };
    let x = if -746.0 > x { -746.0 } else { x };
    let t = fma::<FMA, f64>(x, std::f64::consts::LOG2_E, ROUND);
    let n = t - ROUND;
    let r = fma::<FMA, f64>(-n, LN2_LO, fma::<FMA, f64>(-n, LN2_HI, x));
    // (e^r - 1 - r) / r^2 on |r| <= 0.3468: relative error of e^r 2^-56.7
    let p = horner!(
        FMA, f64, r;
        0.5000000000000011,
        0.1666666666666686,
        0.041666666666546434,
        0.008333333333322873,
        0.0013888888937895914,
        0.0001984126974179934,
        2.4801499360966814e-05,
        2.7557450022897527e-06,
        2.7628044824437273e-07,
        2.5028033775883895e-08
    );
    let e = 1.0 + fma::<FMA, f64>(r * r, p, r);
    let bits = t.to_bits();
    let half = bits >> 1;
    e * f64::from_bits(half << 52) * f64::from_bits(bits.wrapping_sub(half) << 52)
}

/// As [`exp_f64`].
#[inline(always)]
pub(super) fn exp_f32<const FMA: bool>(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0 + 254.0;
    const LN2_HI: f32 = 0.69314575; // 15 bits
    const LN2_LO: f32 = 1.4286068e-06;
    let x = if 89.0 < x { 89.0 } else { x };
    let x = if -104.5 > x { -104.5 } else { x };
    let t = fma::<FMA, f32>(x, std::f32::consts::LOG2_E, ROUND);
    let n = t - ROUND;
    let r = fma::<FMA, f32>(-n, LN2_LO, fma::<FMA, f32>(-n, LN2_HI, x));
    // (e^r - 1 - r) / r^2 on |r| <= 0.3468: relative error of e^r 2^-28.2
    let p = horner!(FMA, f32, r; 0.49999994, 0.16666517, 0.041668106, 0.008369195, 0.0013838593);
    let e = 1.0 + fma::<FMA, f32>(r * r, p, r);
    let bits = t.to_bits();
    let half = bits >> 1;
    e * f32::from_bits(half << 23) * f32::from_bits(bits.wrapping_sub(half) << 23)
}
