//! Transposition in small blocks of registers, for panels and for tiles.

use crate::simd::Level;

/// Rows and columns of a block of registers.
const BLOCK: usize = 4;

/// A scalar type with a block of registers that transposes.
pub trait Transpose: Copy {
    /// `to[j * ldt + i] = from[i * ldf + j]` for `rows` x `cols` values of `from`.
    fn transpose(level: Level, from: &[Self], ldf: usize, rows: usize, cols: usize, to: &mut [Self], ldt: usize);
}

fn portable<T: Copy>(from: &[T], ldf: usize, rows: usize, cols: usize, to: &mut [T], ldt: usize) {
    for j0 in (0..cols).step_by(2 * BLOCK) {
        let width = cols.min(j0 + 2 * BLOCK) - j0;
        for i in 0..rows {
            for (j, &v) in from[i * ldf + j0..][..width].iter().enumerate() {
                to[(j0 + j) * ldt + i] = v;
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{BLOCK, portable};
    use std::arch::x86_64::*;

    macro_rules! blocks {
        ($name:ident, $t:ty, $features:literal, $block:ident) => {
            #[target_feature(enable = $features)]
            pub(super) fn $name(from: &[$t], ldf: usize, rows: usize, cols: usize, to: &mut [$t], ldt: usize) {
                let (whole_rows, whole_cols) = (rows - rows % BLOCK, cols - cols % BLOCK);
                if rows > 0 && cols > 0 {
                    assert!((rows - 1) * ldf + cols <= from.len() && (cols - 1) * ldt + rows <= to.len());
                }
                // Two columns of blocks at a time, so that the cache lines of `from` are used whole.
                for j0 in (0..whole_cols).step_by(2 * BLOCK) {
                    for i in (0..whole_rows).step_by(BLOCK) {
                        for j in (j0..whole_cols.min(j0 + 2 * BLOCK)).step_by(BLOCK) {
                            // SAFETY: the block lies within both, by the assertion.
                            unsafe {
                                $block(from.as_ptr().add(i * ldf + j), ldf, to.as_mut_ptr().add(j * ldt + i), ldt)
                            };
                        }
                    }
                }
                if whole_cols < cols {
                    portable(&from[whole_cols..], ldf, rows, cols - whole_cols, &mut to[whole_cols * ldt..], ldt);
                }
                if whole_rows < rows {
                    portable(&from[whole_rows * ldf..], ldf, rows - whole_rows, whole_cols, &mut to[whole_rows..], ldt);
                }
            }
        };
    }
    blocks!(f64_avx, f64, "avx", block_f64);
    blocks!(f32_sse, f32, "sse2", block_f32);

    /// # Safety
    /// `from` and `to` are valid for four rows of four values, `ldf` and `ldt` apart.
    #[inline]
    #[target_feature(enable = "avx")]
    unsafe fn block_f64(from: *const f64, ldf: usize, to: *mut f64, ldt: usize) {
        // SAFETY: the caller's promise.
        unsafe {
            // Halves of two rows in one register: loads put them there, which leaves four shuffles.
            let pair = |i: usize, j: usize| {
                let low = _mm256_castpd128_pd256(_mm_loadu_pd(from.add(i * ldf + j)));
                _mm256_insertf128_pd::<1>(low, _mm_loadu_pd(from.add((i + 2) * ldf + j)))
            };
            let (a, b) = (pair(0, 0), pair(1, 0));
            let (c, d) = (pair(0, 2), pair(1, 2));
            _mm256_storeu_pd(to, _mm256_unpacklo_pd(a, b));
            _mm256_storeu_pd(to.add(ldt), _mm256_unpackhi_pd(a, b));
            _mm256_storeu_pd(to.add(2 * ldt), _mm256_unpacklo_pd(c, d));
            _mm256_storeu_pd(to.add(3 * ldt), _mm256_unpackhi_pd(c, d));
        }
    }

    /// # Safety
    /// As [`block_f64`].
    #[inline]
    #[target_feature(enable = "sse2")]
    unsafe fn block_f32(from: *const f32, ldf: usize, to: *mut f32, ldt: usize) {
        // SAFETY: the caller's promise.
        unsafe {
            let r: [__m128; 4] = std::array::from_fn(|i| _mm_loadu_ps(from.add(i * ldf)));
            let (a, b) = (_mm_unpacklo_ps(r[0], r[1]), _mm_unpackhi_ps(r[0], r[1]));
            let (c, d) = (_mm_unpacklo_ps(r[2], r[3]), _mm_unpackhi_ps(r[2], r[3]));
            _mm_storeu_ps(to, _mm_movelh_ps(a, c));
            _mm_storeu_ps(to.add(ldt), _mm_movehl_ps(c, a));
            _mm_storeu_ps(to.add(2 * ldt), _mm_movelh_ps(b, d));
            _mm_storeu_ps(to.add(3 * ldt), _mm_movehl_ps(d, b));
        }
    }
}

impl Transpose for f64 {
    fn transpose(level: Level, from: &[f64], ldf: usize, rows: usize, cols: usize, to: &mut [f64], ldt: usize) {
        match level {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `simd` detected AVX2, and with it AVX.
            Level::Avx2 | Level::Avx512 => unsafe { x86::f64_avx(from, ldf, rows, cols, to, ldt) },
            _ => portable(from, ldf, rows, cols, to, ldt),
        }
    }
}

impl Transpose for f32 {
    fn transpose(_level: Level, from: &[f32], ldf: usize, rows: usize, cols: usize, to: &mut [f32], ldt: usize) {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: every x86-64 processor has SSE2.
        unsafe {
            x86::f32_sse(from, ldf, rows, cols, to, ldt);
        }
        #[cfg(not(target_arch = "x86_64"))]
        portable(from, ldf, rows, cols, to, ldt);
    }
}
