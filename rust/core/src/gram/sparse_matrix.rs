//! Kernel matrices of sparse rows: inner products of what is stored, and rows made dense by pairs where they are near.

use super::write::Write;
use crate::error::{Error, Result, fits};
use crate::kernels::{Kernel, Known, Plan};
use crate::matrix::{Rows, Sparse, TILE};
use crate::memory::{Buffer, alloc, size};
use crate::real::Real;
use crate::simd::{Job, Level, dispatch};
use crate::threads::Context;
use crate::tiles::{Consumer, Edge, Epilogue, Which, hand, swept};

/// Columns of the matrix that are worked on at once.
const COLUMNS: usize = 42 * TILE;
/// Values in f64 held at once beside the output.
const HELD: usize = 1 << 20;
/// Rows of a task of the diagonal.
const DIAGONAL: usize = 64;

/// `out[i][j] = k(x_i, y_j)`, `y = x` when `None`: then one triangle is computed and mirrored. Columns rise in every row.
///
/// # Errors
/// Shapes that do not fit, kernels that are no function of inner products and differences, rows whose squared norm
/// overflows or underflows, memory, interruption.
///
/// # Cost
/// 2 flops for each pair of stored values in one column, and the kernel of each pair; memory beside `out`: as much as `y`
/// stores, a number for each column, and 3 MiB for each thread.
pub fn sparse_matrix<T: Real>(
    context: &Context<'_>,
    kernel: &Kernel,
    x: Sparse<'_, T>,
    y: Option<Sparse<'_, T>>,
    out: &mut [T],
) -> Result<()> {
    let other = y.unwrap_or(x);
    fits("columns of y", x.d, other.d)?;
    fits("elements of out", size(&[x.n(), other.n()], "out")?, out.len())?;
    match assemble(context, kernel, x, y, out) {
        Err(Error::Underflow) if size_of::<T>() == 4 => {
            let (left, right) = (doubles(x)?, doubles(other)?);
            let (left, right) = (x.with(&left), other.with(&right));
            let step = (HELD / other.n().max(1)).max(TILE);
            let mut values = alloc(step.min(x.n()) * other.n(), "values in f64")?;
            for (block, out) in out.chunks_mut((step * other.n()).max(1)).enumerate() {
                let rows = left.slice(block * step, out.len() / other.n());
                let values = &mut values[..out.len()];
                assemble(context, kernel, rows, Some(right), values)?;
                out.iter_mut().zip(values).for_each(|(o, v)| *o = T::from_f64(*v));
            }
            Ok(())
        }
        done => done,
    }
}

/// `out[i] = k(x_i, x_i)`, the bits of [`sparse_matrix`]'s diagonal.
///
/// # Errors
/// As [`sparse_matrix`].
pub fn sparse_diagonal<T: Real>(context: &Context<'_>, kernel: &Kernel, x: Sparse<'_, T>, out: &mut [T]) -> Result<()> {
    fits("elements of out", x.n(), out.len())?;
    match alone(context, kernel, x, out) {
        Err(Error::Underflow) if size_of::<T>() == 4 => {
            let (rows, mut values) = (doubles(x)?, alloc(x.n(), "values in f64")?);
            alone(context, kernel, x.with(&rows), &mut values)?;
            out.iter_mut().zip(&values).for_each(|(o, v)| *o = T::from_f64(*v));
            Ok(())
        }
        done => done,
    }
}

fn doubles<T: Real>(x: Sparse<'_, T>) -> Result<Buffer<f64>> {
    let mut values = alloc(x.values.len(), "rows in f64")?;
    values.iter_mut().zip(x.values).for_each(|(o, v)| *o = v.to_f64());
    Ok(values)
}

/// A plan that looks at no more of rows than [`Measured`] holds, but for pairs that are near.
fn plan<T: Real>(context: &Context<'_>, kernel: &Kernel, d: usize) -> Result<Plan<T>> {
    let plan = Plan::new(context, kernel, d)?;
    if plan.needs_rows() {
        return Err(Error::Invalid(
            "a kernel of neurons takes dense rows; pass X.toarray(), or take RandomFeatures, which takes sparse ones"
                .into(),
        ));
    }
    if kernel.exceeds::<T>() {
        return Err(Error::Underflow);
    }
    Ok(if kernel.minds_tiny_rows() { plan.strict() } else { plan })
}

