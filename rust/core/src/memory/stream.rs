//! Writes that bypass the caches.

use std::marker::PhantomData;

use super::LINE;
use crate::scalar::Scalar;
use crate::simd::Level;

/// Writes of one thread that bypass the caches: what is written once and read much later neither waits for its old
/// contents nor drives other data out of the caches. When it is dropped, all that it wrote is visible to whoever
/// synchronises with its thread afterwards.
#[derive(Debug)]
pub(crate) struct Stream {
    level: Level,
    /// The fence orders writes of the thread that it runs on.
    stays: PhantomData<*const ()>,
}

impl Stream {
    /// Begin to write.
    pub(crate) fn new(level: Level) -> Self {
        Self { level, stays: PhantomData }
    }

    /// Copy `from` to `to`, whole cache lines straight to memory.
    #[inline]
    pub(crate) fn write<T: Scalar>(&mut self, to: &mut [T], from: &[T]) {
        assert_eq!(to.len(), from.len());
        let lane = LINE / size_of::<T>();
        let head = to.as_ptr().align_offset(LINE).min(to.len());
        let count = (to.len() - head) / lane;
        let tail = head + count * lane;
        to[..head].copy_from_slice(&from[..head]);
        to[tail..].copy_from_slice(&from[tail..]);
        if count > 0 {
            lines(self.level, &mut to[head..tail], &from[head..tail]);
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // SAFETY: every x86-64 processor has it.
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        unsafe {
            std::arch::x86_64::_mm_sfence();
        }
    }
}

/// Copy whole lines to where lines begin.
#[cfg(all(target_arch = "x86_64", not(miri)))]
#[inline]
fn lines<T: Scalar>(level: Level, to: &mut [T], from: &[T]) {
    let bytes = size_of_val(to);
    assert!(to.len() == from.len() && bytes.is_multiple_of(LINE) && to.as_ptr().cast::<u8>().align_offset(LINE) == 0);
    let (to, from) = (to.as_mut_ptr().cast::<u8>(), from.as_ptr().cast::<u8>());
    if level.has_avx512() {
        // SAFETY: both hold `bytes`, whole lines, and `to` begins one; the processor has the level's instructions.
        unsafe { x86::lines_avx512(to, from, bytes) };
    } else if level.has_avx2() {
        // SAFETY: as above.
        unsafe { x86::lines_avx2(to, from, bytes) };
    } else {
        // SAFETY: as above; every x86-64 processor has SSE2.
        unsafe { x86::lines_sse2(to, from, bytes) };
    }
}

#[cfg(not(all(target_arch = "x86_64", not(miri))))]
fn lines<T: Scalar>(_level: Level, to: &mut [T], from: &[T]) {
    to.copy_from_slice(from);
}

#[cfg(all(target_arch = "x86_64", not(miri)))]
mod x86 {
    use std::arch::x86_64::*;

    macro_rules! lines {
        ($name:ident, $features:literal, $vector:ty, $load:ident, $stream:ident) => {
            /// # Safety
            /// Both are valid for so many bytes, whole vectors, and `to` is aligned to them.
            #[target_feature(enable = $features)]
            pub(super) unsafe fn $name(to: *mut u8, from: *const u8, bytes: usize) {
                for offset in (0..bytes).step_by(size_of::<$vector>()) {
                    // SAFETY: the caller's promise.
                    let vector = unsafe { $load(from.wrapping_add(offset).cast()) };
                    // SAFETY: as above.
                    unsafe { $stream(to.wrapping_add(offset).cast(), vector) };
                }
            }
        };
    }
    lines!(lines_sse2, "sse2", __m128i, _mm_loadu_si128, _mm_stream_si128);
    lines!(lines_avx2, "avx", __m256i, _mm256_loadu_si256, _mm256_stream_si256);
    lines!(lines_avx512, "avx512f", __m512i, _mm512_loadu_si512, _mm512_stream_si512);
}

#[cfg(test)]
#[path = "../../tests/unit/memory_stream.rs"]
mod tests;
