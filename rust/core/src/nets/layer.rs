//! Layers of neurons: activation and slope of pre-activations less their thresholds.

use crate::activation::Shape;
use crate::real::Real;
use crate::simd::{Job, Level, dispatch};

use super::cell::{Cell, Piece};

/// Takes thresholds from rows of pre-activations.
struct Shift<'a, T> {
    t: &'a mut [T],
    thresholds: &'a [T],
}

impl<T: Real> Job for Shift<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        for row in self.t.chunks_exact_mut(self.thresholds.len()) {
            for (t, &b) in row.iter_mut().zip(self.thresholds) {
                *t -= b;
            }
        }
    }
}

/// `sigma(w.x - b)` and its slope.
#[derive(Debug)]
pub(super) struct Layer<'a, T> {
    pub(super) shape: Shape,
    /// Thresholds, zeros up to the number of padded neurons.
    pub(super) thresholds: &'a [T],
    /// Arrays wanted: values and slopes.
    pub(super) wanted: (bool, bool),
}

impl<T: Real> Cell<T> for Layer<'_, T> {
    fn values(&self) -> usize {
        usize::from(self.wanted.0)
    }

    fn slopes(&self) -> usize {
        usize::from(self.wanted.1)
    }

    fn apply(&self, level: Level, piece: Piece<'_, T>) {
        let Piece { products: [t, ..], values: [values, ..], slopes: [slopes, ..], at, width } = piece;
        dispatch(level, Shift { t: &mut *t, thresholds: &self.thresholds[at..at + width] });
        self.shape.pair(level, t, values, slopes);
    }
}

/// `sigma'(w.x - b) v.x`: the derivative along a movement.
#[derive(Debug)]
pub(super) struct Along<'a, T> {
    pub(super) shape: Shape,
    pub(super) thresholds: &'a [T],
}

impl<T: Real> Cell<T> for Along<'_, T> {
    fn values(&self) -> usize {
        1
    }

    fn slopes(&self) -> usize {
        0
    }

    fn apply(&self, level: Level, piece: Piece<'_, T>) {
        let Piece { products: [t, along, _], values: [values, ..], at, width, .. } = piece;
        dispatch(level, Shift { t: &mut *t, thresholds: &self.thresholds[at..at + width] });
        self.shape.pair(level, t, &mut [], values);
        dispatch(level, Times { to: values, by: along });
    }
}

/// Multiplies element by element.
pub(super) struct Times<'a, T> {
    pub(super) to: &'a mut [T],
    pub(super) by: &'a [T],
}

impl<T: Real> Job for Times<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        for (t, &b) in self.to.iter_mut().zip(self.by) {
            *t *= b;
        }
    }
}
