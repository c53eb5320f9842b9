//! Structured orthogonal projections: three rounds of random signs and Walsh-Hadamard transforms, whose cost grows as the
//! logarithm of the width.
//!
//! A block is `c H D3 H D2 H D1`. `H` is the Hadamard matrix of order `m`, the power of two of at least 64 that holds a
//! row; each `D` is diagonal with random signs. Its rows are orthogonal and nearly uniform in direction; row `j` has
//! length `chi_m`, so that projections of a row, padded with zeros, are nearly standard normal.
//!
//! # Source
//! Yu, Suresh, Choromanski, Holtmann-Rice & Kumar, "Orthogonal random features", NeurIPS 2016, section 4 (SORF).

use std::ops::Range;

use super::formula::Features;
use super::weights;
use crate::error::Result;
use crate::math::Functions;
use crate::matrix::Rows;
use crate::memory::{Buffer, alloc, size};
use crate::random::{Purpose, Stream};
use crate::real::Real;
use crate::simd::{Job, Level, dispatch};
use crate::threads::Context;

/// Rows transformed together, one in each lane.
pub(crate) const LANES: usize = 16;
/// The smallest block: directions of less are far from uniform.
const SMALLEST: usize = 64;
/// Order of the transforms that are finished while they are in the nearest cache.
const NEAR: usize = 256;

/// The projections of a feature map, without a weight matrix.
#[derive(Debug)]
pub(crate) struct Hadamard<T> {
    /// Order of the transform.
    order: usize,
    /// Three times `order` signs for each block.
    signs: Buffer<T>,
    /// Of every projection.
    lengths: Buffer<T>,
}

/// Buffers of one thread: rows, one in each lane, and their projections.
#[derive(Debug)]
pub(crate) struct Scratch<T> {
    rows: Buffer<T>,
    values: Buffer<T>,
}

impl<T: Real> Hadamard<T> {
    /// Numbers that are held.
    pub(super) fn len(&self) -> usize {
        self.signs.len() + self.lengths.len()
    }

    /// The signs and lengths of the projections `part`, whose start is the first of a block.
    pub(super) fn new(features: &Features, context: &Context<'_>, part: Range<usize>, d: usize) -> Result<Self> {
        let order = Self::order_of(d);
        let first = part.start / order;
        let blocks = part.end.div_ceil(order) - first;
        let mut signs = alloc(size(&[blocks, 3, order], "signs")?, "signs")?;
        let stream = Stream::new(features.seed, Purpose::Signs as u32);
        for (block, signs) in signs.chunks_exact_mut(3 * order).enumerate() {
            context.check()?;
            for (at, signs) in signs.chunks_mut(128).enumerate() {
                let words = stream.words((first + block) as u64, at as u32);
                for (k, s) in signs.iter_mut().enumerate() {
                    *s = if words[k / 32] >> (k % 32) & 1 == 0 { T::ONE } else { -T::ONE };
                }
            }
        }
        let mut lengths = alloc(part.len(), "lengths")?;
        let step = 1024;
        context.each_part(
            lengths.chunks_mut(step),
            || Ok(()),
            |(), t, out| {
                for (j, o) in (part.start + t * step..).zip(out) {
                    *o = T::from_f64(chi(features.seed, j as u64, order) * weights::length(features, j as u64, d));
                }
                Ok(())
            },
        )?;
        Ok(Self { order, signs, lengths })
    }

    /// Projections of rows of length `d` that make a block.
    pub(crate) fn order_of(d: usize) -> usize {
        d.next_power_of_two().max(SMALLEST)
    }

    /// Projections that make a block.
    pub(crate) fn order(&self) -> usize {
        self.order
    }

    /// Number of projections.
    pub(crate) fn directions(&self) -> usize {
        self.lengths.len()
    }

    /// Buffers of one thread.
    ///
    /// # Errors
    /// [`crate::error::Error::Memory`].
    pub(crate) fn scratch(&self) -> Result<Scratch<T>> {
        let size = self.order * LANES;
        Ok(Scratch { rows: alloc(size, "rows to be transformed")?, values: alloc(size, "projections")? })
    }

    /// Take up to [`LANES`] rows.
    pub(crate) fn load(&self, level: Level, scratch: &mut Scratch<T>, rows: Rows<'_, T>) {
        scratch.rows.fill(T::ZERO);
        T::transpose(level, rows.data, rows.d, rows.n, rows.d, &mut scratch.rows, LANES);
    }

    /// Project the loaded rows on block number `block`.
    pub(crate) fn project(&self, level: Level, scratch: &mut Scratch<T>, block: usize) {
        let signs = &self.signs[block * 3 * self.order..(block + 1) * 3 * self.order];
        let first = block * self.order;
        let lengths = &self.lengths[first..self.lengths.len().min(first + self.order)];
        let Scratch { rows, values } = scratch;
        dispatch(level, Rounds { rows, values, signs, lengths, order: self.order });
    }

