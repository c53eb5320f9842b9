//! What a network's kernel asks of its activation: Gaussian moments, some pairs at a time.

use crate::real::Real;

/// Values carried through the layers together.
pub(super) const LANES: usize = 32;

/// What is known of a pair of pre-activations.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pair<T> {
    /// Their covariance.
    pub(super) cov: T,
    /// An angle's code; for laws of the chord the second moment of the difference where the covariance is positive, of
    /// the sum where it is negative.
    pub(super) shape: T,
}

/// Gaussian moments of an activation `f` over a pair.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moments<T> {
    /// `E[f f']`.
    pub(super) value: T,
    /// `E` of the product of derivatives; used by tangent kernels alone.
    pub(super) slope: T,
    /// `E[(f - f')^2]`; used by sharp laws alone.
    pub(super) gap: T,
}

/// What is known of some pairs.
#[derive(Debug)]
pub(super) struct Pairs<T> {
    pub(super) cov: [T; LANES],
    pub(super) shape: [T; LANES],
}

/// The moments of some pairs.
#[derive(Debug)]
pub(super) struct Lot<T> {
    pub(super) value: [T; LANES],
    pub(super) slope: [T; LANES],
    pub(super) gap: [T; LANES],
}

impl<T: Real> Pairs<T> {
    /// The moments of one pair after another.
    #[inline(always)]
    pub(super) fn each(&self, out: &mut Lot<T>, moments: impl Fn(Pair<T>, usize) -> Moments<T>) {
        for j in 0..LANES {
            let m = moments(Pair { cov: self.cov[j], shape: self.shape[j] }, j);
            (out.value[j], out.slope[j], out.gap[j]) = (m.value, m.slope, m.gap);
        }
    }
}

/// The Gaussian moments of an activation and its derivative.
pub(super) trait Law<T: Real>: Copy + Send + Sync + 'static {
    /// Numbers kept for each row and layer.
    const NUMBERS: usize;
    /// Whether a pair's shape is its chord rather than its angle.
    const CHORD: bool = false;
    /// Whether the next layer's angle needs the gap, because the moments are not smooth where rows coincide.
    const SHARP: bool = false;
    /// `E f(z)^2` for `z ~ N(0, q)`; writes this row's numbers.
    fn row(&self, q: f64, numbers: &mut [f64]) -> f64;
    /// The moments of pairs whose rows have the numbers `x` and, at their place, `y`. Gap and slope may be left as they are
    /// where they are not used.
    fn moments<const FMA: bool>(&self, pairs: &Pairs<T>, x: &[T], y: &[[T; LANES]], out: &mut Lot<T>);
}

/// Numbers of any law, at most.
pub(super) const MAX_NUMBERS: usize = 128;
