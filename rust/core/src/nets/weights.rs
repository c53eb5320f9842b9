//! Weights as the sweep reads them: output weights by output, first layers in panels.

use crate::error::Result;
use crate::matrix::{Packed, Rows};
use crate::memory::{Buffer, alloc};
use crate::real::Real;
use crate::simd::Level;
use crate::threads::Context;

/// Output weights: one row of padded neurons for each output.
#[derive(Debug)]
pub(super) struct Head<T> {
    pub(super) weights: Buffer<T>,
    pub(super) outputs: usize,
}

impl<T: Real> Head<T> {
    /// `weight(neuron, output)` for `m` neurons.
    ///
    /// # Errors
    /// [`Error::Memory`].
    pub(super) fn new(level: Level, m: usize, outputs: usize, weight: impl Fn(usize, usize) -> T) -> Result<Self> {
        let padded = m.next_multiple_of(T::block(level).1);
        let mut weights = alloc(outputs * padded, "output weights")?;
        for (t, row) in weights.chunks_exact_mut(padded.max(1)).enumerate() {
            row[..m].iter_mut().enumerate().for_each(|(r, w)| *w = weight(r, t));
        }
        Ok(Self { weights, outputs })
    }
}

/// Pack the rows of a layer.
pub(super) fn pack<T: Real>(context: &Context<'_>, layer: Rows<'_, T>) -> Result<Packed<T>> {
    let mut packed = Packed::new(T::block(context.level).1);
    packed.pack(context, layer, (0, layer.d), None)?;
    Ok(packed)
}
