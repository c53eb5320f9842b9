//! Writes that bypass the caches.

use super::LINE;
use crate::scalar::Scalar;
use crate::simd::Level;

/// Copy `from` to `to` so that whole cache lines go straight to memory: what is written once and read much later
/// neither waits for its old contents nor drives other data out of the caches. [`fence`] makes it visible to others.
#[inline]
pub fn stream<T: Scalar>(level: Level, to: &mut [T], from: &[T]) {
    assert_eq!(to.len(), from.len());
    let lane = LINE / size_of::<T>();
    let head = to.as_ptr().align_offset(LINE).min(to.len());
    let lines = (to.len() - head) / lane;
    let tail = head + lines * lane;
    to[..head].copy_from_slice(&from[..head]);
    to[tail..].copy_from_slice(&from[tail..]);
    let (to, from) = (&mut to[head..tail], &from[head..tail]);
    #[cfg(target_arch = "x86_64")]
    {
        let (to, from) = (to.as_mut_ptr().cast::<u8>(), from.as_ptr().cast::<u8>());
        // SAFETY: `to` is aligned to a line and both hold `lines` of them; `simd` detected the level's instructions.
        unsafe {
            match level {
                Level::Avx512 => lines_avx512(to, from, lines),
                Level::Avx2 => lines_avx2(to, from, lines),
                Level::Baseline => lines_sse2(to, from, lines),
            }
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        let _ = level;
        to.copy_from_slice(from);
    }
}

#[cfg(target_arch = "x86_64")]
macro_rules! lines {
    ($name:ident, $features:literal, $vector:ty, $load:ident, $stream:ident) => {
        #[target_feature(enable = $features)]
        unsafe fn $name(to: *mut u8, from: *const u8, lines: usize) {
            use std::arch::x86_64::*;
            for offset in (0..lines * LINE).step_by(size_of::<$vector>()) {
                // SAFETY: the caller promises whole lines.
                unsafe { $stream(to.add(offset).cast(), $load(from.add(offset).cast())) };
            }
        }
    };
}
#[cfg(target_arch = "x86_64")]
lines!(lines_sse2, "sse2", __m128i, _mm_loadu_si128, _mm_stream_si128);
#[cfg(target_arch = "x86_64")]
lines!(lines_avx2, "avx", __m256i, _mm256_loadu_si256, _mm256_stream_si256);
#[cfg(target_arch = "x86_64")]
lines!(lines_avx512, "avx512f", __m512i, _mm512_loadu_si512, _mm512_stream_si512);

/// Everything that [`stream`] wrote on this thread is visible to whoever synchronises with it afterwards.
#[inline]
pub fn fence() {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every x86-64 processor has it.
    unsafe {
        std::arch::x86_64::_mm_sfence();
    }
}
