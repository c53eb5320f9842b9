//! Random feature maps: weights from counters, projected and activated inside a tile.

mod formula;
mod hadamard;
mod law;
mod map;
mod orthogonal;
mod spectral;
mod weights;

pub use formula::{Features, Formula};
pub(crate) use hadamard::{Hadamard, LANES};
pub use law::{WEIGHTS, Weights};
pub use map::FeatureMap;
pub(crate) use map::Projection;
pub use spectral::Spectral;
