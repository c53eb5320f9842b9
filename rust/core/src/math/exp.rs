//! The exponential function, e^x = 2^n e^r with n = round(x / ln 2) and |r| <= ln 2 / 2.

use super::polynomials::{fma, polynomial};

/// (e^r - 1 - r) / r^2 on |r| <= 0.3468: relative error of e^r 2^-57.1.
#[inline(always)]
fn rest_f64<const FMA: bool>(r: f64) -> f64 {
    polynomial!(
        FMA, f64, r, r * r;
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
    )
}

/// The same: relative error of e^r - 1 2^-59.2.
#[inline(always)]
fn fine_rest_f64<const FMA: bool>(r: f64) -> f64 {
    polynomial!(
        FMA, f64, r, r * r;
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
    )
}

/// The same: relative error of e^r 2^-27.9.
#[inline(always)]
fn rest_f32<const FMA: bool>(r: f32) -> f32 {
    polynomial!(FMA, f32, r, r * r; 0.5, 0.16666535, 0.041667238, 0.00836749, 0.001386395)
}

/// The same: relative error of e^r - 1 2^-30.8.
#[inline(always)]
fn fine_rest_f32<const FMA: bool>(r: f32) -> f32 {
    polynomial!(FMA, f32, r, r * r; 0.5, 0.16666667, 0.0416665, 0.008333259, 0.0013931746, 0.00019896703)
}

macro_rules! exponentials {
    (
        $t:ident, $bits:ident, $round:literal, $ln2_high:literal, $ln2_low:literal, $bias:literal, $shift:literal,
        $least:literal, $most:literal; $rest:ident, $fine_rest:ident;
        $reduce:ident, $exp:ident, $exp_normal:ident, $expm1:ident
    ) => {
        /// (n + BIAS in the low bits, r).
        #[inline(always)]
        fn $reduce<const FMA: bool>(x: $t, bias: $t) -> ($bits, $t) {
            // adding 1.5 times the first power of 2 without fractions rounds to an integer and leaves it in the low bits
            let round = $round + bias;
            let t = fma::<FMA, $t>(x, std::$t::consts::LOG2_E, round);
            let n = t - round;
            // the high part of ln 2 has so few bits that its product with n is exact
            (t.to_bits(), fma::<FMA, $t>(-n, $ln2_low, fma::<FMA, $t>(-n, $ln2_high, x)))
        }

        /// e^x for any x.
        #[inline(always)]
        pub(super) fn $exp<const FMA: bool>(x: $t) -> $t {
            let x = if $most < x { $most } else { x };
            let x = if $least > x { $least } else { x };
            let (bits, r) = $reduce::<FMA>(x, 2.0 * $bias);
            let e = 1.0 + fma::<FMA, $t>(r * r, $rest::<FMA>(r), r);
            // 2^n in two factors, so that a large n overflows late and a denormal result is rounded once
            let half = bits >> 1;
            e * $t::from_bits(half << $shift) * $t::from_bits(bits.wrapping_sub(half) << $shift)
        }

        /// e^x where neither it nor its inverse is denormal: for f64 |x| <= 700, for f32 |x| <= 86.
        #[inline(always)]
        pub(super) fn $exp_normal<const FMA: bool>(x: $t) -> $t {
            let (bits, r) = $reduce::<FMA>(x, $bias);
            let scale = $t::from_bits(bits << $shift);
            fma::<FMA, $t>(scale, fma::<FMA, $t>(r * r, $rest::<FMA>(r), r), scale)
        }

        /// e^x - 1 for 0 <= x <= 40, and what rounding left of it.
        #[inline(always)]
        pub(super) fn $expm1<const FMA: bool>(x: $t) -> ($t, $t) {
            let (bits, r) = $reduce::<FMA>(x, $bias);
            let (square, p) = (r * r, $fine_rest::<FMA>(r));
            let q = fma::<FMA, $t>(square, p, r);
            let scale = $t::from_bits(bits << $shift);
            let less = scale - 1.0;
            let e = fma::<FMA, $t>(scale, q, less);
            let rest = fma::<FMA, $t>(square, p, r - q);
            (e, fma::<FMA, $t>(scale, rest, fma::<FMA, $t>(scale, q, less - e)))
        }
    };
}
exponentials! {
    f64, u64, 6_755_399_441_055_744.0, 0.693147180559663, 2.8235290563031577e-13, 1023.0, 52,
    -746.0, 710.0; rest_f64, fine_rest_f64;
    reduce_f64, exp_f64, exp_normal_f64, expm1_f64
}
exponentials! {
    f32, u32, 12_582_912.0, 0.69314575, 1.4286068e-06, 127.0, 23,
    -104.5, 89.0; rest_f32, fine_rest_f32;
    reduce_f32, exp_f32, exp_normal_f32, expm1_f32
}
