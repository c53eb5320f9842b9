//! The hyperbolic tangent and the logistic function.

use super::exp::{exp_f32, exp_f64, expm1_f32, expm1_f64};
use super::polynomials::fma;
use crate::scalar::Scalar;

/// a - b y where multiply-add is exact enough for it, 0 elsewhere.
#[inline(always)]
fn remainder<const FMA: bool, T: Scalar>(a: T, b: T, y: T) -> T {
    if FMA { fma::<true, T>(-y, b, a) } else { T::ZERO }
}

macro_rules! tanh_and_sigmoid {
    ($t:ident, $most:literal; $exp:ident, $expm1:ident; $tanh:ident, $sigmoid:ident) => {
        /// tanh x = t / (t + 2) with t = e^(2|x|) - 1, and the sign of x.
        #[inline(always)]
        pub(super) fn $tanh<const FMA: bool>(x: $t) -> $t {
            let a = x.abs();
            let (t, low) = $expm1::<FMA>(2.0 * if $most < a { $most } else { a });
            let d = t + 2.0;
            let y = t / d;
            // what rounding left of t, d and y, times 1 / d = (1 - y) / 2
            let low = fma::<FMA, $t>(-y, (2.0 - d) + t, low + remainder::<FMA, $t>(t, d, y));
            let y = fma::<FMA, $t>(low, fma::<FMA, $t>(-0.5, y, 0.5), y);
            // from there on 1 is within an ulp, and t would be too large for its remainder
            (if $most < a { 1.0 } else { y }).copysign(x)
        }

        /// y = e / (1 + e) with e = e^-|x| where x < 0, 1 - y elsewhere.
        #[inline(always)]
        pub(super) fn $sigmoid<const FMA: bool>(x: $t) -> $t {
            let e = $exp::<FMA>(-x.abs());
            let d = 1.0 + e;
            let y = e / d;
            // what rounding left of d and y, times 1 / d = 1 - y
            let low = fma::<FMA, $t>(-y, (1.0 - d) + e, remainder::<FMA, $t>(e, d, y));
            let y = fma::<FMA, $t>(low, 1.0 - y, y);
            if x < 0.0 { y } else { 1.0 - y }
        }
    };
}
tanh_and_sigmoid!(f64, 18.71; exp_f64, expm1_f64; tanh_f64, sigmoid_f64);
tanh_and_sigmoid!(f32, 8.66; exp_f32, expm1_f32; tanh_f32, sigmoid_f32);
