//! Gram matrices, their products and diagonals, and moments.

use pyo3::prelude::*;
use widelearn_core::features::FeatureMap;
use widelearn_core::flops;
use widelearn_core::gram as core;
use widelearn_core::kernels::Plan;

use crate::call::call;
use crate::convert::{Matrix, MatrixMut, Vector, VectorMut, by_type};
use crate::features::FeatureSpec;
use crate::kernels::Spec;

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
        let x = Matrix::<T>::new(x, "x")?;
        let y = y.map(|y| Matrix::<T>::new(y, "y")).transpose()?;
        let mut out = MatrixMut::<T>::new(out, "out")?;
        let (x, y) = (x.rows()?, y.as_ref().map(Matrix::rows).transpose()?);
        let out = out.slice()?;
        call(py, flops::kernel(out.len(), x.d), |context| {
            core::assemble(context, &Plan::new(context, &kernel.0, x.d)?, x, y, out)
        })
    })
}

/// `out[i] = k(x_i, x_i)`.
#[pyfunction]
pub(crate) fn gram_diag(py: Python<'_>, kernel: Spec, x: &Bound<'_, PyAny>, out: &Bound<'_, PyAny>) -> PyResult<()> {
    by_type!(x, T => {
        let (x, mut out) = (Matrix::<T>::new(x, "x")?, VectorMut::<T>::new(out, "out")?);
        let (x, out) = (x.rows()?, out.slice()?);
        call(py, flops::kernel(out.len(), x.d), |context| {
            core::diagonal(context, &Plan::new(context, &kernel.0, x.d)?, x, out)
        })
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
        let (x, v) = (Matrix::<T>::new(x, "x")?, Matrix::<T>::new(v, "v")?);
        let y = y.map(|y| Matrix::<T>::new(y, "y")).transpose()?;
        let mut out = MatrixMut::<T>::new(out, "out")?;
        let (x, y, v) = (x.rows()?, y.as_ref().map(Matrix::rows).transpose()?, v.rows()?);
        let out = out.slice()?;
        call(py, flops::product((x.n, x.d), (v.n, v.d)), |context| {
            core::product(context, &Plan::new(context, &kernel.0, x.d)?, x, y, v.data, v.d, out)
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
    let mut out = MatrixMut::<f64>::new(out, "out")?;
    let out = out.slice()?;
    by_type!(x, T => {
        let (x, shift) = (Matrix::<T>::new(x, "x")?, Vector::<T>::new(shift, "shift")?);
        let (x, shift) = (x.rows()?, shift.slice()?);
        call(py, flops::inner_products(x.n, x.d), |context| core::inner_products(context, x, shift, out))
    })
}

/// Add the samples `(x, y)` to the moments about the given shifts; `features` None means `x` itself.
#[pyfunction]
pub(crate) fn moments(
    py: Python<'_>,
    features: Option<FeatureSpec>,
    x: &Bound<'_, PyAny>,
    y: &Bound<'_, PyAny>,
    sample_weight: Option<&Bound<'_, PyAny>>,
    shift_z: &Bound<'_, PyAny>,
    shift_y: &Bound<'_, PyAny>,
    zz: &Bound<'_, PyAny>,
    zy: &Bound<'_, PyAny>,
    sums: &Bound<'_, PyAny>,
) -> PyResult<()> {
    let y = Matrix::<f64>::new(y, "y")?;
    let weight = sample_weight.map(|w| Vector::<f64>::new(w, "sample_weight")).transpose()?;
    let (shift_z, shift_y) = (Vector::<f64>::new(shift_z, "shift_z")?, Vector::<f64>::new(shift_y, "shift_y")?);
    let (mut zz, mut zy) = (MatrixMut::<f64>::new(zz, "zz")?, MatrixMut::<f64>::new(zy, "zy")?);
    let mut sums = VectorMut::<f64>::new(sums, "sums")?;
    let (y, weight) = (y.rows()?, weight.as_ref().map(Vector::slice).transpose()?);
    let mut into = core::Moments {
        shift_z: shift_z.slice()?,
        shift_y: shift_y.slice()?,
        zz: zz.slice()?,
        zy: zy.slice()?,
        sums: sums.slice()?,
    };
    by_type!(x, T => {
        let x = Matrix::<T>::new(x, "x")?;
        let x = x.rows()?;
        let p = into.shift_z.len();
        call(py, flops::moments((x.n, x.d), p), |context| {
            let map = features.as_ref().map(|f| FeatureMap::<T>::new(&f.0, context, x.d)).transpose()?;
            core::moments(context, map.as_ref(), x, y.data, weight, &mut into)
        })
    })
}