/// Rows with what is known of each: its squared norm, the inverse of its norm, and a dense row of two numbers that has the
/// same squared norm, or one that is not zero where that underflows.
struct Measured<'a, T> {
    rows: Sparse<'a, T>,
    norms: Buffer<T>,
    inverse: Buffer<T>,
    stand: Buffer<T>,
}

impl<'a, T: Real> Measured<'a, T> {
    fn new(level: Level, rows: Sparse<'a, T>) -> Result<Self> {
        let n = rows.n();
        let mut stand = alloc(2 * n, "squared norms")?;
        let (mut norms, mut inverse) = (alloc(n, "squared norms")?, alloc(n, "inverse norms")?);
        for i in 0..n {
            let values = rows.row(i).1;
            norms[i] = dispatch(level, Norm(values));
            inverse[i] = if norms[i] > T::ZERO { T::ONE / norms[i].sqrt() } else { T::ZERO };
            let square: f64 = values.iter().map(|v| v.to_f64() * v.to_f64()).sum();
            let largest = values.iter().fold(T::ZERO, |m, v| m.max(v.abs()));
            let mut high = T::from_f64(square.sqrt() * 0.999_999);
            if !(high > T::ZERO && high.is_finite()) {
                high = largest;
            }
            stand[2 * i] = high;
            stand[2 * i + 1] = T::from_f64((square - high.to_f64() * high.to_f64()).max(0.0).sqrt());
        }
        Ok(Self { rows, norms, inverse, stand })
    }

    /// Stand-ins of rows `start .. start + n`.
    fn stand(&self, start: usize, n: usize) -> Rows<'_, T> {
        Rows::new(&self.stand[2 * start..2 * (start + n)], n, 2)
    }
}

/// The squared norm, by the operations of an inner product.
struct Norm<'a, T>(&'a [T]);

impl<T: Real> Job for Norm<'_, T> {
    type Output = T;
    #[inline(always)]
    fn run<const FMA: bool>(self) -> T {
        self.0.iter().fold(T::ZERO, |sum, v| v.mul_add::<FMA>(*v, sum))
    }
}

/// Some rows column by column: those of column `k` are `starts[k] .. starts[k + 1]`.
struct Turned<T> {
    starts: Buffer<u64>,
    places: Buffer<u32>,
    values: Buffer<T>,
}

impl<T: Real> Turned<T> {
    fn new(context: &Context<'_>, x: Sparse<'_, T>) -> Result<Self> {
        let stored: usize = (0..x.n()).map(|i| x.row(i).0.len()).sum();
        let mut starts = alloc(x.d + 1, "starts of columns")?;
        let (mut places, mut values) = (alloc(stored, "rows of columns")?, alloc(stored, "values of columns")?);
        for i in 0..x.n() {
            x.row(i).0.iter().for_each(|&k| starts[k as usize] += 1);
        }
        let mut before: u64 = 0;
        for start in &mut *starts {
            (*start, before) = (before, before + *start);
        }
        for i in 0..x.n() {
            context.check()?;
            let (indices, from) = x.row(i);
            for (&k, &v) in indices.iter().zip(from) {
                let at = &mut starts[k as usize];
                (places[*at as usize], values[*at as usize]) = (i as u32, v);
                *at += 1;
            }
        }
        // Every start has moved to the next one's place.
        starts.copy_within(0..x.d, 1);
        starts[0] = 0;
        Ok(Self { starts, places, values })
    }
}

/// Adds a row's inner products with the first rows of some others.
struct Inner<'a, T> {
    indices: &'a [i32],
    values: &'a [T],
    turned: &'a Turned<T>,
    out: &'a mut [T],
}

impl<T: Real> Job for Inner<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Self { indices, values, turned, out } = self;
        for (&k, &x) in indices.iter().zip(values) {
            let part = turned.starts[k as usize] as usize..turned.starts[k as usize + 1] as usize;
            let (places, values) = (&turned.places[part.clone()], &turned.values[part]);
            for (&j, &y) in places.iter().zip(values) {
                let Some(sum) = out.get_mut(j as usize) else { break };
                *sum = x.mul_add::<FMA>(y, *sum);
            }
        }
    }
}

