//! NNGP and NTK of relu networks of any depth: the whole recursion on a few values at a time.
//!
//! With `u` the cosine between two pre-activations, `theta` its angle, `g = (sin theta - theta cos theta) / pi`:
//! a relu layer has `E[relu relu] = p (u + g) / 2` and `E[relu' relu'] = (1 - theta / pi) / 2`, `p` being the product of
//! the standard deviations. What is carried from layer to layer is `v = 1 - u`, which the layers only ever add positive
//! terms to or take `g` from, so that angles stay accurate to an ulp of 1 for coinciding rows.

use super::Network;
use super::plan::{Input, Leaf, Tile};
use crate::error::Result;
use crate::real::Real;
use crate::simd::{Job, Level, dispatch};
use crate::threads::alloc;

/// NNGP or NTK of a relu network.
#[derive(Clone, Copy)]
pub(super) struct Relu<T> {
    depth: usize,
    tangent: bool,
    /// Variance of a weight, by layer: first `weight_variance / d`, then `weight_variance / 2` with relu's one half.
    first: T,
    later: T,
    bias: T,
}

impl<T: Real> Relu<T> {
    pub(super) fn new(n: &Network, tangent: bool, d: usize) -> Self {
        Self {
            depth: n.depth,
            tangent,
            first: T::from_f64(n.weight_variance / d as f64),
            later: T::from_f64(n.weight_variance / 2.0),
            bias: T::from_f64(n.bias_variance),
        }
    }
}

impl<T: Real> Leaf<T> for Relu<T> {
    fn input(&self) -> Input {
        Input::Angle
    }

    /// Without biases `sqrt(variance of the first pre-activation)`, times the later layers' `later^(depth / 2)`. With
    /// biases: `|x|`, `|x|^2`, then the standard deviations of layers 0 .. depth.
    fn side(&self, q: &[T]) -> Result<Vec<T>> {
        let n = q.len();
        if self.bias == T::ZERO {
            let scale = self.later.sqrt();
            let mut out = alloc(n, "standard deviations")?;
            for (o, &q) in out.iter_mut().zip(q) {
                *o = (0..self.depth).fold((self.first * q).sqrt(), |s, _| s * scale);
            }
            return Ok(out);
        }
        let mut out = alloc(n * (self.depth + 2), "standard deviations")?;
        for (i, &q) in q.iter().enumerate() {
            out[i] = q.sqrt();
            let mut variance = self.first * q + self.bias;
            for l in 0..=self.depth {
                out[(l + 1) * n + i] = variance.sqrt();
                variance = self.later * variance + self.bias;
            }
        }
        Ok(out)
    }

    fn evaluate(&self, level: Level, tile: Tile<'_, T>) {
        let leaf = *self;
        match (self.tangent, self.bias == T::ZERO) {
            (true, true) => dispatch(level, Plain::<T, true>(leaf, tile)),
            (false, true) => dispatch(level, Plain::<T, false>(leaf, tile)),
            (true, false) => dispatch(level, Biased::<T, true>(leaf, tile)),
            (false, false) => dispatch(level, Biased::<T, false>(leaf, tile)),
        }
    }
}

/// Values carried through the layers together.
const LANES: usize = 32;

/// One relu layer's moments from the angle code `e` and `v = 1 - cos`: `(cos + g, v - g, 1 - theta / pi)`.
#[inline(always)]
fn layer<T: Real, const FMA: bool>(e: T, cos: T, v: T) -> (T, T, T) {
    let inverse_pi = T::from_f64(std::f64::consts::FRAC_1_PI);
    let theta = e.angle::<FMA>();
    let sin = (e.abs() * (T::from_f64(2.0) - e.abs())).sqrt();
    let g = (-theta).mul_add::<FMA>(cos, sin) * inverse_pi;
    (cos + g, (v - g).max(T::ZERO), (-theta).mul_add::<FMA>(inverse_pi, T::ONE))
}

/// `1 - cos` and the cosine of an angle code.
#[inline(always)]
fn decode<T: Real>(e: T) -> (T, T) {
    let cos = (T::ONE - e.abs()).copysign(e);
    let v = if cos < T::ZERO { T::ONE - cos } else { e.abs() };
    (cos, v)
}

struct Plain<'a, T, const TANGENT: bool>(Relu<T>, Tile<'a, T>);

