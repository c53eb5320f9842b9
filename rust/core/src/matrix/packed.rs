//! Rows packed into panels, as the register blocks read them.

use super::{DEPTH, Rows};
use crate::error::Result;
use crate::memory::{Buffer, Shared, alloc, size};
use crate::real::Real;
use crate::simd;
use crate::threads::Context;

/// Rows copied into panels of `width` rows, `k` outermost within a panel, in blocks of [`DEPTH`] steps.
#[derive(Debug)]
pub(crate) struct Packed<T> {
    data: Buffer<T>,
    pub(super) width: usize,
    pub(super) rows: usize,
    pub(super) depth: usize,
}

impl<T: Real> Packed<T> {
    /// An empty pack of panels `width` wide.
    pub(crate) fn new(width: usize) -> Self {
        Self { data: Buffer::default(), width, rows: 0, depth: 0 }
    }

    /// Room for `rows` rows of length `depth`; contents are undefined until [`Self::fill`].
    pub(crate) fn reserve(&mut self, rows: usize, depth: usize) -> Result<()> {
        let need = size(&[rows.saturating_add(self.width), depth], "packed panels")
            .map(|_| rows.next_multiple_of(self.width) * depth)?;
        (self.rows, self.depth) = (rows.next_multiple_of(self.width), depth);
        if self.data.len() < need {
            self.data = alloc(need, "packed panels")?;
        }
        Ok(())
    }

    /// Numbers that are held.
    pub(crate) fn len(&self) -> usize {
        self.data.len()
    }

    /// Copy all of `x` in.
    pub(crate) fn fill(&mut self, x: Rows<'_, T>) {
        self.whole().fill(x, 0, None);
    }

    /// Copy as many columns of `x` from `first` on as `depth` says, less `shift`, in parallel.
    ///
    /// # Errors
    /// [`crate::error::Error::Memory`], [`crate::error::Error::Cancelled`].
    pub(crate) fn pack(
        &mut self,
        context: &Context<'_>,
        x: Rows<'_, T>,
        (first, depth): (usize, usize),
        shift: Option<&[T]>,
    ) -> Result<()> {
        self.reserve(x.n, depth)?;
        let step = self.share();
        // For less than some tasks waking workers costs more.
        let context = if x.n <= 4 * step { context.alone() } else { *context };
        context.each_part(
            self.parts(step).into_iter(),
            || Ok(()),
            |(), task, mut panels| {
                let at = (task * step).min(x.n);
                panels.fill(x.slice(at, step.min(x.n - at)), first, shift);
                Ok(())
            },
        )
    }

    /// Rows that make a task when many are worked on: whole panels of a few hundred kilobytes.
    pub(crate) fn share(&self) -> usize {
        ((1 << 18) / (self.depth.max(1) * size_of::<T>())).max(1).next_multiple_of(self.width)
    }

    /// All panels.
    pub(crate) fn whole(&mut self) -> Panels<'_, T> {
        let need = self.rows * self.depth;
        let blocks = self.data[..need].chunks_mut((self.rows * DEPTH).max(1)).collect();
        Panels { blocks, width: self.width, depth: self.depth }
    }

    /// The panels of every `rows` rows, for a task each; `rows` is a multiple of the panel width.
    pub(crate) fn parts(&mut self, rows: usize) -> Vec<Panels<'_, T>> {
        assert!(rows.is_multiple_of(self.width));
        let (all, width, depth) = (self.rows, self.width, self.depth);
        let empty = || Panels { blocks: Vec::with_capacity(depth.div_ceil(DEPTH)), width, depth };
        let mut parts: Vec<_> = (0..all.div_ceil(rows)).map(|_| empty()).collect();
        for block in self.whole().blocks {
            let steps = block.len() / all;
            for (part, panels) in parts.iter_mut().zip(block.chunks_mut(rows * steps)) {
                part.blocks.push(panels);
            }
        }
        parts
    }

    /// A handle through which several tasks write steps of rows at once.
    pub(crate) fn filler(&mut self) -> Filler<'_, T> {
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
    pub(crate) fn panel(&self, k: usize, row: usize) -> &[T] {
        let k0 = k / DEPTH * DEPTH;
        let (panel, kc) = self.panels(k0, row / self.width * self.width);
        &panel[(k - k0) * self.width + row % self.width..kc * self.width]
    }

    /// Squared norms of the rows `start .. start + out.len()`, in exactly the order of a product of a row with itself.
    #[inline(always)]
    pub(crate) fn norms<const FMA: bool>(&self, start: usize, out: &mut [T]) {
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

/// Some panels of a [`Packed`], whole, for one task.
#[derive(Debug)]
pub(crate) struct Panels<'a, T> {
    /// One for each block of steps.
    blocks: Vec<&'a mut [T]>,
    width: usize,
    depth: usize,
}