fn assemble<T: Real>(
    context: &Context<'_>,
    kernel: &Kernel,
    x: Sparse<'_, T>,
    y: Option<Sparse<'_, T>>,
    out: &mut [T],
) -> Result<()> {
    let plan = plan(context, kernel, x.d)?;
    let rows = Measured::new(context.level, x)?;
    let others = y.map(|y| Measured::new(context.level, y)).transpose()?;
    let columns = others.as_ref().unwrap_or(&rows);
    let (m, bands) = (columns.rows.n(), x.n().div_ceil(TILE));
    let spans = [(0, m)];
    let mut write = Write::new(context, out, m, y.is_none(), &spans);
    let step = COLUMNS.min(swept(plan.depth() + 1, size_of::<T>()));
    for first in (0..m).step_by(step) {
        let n = step.min(m - first);
        let turned = Turned::new(context, columns.rows.slice(first, n))?;
        let norms = &columns.norms[first..first + n];
        let side = plan.side(context, Which::Column, first, columns.stand(first, n), norms)?;
        write.sweep(1, first..first + n)?;
        let block = Block { context, plan: &plan, x: &rows, y: columns, turned, side, first, n, own: y.is_none() };
        let (consumer, block) = (&write, &block);
        let longest = x.longest() + columns.rows.longest();
        context.each(
            bands,
            || Scratch::new(block.plan, consumer, n, longest),
            |scratch, task| block.band(scratch, consumer, bands - 1 - task),
        )?;
    }
    Ok(())
}

/// Some columns of the matrix.
struct Block<'a, T: Real> {
    context: &'a Context<'a>,
    plan: &'a Plan<T>,
    x: &'a Measured<'a, T>,
    y: &'a Measured<'a, T>,
    turned: Turned<T>,
    side: <Plan<T> as Epilogue<T>>::Side,
    first: usize,
    n: usize,
    /// Whether columns are rows, and only tiles on and below the diagonal are wanted.
    own: bool,
}

/// Buffers of one thread.
struct Scratch<T: Real, C> {
    inner: Buffer<T>,
    tile: Buffer<T>,
    pair: Pair<T>,
    value: Buffer<T>,
    epilogue: <Plan<T> as Epilogue<T>>::Scratch,
    state: C,
}

impl<T: Real, S> Scratch<T, S> {
    fn new<C: Consumer<T, State = S>>(plan: &Plan<T>, consumer: &C, n: usize, longest: usize) -> Result<Self> {
        Ok(Self {
            inner: alloc(TILE * n, "inner products")?,
            tile: alloc(TILE * TILE, "a tile")?,
            pair: Pair::new(longest)?,
            value: alloc(TILE, "a tile")?,
            epilogue: plan.scratch()?,
            state: consumer.state()?,
        })
    }
}

