//! Gram matrices, their products and diagonals, and moments.

use pyo3::prelude::*;
use widelearn_core::flops;
use widelearn_core::gram as core;

use crate::call::call;
use crate::convert::{Matrix, MatrixMut, Optional, Vector, VectorMut, by_type, views};
use crate::features::Map;
use crate::kernels::Spec;

/// The flops of so many values of a kernel of rows of length `d`.
fn work(kernel: &Spec, values: usize, rows: usize, d: usize) -> f64 {
    flops::kernel(values, d) + kernel.0.extra_flops(values, rows, d)
}

/// `out = k(x, y)`; `y` None means `x`.
#[pyfunction]
pub(crate) fn gram(
    py: Python<'_>,
    kernel: Spec,
    x: &Bound<'_, PyAny>,
    y: Option<&Bound<'_, PyAny>>,
    out: &Bound<'_, PyAny>,
) -> PyResult<()> {
    by_type!(x, T => {
        views!(Matrix<T>: x; Optional<T>: y; MatrixMut<T>: out);
        let rows = x.n + y.map_or(0, |y| y.n);
        call(py, work(&kernel, out.len(), rows, x.d), |context| core::kernel_matrix(context, &kernel.0, x, y, out))
    })
}

/// `out[i] = k(x_i, x_i)`.
#[pyfunction]
pub(crate) fn gram_diag(py: Python<'_>, kernel: Spec, x: &Bound<'_, PyAny>, out: &Bound<'_, PyAny>) -> PyResult<()> {
    by_type!(x, T => {
        views!(Matrix<T>: x; VectorMut<T>: out);
        call(py, work(&kernel, out.len(), x.n, x.d), |context| core::kernel_diagonal(context, &kernel.0, x, out))
    })
}

/// `out = k(x, y) v` without the matrix; `y` None means `x`.
#[pyfunction]
pub(crate) fn gram_dot(
    py: Python<'_>,
    kernel: Spec,
    x: &Bound<'_, PyAny>,
    y: Option<&Bound<'_, PyAny>>,
    v: &Bound<'_, PyAny>,
    out: &Bound<'_, PyAny>,
) -> PyResult<()> {
    by_type!(x, T => {
        views!(Matrix<T>: x, v; Optional<T>: y; MatrixMut<T>: out);
        let work = flops::product((x.n, x.d), (v.n, v.d)) + kernel.0.extra_flops(x.n.saturating_mul(v.n), x.n + v.n, x.d);
        call(py, work, |context| {
            core::kernel_product(context, &kernel.0, x, y, v, out)
        })
    })
}

/// `out[i][j] = (x_i - shift).(x_j - shift)`, float64.
#[pyfunction]
pub(crate) fn inner_products(
    py: Python<'_>,
    x: &Bound<'_, PyAny>,
    shift: &Bound<'_, PyAny>,
    out: &Bound<'_, PyAny>,
) -> PyResult<()> {
    by_type!(x, T => {
        views!(Matrix<T>: x; Vector<T>: shift; MatrixMut<f64>: out);
        call(py, flops::inner_products(x.n, x.d), |context| core::inner_products(context, x, shift, out))
    })
}

/// Add the samples `(x, y)` to the moments about the given shifts; `features` None means `x` itself.
#[pyfunction]
pub(crate) fn moments(
    py: Python<'_>,
    features: Option<Map<'_>>,
    x: &Bound<'_, PyAny>,
    y: &Bound<'_, PyAny>,
    sample_weight: Option<&Bound<'_, PyAny>>,
    shift_z: &Bound<'_, PyAny>,
    shift_y: &Bound<'_, PyAny>,
    zz: &Bound<'_, PyAny>,
    zy: &Bound<'_, PyAny>,
    sums: &Bound<'_, PyAny>,
) -> PyResult<()> {
    views!(Matrix<f64>: y; Vector<f64>: shift_z, shift_y; MatrixMut<f64>: zz, zy; VectorMut<f64>: sums);
    let weight = sample_weight.map(|w| Vector::<f64>::new(w, "sample_weight")).transpose()?;
    let weight = weight.as_ref().map(Vector::view).transpose()?;
    let mut into = core::Moments { shift_z, shift_y, zz, zy, sums };
    by_type!(x, T => {
        views!(Matrix<T>: x);
        let p = into.shift_z.len();
        let given = features.as_ref().map(Map::given::<T>).transpose()?;
        call(py, flops::moments((x.n, x.d), p), |context| {
            match &given {
                Some(given) => given.with(context, x.d, |map| {
                    core::moments(context, Some(map), x, y.data, weight, &mut into)
                }),
                None => core::moments(context, None, x, y.data, weight, &mut into),
            }
        })
    })
}
