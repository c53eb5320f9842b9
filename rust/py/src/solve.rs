//! Symmetric positive definite systems.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use widelearn_core::{flops, solve as core};

use crate::call::call;
use crate::convert::{Matrix, MatrixMut, Numbers, Vector, VectorMut, by_type, views};

fn order((n, m): (usize, usize)) -> PyResult<usize> {
    if n == m { Ok(n) } else { Err(PyValueError::new_err(format!("a must be square, got {n} x {m}"))) }
}

/// Factor `a` in place, `L` in its lower triangle; the strict upper triangle stays.
#[pyfunction]
pub(crate) fn cholesky(py: Python<'_>, a: &Bound<'_, PyAny>) -> PyResult<()> {
    by_type!(a, T => {
        let mut a = MatrixMut::<T>::new(a, "a")?;
        let n = order(a.shape())?;
        let a = a.view()?;
        call(py, flops::cholesky(n), |context| core::factor(context, a, n))
    })
}

/// Write the diagonal of `(L L')^-1` to `out`, for `L` in the lower triangle of `a`, which is destroyed.
#[pyfunction]
pub(crate) fn inverse_diagonal(py: Python<'_>, a: &Bound<'_, PyAny>, out: &Bound<'_, PyAny>) -> PyResult<()> {
    let (mut a, mut out) = (MatrixMut::<f64>::new(a, "a")?, VectorMut::<f64>::new(out, "out")?);
    let n = order(a.shape())?;
    let (a, out) = (a.view()?, out.view()?);
    call(py, flops::cholesky(n), |context| core::inverse_diagonal(context, a, n, out))
}

/// Write `(a + alpha I)^-1 y` for every alpha to the rows of `solutions`, n an alpha, and the inverses' diagonals to the
/// rows of `diagonals`; `a` is destroyed.
#[pyfunction]
pub(crate) fn shifted_inverses(
    py: Python<'_>,
    a: &Bound<'_, PyAny>,
    alphas: &Bound<'_, PyAny>,
    y: &Bound<'_, PyAny>,
    solutions: &Bound<'_, PyAny>,
    diagonals: &Bound<'_, PyAny>,
) -> PyResult<()> {
    views!(Matrix<f64>: y; Vector<f64>: alphas);
    let mut a = MatrixMut::<f64>::new(a, "a")?;
    let (mut solutions, mut diagonals) =
        (MatrixMut::<f64>::new(solutions, "solutions")?, MatrixMut::<f64>::new(diagonals, "diagonals")?);
    let n = order(a.shape())?;
    let (a, solutions, diagonals) = (a.view()?, solutions.view()?, diagonals.view()?);
    call(py, flops::shifted_inverses(n, alphas.len()), |context| {
        core::shifted_inverses(context, a, n, alphas, y.data, solutions, diagonals)
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
            Err(_) => Vector::<f64>::new(ridge, "ridge")?.view()?.to_vec(),
        };
        let targets = b.shape().1;
        let (a, b) = (a.view()?, b.view()?);
        call(py, flops::solve(n, targets), |context| {
            core::solve(context, a, n, &ridge, b, refine).map(|s| (s.rcond, s.residual))
        })
    })
}

/// Solve as [`cholesky_solve`] does, by a factor in single precision and products with `a`, which stays; `None` where only
/// a factor in double precision can.
#[pyfunction]
pub(crate) fn mixed_solve(
    py: Python<'_>,
    a: &Bound<'_, PyAny>,
    b: &Bound<'_, PyAny>,
    ridge: &Bound<'_, PyAny>,
) -> PyResult<Option<(f64, f64)>> {
    views!(Matrix<f64>: a; Vector<f64>: ridge);
    let mut b = MatrixMut::<f64>::new(b, "b")?;
    let (n, targets) = (order((a.n, a.d))?, b.shape().1);
    let b = b.view()?;
    call(py, flops::solve(n, targets), |context| {
        core::solve_mixed(context, a.data, n, ridge, b).map(|found| found.map(|s| (s.rcond, s.residual)))
    })
}

/// Write the columns `(fresh - F F[chosen]') L^-T` to the last of the panels of F, from its column `at` on, and take
/// their squares from `u`.
#[pyfunction]
pub(crate) fn extend_factor(
    py: Python<'_>,
    panels: Vec<Bound<'_, PyAny>>,
    at: Numbers<usize>,
    fresh: &Bound<'_, PyAny>,
    chosen: &Bound<'_, PyAny>,
    l: &Bound<'_, PyAny>,
    u: &Bound<'_, PyAny>,
) -> PyResult<()> {
    let at = at.0;
    let Some((last, known)) = panels.split_last() else {
        return Err(PyValueError::new_err("there is no panel"));
    };
    by_type!(fresh, T => {
        views!(Matrix<T>: fresh, l; Vector<i64>: chosen; VectorMut<f64>: u);
        let known = known.iter().map(|p| Matrix::<T>::new(p, "a panel")).collect::<PyResult<Vec<_>>>()?;
        let known = known.iter().map(Matrix::view).collect::<PyResult<Vec<_>>>()?;
        let mut last = MatrixMut::<T>::new(last, "the last panel")?;
        let width = last.shape().1;
        let k = known.iter().map(|p| p.d).sum::<usize>().saturating_add(at);
        let to = core::Columns { known: &known, last: last.view()?, width, at };
        call(py, flops::extend(fresh.data.len(), k, chosen.len()), |context| core::extend(context, to, fresh.data, chosen, l.data, u))
    })
}
