//! The sweep of rows against a feature map's projections, by tiles of products or by fast transforms.

use crate::error::{Result, fits};
use crate::features::{FeatureMap, Hadamard, LANES, Projection};
use crate::matrix::{Rows, TILE};
use crate::memory::alloc;
use crate::real::Real;
use crate::threads::Context;
use crate::tiles::{Consumer, Edge, Epilogue, Which, hand, run, run_columns};

/// Tasks a sweep is cut into, at least, so that threads can share it.
const TASKS: usize = 48;

/// Hand every tile of features of `x` to `consumer`, whose sums are not symmetric.
///
/// # Errors
/// As [`run`].
///
/// # Cost
/// `2 n p d` flops with a weight matrix of `p` rows, `6 n p log2 d` additions with structured ones, and the activation.
pub(super) fn sweep<T: Real, C: Consumer<T>>(
    context: &Context<'_>,
    map: &FeatureMap<T>,
    x: Rows<'_, T>,
    consumer: &mut C,
) -> Result<()> {
    match map.projection() {
        Projection::Dense(w) => {
            let weights = Rows::new(w, map.directions(), map.d());
            run(context, x, Some(weights), &map.epilogue(), consumer)
        }
        Projection::Packed(columns) => run_columns(context, x, columns, &map.epilogue(), consumer),
        Projection::Hadamard(h) => transformed(context, h, x, &map.epilogue(), consumer),
    }
}

/// The same by transforms: the rows of a tile are those transformed together, its columns as many as a tile has.
fn transformed<T: Real, E: Epilogue<T, Side = ()>, C: Consumer<T>>(
    context: &Context<'_>,
    projection: &Hadamard<T>,
    x: Rows<'_, T>,
    epilogue: &E,
    consumer: &mut C,
) -> Result<()> {
    let (p, order, level) = (projection.directions(), projection.order(), context.level);
    let (groups, blocks) = (x.n.div_ceil(LANES), p.div_ceil(order));
    let strips = TASKS.div_ceil(groups.max(1)).clamp(1, blocks.max(1));
    consumer.sweep(strips, 0..p)?;
    let shared: &C = consumer;
    let ahead = shared.ahead();
    context.each(
        ahead + groups * strips,
        || {
            let tile = alloc(TILE * TILE * epilogue.outputs(), "a tile")?;
            Ok((projection.scratch()?, tile, epilogue.scratch()?, shared.state()?))
        },
        |(scratch, tile, epilogue_scratch, state), task| {
            if task < ahead {
                shared.prepare(task);
                return Ok(());
            }
            let (group, strip) = ((task - ahead) / strips, (task - ahead) % strips);
            let start = group * LANES;
            let rows = x.slice(start, LANES.min(x.n - start));
            let mut norms = [T::ZERO; LANES];
            for (i, q) in norms[..rows.n].iter_mut().enumerate() {
                *q = rows.row(i).iter().fold(T::ZERO, |s, &v| s + v * v);
            }
            epilogue.side(context, Which::Row, start, rows, &norms[..rows.n])?;
            let row_edge = Edge { rows, norms: &norms[..rows.n], side: &(), at: 0, start, stop: context.stop() };
            projection.load(level, scratch, rows);
            shared.begin(state);
            for block in strip * blocks / strips..(strip + 1) * blocks / strips {
                context.check()?;
                projection.project(level, scratch, block);
                let first = block * order;
                for at in (0..order.min(p - first)).step_by(TILE) {
                    let n = TILE.min(order.min(p - first) - at);
                    projection.write(level, scratch, (at, n), rows.n, tile, TILE);
                    let cols = Rows::new(&[], n, 0);
                    let start = first + at;
                    let col_edge = Edge { rows: cols, norms: &[], side: &(), at: start, start, stop: context.stop() };
                    epilogue.apply(level, epilogue_scratch, tile, &row_edge, &col_edge);
                    // SAFETY: groups share no rows, strips of a group no columns.
                    unsafe { hand(shared, state, tile, strip, &row_edge, &col_edge) };
                }
            }
            // SAFETY: every task has its own strip of its own rows.
            unsafe { shared.end(state, strip, start..start + rows.n) };
            Ok(())
        },
    )?;
    consumer.collect(context)
}

/// The weights of a map, one row for each projection.
///
/// # Errors
/// Shapes that do not fit, memory, interruption.
pub fn weights<T: Real>(context: &Context<'_>, map: &FeatureMap<T>, out: &mut [T]) -> Result<()> {
    fits("elements of out", map.directions() * map.d(), out.len())?;
    let h = match map.projection() {
        Projection::Dense(w) => {
            out.copy_from_slice(w);
            return Ok(());
        }
        Projection::Packed(columns) => {
            for (j, row) in out.chunks_mut(map.d().max(1)).enumerate() {
                row.iter_mut().enumerate().for_each(|(k, w)| *w = columns.pack.panel(k, j)[0]);
            }
            return Ok(());
        }
        Projection::Hadamard(h) => h,
    };
    // The projections of unit vectors are the matrix's columns.
    let (d, p) = (map.d(), map.directions());
    let mut scratch = h.scratch()?;
    let mut units = alloc(LANES * d, "unit vectors")?;
    for first in (0..d).step_by(LANES) {
        context.check()?;
        let n = LANES.min(d - first);
        units.fill(T::ZERO);
        (0..n).for_each(|l| units[l * d + first + l] = T::ONE);
        h.load(context.level, &mut scratch, Rows::new(&units[..n * d], n, d));
        for block in 0..p.div_ceil(h.order()) {
            h.project(context.level, &mut scratch, block);
            let start = block * h.order();
            for j in start..p.min(start + h.order()) {
                for l in 0..n {
                    out[j * d + first + l] = h.value(&scratch, j - start, l);
                }
            }
        }
    }
    Ok(())
}
