//! Elementary functions of f32 and f64 as straight-line code, so that a loop over them vectorises.

mod acos;
mod exp;
mod log;
mod trig;

/// Elementary functions without branches or calls: inside a loop that [`crate::simd::dispatch`] compiles for an
/// instruction set they become vector code. `FMA` says whether multiply-add is one instruction, see [`crate::simd::Job`];
/// results have the same bits on every path that has it.
pub trait Functions: Sized + Copy {
    /// Largest |x| for which [`Functions::sin_cos`], [`Functions::sin`] and [`Functions::cos`] hold their bounds.
    const TRIG_MAX: Self;
    /// e^x for any x.
    fn exp<const FMA: bool>(self) -> Self;
    /// Natural logarithm; 0 gives -inf, a negative number NaN.
    fn log<const FMA: bool>(self) -> Self;
    /// (sin x, cos x) for |x| <= [`Functions::TRIG_MAX`].
    fn sin_cos<const FMA: bool>(self) -> (Self, Self);
    /// sin x for |x| <= [`Functions::TRIG_MAX`].
    #[inline(always)]
    fn sin<const FMA: bool>(self) -> Self {
        self.sin_cos::<FMA>().0
    }
    /// cos x for |x| <= [`Functions::TRIG_MAX`].
    #[inline(always)]
    fn cos<const FMA: bool>(self) -> Self {
        self.sin_cos::<FMA>().1
    }
    /// acos u for |u| <= 1.
    fn acos<const FMA: bool>(self) -> Self;
    /// asin u for |u| <= 1.
    fn asin<const FMA: bool>(self) -> Self;
    /// The angle theta in [0, pi] from e = copysign(1 - |u|, u), u = cos theta: what acos u cannot tell near u = +-1 is
    /// kept, as 1 - |u| is not rounded to a multiple of epsilon.
    fn angle<const FMA: bool>(self) -> Self;
}

macro_rules! functions {
    ($t:ty, $max:ident, $exp:ident, $log:ident, $sin_cos:ident, $acos:ident, $asin:ident, $angle:ident) => {
        impl Functions for $t {
            const TRIG_MAX: Self = trig::$max;
            #[inline(always)]
            fn exp<const FMA: bool>(self) -> Self {
                exp::$exp::<FMA>(self)
            }
            #[inline(always)]
            fn log<const FMA: bool>(self) -> Self {
                log::$log::<FMA>(self)
            }
            #[inline(always)]
            fn sin_cos<const FMA: bool>(self) -> (Self, Self) {
                trig::$sin_cos::<FMA>(self)
            }
            #[inline(always)]
            fn acos<const FMA: bool>(self) -> Self {
                acos::$acos::<FMA>(self)
            }
            #[inline(always)]
            fn asin<const FMA: bool>(self) -> Self {
                acos::$asin::<FMA>(self)
            }
            #[inline(always)]
            fn angle<const FMA: bool>(self) -> Self {
                acos::$angle::<FMA>(self)
            }
        }
    };
}
functions!(f64, MAX_F64, exp_f64, log_f64, sin_cos_f64, acos_f64, asin_f64, angle_f64);
functions!(f32, MAX_F32, exp_f32, log_f32, sin_cos_f32, acos_f32, asin_f32, angle_f32);

/// a b + c, rounded once where `FMA`.
#[inline(always)]
fn fma<const FMA: bool, T: crate::real::Real>(a: T, b: T, c: T) -> T {
    a.mul_add::<FMA>(b, c)
}

/// c0 + x (c1 + x (...)).
macro_rules! horner {
    ($fma:ident, $t:ty, $x:expr; $last:expr) => { $last };
    ($fma:ident, $t:ty, $x:expr; $first:expr, $($rest:expr),+) => {
        $crate::math::fma::<$fma, $t>($x, $crate::math::horner!($fma, $t, $x; $($rest),+), $first)
    };
}
use horner;
