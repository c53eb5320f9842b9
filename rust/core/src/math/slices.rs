//! Functions over slices: trigonometry that accepts any argument, and doors for callers outside a job.

use crate::real::Real;
use crate::simd::{Job, Level, dispatch};

/// Values looked at together: one large argument sends its chunk through the scalar path.
const CHUNK: usize = 64;

/// No |x| is larger than `TRIG_MAX`; NaN may pass, it goes through the straight-line functions unharmed.
#[inline(always)]
fn all_small<T: Real>(values: &[T]) -> bool {
    let mut top = [T::ZERO; 8];
    let eights = values.chunks_exact(8);
    for v in eights.remainder() {
        top[0] = top[0].max(v.abs());
    }
    for eight in eights {
        for (top, v) in top.iter_mut().zip(eight) {
            *top = top.max(v.abs());
        }
    }
    top.iter().all(|&v| v <= T::TRIG_MAX)
}

/// `values` becomes `scale` sin x and `cosines` `scale` cos x, for any x; call it inside a [`Job`].
///
/// An element's result does not depend on its neighbours.
#[inline(always)]
pub fn sin_cos_scaled<const FMA: bool, T: Real>(values: &mut [T], cosines: &mut [T], scale: T) {
    for (values, cosines) in values.chunks_mut(CHUNK).zip(cosines.chunks_mut(CHUNK)) {
        if all_small(values) {
            for (v, w) in values.iter_mut().zip(cosines) {
                let (sin, cos) = v.sin_cos::<FMA>();
                (*v, *w) = (sin * scale, cos * scale);
            }
        } else {
            for (v, w) in values.iter_mut().zip(cosines) {
                let (sin, cos) = v.sin_cos_any::<FMA>();
                (*v, *w) = (sin * scale, cos * scale);
            }
        }
    }
}

/// `values` becomes `scale` cos x, for any x; call it inside a [`Job`].
#[inline(always)]
pub fn cos_scaled<const FMA: bool, T: Real>(values: &mut [T], scale: T) {
    for values in values.chunks_mut(CHUNK) {
        if all_small(values) {
            for v in values {
                *v = v.cos::<FMA>() * scale;
            }
        } else {
            for v in values {
                *v = v.sin_cos_any::<FMA>().1 * scale;
            }
        }
    }
}

struct SinCos<'a, T>(&'a mut [T], &'a mut [T], T);

impl<T: Real> Job for SinCos<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        sin_cos_scaled::<FMA, T>(self.0, self.1, self.2);
    }
}

/// [`sin_cos_scaled`] outside a job.
pub fn sin_cos_slice<T: Real>(level: Level, values: &mut [T], cosines: &mut [T], scale: T) {
    dispatch(level, SinCos(values, cosines, scale));
}

struct Cos<'a, T>(&'a mut [T], T);

impl<T: Real> Job for Cos<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        cos_scaled::<FMA, T>(self.0, self.1);
    }
}

/// [`cos_scaled`] outside a job.
pub fn cos_slice<T: Real>(level: Level, values: &mut [T], scale: T) {
    dispatch(level, Cos(values, scale));
}

struct Exp<'a, T>(&'a mut [T]);

impl<T: Real> Job for Exp<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        for v in self.0 {
            *v = v.exp::<FMA>();
        }
    }
}

/// Each value becomes its exponential.
pub fn exp_slice<T: Real>(level: Level, values: &mut [T]) {
    dispatch(level, Exp(values));
}
