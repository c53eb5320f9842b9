//! Weighted second moments of features and targets, a block of samples at a time, features never stored.

use super::assemble::transform;
use crate::error::{Error, Result, fits};
use crate::features::{FeatureMap, Layout};
use crate::gemm::{Dot, Rows, TILE};
use crate::memory::{Shared, alloc};
use crate::real::Real;
use crate::simd::dispatch;
use crate::threads::Context;
use crate::tiles::{Consumer, Place, Plain, run};

/// Samples taken together: the length of the sums done in the input's own precision.
const BLOCK: usize = 1024;

/// Sums about a fixed shift `(c_z, c_y)`, which the caller owns and [`moments`] adds to.
#[derive(Debug)]
pub struct Moments<'a> {
    /// Shift of the features, p.
    pub shift_z: &'a [f64],
    /// Shift of the targets, t.
    pub shift_y: &'a [f64],
    /// `sum w (z - c_z)(z - c_z)^T`, p x p, symmetric.
    pub zz: &'a mut [f64],
    /// `sum w (z - c_z)(y - c_y)^T`, p x t.
    pub zy: &'a mut [f64],
    /// `sum w`, `sum w (z - c_z)`, `sum w (y - c_y)`, `sum w (y - c_y)^2`: 1 + p + 2 t values.
    pub sums: &'a mut [f64],
}

/// Adds tiles of one triangle to an f64 matrix.
struct Accumulate {
    out: Shared<f64>,
    p: usize,
}

impl<T: Real> Consumer<T> for Accumulate {
    type State = ();

    fn triangle(&self) -> bool {
        true
    }

    fn state(&self) -> Result<()> {
        Ok(())
    }

    fn take(&self, (): &mut (), tile: &[T], Place { rows, cols, .. }: &Place) {
        for i in rows.clone() {
            let n = cols.end.min(i + 1).saturating_sub(cols.start);
            let values = &tile[(i - rows.start) * TILE..][..n];
            // SAFETY: tiles do not overlap.
            let out = unsafe { self.out.part(i * self.p + cols.start, n) };
            for (o, v) in out.iter_mut().zip(values) {
                *o += v.to_f64();
            }
        }
    }
}

/// Add the samples `(x, y)` to `into`; `z` is `map(x)`, or `x` itself when `map` is `None`.
///
/// # Errors
/// Shapes that do not fit, negative weights, overflowing rows, memory, interruption
/// (`into` then holds an unknown part of the samples).
///
/// # Cost
/// `n p (p + 2 d)` flops; memory `2 p` times 1,024 values beyond `into`.
pub fn moments<T: Real>(
    context: &Context<'_>,
    map: Option<&FeatureMap<T>>,
    x: Rows<'_, T>,
    y: &[f64],
    weight: Option<&[f64]>,
    into: &mut Moments<'_>,
) -> Result<()> {
    let (p, t) = (into.shift_z.len(), into.shift_y.len());
    fits("features", map.map_or(x.d, FeatureMap::n_components), p)?;
    fits("elements of y", x.n * t, y.len())?;
    fits("elements of zz", p * p, into.zz.len())?;
    fits("elements of zy", p * t, into.zy.len())?;
    fits("elements of sums", 1 + p + 2 * t, into.sums.len())?;
    if let Some(w) = weight {
        fits("sample weights", x.n, w.len())?;
        if let Some(i) = w.iter().position(|w| !(*w >= 0.0 && w.is_finite())) {
            return Err(Error::Invalid(format!("sample_weight[{i}] = {} must be finite and >= 0", w[i])));
        }
    }
    let mut z = alloc(p * BLOCK.min(x.n), "a block of features")?;
    let mut scaled = alloc(p * BLOCK.min(x.n), "a block of features")?;
    for first in (0..x.n).step_by(BLOCK) {
        let n = BLOCK.min(x.n - first);
        let rows = x.slice(first, n);
        match map {
            Some(map) => transform(context, map, rows, Layout::FeatureMajor, &mut z[..p * n], n)?,
            None => transpose(context, rows, &mut z[..p * n])?,
        }
        let w = weight.map(|w| &w[first..first + n]);
        let y = &y[first * t..(first + n) * t];
        let mut roots = alloc(n, "weights")?;
        for (i, r) in roots.iter_mut().enumerate() {
            *r = w.map_or(1.0, |w| w[i]).sqrt();
        }
        target_sums(y, w, n, into, p, t);
        cross_sums(context, &z[..p * n], n, y, w, into)?;
        center(context, &z[..p * n], n, into.shift_z, &roots, &mut scaled[..p * n])?;
        let mut add = Accumulate { out: Shared::new(into.zz), p };
        run(context, Rows::new(&scaled[..p * n], p, n), None, &Plain, &mut add)?;
    }
    for i in 0..p {
        for j in 0..i {
            into.zz[j * p + i] = into.zz[i * p + j];
        }
    }
    Ok(())
}

