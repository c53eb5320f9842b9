//! The weight matrix of a feature map, any rows of it at any time.

use std::ops::Range;

use super::formula::{Features, Formula};
use super::law::Weights;
use super::orthogonal;
use crate::error::Result;
use crate::memory::alloc;
use crate::random::{Purpose, Stream};
use crate::real::Real;
use crate::threads::Context;

/// The rows `part` of the weights that multiply inputs of length `d`.
pub(super) fn rows<T: Real>(
    features: &Features,
    context: &Context<'_>,
    part: Range<usize>,
    d: usize,
    out: &mut [T],
) -> Result<()> {
    if d == 0 {
        return Ok(());
    }
    let stream = Stream::new(features.seed, Purpose::Weights as u32);
    if let Formula::Fourier(spectral) = &features.formula {
        let mut row = alloc(d, "a frequency")?;
        if spectral.coordinates(features.seed, 0, &mut row) {
            for (j, out) in part.zip(out.chunks_exact_mut(d)) {
                context.check()?;
                spectral.coordinates(features.seed, j as u64, &mut row);
                out.iter_mut().zip(row.iter()).for_each(|(o, &v)| *o = T::from_f64(v));
            }
            return Ok(());
        }
    }
    if features.weights == Weights::Orthogonal {
        orthogonal_rows(stream, context, part.clone(), d, out)?;
    } else {
        stream.matrix(context, part.start as u64, d, out)?;
    }
    for (j, w) in part.zip(out.chunks_exact_mut(d)) {
        context.check()?;
        let factor = match (features.weights, &features.formula) {
            (Weights::Sphere, Formula::Random { .. }) => {
                let norm = w.iter().map(|v| v.to_f64() * v.to_f64()).sum::<f64>().sqrt();
                if norm > 0.0 { 1.0 / norm } else { 0.0 }
            }
            // Of frequencies on the sphere only the directions are: their lengths are the spectral measure's.
            _ => length(features, j as u64, d),
        };
        let factor = T::from_f64(factor);
        w.iter_mut().for_each(|v| *v *= factor);
    }
    Ok(())
}

/// The length of row `j` in units of a standard Gaussian vector's.
pub(super) fn length(features: &Features, j: u64, d: usize) -> f64 {
    match &features.formula {
        Formula::Random { .. } => 1.0 / (d as f64).sqrt(),
        Formula::Fourier(spectral) => spectral.length(features.seed, j),
    }
}

/// Rows `part` of orthogonal blocks of `d` rows each.
fn orthogonal_rows<T: Real>(
    stream: Stream,
    context: &Context<'_>,
    part: Range<usize>,
    d: usize,
    out: &mut [T],
) -> Result<()> {
    let first = part.start / d;
    // What the first block holds beside the part; the others lie whole in it, but for the last.
    let (head, rest) = out.split_at_mut(((first + 1) * d).min(part.end).saturating_sub(part.start) * d);
    let blocks: Vec<&mut [T]> = std::iter::once(head).chain(rest.chunks_mut(d * d)).collect();
    context.each_part(
        blocks.into_iter(),
        || Ok(()),
        |(), task, out| {
            let start = (first + task) * d;
            let (from, to) = (part.start.max(start), part.end.min(start + d));
            let rows = orthogonal::block(context.level, stream, (first + task) as u64, to - start, d)?;
            out.iter_mut().zip(&rows[(from - start) * d..]).for_each(|(o, &v)| *o = T::from_f64(v));
            Ok(())
        },
    )
}

/// Biases of components `first ..`, standard normal.
pub(super) fn biases<T: Real>(seed: u64, context: &Context<'_>, first: usize, out: &mut [T]) -> Result<()> {
    // One row of the stream, drawn from its beginning: a prefix.
    let mut all = alloc(first + out.len(), "biases")?;
    Stream::new(seed, Purpose::Biases as u32).normals(context, 0, &mut all);
    out.copy_from_slice(&all[first..]);
    Ok(())
}

/// A phase, uniform on `[0, 2 pi)`.
pub(super) fn phase<T: Real>(seed: u64) -> T {
    let mut u = [0.0f64];
    Stream::new(seed, Purpose::Biases as u32).uniforms(0, &mut u);
    T::from_f64(u[0] * std::f64::consts::TAU)
}
