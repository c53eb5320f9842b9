//! A kernel without parts: what it is a function of, what it derives from rows, and how it fills a tile.

use std::sync::atomic::{AtomicBool, Ordering};

use super::bits::Bits;
pub(super) use super::geometry::{Input, Known};
use crate::error::Result;
use crate::matrix::{Packed, Rows, TILE};
use crate::memory::Buffer;
use crate::real::Real;
use crate::simd::Level;
use crate::threads::Context;

/// A kernel without parts. Its job turns a row of inputs, in place, into a row of values.
pub(super) trait Leaf<T: Real>: Send + Sync {
    fn input(&self) -> Input;
    /// Arrays derived from rows and their squared norms, one after the other, `q.len()` values each.
    fn side(&self, _context: &Context<'_>, _rows: Rows<'_, T>, _q: &[T]) -> Result<Buffer<T>> {
        Ok(Buffer::default())
    }
    /// Arrays that [`Self::side`] derives, where they may be many.
    fn arrays(&self) -> usize {
        0
    }
    /// Values of a row that a second product is taken of.
    fn depth(&self) -> usize {
        0
    }
    /// Those values.
    fn neurons(&self, _context: &Context<'_>, _rows: Rows<'_, T>) -> Result<Option<Neurons<T>>> {
        Ok(None)
    }
    /// Whether [`Self::evaluate`] may look at two rows of which this is known.
    fn looks(&self, of: &Known<T>) -> bool {
        self.input().looks(of)
    }
    fn evaluate(&self, level: Level, tile: Tile<'_, T>);
}

/// What a second product of rows is taken of.
#[derive(Debug)]
pub(super) enum Neurons<T> {
    Values(Packed<T>),
    Bits(Bits),
}

/// A tile and what a leaf derived for its rows and columns.
#[derive(Debug)]
pub(super) struct Tile<'a, T> {
    pub(super) values: &'a mut [T],
    pub(super) inner: &'a [T],
    /// The rows on both edges.
    pub(super) edges: (Rows<'a, T>, Rows<'a, T>),
    pub(super) rows: usize,
    pub(super) cols: usize,
    pub(super) x: View<'a, T>,
    pub(super) y: View<'a, T>,
    /// What a second product is taken of, and room for it.
    pub(super) neurons: Option<(At<'a, T>, At<'a, T>)>,
    pub(super) extra: &'a mut [T],
    /// Whether the caller has asked to stop.
    pub(super) stop: &'a AtomicBool,
}

/// The neurons of a group of rows, and where a tile's rows begin.
type At<'a, T> = (&'a Neurons<T>, usize);

/// Arrays derived from a group of rows, and the part of each that belongs to a tile.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'a, T> {
    pub(super) data: &'a [T],
    pub(super) group: usize,
    pub(super) at: usize,
    pub(super) n: usize,
}

impl<'a, T> View<'a, T> {
    #[inline(always)]
    fn array(&self, k: usize) -> &'a [T] {
        let start = k * self.group + self.at;
        &self.data[start..start + self.n]
    }
}

impl<'a, T: Real> Tile<'a, T> {
    /// Derived array number `k` of the rows.
    #[inline(always)]
    pub(super) fn x(&self, k: usize) -> &'a [T] {
        self.x.array(k)
    }
    /// Derived array number `k` of the columns.
    #[inline(always)]
    pub(super) fn y(&self, k: usize) -> &'a [T] {
        self.y.array(k)
    }
    /// Whether the caller has asked to stop: what is left of the tile need not be made.
    #[inline(always)]
    pub(super) fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
    /// Row `i` of the inner products, for leaves of the chord.
    #[inline(always)]
    pub(super) fn inner(&self, i: usize) -> &'a [T] {
        &self.inner[i * TILE..i * TILE + self.cols]
    }
    /// Row `i` of the values.
    #[inline(always)]
    pub(super) fn row(&mut self, i: usize) -> &mut [T] {
        &mut self.values[i * TILE..i * TILE + self.cols]
    }
}
