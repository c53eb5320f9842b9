//! Rows packed into panels, as the register blocks read them.

use super::{DEPTH, Rows};
use crate::error::Result;
use crate::memory::{Buffer, Shared, alloc};
use crate::real::Real;
use crate::simd;

/// Rows copied into panels of `width` rows, `k` outermost within a panel, in blocks of [`DEPTH`] steps.
#[derive(Debug)]
pub struct Packed<T> {
    data: Buffer<T>,
    pub(super) width: usize,
    pub(super) rows: usize,
    pub(super) depth: usize,
}

impl<T: Real> Packed<T> {
    /// An empty pack of panels `width` wide.
    pub fn new(width: usize) -> Self {
        Self { data: Buffer::default(), width, rows: 0, depth: 0 }
    }

    /// Room for `rows` rows of length `depth`; contents are undefined until [`Self::fill`].
    pub fn reserve(&mut self, rows: usize, depth: usize) -> Result<()> {
        self.rows = rows.next_multiple_of(self.width);
        self.depth = depth;
        let need = self.rows * depth;
        if self.data.len() < need {
            self.data = alloc(need, "packed panels")?;
        }
        Ok(())
    }

    /// Copy all of `x` in.
    pub fn fill(&mut self, x: Rows<'_, T>) {
        let filler = self.filler();
        // SAFETY: this is the only filler.
        unsafe { filler.fill(0, x) }
    }

    /// A handle through which several tasks fill the pack at once, each its own panels.
    pub fn filler(&mut self) -> Filler<T> {
        let need = self.rows * self.depth;
        Filler { values: Shared::new(&mut self.data[..need]), width: self.width, rows: self.rows, depth: self.depth }
    }

    /// Where the panels that start at `row` begin within the block of `k` that starts at `k0`, and that block's length.
    #[inline]
    pub(super) fn panels(&self, k0: usize, row: usize) -> (&[T], usize) {
        let kc = DEPTH.min(self.depth - k0);
        (&self.data[self.rows * k0 + row * kc..], kc)
    }

    /// Step `k` of the rows that follow `row`, where they lie next to each other in one panel; for products with them.
    pub fn panel(&self, k: usize, row: usize) -> &[T] {
        let k0 = k / DEPTH * DEPTH;
        let (panel, kc) = self.panels(k0, row / self.width * self.width);
        &panel[(k - k0) * self.width + row % self.width..kc * self.width]
    }

    /// Rows in a panel.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Squared norms of the rows `start .. start + out.len()`, in exactly the order of a product of a row with itself.
    #[inline(always)]
    pub fn norms<const FMA: bool>(&self, start: usize, out: &mut [T]) {
        out.fill(T::ZERO);
        let mut chain = [T::ZERO; 64];
        for k0 in (0..self.depth).step_by(DEPTH) {
            let mut done = 0;
            while done < out.len() {
                let n = self.width.min(out.len() - done);
                let (panel, kc) = self.panels(k0, start + done);
                let chain = &mut chain[..self.width];
                chain.fill(T::ZERO);
                for step in panel[..kc * self.width].chunks_exact(self.width) {
                    for (c, &v) in chain.iter_mut().zip(step) {
                        *c = v.mul_add::<FMA>(v, *c);
                    }
                }
                for (o, &c) in out[done..done + n].iter_mut().zip(chain.iter()) {
                    *o += c;
                }
                done += n;
            }
        }
    }
}

/// Fills a [`Packed`] piece by piece.
#[derive(Debug, Clone, Copy)]
pub struct Filler<T> {
    values: Shared<T>,
    width: usize,
    rows: usize,
    depth: usize,
}

impl<T: Real> Filler<T> {
    /// Write step `k` of the rows `row .. row + n`: `write` gets the offset of some of them and where they lie.
    ///
    /// # Safety
    /// The pack is still exclusively borrowed, and no other task writes the same step of the same rows.
    #[inline(always)]
    pub unsafe fn step(&self, k: usize, row: usize, n: usize, mut write: impl FnMut(usize, &mut [T])) {
        let k0 = k / DEPTH * DEPTH;
        let kc = DEPTH.min(self.depth - k0);
        let mut done = 0;
        while done < n {
            let inside = (row + done) % self.width;
            let len = (self.width - inside).min(n - done);
            let at = self.rows * k0 + (row + done - inside) * kc + (k - k0) * self.width + inside;
            // SAFETY: the caller's promise.
            write(done, unsafe { self.values.part(at, len) });
            done += len;
        }
    }

    /// Copy `x` to the rows from `at` on, `at` being a multiple of the panel width; what is left of the last panel
    /// becomes zero.
    ///
    /// # Safety
    /// The pack is still exclusively borrowed, and no other task fills the same panels.
    pub unsafe fn fill(&self, at: usize, x: Rows<'_, T>) {
        // SAFETY: the caller's promise.
        unsafe { self.each_panel(at, x, 0, |_, _| ()) }
    }

    /// As [`Self::fill`] with as many columns of `x` from `first` on as the pack is deep, less `shift`.
    ///
    /// # Safety
    /// As [`Self::fill`].
    pub unsafe fn fill_centered(&self, at: usize, x: Rows<'_, T>, first: usize, shift: &[T]) {
        let center = |k0: usize, panel: &mut [T]| {
            for (step, &c) in panel.chunks_exact_mut(self.width).zip(&shift[k0..]) {
                step.iter_mut().for_each(|v| *v -= c);
            }
        };
        // SAFETY: the caller's promise.
        unsafe { self.each_panel(at, x, first, center) }
    }

    /// Copy columns of `x` from `first` on, and do something to every panel and block of steps while it is in cache.
    ///
    /// # Safety
    /// As [`Self::fill`].
    unsafe fn each_panel(&self, at: usize, x: Rows<'_, T>, first: usize, then: impl Fn(usize, &mut [T])) {
        let (depth, width, level) = (self.depth, self.width, simd::level());
        for k0 in (0..depth).step_by(DEPTH) {
            let kc = DEPTH.min(depth - k0);
            for row in (0..x.n).step_by(width) {
                // SAFETY: one panel of this task's own.
                let panel = unsafe { self.values.part(self.rows * k0 + (at + row) * kc, width * kc) };
                let n = width.min(x.n - row);
                if n < width {
                    panel.fill(T::ZERO);
                }
                T::transpose(level, &x.data[row * x.d + first + k0..], x.d, n, kc, panel, width);
                then(k0, panel);
            }
        }
    }
}
