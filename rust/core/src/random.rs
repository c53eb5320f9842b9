//! Counter-based random numbers: Philox4x32-10 (Salmon et al. 2011), keyed by seed, addressed by purpose, row and column.
//!
//! Any value can be drawn again anywhere without drawing those before it, so weights need never be stored, and do not
//! depend on threads, block sizes or machines.

use crate::error::Result;
use crate::real::Real;
use crate::simd::{Job, Level, dispatch};
use crate::threads::Context;

const ROUNDS: usize = 10;
const MULTIPLIER: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];

/// What a stream is for; streams of different purposes are independent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Purpose {
    /// Directions and lengths of a feature map's weights.
    Weights = 0,
    /// Biases or phases of a feature map.
    Biases = 1,
    /// Lengths drawn apart from directions.
    Lengths = 2,
    /// Signs and outer weights.
    Signs = 3,
    /// Random lengths of frequencies.
    Radii = 4,
}

/// Ten rounds of Philox4x32.
#[inline(always)]
pub fn philox4x32(mut c: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for _ in 0..ROUNDS {
        let p0 = u64::from(MULTIPLIER[0]) * u64::from(c[0]);
        let p1 = u64::from(MULTIPLIER[1]) * u64::from(c[2]);
        c = [(p1 >> 32) as u32 ^ c[1] ^ key[0], p1 as u32, (p0 >> 32) as u32 ^ c[3] ^ key[1], p0 as u32];
        key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
    }
    c
}

/// A stream of random rows.
#[derive(Debug, Clone, Copy)]
pub struct Stream {
    key: [u32; 2],
    purpose: u32,
}

/// Counters worked on together.
const BATCH: usize = 16;

impl Stream {
    /// The stream of `seed` for `purpose`.
    pub fn new(seed: u64, purpose: u32) -> Self {
        Self { key: [seed as u32, (seed >> 32) as u32], purpose }
    }

    /// Four random words: block `block` of row `row`.
    #[inline(always)]
    pub fn words(&self, row: u64, block: u32) -> [u32; 4] {
        philox4x32([block, row as u32, (row >> 32) as u32, self.purpose], self.key)
    }

    /// Uniform numbers in (0, 1), value `j` of row `row` being `(word + 1/2) / 2^32`.
    pub(crate) fn uniforms<T: Real>(&self, row: u64, out: &mut [T]) {
        for (block, out) in out.chunks_mut(4).enumerate() {
            for (o, w) in out.iter_mut().zip(self.words(row, block as u32)) {
                *o = T::from_f64((f64::from(w) + 0.5) * 2f64.powi(-32));
            }
        }
    }

    /// Independent standard normals by Box-Muller, four for each four words: values `j` of row `row`. The same in f32
    /// and f64 up to rounding; at most 6.8 in magnitude.
    pub fn normals<T: Real>(&self, context: &Context<'_>, row: u64, out: &mut [T]) {
        self.normals_at(context.level, row, out);
    }

    /// [`Self::normals`] outside a computation.
    pub(crate) fn normals_at<T: Real>(&self, level: Level, row: u64, out: &mut [T]) {
        dispatch(level, Normals { stream: *self, row, out });
    }

    /// [`Self::normals`] for a few values, with the same bits on every processor.
    pub(crate) fn plain_normals(&self, row: u64, out: &mut [f64]) {
        Normals { stream: *self, row, out }.run::<false>();
    }

    /// Rows `first ..` of normals of length `d`, in parallel.
    ///
    /// # Errors
    /// [`crate::error::Error::Cancelled`].
    pub fn matrix<T: Real>(&self, context: &Context<'_>, first: u64, d: usize, out: &mut [T]) -> Result<()> {
        if d == 0 {
            return Ok(());
        }
        let step = ((1 << 15) / d).max(1);
        context.each_part(
            out.chunks_mut(step * d),
            || Ok(()),
            |(), t, part| {
                dispatch(context.level, NormalRows { stream: *self, first: first + (t * step) as u64, d, out: part });
                Ok(())
            },
        )
    }
}

struct NormalRows<'a, T> {
    stream: Stream,
    first: u64,
    d: usize,
    out: &'a mut [T],
}

impl<T: Real> Job for NormalRows<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        for (row, out) in (self.first..).zip(self.out.chunks_exact_mut(self.d)) {
            Normals { stream: self.stream, row, out }.run::<FMA>();
        }
    }
}

struct Normals<'a, T> {
    stream: Stream,
    row: u64,
    out: &'a mut [T],
}

impl<T: Real> Job for Normals<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Self { stream, row, out } = self;
        let scale = T::from_f64(2f64.powi(-32));
        let (half, turn) = (T::from_f64(0.5), T::from_f64(std::f64::consts::TAU));
        let minus_two = T::from_f64(-2.0);
        let mut words = [[0u32; BATCH]; 4];
        let mut values = [[T::ZERO; BATCH]; 4];
        for (b, out) in out.chunks_mut(4 * BATCH).enumerate() {
            for l in 0..BATCH {
                let w = stream.words(row, (b * BATCH + l) as u32);
                for k in 0..4 {
                    words[k][l] = w[k];
                }
            }
            for pair in [0, 2] {
                for l in 0..BATCH {
                    // The first word gives the radius, the second the angle, halved into (-pi, pi) for accuracy.
                    let u = (T::from_u32(words[pair][l]) + half) * scale;
                    let a = (T::from_i32(words[pair + 1][l] as i32) + half) * (scale * turn);
                    let r = (minus_two * u.log::<FMA>()).max(T::ZERO).sqrt();
                    let (s, c) = a.sin_cos::<FMA>();
                    values[pair][l] = r * c;
                    values[pair + 1][l] = r * s;
                }
            }
            for (l, out) in out.chunks_mut(4).enumerate() {
                for (o, v) in out.iter_mut().zip(&values) {
                    *o = v[l];
                }
            }
        }
    }
}

#[cfg(test)]
#[path = "../tests/unit/random.rs"]
mod tests;
