//! Sparse rows: their products with few columns, and their kernel matrices.

use pyo3::prelude::*;
use widelearn_core::flops;
use widelearn_core::gram as core;
use widelearn_core::matrix::Sparse;

use crate::call::call;
use crate::convert::{Matrix, MatrixMut, Numbers, Vector, VectorMut, by_type, views};
use crate::kernels::Spec;

/// Sparse rows as Python spells them: where rows begin and end, columns, values.
pub(crate) type Stored<'py> = (Bound<'py, PyAny>, Bound<'py, PyAny>, Bound<'py, PyAny>);

/// `out = x v`, for sparse rows `x` of as many columns as `v` has rows.
#[pyfunction]
pub(crate) fn sparse_product(
    py: Python<'_>,
    x: Stored<'_>,
    v: &Bound<'_, PyAny>,
    out: &Bound<'_, PyAny>,
) -> PyResult<()> {
    let (indptr, indices, values) = &x;
    by_type!(values, T => {
        views!(Vector<i64>: indptr; Vector<i32>: indices; Vector<T>: values; Matrix<f64>: v; MatrixMut<f64>: out);
        call(py, flops::sparse_product(values.len(), v.d, out.len()), |context| {
            core::sparse_product(context, Sparse::new(indptr, indices, values, v.n)?, v, out)
        })
    })
}

/// `out = x' v`, for sparse rows `x` of `d` columns.
#[pyfunction]
pub(crate) fn sparse_transposed(
    py: Python<'_>,
    x: Stored<'_>,
    d: Numbers<usize>,
    v: &Bound<'_, PyAny>,
    out: &Bound<'_, PyAny>,
) -> PyResult<()> {
    let (indptr, indices, values) = &x;
    by_type!(values, T => {
        views!(Vector<i64>: indptr; Vector<i32>: indices; Vector<T>: values; Matrix<f64>: v; MatrixMut<f64>: out);
        call(py, flops::sparse_product(values.len(), v.d, out.len()), |context| {
            core::sparse_transposed(context, Sparse::new(indptr, indices, values, d.0)?, v, out)
        })
    })
}

/// `out = k(x, y)` for sparse rows of `d` columns; `y` None means `x`.
#[pyfunction]
pub(crate) fn sparse_gram(
    py: Python<'_>,
    kernel: Spec,
    x: Stored<'_>,
    y: Option<Stored<'_>>,
    d: Numbers<usize>,
    out: &Bound<'_, PyAny>,
) -> PyResult<()> {
    let (indptr, indices, values) = &x;
    by_type!(values, T => {
        views!(Vector<i64>: indptr; Vector<i32>: indices; Vector<T>: values; MatrixMut<T>: out);
        let other = y.as_ref().map(|(indptr, indices, values)| -> PyResult<_> {
            let (indptr, indices) = (Vector::<i64>::new(indptr, "indptr")?, Vector::<i32>::new(indices, "indices")?);
            Ok((indptr, indices, Vector::<T>::new(values, "values")?))
        });
        let other = other.transpose()?;
        let other = other.as_ref().map(|(a, b, c)| PyResult::Ok((a.view()?, b.view()?, c.view()?))).transpose()?;
        let stored = (values.len(), other.map_or(values.len(), |y| y.2.len()));
        let work = flops::sparse_kernel(stored, out.len(), d.0) + kernel.0.extra_flops(out.len(), indptr.len(), d.0);
        call(py, work, |context| {
            let x = Sparse::ordered(indptr, indices, values, d.0)?;
            let y = other.map(|(indptr, indices, values)| Sparse::ordered(indptr, indices, values, d.0)).transpose()?;
            core::sparse_matrix(context, &kernel.0, x, y, out)
        })
    })
}

/// `out[i] = k(x_i, x_i)` for sparse rows of `d` columns.
#[pyfunction]
pub(crate) fn sparse_diag(
    py: Python<'_>,
    kernel: Spec,
    x: Stored<'_>,
    d: Numbers<usize>,
    out: &Bound<'_, PyAny>,
) -> PyResult<()> {
    let (indptr, indices, values) = &x;
    by_type!(values, T => {
        views!(Vector<i64>: indptr; Vector<i32>: indices; Vector<T>: values; VectorMut<T>: out);
        let work = flops::sparse_product(values.len(), 1, out.len()) + kernel.0.extra_flops(out.len(), out.len(), d.0);
        call(py, work, |context| {
            core::sparse_diagonal(context, &kernel.0, Sparse::ordered(indptr, indices, values, d.0)?, out)
        })
    })
}
