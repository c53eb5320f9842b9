//! The compute core of widelearn: tiles, kernels, random features and ridge solves for linearized neural networks.
//!
//! Pure Rust: no Python, no printing, no environment, no files. Everything is generic over f32 and f64, runs on the
//! core's own worker pool through a [`threads::Context`], and gives the same bits for any number of threads.

pub mod activation;
pub mod error;
pub mod features;
pub mod flops;
pub mod gram;
pub mod kernels;
pub mod math;
pub mod matrix;
pub(crate) mod memory;
pub mod nets;
pub mod random;
pub mod real;
pub mod scalar;
pub mod simd;
pub mod solve;
pub mod threads;
pub(crate) mod tiles;
