//! Elementary functions against a double-double reference, golden values and their edges, on every instruction set.

#[path = "math/claims.rs"]
mod claims;
#[path = "math/reference.rs"]
mod reference;

use claims::{CLAIMS, Claim, Range};
use reference::Double;
use widelearn_core::math::{self, Functions};
use widelearn_core::real::Real;
use widelearn_core::simd::{Job, Level, available, dispatch};

macro_rules! jobs {
    ($($name:ident as $job:ident = |$x:ident| $value:expr;)+) => {
        $(
            struct $job<'a, T>(&'a mut [T]);
            impl<T: Real> Job for $job<'_, T> {
                type Output = ();
                #[inline(always)]
                fn run<const FMA: bool>(self) {
                    for v in self.0 {
                        let $x = Compiled::<T, FMA>(*v);
                        *v = $value;
                    }
                }
            }
        )+

        /// The function called `name`, of every value.
        fn apply<T: Real>(name: &str, level: Level, values: &mut [T]) {
            let mut other = values.to_vec();
            match name {
                $(stringify!($name) => dispatch(level, $job(values)),)+
                "exp" => math::exp_slice(level, values),
                "sin" => math::sin_cos_slice(level, values, &mut other, T::ONE),
                "cos" => math::cos_slice(level, values, T::ONE),
                _ => panic!("no function {name}"),
            }
        }
    };
}

/// A value inside a job compiled with or without `FMA`.
struct Compiled<T, const FMA: bool>(T);

macro_rules! methods {
    ($($name:ident)+) => {
        impl<T: Functions, const FMA: bool> Compiled<T, FMA> {
            $(
                #[inline(always)]
                fn $name(self) -> T {
                    self.0.$name::<FMA>()
                }
            )+
        }
    };
}
methods!(log log1p acos asin angle erf tanh sigmoid sin cos);

jobs! {
    log as Log = |x| x.log();
    log1p as Log1p = |x| x.log1p();
    acos as Acos = |x| x.acos();
    asin as Asin = |x| x.asin();
    angle as Angle = |x| x.angle();
    erf as Erf = |x| x.erf();
    tanh as Tanh = |x| x.tanh();
    sigmoid as Sigmoid = |x| x.sigmoid();
    straight_sin as StraightSin = |x| x.sin();
    straight_cos as StraightCos = |x| x.cos();
}

fn exact(name: &str, x: f64) -> Double {
    let of = |f: fn(f64) -> Double| f(x);
    match name {
        "exp" => reference::exp(x.into()),
        "log" => of(reference::log),
        "log1p" => of(reference::log1p),
        "sin" => reference::sin_cos(x.into()).0,
        "cos" => reference::sin_cos(x.into()).1,
        "acos" if x.abs() <= 0.5 => Double::PI.scale(0.5) - reference::asin(x.into()),
        "acos" => reference::angle(Double::from(1.0) - x.abs().into(), x),
        "asin" if x.abs() <= 0.5 => reference::asin(x.into()),
        "asin" => {
            let rest = reference::angle(Double::from(1.0) - x.abs().into(), 1.0);
            let y = Double::PI.scale(0.5) - rest;
            if x < 0.0 { -y } else { y }
        }
        "angle" => reference::angle(x.abs().into(), x),
        "erf" => of(reference::erf),
        "tanh" => of(reference::tanh),
        "sigmoid" => of(reference::sigmoid),
        _ => panic!("no reference for {name}"),
    }
}

const POINTS: usize = 8_000;

/// The arguments of a claim, as f64: a low-discrepancy sequence in every range.
fn arguments(name: &str, range: &Range) -> Vec<f64> {
    let fraction = |i: usize| (i as f64 * 0.6180339887498949).fract();
    let mut xs = Vec::new();
    for (low, high) in range.uniform {
        xs.extend((0..POINTS).map(|i| low + (high - low) * fraction(i)));
    }
    let (low, high) = range.decades;
    let sign = |i: usize| if i % 2 == 1 && !name.starts_with("log") { -1.0 } else { 1.0 };
    xs.extend((0..POINTS).map(|i| sign(i) * 10f64.powf(low + (high - low) * fraction(i))));
    xs
}

/// Distance between neighbours in the binade of y.
fn ulp_f64(y: f64) -> f64 {
    let exponent = ((y.to_bits() >> 52) & 0x7ff).max(1);
    if exponent > 52 { f64::from_bits((exponent - 52) << 52) } else { f64::from_bits(1 << (exponent - 1)) }
}

fn ulp_f32(y: f64) -> f64 {
    let exponent = ((y.to_bits() >> 52) & 0x7ff) as i32 - 1023;
    2f64.powi(exponent.max(-126) - 23)
}

fn error_f64(got: f64, y: Double) -> f64 {
    let unit = ulp_f64(y.high);
    ((got - y.high) / unit - y.low / unit).abs()
}

