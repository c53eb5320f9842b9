//! A plan at work in a tile: the geometry that its leaves need, their values, and sums and products of these.

use super::geometry::{Edges, Input, angle, measure};
use super::leaf::{Neurons, Tile, View};
use super::plan::{Op, Plan};
use crate::error::{Error, Result};
use crate::matrix::{Rows, TILE};
use crate::memory::{Buffer, alloc};
use crate::real::Real;
use crate::simd::{Job, Level, dispatch};
use crate::threads::Context;
use crate::tiles::{Edge, Epilogue, Which};

/// Arrays of a row that a sweep may hold beside its columns.
const MANY: usize = 512;

/// What a plan derives from a group of rows.
#[derive(Debug)]
pub(crate) struct Side<T> {
    len: usize,
    inverse: Buffer<T>,
    leaves: Vec<Buffer<T>>,
    neurons: Vec<Option<Neurons<T>>>,
}

/// A plan's buffers of one thread.
#[derive(Debug)]
pub(crate) struct Scratch<T> {
    /// The inner products, where leaves need them beside something made from them.
    inner: Buffer<T>,
    /// The last geometry computed, for the leaves that follow.
    geometry: Buffer<T>,
    stack: Vec<Buffer<T>>,
    /// A leaf's second product.
    extra: Buffer<T>,
}

impl<T: Real> Epilogue<T> for Plan<T> {
    type Side = Side<T>;
    type Scratch = Scratch<T>;

    fn depth(&self) -> usize {
        // Arrays count from some hundreds on: sweeps of shallow networks keep their grid.
        self.leaves.iter().map(|l| l.depth() + l.arrays().saturating_sub(MANY)).sum()
    }

    fn side(&self, context: &Context<'_>, _which: Which, start: usize, rows: Rows<'_, T>, q: &[T]) -> Result<Side<T>> {
        if let Some(i) = q.iter().position(|q| !q.is_finite()) {
            return Err(Error::Overflow(format!(
                "row {} has a squared norm beyond the largest {} number; scale X down",
                start + i,
                if size_of::<T>() == 4 { "float32" } else { "float64" }
            )));
        }
        if self.strict {
            // Below, squares of entries, or of differences of near rows, are no normal numbers.
            let least = T::MIN_POSITIVE / T::EPSILON;
            let tiny = |(i, &q): (usize, &T)| q < least && rows.row(i).iter().any(|&v| v != T::ZERO);
            if q.iter().enumerate().any(tiny) {
                return Err(Error::Underflow);
            }
        }
        let inverse = if self.needs(Input::Angle) { angle::inverse_norms(q)? } else { Buffer::default() };
        let leaves = self.leaves.iter().map(|l| l.side(context, rows, q)).collect::<Result<_>>()?;
        let neurons = self.leaves.iter().map(|l| l.neurons(context, rows)).collect::<Result<_>>()?;
        Ok(Side { len: q.len(), inverse, leaves, neurons })
    }

    fn scratch(&self) -> Result<Scratch<T>> {
        let several = self.leaves.len() > 1;
        let tile = |wanted: bool| if wanted { alloc(TILE * TILE, "a tile") } else { Ok(Buffer::default()) };
        // A postfix program of n leaves never holds more than n values.
        let stack = (0..if several { self.leaves.len() } else { 0 }).map(|_| tile(true)).collect::<Result<_>>()?;
        let extra = tile(self.leaves.iter().any(|l| l.depth() > 0))?;
        Ok(Scratch { inner: tile(several || self.needs(Input::Chord))?, geometry: tile(several)?, stack, extra })
    }

