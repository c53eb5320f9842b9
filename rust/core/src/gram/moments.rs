//! Weighted second moments of features and targets, a block of samples at a time, features never stored.

use crate::error::{Error, Result, fits};
use crate::features::FeatureMap;
use crate::matrix::{Filler, Packed, Panels, Rows, TILE, product};
use crate::memory::{Buffer, Shared, alloc};
use crate::real::Real;
use crate::simd::{Job, Level, dispatch};
use crate::threads::Context;
use crate::tiles::{Consumer, Place, run_packed};

use super::features::sweep;

/// Samples taken together: the length of the sums done in the input's own precision.
const BLOCK: usize = 2048;

/// Sums about a fixed shift `(c_z, c_y)`, which the caller owns and [`moments`] adds to.
#[derive(Debug)]
pub struct Moments<'a> {
    /// Shift of the features, p; numbers of the samples' type.
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
pub(super) struct Accumulate<'a> {
    pub(super) out: Shared<'a, f64>,
    pub(super) p: usize,
}

impl<T: Real> Consumer<T> for Accumulate<'_> {
    type State = ();

    fn triangle(&self) -> bool {
        true
    }

    fn state(&self) -> Result<()> {
        Ok(())
    }

    unsafe fn take(&self, (): &mut (), tile: &[T], Place { rows, cols, .. }: &Place) {
        for i in rows.clone() {
            let n = cols.end.min(i + 1).saturating_sub(cols.start);
            let values = &tile[(i - rows.start) * TILE..][..n];
            // SAFETY: no place is taken twice.
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
    check(map, x, y, weight, into)?;
    let (p, t) = (into.shift_z.len(), into.shift_y.len());
    let (mr, nr) = T::block(context.level);
    let (mut z, mut right) = (Packed::new(nr), Packed::new(mr));
    let mut shift = alloc(p, "a shift")?;
    shift.iter_mut().zip(into.shift_z).for_each(|(s, &c)| *s = T::from_f64(c));
    for first in (0..x.n).step_by(BLOCK) {
        let n = BLOCK.min(x.n - first);
        let (rows, y) = (x.slice(first, n), &y[first * t..(first + n) * t]);
        let w = weight.map(|w| &w[first..first + n]);
        let mut roots = alloc(n, "weights")?;
        for (i, r) in roots.iter_mut().enumerate() {
            *r = T::from_f64(w.map_or(1.0, |w| w[i]).sqrt());
        }
        z.reserve(p, n)?;
        features(context, map, rows, &shift, &roots, &mut z)?;
        target_sums(y, w, n, into, p, t);
        cross_sums(context, &z, n, y, w, &mut right, into)?;
        run_packed(context, &z, p, &mut Accumulate { out: Shared::new(into.zz), p })?;
    }
    mirror(into.zz, p);
    Ok(())
}

/// Whether everything has its extent, and weights are weights.
fn check<T: Real>(
    map: Option<&FeatureMap<T>>,
    x: Rows<'_, T>,
    y: &[f64],
    weight: Option<&[f64]>,
    into: &Moments<'_>,
) -> Result<()> {
    let (p, t) = (into.shift_z.len(), into.shift_y.len());
    fits("features", map.map_or(x.d, FeatureMap::n_components), p)?;
    fits("columns of x", map.map_or(x.d, FeatureMap::d), x.d)?;
    fits("elements of y", x.n * t, y.len())?;
    fits("elements of zz", p * p, into.zz.len())?;
    fits("elements of zy", p * t, into.zy.len())?;
    fits("elements of sums", 1 + p + 2 * t, into.sums.len())?;
    let Some(w) = weight else { return Ok(()) };
    fits("sample weights", x.n, w.len())?;
    match w.iter().position(|w| !(*w >= 0.0 && w.is_finite())) {
        Some(i) => Err(Error::Invalid(format!("sample_weight[{i}] = {} must be finite and >= 0", w[i]))),
        None => Ok(()),
    }
}

/// Pack the features of `x`, those of `map` or its own columns, less their shift and times the roots of the weights.
fn features<T: Real>(
    context: &Context<'_>,
    map: Option<&FeatureMap<T>>,
    x: Rows<'_, T>,
    shift: &[T],
    roots: &[T],
    z: &mut Packed<T>,
) -> Result<()> {
    if let Some(map) = map {
        let spans = [map.span(0), map.span(1)];
        return sweep(
            context,
            map,
            x,
            &mut Center { level: context.level, filler: z.filler(), shift, roots, spans: &spans },
        );
    }
    // Tasks enough for few columns, long reads of many.
    let step = if x.d < 8 * TILE { T::block(context.level).1 } else { TILE };
    context.each_part(
        z.parts(step).into_iter().zip(shift.chunks(step)),
        || Ok(()),
        |(), task, (panels, shift)| {
            dispatch(context.level, Columns { panels, x, first: task * step, shift, roots });
            Ok(())
        },
    )
}

/// Some columns of the samples.
struct Columns<'a, T> {
    panels: Panels<'a, T>,
    x: Rows<'a, T>,
    first: usize,
    shift: &'a [T],
    roots: &'a [T],
}

