//! The bounds that the documentation of the elementary functions states, and where they are tried.

use widelearn_core::simd::Level;

/// What the grids of one function cover and the bounds its documentation states.
pub(crate) struct Claim {
    pub(crate) name: &'static str,
    pub(crate) f64: Range,
    pub(crate) f32: Range,
}

pub(crate) struct Range {
    /// Largest error in ulp, with and without FMA.
    bounds: [f64; 2],
    /// Uniform grids over these intervals.
    pub(crate) uniform: &'static [(f64, f64)],
    /// Magnitudes 10^low ... 10^high, on both sides of zero where the function is defined there.
    pub(crate) decades: (f64, f64),
}

impl Range {
    pub(crate) fn bound(&self, level: Level) -> f64 {
        let fused = level.fused();
        self.bounds[usize::from(!fused)]
    }
}

const fn over(bounds: [f64; 2], uniform: &'static [(f64, f64)], decades: (f64, f64)) -> Range {
    Range { bounds, uniform, decades }
}

const fn claim(name: &'static str, f64: Range, f32: Range) -> Claim {
    Claim { name, f64, f32 }
}

const SMALL_F64: (f64, f64) = (-300.0, 0.0);
const SMALL_F32: (f64, f64) = (-37.0, 0.0);
const COSINES: &[(f64, f64)] = &[(-1.0, 1.0), (0.4, 0.6), (0.9, 1.0), (-1.0, -0.9)];
const WAVES_F64: &[(f64, f64)] = &[(-4.0, 4.0), (-1e3, 1e3), (-1e6, 1e6), (-2e6, 2e6)];
const WAVES_F32: &[(f64, f64)] = &[(-4.0, 4.0), (-1e3, 1e3), (-8192.0, 8192.0), (-2e6, 2e6)];
const UP_TO_ONE: &[(f64, f64)] = &[(0.0, 1.0), (0.49, 0.51), (0.99, 1.0)];
const NEAR_ONE: &[(f64, f64)] = &[(0.5, 2.0), (0.99, 1.01)];

pub(crate) const CLAIMS: [Claim; 11] = [
    claim(
        "exp",
        over([1.1, 1.1], &[(-1.0, 1.0), (-745.0, 709.0), (-745.2, -707.0)], SMALL_F64),
        over([1.1, 1.1], &[(-1.0, 1.0), (-103.0, 88.0), (-104.0, -86.0)], SMALL_F32),
    ),
    claim("log", over([0.9, 0.9], NEAR_ONE, (-323.0, 308.0)), over([0.9, 0.9], NEAR_ONE, (-44.0, 38.0))),
    claim("log1p", over([0.9, 0.9], UP_TO_ONE, SMALL_F64), over([0.9, 0.9], UP_TO_ONE, SMALL_F32)),
    claim("sin", over([0.9, 1.1], WAVES_F64, SMALL_F64), over([1.6, 1.6], WAVES_F32, SMALL_F32)),
    claim("cos", over([0.9, 1.1], WAVES_F64, SMALL_F64), over([1.6, 1.6], WAVES_F32, SMALL_F32)),
    claim("acos", over([1.2, 1.2], COSINES, SMALL_F64), over([1.2, 1.2], COSINES, SMALL_F32)),
    claim("asin", over([1.2, 1.2], COSINES, SMALL_F64), over([1.3, 1.3], COSINES, SMALL_F32)),
    claim("angle", over([1.2, 1.2], COSINES, SMALL_F64), over([1.2, 1.2], COSINES, SMALL_F32)),
    claim(
        "erf",
        over([1.1, 1.4], &[(-1.5, 1.5), (-8.0, 8.0)], SMALL_F64),
        over([1.4, 1.5], &[(-1.5, 1.5), (-5.0, 5.0)], SMALL_F32),
    ),
    claim(
        "tanh",
        over([1.8, 1.8], &[(-1.0, 1.0), (-22.0, 22.0)], SMALL_F64),
        over([1.8, 1.8], &[(-1.0, 1.0), (-12.0, 12.0)], SMALL_F32),
    ),
    claim(
        "sigmoid",
        over([1.6, 2.1], &[(-1.0, 1.0), (-40.0, 40.0), (-745.0, 0.0)], SMALL_F64),
        over([1.6, 2.1], &[(-1.0, 1.0), (-20.0, 20.0), (-103.0, 0.0)], SMALL_F32),
    ),
];