impl<T: Real> Block<'_, T> {
    /// Do the columns of one row tile.
    fn band<C: Consumer<T>>(&self, s: &mut Scratch<T, C::State>, consumer: &C, band: usize) -> Result<()> {
        let (context, start) = (self.context, band * TILE);
        let rows = TILE.min(self.x.rows.n() - start);
        // Where columns are rows, those beyond these ones are mirrored.
        let n = if self.own { self.n.min((start + rows).saturating_sub(self.first)) } else { self.n };
        if n == 0 {
            return Ok(());
        }
        let norms = &self.x.norms[start..start + rows];
        let side = self.plan.side(&context.alone(), Which::Row, start, self.x.stand(start, rows), norms)?;
        let inner = &mut s.inner[..rows * n];
        inner.fill(T::ZERO);
        for (i, out) in inner.chunks_exact_mut(n).enumerate() {
            context.check()?;
            let (indices, values) = self.x.rows.row(start + i);
            dispatch(context.level, Inner { indices, values, turned: &self.turned, out });
        }
        let stop = context.stop();
        let x = Edge { rows: Rows::new(&[], rows, 0), norms, side: &side, at: 0, start, stop };
        for at in (0..n).step_by(TILE) {
            context.check()?;
            let cols = TILE.min(n - at);
            for (from, to) in inner.chunks_exact(n).zip(s.tile.chunks_exact_mut(TILE)) {
                to[..cols].copy_from_slice(&from[at..at + cols]);
                to[cols..].fill(T::ZERO);
            }
            let place = self.first + at;
            let norms = &self.y.norms[place..place + cols];
            let y = Edge { rows: Rows::new(&[], cols, 0), norms, side: &self.side, at, start: place, stop };
            self.plan.apply(context.level, &mut s.epilogue, &mut s.tile, &x, &y);
            for i in 0..rows {
                let near = |j: usize| Known {
                    inner: inner[i * n + at + j],
                    norms: (x.norms[i], y.norms[j]),
                    inverse: (self.x.inverse[start + i], self.y.inverse[place + j]),
                };
                for j in (0..cols).filter(|&j| self.plan.looks(&near(j))) {
                    context.check()?;
                    s.pair.join(self.x.rows.row(start + i), self.y.rows.row(place + j));
                    s.value[0] = near(j).inner;
                    let (left, right) = (edge(s.pair.left(), &x, i), edge(s.pair.right(), &y, j));
                    self.plan.apply(context.level, &mut s.epilogue, &mut s.value, &left, &right);
                    s.tile[i * TILE + j] = s.value[0];
                }
            }
            // SAFETY: a band has its rows for itself, and tiles of other columns have other places.
            unsafe { hand(consumer, &mut s.state, &s.tile, 0, &x, &y) };
        }
        Ok(())
    }
}

/// Row `i` of an edge, as `row` is when dense.
fn edge<'a, T, S>(row: &'a [T], of: &Edge<'a, T, S>, i: usize) -> Edge<'a, T, S> {
    let (rows, norms) = (Rows::new(row, 1, row.len()), &of.norms[i..=i]);
    Edge { rows, norms, side: of.side, at: of.at + i, start: of.start + i, stop: of.stop }
}

/// Two rows at the columns of either.
struct Pair<T> {
    left: Buffer<T>,
    right: Buffer<T>,
    len: usize,
}

impl<T: Real> Pair<T> {
    fn new(most: usize) -> Result<Self> {
        Ok(Self { left: alloc(most, "a row")?, right: alloc(most, "a row")?, len: 0 })
    }

    fn left(&self) -> &[T] {
        &self.left[..self.len]
    }

    fn right(&self) -> &[T] {
        &self.right[..self.len]
    }

    fn join(&mut self, (a, x): (&[i32], &[T]), (b, y): (&[i32], &[T])) {
        let (mut i, mut j) = (0, 0);
        self.len = 0;
        while i < a.len() || j < b.len() {
            let first = i < a.len() && (j == b.len() || a[i] <= b[j]);
            let second = j < b.len() && (i == a.len() || b[j] <= a[i]);
            self.left[self.len] = if first { x[i] } else { T::ZERO };
            self.right[self.len] = if second { y[j] } else { T::ZERO };
            (i, j, self.len) = (i + usize::from(first), j + usize::from(second), self.len + 1);
        }
    }
}

fn alone<T: Real>(context: &Context<'_>, kernel: &Kernel, x: Sparse<'_, T>, out: &mut [T]) -> Result<()> {
    let plan = plan(context, kernel, x.d)?;
    let rows = Measured::new(context.level, x)?;
    context.each_part(
        out.chunks_mut(DIAGONAL),
        || Ok((plan.scratch()?, alloc(TILE, "a tile")?)),
        |(scratch, value), task, out| {
            let (start, n, stop) = (task * DIAGONAL, out.len(), context.stop());
            let norms = &rows.norms[start..start + n];
            let side = plan.side(&context.alone(), Which::Column, start, rows.stand(start, n), norms)?;
            for (i, o) in out.iter_mut().enumerate() {
                context.check()?;
                let all = Edge { rows: Rows::new(&[], n, 0), norms, side: &side, at: 0, start, stop };
                let values = x.row(start + i).1;
                value[0] = norms[i];
                plan.apply(context.level, scratch, value, &edge(values, &all, i), &edge(values, &all, i));
                *o = value[0];
            }
            Ok(())
        },
    )
}
