//! What is done with the outputs of a block of rows: write them, or turn them into a loss and coefficients.

use crate::error::{Error, Result, fits};
use crate::matrix::Rows;
use crate::memory::{Shared, alloc};
use crate::real::Real;
use crate::threads::Context;

use super::cell::VALUES;
use super::grid::Grid;
use super::loss::{Loss, Rule};

/// Outputs of rows, one array for each head, which become the coefficients of what comes back.
pub(super) type Outputs<'a> = [&'a mut [f64]; VALUES];

/// Takes outputs.
pub(super) trait Target: Sync {
    /// Take the outputs of the `n` rows from `first` on; the sum of their losses.
    ///
    /// # Safety
    /// While a target is borrowed, no row is taken twice.
    ///
    /// # Errors
    /// [`Error::Invalid`] for outputs that are not finite.
    unsafe fn take(&self, first: usize, n: usize, outputs: Outputs<'_>) -> Result<f64>;
}

/// Labels of the rows and what is asked of the outputs.
#[derive(Debug, Clone, Copy)]
pub struct Labels<'a, T> {
    /// The loss.
    pub loss: Loss,
    /// Labels, n x c.
    pub y: &'a [T],
    /// Weights of the rows, n.
    pub weight: &'a [f64],
    /// Added to the outputs, n x c.
    pub offset: Option<&'a [T]>,
}

impl<T: Real> Labels<'_, T> {
    /// Check the extents.
    pub(super) fn check(&self, n: usize, c: usize) -> Result<()> {
        fits("elements of y", n * c, self.y.len())?;
        fits("weights", n, self.weight.len())?;
        self.offset.map_or(Ok(()), |offset| fits("elements of offset", n * c, offset.len()))
    }

    /// Add the offset to the outputs of the rows from `first` on, and see that they are finite.
    fn complete(&self, first: usize, n: usize, outputs: &mut [f64]) -> Result<()> {
        add_offset(self.offset, first, n, outputs)
    }

    /// Labels of row `i`, `buffer` long.
    fn row<'b>(&self, i: usize, buffer: &'b mut [f64]) -> &'b [f64] {
        let c = buffer.len();
        buffer.iter_mut().zip(&self.y[i * c..]).for_each(|(b, y)| *b = y.to_f64());
        buffer
    }
}

fn add_offset<T: Real>(offset: Option<&[T]>, first: usize, n: usize, outputs: &mut [f64]) -> Result<()> {
    let c = outputs.len() / n.max(1);
    if let Some(offset) = offset {
        outputs.iter_mut().zip(&offset[first * c..]).for_each(|(o, v)| *o += v.to_f64());
    }
    match outputs.iter().position(|o| !(o.is_finite() && T::from_f64(*o).is_finite())) {
        None => Ok(()),
        Some(at) => Err(Error::Overflow(format!(
            "output {} of row {} is {}: it overflows; scale rows or weights down, or take smaller steps",
            at % c,
            first + at / c,
            outputs[at]
        ))),
    }
}

/// Writes outputs, one matrix for each head.
#[derive(Debug)]
pub(super) struct Write<'a, T> {
    pub(super) offset: Option<&'a [T]>,
    pub(super) out: Vec<Shared<'a, T>>,
}

impl<T: Real> Target for Write<'_, T> {
    unsafe fn take(&self, first: usize, n: usize, outputs: Outputs<'_>) -> Result<f64> {
        for (values, out) in outputs.into_iter().zip(&self.out) {
            add_offset(self.offset, first, n, values)?;
            let c = values.len() / n;
            // SAFETY: no row is taken twice.
            let out = unsafe { out.part(first * c, n * c) };
            out.iter_mut().zip(values).for_each(|(o, v)| *o = T::from_f64(*v));
        }
        Ok(0.0)
    }
}

/// Coefficients that are given, times weights.
#[derive(Debug)]
pub(super) struct Given<'a, T> {
    pub(super) values: &'a [T],
    pub(super) weight: Option<&'a [f64]>,
}

