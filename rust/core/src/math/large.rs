//! Exact reduction of arguments too large for the straight-line trigonometric functions.

use std::f64::consts::FRAC_PI_2;

/// pi / 2 - FRAC_PI_2.
const FRAC_PI_2_LOW: f64 = 6.123233995736766e-17;

/// The binary expansion of 2 / pi after the point, behind 64 zeros.
const TWO_OVER_PI: [u64; 20] = [
    0x0000_0000_0000_0000,
    0xa2f9_836e_4e44_1529,
    0xfc27_57d1_f534_ddc0,
    0xdb62_9599_3c43_9041,
    0xfe51_63ab_debb_c561,
    0xb724_6e3a_424d_d2e0,
    0x0649_2eea_09d1_921c,
    0xfe1d_eb1c_b129_a73e,
    0xe882_35f5_2ebb_4484,
    0xe99c_7026_b45f_7e41,
    0x3991_d639_8353_39f4,
    0x9c84_5f8b_bdf9_283b,
    0x1ff8_97ff_de05_980f,
    0xef2f_118b_5a0a_6d1f,
    0x6d36_7ecf_27cb_09b7,
    0x4f46_3f66_9e5f_ea2d,
    0x7527_bac7_ebe5_f17b,
    0x3d07_39f7_8a52_92ea,
    0x6bfb_5fb1_1f8d_5d08,
    0x5603_3046_fc7b_6bab,
];

/// (n mod 4, hi, less): x = n pi / 2 + hi - less, |hi| <= pi / 4, for finite |x| >= 1; NaN for the rest.
///
/// The product of the 53-bit significand with those 192 bits of 2 / pi that decide x / (pi / 2) modulo 4: 2^-137 is left
/// out, and no f64 comes closer to a multiple of pi / 2 than 2^-62.
#[cold]
#[inline(never)]
pub(super) fn reduce(x: f64) -> (u64, f64, f64) {
    let bits = x.to_bits();
    let exponent = ((bits >> 52) & 0x7ff) as usize;
    if !(0x3ff..0x7ff).contains(&exponent) {
        return (0, f64::NAN, f64::NAN);
    }
    let m = (bits & 0x000f_ffff_ffff_ffff) | 0x0010_0000_0000_0000;
    // |x| = m 2^e, e = exponent - 1075: the first bit of weight 2 or less is number e - 1 after the point
    let first = exponent + 64 - 1075 - 2;
    let (word, shift) = (first / 64, first % 64);
    let window = |i: usize| match shift {
        0 => TWO_OVER_PI[word + i],
        s => (TWO_OVER_PI[word + i] << s) | (TWO_OVER_PI[word + i + 1] >> (64 - s)),
    };
    let (m, low) = (u128::from(m), u128::from(window(2)));
    let low = m * low;
    let middle = m * u128::from(window(1)) + (low >> 64);
    let high = (m as u64).wrapping_mul(window(0)).wrapping_add((middle >> 64) as u64);
    // the quotient modulo 4 with 190 bits after the point; keep 126 + 64 of them, rounding to the nearest integer
    let fraction = (u128::from(high) << 64) | u128::from(middle as u64);
    let tail = low as u64;
    let mut n = (fraction >> 126) as u64;
    let (mut fraction, mut tail) = ((fraction << 2) | u128::from(tail >> 62), tail << 2);
    let negative = fraction >> 127 == 1;
    if negative {
        n += 1;
        tail = tail.wrapping_neg();
        fraction = (!fraction).wrapping_add(u128::from(tail == 0));
    }
    // 128 leading bits: two parts of 53 and more bits
    let zeros = fraction.leading_zeros().min(64);
    if zeros > 0 {
        fraction = (fraction << zeros) | u128::from(tail >> (64 - zeros));
    }
    let unit = f64::from_bits(u64::from(1023 - zeros) << 52);
    let high = (fraction >> 75) as f64 * 2f64.powi(-53) * unit;
    let low = ((fraction << 53) >> 64) as f64 * 2f64.powi(-117) * unit;
    // times pi / 2, rarely enough for a fused multiply-add that may be a call
    let product = high * FRAC_PI_2;
    let rest = high.mul_add(FRAC_PI_2, -product) + (high * FRAC_PI_2_LOW + low * FRAC_PI_2);
    let hi = product + rest;
    let less = (hi - product) - rest;
    let sign = if negative != x.is_sign_negative() { -1.0 } else { 1.0 };
    (if x.is_sign_negative() { n.wrapping_neg() } else { n }, sign * hi, sign * less)
}
