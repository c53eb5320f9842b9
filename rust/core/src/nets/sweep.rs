//! The sweep: blocks of rows through a layer and back, sums over rows in f64 for each of a fixed number of groups.

use std::ops::Range;

use crate::error::{Error, Result};
use crate::matrix::{Packed, Rows, TILE, product, product_steps};
use crate::memory::{Buffer, alloc};
use crate::real::Real;
use crate::simd::{Level, dispatch};
use crate::threads::Context;

use super::cell::{CHUNK, Cell, Piece, STREAMS, VALUES};
use super::gradient::Gradient;
use super::grid::Grid;
use super::passes::{Add, Back, Dots, Finite};
use super::targets::Target;
use super::weights::{Head, pack};

/// What one sweep works on.
#[derive(Debug)]
pub(super) struct Sweep<'a, T, C, G> {
    pub(super) x: Rows<'a, T>,
    /// Matrices of m x d whose products with the rows the cell takes.
    pub(super) layers: &'a [Rows<'a, T>],
    /// Output weights of each array of values, and of the slopes of the same number.
    pub(super) heads: &'a [Head<T>],
    pub(super) cell: &'a C,
    pub(super) target: &'a G,
}

/// Buffers of one thread.
struct Scratch<T> {
    /// Rows, and the same with their columns as rows.
    rows: Packed<T>,
    turned: Packed<T>,
    /// Coefficients, as the latter.
    back: Packed<T>,
    products: Buffer<T>,
    values: Buffer<T>,
    slopes: Buffer<T>,
    outputs: Buffer<f64>,
    coefficients: Buffer<T>,
    /// Derivatives by a tile's neurons, and by their thresholds.
    block: Buffer<T>,
    column: Buffer<T>,
}

/// Numbers beside each other: `count` parts `stride` apart, of each `len` from `start` on; the rest is empty.
fn split<const N: usize, T>(data: &mut [T], stride: usize, count: usize, start: usize, len: usize) -> [&mut [T]; N] {
    let mut parts = data.chunks_exact_mut(stride.max(1)).take(count);
    std::array::from_fn(|_| parts.next().map_or(Default::default(), |part| &mut part[start..start + len]))
}

