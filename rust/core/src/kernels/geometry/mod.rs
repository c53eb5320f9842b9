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

impl Input {
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
