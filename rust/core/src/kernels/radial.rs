//! Kernels of a distance: RBF, Laplace with any power, Matern.

use super::leaf::{Input, Leaf, Tile};
use crate::real::Real;
use crate::simd::{Job, Level, dispatch};

/// `exp(-gamma |x - x'|^2)`.
pub(super) struct Rbf<T> {
    pub(super) gamma: T,
}

/// `exp(-gamma |x - x'|^power)`.
pub(super) struct Laplace<T> {
    pub(super) gamma: T,
    pub(super) power: T,
}

/// `exp(-gamma sum_k |x_k - x'_k|)`.
pub(super) struct Manhattan<T> {
    pub(super) gamma: T,
}

/// Matern with smoothness `(2 P + 1) / 2`, `scale = sqrt(2 nu) / length_scale`.
pub(super) struct Matern<T, const P: u32> {
    pub(super) scale: T,
}

/// Applies a function of one value to a tile.
struct Map<'a, T, const FORM: u32> {
    tile: Tile<'a, T>,
    factor: T,
    half_power: T,
}

const GAUSS: u32 = 0;
const ROOT: u32 = 1;
const POWER: u32 = 2;
const MATERN: u32 = 10;

impl<T: Real, const FORM: u32> Job for Map<'_, T, FORM> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(mut self) {
        let (factor, half_power) = (self.factor, self.half_power);
        let third = T::from_f64(1.0 / 3.0);
        for i in 0..self.tile.rows {
            for v in self.tile.row(i) {
                *v = match FORM {
                    GAUSS => (-factor * *v).exp::<FMA>(),
                    ROOT => (-factor * v.sqrt()).exp::<FMA>(),
                    POWER => (-factor * (half_power * v.log::<FMA>()).exp::<FMA>()).exp::<FMA>(),
                    _ => {
                        let r = factor * v.sqrt();
                        let polynomial = match FORM - MATERN {
                            0 => T::ONE,
                            1 => T::ONE + r,
                            _ => (r * third).mul_add::<FMA>(r, T::ONE + r),
                        };
                        polynomial * (-r).exp::<FMA>()
                    }
                };
            }
        }
    }
}

fn map<T: Real, const FORM: u32>(level: Level, tile: Tile<'_, T>, factor: T, half_power: T) {
    dispatch(level, Map::<T, FORM> { tile, factor, half_power });
}

impl<T: Real> Leaf<T> for Rbf<T> {
    fn input(&self) -> Input {
        Input::Distance
    }
    fn evaluate(&self, level: Level, tile: Tile<'_, T>) {
        map::<T, GAUSS>(level, tile, self.gamma, T::ONE);
    }
}

impl<T: Real> Leaf<T> for Manhattan<T> {
    fn input(&self) -> Input {
        Input::Manhattan
    }
    fn evaluate(&self, level: Level, tile: Tile<'_, T>) {
        map::<T, GAUSS>(level, tile, self.gamma, T::ONE);
    }
}

impl<T: Real> Leaf<T> for Laplace<T> {
    fn input(&self) -> Input {
        Input::Distance
    }
    fn evaluate(&self, level: Level, tile: Tile<'_, T>) {
        if self.power == T::ONE {
            map::<T, ROOT>(level, tile, self.gamma, T::ONE);
        } else {
            map::<T, POWER>(level, tile, self.gamma, self.power * T::from_f64(0.5));
        }
    }
}

impl<T: Real, const P: u32> Leaf<T> for Matern<T, P> {
    fn input(&self) -> Input {
        Input::Distance
    }
    fn evaluate(&self, level: Level, tile: Tile<'_, T>) {
        match P {
            0 => map::<T, MATERN>(level, tile, self.scale, T::ONE),
            1 => map::<T, { MATERN + 1 }>(level, tile, self.scale, T::ONE),
            _ => map::<T, { MATERN + 2 }>(level, tile, self.scale, T::ONE),
        }
    }
}
