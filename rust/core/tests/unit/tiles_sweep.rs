//! Unit tests of `tiles::sweep`, with its private names.

use super::run;
use crate::error::Result;
use crate::matrix::{Rows, TILE};
use crate::memory::Shared;
use crate::simd::Level;
use crate::threads::{self, Context};
use crate::tiles::{Consumer, Edge, Epilogue, Place, Which, run_packed};
use proptest::prelude::*;

/// Leaves products as they are.
struct Plain;

impl Epilogue<f64> for Plain {
    type Side = ();
    type Scratch = ();
    fn side(&self, _: &Context<'_>, _: Which, _: usize, _: Rows<'_, f64>, _: &[f64]) -> Result<()> {
        Ok(())
    }
    fn scratch(&self) -> Result<()> {
        Ok(())
    }
    fn apply(&self, _: Level, (): &mut (), _: &mut [f64], x: &Edge<'_, f64, ()>, _: &Edge<'_, f64, ()>) {
        assert!((0..x.rows.n).all(|i| x.norms[i] == x.rows.row(i).iter().map(|v| v * v).sum::<f64>()));
    }
}

/// Adds one to every place that it takes, and the product.
struct Count<'a> {
    out: Shared<'a, f64>,
    m: usize,
    triangle: bool,
    groups: Option<usize>,
}

impl Consumer<f64> for Count<'_> {
    type State = ();
    fn triangle(&self) -> bool {
        self.triangle
    }
    fn groups(&self) -> Option<usize> {
        self.groups
    }
    fn state(&self) -> Result<()> {
        Ok(())
    }
    unsafe fn take(&self, (): &mut (), tile: &[f64], Place { rows, cols, .. }: &Place) {
        for i in rows.clone() {
            let n = if self.triangle { cols.end.min(i + 1).saturating_sub(cols.start) } else { cols.len() };
            // SAFETY: no place is taken twice.
            let out = unsafe { self.out.part(i * self.m + cols.start, n) };
            out.iter_mut().zip(&tile[(i - rows.start) * TILE..]).for_each(|(o, v)| *o += 1.0 + v);
        }
    }
}

fn numbers(n: usize) -> Vec<f64> {
    (0..3 * n).map(|i| (i * i % 7) as f64).collect()
}

fn check(out: &[f64], x: Rows<'_, f64>, y: Rows<'_, f64>, triangle: bool) {
    for (at, &v) in out.iter().enumerate() {
        let (i, j) = (at / y.n, at % y.n);
        let product: f64 = x.row(i).iter().zip(y.row(j)).map(|(x, y)| x * y).sum();
        assert_eq!(v, if triangle && j > i { 0.0 } else { 1.0 + product }, "{i}, {j} of {} x {}", x.n, y.n);
    }
}

#[test]
fn every_place_is_taken_once() {
    for (n, m, width, groups) in [(1, 1, 1, None), (200, 97, 2, None), (2 * TILE + 1, 301, 3, Some(3))] {
        let (x, y) = (numbers(n), numbers(m));
        let (x, y) = (Rows::new(&x, n, 3), Rows::new(&y, m, 3));
        let mut out = vec![0.0; n * m];
        let mut count = Count { out: Shared::new(&mut out), m, triangle: false, groups };
        threads::run(width, || true, |c| run(c, x, Some(y), &Plain, &mut count)).unwrap();
        check(&out, x, y, false);
    }
}

#[test]
fn every_place_of_a_triangle_is_taken_once() {
    for (n, groups) in [(1, None), (97, Some(2)), (500, None), (500, Some(16))] {
        let x = numbers(n);
        let x = Rows::new(&x, n, 3);
        let mut out = vec![0.0; n * n];
        let mut count = Count { out: Shared::new(&mut out), m: n, triangle: true, groups };
        threads::run(2, || true, |c| run(c, x, None, &Plain, &mut count)).unwrap();
        check(&out, x, x, true);
        let mut again = vec![0.0; n * n];
        let mut count = Count { out: Shared::new(&mut again), m: n, triangle: true, groups: None };
        threads::run(
            2,
            || true,
            |c| {
                let mut pack = crate::matrix::Packed::new(<f64 as crate::simd::Micro>::block(c.level).1);
                pack.pack(c, x, (0, 3), None)?;
                run_packed(c, &pack, n, &mut count)
            },
        )
        .unwrap();
        assert_eq!(out, again);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(32) })]

    #[test]
    fn places_of_drawn_shapes_are_taken_once(
        n in 1usize..4 * TILE,
        m in 1usize..4 * TILE,
        width in 1usize..4,
        groups in prop::option::of(1usize..20),
        triangle in any::<bool>(),
    ) {
        let m = if triangle { n } else { m };
        let (x, y) = (numbers(n), numbers(m));
        let (x, y) = (Rows::new(&x, n, 3), Rows::new(&y, m, 3));
        let mut out = vec![0.0; n * m];
        let mut count = Count { out: Shared::new(&mut out), m, triangle, groups };
        let other = if triangle { None } else { Some(y) };
        threads::run(width, || true, |c| run(c, x, other, &Plain, &mut count)).unwrap();
        check(&out, x, y, triangle);
    }
}