    /// Write projections `at .. at + n` of the last block of the first `rows` loaded rows, rows `ld` apart.
    pub(crate) fn write(
        &self,
        level: Level,
        scratch: &Scratch<T>,
        (at, n): (usize, usize),
        rows: usize,
        out: &mut [T],
        ld: usize,
    ) {
        T::transpose(level, &scratch.values[at * LANES..], LANES, n, rows, out, ld);
    }
}

impl<T: Real> Hadamard<T> {
    /// Projection `at` of the last block of loaded row `row`.
    pub(crate) fn value(&self, scratch: &Scratch<T>, at: usize, row: usize) -> T {
        scratch.values[at * LANES + row]
    }
}

/// The length of a standard Gaussian vector with `order` coordinates: the root of twice a gamma variable.
///
/// # Source
/// Marsaglia & Tsang, "A simple method for generating gamma variables", ACM TOMS 26, 2000, section 2.
fn chi(seed: u64, j: u64, order: usize) -> f64 {
    let stream = Stream::new(seed, Purpose::Lengths as u32);
    let shape = order as f64 / 2.0 - 1.0 / 3.0;
    let scale = 1.0 / (9.0 * shape).sqrt();
    let mut attempt = 0;
    loop {
        let words = stream.words(j, attempt);
        let [u, v, w, _] = words.map(|w| (f64::from(w) + 0.5) * 2f64.powi(-32));
        let turn = Functions::cos::<false>(v * std::f64::consts::TAU);
        let normal = (-2.0 * Functions::log::<false>(u)).sqrt() * turn;
        let root = 1.0 + scale * normal;
        let cube = root * root * root;
        let bound = 0.5 * normal * normal + shape * (1.0 - cube + Functions::log::<false>(cube));
        if cube > 0.0 && Functions::log::<false>(w) < bound {
            return (2.0 * shape * cube).sqrt();
        }
        attempt += 1;
    }
}

struct Rounds<'a, T> {
    rows: &'a [T],
    values: &'a mut [T],
    signs: &'a [T],
    lengths: &'a [T],
    order: usize,
}

impl<T: Real> Job for Rounds<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Self { rows, values, signs, lengths, order } = self;
        let (first, rest) = signs.split_at(order);
        // Three transforms without their norms make a unit vector `order^1.5` long.
        let scale = T::from_f64(1.0 / (order as f64 * (order as f64).sqrt()));
        // A length that the compiler does not know: it would turn loops over a vector's lanes into loops over vectors.
        let lanes = values.len() / order;
        for ((v, r), &s) in values.chunks_exact_mut(lanes).zip(rows.chunks_exact(lanes)).zip(first) {
            let s = s * scale;
            v.iter_mut().zip(r).for_each(|(v, &r)| *v = r * s);
        }
        transform(values, order);
        for signs in rest.chunks_exact(order) {
            for (v, &s) in values.chunks_exact_mut(lanes).zip(signs) {
                v.iter_mut().for_each(|v| *v *= s);
            }
            transform(values, order);
        }
        for (v, &length) in values.chunks_exact_mut(lanes).zip(lengths) {
            v.iter_mut().for_each(|v| *v *= length);
        }
    }
}

/// The Walsh-Hadamard transform of `order` vectors of [`LANES`] values, without its norm.
#[inline(always)]
fn transform<T: Real>(values: &mut [T], order: usize) {
    let mut size = order;
    while size > NEAR {
        fourths(values, size);
        size /= 4;
    }
    for part in values.chunks_exact_mut(size * LANES) {
        let mut size = size;
        while size >= 4 {
            fourths(part, size);
            size /= 4;
        }
        if size == 2 {
            for pair in part.chunks_exact_mut(2 * LANES) {
                let (a, b) = pair.split_at_mut(LANES);
                for l in 0..LANES {
                    (a[l], b[l]) = (a[l] + b[l], a[l] - b[l]);
                }
            }
        }
    }
}

/// Two steps at once of the transforms of order `size`, with strides of a half and a quarter of it.
#[inline(always)]
fn fourths<T: Real>(values: &mut [T], size: usize) {
    let quarter = size / 4 * LANES;
    for group in values.chunks_exact_mut(4 * quarter) {
        let (ab, cd) = group.split_at_mut(2 * quarter);
        let ((a, b), (c, d)) = (ab.split_at_mut(quarter), cd.split_at_mut(quarter));
        for (((a, b), c), d) in a.iter_mut().zip(b).zip(c).zip(d) {
            let (s, t, u, v) = (*a + *c, *a - *c, *b + *d, *b - *d);
            (*a, *b, *c, *d) = (s + u, s - u, t + v, t - v);
        }
    }
}
