//! Random numbers from counters.

use pyo3::prelude::*;
use widelearn_core::flops;
use widelearn_core::random::{self as core, Stream};

use crate::call::call;
use crate::convert::{MatrixMut, Numbers, by_type};

/// Four words of Philox4x32-10.
#[pyfunction]
pub(crate) fn philox4x32(counter: Numbers<[u32; 4]>, key: Numbers<[u32; 2]>) -> (u32, u32, u32, u32) {
    let [a, b, c, d] = core::philox4x32(counter.0, key.0);
    (a, b, c, d)
}

/// Fill `out` with rows `row_start ..` of standard normals.
#[pyfunction]
#[pyo3(signature = (out, seed, purpose, row_start=Numbers(0)), text_signature = "(out, seed, purpose, row_start=0)")]
pub(crate) fn normals(
    py: Python<'_>,
    out: &Bound<'_, PyAny>,
    seed: Numbers<u64>,
    purpose: Numbers<u32>,
    row_start: Numbers<u64>,
) -> PyResult<()> {
    let (seed, purpose, row_start) = (seed.0, purpose.0, row_start.0);
    by_type!(out, T => {
        let mut out = MatrixMut::<T>::new(out, "out")?;
        let (_, d) = out.shape();
        let out = out.view()?;
        call(py, flops::normals(out.len()), |context| Stream::new(seed, purpose).matrix(context, row_start, d, out))
    })
}
