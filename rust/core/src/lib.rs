//! The compute core of widelearn: tiles, kernels, random features and ridge solves for linearized neural networks.
//!
//! Pure Rust: no Python, no printing, no environment, no files. Everything is generic over f32 and f64, runs on the
//! core's own worker pool through a [`threads::Context`], and gives the same bits for any number of threads.
//!
//! Safe functions that are public cannot be made to misbehave: what could, handles that several tasks write through above
//! all, is not to be had from outside.
//!
//! ```compile_fail,E0603
//! use widelearn_core::memory::Shared;
//! ```
//! ```compile_fail,E0603
//! use widelearn_core::tiles::Consumer;
//! ```
//! ```compile_fail,E0603
//! use widelearn_core::matrix::Packed;
//! ```

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

pub use memory::cap as cap_memory;
