//! What is done with tiles: written out, multiplied by a matrix, or added into moments.

mod assemble;
mod features;
mod inner;
mod moments;
mod product;
mod right;
mod sparse;
mod sparse_matrix;
mod sparse_product;
mod wide;
mod write;

pub use assemble::{assemble, diagonal, transform};
pub use features::weights;
pub use inner::inner_products;
pub use moments::{Moments, moments};
pub use product::{predict, product};
pub use sparse::transform_sparse;
pub use sparse_matrix::{sparse_diagonal, sparse_matrix};
pub use sparse_product::{sparse_product, sparse_transposed};
pub use wide::{kernel_diagonal, kernel_matrix, kernel_product};
