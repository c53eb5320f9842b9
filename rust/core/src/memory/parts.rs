//! Slices that several tasks write to.

/// A slice that several tasks write to at once, each to elements that are its own.
#[derive(Debug, Clone, Copy)]
pub struct Shared<T> {
    pub(super) data: *mut T,
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
