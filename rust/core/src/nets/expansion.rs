//! The Taylor expansion of a two-layer net in its first layer.

use crate::activation::{Activation, MAX_ORDER};
use crate::error::{Error, Result, fits};
use crate::matrix::Rows;
use crate::memory::Shared;
use crate::real::Real;
use crate::simd::{Job, Level, dispatch};
use crate::threads::Context;

use super::cell::{CHUNK, Cell, Piece};
use super::gradient::Gradient;
use super::layer::Times;
use super::sweep::Sweep;
use super::targets::{Curves, Labels, Slopes, Write};
use super::weights::Head;

/// `f(x) = sum_r a_r sum_k sigma^(k)(w0_r . x) (w_r . x)^k / k!`.
#[derive(Debug, Clone, Copy)]
pub struct Expansion<'a, T> {
    /// First layer about which is expanded, m rows.
    pub start: Rows<'a, T>,
    /// Its movement, m rows.
    pub movement: Rows<'a, T>,
    /// Output weights, m x c.
    pub a: Rows<'a, T>,
    /// Activation.
    pub activation: Activation,
    /// Orders k, different from each other.
    pub orders: &'a [u32],
}

impl<T: Real> Expansion<'_, T> {
    fn check(&self, d: usize) -> Result<()> {
        fits("columns of w0", d, self.start.d)?;
        fits("columns of w", d, self.movement.d)?;
        fits("rows of w", self.start.n, self.movement.n)?;
        fits("rows of a", self.start.n, self.a.n)?;
        for (i, &k) in self.orders.iter().enumerate() {
            if k > MAX_ORDER || self.orders[..i].contains(&k) {
                let message = format!("orders must be different numbers from 0 to {MAX_ORDER}, got {:?}", self.orders);
                return Err(Error::Invalid(message));
            }
            self.activation.check(k)?;
        }
        Ok(())
    }

    fn head(&self, level: Level) -> Result<Head<T>> {
        Head::new(level, self.a.n, self.a.d, |r, t| self.a.row(r)[t])
    }
}

/// What is made of an expansion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Terms {
    /// Every term for itself.
    Each,
    /// Their sum.
    Sum,
}

/// What the cell computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Each,
    Sum,
    Slope,
    Curve,
}

/// The terms of a neuron.
#[derive(Debug)]
struct Neuron<'a> {
    activation: Activation,
    orders: &'a [u32],
    wanted: Wanted,
}

impl<T: Real> Cell<T> for Neuron<'_> {
    fn values(&self) -> usize {
        match self.wanted {
            Wanted::Each => self.orders.len(),
            Wanted::Sum | Wanted::Slope => 1,
            Wanted::Curve => 2,
        }
    }

    fn slopes(&self) -> usize {
        match self.wanted {
            Wanted::Each | Wanted::Sum => 0,
            Wanted::Slope => 1,
            Wanted::Curve => 2,
        }
    }

    fn apply(&self, level: Level, piece: Piece<'_, T>) {
        let Piece { products: [u, p, q], values, slopes: [first, second], .. } = piece;
        let mut buffer = [T::ZERO; CHUNK];
        let h = &mut buffer[..u.len()];
        let mut fresh = true;
        let mut factorial = 1.0;
        for k in 0..=MAX_ORDER {
            factorial *= f64::from(k.max(1));
            let Some(place) = self.orders.iter().position(|&order| order == k) else { continue };
            h.copy_from_slice(u);
            self.activation.apply(level, k, h, T::from_f64(1.0 / factorial));
            let (sum, once, twice) = match self.wanted {
                Wanted::Each => (&mut *values[place], Default::default(), Default::default()),
                Wanted::Sum => (&mut *values[0], Default::default(), Default::default()),
                Wanted::Slope => (&mut *values[0], &mut *first, Default::default()),
                // What multiplies the second derivative of the loss comes second.
                Wanted::Curve => (&mut *values[0], &mut *second, &mut *first),
            };
            dispatch(level, Accumulate { h, p, sum, once, twice, order: k, fresh });
            fresh = self.wanted == Wanted::Each;
        }
        if self.wanted == Wanted::Curve {
            dispatch(level, Times { to: first, by: q });
            values[1].copy_from_slice(second);
            dispatch(level, Times { to: values[1], by: q });
        }
    }
}

/// Adds `h p^k` to `sum`, its derivative by p to `once` and the second to `twice`, those that are not empty; `fresh` ones
/// are overwritten.
struct Accumulate<'a, T> {
    h: &'a [T],
    p: &'a [T],
    sum: &'a mut [T],
    once: &'a mut [T],
    twice: &'a mut [T],
    order: u32,
    fresh: bool,
}