/// `out[k][i] = x[i][k]`.
fn transpose<T: Real>(context: &Context<'_>, x: Rows<'_, T>, out: &mut [T]) -> Result<()> {
    let shared = Shared::new(out);
    let step = 64;
    context.each(
        x.d.div_ceil(step),
        || Ok(()),
        |(), t| {
            for k in t * step..((t + 1) * step).min(x.d) {
                // SAFETY: every task has its own rows of `out`.
                let row = unsafe { shared.part(k * x.n, x.n) };
                for (i, o) in row.iter_mut().enumerate() {
                    *o = x.data[i * x.d + k];
                }
            }
            Ok(())
        },
    )
}

/// The sums that do not touch features.
fn target_sums(y: &[f64], w: Option<&[f64]>, n: usize, into: &mut Moments<'_>, p: usize, t: usize) {
    for i in 0..n {
        let w = w.map_or(1.0, |w| w[i]);
        into.sums[0] += w;
        for k in 0..t {
            let c = y[i * t + k] - into.shift_y[k];
            into.sums[1 + p + k] += w * c;
            into.sums[1 + p + t + k] += w * c * c;
        }
    }
}

/// `zy += sum w (z - c_z)(y - c_y)^T` and the weighted sums of the features.
fn cross_sums<T: Real>(
    context: &Context<'_>,
    z: &[T],
    n: usize,
    y: &[f64],
    w: Option<&[f64]>,
    into: &mut Moments<'_>,
) -> Result<()> {
    let (p, t) = (into.shift_z.len(), into.shift_y.len());
    // Columns of w (y - c_y), then of w, contiguous.
    let mut right = alloc(n * (t + 1), "weighted targets")?;
    for i in 0..n {
        let w = w.map_or(1.0, |w| w[i]);
        for k in 0..t {
            right[k * n + i] = w * (y[i * t + k] - into.shift_y[k]);
        }
        right[t * n + i] = w;
    }
    let (zy, sums, shift) = (Shared::new(into.zy), Shared::new(&mut into.sums[1..=p]), into.shift_z);
    let step = 32;
    context.each(
        p.div_ceil(step),
        || alloc::<f64>(n, "a feature"),
        |row, task| {
            for j in task * step..((task + 1) * step).min(p) {
                for (r, v) in row.iter_mut().zip(&z[j * n..(j + 1) * n]) {
                    *r = v.to_f64() - shift[j];
                }
                // SAFETY: every task has its own features.
                let (zy, sum) = unsafe { (zy.part(j * t, t), sums.part(j, 1)) };
                for (k, o) in zy.iter_mut().chain(sum).enumerate() {
                    *o += dispatch(context.level, Dot(row, &right[k * n..(k + 1) * n]));
                }
            }
            Ok(())
        },
    )
}

/// `out = sqrt(w) (z - c)`, the shift taken in f64.
fn center<T: Real>(
    context: &Context<'_>,
    z: &[T],
    n: usize,
    shift: &[f64],
    roots: &[f64],
    out: &mut [T],
) -> Result<()> {
    let shared = Shared::new(out);
    let step = 32;
    let p = shift.len();
    context.each(
        p.div_ceil(step),
        || Ok(()),
        |(), t| {
            for j in t * step..((t + 1) * step).min(p) {
                // SAFETY: every task has its own features.
                let out = unsafe { shared.part(j * n, n) };
                for ((o, v), r) in out.iter_mut().zip(&z[j * n..(j + 1) * n]).zip(roots) {
                    *o = T::from_f64((v.to_f64() - shift[j]) * r);
                }
            }
            Ok(())
        },
    )
}
