//! NNGP and NTK of networks of any depth whose activation has closed Gaussian moments: one recursion, many laws.

use super::law::{LANES, Law, Lot, MAX_NUMBERS, Pairs};
use crate::error::Result;
use crate::kernels::Network;
use crate::kernels::geometry::angle::{between, decode, encode, mixed};
use crate::kernels::leaf::{Input, Known, Leaf, Tile};
use crate::matrix::Rows;
use crate::memory::{Buffer, alloc, size};
use crate::real::Real;
use crate::simd::{Job, Level, dispatch};
use crate::threads::Context;

/// Arrays before the law's numbers: variance, standard deviation, its inverse.
const OWN: usize = 3;
/// NNGP or NTK of a network with this activation law.
#[derive(Clone)]
pub(super) struct Deep<T, L> {
    law: L,
    depth: usize,
    tangent: bool,
    first: T,
    later: T,
    bias: T,
}

impl<T: Real, L: Law<T>> Deep<T, L> {
    const STRIDE: usize = OWN + L::NUMBERS;

    /// Arrays of a row: its norm, those of each layer, and the last layer's own.
    fn arrays(&self) -> usize {
        1 + self.depth * Self::STRIDE + OWN
    }

    pub(super) fn new(law: L, n: &Network, tangent: bool, d: usize) -> Self {
        Self {
            law,
            depth: n.depth,
            tangent,
            first: T::from_f64(n.weight_variance / d as f64),
            later: T::from_f64(n.weight_variance),
            bias: T::from_f64(n.bias_variance),
        }
    }
}

impl<T: Real, L: Law<T>> Leaf<T> for Deep<T, L> {
    fn input(&self) -> Input {
        if L::CHORD { Input::Chord } else { Input::Angle }
    }

    fn arrays(&self) -> usize {
        Self::arrays(self)
    }

    /// `|x|`, then the arrays of layers 0 .. depth, the law's numbers of all but the last.
    fn side(&self, context: &Context<'_>, rows: Rows<'_, T>, q: &[T]) -> Result<Buffer<T>> {
        let n = q.len();
        let mut out = alloc(size(&[n, self.arrays()], "variances")?, "variances")?;
        let mut numbers = [0.0; MAX_NUMBERS];
        for (i, &q) in q.iter().enumerate() {
            context.check()?;
            // Moments may grow as a high power of a variance, or as its exponential: f64 whatever T is.
            let q = if size_of::<T>() == 8 { q.to_f64() } else { squared_norm(rows.row(i)) };
            out[i] = T::from_f64(q.sqrt());
            let mut variance = self.first.to_f64() * q + self.bias.to_f64();
            for l in 0..=self.depth {
                let base = (1 + l * Self::STRIDE) * n + i;
                let deviation = variance.sqrt();
                let inverse = if deviation > 0.0 { 1.0 / deviation } else { 0.0 };
                for (k, v) in [variance, deviation, inverse].into_iter().enumerate() {
                    out[base + k * n] = T::from_f64(v);
                }
                if l == self.depth {
                    break;
                }
                let value = self.law.row(variance, &mut numbers[..L::NUMBERS]);
                for (k, &v) in numbers[..L::NUMBERS].iter().enumerate() {
                    out[base + (OWN + k) * n] = T::from_f64(v);
                }
                variance = self.later.to_f64() * value + self.bias.to_f64();
            }
        }
        Ok(out)
    }

    fn looks(&self, of: &Known<T>) -> bool {
        if self.input().looks(of) || !(L::SHARP && self.depth > 1) {
            return self.input().looks(of);
        }
        // The rows with the bias as one more coordinate; a tile looks at cosines above .95.
        let more = self.bias / self.first;
        let size = (of.norms.0 + more).sqrt() * (of.norms.1 + more).sqrt();
        of.inner + more >= T::from_f64(0.94) * size
    }

    fn evaluate(&self, level: Level, tile: Tile<'_, T>) {
        dispatch(level, Layers { leaf: self, tile });
    }
}

struct Layers<'a, T, L> {
    leaf: &'a Deep<T, L>,
    tile: Tile<'a, T>,
}

