//! Kernel matrices of rows of any size: where squares underflow they are taken in f64, of rows scaled by powers of two.

use super::assemble::{assemble, diagonal};
use super::product::product;
use crate::error::{Error, Result, fits};
use crate::kernels::{Kernel, Plan, times_power};
use crate::matrix::{Rows, TILE};
use crate::memory::{Buffer, alloc};
use crate::real::Real;
use crate::threads::Context;

/// Values in f64 held at once beside the output.
const HELD: usize = 1 << 20;
/// Rows whose entries are all below `2^LEAST` are scaled: half the range of exponents is left for their squares.
const LEAST: i64 = -400;

/// `out[i][j] = k(x_i, y_j)`, `y = x` when `None`, for rows of any size whose squares do not overflow.
///
/// # Errors
/// As [`assemble`], and parameters outside their domain.
///
/// # Cost
/// That of [`assemble`]; where squares underflow in `T`, twice that of f64.
pub fn kernel_matrix<T: Real>(
    context: &Context<'_>,
    kernel: &Kernel,
    x: Rows<'_, T>,
    y: Option<Rows<'_, T>>,
    out: &mut [T],
) -> Result<()> {
    if ordinary(context, kernel, x.d, |plan| assemble(context, plan, x, y, out))? {
        return Ok(());
    }
    let wide = Wide::new(kernel, x, y)?;
    let (plan, columns) = (wide.plan(context)?, wide.columns());
    let step = (HELD / columns.n.max(1)).max(TILE) / TILE * TILE;
    let mut values = alloc(step.min(x.n) * columns.n, "values in f64")?;
    for (block, out) in out.chunks_mut((step * columns.n).max(1)).enumerate() {
        let rows = wide.x.rows().slice(block * step, out.len() / columns.n);
        let values = &mut values[..out.len()];
        assemble(context, &plan, rows, Some(columns), values)?;
        for (i, (out, values)) in out.chunks_mut(columns.n).zip(values.chunks(columns.n)).enumerate() {
            for (j, (o, &v)) in out.iter_mut().zip(values).enumerate() {
                *o = T::from_f64(times_power(v, wide.x.power(block * step + i) + wide.other().power(j)));
            }
        }
    }
    Ok(())
}

/// `out[i] = k(x_i, x_i)`, the bits of [`kernel_matrix`]'s diagonal.
///
/// # Errors
/// As [`kernel_matrix`].
pub fn kernel_diagonal<T: Real>(context: &Context<'_>, kernel: &Kernel, x: Rows<'_, T>, out: &mut [T]) -> Result<()> {
    if ordinary(context, kernel, x.d, |plan| diagonal(context, plan, x, out))? {
        return Ok(());
    }
    let wide = Wide::new(kernel, x, None)?;
    let mut values = alloc(x.n, "values in f64")?;
    diagonal(context, &wide.plan(context)?, wide.x.rows(), &mut values)?;
    for (i, (o, &v)) in out.iter_mut().zip(&values).enumerate() {
        *o = T::from_f64(times_power(v, 2 * wide.x.power(i)));
    }
    Ok(())
}

/// `out = K(x, y) v` without the matrix, for the rows of [`kernel_matrix`].
///
/// # Errors
/// As [`kernel_matrix`].
///
/// # Cost
/// That of [`product`]; where squares underflow in `T`, that of f64.
pub fn kernel_product<T: Real>(
    context: &Context<'_>,
    kernel: &Kernel,
    x: Rows<'_, T>,
    y: Option<Rows<'_, T>>,
    v: Rows<'_, T>,
    out: &mut [T],
) -> Result<()> {
    if ordinary(context, kernel, x.d, |plan| product(context, plan, x, y, v.data, v.d, out))? {
        return Ok(());
    }
    let wide = Wide::new(kernel, x, y)?;
    let (mut factor, mut values) = (alloc(v.data.len(), "factor in f64")?, alloc(out.len(), "values in f64")?);
    fits("elements of v", wide.columns().n * v.d, v.data.len())?;
    let columns = v.d.max(1);
    for (i, (f, &v)) in factor.iter_mut().zip(v.data).enumerate() {
        *f = times_power(v.to_f64(), wide.other().power(i / columns));
    }
    let y = wide.y.as_ref().map(Scaled::rows);
    product(context, &wide.plan(context)?, wide.x.rows(), y, &factor, v.d, &mut values)?;
    for (i, (o, &value)) in out.iter_mut().zip(&values).enumerate() {
        *o = T::from_f64(times_power(value, wide.x.power(i / columns)));
    }
    Ok(())
}

