//! Matrices: plain rows, rows packed into panels, and products of them in tiles.

mod dot;
mod packed;
mod product;
mod rows;
mod sparse;

pub(crate) use dot::dot;
pub(crate) use packed::{Filler, Packed, Panels};
pub(crate) use product::{block, inner, product, product_steps, product_until};
pub use rows::Rows;
pub use sparse::Sparse;

/// Steps of `k` after which a partial product is added to the tile; part of the definition of every product's bits.
pub(crate) const DEPTH: usize = 256;

/// Rows and columns of a tile: a multiple of every register block's extents.
pub(crate) const TILE: usize = 96;
