//! Inner products of rows about an origin, a block of columns at a time: no centred copy of the rows.

use crate::error::{Result, fits};
use crate::matrix::{DEPTH, Packed, Rows};
use crate::memory::Shared;
use crate::real::Real;
use crate::threads::Context;
use crate::tiles::run_packed;

use super::moments::{Accumulate, mirror};

/// Columns taken together: the length of the sums done in the input's own precision.
const BLOCK: usize = 8 * DEPTH;

/// `out[i][j] = (x_i - shift).(x_j - shift)` in f64, n x n.
///
/// # Errors
/// Shapes that do not fit, memory, interruption.
///
/// # Cost
/// `n^2 d` flops; memory `n` times 2,048 values beyond `out`.
pub fn inner_products<T: Real>(context: &Context<'_>, x: Rows<'_, T>, shift: &[T], out: &mut [f64]) -> Result<()> {
    fits("elements of shift", x.d, shift.len())?;
    fits("elements of out", x.n * x.n, out.len())?;
    out.fill(0.0);
    let mut pack = Packed::new(T::block(context.level).1);
    for first in (0..x.d).step_by(BLOCK) {
        let depth = BLOCK.min(x.d - first);
        pack.pack(context, x, (first, depth), Some(&shift[first..first + depth]))?;
        run_packed(context, &pack, x.n, &mut Accumulate { out: Shared::new(out), p: x.n })?;
    }
    mirror(out, x.n);
    Ok(())
}
