//! Transposition in small blocks of registers, for panels and for tiles.

use super::Level;

/// Rows and columns of a block of registers.
const BLOCK: usize = 4;

/// A scalar type with a block of registers that transposes.
pub trait Transpose: Copy {
    /// `to[j * ldt + i] = from[i * ldf + j]` for `rows` x `cols` values of `from`.
    fn transpose(level: Level, from: &[Self], ldf: usize, rows: usize, cols: usize, to: &mut [Self], ldt: usize);
}

/// Whether `rows` rows of `cols` values, `ld` apart, lie within `len`.
#[cfg(target_arch = "x86_64")]
fn within(rows: usize, cols: usize, ld: usize, len: usize) -> bool {
    rows == 0
        || cols == 0
        || (rows - 1).checked_mul(ld).and_then(|start| start.checked_add(cols)).is_some_and(|end| end <= len)
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
    use super::{BLOCK, portable, within};
    use std::arch::x86_64::*;

    macro_rules! blocks {
        ($name:ident, $t:ty, $features:literal, $block:ident) => {
            #[target_feature(enable = $features)]
            pub(super) fn $name(from: &[$t], ldf: usize, rows: usize, cols: usize, to: &mut [$t], ldt: usize) {
                let (whole_rows, whole_cols) = (rows - rows % BLOCK, cols - cols % BLOCK);
                assert!(within(rows, cols, ldf, from.len()) && within(cols, rows, ldt, to.len()));
                // Two columns of blocks at a time, so that the cache lines of `from` are used whole.
                for j0 in (0..whole_cols).step_by(2 * BLOCK) {
                    for i in (0..whole_rows).step_by(BLOCK) {
                        for j in (j0..whole_cols.min(j0 + 2 * BLOCK)).step_by(BLOCK) {
                            let (from, to) = (&from[i * ldf + j..], &mut to[j * ldt + i..]);
                            // SAFETY: the block lies within both, by the assertion.
                            unsafe { $block(from.as_ptr(), ldf, to.as_mut_ptr(), ldt) };
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
        let half = |i: usize, j: usize| unsafe { _mm_loadu_pd(from.wrapping_add(i * ldf + j)) };
        // Halves of two rows in one register: loads put them there, which leaves four shuffles.
        let pair = |i: usize, j: usize| {
            let low = _mm256_castpd128_pd256(half(i, j));
            _mm256_insertf128_pd::<1>(low, half(i + 2, j))
        };
        let (a, b) = (pair(0, 0), pair(1, 0));
        let (c, d) = (pair(0, 2), pair(1, 2));
        let turned =
            [_mm256_unpacklo_pd(a, b), _mm256_unpackhi_pd(a, b), _mm256_unpacklo_pd(c, d), _mm256_unpackhi_pd(c, d)];
        for (i, row) in turned.into_iter().enumerate() {
            // SAFETY: the caller's promise.
            unsafe { _mm256_storeu_pd(to.wrapping_add(i * ldt), row) };
        }
    }

    /// # Safety
    /// As [`block_f64`].
    #[inline]
    #[target_feature(enable = "sse2")]
    unsafe fn block_f32(from: *const f32, ldf: usize, to: *mut f32, ldt: usize) {
        // SAFETY: the caller's promise.
        let row = |i: usize| unsafe { _mm_loadu_ps(from.wrapping_add(i * ldf)) };
        let r: [__m128; 4] = [row(0), row(1), row(2), row(3)];
        let (a, b) = (_mm_unpacklo_ps(r[0], r[1]), _mm_unpackhi_ps(r[0], r[1]));
        let (c, d) = (_mm_unpacklo_ps(r[2], r[3]), _mm_unpackhi_ps(r[2], r[3]));
        let turned = [_mm_movelh_ps(a, c), _mm_movehl_ps(c, a), _mm_movelh_ps(b, d), _mm_movehl_ps(d, b)];
        for (i, row) in turned.into_iter().enumerate() {
            // SAFETY: the caller's promise.
            unsafe { _mm_storeu_ps(to.wrapping_add(i * ldt), row) };
        }
    }
}

impl Transpose for f64 {
    fn transpose(level: Level, from: &[f64], ldf: usize, rows: usize, cols: usize, to: &mut [f64], ldt: usize) {
        #[cfg(target_arch = "x86_64")]
        if level.has_avx2() {
            // SAFETY: a processor that has AVX2 has AVX.
            return unsafe { x86::f64_avx(from, ldf, rows, cols, to, ldt) };
        }
        let _ = level;
        portable(from, ldf, rows, cols, to, ldt);
    }
}

impl Transpose for f32 {
    fn transpose(_level: Level, from: &[f32], ldf: usize, rows: usize, cols: usize, to: &mut [f32], ldt: usize) {
        // SAFETY: every x86-64 processor has SSE2.
        #[cfg(target_arch = "x86_64")]
        unsafe {
            x86::f32_sse(from, ldf, rows, cols, to, ldt);
        }
        #[cfg(not(target_arch = "x86_64"))]
        portable(from, ldf, rows, cols, to, ldt);
    }
}

#[cfg(test)]
#[path = "../../tests/unit/simd_transpose.rs"]
mod tests;