impl<T: Real> Accumulate<'_, T> {
    /// `f(h, p)` gives the three.
    #[inline(always)]
    fn fill(self, f: impl Fn(T, T) -> [T; 3]) {
        let pairs = self.h.iter().zip(self.p);
        for (i, out) in [self.sum, self.once, self.twice].into_iter().enumerate() {
            if self.fresh {
                out.iter_mut().zip(pairs.clone()).for_each(|(o, (&h, &p))| *o = f(h, p)[i]);
            } else {
                out.iter_mut().zip(pairs.clone()).for_each(|(o, (&h, &p))| *o += f(h, p)[i]);
            }
        }
    }
}

impl<T: Real> Job for Accumulate<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let c = T::from_u32;
        match self.order {
            0 => self.fill(|h, _| [h, T::ZERO, T::ZERO]),
            1 => self.fill(|h, p| [h * p, h, T::ZERO]),
            2 => self.fill(|h, p| [h * p * p, c(2) * h * p, c(2) * h]),
            3 => self.fill(|h, p| [h * p * (p * p), c(3) * h * (p * p), c(6) * h * p]),
            _ => self.fill(|h, p| [h * (p * p) * (p * p), c(4) * h * p * (p * p), c(12) * h * (p * p)]),
        }
    }
}

/// Terms of the rows of `x`: orders x n x c each for itself, n x c with `offset` added up.
///
/// # Errors
/// Shapes that do not fit, values that are not finite, orders or derivatives that do not exist, memory, interruption.
///
/// # Cost
/// `4 n m d` flops; memory: the packed layers, and for each thread some hundred kilobytes.
pub fn taylor_terms<T: Real>(
    context: &Context<'_>,
    x: Rows<'_, T>,
    net: Expansion<'_, T>,
    terms: Terms,
    offset: Option<&[T]>,
    out: &mut [T],
) -> Result<()> {
    net.check(x.d)?;
    let (size, wanted, count) = match terms {
        Terms::Each => (x.n * net.a.d, Wanted::Each, net.orders.len()),
        Terms::Sum => (x.n * net.a.d, Wanted::Sum, 1),
    };
    fits("elements of out", size * count, out.len())?;
    if let Some(offset) = offset {
        fits("elements of offset", size, offset.len())?;
    }
    let cell = Neuron { activation: net.activation, orders: net.orders, wanted };
    let heads = (0..count).map(|_| net.head(context.level)).collect::<Result<Vec<_>>>()?;
    let target = Write { offset, out: out.chunks_exact_mut(size.max(1)).map(Shared::new).collect() };
    Sweep { x, layers: &[net.start, net.movement], heads: &heads, cell: &cell, target: &target }.run(context, None)?;
    Ok(())
}

/// `sum_i weight_i loss(y_i, f(x_i))`, its derivative by the movement, m x d, and by the outputs, n x c.
///
/// # Errors
/// As [`taylor_terms`].
///
/// # Cost
/// `6 n m d + 4 n m c` flops; memory: 8 bytes times `m d` for each of at most 32 groups of rows, and for each thread
/// slopes of a block.
pub fn taylor_gradient<T: Real>(
    context: &Context<'_>,
    x: Rows<'_, T>,
    net: Expansion<'_, T>,
    labels: Labels<'_, T>,
    out: &mut [T],
    residual: &mut [T],
) -> Result<f64> {
    net.check(x.d)?;
    labels.check(x.n, net.a.d)?;
    fits("elements of w's derivative", net.start.data.len(), out.len())?;
    fits("elements of residual", x.n * net.a.d, residual.len())?;
    let cell = Neuron { activation: net.activation, orders: net.orders, wanted: Wanted::Slope };
    let heads = [net.head(context.level)?];
    let target = Slopes { labels, residual: Some(Shared::new(residual)), rule: None };
    let gradient = Gradient { layer: out, copies: None, rest: None };
    let sweep = Sweep { x, layers: &[net.start, net.movement], heads: &heads, cell: &cell, target: &target };
    sweep.run(context, Some(gradient))
}

/// The second derivative of that loss by the movement, times `v`, m x d.
///
/// # Errors
/// As [`taylor_terms`].
///
/// # Cost
/// `8 n m d + 8 n m c` flops; memory as [`taylor_gradient`].
pub fn hessian_product<T: Real>(
    context: &Context<'_>,
    x: Rows<'_, T>,
    net: Expansion<'_, T>,
    labels: Labels<'_, T>,
    v: Rows<'_, T>,
    out: &mut [T],
) -> Result<()> {
    net.check(x.d)?;
    labels.check(x.n, net.a.d)?;
    fits("rows of v", net.start.n, v.n)?;
    fits("columns of v", x.d, v.d)?;
    fits("elements of out", net.start.data.len(), out.len())?;
    let cell = Neuron { activation: net.activation, orders: net.orders, wanted: Wanted::Curve };
    let heads = [net.head(context.level)?, net.head(context.level)?];
    let gradient = Gradient { layer: out, copies: None, rest: None };
    let (layers, target) = ([net.start, net.movement, v], Curves { labels });
    Sweep { x, layers: &layers, heads: &heads, cell: &cell, target: &target }.run(context, Some(gradient))?;
    Ok(())
}