impl<T: Real> Panels<'_, T> {
    /// Copy columns of `x` from `first` on, less `shift`; what is left of the last panel becomes zero.
    pub(crate) fn fill(&mut self, x: Rows<'_, T>, first: usize, shift: Option<&[T]>) {
        let (width, level) = (self.width, simd::level());
        for (block, k0) in self.blocks.iter_mut().zip((0..).step_by(DEPTH)) {
            let kc = DEPTH.min(self.depth - k0);
            for (panel, row) in block.chunks_exact_mut(width * kc).zip((0..x.n).step_by(width)) {
                let n = width.min(x.n - row);
                if n < width {
                    panel.fill(T::ZERO);
                }
                T::transpose(level, &x.data[row * x.d + first + k0..], x.d, n, kc, panel, width);
                for (step, &c) in panel.chunks_exact_mut(width).zip(shift.map_or(&[][..], |shift| &shift[k0..])) {
                    step.iter_mut().for_each(|v| *v -= c);
                }
            }
        }
    }

    /// Write step `k` of the rows `row .. row + n`: `write` gets the offset of some of them and where they lie.
    #[inline(always)]
    pub(crate) fn step(&mut self, k: usize, row: usize, n: usize, mut write: impl FnMut(usize, &mut [T])) {
        let block = &mut *self.blocks[k / DEPTH];
        let kc = DEPTH.min(self.depth - k / DEPTH * DEPTH);
        spans(self.width, (k % DEPTH, kc), row, n, |done, at, len| write(done, &mut block[at..at + len]));
    }
}

/// Where the rows `row .. row + n` lie within step `k` of a block of `kc`: `each` gets the offset of some of them, where
/// they begin and how many there are.
#[inline(always)]
fn spans(width: usize, (k, kc): (usize, usize), row: usize, n: usize, mut each: impl FnMut(usize, usize, usize)) {
    let mut done = 0;
    while done < n {
        let inside = (row + done) % width;
        let len = (width - inside).min(n - done);
        each(done, (row + done - inside) * kc + k * width + inside, len);
        done += len;
    }
}

/// Writes steps of rows of a [`Packed`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Filler<'a, T> {
    values: Shared<'a, T>,
    width: usize,
    rows: usize,
    depth: usize,
}

impl<T: Real> Filler<'_, T> {
    /// As [`Panels::step`].
    ///
    /// # Safety
    /// No other task writes the same step of the same rows at the same time.
    #[inline(always)]
    pub(crate) unsafe fn step(&self, k: usize, row: usize, n: usize, mut write: impl FnMut(usize, &mut [T])) {
        let k0 = k / DEPTH * DEPTH;
        let kc = DEPTH.min(self.depth - k0);
        spans(self.width, (k - k0, kc), row, n, |done, at, len| {
            // SAFETY: the caller's promise.
            write(done, unsafe { self.values.part(self.rows * k0 + at, len) });
        });
    }
}

#[cfg(test)]
#[path = "../../tests/unit/matrix_packed.rs"]
mod tests;
