//! Tiles to a matrix in memory, each with its mirror image where one triangle stands for the whole.

use crate::error::Result;
use crate::matrix::TILE;
use crate::memory::{Buffer, Pages, Shared, Stream, alloc};
use crate::real::Real;
use crate::simd::Level;
use crate::threads::Context;
use crate::tiles::{Consumer, Place};

/// Bytes from which a matrix is written past the caches; smaller ones are likely read again while they are still there.
const STREAM: usize = 8 << 20;

/// Writes tiles to a row-major matrix.
#[derive(Debug)]
pub(super) struct Write<'a, T> {
    out: Shared<'a, T>,
    pages: Pages<'a, T>,
    /// Distance between rows of `out`.
    ld: usize,
    /// Mirror what lies below the diagonal.
    mirror: bool,
    /// For each output of the epilogue: its first column and how many there are.
    spans: &'a [(usize, usize)],
    level: Level,
    streams: bool,
}

impl<'a, T: Real> Write<'a, T> {
    /// A writer to `out`, whose rows are `ld` apart; `spans` are those of the epilogue's outputs.
    pub(super) fn new(
        context: &Context<'_>,
        out: &'a mut [T],
        ld: usize,
        mirror: bool,
        spans: &'a [(usize, usize)],
    ) -> Self {
        let streams = size_of_val(out) >= STREAM;
        let out = Shared::new(out);
        Self { out, pages: Pages::new(out), ld, mirror, spans, level: context.level, streams }
    }

    /// Write `values` from element `at` on.
    ///
    /// # Safety
    /// As [`Shared::part`].
    #[inline]
    unsafe fn write(&self, stream: &mut Option<Stream>, at: usize, values: &[T]) {
        // SAFETY: the caller's promise.
        let out = unsafe { self.out.part(at, values.len()) };
        match stream {
            Some(stream) => stream.write(out, values),
            None => out.copy_from_slice(values),
        }
    }
}

impl<T: Real> Consumer<T> for Write<'_, T> {
    type State = (Buffer<T>, Option<Stream>);

    fn triangle(&self) -> bool {
        self.mirror
    }

    fn ahead(&self) -> usize {
        self.pages.count()
    }

    fn prepare(&self, task: usize) {
        self.pages.get(task);
    }

    fn state(&self) -> Result<Self::State> {
        let mirrored = alloc(if self.mirror { TILE * TILE } else { 0 }, "a tile")?;
        Ok((mirrored, self.streams.then(|| Stream::new(self.level))))
    }

    unsafe fn take(&self, (mirrored, stream): &mut Self::State, tile: &[T], place: &Place) {
        let Place { output, rows, cols, .. } = place;
        let (first, n) = self.spans[*output];
        let n = cols.end.min(n).saturating_sub(cols.start);
        for i in rows.clone() {
            let at = i * self.ld + first + cols.start;
            // SAFETY: no place is taken twice, and mirrored ones lie on the other side of the diagonal.
            unsafe { self.write(stream, at, &tile[(i - rows.start) * TILE..][..n]) };
        }
        if self.mirror && rows != cols {
            T::transpose(self.level, tile, TILE, rows.len(), n, mirrored, TILE);
            for j in 0..n {
                let at = (cols.start + j) * self.ld + rows.start;
                // SAFETY: as above.
                unsafe { self.write(stream, at, &mirrored[j * TILE..][..rows.len()]) };
            }
        }
    }
}
