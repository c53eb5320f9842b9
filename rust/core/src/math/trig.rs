//! Sine and cosine: x = n pi / 2 + r with |r| <= pi / 4, a polynomial for each, and n modulo 4 to place them.

use super::large;
use super::polynomials::{fma, polynomial};

/// Largest |x| that the straight-line f64 functions reduce exactly.
pub(super) const MAX_F64: f64 = 1e6;
/// Largest |x| that the straight-line f32 functions reduce exactly.
pub(super) const MAX_F32: f32 = 8192.0;

/// (n in the low bits, hi, less): x = n pi / 2 + hi - less, |hi| <= pi / 4 and `less` what rounding added to it.
#[inline(always)]
fn reduce_f64<const FMA: bool>(x: f64) -> (u64, f64, f64) {
    const ROUND: f64 = 6_755_399_441_055_744.0;
    let t = fma::<FMA, f64>(x, std::f64::consts::FRAC_2_PI, ROUND);
    let n = t - ROUND;
    let (hi, less) = if FMA {
        // pi / 2 in pieces of 53, 33 and 53 bits: n < 2^20 times the second is exact, and so are both differences
        let r = fma::<FMA, f64>(-n, std::f64::consts::FRAC_PI_2, x);
        let hi = fma::<FMA, f64>(-n, 6.12323399538461e-17, r);
        let less = fma::<FMA, f64>(n, 6.12323399538461e-17, hi - r);
        (hi, fma::<FMA, f64>(n, 3.5215598651832e-27, less))
    } else {
        // pieces of 33, 33, 33 and 53 bits: all but the last product are exact
        let r = x - n * 1.5707963267341256;
        let w = n * 6.077100506303966e-11;
        let h = r - w;
        let v = n * 2.0222662487111665e-21;
        let hi = h - v;
        (hi, (v - (h - hi)) + ((w - (r - h)) + n * 8.4784276603689e-32))
    };
    (t.to_bits(), hi, less)
}

/// sin and cos of hi - less; with the signs as they are, sin -0 is -0.
#[inline(always)]
fn quarter_f64<const FMA: bool>(hi: f64, less: f64) -> (f64, f64) {
    let z = hi * hi;
    let square = z * z;
    // (1 - sin(r) / r) / z on |r| <= 0.7858: relative error 2^-57.9
    let s = polynomial!(
        FMA, f64, z, square;
        0.16666666666666632,
        -0.008333333333322476,
        0.00019841269829839943,
        -2.755731369911208e-06,
        2.5050758793816672e-08,
        -1.5896814830883542e-10
    );
    // (cos(r) - 1 + z / 2) / z^2 on |r| <= 0.7858: error 2^-64.1
    let c = polynomial!(
        FMA, f64, z, square;
        0.0416666666666666,
        -0.0013888888888874457,
        2.4801587289652147e-05,
        -2.7557314393378965e-07,
        2.0875728007026193e-09,
        -1.1359857985845097e-11
    );
    let sin = hi - fma::<FMA, f64>(hi * z, s, less);
    let half = 0.5 * z;
    let w = 1.0 - half;
    let cos = w + fma::<FMA, f64>(square, c, fma::<FMA, f64>(hi, less, (1.0 - w) - half));
    (sin, cos)
}

#[inline(always)]
fn place_f64(n: u64, sin: f64, cos: f64) -> (f64, f64) {
    let (s, c) = if n & 1 == 0 { (sin, cos) } else { (cos, sin) };
    let flip_s = (n & 2) << 62;
    let flip_c = (n.wrapping_add(1) & 2) << 62;
    (f64::from_bits(s.to_bits() ^ flip_s), f64::from_bits(c.to_bits() ^ flip_c))
}

/// (sin x, cos x) for |x| <= [`MAX_F64`].
#[inline(always)]
pub(super) fn sin_cos_f64<const FMA: bool>(x: f64) -> (f64, f64) {
    let (n, hi, less) = reduce_f64::<FMA>(x);
    let (s, c) = quarter_f64::<FMA>(hi, less);
    place_f64(n, s, c)
}

/// (sin x, cos x) for any x.
#[inline(always)]
pub(super) fn sin_cos_any_f64<const FMA: bool>(x: f64) -> (f64, f64) {
    if x.abs() <= MAX_F64 {
        return sin_cos_f64::<FMA>(x);
    }
    let (n, hi, less) = large::reduce(x);
    let (s, c) = quarter_f64::<FMA>(hi, less);
    place_f64(n, s, c)
}

/// (n in the low bits, r): x = n pi / 2 + r, |r| <= pi / 4.
#[inline(always)]
fn reduce_f32<const FMA: bool>(x: f32) -> (u32, f32) {
    const ROUND: f32 = 12_582_912.0;
    let t = fma::<FMA, f32>(x, std::f32::consts::FRAC_2_PI, ROUND);
    let n = t - ROUND;
    let r = if FMA {
        // in pieces of 24 bits, all positive: n = 0 leaves the sign of -0
        let r = fma::<FMA, f32>(-n, f32::from_bits(0x3fc9_0fda), x);
        fma::<FMA, f32>(-n, 5.390303e-15, fma::<FMA, f32>(-n, 7.5497894e-08, r))
    } else {
        // in f64, where the products are exact
        let (x, n) = (x as f64, n as f64);
        (((x - n * 1.5707963267341256) - n * 6.077100506303966e-11) - n * 2.0222662487111665e-21) as f32
    };
    (t.to_bits(), r)
}

#[inline(always)]
fn quarter_f32<const FMA: bool>(r: f32) -> (f32, f32) {
    let z = r * r;
    let square = z * z;
    // relative error of sin 2^-28.0, error of cos 2^-33.1
    let s = polynomial!(FMA, f32, z, square; 0.16666655, -0.008332191, 0.00019518596);
    let c = polynomial!(FMA, f32, z, square; 0.041666646, -0.0013887301, 2.4430663e-05);
    // adding 0 keeps the sign of sin -0
    let sin = r - fma::<FMA, f32>(r * z, s, 0.0);
    let cos = fma::<FMA, f32>(z, fma::<FMA, f32>(z, c, -0.5), 1.0);
    (sin, cos)
}

/// (sin x, cos x) for |x| <= [`MAX_F32`].
#[inline(always)]
pub(super) fn sin_cos_f32<const FMA: bool>(x: f32) -> (f32, f32) {
    let (n, r) = reduce_f32::<FMA>(x);
    let (sin, cos) = quarter_f32::<FMA>(r);
    let (s, c) = if n & 1 == 0 { (sin, cos) } else { (cos, sin) };
    let flip_s = (n & 2) << 30;
    let flip_c = (n.wrapping_add(1) & 2) << 30;
    (f32::from_bits(s.to_bits() ^ flip_s), f32::from_bits(c.to_bits() ^ flip_c))
}

/// (sin x, cos x) for any x.
#[inline(always)]
pub(super) fn sin_cos_any_f32<const FMA: bool>(x: f32) -> (f32, f32) {
    if x.abs() <= MAX_F32 {
        return sin_cos_f32::<FMA>(x);
    }
    let (s, c) = sin_cos_any_f64::<FMA>(x as f64);
    (s as f32, c as f32)
}
