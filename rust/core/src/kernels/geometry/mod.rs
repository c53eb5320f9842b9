//! The geometry of two rows, from their inner product and their norms: distance, chord or angle.

pub(super) mod angle;
mod distance;
mod short;

pub(super) use distance::Edges;

use angle::Angles;
use distance::{Distances, Manhattans};

use crate::real::Real;
use crate::simd::{Level, dispatch};

/// What a leaf is a function of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Input {
    Nothing,
    Inner,
    Distance,
    Manhattan,
    Angle,
    Chord,
}

/// What is known of two rows without looking at them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known<T> {
    /// Their inner product.
    pub(crate) inner: T,
    /// Their squared norms.
    pub(crate) norms: (T, T),
    /// The inverses of their norms, 0 for rows of zeros.
    pub(crate) inverse: (T, T),
}

/// Pairs are looked at from so many times the bound on, below which a tile looks at them: rounding may not decide it.
const MARGIN: f64 = 1.02;

impl Input {
    /// Whether a tile of such pairs may look at the rows themselves.
    pub(super) fn looks<T: Real>(self, of: &Known<T>) -> bool {
        let (margin, sum) = (T::from_f64(MARGIN), of.norms.0 + of.norms.1);
        let apart = |inner: T| sum - (inner + inner) < margin * distance::near::<T>() * sum;
        match self {
            Self::Nothing | Self::Inner => false,
            Self::Manhattan => true,
            Self::Distance => apart(of.inner),
            Self::Chord => apart(of.inner.abs()),
            Self::Angle => T::ONE - (of.inner * (of.inverse.0 * of.inverse.1)).abs() < margin * angle::near::<T>(),
        }
    }

    /// Whether it is one and the same for all rows with themselves.
    pub(super) fn is_difference(self) -> bool {
        matches!(self, Self::Nothing | Self::Distance | Self::Manhattan)
    }
}

/// Turn the inner products in `tile` into what a leaf is a function of; `rx` and `ry` are the inverse norms, for angles.
pub(super) fn measure<T: Real>(
    level: Level,
    input: Input,
    tile: &mut [T],
    edges: Edges<'_, T>,
    (rx, ry): (&[T], &[T]),
) {
    match input {
        Input::Nothing | Input::Inner => (),
        Input::Distance => dispatch(level, Distances::<T, false>(tile, edges)),
        Input::Chord => dispatch(level, Distances::<T, true>(tile, edges)),
        Input::Manhattan => dispatch(level, Manhattans(tile, edges)),
        Input::Angle => dispatch(level, Angles { tile, x: edges.x, y: edges.y, rx, ry }),
    }
}
