//! Aligned buffers whose allocation may fail.

use std::alloc::{Layout, dealloc};
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{HUGE, LINE, Shared};
use crate::error::{Error, Result};

/// Bytes of all buffers there are.
static HELD: AtomicUsize = AtomicUsize::new(0);
/// Bytes that all buffers may come to.
static CEILING: AtomicUsize = AtomicUsize::new(usize::MAX);

/// Let buffers take so many more bytes than they hold now; `None` lets them take what there is.
pub fn cap(room: Option<usize>) {
    let ceiling = room.map_or(usize::MAX, |room| HELD.load(Ordering::Relaxed).saturating_add(room));
    CEILING.store(ceiling, Ordering::Relaxed);
}

/// The product of the extents of a buffer.
///
/// # Errors
/// [`Error::Memory`] where no number holds it.
pub(crate) fn size(extents: &[usize], what: &'static str) -> Result<usize> {
    let product = extents.iter().try_fold(1_usize, |product, &n| product.checked_mul(n));
    product.ok_or(Error::Memory { bytes: usize::MAX, what })
}

/// Numbers on a cache line's boundary.
#[derive(Debug)]
pub(crate) struct Buffer<T> {
    data: NonNull<T>,
    len: usize,
    layout: Layout,
}

// SAFETY: a buffer owns its numbers as a vector does.
unsafe impl<T: Send> Send for Buffer<T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for Buffer<T> {}

impl<T> Buffer<T> {
    /// Elements `start .. start + n`, for tasks that share the buffer and its owner.
    ///
    /// # Safety
    /// While they are held nobody else refers to any of these elements.
    #[inline]
    #[allow(clippy::mut_from_ref)]
    pub(crate) unsafe fn part(&self, start: usize, n: usize) -> &mut [T] {
        let all = Shared { data: self.data.as_ptr(), len: self.len, life: PhantomData };
        // SAFETY: the caller's promise.
        unsafe { all.part(start, n) }
    }
}

impl<T> Default for Buffer<T> {
    fn default() -> Self {
        Self { data: NonNull::dangling(), len: 0, layout: Layout::new::<()>() }
    }
}

impl<T> Drop for Buffer<T> {
    fn drop(&mut self) {
        HELD.fetch_sub(self.layout.size(), Ordering::Relaxed);
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
///
/// # Safety
/// Zero bits are a value of the type.
pub unsafe trait Number: Copy {}
// SAFETY: zero bits are the number zero.
unsafe impl Number for f32 {}
// SAFETY: as above.
unsafe impl Number for f64 {}
// SAFETY: as above.
unsafe impl Number for u64 {}
// SAFETY: as above.
unsafe impl Number for u32 {}

/// A buffer of `len` zeros whose allocation may fail without ending the process.
///
/// # Errors
/// [`Error::Memory`].
pub(crate) fn alloc<T: Number>(len: usize, what: &'static str) -> Result<Buffer<T>> {
    if len == 0 {
        return Ok(Buffer::default());
    }
    let bytes = len.saturating_mul(size_of::<T>());
    let failed = || Error::Memory { bytes, what };
    let layout = Layout::from_size_align(bytes, LINE).map_err(|_| failed())?;
    let held = HELD.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
    if held > CEILING.load(Ordering::Relaxed) {
        HELD.fetch_sub(bytes, Ordering::Relaxed);
        return Err(failed());
    }
    let data = if mapped(bytes) {
        map(bytes)
    } else {
        // SAFETY: the layout is not empty.
        NonNull::new(unsafe { std::alloc::alloc_zeroed(layout) })
    };
    let Some(data) = data else {
        HELD.fetch_sub(bytes, Ordering::Relaxed);
        return Err(failed());
    };
    // All bits zero is the number zero.
    Ok(Buffer { data: data.cast(), len, layout })
}

/// Whether a buffer of so many bytes is mapped from the system, whose pages are zero until they are written to: they
/// come as huge pages, on whose walks less time is lost to address translation, and to whichever thread needs them.
fn mapped(bytes: usize) -> bool {
    cfg!(all(target_os = "linux", not(miri))) && bytes >= 2 * HUGE
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

#[cfg(test)]
#[path = "../../tests/unit/memory_buffer.rs"]
mod tests;
