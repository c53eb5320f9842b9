//! What happens to the products of some rows with some neurons: activations and what they multiply.

use crate::real::Real;
use crate::simd::Level;

/// Products that a cell takes, at most: rows with the first layer, its movement and a direction.
pub(super) const STREAMS: usize = 3;
/// Arrays of values that a cell gives, at most: one for each order of a Taylor expansion.
pub(super) const VALUES: usize = 5;
/// Arrays of slopes that a cell gives, at most.
pub(super) const SLOPES: usize = 2;
/// Elements worked on together: what is kept beside them stays in the first cache.
pub(super) const CHUNK: usize = 768;

/// Some rows of a tile, one row after the other, each array [`CHUNK`] long at most; arrays that are not wanted are empty.
#[derive(Debug)]
pub(super) struct Piece<'a, T> {
    /// Products with the first layer, the movement, a direction; may be destroyed.
    pub(super) products: [&'a mut [T]; STREAMS],
    /// To be multiplied by output weights and added up over neurons.
    pub(super) values: [&'a mut [T]; VALUES],
    /// To be multiplied by what comes back from the outputs.
    pub(super) slopes: [&'a mut [T]; SLOPES],
    /// First neuron, in order of the padded neurons.
    pub(super) at: usize,
    /// Neurons of a row.
    pub(super) width: usize,
}

/// The elementwise part of a net.
pub(super) trait Cell<T: Real>: Sync {
    /// How many arrays of values it gives.
    fn values(&self) -> usize;
    /// How many arrays of slopes.
    fn slopes(&self) -> usize;
    /// Fill in values and slopes.
    fn apply(&self, level: Level, piece: Piece<'_, T>);
}
