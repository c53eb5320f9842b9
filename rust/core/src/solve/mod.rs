//! Dense symmetric solves, which know matrices and never kernels.

mod band;
mod cholesky;
mod condition;
mod extend;
mod inverse;
mod mixed;
mod reflections;
mod shifts;
mod spd;
mod symmetric;
mod triangular;
mod two_sided;

pub use band::shifted_inverses;
pub use cholesky::factor;
pub use extend::{Columns, extend};
pub use inverse::inverse_diagonal;
pub use mixed::solve_mixed;
pub use spd::{Solution, solve};
