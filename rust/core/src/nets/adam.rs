//! Adam: a step of a vector of weights in one sweep over it.

use crate::error::{Result, fits};
use crate::real::Real;
use crate::simd::{Job, dispatch};
use crate::threads::Context;

/// Weights that make a task.
const SHARE: usize = 1 << 15;
/// Weights that are moved together.
const LANES: usize = 32;

/// What a step is made of, beside its vectors.
#[derive(Debug, Clone, Copy)]
pub struct Rates {
    /// Length of steps.
    pub rate: f64,
    /// Shares of a new gradient and of its square in their running means.
    pub shares: (f64, f64),
    /// What the shares of all gradients so far add up to.
    pub seen: (f64, f64),
    /// Added to the root of the mean square.
    pub epsilon: f64,
    /// Whether the mean square is corrected for its start at 0 before its root is taken, rather than the rate.
    pub corrects_root: bool,
    /// Whether means that have left the normal numbers become 0.
    pub drops: bool,
}

/// A vector, its gradient, and the running means of gradients and of their squares.
#[derive(Debug)]
pub struct Moving<'a, T> {
    /// The vector.
    pub theta: &'a mut [T],
    /// Its gradient.
    pub gradient: &'a [T],
    /// Mean of gradients.
    pub velocity: &'a mut [T],
    /// Mean of squares.
    pub square: &'a mut [T],
}

/// Move a vector against its gradient; whether it is finite then. Every operation is rounded by itself.
///
/// # Errors
/// Lengths that differ, interruption.
///
/// # Cost
/// A root and two divisions for each number.
///
/// # Source
/// Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015, algorithm 1 and the end of section 2.
pub fn adam<T: Real>(context: &Context<'_>, moving: Moving<'_, T>, rates: Rates) -> Result<bool> {
    let Moving { theta, gradient, velocity, square } = moving;
    for (name, len) in [("gradient", gradient.len()), ("velocity", velocity.len()), ("square", square.len())] {
        fits(name, theta.len(), len)?;
    }
    let mut finite = vec![true; theta.len().div_ceil(SHARE)];
    let means = velocity.chunks_mut(SHARE).zip(square.chunks_mut(SHARE));
    let parts: Vec<_> = theta.chunks_mut(SHARE).zip(gradient.chunks(SHARE)).zip(means).zip(&mut finite).collect();
    context.each_part(
        parts.into_iter(),
        || Ok(()),
        |(), _, (((theta, gradient), (velocity, square)), finite)| {
            let moving = Moving { theta, gradient, velocity, square };
            *finite = if rates.corrects_root {
                dispatch(context.level, Step::<T, true>(moving, rates))
            } else {
                dispatch(context.level, Step::<T, false>(moving, rates))
            };
            Ok(())
        },
    )?;
    Ok(finite.iter().all(|&f| f))
}

struct Step<'a, T, const CORRECTS_ROOT: bool>(Moving<'a, T>, Rates);

impl<T: Real, const CORRECTS_ROOT: bool> Job for Step<'_, T, CORRECTS_ROOT> {
    type Output = bool;
    #[inline(always)]
    fn run<const FMA: bool>(self) -> bool {
        let Self(Moving { theta, gradient, velocity, square }, rates) = self;
        let number = T::from_f64;
        let (first, second) = (number(rates.shares.0), number(rates.shares.1));
        let (keep_first, keep_second) = (number(1.0 - rates.shares.0), number(1.0 - rates.shares.1));
        let (seen, seen_square) = (number(rates.seen.0), number(rates.seen.1));
        let (rate, epsilon) = (number(rates.rate), number(rates.epsilon));
        // In double precision, as products with NumPy's numbers are.
        let factor = rates.rate * rates.seen.1.sqrt() / rates.seen.0;
        let least = if rates.drops { T::MIN_POSITIVE } else { T::ZERO };
        let mut rest = [T::ZERO; LANES];
        let parts = theta.chunks_mut(LANES).zip(gradient.chunks(LANES));
        let means = velocity.chunks_mut(LANES).zip(square.chunks_mut(LANES));
        for ((theta, gradient), (velocity, square)) in parts.zip(means) {
            let means = velocity.iter_mut().zip(square);
            for (((t, &g), (v, s)), rest) in theta.iter_mut().zip(gradient).zip(means).zip(&mut rest) {
                let mean = *v * keep_first + first * g;
                *v = if mean.abs() < least { T::ZERO } else { mean };
                *s = *s * keep_second + (g * g) * second;
                let step = if CORRECTS_ROOT {
                    (rate * *v / seen) / ((*s / seen_square).sqrt() + epsilon)
                } else {
                    T::from_f64((*v / (s.sqrt() + epsilon)).to_f64() * factor)
                };
                *t -= step;
                // Stays 0 unless a number is not finite.
                *rest += *t * T::ZERO;
            }
        }
        rest.iter().all(|&r| r == T::ZERO)
    }
}
