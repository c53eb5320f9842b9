//! Shifts of a band matrix: factors, solutions, and what its rotation makes of them.

use crate::error::{Error, Result};
use crate::matrix::{TILE, dot};
use crate::memory::{Buffer, Shared, alloc};
use crate::scalar::Scalar;
use crate::simd::{Job, dispatch};
use crate::threads::Context;

/// Entries left of the diagonal: whole register blocks, and a divisor of a tile's width.
pub(super) const BAND: usize = 48;

/// Rows of a rotation that substitution takes together.
const LANES: usize = 32;

/// The lower triangle of a symmetric band: of every row the entries up to the diagonal, which comes last.
pub(super) struct Band {
    values: Buffer<f64>,
}

impl Band {
    pub(super) fn new(n: usize) -> Result<Self> {
        Ok(Self { values: alloc(n * (BAND + 1), "a band")? })
    }

    pub(super) fn row_mut(&mut self, i: usize) -> &mut [f64] {
        &mut self.values[i * (BAND + 1)..][..BAND + 1]
    }

    /// The Cholesky factor of the band plus `alpha` times the identity.
    fn factor(&self, context: &Context<'_>, alpha: f64) -> Result<Band> {
        let mut values = alloc(self.values.len(), "a band's factor")?;
        values.copy_from_slice(&self.values);
        dispatch(context.level, Factor { values: &mut values, alpha })?;
        Ok(Band { values })
    }
}

struct Factor<'a> {
    values: &'a mut [f64],
    alpha: f64,
}

impl Job for Factor<'_> {
    type Output = Result<()>;

    #[inline(always)]
    fn run<const FMA: bool>(self) -> Result<()> {
        let n = self.values.len() / (BAND + 1);
        for i in 0..n {
            let (above, rest) = self.values.split_at_mut(i * (BAND + 1));
            let row = &mut rest[..BAND + 1];
            let first = BAND.saturating_sub(i);
            for c in first..BAND {
                // Row j ends at its diagonal, column c of this one.
                let j = i + c - BAND;
                let upper = &above[j * (BAND + 1)..][..BAND + 1];
                let inner = dot::<f64, FMA>(&row[first..c], &upper[BAND - (c - first)..BAND]);
                row[c] = (row[c] - inner) / upper[BAND];
            }
            let pivot = row[BAND] + self.alpha - dot::<f64, FMA>(&row[first..BAND], &row[first..BAND]);
            if !(pivot > 0.0 && pivot.is_finite()) {
                return Err(Error::NotPositiveDefinite { pivot: i, n, value: pivot });
            }
            row[BAND] = pivot.sqrt();
        }
        Ok(())
    }
}

/// An orthogonal matrix, a tile of columns each, their n rows one after the other.
pub(super) struct Rotated<'a> {
    pub(super) n: usize,
    pub(super) strips: &'a [Buffer<f64>],
}

impl Rotated<'_> {
    /// Write `(Q B Q^T + alpha I)^-1 Y` and the diagonal of the inverse for every alpha.
    pub(super) fn inverses(
        &self,
        context: &Context<'_>,
        band: &Band,
        alphas: &[f64],
        y: &[f64],
        solutions: &mut [f64],
        diagonals: &mut [f64],
    ) -> Result<()> {
        let (n, t) = (self.n, y.len() / self.n);
        let mut factors: Vec<Option<Band>> = alphas.iter().map(|_| None).collect();
        let turned = self.turned(context, y, t)?;
        let all = alphas.len() * t;
        let mut x = alloc::<f64>(n * all, "solutions")?;
        let shared = Shared::new(&mut x);
        context.each_part(
            factors.iter_mut().zip(alphas),
            || Ok(()),
            |(), at, (factor, &alpha)| {
                let found = band.factor(context, alpha)?;
                let mut own = alloc::<f64>(n * t, "solutions")?;
                own.copy_from_slice(&turned);
                dispatch(context.level, Substitute { l: &found.values, x: &mut own, t });
                for (i, own) in own.chunks_exact(t.max(1)).enumerate() {
                    // SAFETY: these columns are this task's.
                    unsafe { shared.part(i * all + at * t, t) }.copy_from_slice(own);
                }
                *factor = Some(found);
                Ok(())
            },
        )?;
        let (x, factors): (&[f64], Vec<Band>) = (&x, factors.into_iter().flatten().collect());
        let (solutions, diagonals) = (Shared::new(solutions), Shared::new(diagonals));
        context.each(
            n.div_ceil(LANES),
            || Ok((alloc::<f64>(n * LANES, "rows")?, alloc::<f64>(LANES * all, "solutions")?)),
            |(lanes, sums), task| {
                let i0 = task * LANES;
                let height = LANES.min(n - i0);
                self.lanes(i0, height, lanes);
                dispatch(context.level, Combine { lanes, x, all, sums });
                for (i, own) in sums.chunks_exact(all.max(1)).take(height).enumerate() {
                    for (at, own) in own.chunks_exact(t.max(1)).enumerate() {
                        // SAFETY: these rows are this task's.
                        unsafe { solutions.part((at * n + i0 + i) * t, t) }.copy_from_slice(own);
                    }
                }
                for (at, factor) in factors.iter().enumerate() {
                    context.check()?;
                    let found = dispatch(context.level, Squares { l: &factor.values, lanes });
                    // SAFETY: as above.
                    unsafe { diagonals.part(at * n + i0, height) }.copy_from_slice(&found[..height]);
                }
                Ok(())
            },
        )
    }

    /// `Q^T Y`.
    fn turned(&self, context: &Context<'_>, y: &[f64], t: usize) -> Result<Buffer<f64>> {
        let mut out = alloc::<f64>(self.n * t, "right-hand sides")?;
        context.each_part(
            out.chunks_mut((TILE * t).max(1)).zip(self.strips),
            || Ok(()),
            |(), _, (out, strip)| {
                for (row, y) in strip.chunks_exact(TILE).zip(y.chunks_exact(t)) {
                    for (out, &q) in out.chunks_exact_mut(t).zip(row) {
                        out.iter_mut().zip(y).for_each(|(o, &y)| *o += q * y);
                    }
                }
                Ok(())
            },
        )?;
        Ok(out)
    }

    /// Write rows of the matrix beside each other; what is left of the lanes is zero.
    fn lanes(&self, i0: usize, height: usize, lanes: &mut [f64]) {
        if height < LANES {
            lanes.fill(0.0);
        }
        for (strip, lanes) in self.strips.iter().zip(lanes.chunks_mut(TILE * LANES)) {
            for (i, row) in strip[i0 * TILE..].chunks_exact(TILE).take(height).enumerate() {
                lanes.chunks_exact_mut(LANES).zip(row).for_each(|(to, &v)| to[i] = v);
            }
        }
    }
}

