//! Pages asked of the system before they are written to.

use super::{HUGE, Shared};

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
