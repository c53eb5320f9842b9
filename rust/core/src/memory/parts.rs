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
mod tests {
    use super::Shared;

    #[test]
    fn parts_are_written_side_by_side() {
        let mut data = [0; 10];
        let shared = Shared::new(&mut data);
        // SAFETY: the parts do not overlap.
        let (a, b) = unsafe { shared.part(0, 4) }.split_at_mut(2);
        // SAFETY: as above.
        let c = unsafe { shared.part(4, 6) };
        (a[0], b[0], c[5]) = (1, 2, 3);
        assert_eq!(data, [1, 0, 2, 0, 0, 0, 0, 0, 0, 3]);
    }

    #[test]
    #[should_panic(expected = "is_some_and")]
    fn parts_lie_within() {
        // SAFETY: nobody else refers to the elements.
        unsafe { Shared::new(&mut [0; 4]).part(2, usize::MAX) };
    }
}
