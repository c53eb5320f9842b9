//! Aligned buffers, slices that several tasks write to, and writes that bypass the caches.

use std::alloc::{Layout, dealloc};
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

use crate::error::{Error, Result};
use crate::real::Real;
use crate::simd::Level;

/// Bytes of a cache line, and the alignment of every buffer: vectors of panels and tiles never straddle two lines.
const LINE: usize = 64;
/// Bytes of a huge page; buffers of several are aligned to them and ask for them.
const HUGE: usize = 2 << 20;

/// Numbers on a cache line's boundary.
#[derive(Debug)]
pub struct Buffer<T> {
    data: NonNull<T>,
    len: usize,
    layout: Layout,
}

// SAFETY: a buffer owns its numbers as a vector does.
unsafe impl<T: Send> Send for Buffer<T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for Buffer<T> {}

impl<T> Default for Buffer<T> {
    fn default() -> Self {
        Self { data: NonNull::dangling(), len: 0, layout: Layout::new::<()>() }
    }
}

impl<T> Drop for Buffer<T> {
    fn drop(&mut self) {
        match self.layout.size() {
            0 => (),
            // SAFETY: `alloc` mapped it; numbers need no drop.
            size if mapped(size) => unsafe { unmap(self.data.as_ptr().cast(), size) },
            // SAFETY: `alloc` allocated it with this layout.
            _ => unsafe { dealloc(self.data.as_ptr().cast(), self.layout) },
        }
    }
}

impl<T> Deref for Buffer<T> {
    type Target = [T];
    #[inline(always)]
    fn deref(&self) -> &[T] {
        // SAFETY: `alloc` set all of them.
        unsafe { std::slice::from_raw_parts(self.data.as_ptr(), self.len) }
    }
}

impl<T> DerefMut for Buffer<T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts_mut(self.data.as_ptr(), self.len) }
    }
}

impl<'a, T> IntoIterator for &'a Buffer<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// Numbers whose zero is a word of zero bits.
pub trait Number: Copy {}
impl Number for f32 {}
impl Number for f64 {}
impl Number for u64 {}

/// A buffer of `len` zeros whose allocation may fail without ending the process.
///
/// # Errors
/// [`Error::Memory`].
pub fn alloc<T: Number>(len: usize, what: &'static str) -> Result<Buffer<T>> {
    if len == 0 {
        return Ok(Buffer::default());
    }
    let bytes = len.saturating_mul(size_of::<T>());
    let failed = || Error::Memory { bytes, what };
    let layout = Layout::from_size_align(bytes, LINE).map_err(|_| failed())?;
    let data = if mapped(bytes) {
        map(bytes)
    } else {
        // SAFETY: the layout is not empty.
        NonNull::new(unsafe { std::alloc::alloc_zeroed(layout) })
    };
    // All bits zero is the number zero.
    Ok(Buffer { data: data.ok_or_else(failed)?.cast(), len, layout })
}

/// Whether a buffer of so many bytes is mapped from the system, whose pages are zero until they are written to: they
/// come as huge pages, on whose walks less time is lost to address translation, and to whichever thread needs them.
fn mapped(bytes: usize) -> bool {
    cfg!(target_os = "linux") && bytes >= 2 * HUGE
}

#[cfg(target_os = "linux")]
fn map(bytes: usize) -> Option<NonNull<u8>> {
    let (access, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: a new mapping anywhere.
    let data = unsafe { libc::mmap(std::ptr::null_mut(), bytes, access, kind, -1, 0) };
    if data == libc::MAP_FAILED {
        return None;
    }
    // SAFETY: the mapping just made; the advice may be refused.
    unsafe { libc::madvise(data, bytes, libc::MADV_HUGEPAGE) };
    NonNull::new(data.cast())
}

/// # Safety
/// `map` returned it for so many bytes.
#[cfg(target_os = "linux")]
unsafe fn unmap(data: *mut u8, bytes: usize) {
    // SAFETY: the caller's promise.
    unsafe { libc::munmap(data.cast(), bytes) };
}

#[cfg(not(target_os = "linux"))]
fn map(_bytes: usize) -> Option<NonNull<u8>> {
    None
}

/// # Safety
/// Nothing is ever mapped here.
#[cfg(not(target_os = "linux"))]
unsafe fn unmap(_data: *mut u8, _bytes: usize) {}

/// A slice that several tasks write to at once, each to elements that are its own.
#[derive(Debug, Clone, Copy)]
pub struct Shared<T> {
    data: *mut T,
    len: usize,
}

// SAFETY: access goes through `part`, whose callers promise disjoint ranges.
unsafe impl<T: Send> Send for Shared<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Shared<T> {}

impl<T> Shared<T> {
    /// Share `data` for as long as the exclusive borrow it came from lives.
    pub fn new(data: &mut [T]) -> Self {
        Self { data: data.as_mut_ptr(), len: data.len() }
    }

    /// Elements `start .. start + n`.
    ///
    /// # Safety
    /// The slice that `self` was made of is still exclusively borrowed for this computation, and no other task holds
    /// any of these elements at the same time.
    #[inline]
    #[allow(clippy::mut_from_ref)]
    pub unsafe fn part(&self, start: usize, n: usize) -> &mut [T] {
        assert!(start.checked_add(n).is_some_and(|end| end <= self.len));
        // SAFETY: in bounds by the assertion, unaliased by the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.data.add(start), n) }
    }
}

/// Copy `from` to `to` so that whole cache lines go straight to memory: what is written once and read much later
/// neither waits for its old contents nor drives other data out of the caches. [`fence`] makes it visible to others.
#[inline]
pub fn stream<T: Real>(level: Level, to: &mut [T], from: &[T]) {
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

/// A matrix about to be written for which the system may not have found memory yet: [`Pages::get`] has it do so for one
/// huge page, without changing what is there, so that other tasks need not wait for it in the middle of their work.
#[derive(Debug, Clone, Copy)]
pub struct Pages<T> {
    out: Shared<T>,
    first: usize,
    /// Number of huge pages that begin in the matrix; none where there are too few to matter.
    pub count: usize,
}

impl<T> Pages<T> {
    /// The pages under `out`.
    pub fn new(out: &mut [T]) -> Self {
        let first = out.as_ptr().align_offset(HUGE).min(out.len());
        let count = size_of_val(&out[first..]) / HUGE;
        let worthwhile = cfg!(target_os = "linux") && count >= 4;
        Self { out: Shared::new(out), first, count: if worthwhile { count } else { 0 } }
    }

    /// Have the system find memory for page `i`.
    pub fn get(&self, i: usize) {
        assert!(i < self.count);
        #[cfg(target_os = "linux")]
        // SAFETY: a whole page of the matrix by the assertion; its contents stay what they are. Where the system does
        // not know the request, pages come when they are first written to.
        unsafe {
            let page = self.out.data.add(self.first).cast::<u8>().add(i * HUGE);
            libc::madvise(page.cast(), HUGE, libc::MADV_POPULATE_WRITE);
        }
    }
}
