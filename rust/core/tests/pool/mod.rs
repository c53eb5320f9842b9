//! Jobs on a pool of threads of their own, and normal rows to give them.

use widelearn_core::random::Stream;
use widelearn_core::real::Real;
use widelearn_core::threads::{Context, run};

pub(crate) fn on<R: Send>(threads: usize, job: impl FnOnce(&Context<'_>) -> R + Send) -> R {
    run(threads, || true, |context| Ok(job(context))).expect("a pool")
}

pub(crate) fn normals<T: Real>(seed: u64, n: usize, d: usize) -> Vec<T> {
    let mut out = vec![T::ZERO; n * d];
    on(1, |context| Stream::new(seed, 9).matrix(context, 0, d, &mut out)).expect("normals");
    out
}
