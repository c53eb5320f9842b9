//! Angles: acos and asin, and the angle from 1 - |cos| that keeps its accuracy where acos cannot.

use super::polynomials::{fma, polynomial};

/// (asin(t) / t - 1) / z, z = t^2 in [0, 1/4].
#[inline(always)]
fn arcsine_f64<const FMA: bool>(z: f64) -> f64 {
    // relative error of asin 2^-59.5
    polynomial!(
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
    )
}

/// As [`arcsine_f64`].
#[inline(always)]
fn arcsine_f32<const FMA: bool>(z: f32) -> f32 {
    // relative error of asin 2^-27.5
    polynomial!(FMA, f32, z, z * z; 0.16666754, 0.074952476, 0.045476943, 0.024146345, 0.042223364)
}

macro_rules! angles {
    (
        $t:ident, $arcsine:ident, $flip:ident, $halve:ident, $theta:ident, $pi_low:literal;
        $acos:ident, $asin:ident, $arc:ident, $angle:ident
    ) => {
        /// x with its sign flipped where `by` is negative.
        #[inline(always)]
        fn $flip(x: $t, by: $t) -> $t {
            $t::from_bits(x.to_bits() ^ (by.to_bits() & $t::to_bits(-0.0)))
        }

        /// (t, t^2) in reach of the polynomials, from |cos| and v = 1 - |cos|: t = |cos| where that is <= 1/2, and
        /// the sine of half the angle, sqrt(v / 2), in the outer part.
        #[inline(always)]
        fn $halve(cos: $t, v: $t) -> ($t, $t) {
            let z = if v < 0.5 { 0.5 * v } else { cos * cos };
            (if v < 0.5 { z.sqrt() } else { cos }, z)
        }

        /// The angle, from the parts and the sign of cos.
        #[inline(always)]
        fn $theta<const FMA: bool>(t: $t, z: $t, v: $t, cos: $t) -> $t {
            const HALF_PI: $t = std::$t::consts::FRAC_PI_2;
            const LOW: $t = 0.5 * $pi_low;
            let tail = t * z * $arcsine::<FMA>(z);
            // outer: 0 + 2 asin t or pi - 2 asin t; inner: pi / 2 -+ asin t
            let side = $flip(if v < 0.5 { 1.0 } else { 0.0 }, cos);
            let factor = $flip(if v < 0.5 { 2.0 } else { -1.0 }, cos);
            let low = fma::<FMA, $t>(-side, LOW, LOW);
            fma::<FMA, $t>(-side, HALF_PI, HALF_PI) + fma::<FMA, $t>(factor, t, fma::<FMA, $t>(factor, tail, low))
        }

        /// acos u.
        #[inline(always)]
        pub(super) fn $acos<const FMA: bool>(u: $t) -> $t {
            let v = 1.0 - u.abs();
            let (t, z) = $halve(u.abs(), v);
            $theta::<FMA>(t, z, v, u)
        }

        /// acos of copysign(1 - |e|, e).
        #[inline(always)]
        pub(super) fn $angle<const FMA: bool>(e: $t) -> $t {
            let v = e.abs();
            let (t, z) = $halve(1.0 - v, v);
            $theta::<FMA>(t, z, v, e)
        }

        /// asin u.
        #[inline(always)]
        pub(super) fn $asin<const FMA: bool>(u: $t) -> $t {
            $arc::<FMA>(u, 1.0 - u.abs())
        }

        /// asin u, v = 1 - |u|.
        #[inline(always)]
        pub(super) fn $arc<const FMA: bool>(u: $t, v: $t) -> $t {
            let (t, z) = $halve(u.abs(), v);
            let tail = t * z * $arcsine::<FMA>(z);
            let base = if v < 0.5 { std::$t::consts::FRAC_PI_2 } else { 0.0 };
            let low = if v < 0.5 { 0.5 * $pi_low } else { 0.0 };
            let factor = if v < 0.5 { -2.0 } else { 1.0 };
            let h = fma::<FMA, $t>(factor, t, base);
            let error = fma::<FMA, $t>(factor, t, base - h);
            (h + fma::<FMA, $t>(factor, tail, error + low)).copysign(u)
        }
    };
}
angles!(
    f64, arcsine_f64, flip_f64, halve_f64, theta_f64, 1.2246467991473532e-16;
    acos_f64, asin_f64, arc_f64, angle_f64
);
angles!(
    f32, arcsine_f32, flip_f32, halve_f32, theta_f32, -8.742278e-08;
    acos_f32, asin_f32, arc_f32, angle_f32
);
