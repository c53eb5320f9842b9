//! Matrices: plain rows, rows packed into panels, and products of them in tiles.

mod dot;
mod packed;
mod product;
mod rows;

pub use dot::{Dot, dot};
pub use packed::{Filler, Packed, Panels};
pub use product::{inner, product, product_steps};
pub use rows::Rows;

/// Steps of `k` after which a partial product is added to the tile; part of the definition of every product's bits.
pub const DEPTH: usize = 256;

/// Rows and columns of a tile: a multiple of every register block's extents.
pub const TILE: usize = 96;
