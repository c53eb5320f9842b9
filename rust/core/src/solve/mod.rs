//! Dense symmetric solves. Knows matrices, never kernels.

mod cholesky;
mod condition;
mod spd;
mod symmetric;
mod triangular;

pub use cholesky::factor;
pub use spd::{Solution, solve};
