//! Elementary functions of f32 and f64 as straight-line code, so that a loop over them vectorises.

mod acos;
mod erf;
mod exp;
mod large;
mod log;
mod polynomials;
mod slices;
mod tanh;
mod trig;

pub use slices::{cos_scaled, cos_slice, exp_slice, sin_cos_scaled, sin_cos_slice};

/// Elementary functions without branches or calls: inside a loop that [`crate::simd::dispatch`] compiles for an
/// instruction set they become vector code. `FMA` says whether multiply-add is one instruction, see [`crate::simd::Job`];
/// results have the same bits on every path that has it.
///
/// The errors stated are the largest, in units in the last place of the exact result; NaN gives NaN throughout.
pub trait Functions: Sized + Copy {
    /// Largest |x| for which [`Functions::sin_cos`], [`Functions::sin`] and [`Functions::cos`] hold their bounds:
    /// 10^6 for f64, 2^13 for f32. [`sin_cos_scaled`] and [`cos_scaled`] take any argument.
    const TRIG_MAX: Self;

    /// `e^x` for any x: infinite above the largest number, denormal and 0 below the smallest.
    ///
    /// Error: 1.1 ulp.
    fn exp<const FMA: bool>(self) -> Self;

    /// `log x` for x >= 0, denormals included; 0 gives -inf, a negative number NaN.
    ///
    /// Error: 0.9 ulp.
    fn log<const FMA: bool>(self) -> Self;

    /// `log(1 + z)` for 0 <= z <= 1.
    ///
    /// Error: 0.9 ulp.
    fn log1p<const FMA: bool>(self) -> Self;

    /// `(sin x, cos x)` for |x| <= [`Functions::TRIG_MAX`], multiples of pi / 2 notwithstanding; `sin -0 = -0`.
    ///
    /// Error: f64 0.9 ulp (1.1 without FMA), f32 1.6 ulp.
    fn sin_cos<const FMA: bool>(self) -> (Self, Self);

    /// [`Functions::sin_cos`] for any x: the same bits where that holds its bounds, and a branch, an exact reduction and
    /// the same errors elsewhere; infinities give NaN.
    fn sin_cos_any<const FMA: bool>(self) -> (Self, Self);

    /// The sine of [`Functions::sin_cos`].
    #[inline(always)]
    fn sin<const FMA: bool>(self) -> Self {
        self.sin_cos::<FMA>().0
    }

    /// The cosine of [`Functions::sin_cos`].
    #[inline(always)]
    fn cos<const FMA: bool>(self) -> Self {
        self.sin_cos::<FMA>().1
    }

    /// The error function `(2 / sqrt pi) int_0^x e^(-t^2) dt`.
    ///
    /// Error: f64 1.1 ulp (1.4 without FMA), f32 1.4 ulp (1.5 without FMA).
    fn erf<const FMA: bool>(self) -> Self;

    /// The hyperbolic tangent.
    ///
    /// Error: 1.8 ulp.
    fn tanh<const FMA: bool>(self) -> Self;

    /// The logistic function `1 / (1 + e^-x)`, down to denormals.
    ///
    /// Error: 1.6 ulp (2.1 without FMA).
    fn sigmoid<const FMA: bool>(self) -> Self;

    /// `acos u`, NaN for |u| > 1.
    ///
    /// Error: 1.2 ulp.
    fn acos<const FMA: bool>(self) -> Self;

    /// `asin u`, NaN for |u| > 1.
    ///
    /// Error: 1.2 ulp for f64, 1.3 ulp for f32.
    fn asin<const FMA: bool>(self) -> Self;

    /// `asin u` from u and `v = 1 - |u|`, which near +-1 holds what u cannot.
    ///
    /// Error: that of [`Functions::asin`].
    fn asin_beside<const FMA: bool>(self, v: Self) -> Self;

    /// The angle theta in [0, pi] from `e = copysign(1 - |u|, u)`, `u = cos theta`, for normal e and +-0:
    /// `2 asin(sqrt(e / 2))` for e > 0 and `pi - 2 asin(sqrt(-e / 2))` for e < 0.
    ///
    /// Near u = +-1 it keeps what acos u cannot, as 1 - |u| need not be a multiple of epsilon. A caller's |e| may exceed 1
    /// by rounding.
    ///
    /// Error: 1.2 ulp.
    fn angle<const FMA: bool>(self) -> Self;
}

macro_rules! functions {
    ($t:ty, $trig_max:ident, $arc:ident; $($room:ident::$inner:ident as $name:ident -> $result:ty),+ $(,)?) => {
        impl Functions for $t {
            const TRIG_MAX: Self = trig::$trig_max;
            #[inline(always)]
            fn asin_beside<const FMA: bool>(self, v: Self) -> Self {
                acos::$arc::<FMA>(self, v)
            }
            $(
                #[inline(always)]
                fn $name<const FMA: bool>(self) -> $result {
                    $room::$inner::<FMA>(self)
                }
            )+
        }
    };
}
functions!(
    f64, MAX_F64, arc_f64;
    exp::exp_f64 as exp -> f64,
    log::log_f64 as log -> f64,
    log::log1p_f64 as log1p -> f64,
    trig::sin_cos_f64 as sin_cos -> (f64, f64),
    trig::sin_cos_any_f64 as sin_cos_any -> (f64, f64),
    erf::erf_f64 as erf -> f64,
    tanh::tanh_f64 as tanh -> f64,
    tanh::sigmoid_f64 as sigmoid -> f64,
    acos::acos_f64 as acos -> f64,
    acos::asin_f64 as asin -> f64,
    acos::angle_f64 as angle -> f64,
);
functions!(
    f32, MAX_F32, arc_f32;
    exp::exp_f32 as exp -> f32,
    log::log_f32 as log -> f32,
    log::log1p_f32 as log1p -> f32,
    trig::sin_cos_f32 as sin_cos -> (f32, f32),
    trig::sin_cos_any_f32 as sin_cos_any -> (f32, f32),
    erf::erf_f32 as erf -> f32,
    tanh::tanh_f32 as tanh -> f32,
    tanh::sigmoid_f32 as sigmoid -> f32,
    acos::acos_f32 as acos -> f32,
    acos::asin_f32 as asin -> f32,
    acos::angle_f32 as angle -> f32,
);
