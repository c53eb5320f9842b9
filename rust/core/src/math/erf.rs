//! The error function.

use super::exp::{exp_normal_f32, exp_normal_f64};
use super::polynomials::{fma, polynomial};

/// |x| < 1: x + x P(x^2); elsewhere 1 - e^(-x^2) Q(u), u = (x - 2.625) / (x + 3.5).
#[inline(always)]
pub(super) fn erf_f64<const FMA: bool>(x: f64) -> f64 {
    let a = x.abs();
    // erf 6 rounds to 1
    let a = if 6.0 < a { 6.0 } else { a };
    let z = a * a;
    // erf(x) / x - 1 on [0, 1]: relative error of erf 2^-55.8, the last of it from rounding the first coefficient
    let p = polynomial!(
        FMA, f64, z, z * z;
        0.12837916709551256,
        -0.37612638903183526,
        0.112837916709444,
        -0.02686617064313725,
        0.00522397760628861,
        -0.0008548325936151508,
        0.00012055293753020048,
        -1.4924715272857738e-05,
        1.6447164229429757e-06,
        -1.6206539155899477e-07,
        1.371186723407825e-08,
        -7.780986008845029e-10
    );
    let u = (a - 2.625) / (a + 3.5);
    // e^(x^2) erfc x on [1, 6]: relative error of erf 2^-58.2
    let q = polynomial!(
        FMA, f64, u, u * u;
        0.20188755454601592,
        -0.41937572258980543,
        0.41178677616127835,
        -0.3367892533864502,
        0.2260697356274322,
        -0.12055412835518814,
        0.047442362236552967,
        -0.01094877951966076,
        -0.00058107284705834,
        0.0014029241872486654,
        -0.000371495089776864,
        -0.00021099620921038713
    );
    let inner = fma::<FMA, f64>(a, p, a);
    let outer = fma::<FMA, f64>(-exp_normal_f64::<FMA>(-z), q, 1.0);
    (if a < 1.0 { inner } else { outer }).copysign(x)
}

/// |x| < 0.8: x + x P(x^2); elsewhere 1 - e^-G(|x|).
#[inline(always)]
pub(super) fn erf_f32<const FMA: bool>(x: f32) -> f32 {
    let a = x.abs();
    // erf 4 rounds to 1
    let a = if 4.0 < a { 4.0 } else { a };
    let z = a * a;
    // erf(x) / x - 1 on [0, 0.8]: relative error of erf 2^-28.0
    let p = polynomial!(
        FMA, f32, z, z * z;
        0.12837917,
        -0.37612608,
        0.112831615,
        -0.026822163,
        0.005086632,
        -0.00065402227
    );
    // -log erfc x on [0.8, 4]: relative error of erf 2^-28.5
    let g = polynomial!(
        FMA, f32, a, z;
        5.6844558e-05,
        1.1282713,
        0.6361422,
        0.10487626,
        -0.022697274,
        0.0031648534,
        -0.00020869436
    );
    let inner = fma::<FMA, f32>(a, p, a);
    let outer = 1.0 - exp_normal_f32::<FMA>(-g);
    (if a < 0.8 { inner } else { outer }).copysign(x)
}
