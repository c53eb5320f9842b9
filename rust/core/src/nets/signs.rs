//! Two-layer nets whose movement has a random sign, or multiplier, in every row: exact means and variances over these.

use crate::activation::Shape;
use crate::error::{Result, fits};
use crate::matrix::Rows;
use crate::memory::Shared;
use crate::real::Real;
use crate::simd::{Job, Level, dispatch};
use crate::threads::Context;

use super::cell::{CHUNK, Cell, Piece};
use super::gradient::Gradient;
use super::loss::Loss;
use super::multipliers::{Law, Tied};
use super::sweep::Sweep;
use super::targets::{Labels, Slopes, Target, Write};
use super::weights::Head;

/// `f(x) = sum_r a_r sigma((w0_r + s_r w_r) . x)` with independent random signs `s_r`; with a law of multipliers
/// `sum_r a_r (sigma((w0_r + z_r w_r) . x) - sigma((w0_r + z'_r w_r) . x))`.
#[derive(Debug, Clone, Copy)]
pub struct Signs<'a, T> {
    /// First layer from which is moved, m rows.
    pub start: Rows<'a, T>,
    /// Its movement, m rows.
    pub movement: Rows<'a, T>,
    /// Output weights, m x c.
    pub a: Rows<'a, T>,
    /// Activation.
    pub shape: Shape,
    /// The laws of the multipliers `z_r` and `z'_r`; without one there are signs.
    pub law: Option<Law<'a>>,
}

impl<T: Real> Signs<'_, T> {
    fn check(&self, d: usize) -> Result<()> {
        fits("columns of w0", d, self.start.d)?;
        fits("columns of w", d, self.movement.d)?;
        fits("rows of w", self.start.n, self.movement.n)?;
        fits("rows of a", self.start.n, self.a.n)?;
        self.law.map_or(Ok(()), |law| law.check())
    }

    /// One sweep, by the cell of the signs or of the multipliers.
    fn run<G: Target>(
        &self,
        context: &Context<'_>,
        x: Rows<'_, T>,
        heads: &[Head<T>],
        target: &G,
        gradient: Option<Gradient<'_, T>>,
    ) -> Result<f64> {
        let (shape, slopes, layers) = (self.shape, gradient.is_some(), &[self.start, self.movement]);
        match self.law {
            None => Sweep { x, layers, heads, cell: &Halves { shape, slopes }, target }.run(context, gradient),
            Some(law) => Sweep { x, layers, heads, cell: &Tied { shape, law, slopes }, target }.run(context, gradient),
        }
    }

    /// Output weights of means, and of squared odd parts: `a_k^2`, or the lower triangle of `a a^T`.
    fn heads(&self, level: Level, pairs: bool) -> Result<[Head<T>; 2]> {
        let (m, c) = (self.a.n, self.a.d);
        let first = Head::new(level, m, c, |r, t| self.a.row(r)[t])?;
        let all: Vec<(usize, usize)> = if pairs {
            (0..c).flat_map(|k| (0..=k).map(move |l| (k, l))).collect()
        } else {
            (0..c).map(|k| (k, k)).collect()
        };
        let second = Head::new(level, m, all.len(), |r, t| self.a.row(r)[all[t].0] * self.a.row(r)[all[t].1])?;
        Ok([first, second])
    }
}

/// Even and odd part of a neuron in its movement.
#[derive(Debug)]
struct Halves {
    shape: Shape,
    slopes: bool,
}

impl<T: Real> Cell<T> for Halves {
    fn values(&self) -> usize {
        2
    }

    fn slopes(&self) -> usize {
        if self.slopes { 2 } else { 0 }
    }

