//! Every level of instructions with a fused multiply-add has the same bits.
//!
//! One test, in a process of its own: a level is the process's, and a plan made at one is not for another.

mod grams;
mod maps;
mod pool;

use std::fmt::Debug;

use grams::{gram, kernels};
use maps::{features, maps};
use pool::normals;
use widelearn_core::matrix::Rows;
use widelearn_core::simd;

#[test]
fn fused_multiply_add_paths_agree_bit_for_bit() {
    // Of short rows many pairs are near.
    for d in [1, 2, 5, 40] {
        let data: Vec<f64> = normals(6, 120, d);
        let x = Rows::new(&data, 120, d);
        kernels().iter().for_each(|kernel| agree(kernel, || gram(1, kernel, x, None)));
        maps().iter().for_each(|map| agree(map, || features(1, map, x)));
    }
}

fn agree(what: &impl Debug, found: impl Fn() -> Vec<f64>) {
    let best = simd::level().name();
    let mut seen: Option<Vec<f64>> = None;
    for level in simd::available().into_iter().filter(|level| level.name() != "portable") {
        simd::force(level.name()).expect("an available level");
        let values = found();
        assert!(seen.as_ref().is_none_or(|other| *other == values), "{what:?} differs on {}", level.name());
        seen = Some(values);
    }
    simd::force(best).expect("the best level");
}