impl<T: Real, const TANGENT: bool> Job for Plain<'_, T, TANGENT> {
    type Output = ();
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Self(leaf, mut tile) = self;
        let (fx, fy) = (tile.x(0), tile.y(0));
        let (mut cos, mut v, mut theta) = ([T::ZERO; LANES], [T::ZERO; LANES], [T::ZERO; LANES]);
        for i in 0..tile.rows {
            let fx = fx[i];
            for (row, fy) in tile.row(i).chunks_mut(LANES).zip(fy.chunks(LANES)) {
                let n = row.len();
                let (cos, v, theta) = (&mut cos[..n], &mut v[..n], &mut theta[..n]);
                for j in 0..n {
                    let (c, w) = decode(row[j]);
                    let (c1, v1, k0) = layer::<T, FMA>(row[j], c, w);
                    (cos[j], v[j]) = (c1, v1);
                    theta[j] = c.mul_add::<FMA>(k0, c1);
                }
                for _ in 1..leaf.depth {
                    for j in 0..n {
                        let (c1, v1, k0) = layer::<T, FMA>(v[j], cos[j], v[j]);
                        (cos[j], v[j]) = (c1, v1);
                        theta[j] = theta[j].mul_add::<FMA>(k0, c1);
                    }
                }
                for j in 0..n {
                    row[j] = (fx * fy[j]) * if TANGENT { theta[j] } else { cos[j] };
                }
            }
        }
    }
}

struct Biased<'a, T, const TANGENT: bool>(Relu<T>, Tile<'a, T>);

impl<T: Real, const TANGENT: bool> Job for Biased<'_, T, TANGENT> {
    type Output = ();
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Self(leaf, mut tile) = self;
        let (mut e, mut cov, mut theta) = ([T::ZERO; LANES], [T::ZERO; LANES], [T::ZERO; LANES]);
        let (a, b) = (leaf.first, leaf.bias);
        for i in 0..tile.rows {
            for at in (0..tile.cols).step_by(LANES) {
                let n = LANES.min(tile.cols - at);
                let (e, cov, theta) = (&mut e[..n], &mut cov[..n], &mut theta[..n]);
                // The first affine map: input angle to the angle of (x, sqrt(b / a)).
                let (nx, sx) = (tile.x(0)[i], tile.x(1)[i]);
                let (ny, sy) = (&tile.y(0)[at..at + n], &tile.y(1)[at..at + n]);
                let row = &mut tile.row(i)[at..at + n];
                for j in 0..n {
                    let (c, v) = decode(row[j]);
                    let (p, r) = (a * (nx * ny[j]), sx * sy[j]);
                    let k = p.mul_add::<FMA>(c, b);
                    let near = mixed::<T, FMA>(a, b, nx - ny[j], p, v, r);
                    // 1 + u, without cancellation when the angle is obtuse.
                    let w = if c < T::ZERO { row[j].abs() } else { T::ONE + c };
                    let rise = (b * (a * (nx * nx + ny[j] * ny[j])) + b * b) / (r + p) + b;
                    let far = p.mul_add::<FMA>(w, rise) / r;
                    e[j] = if k < T::ZERO { -far.min(T::ONE) } else { near.min(T::ONE) };
                    cov[j] = k;
                    theta[j] = k;
                }
                for l in 0..leaf.depth {
                    let (sx, tx) = (tile.x(l + 1)[i], tile.x(l + 2)[i]);
                    let (sy, ty) = (&tile.y(l + 1)[at..at + n], &tile.y(l + 2)[at..at + n]);
                    for j in 0..n {
                        let (c, v) = decode(e[j]);
                        let (c1, v1, k0) = layer::<T, FMA>(e[j], c, v);
                        let (p, r) = (leaf.later * (sx * sy[j]), tx * ty[j]);
                        let k = p.mul_add::<FMA>(c1, b);
                        e[j] = mixed::<T, FMA>(leaf.later, b, sx - sy[j], p, v1, r);
                        cov[j] = k;
                        theta[j] = (leaf.later * theta[j]).mul_add::<FMA>(k0, k);
                    }
                }
                tile.row(i)[at..at + n].copy_from_slice(if TANGENT { theta } else { cov });
            }
        }
    }
}

/// `1 - cos` after the map `K -> a K + b` of a covariance whose standard deviations differ by `gap`: `p = a` times their
/// product, `r` the product of the new ones. From `(r - p - b)(r + p + b) = a b gap^2`, a sum of positive terms.
#[inline(always)]
fn mixed<T: Real, const FMA: bool>(a: T, b: T, gap: T, p: T, v: T, r: T) -> T {
    let spread = (b * (a * (gap * gap))) / ((r + p) + b);
    (p.mul_add::<FMA>(v, spread) / r).min(T::ONE)
}
