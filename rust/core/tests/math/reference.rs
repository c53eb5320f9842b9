//! Elementary functions in double-double arithmetic (about 100 bits), from their series: an independent witness.

use std::ops::{Add, Div, Mul, Neg, Sub};

/// An unevaluated sum of two f64, the second below half an ulp of the first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Double {
    pub(crate) high: f64,
    pub(crate) low: f64,
}

impl From<f64> for Double {
    fn from(high: f64) -> Self {
        Self { high, low: 0.0 }
    }
}

/// a + b for |a| >= |b|.
fn fast_sum(a: f64, b: f64) -> Double {
    let high = a + b;
    Double { high, low: b - (high - a) }
}

fn sum(a: f64, b: f64) -> Double {
    let high = a + b;
    let t = high - a;
    Double { high, low: (a - (high - t)) + (b - t) }
}

fn product(a: f64, b: f64) -> Double {
    let high = a * b;
    Double { high, low: a.mul_add(b, -high) }
}

impl Add for Double {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        let s = sum(self.high, other.high);
        let t = sum(self.low, other.low);
        let u = fast_sum(s.high, s.low + t.high);
        fast_sum(u.high, u.low + t.low)
    }
}

impl Neg for Double {
    type Output = Self;
    fn neg(self) -> Self {
        Self { high: -self.high, low: -self.low }
    }
}

impl Sub for Double {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        self + -other
    }
}

impl Mul for Double {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        let p = product(self.high, other.high);
        fast_sum(p.high, p.low + (self.high * other.low + self.low * other.high))
    }
}

impl Div for Double {
    type Output = Self;
    fn div(self, other: Self) -> Self {
        let q = self.high / other.high;
        let r = self - other * q.into();
        let p = r.high / other.high;
        let r = r - other * p.into();
        Double::from(q) + Double::from(p) + (r.high / other.high).into()
    }
}

impl Double {
    pub(crate) const LN_2: Self = Self { high: std::f64::consts::LN_2, low: 2.3190468138462996e-17 };
    pub(crate) const PI: Self = Self { high: std::f64::consts::PI, low: 1.2246467991473532e-16 };

    /// Times a power of two, exactly.
    pub(crate) fn scale(self, by: f64) -> Self {
        Self { high: self.high * by, low: self.low * by }
    }

    pub(crate) fn sqrt(self) -> Self {
        if self.high == 0.0 {
            return self;
        }
        let s = Self::from(self.high.sqrt());
        s + (self - s * s) / s.scale(2.0)
    }
}

/// first + first ratio(1) + first ratio(1) ratio(2) + ..., until terms vanish.
fn series(first: Double, ratio: impl Fn(f64) -> Double) -> Double {
    let (mut total, mut term) = (first, first);
    for k in 1..1000 {
        term = term * ratio(f64::from(k));
        total = total + term;
        if term.high.abs() < 1e-34 * total.high.abs() {
            break;
        }
    }
    total
}

/// e^x - 1 by its series; accurate for |x| < 1.
fn expm1_small(x: Double) -> Double {
    if x.high == 0.0 { x } else { series(x, |k| x / (k + 1.0).into()) }
}

/// e^x as a number in [0.7, 1.5] and an exponent of two, so that nothing overflows.
fn exp_parts(x: Double) -> (Double, i32) {
    // ln 2 in two pieces of 40 bits (their products with n are exact) and a last one of 53
    const PIECES: [f64; 3] = [0.6931471805592082, 7.371002565161996e-13, 5.8029889835956905e-25];
    let n = (x.high / std::f64::consts::LN_2).round();
    let r = PIECES.iter().fold(x, |r, &p| r - product(n, p));
    (expm1_small(r) + 1.0.into(), n as i32)
}

pub(crate) fn exp(x: Double) -> Double {
    let (m, n) = exp_parts(x);
    let half = n / 2;
    m.scale(2f64.powi(half)).scale(2f64.powi(n - half))
}

pub(crate) fn expm1(x: Double) -> Double {
    if x.high.abs() < 0.5 { expm1_small(x) } else { exp(x) - 1.0.into() }
}

