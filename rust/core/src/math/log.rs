//! The natural logarithm.

use super::polynomials::{fma, polynomial};

/// log x = k ln 2 + log m with m in [sqrt(1/2), sqrt 2); with f = m - 1 and s = f / (2 + f), log m = 2 atanh s
/// = f - f^2/2 + s (f^2/2 + s^2 Q(s^2)).
#[inline(always)]
pub(super) fn log_f64<const FMA: bool>(x: f64) -> f64 {
    const SQRT_HALF: u64 = 0x3fe6_a09e_667f_3bcd;
    const LN2_HI: f64 = 0.693147180559663; // 41 bits: k * LN2_HI is exact
    const LN2_LO: f64 = 2.8235290563031577e-13;
    let denormal = x < f64::MIN_POSITIVE;
    let y = if denormal { x * 18_014_398_509_481_984.0 } else { x };
    // 2^52 + k + 1023 as a number: no conversion from integers is needed
    let shift = if denormal { 4_503_599_627_370_496.0 + 1023.0 + 54.0 } else { 4_503_599_627_370_496.0 + 1023.0 };
    let bits = y.to_bits().wrapping_add(0x3ff0_0000_0000_0000 - SQRT_HALF);
    let k = f64::from_bits((bits >> 52) | 0x4330_0000_0000_0000) - shift;
    let m = f64::from_bits((bits & 0x000f_ffff_ffff_ffff).wrapping_add(SQRT_HALF));
    let f = m - 1.0;
    let s = f / (2.0 + f);
    let z = s * s;
    // (2 atanh(s) - 2 s) / s^3 on |s| <= 0.1717: relative error of log m 2^-59.4
    let q = polynomial!(
        FMA, f64, z, z * z;
        0.6666666666666735,
        0.3999999999940941,
        0.2857142874367396,
        0.2222219843016294,
        0.18183572295343486,
        0.1531383375031485,
        0.14798241373853105
    );
    let h = 0.5 * f * f;
    let tail = fma::<FMA, f64>(s, fma::<FMA, f64>(z, q, h), k * LN2_LO);
    let log = fma::<FMA, f64>(k, LN2_HI, f - (h - tail));
    let log = if x < f64::INFINITY { log } else { x };
    let edge = if x == 0.0 { f64::NEG_INFINITY } else { f64::NAN };
    if x > 0.0 { log } else { edge }
}

/// log x = k ln 2 + log m as in [`log_f64`]; log m = f - f^2/2 + f^3 P(f), without the quotient.
#[inline(always)]
pub(super) fn log_f32<const FMA: bool>(x: f32) -> f32 {
    const SQRT_HALF: u32 = 0x3f35_04f3;
    const LN2_HI: f32 = 0.69314575; // 15 bits
    const LN2_LO: f32 = 1.4286068e-06;
    let denormal = x < f32::MIN_POSITIVE;
    let y = if denormal { x * 33_554_432.0 } else { x };
    let shift = if denormal { 8_388_608.0 + 127.0 + 25.0 } else { 8_388_608.0 + 127.0 };
    let bits = y.to_bits().wrapping_add(0x3f80_0000 - SQRT_HALF);
    let k = f32::from_bits((bits >> 23) | 0x4b00_0000) - shift;
    let m = f32::from_bits((bits & 0x007f_ffff).wrapping_add(SQRT_HALF));
    let f = m - 1.0;
    let z = f * f;
    // (log(1 + f) - f + f^2/2) / f^3 on [sqrt(1/2) - 1, sqrt 2 - 1]: relative error of log m 2^-29.2
    let p = polynomial!(
        FMA, f32, f, z;
        0.33333313,
        -0.2500017,
        0.20002224,
        -0.16659254,
        0.14209601,
        -0.12551124,
        0.121086776,
        -0.10910421,
        0.053368527
    );
    let tail = fma::<FMA, f32>(f * z, p, k * LN2_LO);
    let h = 0.5 * z;
    let log = fma::<FMA, f32>(k, LN2_HI, f - (h - tail));
    let log = if x < f32::INFINITY { log } else { x };
    let edge = if x == 0.0 { f32::NEG_INFINITY } else { f32::NAN };
    if x > 0.0 { log } else { edge }
}

/// Whether 1 + z is halved, for which it is above 1.5, and the exact f with log(1 + z) = log(1 + f) + log 2 or without.
macro_rules! halved {
    ($z:ident) => {
        if $z > 0.5 { (1.0, 0.5 * ($z - 1.0)) } else { (0.0, $z) }
    };
}

/// log(1 + z) = k ln 2 + log(1 + f) for 0 <= z <= 1, with -1/4 <= f <= 1/2 and log(1 + f) as in [`log_f64`].
#[inline(always)]
pub(super) fn log1p_f64<const FMA: bool>(z: f64) -> f64 {
    let (k, f) = halved!(z);
    let s = f / (2.0 + f);
    let square = s * s;
    // (2 atanh(s) - 2 s) / s^3 on 0 <= s <= 0.2: relative error of log(1 + f) 2^-62.6
    let q = polynomial!(
        FMA, f64, square, square * square;
        0.666666666666666,
        0.400000000000557,
        0.2857142855605853,
        0.22222224270952076,
        0.18181667375641147,
        0.15391063797568394,
        0.1317439631705235,
        0.13837718312767275
    );
    let h = 0.5 * f * f;
    let tail = fma::<FMA, f64>(s, fma::<FMA, f64>(square, q, h), k * 2.3190468138462996e-17);
    fma::<FMA, f64>(k, std::f64::consts::LN_2, f - (h - tail))
}

/// The same, log(1 + f) = f - f^2/2 + f^3 P(f) as in [`log_f32`].
#[inline(always)]
pub(super) fn log1p_f32<const FMA: bool>(z: f32) -> f32 {
    let (k, f) = halved!(z);
    let square = f * f;
    // relative error of log(1 + f) 2^-30.0
    let p = polynomial!(
        FMA, f32, f, square;
        0.3333334,
        -0.25000164,
        0.19999605,
        -0.16655296,
        0.1427624,
        -0.1272778,
        0.117006615,
        -0.09116192,
        0.03767293
    );
    let h = 0.5 * square;
    let tail = fma::<FMA, f32>(f * square, p, k * -1.904_654_3e-9);
    fma::<FMA, f32>(k, std::f32::consts::LN_2, f - (h - tail))
}
