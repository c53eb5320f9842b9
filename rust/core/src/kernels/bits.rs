//! Rows of zeros and ones, sixty-four to a word, and how many ones two rows share.

use crate::error::Result;
use crate::memory::{Buffer, Shared, alloc};
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
        Ok(Self { words: alloc(rows * stride, "neurons")?, stride })
    }

    /// A handle through which several tasks set bits at once, each in its own rows.
    pub(super) fn filler(&mut self) -> Filler {
        Filler { words: Shared::new(&mut self.words), stride: self.stride }
    }

    fn row(&self, i: usize) -> &[u64] {
        &self.words[i * self.stride..(i + 1) * self.stride]
    }
}

/// Sets bits of a [`Bits`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Filler {
    words: Shared<u64>,
    stride: usize,
}

impl Filler {
    /// Set bit `j` of the rows from `row` on where the values are positive.
    ///
    /// # Safety
    /// The bits are still exclusively borrowed, and no other task sets bits of the same rows.
    pub(super) unsafe fn set<T: Real>(&self, j: usize, row: usize, values: &[T]) {
        for (i, &v) in values.iter().enumerate() {
            // SAFETY: the caller's promise.
            let word = unsafe { &mut self.words.part((row + i) * self.stride + j / 64, 1)[0] };
            *word |= u64::from(v > T::ZERO) << (j % 64);
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
