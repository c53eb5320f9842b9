//! Products with a matrix that is never formed: `K(X, Y) V` and `features(X) coef`, one tile at a time.

use std::ops::Range;

use crate::error::{Result, fits};
use crate::features::{FeatureMap, Layout};
use crate::gemm::{Rows, TILE};
use crate::kernels::Plan;
use crate::real::Real;
use crate::simd::{Job, Level, dispatch};
use crate::threads::{Context, Shared, alloc};
use crate::tiles::{Consumer, run};

/// Multiplies tiles by the rows of a matrix and adds up along each row tile.
struct Multiply<'a, T> {
    level: Level,
    /// The right-hand factor, one column after the other, `columns` values each.
    v: &'a [T],
    columns: usize,
    targets: usize,
    /// First row of `v` and number of rows, for each output of the epilogue.
    spans: &'a [(usize, usize)],
    out: Shared<T>,
    rows: usize,
    /// One block of `rows x targets` for each strip of the sweep, added up in order.
    partial: Vec<T>,
    strips: usize,
    shared: Option<Shared<T>>,
}

impl<T: Real> Consumer<T> for Multiply<'_, T> {
    type State = Vec<T>;

    fn triangle(&self) -> bool {
        false
    }

    fn sweep(&mut self, strips: usize, _columns: Range<usize>) -> Result<()> {
        if self.strips != strips {
            self.partial = alloc(self.rows * self.targets * strips, "partial products")?;
            self.strips = strips;
        }
        self.shared = Some(Shared::new(&mut self.partial));
        Ok(())
    }

    fn state(&self) -> Result<Vec<T>> {
        alloc(TILE * self.targets, "partial products")
    }

    fn begin(&self, sums: &mut Vec<T>) {
        sums.fill(T::ZERO);
    }

    fn take(&self, sums: &mut Vec<T>, output: usize, tile: &[T], rows: Range<usize>, cols: Range<usize>) {
        let (first, n) = self.spans[output];
        let n = cols.end.min(n).saturating_sub(cols.start);
        for t in 0..self.targets {
            let v = &self.v[t * self.columns + first + cols.start..][..n];
            dispatch(self.level, Dots { tile, rows: rows.len(), v, sums: &mut sums[t..], stride: self.targets });
        }
    }

    fn end(&self, sums: &mut Vec<T>, strip: usize, rows: Range<usize>) {
        if let Some(shared) = &self.shared {
            let at = (strip * self.rows + rows.start) * self.targets;
            let n = rows.len() * self.targets;
            // SAFETY: every task has its own strip and rows.
            unsafe { shared.part(at, n) }.copy_from_slice(&sums[..n]);
        }
    }

    fn collect(&mut self, _context: &Context<'_>) -> Result<()> {
        let n = self.rows * self.targets;
        // SAFETY: no task is running.
        let out = unsafe { self.out.part(0, n) };
        for strip in self.partial.chunks_exact(n.max(1)) {
            for (o, &p) in out.iter_mut().zip(strip) {
                *o += p;
            }
        }
        Ok(())
    }
}

/// `sums[i * stride] += tile[i] . v`, in eight interleaved chains whatever the vector width.
struct Dots<'a, T> {
    tile: &'a [T],
    rows: usize,
    v: &'a [T],
    sums: &'a mut [T],
    stride: usize,
}

impl<T: Real> Job for Dots<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let n = self.v.len();
        let whole = n - n % 16;
        for i in 0..self.rows {
            let row = &self.tile[i * TILE..i * TILE + n];
            let mut acc = [T::ZERO; 16];
            for (a, b) in row[..whole].chunks_exact(16).zip(self.v[..whole].chunks_exact(16)) {
                for l in 0..16 {
                    acc[l] = a[l].mul_add::<FMA>(b[l], acc[l]);
                }
            }
            for l in 0..n - whole {
                acc[l] = row[whole + l].mul_add::<FMA>(self.v[whole + l], acc[l]);
            }
            let mut width = 8;
            while width > 0 {
                for l in 0..width {
                    acc[l] += acc[l + width];
                }
                width /= 2;
            }
            self.sums[i * self.stride] += acc[0];
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
    multiply(context, plan, x, Some(other), (&v, other.n), targets, &[(0, other.n)], out)
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
    out.fill(T::ZERO);
    let mut sum = Multiply {
        level: context.level,
        v,
        columns,
        targets,
        spans,
        rows: x.n,
        out: Shared::new(out),
        partial: Vec::new(),
        strips: 0,
        shared: None,
    };
    run(context, x, y, epilogue, &mut sum)
}
