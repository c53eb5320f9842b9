//! Products with a matrix that is never formed: `K(X, Y) V` and `features(X) coef`, one tile at a time.

use std::ops::Range;

use crate::error::{Result, fits};
use crate::features::{FeatureMap, Layout};
use crate::gemm::{Rows, TILE, dot};
use crate::kernels::Plan;
use crate::real::Real;
use crate::simd::{Job, Level, dispatch};
use crate::threads::{Context, Shared, alloc};
use crate::tiles::{Consumer, Place, run};

/// Groups that share the rows of a symmetric product, each with sums of its own.
const GROUPS: usize = 16;
/// Right-hand sides taken together.
const TARGETS: usize = 4;

/// Multiplies tiles by the rows of a matrix and adds up along each row tile; where one triangle stands for the whole
/// matrix, each tile is used for its mirror image too.
struct Multiply<'a, T> {
    level: Level,
    /// The right-hand factor, one column after the other, `columns` values each.
    v: &'a [T],
    columns: usize,
    targets: usize,
    /// First row of `v` and number of rows, for each output of the epilogue.
    spans: &'a [(usize, usize)],
    symmetric: bool,
    rows: usize,
    /// For each strip of the sweep, or each group, one column of `rows` sums after the other.
    partial: Vec<T>,
    strips: usize,
    shared: Option<Shared<T>>,
    /// The result, one column after the other.
    out: Vec<T>,
}

impl<T: Real> Multiply<'_, T> {
    /// Sums of target `t` over `rows` in strip or group `strip`.
    ///
    /// # Safety
    /// As [`Shared::part`].
    #[allow(clippy::mut_from_ref)]
    unsafe fn sums(&self, strip: usize, t: usize, rows: Range<usize>) -> &mut [T] {
        match &self.shared {
            // SAFETY: the caller's promise.
            Some(shared) => unsafe { shared.part((strip * self.targets + t) * self.rows + rows.start, rows.len()) },
            None => &mut [],
        }
    }
}

impl<T: Real> Consumer<T> for Multiply<'_, T> {
    type State = Vec<T>;

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
        self.shared = Some(Shared::new(&mut self.partial));
        Ok(())
    }

    fn state(&self) -> Result<Vec<T>> {
        alloc(TILE * self.targets, "partial products")
    }

    fn begin(&self, sums: &mut Vec<T>) {
        sums.fill(T::ZERO);
    }

    fn take(&self, sums: &mut Vec<T>, tile: &[T], Place { strip, output, rows, cols }: &Place) {
        let (first, n) = self.spans[*output];
        let n = cols.end.min(n).saturating_sub(cols.start);
        let v = |t: usize, at: usize, n: usize| &self.v[t * self.columns + at..][..n];
        for t in (0..self.targets).step_by(TARGETS) {
            let last = self.targets - 1;
            let right: [&[T]; TARGETS] = std::array::from_fn(|k| v((t + k).min(last), first + cols.start, n));
            let count = TARGETS.min(self.targets - t);
            dispatch(self.level, Dots { tile, rows: rows.len(), right, count, sums: &mut sums[t * TILE..] });
            if self.symmetric && rows != cols {
                let left: [&[T]; TARGETS] = std::array::from_fn(|k| v((t + k).min(last), rows.start, rows.len()));
                for k in 0..count {
                    // SAFETY: a group is one task, so nobody else writes to its sums.
                    let out = unsafe { self.sums(*strip, t + k, cols.clone()) };
                    dispatch(self.level, Combine { tile, left: left[k], out });
                }
            }
        }
    }

    fn end(&self, sums: &mut Vec<T>, strip: usize, rows: Range<usize>) {
        for t in 0..self.targets {
            // SAFETY: every task has its own strip and rows, or its own group.
            let out = unsafe { self.sums(strip, t, rows.clone()) };
            for (o, &s) in out.iter_mut().zip(&sums[t * TILE..]) {
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

/// `sums[k][i] += tile[i] . right[k]`, in sixteen interleaved chains whatever the vector width.
struct Dots<'a, T> {
    tile: &'a [T],
    rows: usize,
    right: [&'a [T]; TARGETS],
    count: usize,
    sums: &'a mut [T],
}

impl<T: Real> Job for Dots<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let n = self.right[0].len();
        for i in 0..self.rows {
            let row = &self.tile[i * TILE..i * TILE + n];
            for k in 0..self.count {
                self.sums[k * TILE + i] += dot::<T, FMA>(row, self.right[k]);
            }
        }
    }
}

/// `out[j] += sum_i tile[i][j] left[i]`: the mirror image's share.
struct Combine<'a, T> {
    tile: &'a [T],
    left: &'a [T],
    out: &'a mut [T],
}

impl<T: Real> Job for Combine<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        const LANES: usize = 32;
        for (c, out) in self.out.chunks_mut(LANES).enumerate() {
            let mut acc = [T::ZERO; LANES];
            for (i, &v) in self.left.iter().enumerate() {
                let row = &self.tile[i * TILE + c * LANES..i * TILE + (c + 1) * LANES];
                for l in 0..LANES {
                    acc[l] = row[l].mul_add::<FMA>(v, acc[l]);
                }
            }
            for (o, &s) in out.iter_mut().zip(&acc) {
                *o += s;
            }
        }
    }
}

/// `v` (rows x targets) with its columns made contiguous.
fn columns_of<T: Real>(v: &[T], rows: usize, targets: usize) -> Result<Vec<T>> {
    let mut out = alloc(v.len(), "right-hand factor")?;
    for (i, row) in v.chunks_exact(targets.max(1)).enumerate() {
        for (t, &x) in row.iter().enumerate() {
            out[t * rows + i] = x;
        }
    }
    Ok(out)
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
    let v = columns_of(v, other.n, targets)?;
    multiply(context, plan, x, y, (&v, other.n), targets, &[(0, other.n)], out)
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
    fits("columns of x", map.weights().d, x.d)?;
    fits("elements of coef", p * targets, coef.len())?;
    fits("elements of out", x.n * targets, out.len())?;
    let coef = columns_of(coef, p, targets)?;
    let spans = [map.span(0), map.span(1)];
    let epilogue = map.epilogue(Layout::RowMajor);
    multiply(context, &epilogue, x, Some(map.weights()), (&coef, p), targets, &spans, out)
}

fn multiply<T: Real, E: crate::tiles::Epilogue<T>>(
    context: &Context<'_>,
    epilogue: &E,
    x: Rows<'_, T>,
    y: Option<Rows<'_, T>>,
    (v, columns): (&[T], usize),
    targets: usize,
    spans: &[(usize, usize)],
    out: &mut [T],
) -> Result<()> {
    let mut sum = Multiply {
        level: context.level,
        v,
        columns,
        targets,
        spans,
        symmetric: y.is_none(),
        rows: x.n,
        partial: Vec::new(),
        strips: 0,
        shared: None,
        out: alloc(x.n * targets, "products")?,
    };
    run(context, x, y, epilogue, &mut sum)?;
    for t in 0..targets {
        for (i, &s) in sum.out[t * x.n..(t + 1) * x.n].iter().enumerate() {
            out[i * targets + t] = s;
        }
    }
    Ok(())
}