impl<T: Real> Target for Given<'_, T> {
    unsafe fn take(&self, first: usize, n: usize, [out, ..]: Outputs<'_>) -> Result<f64> {
        let c = out.len() / n;
        for (i, row) in out.chunks_exact_mut(c).enumerate() {
            let by = self.weight.map_or(1.0, |w| w[first + i]);
            let values = &self.values[(first + i) * c..][..c];
            row.iter_mut().zip(values).for_each(|(o, v)| *o = by * v.to_f64());
        }
        Ok(0.0)
    }
}

/// The loss and its derivative by the outputs.
#[derive(Debug)]
pub(super) struct Slopes<'a, T> {
    pub(super) labels: Labels<'a, T>,
    /// Where the derivatives go, n x c.
    pub(super) residual: Option<Shared<'a, T>>,
    /// For means over normal outputs, whose second moments are the second head's.
    pub(super) rule: Option<Rule<'a>>,
}

impl<T: Real> Target for Slopes<'_, T> {
    unsafe fn take(&self, first: usize, n: usize, [f, v, ..]: Outputs<'_>) -> Result<f64> {
        let Labels { loss, weight, .. } = self.labels;
        self.labels.complete(first, n, f)?;
        let (c, q) = (f.len() / n, v.len() / n);
        let (mut labels, mut sum) = (vec![0.0; c], 0.0);
        for i in 0..n {
            let (w, y) = (weight[first + i], self.labels.row(first + i, &mut labels));
            let (f, v) = (&mut f[i * c..(i + 1) * c], &mut v[i * q..(i + 1) * q]);
            sum += w * match self.rule {
                Some(rule) => loss.mean(rule, y, f, v),
                None => loss.slope(y, f),
            };
            f.iter_mut().chain(v).for_each(|r| *r *= w);
        }
        if let Some(residual) = &self.residual {
            // SAFETY: no row is taken twice.
            let out = unsafe { residual.part(first * c, n * c) };
            out.iter_mut().zip(f).for_each(|(o, r)| *o = T::from_f64(*r));
        }
        Ok(sum)
    }
}

/// `sum_i weight_i loss(y_i, f_i)` of outputs `f`, n x c, and its derivatives by them.
///
/// # Errors
/// Shapes that do not fit, outputs that are not finite, memory.
///
/// # Cost
/// `O(n c)`.
pub fn loss<T: Real>(context: &Context<'_>, f: Rows<'_, T>, labels: Labels<'_, T>, residual: &mut [T]) -> Result<f64> {
    labels.check(f.n, f.d)?;
    fits("elements of residual", f.data.len(), residual.len())?;
    // The blocks of a net whose hidden layer is its outputs, so that losses are added up in the same order.
    let grid = Grid::new::<T>(context.level, (f.n, f.d), f.d, None, 0, 0);
    let target = Slopes { labels, residual: Some(Shared::new(residual)), rule: None };
    let (mut outputs, mut total) = (alloc::<f64>(grid.rows * f.d, "outputs of a block")?, 0.0);
    for block in 0..grid.blocks {
        let span = grid.span(block);
        let rows = f.slice(span.start, span.len());
        let outputs = &mut outputs[..rows.data.len()];
        outputs.iter_mut().zip(rows.data).for_each(|(o, v)| *o = v.to_f64());
        // SAFETY: blocks share no rows.
        total += unsafe { target.take(span.start, rows.n, [outputs, &mut [], &mut [], &mut [], &mut []]) }?;
    }
    Ok(total)
}

/// Derivative by the outputs, and the second derivative times their change.
#[derive(Debug)]
pub(super) struct Curves<'a, T> {
    pub(super) labels: Labels<'a, T>,
}

impl<T: Real> Target for Curves<'_, T> {
    unsafe fn take(&self, first: usize, n: usize, [f, change, ..]: Outputs<'_>) -> Result<f64> {
        let Labels { loss, weight, .. } = self.labels;
        self.labels.complete(first, n, f)?;
        let c = f.len() / n;
        let (mut labels, mut sum) = (vec![0.0; c], 0.0);
        for i in 0..n {
            let (w, y) = (weight[first + i], self.labels.row(first + i, &mut labels));
            let (f, change) = (&mut f[i * c..(i + 1) * c], &mut change[i * c..(i + 1) * c]);
            loss.curve(y, f, change);
            sum += w * loss.slope(y, f);
            f.iter_mut().chain(change).for_each(|r| *r *= w);
        }
        Ok(sum)
    }
}