/// Solves `L L^T x = x` for `t` columns of a band's factor.
struct Substitute<'a> {
    l: &'a [f64],
    x: &'a mut [f64],
    t: usize,
}

impl Job for Substitute<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Self { l, x, t } = self;
        let n = l.len() / (BAND + 1);
        for i in 0..n {
            let row = &l[i * (BAND + 1)..][..BAND + 1];
            let first = BAND.saturating_sub(i);
            let (done, rest) = x.split_at_mut(i * t);
            let own = &mut rest[..t];
            for (&l, done) in row[first..BAND].iter().zip(done[(i + first - BAND) * t..].chunks_exact(t.max(1))) {
                own.iter_mut().zip(done).for_each(|(x, &d)| *x = Scalar::mul_add::<FMA>(-l, d, *x));
            }
            own.iter_mut().for_each(|x| *x /= row[BAND]);
        }
        for i in (0..n).rev() {
            let row = &l[i * (BAND + 1)..][..BAND + 1];
            let first = BAND.saturating_sub(i);
            let (before, rest) = x.split_at_mut(i * t);
            let own = &mut rest[..t];
            own.iter_mut().for_each(|x| *x /= row[BAND]);
            let before = before[(i + first - BAND) * t..].chunks_exact_mut(t.max(1));
            for (&l, before) in row[first..BAND].iter().zip(before) {
                before.iter_mut().zip(&*own).for_each(|(b, &x)| *b = Scalar::mul_add::<FMA>(-l, x, *b));
            }
        }
    }
}

/// Rows of a rotation, beside each other, times columns.
struct Combine<'a> {
    lanes: &'a [f64],
    x: &'a [f64],
    all: usize,
    sums: &'a mut [f64],
}

impl Job for Combine<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        self.sums.fill(0.0);
        for (lanes, x) in self.lanes.chunks_exact(LANES).zip(self.x.chunks_exact(self.all.max(1))) {
            for (&q, sums) in lanes.iter().zip(self.sums.chunks_exact_mut(self.all.max(1))) {
                sums.iter_mut().zip(x).for_each(|(s, &x)| *s = Scalar::mul_add::<FMA>(q, x, *s));
            }
        }
    }
}

/// The squared lengths of `L^-1 q` for rows q beside each other.
struct Squares<'a> {
    l: &'a [f64],
    lanes: &'a [f64],
}

impl Job for Squares<'_> {
    type Output = [f64; LANES];

    #[inline(always)]
    fn run<const FMA: bool>(self) -> [f64; LANES] {
        let mut sums = [0.0; LANES];
        // The last steps, and room for as many more.
        let mut past = [[0.0; LANES]; 2 * BAND];
        let mut at = BAND;
        let (lanes, _) = self.lanes.as_chunks::<LANES>();
        for (row, q) in self.l.chunks_exact(BAND + 1).zip(lanes) {
            if at == 2 * BAND {
                past.copy_within(BAND.., 0);
                at = BAND;
            }
            let mut x = *q;
            for (&l, past) in row[..BAND].iter().zip(&past[at - BAND..at]) {
                for (x, &p) in x.iter_mut().zip(past) {
                    *x = Scalar::mul_add::<FMA>(-l, p, *x);
                }
            }
            let scale = 1.0 / row[BAND];
            for ((x, sum), to) in x.iter().zip(&mut sums).zip(&mut past[at]) {
                *to = x * scale;
                *sum = Scalar::mul_add::<FMA>(*to, *to, *sum);
            }
            at += 1;
        }
        sums
    }
}
