//! The two-sided update of a symmetric matrix by reflections, `(I - V T V^T)^T A (I - V T V^T)`, of which one triangle is kept.

use super::shifts::BAND;
use crate::error::Result;
use crate::matrix::{Packed, Rows, TILE, product, product_steps};
use crate::memory::{Buffer, alloc};
use crate::scalar::Scalar;
use crate::simd::{Job, Level, Micro, dispatch};
use crate::threads::Context;

/// Scratch of the updates of one matrix.
pub(super) struct TwoSided {
    w: Buffer<f64>,
    both: Buffer<f64>,
    other: Buffer<f64>,
    left: Packed<f64>,
    right: Packed<f64>,
}

impl TwoSided {
    pub(super) fn new(level: Level, n: usize) -> Result<Self> {
        let (mr, nr) = f64::block(level);
        Ok(Self {
            w: alloc(n * BAND, "products with reflections")?,
            both: alloc(2 * n * BAND, "reflections")?,
            other: alloc(2 * n * BAND, "reflections")?,
            left: Packed::new(mr),
            right: Packed::new(nr),
        })
    }

    /// Update the lower triangle of the rows from `from` on by reflections, given by columns and by rows.
    pub(super) fn take(
        &mut self,
        context: &Context<'_>,
        (a, n, from): (&mut [f64], usize, usize),
        (columns, v): (&[f64], &[f64]),
        t: &[f64],
    ) -> Result<()> {
        let m = n - from;
        let w = &mut self.w[..m * BAND];
        times_symmetric(context, (a, n, from), (columns, v), w)?;
        let (both, other) = (&mut self.both[..2 * m * BAND], &mut self.other[..2 * m * BAND]);
        halves(context, v, w, t, (both, other))?;
        self.left.pack(context, Rows::new(both, m, 2 * BAND), (0, 2 * BAND), None)?;
        self.right.pack(context, Rows::new(other, m, 2 * BAND), (0, 2 * BAND), None)?;
        let (left, right) = (&self.left, &self.right);
        context.each_part(
            a[from * n..].chunks_mut(TILE * n),
            || alloc::<f64>(TILE * TILE, "a tile"),
            |tile, task, rows| {
                let (i0, height) = (task * TILE, rows.len() / n);
                for j0 in (0..=i0).step_by(TILE) {
                    let wide = TILE.min(m - j0);
                    product(context.level, left, (i0, height), right, (j0, wide), tile, TILE, i0 == j0);
                    for (i, (row, values)) in rows.chunks_exact_mut(n).zip(tile.chunks_exact(TILE)).enumerate() {
                        let wide = if i0 == j0 { i + 1 } else { wide };
                        let row = &mut row[from + j0..][..wide];
                        row.iter_mut().zip(values).for_each(|(a, &v)| *a -= v);
                    }
                }
                Ok(())
            },
        )
    }
}

/// Write `A V` to `w`, for the symmetric matrix of the rows from `from` on, of which the lower triangle is read.
fn times_symmetric(
    context: &Context<'_>,
    (a, n, from): (&[f64], usize, usize),
    (columns, v): (&[f64], &[f64]),
    w: &mut [f64],
) -> Result<()> {
    let (level, m) = (context.level, n - from);
    let mr = f64::block(level).0;
    // The transposed reflections, a tile's steps each.
    let mut across: Vec<Packed<f64>> = (0..m.div_ceil(TILE)).map(|_| Packed::new(mr)).collect();
    for (part, pack) in across.iter_mut().enumerate() {
        pack.reserve(BAND, TILE.min(m - part * TILE))?;
        pack.whole().fill(Rows::new(columns, BAND, m), part * TILE, None);
    }
    let across = &across;
    context.each_part(
        w.chunks_mut(TILE * BAND),
        || {
            let tiles =
                [alloc::<f64>(TILE * BAND, "a tile")?, alloc(TILE * BAND, "a tile")?, alloc(TILE * BAND, "a tile")?];
            Ok((Packed::new(mr), alloc::<f64>(TILE * TILE, "a tile")?, tiles))
        },
        |(pack, steps, [own, part, sum]), task, w| {
            let (j0, height) = (task * TILE, w.len() / BAND);
            let rows = &a[(from + j0) * n..][..height * n];
            if j0 > 0 {
                pack.reserve(height, j0)?;
                pack.whole().fill(Rows::new(rows, height, n), from, None);
                product_steps(level, pack, height, v, (BAND, BAND), own, BAND);
            } else {
                own.fill(0.0);
            }
            sum.fill(0.0);
            for (k, across) in across.iter().enumerate().skip(task) {
                let k0 = k * TILE;
                let deep = TILE.min(m - k0);
                copy_steps(&a[(from + k0) * n + from + j0..], (n, deep, height), k == task, steps);
                product_steps(level, across, BAND, steps, (TILE, TILE), part, TILE);
                sum.iter_mut().zip(&**part).for_each(|(sum, &v)| *sum += v);
            }
            for (i, (w, own)) in w.chunks_exact_mut(BAND).zip(own.chunks_exact(BAND)).enumerate() {
                for (c, (w, own)) in w.iter_mut().zip(own).enumerate() {
                    *w = own + sum[c * TILE + i];
                }
            }
            Ok(())
        },
    )
}

