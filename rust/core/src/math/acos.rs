//! Angles: acos and asin, and the angle from 1 - |cos| that keeps its accuracy where acos cannot.

use super::{fma, polynomial};

/// (asin t, sqrt) pieces shared by the three functions: with `a` = |cos| and `v` = 1 - a, t = a where a <= 1/2 and
/// t = sqrt(v / 2) elsewhere; returns asin t = t + t z P(z), z = t^2 <= 1/4, in the two parts whose sum it is.
#[inline(always)]
fn asin_parts_f64<const FMA: bool>(a: f64, v: f64) -> (f64, f64) {
    let z = if v < 0.5 { 0.5 * v } else { a * a };
    let t = if v < 0.5 { z.sqrt() } else { a };
    // (asin(t) / t - 1) / z on [0, 1/4]: relative error of asin 2^-59.5
    let p = polynomial!(
        FMA, f64, z, z * z;
        0.16666666666666763,
        0.07499999999970118,
        0.04464285717527165,
        0.03038194267583877,
        0.02237221589253089,
        0.017351595711652543,
        0.013981016241390656,
        0.011397310354958595,
        0.010789230500049318,
        0.0036725082860603274,
        0.02178989907472547,
        -0.021115705784754617,
        0.0327015519323332
    );
    (t, t * z * p)
}

#[inline(always)]
fn asin_parts_f32<const FMA: bool>(a: f32, v: f32) -> (f32, f32) {
    let z = if v < 0.5 { 0.5 * v } else { a * a };
    let t = if v < 0.5 { z.sqrt() } else { a };
    // relative error of asin 2^-27.5
    let p = polynomial!(FMA, f32, z, z * z; 0.16666754, 0.074952476, 0.045476943, 0.024146345, 0.042223364);
    (t, t * z * p)
}

macro_rules! angles {
    ($t:ident, $parts:ident, $sign:ident, $from:ident, $acos:ident, $asin:ident, $angle:ident, $pi_lo:literal) => {
        /// x with its sign flipped where that of `by` is negative.
        #[inline(always)]
        fn $sign(x: $t, by: $t) -> $t {
            $t::from_bits(x.to_bits() ^ (by.to_bits() & (-0.0 as $t).to_bits()))
        }

        /// theta from |cos|, 1 - |cos| and the sign of cos.
        #[inline(always)]
        fn $from<const FMA: bool>(a: $t, v: $t, cos: $t) -> $t {
            const HALF_PI: $t = std::$t::consts::FRAC_PI_2;
            const LOW: $t = 0.5 * $pi_lo;
            let (t, tail) = $parts::<FMA>(a, v);
            let outer = v < 0.5;
            // outer: 0 + 2 asin t or pi - 2 asin t; inner: pi / 2 -+ asin t
            let side = $sign(if outer { 1.0 } else { 0.0 }, cos);
            let factor = $sign(if outer { 2.0 } else { -1.0 }, cos);
            let low = fma::<FMA, $t>(-side, LOW, LOW);
            fma::<FMA, $t>(-side, HALF_PI, HALF_PI) + fma::<FMA, $t>(factor, t, fma::<FMA, $t>(factor, tail, low))
        }

        /// acos u.
        #[inline(always)]
        pub(super) fn $acos<const FMA: bool>(u: $t) -> $t {
            let a = u.abs();
            $from::<FMA>(a, 1.0 - a, u)
        }

        /// acos of copysign(1 - |e|, e).
        #[inline(always)]
        pub(super) fn $angle<const FMA: bool>(e: $t) -> $t {
            let v = e.abs();
            $from::<FMA>(1.0 - v, v, e)
        }

        /// asin u.
        #[inline(always)]
        pub(super) fn $asin<const FMA: bool>(u: $t) -> $t {
            const HALF_PI: $t = std::$t::consts::FRAC_PI_2;
            let a = u.abs();
            let v = 1.0 - a;
            let (t, tail) = $parts::<FMA>(a, v);
            let outer = v < 0.5;
            let base = if outer { HALF_PI } else { 0.0 };
            let low = if outer { 0.5 * $pi_lo } else { 0.0 };
            let factor = if outer { -2.0 } else { 1.0 };
            let h = fma::<FMA, $t>(factor, t, base);
            let error = fma::<FMA, $t>(factor, t, base - h);
            (h + fma::<FMA, $t>(factor, tail, error + low)).copysign(u)
        }
    };
}
angles!(f64, asin_parts_f64, flip_f64, theta_f64, acos_f64, asin_f64, angle_f64, 1.2246467991473532e-16);
angles!(f32, asin_parts_f32, flip_f32, theta_f32, acos_f32, asin_f32, angle_f32, -8.742278e-08);