impl<T: Real> Job for Columns<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(mut self) {
        for (k, &root) in self.roots.iter().enumerate() {
            let values = &self.x.row(k)[self.first..];
            self.panels.step(k, 0, self.shift.len(), |at, out| {
                for ((o, &v), &c) in out.iter_mut().zip(&values[at..]).zip(&self.shift[at..]) {
                    *o = (v - c) * root;
                }
            });
        }
    }
}

/// Copy the lower triangle of `a`, p x p, to the upper one: square blocks, so that both stay in cache.
pub(super) fn mirror(a: &mut [f64], p: usize) {
    for i0 in (0..p).step_by(TILE) {
        for j0 in (0..=i0).step_by(TILE) {
            for i in i0..p.min(i0 + TILE) {
                for j in j0..i.min(j0 + TILE) {
                    a[j * p + i] = a[i * p + j];
                }
            }
        }
    }
}

/// Packs features, less their shift and times the root of the sample's weight: samples are the steps of products of
/// features with features.
struct Center<'a, T> {
    level: Level,
    filler: Filler<'a, T>,
    shift: &'a [T],
    roots: &'a [T],
    /// For each output of the epilogue: its first feature and how many there are.
    spans: &'a [(usize, usize)],
}

impl<T: Real> Center<'_, T> {
    /// Take features `first ..` of sample `k`.
    ///
    /// # Safety
    /// As [`Filler::step`].
    #[inline]
    unsafe fn step(&self, k: usize, first: usize, values: &[T]) {
        let shift = &self.shift[first..first + values.len()];
        dispatch(self.level, Step { filler: self.filler, k, first, values, shift, root: self.roots[k] });
    }
}

impl<T: Real> Consumer<T> for Center<'_, T> {
    type State = ();

    fn triangle(&self) -> bool {
        false
    }

    fn state(&self) -> Result<()> {
        Ok(())
    }

    unsafe fn take(&self, (): &mut (), tile: &[T], Place { output, rows, cols, .. }: &Place) {
        let (first, n) = self.spans[*output];
        let n = cols.end.min(n).saturating_sub(cols.start);
        for k in rows.clone() {
            // SAFETY: no place is taken twice, and outputs have features of their own.
            unsafe { self.step(k, first + cols.start, &tile[(k - rows.start) * TILE..][..n]) };
        }
    }
}

/// Some features of one sample, whose place nobody else writes.
struct Step<'a, T> {
    filler: Filler<'a, T>,
    k: usize,
    first: usize,
    values: &'a [T],
    shift: &'a [T],
    root: T,
}

impl<T: Real> Job for Step<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        // SAFETY: whoever makes a step promises that its place is its own.
        unsafe {
            self.filler.step(self.k, self.first, self.values.len(), |at, out| {
                for ((o, &v), &c) in out.iter_mut().zip(&self.values[at..]).zip(&self.shift[at..]) {
                    *o = (v - c) * self.root;
                }
            });
        }
    }
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

/// `zy += sum w (z - c_z)(y - c_y)^T` and the weighted sums of the features, from the packed features.
fn cross_sums<T: Real>(
    context: &Context<'_>,
    z: &Packed<T>,
    n: usize,
    y: &[f64],
    w: Option<&[f64]>,
    right: &mut Packed<T>,
    into: &mut Moments<'_>,
) -> Result<()> {
    let (p, t) = (into.shift_z.len(), into.shift_y.len());
    let (mr, nr) = T::block(context.level);
    // Of every sample: the root of its weight times its centred targets and times one.
    right.reserve(t + 1, n)?;
    let mut steps = right.whole();
    for k in 0..n {
        let root = w.map_or(1.0, |w| w[k]).sqrt();
        steps.step(k, 0, t + 1, |at, out| {
            for (o, c) in out.iter_mut().zip(at..) {
                *o = T::from_f64(root * if c < t { y[k * t + c] - into.shift_y[c] } else { 1.0 });
            }
        });
    }
    let right = &*right;
    let mut targets: Vec<&mut [f64]> = into.zy.chunks_mut((nr * t).max(1)).collect();
    targets.resize_with(p.div_ceil(nr), Default::default);
    context.each_part(
        into.sums[1..=p].chunks_mut(nr).zip(targets),
        || alloc::<T>(mr * nr, "products"),
        |block: &mut Buffer<T>, task, (sums, zy)| {
            for c0 in (0..=t).step_by(mr) {
                product(context.level, right, (c0, mr), z, (task * nr, nr), block, nr, false);
                for (c, row) in (c0..=t).zip(block.chunks_exact(nr)) {
                    for (j, (sum, v)) in sums.iter_mut().zip(row).enumerate() {
                        *(if c < t { &mut zy[j * t + c] } else { sum }) += v.to_f64();
                    }
                }
            }
            Ok(())
        },
    )
}
