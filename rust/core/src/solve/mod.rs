//! Dense symmetric solves, which know matrices and never kernels.

mod cholesky;
mod condition;
mod extend;
mod inverse;
mod spd;
mod symmetric;
mod triangular;

pub use cholesky::factor;
pub use extend::{Columns, extend};
pub use inverse::inverse_diagonal;
pub use spd::{Solution, solve};
