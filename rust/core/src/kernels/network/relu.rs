//! NNGP and NTK of relu and leaky relu networks of any depth: the whole recursion on a few values at a time.
//!
//! With `u` the cosine between two pre-activations, `theta` its angle, `g = (sin theta - theta cos theta) / pi`, `s` the
//! slope, `r = (1 - s)^2 / (1 + s^2)` and `p` the product of the standard deviations (Cho and Saul 2009, Jacot et al. 2018):
//!
//! `E[f f] = (1 + s^2) / 2 p (u + r g)`, `E[f' f'] = (1 + s^2) / 2 (1 - r theta / pi)`.
//!
//! What is carried from layer to layer is the angle's code (see [`crate::kernels::geometry::angle`]); a layer only ever adds to it or takes
//! `r g` from it, so angles stay accurate to an ulp of 1 for coinciding and opposite rows.

use std::sync::atomic::Ordering;

use crate::error::Result;
use crate::kernels::Network;
use crate::kernels::geometry::angle::{decode, mixed};
use crate::kernels::leaf::{Input, Leaf, Tile};
use crate::matrix::Rows;
use crate::memory::{Buffer, alloc, size};
use crate::real::Real;
use crate::simd::{Job, Level, dispatch};
use crate::threads::Context;

/// NNGP or NTK of a relu network.
#[derive(Clone, Copy)]
pub(super) struct Relu<T> {
    depth: usize,
    tangent: bool,
    /// Factor of the input's inner products: `weight_variance / d`.
    first: T,
    /// Factor of later covariances: `weight_variance (1 + s^2) / 2`.
    later: T,
    bias: T,
    /// `r / pi`.
    bend: T,
    leaky: bool,
}

impl<T: Real> Relu<T> {
    pub(super) fn new(n: &Network, slope: f64, tangent: bool, d: usize) -> Self {
        let size = 1.0 + slope * slope;
        Self {
            depth: n.depth,
            tangent,
            first: T::from_f64(n.weight_variance / d as f64),
            later: T::from_f64(n.weight_variance * size / 2.0),
            bias: T::from_f64(n.bias_variance),
            bend: T::from_f64((1.0 - slope).powi(2) / size * std::f64::consts::FRAC_1_PI),
            leaky: slope != 0.0,
        }
    }

    /// One layer's moments from the angle code, the cosine and `1 - cos`: `(cos + r g, next code, 1 - r theta / pi)`.
    #[inline(always)]
    fn layer<const FMA: bool, const LEAKY: bool>(&self, e: T, cos: T, v: T) -> (T, T, T) {
        let theta = e.angle::<FMA>();
        let sin = (e.abs() * (T::from_f64(2.0) - e.abs())).sqrt();
        let g = (-theta).mul_add::<FMA>(cos, sin) * self.bend;
        let (up, near) = (cos + g, (v - g).max(T::ZERO));
        // A leaky layer may leave an obtuse angle obtuse: then 1 + cos is what must stay accurate.
        let code = if LEAKY && up < T::ZERO { -((T::ONE + cos) + g).min(T::ONE) } else { near };
        (up, code, (-theta).mul_add::<FMA>(self.bend, T::ONE))
    }
}

impl<T: Real> Leaf<T> for Relu<T> {
    fn input(&self) -> Input {
        Input::Angle
    }

    /// Without biases `sqrt(variance of the first pre-activation)`, times the later layers' `later^(depth / 2)`. With
    /// biases: `|x|`, then the standard deviations of layers 0 .. depth.
    fn side(&self, context: &Context<'_>, _rows: Rows<'_, T>, q: &[T]) -> Result<Buffer<T>> {
        let n = q.len();
        if self.bias == T::ZERO {
            let scale = self.later.sqrt();
            let mut out = alloc(n, "standard deviations")?;
            for (o, &q) in out.iter_mut().zip(q) {
                context.check()?;
                *o = (0..self.depth).fold((self.first * q).sqrt(), |s, _| s * scale);
            }
            return Ok(out);
        }
        let mut out = alloc(size(&[n, self.depth + 2], "standard deviations")?, "standard deviations")?;
        for (i, &q) in q.iter().enumerate() {
            context.check()?;
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
        match (self.bias == T::ZERO, self.tangent, self.leaky) {
            (true, true, false) => dispatch(level, Plain::<T, true, false>(leaf, tile)),
            (true, true, true) => dispatch(level, Plain::<T, true, true>(leaf, tile)),
            (true, false, false) => dispatch(level, Plain::<T, false, false>(leaf, tile)),
            (true, false, true) => dispatch(level, Plain::<T, false, true>(leaf, tile)),
            (false, true, false) => dispatch(level, Biased::<T, true, false>(leaf, tile)),
            (false, true, true) => dispatch(level, Biased::<T, true, true>(leaf, tile)),
            (false, false, false) => dispatch(level, Biased::<T, false, false>(leaf, tile)),
            (false, false, true) => dispatch(level, Biased::<T, false, true>(leaf, tile)),
        }
    }
}

/// Values carried through the layers together.
const LANES: usize = 32;

/// Without biases everything but the angle is a factor of the result.
struct Plain<'a, T, const TANGENT: bool, const LEAKY: bool>(Relu<T>, Tile<'a, T>);

