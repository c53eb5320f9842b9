//! Two-layer nets: outputs, hidden activations, gradients of mean losses, Taylor terms in the first layer, means over
//! random signs; and Adam's steps.
//!
//! Every function is one sweep over blocks of rows that the shapes alone fix: products with the first layer, activations
//! fused over them, a step for each row that turns outputs into coefficients, and the product of what comes back with the
//! rows. Sums over rows are kept in f64 for a fixed number of groups of blocks, so bits do not depend on threads.

mod adam;
mod cell;
mod expansion;
mod gradient;
mod grid;
mod hidden;
mod jacobian;
mod layer;
mod loss;
mod multipliers;
mod passes;
mod signs;
mod sweep;
mod targets;
mod two_layer;
mod weights;

pub use adam::{Moving, Rates, adam};
pub use expansion::{Expansion, Terms, hessian_product, taylor_gradient, taylor_terms};
pub use hidden::hidden;
pub use jacobian::{tangent_product, tangent_transpose};
pub use loss::Loss;
pub use multipliers::Law;
pub use signs::{Signs, signs_forward, signs_gradient};
pub use targets::{Labels, loss};
pub use two_layer::{Net, NetGradient, forward, gradient, simplified};
