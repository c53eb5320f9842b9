//! Symmetric positive definite systems.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use widelearn_core::solve as core;

use crate::call::call;
use crate::convert::{MatrixMut, Vector, by_type};

fn order((n, m): (usize, usize)) -> PyResult<usize> {
    if n == m { Ok(n) } else { Err(PyValueError::new_err(format!("a must be square, got {n} x {m}"))) }
}

/// Factor `a` in place, `L` in its lower triangle; the strict upper triangle stays.
#[pyfunction]
pub(crate) fn cholesky(py: Python<'_>, a: &Bound<'_, PyAny>) -> PyResult<()> {
    by_type!(a, T => {
        let mut a = MatrixMut::<T>::new(a, "a")?;
        let n = order(a.shape())?;
        let a = a.slice()?;
        call(py, (n as f64).powi(3) / 3.0, |context| core::factor(context, a, n))
    })
}

/// Solve `(a + diag(ridge)) x = b` in place of `b`; returns the estimated rcond and the relative residual.
#[pyfunction]
#[pyo3(signature = (a, b, ridge, *, refine=true))]
pub(crate) fn cholesky_solve(
    py: Python<'_>,
    a: &Bound<'_, PyAny>,
    b: &Bound<'_, PyAny>,
    ridge: &Bound<'_, PyAny>,
    refine: bool,
) -> PyResult<(f64, f64)> {
    by_type!(a, T => {
        let (mut a, mut b) = (MatrixMut::<T>::new(a, "a")?, MatrixMut::<T>::new(b, "b")?);
        let n = order(a.shape())?;
        let ridge = match ridge.extract::<f64>() {
            Ok(value) => vec![value; n],
            Err(_) => Vector::<f64>::new(ridge, "ridge")?.slice()?.to_vec(),
        };
        let (rows, targets) = b.shape();
        let (a, b) = (a.slice()?, b.slice()?);
        call(py, (n as f64).powi(3) / 3.0 + 4.0 * (rows * rows * targets) as f64, |context| {
            core::solve(context, a, n, &ridge, b, refine).map(|s| (s.rcond, s.residual))
        })
    })
}
