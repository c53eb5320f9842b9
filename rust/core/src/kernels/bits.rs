//! Rows of zeros and ones, sixty-four to a word, and how many ones two rows share.

use crate::error::Result;
use crate::memory::{Buffer, alloc, size};
use crate::real::Real;
use crate::simd::{Job, Level, dispatch};

/// Ones and zeros, row by row.
#[derive(Debug, Default)]
pub(super) struct Bits {
    words: Buffer<u64>,
    /// Words of a row.
    stride: usize,
}

impl Bits {
    /// `rows` rows of `width` zeros.
    pub(super) fn new(rows: usize, width: usize) -> Result<Self> {
        let stride = width.div_ceil(64);
        Ok(Self { words: alloc(size(&[rows, stride], "neurons")?, "neurons")?, stride })
    }

    /// The bits of every `rows` rows, for a task each.
    pub(super) fn parts(&mut self, rows: usize) -> impl Iterator<Item = Part<'_>> {
        let stride = self.stride;
        self.words.chunks_mut((rows * stride).max(1)).map(move |words| Part { words, stride })
    }

    fn row(&self, i: usize) -> &[u64] {
        &self.words[i * self.stride..(i + 1) * self.stride]
    }
}

/// Some rows of a [`Bits`], for one task.
#[derive(Debug)]
pub(super) struct Part<'a> {
    words: &'a mut [u64],
    stride: usize,
}

impl Part<'_> {
    /// Set bit `j` of the rows from the first on where the values are positive.
    pub(super) fn set<T: Real>(&mut self, j: usize, values: &[T]) {
        for (row, &v) in self.words.chunks_exact_mut(self.stride).zip(values) {
            row[j / 64] |= u64::from(v > T::ZERO) << (j % 64);
        }
    }
}

/// `out[i][j] = factor |a_i and b_j|`, rows `ld` apart, for rows of `a` and `b` given by their first and their number.
pub(super) fn count<T: Real>(
    level: Level,
    a: (&Bits, usize, usize),
    b: (&Bits, usize, usize),
    factor: T,
    out: &mut [T],
    ld: usize,
) {
    dispatch(level, Count { a, b, factor, out, ld });
}

struct Count<'a, T> {
    a: (&'a Bits, usize, usize),
    b: (&'a Bits, usize, usize),
    factor: T,
    out: &'a mut [T],
    ld: usize,
}

impl<T: Real> Job for Count<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Self { a: (a, a0, rows), b: (b, b0, cols), factor, out, ld } = self;
        for i in 0..rows {
            let x = a.row(a0 + i);
            for (j, o) in out[i * ld..i * ld + cols].iter_mut().enumerate() {
                let shared: u64 = x.iter().zip(b.row(b0 + j)).map(|(x, y)| u64::from((x & y).count_ones())).sum();
                *o = T::from_f64(shared as f64) * factor;
            }
        }
    }
}
