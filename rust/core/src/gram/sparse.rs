//! Features of sparse rows: what is zero costs nothing.

use super::assemble::transform;
use crate::error::{Result, fits};
use crate::features::{FeatureMap, Features, Formula, Projection, Weights};
use crate::matrix::{Rows, Sparse};
use crate::memory::{Buffer, alloc, size};
use crate::real::Real;
use crate::simd::{Job, dispatch};
use crate::threads::Context;

/// Bytes of weights, or of rows made dense, held at once.
const BYTES: usize = 64 << 20;
/// A product over stored values costs about so many times one of a dense product.
const PENALTY: usize = 6;
/// Rows taken by one task.
const ROWS: usize = 16;

/// The feature matrix of sparse rows, n x p, row-major; `origin`, where there is one, is added to every row.
///
/// # Errors
/// As [`transform`].
///
/// # Cost
/// `2 p` flops for each stored value, and the activation; rows that are not sparse, and those for structured weights, are
/// made dense some at a time. Memory 128 MiB.
pub fn transform_sparse<T: Real>(
    context: &Context<'_>,
    features: &Features,
    x: Sparse<'_, T>,
    origin: Option<&[T]>,
    out: &mut [T],
) -> Result<()> {
    let p = features.n_components;
    features.validate()?;
    fits("elements of out", size(&[x.n(), p], "out")?, out.len())?;
    origin.map_or(Ok(()), |origin| fits("elements of origin", x.d, origin.len()))?;
    if features.weights == Weights::Hadamard || x.values.len().saturating_mul(PENALTY) > x.n().saturating_mul(x.d) {
        return densely(context, features, x, origin, out);
    }
    let all = features.directions();
    let step = (BYTES / (x.d.max(1) * size_of::<T>())).clamp(1, all.max(1));
    // Sines first, then cosines.
    let second = p / 2;
    let waves = matches!(features.formula, Formula::Fourier(_));
    for first in (0..all).step_by(step) {
        let map = FeatureMap::<T>::part(features, context, x.d, first..first + step)?;
        let Projection::Dense(weights) = map.projection() else { unreachable!("structured weights are made dense") };
        let m = map.directions();
        let mut turned = alloc(m * x.d, "feature weights")?;
        T::transpose(context.level, weights, x.d, m, x.d, &mut turned, m);
        let mut start = alloc(m, "projections")?;
        if let Some(values) = origin {
            dispatch(context.level, Project { places: 0..x.d, values, weights: &turned, sums: &mut start });
        }
        context.each_part(
            out.chunks_mut((ROWS * p).max(1)),
            || Ok((alloc(m, "projections")?, alloc(m, "projections")?)),
            |(sums, cosines): &mut (Buffer<T>, Buffer<T>), task, out| {
                for (i, out) in (task * ROWS..).zip(out.chunks_exact_mut(p)) {
                    let (indices, values) = x.row(i);
                    sums.copy_from_slice(&start);
                    let places = indices.iter().map(|&k| k as usize);
                    dispatch(context.level, Project { places, values, weights: &turned, sums });
                    map.activate(context.level, 0, sums, cosines);
                    if waves {
                        let sines = m.min(second.saturating_sub(first));
                        out[first..first + sines].copy_from_slice(&sums[..sines]);
                        out[second + first..][..m].copy_from_slice(cosines);
                    } else {
                        out[first..first + m].copy_from_slice(sums);
                    }
                }
                Ok(())
            },
        )?;
    }
    Ok(())
}

/// Some rows at a time, made dense.
fn densely<T: Real>(
    context: &Context<'_>,
    features: &Features,
    x: Sparse<'_, T>,
    origin: Option<&[T]>,
    out: &mut [T],
) -> Result<()> {
    let (map, p) = (FeatureMap::new(features, context, x.d)?, features.n_components);
    let step = (BYTES / (x.d.max(1) * size_of::<T>())).clamp(1, x.n().max(1));
    let mut rows = alloc(step * x.d, "rows made dense")?;
    for first in (0..x.n()).step_by(step) {
        let n = step.min(x.n() - first);
        let rows = &mut rows[..n * x.d];
        for (i, row) in rows.chunks_exact_mut(x.d.max(1)).enumerate() {
            let (indices, values) = x.row(first + i);
            match origin {
                Some(origin) => row.copy_from_slice(origin),
                None => row.fill(T::ZERO),
            }
            for (&k, &v) in indices.iter().zip(values) {
                row[k as usize] += v;
            }
        }
        transform(context, &map, Rows::new(rows, n, x.d), &mut out[first * p..(first + n) * p])?;
    }
    Ok(())
}

/// Adds `sum_k x_k w_jk` to `sums[j]`, over places `k` of a row; the weights have one row for each column of x.
struct Project<'a, T, P> {
    places: P,
    values: &'a [T],
    weights: &'a [T],
    sums: &'a mut [T],
}

impl<T: Real, P: Iterator<Item = usize>> Job for Project<'_, T, P> {
    type Output = ();
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let m = self.sums.len();
        for (k, &v) in self.places.zip(self.values) {
            let weights = &self.weights[k * m..(k + 1) * m];
            for (s, &w) in self.sums.iter_mut().zip(weights) {
                *s = v.mul_add::<FMA>(w, *s);
            }
        }
    }
}