/// Copy a tile of rows that lie `n` apart to `steps`; of one on the diagonal the lower triangle, and its mirror image.
fn copy_steps(a: &[f64], (n, deep, height): (usize, usize, usize), diagonal: bool, steps: &mut [f64]) {
    steps.fill(0.0);
    for (i, (to, row)) in steps.chunks_exact_mut(TILE).zip(a.chunks(n)).take(deep).enumerate() {
        let wide = if diagonal { i + 1 } else { height };
        to[..wide].copy_from_slice(&row[..wide]);
    }
    for i in (0..deep).filter(|_| diagonal) {
        for l in 0..i {
            steps[l * TILE + i] = steps[i * TILE + l];
        }
    }
}

/// Write `[V W]` and `[W V]` with `W = A V T - V T^T (V^T A V T) / 2`, from `w = A V`, which is destroyed.
fn halves(
    context: &Context<'_>,
    v: &[f64],
    w: &mut [f64],
    t: &[f64],
    (both, other): (&mut [f64], &mut [f64]),
) -> Result<()> {
    let level = context.level;
    let mut sums = alloc::<f64>(v.len().div_ceil(TILE * BAND) * BAND * BAND, "inner products")?;
    context.each_part(
        w.chunks_mut(TILE * BAND).zip(v.chunks(TILE * BAND)).zip(sums.chunks_exact_mut(BAND * BAND)),
        || Ok(()),
        |(), _, ((w, v), sums)| {
            dispatch(level, Turn { v, w, t, sums });
            Ok(())
        },
    )?;
    let (inner, rest) = sums.split_at_mut(BAND * BAND);
    for part in rest.chunks_exact(BAND * BAND) {
        inner.iter_mut().zip(part).for_each(|(sum, &v)| *sum += v);
    }
    // T^T S / 2.
    let mut half = alloc::<f64>(BAND * BAND, "inner products")?;
    for i in 0..BAND {
        for k in 0..=i {
            let share = t[k * BAND + i] / 2.0;
            let row = &inner[k * BAND..][..BAND];
            half[i * BAND..][..BAND].iter_mut().zip(row).for_each(|(h, &s)| *h += share * s);
        }
    }
    let half = &half;
    let parts = both.chunks_mut(2 * TILE * BAND).zip(other.chunks_mut(2 * TILE * BAND));
    context.each_part(
        w.chunks(TILE * BAND).zip(v.chunks(TILE * BAND)).zip(parts),
        || Ok(()),
        |(), _, ((w, v), (both, other))| {
            dispatch(level, Less { v, w, half, both, other });
            Ok(())
        },
    )
}

/// `w = w T`, and `sums = V^T w`.
struct Turn<'a> {
    v: &'a [f64],
    w: &'a mut [f64],
    t: &'a [f64],
    sums: &'a mut [f64],
}

impl Job for Turn<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        for (w, v) in self.w.chunks_exact_mut(BAND).zip(self.v.chunks_exact(BAND)) {
            let out = combined::<FMA>(w, self.t);
            w.copy_from_slice(&out);
            for (v, sums) in v.iter().zip(self.sums.chunks_exact_mut(BAND)) {
                for (s, w) in sums.iter_mut().zip(&out) {
                    *s = Scalar::mul_add::<FMA>(*v, *w, *s);
                }
            }
        }
    }
}

/// The combination of the rows of a square block.
#[inline(always)]
fn combined<const FMA: bool>(shares: &[f64], block: &[f64]) -> [f64; BAND] {
    let mut out = [0.0; BAND];
    for (share, row) in shares.iter().zip(block.chunks_exact(BAND)) {
        for (o, r) in out.iter_mut().zip(row) {
            *o = Scalar::mul_add::<FMA>(*share, *r, *o);
        }
    }
    out
}

/// Rows `[v, w - v half]` and `[w - v half, v]`.
struct Less<'a> {
    v: &'a [f64],
    w: &'a [f64],
    half: &'a [f64],
    both: &'a mut [f64],
    other: &'a mut [f64],
}

impl Job for Less<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let rows = self.v.chunks_exact(BAND).zip(self.w.chunks_exact(BAND));
        let to = self.both.chunks_exact_mut(2 * BAND).zip(self.other.chunks_exact_mut(2 * BAND));
        for ((v, w), (both, other)) in rows.zip(to) {
            let less = combined::<FMA>(v, self.half);
            both[..BAND].copy_from_slice(v);
            other[BAND..].copy_from_slice(v);
            for ((w, less), (both, other)) in w.iter().zip(less).zip(both[BAND..].iter_mut().zip(&mut *other)) {
                *both = w - less;
                *other = w - less;
            }
        }
    }
}