impl<T: Real, C: Cell<T>, G: Target> Sweep<'_, T, C, G> {
    /// Do it; the sum of the losses of the rows.
    ///
    /// # Errors
    /// [`Error::Invalid`] for rows that are not finite and what the target refuses, [`Error::Memory`],
    /// [`Error::Cancelled`].
    pub(super) fn run(&self, context: &Context<'_>, mut gradient: Option<Gradient<'_, T>>) -> Result<f64> {
        let level = context.level;
        let m = self.layers[0].n;
        let copies = gradient.as_ref().map(|g| g.copies.unwrap_or(1));
        let rest = gradient.as_ref().is_some_and(|g| g.rest.is_some());
        let arrays = self.cell.slopes() + if rest { self.cell.values() } else { 0 };
        let outputs = if rest { self.heads[0].outputs } else { 0 };
        let grid = Grid::new::<T>(level, (self.x.n, self.x.d), m, copies, outputs, arrays);
        let layers = self.layers.iter().map(|&layer| pack(context, layer)).collect::<Result<Vec<_>>>()?;
        let mut sums = alloc::<f64>(grid.groups * grid.sums(), "sums over rows")?;
        let mut losses = alloc::<f64>(grid.blocks, "losses")?;
        let scaled = gradient.as_ref().is_some_and(|g| g.copies.is_some());
        // To each group its sums and the losses of its blocks.
        let mut parts: Vec<(&mut [f64], Vec<&mut f64>)> = Vec::with_capacity(grid.groups);
        let mut pieces = sums.chunks_mut(grid.sums().max(1));
        parts.extend((0..grid.groups).map(|_| (pieces.next().unwrap_or_default(), Vec::new())));
        for (block, loss) in losses.iter_mut().enumerate() {
            parts[block % grid.groups].1.push(loss);
        }
        context.each_part(
            parts.into_iter(),
            || self.scratch(level, &grid, rest),
            |s, group, (sums, losses)| {
                for (block, loss) in (group..).step_by(grid.groups).zip(losses) {
                    *loss = self.forward(context, &grid, &layers, s, block)?;
                    if copies.is_some() {
                        self.backward(context, &grid, &layers, s, block, sums, scaled)?;
                    }
                }
                Ok(())
            },
        )?;
        if let Some(gradient) = &mut gradient {
            gradient.finish(context, &grid, &sums)?;
        }
        Ok(losses.iter().sum())
    }

    fn scratch(&self, level: Level, grid: &Grid, rest: bool) -> Result<Scratch<T>> {
        let (mr, outputs) = (T::block(level).0, self.heads.iter().map(|h| h.outputs).sum::<usize>());
        let tile = grid.rows * TILE;
        let kept = if grid.keep { grid.rows * grid.padded } else { tile };
        let columns = grid.columns.max(if rest { self.heads[0].outputs.next_multiple_of(mr) } else { 0 });
        Ok(Scratch {
            rows: Packed::new(mr),
            turned: Packed::new(mr),
            back: Packed::new(mr),
            products: alloc(self.layers.len() * tile, "products of a block")?,
            values: alloc(self.cell.values() * if rest { kept } else { tile }, "activations of a block")?,
            slopes: alloc(self.cell.slopes() * kept, "slopes of a block")?,
            outputs: alloc(grid.rows * outputs, "outputs of a block")?,
            coefficients: alloc(grid.rows * outputs, "coefficients of a block")?,
            block: alloc(columns * TILE, "derivatives of a block")?,
            column: alloc(TILE, "derivatives of a block")?,
        })
    }

    /// Where the arrays of tile `at` lie: distance of arrays, and their start, for values and for slopes.
    fn places(&self, grid: &Grid, at: usize) -> [(usize, usize); 2] {
        let tile = (grid.rows * TILE, 0);
        let kept = if grid.keep { (grid.rows * grid.padded, at * grid.rows) } else { tile };
        [if grid.outputs > 0 { kept } else { tile }, kept]
    }

    /// Values and slopes of one tile.
    fn tile(&self, level: Level, grid: &Grid, layers: &[Packed<T>], s: &mut Scratch<T>, n: usize, at: usize) {
        let (width, area) = (grid.width(at), grid.rows * TILE);
        for (layer, products) in layers.iter().zip(s.products.chunks_exact_mut(area)) {
            product(level, &s.rows, (0, n), layer, (at, width), products, width, false);
        }
        let [values, slopes] = self.places(grid, at);
        let step = (CHUNK / width).max(1);
        for row in (0..n).step_by(step) {
            let (start, len) = (row * width, step.min(n - row) * width);
            self.cell.apply(
                level,
                Piece {
                    products: split::<STREAMS, T>(&mut s.products, area, layers.len(), start, len),
                    values: split(&mut s.values, values.0, self.cell.values(), values.1 + start, len),
                    slopes: split(&mut s.slopes, slopes.0, self.cell.slopes(), slopes.1 + start, len),
                    at,
                    width,
                },
            );
        }
    }

    /// Outputs of a block, and what the target makes of them.
    fn forward(
        &self,
        context: &Context<'_>,
        grid: &Grid,
        layers: &[Packed<T>],
        s: &mut Scratch<T>,
        block: usize,
    ) -> Result<f64> {
        let level = context.level;
        let span = grid.span(block);
        let (first, n) = (span.start, span.len());
        let x = self.x.slice(first, n);
        check_finite(level, x, first)?;
        s.rows.reserve(n, x.d)?;
        s.rows.fill(x);
        s.outputs.fill(0.0);
        for at in (0..grid.padded).step_by(TILE) {
            context.check()?;
            // Without values there is nothing to add up; slopes that are not kept are for later.
            if self.cell.values() == 0 && !grid.keep {
                break;
            }
            self.tile(level, grid, layers, s, n, at);
            let (width, [place, _]) = (grid.width(at), self.places(grid, at));
            let (mut out, mut values) = (&mut s.outputs[..], s.values.chunks_exact(place.0.max(1)));
            for head in &self.heads[..self.cell.values()] {
                let mine;
                (mine, out) = out.split_at_mut(n * head.outputs);
                let Some(values) = values.next() else { break };
                let tile = &values[place.1..place.1 + n * width];
                let weights = &head.weights[at..];
                dispatch(level, Dots { tile, width, weights, stride: grid.padded, outputs: head.outputs, sums: mine });
            }
        }
        let mut rest = &mut s.outputs[..];
        let mut parts: [&mut [f64]; VALUES] = Default::default();
        for (part, head) in parts.iter_mut().zip(self.heads) {
            (*part, rest) = rest.split_at_mut(n * head.outputs);
        }
        // SAFETY: blocks share no rows, and every block is taken forward once.
        unsafe { self.target.take(first, n, parts) }
    }

    /// Pack a block's rows with their columns as rows, and likewise its coefficients where output weights take them.
    fn turn(&self, grid: &Grid, s: &mut Scratch<T>, span: Range<usize>, scaled: bool) -> Result<()> {
        let (n, d) = (span.len(), self.x.d);
        s.turned.reserve(grid.columns, n)?;
        let (mut turned, q) = (s.turned.whole(), self.heads[0].outputs);
        for i in 0..n {
            let row = self.x.row(span.start + i);
            for copy in 0..if scaled { q } else { 1 } {
                let by = if scaled { s.coefficients[i * q + copy] } else { T::ONE };
                turned.step(i, copy * d, d, |at, out| out.iter_mut().zip(&row[at..]).for_each(|(o, &v)| *o = v * by));
            }
        }
        if grid.outputs > 0 {
            s.back.reserve(q, n)?;
            let mut back = s.back.whole();
            for (i, row) in s.coefficients.chunks_exact(q).take(n).enumerate() {
                back.step(i, 0, q, |at, out| out.copy_from_slice(&row[at..at + out.len()]));
            }
        }
        Ok(())
    }

    /// For the first two heads: the coefficients of `n` rows, the weights of the tile at `at`, the number of outputs.
    fn weighed<'a>(&'a self, mut coefficients: &'a [T], n: usize, at: usize) -> [(&'a [T], &'a [T], usize); 2] {
        std::array::from_fn(|i| {
            let Some(head) = self.heads.get(i) else { return Default::default() };
            let mine;
            (mine, coefficients) = coefficients.split_at(n * head.outputs);
            (mine, &head.weights[at..], head.outputs)
        })
    }

    /// Add a block's share of the derivatives to `sums`.
    fn backward(
        &self,
        context: &Context<'_>,
        grid: &Grid,
        layers: &[Packed<T>],
        s: &mut Scratch<T>,
        block: usize,
        sums: &mut [f64],
        scaled: bool,
    ) -> Result<()> {
        let (level, span, q) = (context.level, grid.span(block), self.heads[0].outputs);
        let n = span.len();
        for (c, &o) in s.coefficients.iter_mut().zip(&s.outputs) {
            *c = T::from_f64(o);
        }
        self.turn(grid, s, span, scaled)?;
        let (layer, others) = sums.split_at_mut(grid.padded * grid.columns);
        let (weights, thresholds) = others.split_at_mut(grid.padded * grid.outputs);
        for at in (0..grid.padded).step_by(TILE) {
            context.check()?;
            let width = grid.width(at);
            if !grid.keep {
                self.tile(level, grid, layers, s, n, at);
            }
            let [values, slopes] = self.places(grid, at);
            let block = &mut s.block[..];
            let column = &mut s.column[..if grid.outputs > 0 { width } else { 0 }];
            column.fill(T::ZERO);
            let [first, second] = split(&mut s.slopes, slopes.0, self.cell.slopes(), slopes.1, n * width);
            if !scaled {
                let (heads, stride) = (self.weighed(&s.coefficients, n, at), grid.padded);
                dispatch(level, Back { first: &mut *first, second, width, heads, stride, column: &mut *column });
            }
            product_steps(level, &s.turned, grid.columns, first, (width, width), block, width);
            dispatch(level, Add { to: &mut layer[at * grid.columns..], from: &block[..grid.columns * width] });
            if grid.outputs > 0 {
                dispatch(level, Add { to: &mut thresholds[at..], from: column });
                let tile = &s.values[values.1..values.1 + n * width];
                product_steps(level, &s.back, q, tile, (width, width), block, width);
                dispatch(level, Add { to: &mut weights[at * q..], from: &block[..q * width] });
            }
        }
        Ok(())
    }
}

/// Refuse rows that are not finite, naming the first element; `first` is the number of the first row.
pub(super) fn check_finite<T: Real>(level: Level, x: Rows<'_, T>, first: usize) -> Result<()> {
    if dispatch(level, Finite(x.data)) {
        return Ok(());
    }
    let at = x.data.iter().position(|v| !v.is_finite()).unwrap_or(0);
    let (i, j) = (first + at / x.d.max(1), at % x.d.max(1));
    let value = x.data[at].to_f64();
    let name = if value.is_nan() { "nan" } else { "infinite" };
    Err(Error::Invalid(format!("X[{i}, {j}] is {name}: values must be finite. Impute the value or drop the row.")))
}