fn error_f32(got: f32, y: Double) -> f64 {
    ((f64::from(got) - y.high) - y.low).abs() / ulp_f32(y.high)
}

fn check(name: &str, level: Level, bound: f64, errors: impl Iterator<Item = (f64, f64)>) {
    let (mut worst, mut at) = (0.0, f64::NAN);
    for (x, error) in errors {
        assert!(!error.is_nan(), "{name}({x:e}) on {} is NaN", level.name());
        if error > worst {
            (worst, at) = (error, x);
        }
    }
    println!("{name:10} {:9} {worst:.3} ulp at {at:e}", level.name());
    assert!(worst <= bound, "{name}({at:e}) on {} is off by {worst} ulp, stated {bound}", level.name());
}

#[test]
fn f64_stays_within_the_stated_bounds() {
    for Claim { name, f64: range, .. } in &CLAIMS {
        let xs = arguments(name, range);
        let exact: Vec<_> = xs.iter().map(|&x| exact(name, x)).collect();
        for level in available() {
            let mut y = xs.clone();
            apply(name, level, &mut y);
            let errors = (0..xs.len()).map(|i| (xs[i], error_f64(y[i], exact[i])));
            check(name, level, range.bound(level), errors);
        }
    }
}

#[test]
fn f32_stays_within_the_stated_bounds() {
    for Claim { name, f32: range, .. } in &CLAIMS {
        let xs: Vec<_> = arguments(name, range).into_iter().map(|x| x as f32).collect();
        let exact: Vec<_> = xs.iter().map(|&x| exact(name, x.into())).collect();
        for level in available() {
            let mut y = xs.clone();
            apply(name, level, &mut y);
            let errors = (0..xs.len()).map(|i| (xs[i].into(), error_f32(y[i], exact[i])));
            check(name, level, range.bound(level), errors);
        }
    }
}

/// (function, x, y rounded, (y - y rounded) in ulps), from mpmath.
fn golden() -> Vec<(&'static str, f64, f64, f64)> {
    let bits = |s| f64::from_bits(u64::from_str_radix(s, 16).unwrap());
    let lines: Vec<_> = include_str!("golden/functions.txt")
        .lines()
        .map(|line| match *line.split(' ').collect::<Vec<_>>() {
            [name, x, y, error] => (name, bits(x), bits(y), error.parse().unwrap()),
            _ => panic!("{line}"),
        })
        .collect();
    assert!(lines.len() > 1_500);
    lines
}

#[test]
fn golden_values_at_edges_and_hard_reductions() {
    for (name, x, y, rest) in golden() {
        let claim = CLAIMS.iter().find(|c| c.name == name).unwrap();
        let unit = ulp_f64(y);
        for level in available() {
            let mut got = [x];
            apply(name, level, &mut got);
            let error = ((got[0] - y) / unit - rest).abs();
            assert!(error <= claim.f64.bound(level), "{name}({x:e}) on {} is off by {error} ulp", level.name());
            if f64::from(x as f32) == x && y.abs() <= f32::MAX.into() {
                let mut got = [x as f32];
                apply(name, level, &mut got);
                let error = error_f32(got[0], y.into());
                assert!(error <= claim.f32.bound(level), "f32 {name}({x:e}) on {} is off by {error} ulp", level.name());
            }
        }
    }
}

#[test]
fn the_reference_agrees_with_mpmath() {
    for (name, x, y, rest) in golden() {
        let large = matches!(name, "sin" | "cos") && x.abs() > 2e6;
        if large || y.abs() < 1e-290 || x.abs() < 1e-290 {
            continue;
        }
        let r = exact(name, x);
        let unit = ulp_f64(y);
        let error = ((r.high - y) / unit + r.low / unit - rest).abs();
        assert!(error < 1e-3, "{name}({x:e}): {r:?}, off by {error} ulp");
    }
}

#[test]
fn fused_levels_give_the_same_bits() {
    let fused: Vec<_> = available().into_iter().filter(|l| l.fused()).collect();
    for claim in &CLAIMS {
        let mut xs = arguments(claim.name, &claim.f64);
        xs.extend(golden().into_iter().filter(|g| g.0 == claim.name).map(|g| g.1));
        xs.extend([f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0]);
        let small: Vec<_> = xs.iter().map(|&x| x as f32).collect();
        for pair in fused.windows(2) {
            let (mut a, mut b) = (xs.clone(), xs.clone());
            apply(claim.name, pair[0], &mut a);
            apply(claim.name, pair[1], &mut b);
            let same = |a: f64, b: f64| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan());
            for i in 0..xs.len() {
                assert!(same(a[i], b[i]), "{}({:e}): {:e} and {:e}", claim.name, xs[i], a[i], b[i]);
            }
            let (mut a, mut b) = (small.clone(), small.clone());
            apply(claim.name, pair[0], &mut a);
            apply(claim.name, pair[1], &mut b);
            for i in 0..xs.len() {
                assert!(same(a[i].into(), b[i].into()), "f32 {}({:e})", claim.name, xs[i]);
            }
        }
    }
}

