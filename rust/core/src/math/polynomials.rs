//! Multiply-adds, and polynomials by chains of them.

use crate::scalar::Scalar;

/// a b + c, rounded once where `FMA`.
#[inline(always)]
pub(super) fn fma<const FMA: bool, T: Scalar>(a: T, b: T, c: T) -> T {
    a.mul_add::<FMA>(b, c)
}

/// c0 + x (c1 + x (...)).
macro_rules! horner {
    ($fma:ident, $t:ty, $x:expr; $last:expr) => { $last };
    ($fma:ident, $t:ty, $x:expr; $first:expr, $($rest:expr),+) => {
        $crate::math::polynomials::fma::<$fma, $t>($x, $crate::math::polynomials::horner!($fma, $t, $x; $($rest),+), $first)
    };
}
pub(super) use horner;

/// c0 + c1 x + c2 x^2 + ... as even + x odd, two Horner schemes in `$square` = x^2 side by side: half the latency.
macro_rules! polynomial {
    (@split $fma:ident, $t:ty, $x:expr, $square:expr; [$($even:expr),*] [$($odd:expr),*]) => {
        $crate::math::polynomials::fma::<$fma, $t>(
            $x,
            $crate::math::polynomials::horner!($fma, $t, $square; $($odd),*),
            $crate::math::polynomials::horner!($fma, $t, $square; $($even),*),
        )
    };
    (@split $fma:ident, $t:ty, $x:expr, $square:expr; [$($even:expr),*] [$($odd:expr),*] $a:expr) => {
        $crate::math::polynomials::polynomial!(@split $fma, $t, $x, $square; [$($even,)* $a] [$($odd),*])
    };
    (@split $fma:ident, $t:ty, $x:expr, $square:expr; [$($even:expr),*] [$($odd:expr),*] $a:expr, $b:expr $(, $rest:expr)*) => {
        $crate::math::polynomials::polynomial!(@split $fma, $t, $x, $square; [$($even,)* $a] [$($odd,)* $b] $($rest),*)
    };
    ($fma:ident, $t:ty, $x:expr, $square:expr; $($c:expr),+) => {
        $crate::math::polynomials::polynomial!(@split $fma, $t, $x, $square; [] [] $($c),+)
    };
}
pub(super) use polynomial;