impl<T: Real, const TANGENT: bool, const LEAKY: bool> Job for Plain<'_, T, TANGENT, LEAKY> {
    type Output = ();
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Self(leaf, mut tile) = self;
        let (fx, fy, stop) = (tile.x(0), tile.y(0), tile.stop);
        let (mut cos, mut code, mut theta) = ([T::ZERO; LANES], [T::ZERO; LANES], [T::ZERO; LANES]);
        for i in 0..tile.rows {
            let fx = fx[i];
            for (row, fy) in tile.row(i).chunks_mut(LANES).zip(fy.chunks(LANES)) {
                let n = row.len();
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let (cos, code, theta) = (&mut cos[..n], &mut code[..n], &mut theta[..n]);
                for j in 0..n {
                    let (c, v) = decode(row[j]);
                    let (c1, e1, k0) = leaf.layer::<FMA, LEAKY>(row[j], c, v);
                    (cos[j], code[j]) = (c1, e1);
                    theta[j] = c.mul_add::<FMA>(k0, c1);
                }
                for _ in 1..leaf.depth {
                    for j in 0..n {
                        let (c, e) = (cos[j], code[j]);
                        let v = if LEAKY && e < T::ZERO { T::ONE - c } else { e };
                        let (c1, e1, k0) = leaf.layer::<FMA, LEAKY>(e, c, v);
                        (cos[j], code[j]) = (c1, e1);
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

/// With biases covariances and standard deviations are carried beside the angle.
struct Biased<'a, T, const TANGENT: bool, const LEAKY: bool>(Relu<T>, Tile<'a, T>);

impl<T: Real, const TANGENT: bool, const LEAKY: bool> Job for Biased<'_, T, TANGENT, LEAKY> {
    type Output = ();
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Self(leaf, mut tile) = self;
        let (mut code, mut cov, mut theta) = ([T::ZERO; LANES], [T::ZERO; LANES], [T::ZERO; LANES]);
        let b = leaf.bias;
        for i in 0..tile.rows {
            for at in (0..tile.cols).step_by(LANES) {
                let n = LANES.min(tile.cols - at);
                if tile.stopped() {
                    return;
                }
                let (code, cov, theta) = (&mut code[..n], &mut cov[..n], &mut theta[..n]);
                let (nx, sx) = (tile.x(0)[i], tile.x(1)[i]);
                let (ny, sy) = (&tile.y(0)[at..at + n], &tile.y(1)[at..at + n]);
                let row = &tile.row(i)[at..at + n];
                for j in 0..n {
                    let (k, e) = mixed::<T, FMA>(leaf.first, b, (nx, ny[j]), sx * sy[j], row[j], decode(row[j]));
                    (code[j], cov[j], theta[j]) = (e, k, k);
                }
                for l in 0..leaf.depth {
                    let (sx, tx) = (tile.x(l + 1)[i], tile.x(l + 2)[i]);
                    let (sy, ty) = (&tile.y(l + 1)[at..at + n], &tile.y(l + 2)[at..at + n]);
                    for j in 0..n {
                        let (c, v) = decode(code[j]);
                        let (c1, e1, k0) = leaf.layer::<FMA, LEAKY>(code[j], c, v);
                        let v1 = if LEAKY && e1 < T::ZERO { T::ONE - c1 } else { e1 };
                        let (k, e) = mixed::<T, FMA>(leaf.later, b, (sx, sy[j]), tx * ty[j], e1, (c1, v1));
                        (code[j], cov[j]) = (e, k);
                        theta[j] = (leaf.later * theta[j]).mul_add::<FMA>(k0, k);
                    }
                }
                tile.row(i)[at..at + n].copy_from_slice(if TANGENT { theta } else { cov });
            }
        }
    }
}