    fn apply(&self, level: Level, piece: Piece<'_, T>) {
        let Piece { products: [u, v, _], values: [even, odd, ..], slopes: [first, second], .. } = piece;
        let mut buffers = [[T::ZERO; CHUNK]; 2];
        let [up, down] = &mut buffers;
        let (up, down) = (&mut up[..u.len()], &mut down[..u.len()]);
        dispatch(level, Ends { u, v, up: &mut *up, down: &mut *down });
        self.shape.pair(level, up, even, first);
        self.shape.pair(level, down, odd, second);
        dispatch(level, Combine { even, odd, first, second });
    }
}

/// `u + v` and `u - v`.
struct Ends<'a, T> {
    u: &'a [T],
    v: &'a [T],
    up: &'a mut [T],
    down: &'a mut [T],
}

impl<T: Real> Job for Ends<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        for ((&u, &v), (up, down)) in self.u.iter().zip(self.v).zip(self.up.iter_mut().zip(self.down)) {
            (*up, *down) = (u + v, u - v);
        }
    }
}

/// From values and slopes at `u + v` and `u - v`: the even part, the odd part squared, and their derivatives by v.
struct Combine<'a, T> {
    even: &'a mut [T],
    odd: &'a mut [T],
    first: &'a mut [T],
    second: &'a mut [T],
}

impl<T: Real> Job for Combine<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let half = T::from_f64(0.5);
        // By v: that of the even part, and that of the odd part squared.
        for (((&up, &down), first), second) in self.even.iter().zip(&*self.odd).zip(self.first).zip(self.second) {
            let (a, b) = (*first, *second);
            (*first, *second) = (half * (a - b), half * (up - down) * (a + b));
        }
        for (even, odd) in self.even.iter_mut().zip(self.odd) {
            let (up, down) = (*even, *odd);
            let part = half * (up - down);
            (*even, *odd) = (half * (up + down), part * part);
        }
    }
}

/// Mean and variance of the outputs of the rows of `x`, n x c each.
///
/// # Errors
/// Shapes that do not fit, values that are not finite, memory, interruption.
///
/// # Cost
/// `4 n m d` flops and two activations an element, or one for each value of the multipliers.
pub fn signs_forward<T: Real>(
    context: &Context<'_>,
    x: Rows<'_, T>,
    net: Signs<'_, T>,
    mean: &mut [T],
    variance: &mut [T],
) -> Result<()> {
    net.check(x.d)?;
    fits("elements of the mean", x.n * net.a.d, mean.len())?;
    fits("elements of the variance", x.n * net.a.d, variance.len())?;
    let heads = net.heads(context.level, false)?;
    let target = Write { offset: None, out: vec![Shared::new(mean), Shared::new(variance)] };
    net.run(context, x, &heads, &target, None)?;
    Ok(())
}

/// The mean over the signs of `sum_i weight_i loss(y_i, f(x_i))`, its derivative by the movement, m x d, and by the mean
/// outputs, n x c; `rule` holds nodes and weights of a quadrature under the standard normal law, for losses of labels -1
/// and 1.
///
/// # Errors
/// As [`signs_forward`], and for an activation without a slope.
///
/// # Cost
/// `6 n m d` flops, four activations an element, for [`Loss::Softmax`] `2 n m c^2` flops more.
pub fn signs_gradient<T: Real>(
    context: &Context<'_>,
    x: Rows<'_, T>,
    net: Signs<'_, T>,
    labels: Labels<'_, T>,
    rule: (&[f64], &[f64]),
    out: &mut [T],
    residual: &mut [T],
) -> Result<f64> {
    net.check(x.d)?;
    net.shape.check()?;
    labels.check(x.n, net.a.d)?;
    fits("weights of nodes", rule.0.len(), rule.1.len())?;
    fits("elements of w's derivative", net.start.data.len(), out.len())?;
    fits("elements of residual", x.n * net.a.d, residual.len())?;
    let heads = net.heads(context.level, labels.loss == Loss::Softmax)?;
    let target = Slopes { labels, residual: Some(Shared::new(residual)), rule: Some(rule) };
    let gradient = Gradient { layer: out, copies: None, rest: None };
    net.run(context, x, &heads, &target, Some(gradient))
}