/// Whether the job was done with a plan in `T`; it was not where a square that matters underflows.
fn ordinary<T: Real>(
    context: &Context<'_>,
    kernel: &Kernel,
    d: usize,
    job: impl FnOnce(&Plan<T>) -> Result<()>,
) -> Result<bool> {
    let plan = Plan::new(context, kernel, d)?;
    if kernel.exceeds::<T>() {
        return Ok(false);
    }
    match job(&if kernel.minds_tiny_rows() { plan.strict() } else { plan }) {
        Err(Error::Underflow) => Ok(false),
        done => done.map(|()| true),
    }
}

/// Rows in f64, times powers of two.
struct Scaled {
    values: Buffer<f64>,
    n: usize,
    d: usize,
    /// The exponents by which values of the kernel are too large, one a row; none where all are zero.
    powers: Buffer<f64>,
}

impl Scaled {
    fn new<T: Real>(x: Rows<'_, T>) -> Result<Self> {
        let mut values = alloc(x.n * x.d, "rows in f64")?;
        for (o, v) in values.iter_mut().zip(x.data) {
            *o = v.to_f64();
        }
        Ok(Self { values, n: x.n, d: x.d, powers: Buffer::default() })
    }

    fn rows(&self) -> Rows<'_, f64> {
        Rows::new(&self.values, self.n, self.d)
    }

    /// The exponent that a value of row `i` takes.
    fn power(&self, i: usize) -> i64 {
        self.powers.get(i).map_or(0, |&power| power as i64)
    }

    /// Multiply each row that is tiny by a power of two, for a kernel of degree `h`.
    fn scale_rows(&mut self, h: i64) -> Result<()> {
        self.powers = alloc(self.n, "exponents")?;
        for (row, power) in self.values.chunks_mut(self.d.max(1)).zip(self.powers.iter_mut()) {
            let e = exponent(row);
            row.iter_mut().for_each(|v| *v = times_power(*v, e));
            *power = (-h * e) as f64;
        }
        Ok(())
    }
}

/// The power of two that makes the largest of some tiny values one of order 1; 0 where they are not tiny.
fn exponent(values: &[f64]) -> i64 {
    let largest = values.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
    let e = if largest > 0.0 { largest.log2().floor() as i64 } else { 0 };
    if e < LEAST { -e } else { 0 }
}

/// A kernel and rows in f64 for which no square that matters underflows.
struct Wide {
    kernel: Kernel,
    x: Scaled,
    y: Option<Scaled>,
}

impl Wide {
    fn new<T: Real>(kernel: &Kernel, x: Rows<'_, T>, y: Option<Rows<'_, T>>) -> Result<Self> {
        let mut wide = Self { kernel: kernel.clone(), x: Scaled::new(x)?, y: y.map(Scaled::new).transpose()? };
        if let Some(h) = kernel.degree() {
            wide.x.scale_rows(h)?;
            wide.y.as_mut().map_or(Ok(()), |y| y.scale_rows(h))?;
            return Ok(wide);
        }
        // One scale for all rows: distances of rows far below the largest are nothing beside its own.
        let e = exponent(&wide.x.values).min(wide.y.as_ref().map_or(i64::MAX, |y| exponent(&y.values)));
        if let Some(scaled) = kernel.of_scaled(e).filter(|_| e > 0) {
            wide.kernel = scaled;
            for rows in [Some(&mut wide.x), wide.y.as_mut()].into_iter().flatten() {
                rows.values.iter_mut().for_each(|v| *v = times_power(*v, e));
            }
        }
        Ok(wide)
    }

    fn plan(&self, context: &Context<'_>) -> Result<Plan<f64>> {
        Plan::new(context, &self.kernel, self.x.d)
    }

    /// The rows that make the columns of the matrix.
    fn other(&self) -> &Scaled {
        self.y.as_ref().unwrap_or(&self.x)
    }

    fn columns(&self) -> Rows<'_, f64> {
        self.other().rows()
    }
}
