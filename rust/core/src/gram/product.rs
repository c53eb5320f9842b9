//! Products with a matrix that is never formed: `K(X, Y) V` and `features(X) coef`, one tile at a time.

use std::ops::Range;

use crate::error::{Result, fits};
use crate::features::FeatureMap;
use crate::kernels::Plan;
use crate::matrix::{Rows, TILE, block};
use crate::memory::{Buffer, alloc};
use crate::real::Real;
use crate::simd::{Level, dispatch};
use crate::threads::Context;
use crate::tiles::{Consumer, Place, run};

use super::features::sweep;
use super::right::{Combine, Dots, Right, combine};

/// Groups that share the rows of a symmetric product, each with sums of its own.
const GROUPS: usize = 16;

/// Multiplies tiles by the rows of a matrix and adds up along each row tile; where one triangle stands for the whole
/// matrix, each tile is used for its mirror image too.
struct Multiply<'a, T> {
    level: Level,
    right: Right<T>,
    targets: usize,
    /// First row of the right-hand factor and number of rows, for each output of the epilogue.
    spans: &'a [(usize, usize)],
    symmetric: bool,
    rows: usize,
    /// For each strip of the sweep, or each group, one column of `rows` sums after the other.
    partial: Buffer<T>,
    strips: usize,
    /// The result, one column after the other.
    out: Buffer<T>,
}

/// Buffers of one thread.
struct State<T> {
    /// Sums of the strip's rows, one column of [`TILE`] after the other.
    sums: Buffer<T>,
    /// The same of a tile's columns.
    mirrored: Buffer<T>,
    /// Some rows of a tile, transposed.
    turned: Buffer<T>,
}

impl<'a, T: Real> Multiply<'a, T> {
    /// Multiplies by `v`, which is v_rows x targets, row-major.
    fn new(
        context: &Context<'_>,
        (v, v_rows): (&[T], usize),
        targets: usize,
        spans: &'a [(usize, usize)],
        symmetric: bool,
        rows: usize,
    ) -> Result<Self> {
        Ok(Self {
            level: context.level,
            right: Right::new(context.level, v, v_rows, targets)?,
            targets,
            spans,
            symmetric,
            rows,
            partial: Buffer::default(),
            strips: 0,
            out: alloc(rows * targets, "products")?,
        })
    }

    /// Write the result, rows x targets, row-major.
    fn copy_to(&self, out: &mut [T]) {
        for t in 0..self.targets {
            for (i, &s) in self.out[t * self.rows..(t + 1) * self.rows].iter().enumerate() {
                out[i * self.targets + t] = s;
            }
        }
    }
}

impl<T: Real> Multiply<'_, T> {
    /// Sums of target `t` over `rows` in strip or group `strip`.
    ///
    /// # Safety
    /// As [`Buffer::part`].
    #[allow(clippy::mut_from_ref)]
    unsafe fn sums(&self, strip: usize, t: usize, rows: Range<usize>) -> &mut [T] {
        // SAFETY: the caller's promise.
        unsafe { self.partial.part((strip * self.targets + t) * self.rows + rows.start, rows.len()) }
    }

    fn panels(&self) -> usize {
        self.targets.div_ceil(self.right.width)
    }
}

impl<T: Real> Multiply<'_, T> {
    /// Add `tile` times rows `start ..` of the right-hand factor to the sums of the strip, for a tile of `rows` x `cols`.
    fn add(&self, state: &mut State<T>, tile: &[T], rows: usize, start: usize, cols: usize) {
        let (mr, nr) = T::block(self.level);
        let State { sums, turned, .. } = state;
        for i in (0..rows).step_by(nr) {
            // A register block's rows at a time: they stay in the nearest cache.
            T::transpose(self.level, &tile[i * TILE..], TILE, nr.min(rows - i), cols, turned, nr);
            for p in 0..self.panels() {
                let panel = self.right.panel(p, start, cols);
                let out = &mut sums[p * mr * TILE..(p + 1) * mr * TILE];
                block(self.level, panel, (turned, nr), (&mut out[i..], TILE), true);
            }
        }
    }
}