impl<T: Real, L: Law<T>> Job for Layers<'_, T, L> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Self { leaf, mut tile } = self;
        let stride = Deep::<T, L>::STRIDE;
        let arrays = leaf.arrays();
        // The columns' arrays, a few lanes of each: fixed lengths let every loop below become vector code.
        let mut y = vec![[T::ZERO; LANES]; arrays];
        // The rows' numbers, each row's together.
        let mut x = vec![T::ZERO; tile.rows * arrays];
        for k in 0..arrays {
            for (x, &v) in x[k..].iter_mut().step_by(arrays).zip(tile.x(k)) {
                *x = v;
            }
        }
        // The bias is one more coordinate, the same in all rows.
        let (near, level) = (T::from_f64(0.05), (leaf.bias / leaf.first).sqrt());
        for at in (0..tile.cols).step_by(LANES) {
            let n = LANES.min(tile.cols - at);
            for (k, y) in y.iter_mut().enumerate() {
                y[..n].copy_from_slice(&tile.y(k)[at..at + n]);
            }
            for i in 0..tile.rows {
                if tile.stopped() {
                    return;
                }
                let x = &x[i * arrays..(i + 1) * arrays];
                let pairs = Pairs { cov: [T::ZERO; LANES], shape: [T::ZERO; LANES] };
                let mut lanes = Lanes { pairs, theta: [T::ZERO; LANES] };
                lanes.pairs.shape[..n].copy_from_slice(&tile.row(i)[at..at + n]);
                if L::CHORD {
                    lanes.pairs.cov[..n].copy_from_slice(&tile.inner(i)[at..at + n]);
                    lanes.chords::<FMA>(leaf.first, leaf.bias, x, &y);
                } else {
                    lanes.angles::<FMA>(leaf.first, leaf.bias, x, &y);
                }
                if L::SHARP && leaf.depth > 1 {
                    // Each further layer takes the root of what a small angle is off by.
                    for j in 0..n {
                        // Opposite rows have the code -0.
                        let code = lanes.pairs.shape[j];
                        if T::ONE.copysign(code) > T::ZERO && code < near {
                            let (a, b) = (tile.edges.0.row(i), tile.edges.1.row(at + j));
                            lanes.pairs.shape[j] = between::<T, FMA>(a, b, level);
                        }
                    }
                }
                for l in 0..leaf.depth {
                    let at = 1 + l * stride;
                    let (this, next) = (at..at + stride, at + stride..at + stride + OWN);
                    lanes.layer::<L, FMA>(leaf, (&x[this.clone()], &y[this]), (&x[next.clone()], &y[next]));
                }
                let result = if leaf.tangent { &lanes.theta } else { &lanes.pairs.cov };
                tile.row(i)[at..at + n].copy_from_slice(&result[..n]);
            }
        }
    }
}

/// The squared norm in f64.
fn squared_norm<T: Real>(row: &[T]) -> f64 {
    row.iter().map(|v| v.to_f64() * v.to_f64()).sum()
}

struct Lanes<T> {
    pairs: Pairs<T>,
    theta: [T; LANES],
}

impl<T: Real> Lanes<T> {
    /// The first affine map for laws of the angle.
    #[inline(always)]
    fn angles<const FMA: bool>(&mut self, a: T, b: T, x: &[T], y: &[[T; LANES]]) {
        let (ny, sy) = (&y[0], &y[2]);
        for j in 0..LANES {
            let e = self.pairs.shape[j];
            if b > T::ZERO {
                let (k, e) = mixed::<T, FMA>(a, b, (x[0], ny[j]), x[2] * sy[j], e, decode(e));
                (self.pairs.cov[j], self.pairs.shape[j]) = (k, e);
            } else {
                self.pairs.cov[j] = (x[2] * sy[j]) * decode(e).0;
            }
            self.theta[j] = self.pairs.cov[j];
        }
    }

    /// The first affine map for laws of the chord: biases leave a difference as it is and add to a sum.
    #[inline(always)]
    fn chords<const FMA: bool>(&mut self, a: T, b: T, x: &[T], y: &[[T; LANES]]) {
        let (two, four) = (T::from_f64(2.0), T::from_f64(4.0));
        let qy = &y[1];
        for j in 0..LANES {
            let k = a.mul_add::<FMA>(self.pairs.cov[j], b);
            let chord = self.pairs.shape[j];
            let (near, sum) = (a * chord.abs(), x[1] + qy[j]);
            let opposite = near + four * b;
            let acute = T::ONE.copysign(chord) > T::ZERO;
            let positive = if acute { near } else { two * sum - opposite };
            self.pairs.shape[j] = if k < T::ZERO { opposite } else { positive };
            (self.pairs.cov[j], self.theta[j]) = (k, k);
        }
    }

    /// One hidden layer and the affine map after it.
    #[inline(always)]
    fn layer<L: Law<T>, const FMA: bool>(
        &mut self,
        leaf: &Deep<T, L>,
        (x, y): (&[T], &[[T; LANES]]),
        (x1, y1): (&[T], &[[T; LANES]]),
    ) {
        let (half, two) = (T::from_f64(0.5), T::from_f64(2.0));
        let (x, y) = (&x[..OWN + L::NUMBERS], &y[..OWN + L::NUMBERS]);
        let (own, numbers) = (&x[OWN..], &y[OWN..]);
        let (q, s, r) = (&y1[0], &y1[1], &y1[2]);
        let mut m = Lot { value: [T::ZERO; LANES], slope: [T::ZERO; LANES], gap: [T::ZERO; LANES] };
        leaf.law.moments::<FMA>(&self.pairs, own, numbers, &mut m);
        for j in 0..LANES {
            let k = leaf.later.mul_add::<FMA>(m.value[j], leaf.bias);
            let inverse = x1[2] * r[j];
            self.pairs.shape[j] = if L::CHORD {
                ((x1[0] + q[j]) - two * k.abs()).max(T::ZERO)
            } else if L::SHARP {
                let between = x1[1] - s[j];
                ((leaf.later * m.gap[j] - between * between) * (half * inverse)).max(T::ZERO)
            } else {
                encode(k * inverse)
            };
            self.pairs.cov[j] = k;
            self.theta[j] = (leaf.later * self.theta[j]).mul_add::<FMA>(m.slope[j], k);
        }
    }
}
