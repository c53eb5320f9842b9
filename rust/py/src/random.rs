//! Random numbers from counters.

use pyo3::prelude::*;
use widelearn_core::flops;
use widelearn_core::random::{self as core, Stream};

use crate::call::call;
use crate::convert::{MatrixMut, by_type};

/// Four words of Philox4x32-10.
#[pyfunction]
pub(crate) fn philox4x32(counter: [u32; 4], key: [u32; 2]) -> (u32, u32, u32, u32) {
    let [a, b, c, d] = core::philox4x32(counter, key);
    (a, b, c, d)
}

/// Fill `out` with rows `row_start ..` of standard normals.
#[pyfunction]
#[pyo3(signature = (out, seed, purpose, row_start=0))]
pub(crate) fn normals(py: Python<'_>, out: &Bound<'_, PyAny>, seed: u64, purpose: u32, row_start: u64) -> PyResult<()> {
    by_type!(out, T => {
        let mut out = MatrixMut::<T>::new(out, "out")?;
        let (_, d) = out.shape();
        let out = out.view()?;
        call(py, flops::normals(out.len()), |context| Stream::new(seed, purpose).matrix(context, row_start, d, out))
    })
}