impl<T: Real> Consumer<T> for Multiply<'_, T> {
    type State = State<T>;

    fn triangle(&self) -> bool {
        self.symmetric
    }

    fn groups(&self) -> Option<usize> {
        self.symmetric.then_some(GROUPS)
    }

    fn sweep(&mut self, strips: usize, _columns: Range<usize>) -> Result<()> {
        if self.strips != strips {
            self.partial = alloc(self.rows * self.targets * strips, "partial products")?;
            self.strips = strips;
        }
        self.partial.fill(T::ZERO);
        Ok(())
    }

    fn state(&self) -> Result<State<T>> {
        let turned = if self.right.width > 1 { TILE * T::block(self.level).1 } else { 0 };
        Ok(State {
            sums: alloc(TILE * self.panels() * self.right.width, "partial products")?,
            mirrored: alloc(TILE * self.right.width, "partial products")?,
            turned: alloc(turned, "a tile")?,
        })
    }

    fn begin(&self, state: &mut State<T>) {
        state.sums.fill(T::ZERO);
    }

    unsafe fn take(&self, state: &mut State<T>, tile: &[T], Place { strip, output, rows, cols }: &Place) {
        let (first, n) = self.spans[*output];
        let n = cols.end.min(n).saturating_sub(cols.start);
        let mirror = self.symmetric && rows != cols;
        let vector = self.right.width == 1;
        if !vector {
            self.add(state, tile, rows.len(), first + cols.start, n);
        }
        for p in 0..self.panels() {
            if vector {
                let (right, sums) = (self.right.panel(p, first + cols.start, n), &mut state.sums[..rows.len()]);
                dispatch(self.level, Dots { tile, right, sums });
            }
            if mirror {
                let left = self.right.panel(p, rows.start, rows.len());
                if vector {
                    dispatch(self.level, Combine { tile, left, out: &mut state.mirrored });
                } else {
                    combine(self.level, left, tile, &mut state.mirrored);
                }
                let columns = state.mirrored.chunks_exact(TILE).take(self.targets - p * self.right.width);
                for (t, values) in columns.enumerate() {
                    // SAFETY: a group is one task, so nobody else writes to its sums.
                    let out = unsafe { self.sums(*strip, p * self.right.width + t, cols.clone()) };
                    for (o, &s) in out.iter_mut().zip(values) {
                        *o += s;
                    }
                }
            }
        }
    }

    unsafe fn end(&self, state: &mut State<T>, strip: usize, rows: Range<usize>) {
        for t in 0..self.targets {
            // SAFETY: every task has its own strip and rows, or its own group.
            let out = unsafe { self.sums(strip, t, rows.clone()) };
            for (o, &s) in out.iter_mut().zip(&state.sums[t * TILE..]) {
                *o += s;
            }
        }
    }

    fn collect(&mut self, _context: &Context<'_>) -> Result<()> {
        for strip in self.partial.chunks_exact(self.out.len().max(1)) {
            for (o, &p) in self.out.iter_mut().zip(strip) {
                *o += p;
            }
        }
        Ok(())
    }
}

/// `out = K(x, y) v` without the matrix, `y = x` when `None`; `v` is m x t, `out` n x t, both row-major.
///
/// # Errors
/// Shapes that do not fit, rows whose squared norm overflows, memory, interruption.
///
/// # Cost
/// `n m (2 d + the kernel + 2 t)` flops, `O((n + m) t)` memory beyond packed columns.
pub fn product<T: Real>(
    context: &Context<'_>,
    plan: &Plan<T>,
    x: Rows<'_, T>,
    y: Option<Rows<'_, T>>,
    v: &[T],
    targets: usize,
    out: &mut [T],
) -> Result<()> {
    let other = y.unwrap_or(x);
    fits("columns of y", x.d, other.d)?;
    fits("elements of v", other.n * targets, v.len())?;
    fits("elements of out", x.n * targets, out.len())?;
    let spans = [(0, other.n)];
    let mut sum = Multiply::new(context, (v, other.n), targets, &spans, y.is_none(), x.n)?;
    run(context, x, y, plan, &mut sum)?;
    sum.copy_to(out);
    Ok(())
}

/// `out = features(x) coef`, a block of rows at a time; `coef` is p x t, `out` n x t, both row-major.
///
/// # Errors
/// As [`product`].
pub fn predict<T: Real>(
    context: &Context<'_>,
    map: &FeatureMap<T>,
    x: Rows<'_, T>,
    coef: &[T],
    targets: usize,
    out: &mut [T],
) -> Result<()> {
    let p = map.n_components();
    fits("columns of x", map.d(), x.d)?;
    fits("elements of coef", p * targets, coef.len())?;
    fits("elements of out", x.n * targets, out.len())?;
    let spans = [map.span(0), map.span(1)];
    let mut sum = Multiply::new(context, (coef, p), targets, &spans, false, x.n)?;
    sweep(context, map, x, &mut sum)?;
    sum.copy_to(out);
    Ok(())
}
