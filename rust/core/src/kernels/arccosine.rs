//! Arc-cosine kernels of orders 0, 1 and 2 (Cho and Saul 2009): `|x|^n |x'|^n J_n(theta) / pi`.

use super::leaf::{Input, Leaf, Tile};
use crate::error::Result;
use crate::matrix::Rows;
use crate::memory::{Buffer, alloc};
use crate::real::Real;
use crate::simd::{Job, Level, dispatch};
use crate::threads::Context;

/// `2 E[relu(w.x)^n relu(w.x')^n]`, `w ~ N(0, I)`; order 0 has `step(0) = 0`.
#[derive(Clone, Copy)]
pub(super) struct ArcCosine {
    pub(super) order: u32,
}

impl<T: Real> Leaf<T> for ArcCosine {
    fn input(&self) -> Input {
        Input::Angle
    }

    /// `|x|^n`, which is 0 for a row of zeros at order 0 too.
    fn side(&self, _context: &Context<'_>, _rows: Rows<'_, T>, q: &[T]) -> Result<Buffer<T>> {
        let mut out = alloc(q.len(), "norms")?;
        for (o, &q) in out.iter_mut().zip(q) {
            *o = match self.order {
                0 if q > T::ZERO => T::ONE,
                0 => T::ZERO,
                1 => q.sqrt(),
                _ => q,
            };
        }
        Ok(out)
    }

    fn evaluate(&self, level: Level, tile: Tile<'_, T>) {
        match self.order {
            0 => dispatch(level, Order::<T, 0>(tile)),
            1 => dispatch(level, Order::<T, 1>(tile)),
            _ => dispatch(level, Order::<T, 2>(tile)),
        }
    }
}

struct Order<'a, T, const N: u32>(Tile<'a, T>);

impl<T: Real, const N: u32> Job for Order<'_, T, N> {
    type Output = ();
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let mut tile = self.0;
        let pi = T::from_f64(std::f64::consts::PI);
        let inverse_pi = T::from_f64(std::f64::consts::FRAC_1_PI);
        let (two, three) = (T::from_f64(2.0), T::from_f64(3.0));
        let (fx, fy) = (tile.x(0), tile.y(0));
        for i in 0..tile.rows {
            let fx = fx[i];
            for (v, &fy) in tile.row(i).iter_mut().zip(fy) {
                let e = *v;
                let rest = pi - e.angle::<FMA>();
                let cos = (T::ONE - e.abs()).copysign(e);
                let sin = (e.abs() * (two - e.abs())).sqrt();
                let j = match N {
                    0 => rest,
                    1 => rest.mul_add::<FMA>(cos, sin),
                    _ => rest.mul_add::<FMA>((two * cos).mul_add::<FMA>(cos, T::ONE), three * sin * cos),
                };
                // Clamped: just past antiparallel rounding could leave a negative value.
                *v = (j * inverse_pi).max(T::ZERO) * (fx * fy);
            }
        }
    }
}
