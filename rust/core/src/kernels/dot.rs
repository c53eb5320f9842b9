//! Kernels of the inner product alone.

use super::leaf::{Input, Leaf, Tile};
use crate::real::Real;
use crate::simd::{Job, Level, dispatch};

/// The same value everywhere.
pub(super) struct Constant<T>(pub(super) T);

impl<T: Real> Leaf<T> for Constant<T> {
    fn input(&self) -> Input {
        Input::Nothing
    }
    fn evaluate(&self, _level: Level, mut tile: Tile<'_, T>) {
        for i in 0..tile.rows {
            tile.row(i).fill(self.0);
        }
    }
}

/// `x.x'`.
pub(super) struct Linear;

impl<T: Real> Leaf<T> for Linear {
    fn input(&self) -> Input {
        Input::Inner
    }
    fn evaluate(&self, _level: Level, _tile: Tile<'_, T>) {}
}

/// `(gamma x.x' + coef0)^degree`.
#[derive(Clone, Copy)]
pub(super) struct Polynomial<T> {
    pub(super) degree: u32,
    pub(super) gamma: T,
    pub(super) coef0: T,
}

impl<T: Real> Leaf<T> for Polynomial<T> {
    fn input(&self) -> Input {
        Input::Inner
    }
    fn evaluate(&self, level: Level, tile: Tile<'_, T>) {
        dispatch(level, Power(*self, tile));
    }
}

struct Power<'a, T>(Polynomial<T>, Tile<'a, T>);

impl<T: Real> Job for Power<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Self(Polynomial { degree, gamma, coef0 }, mut tile) = self;
        let mut base = [T::ZERO; 32];
        for i in 0..tile.rows {
            for row in tile.row(i).chunks_mut(32) {
                let base = &mut base[..row.len()];
                for (b, v) in base.iter_mut().zip(row.iter_mut()) {
                    *b = gamma.mul_add::<FMA>(*v, coef0);
                    *v = T::ONE;
                }
                // Binary powers: the same few products for every element.
                let mut rest = degree;
                while rest > 0 {
                    if rest & 1 == 1 {
                        for (v, &b) in row.iter_mut().zip(base.iter()) {
                            *v *= b;
                        }
                    }
                    for b in base.iter_mut() {
                        *b *= *b;
                    }
                    rest >>= 1;
                }
            }
        }
    }
}

/// `sum_k c_k (x.x' / d)^k`, the coefficients from `c_0` up.
pub(super) struct Powers<T> {
    coefficients: Vec<T>,
    scale: T,
}

impl<T: Real> Powers<T> {
    pub(super) fn new(coefficients: impl Iterator<Item = f64>, d: usize) -> Self {
        Self { coefficients: coefficients.map(T::from_f64).collect(), scale: T::from_f64(1.0 / d.max(1) as f64) }
    }
}

impl<T: Real> Leaf<T> for Powers<T> {
    fn input(&self) -> Input {
        Input::Inner
    }
    fn evaluate(&self, level: Level, tile: Tile<'_, T>) {
        dispatch(level, Horner(self, tile));
    }
}

struct Horner<'a, T>(&'a Powers<T>, Tile<'a, T>);

impl<T: Real> Job for Horner<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Self(Powers { coefficients, scale }, mut tile) = self;
        let mut base = [T::ZERO; 32];
        for i in 0..tile.rows {
            for row in tile.row(i).chunks_mut(32) {
                let base = &mut base[..row.len()];
                for (b, v) in base.iter_mut().zip(row.iter_mut()) {
                    (*b, *v) = (*scale * *v, T::ZERO);
                }
                for &c in coefficients.iter().rev() {
                    for (v, &b) in row.iter_mut().zip(base.iter()) {
                        *v = v.mul_add::<FMA>(b, c);
                    }
                }
            }
        }
    }
}
