//! Pages asked of the system before they are written to.

use super::{HUGE, Shared};

/// A matrix about to be written for which the system may not have found memory yet: [`Pages::get`] has it do so for one
/// huge page, without changing what is there, so that other tasks need not wait for it in the middle of their work.
#[derive(Debug)]
#[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "other systems are not asked for pages"))]
pub(crate) struct Pages<'a, T> {
    out: Shared<'a, T>,
    first: usize,
    count: usize,
}

impl<'a, T> Pages<'a, T> {
    /// The pages under `out`.
    pub(crate) fn new(out: Shared<'a, T>) -> Self {
        let first = out.data.align_offset(HUGE).min(out.len);
        let count = (out.len - first) * size_of::<T>() / HUGE;
        let worthwhile = cfg!(all(target_os = "linux", not(miri))) && count >= 4;
        Self { out, first, count: if worthwhile { count } else { 0 } }
    }

    /// Number of huge pages that begin in the matrix; none where there are too few to matter.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Have the system find memory for page `i`.
    pub(crate) fn get(&self, i: usize) {
        assert!(i < self.count);
        #[cfg(target_os = "linux")]
        {
            let page = self.out.data.wrapping_add(self.first).cast::<u8>().wrapping_add(i * HUGE);
            // SAFETY: a whole page of the matrix by the assertion; its contents stay what they are. Where the system does
            // not know the request, pages come when they are first written to.
            unsafe { libc::madvise(page.cast(), HUGE, libc::MADV_POPULATE_WRITE) };
        }
    }
}

#[cfg(test)]
#[path = "../../tests/unit/memory_pages.rs"]
mod tests;
