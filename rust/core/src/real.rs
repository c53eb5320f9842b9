//! The scalar types of the core, with all that the core does with them.

use crate::math::Functions;
use crate::memory::Number;
use crate::scalar::Scalar;
use crate::simd::{Micro, Transpose};

/// f32 or f64: a [`Scalar`] with vectorizable elementary [`Functions`], register blocks and buffers.
pub trait Real: Scalar + Functions + Micro + Transpose + Number {}
impl Real for f32 {}
impl Real for f64 {}
