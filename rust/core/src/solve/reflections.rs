//! Householder reflections of a panel of columns, and the orthogonal matrix that all of them make.

use super::shifts::{BAND, Band};
use crate::error::Result;
use crate::matrix::{Packed, Rows, TILE, dot, product_steps};
use crate::memory::{Buffer, alloc};
use crate::simd::{Job, Level, Micro, dispatch};
use crate::threads::Context;

/// Householder reflections of one panel, `I - V T V^T`, of the rows from `from` on: both packed by rows of `V^T`, and `V`
/// a tile of rows each.
pub(super) struct Reflections {
    from: usize,
    pub(super) t: Buffer<f64>,
    across: Packed<f64>,
    down: Vec<Packed<f64>>,
}

/// Make the reflections of a panel, m values a column, which they take the place of, by rows in `v` too; what is left of
/// it goes to the rows of the band from `from` on.
pub(super) fn reflect(
    context: &Context<'_>,
    from: usize,
    columns: &mut [f64],
    v: &mut [f64],
    band: &mut Band,
) -> Result<Reflections> {
    let m = columns.len() / BAND;
    let mut t = alloc::<f64>(BAND * BAND, "reflections")?;
    dispatch(context.level, Reflect { columns, m, t: &mut t });
    for (c, column) in columns.chunks_exact_mut(m).enumerate() {
        for (r, &value) in column.iter().enumerate().take(c + 1) {
            band.row_mut(from + r)[c - r] = value;
        }
        column[..c.min(m)].fill(0.0);
        if c < m {
            column[c] = 1.0;
        }
        column.iter().enumerate().for_each(|(i, &x)| v[i * BAND + c] = x);
    }
    pack(context, from, columns, v, t)
}

/// Makes the reflections of a panel, m values a column: below their ones they take the place of what they make zero.
struct Reflect<'a> {
    columns: &'a mut [f64],
    m: usize,
    t: &'a mut [f64],
}

impl Job for Reflect<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Self { columns, m, t } = self;
        for c in 0..BAND.min(m) {
            let (done, rest) = columns.split_at_mut(c * m);
            let (own, later) = rest.split_at_mut(m);
            let first = own[c];
            let largest = own[c + 1..].iter().fold(0.0_f64, |most, v| most.max(v.abs()));
            // Of size one, so that squares neither vanish nor overflow.
            let size = first.abs().max(largest);
            if largest == 0.0 || !size.is_finite() {
                own[c + 1..].fill(0.0);
                continue;
            }
            let scale = 1.0 / size;
            own[c..].iter_mut().for_each(|v| *v *= scale);
            let lead = own[c];
            let length = dot::<f64, FMA>(&own[c..], &own[c..]).sqrt();
            let beta = -length.copysign(lead);
            let tau = (beta - lead) / beta;
            let under = 1.0 / (lead - beta);
            own[c + 1..].iter_mut().for_each(|v| *v *= under);
            own[c] = 1.0;
            for later in later.chunks_exact_mut(m) {
                let share = tau * dot::<f64, FMA>(&own[c..], &later[c..]);
                later[c..].iter_mut().zip(&own[c..]).for_each(|(a, &v)| *a -= share * v);
            }
            t[c * BAND + c] = tau;
            // -tau T (V^T v), of the reflections before it, whose own tops are no part of them.
            let mut inner = [0.0; BAND];
            for (k, (before, inner)) in done.chunks_exact(m).zip(&mut inner).enumerate() {
                *inner = if t[k * BAND + k] == 0.0 { 0.0 } else { dot::<f64, FMA>(&before[c..], &own[c..]) };
            }
            for k in 0..c {
                t[k * BAND + c] = -tau * (k..c).map(|l| t[k * BAND + l] * inner[l]).sum::<f64>();
            }
            own[c] = beta * size;
        }
    }
}

/// Pack reflections that are given by columns and by rows.
fn pack(context: &Context<'_>, from: usize, columns: &[f64], v: &[f64], t: Buffer<f64>) -> Result<Reflections> {
    let (m, mr) = (columns.len() / BAND, f64::block(context.level).0);
    let mut across = Packed::new(mr);
    across.pack(context, Rows::new(columns, BAND, m), (0, m), None)?;
    let mut down: Vec<Packed<f64>> = (0..m.div_ceil(TILE)).map(|_| Packed::new(mr)).collect();
    context.each_part(
        down.iter_mut().zip(v.chunks(TILE * BAND)),
        || Ok(()),
        |(), _, (pack, rows)| {
            let height = rows.len() / BAND;
            pack.reserve(height, BAND)?;
            pack.fill(Rows::new(rows, height, BAND));
            Ok(())
        },
    )?;
    Ok(Reflections { from, t, across, down })
}

/// The product of all reflections, a tile of columns each, n rows after the other.
pub(super) fn rotation(context: &Context<'_>, n: usize, all: &[Reflections]) -> Result<Vec<Buffer<f64>>> {
    let mut strips: Vec<Buffer<f64>> = (0..n.div_ceil(TILE)).map(|_| Buffer::default()).collect();
    context.each_part(
        strips.iter_mut(),
        || Ok([alloc::<f64>(BAND * TILE, "a tile")?, alloc(BAND * TILE, "a tile")?, alloc(TILE * TILE, "a tile")?]),
        |[inner, turned, tile], strip, out| {
            let j0 = strip * TILE;
            let mut s = alloc::<f64>(n * TILE, "reflections")?;
            for i in 0..TILE.min(n - j0) {
                s[(j0 + i) * TILE + i] = 1.0;
            }
            for reflections in all.iter().rev().filter(|r| r.from < j0 + TILE) {
                context.check()?;
                reflections.turn(context.level, &mut s[reflections.from * TILE..], inner, turned, tile);
            }
            *out = s;
            Ok(())
        },
    )?;
    Ok(strips)
}

impl Reflections {
    /// `s -= V T V^T s` for a tile's width of columns.
    fn turn(&self, level: Level, s: &mut [f64], inner: &mut [f64], turned: &mut [f64], tile: &mut [f64]) {
        product_steps(level, &self.across, BAND, s, (TILE, TILE), inner, TILE);
        turned.fill(0.0);
        for i in 0..BAND {
            for k in i..BAND {
                let share = self.t[i * BAND + k];
                let row = &inner[k * TILE..][..TILE];
                turned[i * TILE..][..TILE].iter_mut().zip(row).for_each(|(to, &v)| *to += share * v);
            }
        }
        for (pack, rows) in self.down.iter().zip(s.chunks_mut(TILE * TILE)) {
            let height = rows.len() / TILE;
            product_steps(level, pack, height, turned, (TILE, TILE), tile, TILE);
            rows.iter_mut().zip(tile.iter()).for_each(|(to, &v)| *to -= v);
        }
    }
}