    fn apply(
        &self,
        level: Level,
        scratch: &mut Scratch<T>,
        tile: &mut [T],
        x: &Edge<'_, T, Side<T>>,
        y: &Edge<'_, T, Side<T>>,
    ) {
        let used = x.rows.n * TILE;
        let Scratch { inner, geometry, stack, extra } = scratch;
        if let [leaf] = &self.leaves[..] {
            if leaf.input() == Input::Chord {
                inner[..used].copy_from_slice(&tile[..used]);
            }
            turn(level, leaf.input(), tile, x, y);
            return self.evaluate(level, 0, (tile, extra), inner, x, y);
        }
        inner[..used].copy_from_slice(&tile[..used]);
        let (mut measured, mut depth) = (Input::Nothing, 0);
        for &op in &self.ops {
            match op {
                Op::Leaf(l) => {
                    let input = self.leaves[l].input();
                    if input != measured {
                        geometry[..used].copy_from_slice(&inner[..used]);
                        turn(level, input, geometry, x, y);
                        measured = input;
                    }
                    stack[depth][..used].copy_from_slice(&geometry[..used]);
                    self.evaluate(level, l, (&mut stack[depth], extra), inner, x, y);
                    depth += 1;
                }
                Op::Sum | Op::Product => {
                    depth -= 1;
                    let (left, right) = stack.split_at_mut(depth);
                    let (left, right) = (&mut left[depth - 1][..used], &right[0][..used]);
                    match op {
                        Op::Sum => dispatch(level, Combine::<T, false> { left, right }),
                        _ => dispatch(level, Combine::<T, true> { left, right }),
                    }
                }
            }
        }
        tile[..used].copy_from_slice(&stack[0][..used]);
    }
}

impl<T: Real> Plan<T> {
    /// `k(x, x)` of every row, by the very operations of a tile.
    ///
    /// # Errors
    /// [`Error::Overflow`] for rows whose squared norm is not finite, [`Error::Memory`].
    pub fn diagonal(
        &self,
        context: &Context<'_>,
        x: Rows<'_, T>,
        start: usize,
        norms: &[T],
        out: &mut [T],
    ) -> Result<()> {
        let side = self.side(context, Which::Column, start, x, norms)?;
        let mut scratch = self.scratch()?;
        let mut tile = alloc(TILE, "a tile")?;
        // Of differences alone, which are 0, all have the value of the first.
        let one = self.leaves.iter().all(|l| l.input().is_difference());
        let (out, others) = out.split_at_mut(if one { out.len().min(1) } else { out.len() });
        for (i, o) in out.iter_mut().enumerate() {
            context.check()?;
            let (rows, norms, stop) = (x.slice(i, 1), &norms[i..=i], context.stop());
            let edge = || Edge { rows, norms, side: &side, at: i, start: start + i, stop };
            tile[0] = norms[0];
            self.apply(context.level, &mut scratch, &mut tile, &edge(), &edge());
            *o = tile[0];
        }
        if let Some(&value) = out.first() {
            others.fill(value);
        }
        Ok(())
    }

    fn needs(&self, input: Input) -> bool {
        self.leaves.iter().any(|l| l.input() == input)
    }

    fn evaluate(
        &self,
        level: Level,
        leaf: usize,
        (values, extra): (&mut [T], &mut [T]),
        inner: &[T],
        x: &Edge<'_, T, Side<T>>,
        y: &Edge<'_, T, Side<T>>,
    ) {
        let (rows, cols, edges, stop) = (x.rows.n, y.rows.n, (x.rows, y.rows), x.stop);
        let neurons = x.side.neurons[leaf].as_ref().zip(y.side.neurons[leaf].as_ref());
        let neurons = neurons.map(|(a, b)| ((a, x.at), (b, y.at)));
        let x = View { data: &x.side.leaves[leaf], group: x.side.len, at: x.at, n: rows };
        let y = View { data: &y.side.leaves[leaf], group: y.side.len, at: y.at, n: cols };
        self.leaves[leaf].evaluate(level, Tile { values, inner, edges, rows, cols, x, y, neurons, extra, stop });
    }
}

/// Turn the inner products in `tile` into what a leaf is a function of.
fn turn<T: Real>(level: Level, input: Input, tile: &mut [T], x: &Edge<'_, T, Side<T>>, y: &Edge<'_, T, Side<T>>) {
    let edges = Edges { x: x.rows, y: y.rows, qx: x.norms, qy: y.norms };
    // Sides have inverse norms where a leaf is a function of the angle.
    let rx = x.side.inverse.get(x.at..x.at + x.rows.n).unwrap_or_default();
    let ry = y.side.inverse.get(y.at..y.at + y.rows.n).unwrap_or_default();
    measure(level, input, tile, edges, (rx, ry));
}

/// Adds one leaf's values to another's, or multiplies them.
struct Combine<'a, T, const PRODUCT: bool> {
    left: &'a mut [T],
    right: &'a [T],
}

impl<T: Real, const PRODUCT: bool> Job for Combine<'_, T, PRODUCT> {
    type Output = ();
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        for (a, &b) in self.left.iter_mut().zip(self.right) {
            *a = if PRODUCT { *a * b } else { *a + b };
        }
    }
}
