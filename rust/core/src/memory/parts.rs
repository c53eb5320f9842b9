//! Slices that several tasks write to.

use std::marker::PhantomData;

/// A slice that several tasks write to at once, each to elements that are its own.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shared<'a, T> {
    pub(super) data: *mut T,
    pub(super) len: usize,
    pub(super) life: PhantomData<&'a mut [T]>,
}

// SAFETY: access goes through `part`, whose callers promise disjoint ranges.
unsafe impl<T: Send> Send for Shared<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Shared<'_, T> {}

impl<'a, T> Shared<'a, T> {
    /// Share `data` for as long as it is borrowed.
    pub(crate) fn new(data: &'a mut [T]) -> Self {
        Self { data: data.as_mut_ptr(), len: data.len(), life: PhantomData }
    }

    /// Elements `start .. start + n`.
    ///
    /// # Safety
    /// While they are held nobody else refers to any of these elements.
    #[inline]
    pub(crate) unsafe fn part(&self, start: usize, n: usize) -> &'a mut [T] {
        assert!(start.checked_add(n).is_some_and(|end| end <= self.len));
        // SAFETY: `start` is in bounds by the assertion.
        let first = unsafe { self.data.add(start) };
        // SAFETY: in bounds by the assertion, unaliased by the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(first, n) }
    }
}

#[cfg(test)]
#[path = "../../tests/unit/memory_parts.rs"]
mod tests;