fn value<T: Real>(name: &str, level: Level, x: T) -> T {
    let mut values = [x; 9];
    apply(name, level, &mut values);
    values[8]
}

/// What holds at the edges of every function, in both precisions.
fn edges<T: Real>(level: Level) {
    let f = |name: &str, x: f64| value(name, level, T::from_f64(x)).to_f64();
    let nan = |name: &str, x: f64| assert!(f(name, x).is_nan(), "{name}({x}) on {}", level.name());
    let is = |name: &str, x: f64, y: f64| {
        let (got, want) = (f(name, x), T::from_f64(y).to_f64());
        assert_eq!(got.to_bits(), want.to_bits(), "{name}({x}) = {got}, not {want}, on {}", level.name());
    };
    const INF: f64 = f64::INFINITY;
    const PI: f64 = std::f64::consts::PI;
    for Claim { name, .. } in &CLAIMS {
        nan(name, f64::NAN);
    }
    for name in ["sin", "cos"] {
        nan(name, INF);
        nan(name, -INF);
    }
    for name in ["acos", "asin"] {
        nan(name, 1.0 + 1e-6);
        nan(name, -INF);
    }
    for (name, x, y) in
        [("exp", 0.0, 1.0), ("exp", -0.0, 1.0), ("exp", INF, INF), ("exp", -INF, 0.0), ("exp", 1e5, INF)]
    {
        is(name, x, y);
    }
    is("exp", -1e5, 0.0);
    for (x, y) in [(0.0, -INF), (-0.0, -INF), (1.0, 0.0), (INF, INF)] {
        is("log", x, y);
    }
    nan("log", -1e-30);
    nan("log", -INF);
    for odd in ["sin", "asin", "erf", "tanh"] {
        is(odd, 0.0, 0.0);
        is(odd, -0.0, -0.0);
    }
    is("cos", 0.0, 1.0);
    for (x, y) in [(1.0, 0.0), (-1.0, PI), (0.0, PI / 2.0), (-0.0, PI / 2.0)] {
        is("acos", x, y);
    }
    for (x, y) in [(0.0, 0.0), (-0.0, PI), (1.0, PI / 2.0), (-1.0, PI / 2.0)] {
        is("angle", x, y);
    }
    is("asin", 1.0, PI / 2.0);
    is("asin", -1.0, -PI / 2.0);
    for name in ["erf", "tanh"] {
        for x in [7.0, 25.0, 1e30, INF] {
            if name == "erf" || x > 20.0 {
                is(name, x, 1.0);
                is(name, -x, -1.0);
            }
        }
    }
    for (x, y) in [(0.0, 0.5), (-0.0, 0.5), (INF, 1.0), (-INF, 0.0), (1e5, 1.0), (-1e5, 0.0)] {
        is("sigmoid", x, y);
    }
}

#[test]
fn edges_are_exact_on_every_level() {
    for level in available() {
        edges::<f64>(level);
        edges::<f32>(level);
        // thresholds of overflow, and denormals
        assert!(value("exp", level, 709.782712893384f64).is_finite());
        assert_eq!(value("exp", level, 709.7827128933841f64), f64::INFINITY);
        assert_eq!(value("exp", level, -745.1332191019411f64), 5e-324);
        assert_eq!(value("exp", level, -745.1332191019412f64), 0.0);
        assert!(value("exp", level, 88.72283f32).is_finite());
        assert_eq!(value("exp", level, 88.72284f32), f32::INFINITY);
        assert_eq!(value("exp", level, -103.97207f32), 1e-45);
        assert_eq!(value("exp", level, -103.97209f32), 0.0);
        for tiny in [5e-324, 1e-310] {
            for odd in ["sin", "asin", "tanh"] {
                assert_eq!(value(odd, level, tiny), tiny, "{odd} on {}", level.name());
                assert_eq!(value(odd, level, -tiny), -tiny, "{odd} on {}", level.name());
            }
        }
    }
}

#[test]
fn a_large_argument_leaves_its_neighbours_alone() {
    for level in available() {
        let xs: Vec<_> = (0..200).map(|i| 1e3 * (f64::from(i) * 0.77).sin()).collect();
        for (straight, name) in [("straight_sin", "sin"), ("straight_cos", "cos")] {
            let mut alone = xs.clone();
            apply(straight, level, &mut alone);
            for huge in [1e22, f64::MAX, f64::INFINITY, f64::NAN] {
                let mut mixed = xs.clone();
                (mixed[70], mixed[199]) = (huge, huge);
                apply(name, level, &mut mixed);
                for i in (0..200).filter(|i| ![70, 199].contains(i)) {
                    assert_eq!(mixed[i].to_bits(), alone[i].to_bits(), "{name}({:e}) beside {huge:e}", xs[i]);
                }
            }
        }
    }
}