/// log x for a normal or denormal x > 0: k ln 2 + 2 atanh((m - 1) / (m + 1)).
pub(crate) fn log(x: f64) -> Double {
    let (x, lift) = if x < f64::MIN_POSITIVE { (x * 2f64.powi(60), 60.0) } else { (x, 0.0) };
    let mut k = ((x.to_bits() >> 52) as i32 - 1023) as f64;
    let mut m = f64::from_bits((x.to_bits() & 0x000f_ffff_ffff_ffff) | 0x3ff0_0000_0000_0000);
    if m > std::f64::consts::SQRT_2 {
        (k, m) = (k + 1.0, 0.5 * m);
    }
    let tail = atanh(sum(m, -1.0) / sum(m, 1.0));
    Double::LN_2 * (k - lift).into() + tail.scale(2.0)
}

/// log(1 + z) = 2 atanh(z / (2 + z)) for 0 <= z <= 1.
pub(crate) fn log1p(z: f64) -> Double {
    atanh(Double::from(z) / sum(2.0, z)).scale(2.0)
}

/// The sum of s^(2j+1) / (2j+1), for |s| <= 1/3.
fn atanh(s: Double) -> Double {
    if s.high == 0.0 {
        return s;
    }
    let (z, mut total, mut power) = (s * s, s, s);
    for j in 1..60 {
        power = power * z;
        total = total + power / f64::from(2 * j + 1).into();
    }
    total
}

/// (n mod 4, r): x = n pi / 2 + r, for |x| < 2^21.
fn quarter_turns(x: Double) -> (i64, Double) {
    // pi / 2 in four pieces of 32 bits (their products with n are exact) and a last one of 53
    const PIECES: [f64; 5] = [
        1.5707963267341256,
        6.077100506303966e-11,
        2.0222662487111665e-21,
        8.478427660348229e-32,
        2.0670321098263988e-43,
    ];
    let n = (x.high / std::f64::consts::FRAC_PI_2).round();
    let r = PIECES.iter().fold(x, |r, &p| r - product(n, p));
    ((n as i64).rem_euclid(4), r)
}

/// sin and cos of |x| < 2^21, both to about 100 bits relative to themselves.
pub(crate) fn sin_cos(x: Double) -> (Double, Double) {
    let (n, r) = quarter_turns(x);
    let z = -(r * r);
    let s = if r.high == 0.0 { r } else { series(r, |k| z / (2.0 * k * (2.0 * k + 1.0)).into()) };
    let c = series(1.0.into(), |k| z / (2.0 * k * (2.0 * k - 1.0)).into());
    match n {
        0 => (s, c),
        1 => (c, -s),
        2 => (-s, -c),
        _ => (-c, s),
    }
}

/// asin t for |t| <= 0.8, one Newton step from f64.
pub(crate) fn asin(t: Double) -> Double {
    let first = Double::from(t.high.asin());
    let (s, c) = sin_cos(first);
    first + (t - s) / c
}

/// The angle with cosine copysign(1 - v, sign).
pub(crate) fn angle(v: Double, sign: f64) -> Double {
    let outer = asin(v.scale(0.5).sqrt()).scale(2.0);
    if sign.is_sign_negative() { Double::PI - outer } else { outer }
}

/// erf x = 2 / sqrt(pi) e^(-x^2) sum of 2^n x^(2n+1) / (2n+1)!!, all terms of one sign.
pub(crate) fn erf(x: f64) -> Double {
    if x == 0.0 {
        return x.into();
    }
    let z = product(x, x);
    let total = series(x.into(), |k| z.scale(2.0) / (2.0 * k + 1.0).into());
    (exp(-z) * total).scale(2.0) / Double::PI.sqrt()
}

pub(crate) fn tanh(x: f64) -> Double {
    let t = expm1(Double::from(x).scale(2.0));
    t / (t + 2.0.into())
}

pub(crate) fn sigmoid(x: f64) -> Double {
    let e = exp(Double::from(-x.abs()));
    (if x < 0.0 { e } else { 1.0.into() }) / (e + 1.0.into())
}
