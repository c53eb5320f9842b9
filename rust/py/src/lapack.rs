//! Decompositions of dense matrices of doubles by SciPy's LAPACK and BLAS.
//!
//! A row-major matrix is the transpose of what LAPACK sees, so the lower triangle there is the upper one here.

use std::cell::Cell;
use std::ffi::c_int;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use widelearn_core::flops;

use crate::convert::Matrix;
use crate::error::lin_alg_error;
use crate::foreign::{self, Routine, Scratch, fortran, int, leave, same, stride};

static SYEVD: Routine = Routine::lapack("dsyevd", "ccididdiiii");
static SYTRD: Routine = Routine::lapack("dsytrd", "cididdddii");
static ORMTR: Routine = Routine::lapack("dormtr", "ccciididdidii");
static SYSVX: Routine = Routine::lapack("dsysvx", "cciididiidididdddiii");
static POTRS: Routine = Routine::lapack("dpotrs", "ciididii");
static GELQF: Routine = Routine::lapack("dgelqf", "iididdii");
static GEQRF: Routine = Routine::lapack("dgeqrf", "iididdii");
static ORGQR: Routine = Routine::lapack("dorgqr", "iiididdii");
static STEVD: Routine = Routine::lapack("dstevd", "cidddidiiii");
static GESDD: Routine = Routine::lapack("dgesdd", "ciididdididiii");
static TRSM: Routine = Routine::blas("dtrsm", "cccciiddidi");

/// The largest order whose eigenvectors LAPACK's workspace, `2 n^2` values, can be counted for.
const MOST: usize = 32_766;
const QUERY: c_int = -1;

type Held = foreign::Held<f64>;

/// The number of workspace values that a query returned; routines round it to a double.
fn length(found: &Cell<f64>) -> PyResult<(usize, c_int)> {
    let length = found.get().max(1.0) as usize;
    Ok((length, int(length)?))
}

/// Ask a routine for its workspace, whose place is between two lists of arguments, and run it with that: its info.
macro_rules! worked {
    ($py:expr, $flops:expr, $routine:expr; $($before:expr),+; $($after:expr),*; $held:expr) => {{
        let (size, info) = (Cell::new(0.0), Cell::new(0));
        fortran!($routine; $($before),+, size, QUERY $(, $after)*, info);
        let (length, lwork) = length(&size)?;
        let work = Scratch::<f64>::new(length)?;
        leave($py, $flops, move || {
            let info = Cell::new(0);
            fortran!($routine; $($before),+, work, lwork $(, $after)*, info);
            drop($held);
            info.get()
        })?
    }};
}

/// Say that `routine` gave up.
fn finished(py: Python<'_>, info: c_int, what: &str) -> PyResult<()> {
    if info == 0 { Ok(()) } else { Err(lin_alg_error(py, format!("{what} (LAPACK's info is {info})"))) }
}

/// Write the eigenvalues of a symmetric `a` in ascending order, and the eigenvectors to its rows; `a` is destroyed if
/// they are not wanted. Its upper triangle is read.
#[pyfunction]
pub(crate) fn symmetric_eigen(
    py: Python<'_>,
    a: &Bound<'_, PyAny>,
    values: &Bound<'_, PyAny>,
    vectors: bool,
) -> PyResult<()> {
    let (a, order) = Held::square(a, "a")?;
    let values = Held::vector(values, "values", order)?;
    if vectors && order > MOST {
        return Err(PyValueError::new_err(format!(
            "the eigenvectors of {order} rows are more than LAPACK counts: take at most {MOST}"
        )));
    }
    let (syevd, job, n, lda) = (SYEVD.address(py)?, if vectors { b'V' } else { b'N' }, int(order)?, stride(order)?);
    let (size, isize, info) = (Cell::new(0.0), Cell::new(0), Cell::new(0));
    fortran!(syevd; job, b'L', n, a, lda, values, size, QUERY, isize, QUERY, info);
    let ((length, lwork), liwork) = (length(&size)?, isize.get().max(1));
    let (work, iwork) = (Scratch::<f64>::new(length)?, Scratch::<c_int>::new(liwork as usize)?);
    let info = leave(py, flops::eigen(order, vectors), move || {
        let info = Cell::new(0);
        fortran!(syevd; job, b'L', n, a, lda, values, work, lwork, iwork, liwork, info);
        drop((a, values));
        info.get()
    })?;
    finished(py, info, "the eigenvalues did not converge: the matrix may hold NaN")
}

/// Reduce a symmetric `a`, which is destroyed, to a tridiagonal Q T Q' with diagonal `d` and off-diagonal `e`, and the
/// rows of `c` to those of c Q. Its upper triangle is read.
#[pyfunction]
pub(crate) fn symmetric_tridiagonal(
    py: Python<'_>,
    a: &Bound<'_, PyAny>,
    d: &Bound<'_, PyAny>,
    e: &Bound<'_, PyAny>,
    c: &Bound<'_, PyAny>,
) -> PyResult<()> {
    let (a, order) = Held::square(a, "a")?;
    let (d, e) = (Held::vector(d, "d", order)?, Held::vector(e, "e", order.saturating_sub(1))?);
    let (c, targets) = Held::rows(c, "c", order)?;
    let (sytrd, ormtr) = (SYTRD.address(py)?, ORMTR.address(py)?);
    let (n, t, lda) = (int(order)?, int(targets)?, stride(order)?);
    let tau = Scratch::<f64>::new(order)?;
    let (first, second, info) = (Cell::new(0.0), Cell::new(0.0), Cell::new(0));
    fortran!(sytrd; b'L', n, a, lda, d, e, tau, first, QUERY, info);
    fortran!(ormtr; b'L', b'L', b'T', n, t, a, lda, tau, c, lda, second, QUERY, info);
    let (length, lwork) = length(if first.get() > second.get() { &first } else { &second })?;
    let work = Scratch::<f64>::new(length)?;
    let info = leave(py, flops::tridiagonal(order, targets), move || {
        let info = Cell::new(0);
        fortran!(sytrd; b'L', n, a, lda, d, e, tau, work, lwork, info);
        if info.get() == 0 && targets > 0 {
            fortran!(ormtr; b'L', b'L', b'T', n, t, a, lda, tau, c, lda, work, lwork, info);
        }
        drop((a, c, d, e));
        info.get()
    })?;
    finished(py, info, "the matrix was not reduced to a tridiagonal one")
}

/// Solve `a x = b` for a symmetric `a` by its LDL' factor, refined; the rows of `b` and `x` are right-hand sides and
/// solutions. Returns the reciprocal condition number, 0 where the factor is singular.
#[pyfunction]
pub(crate) fn ldlt_solve(
    py: Python<'_>,
    a: &Bound<'_, PyAny>,
    factor: &Bound<'_, PyAny>,
    b: &Bound<'_, PyAny>,
    x: &Bound<'_, PyAny>,
) -> PyResult<f64> {
    let (a, order) = Held::square(a, "a")?;
    let (factor, factor_order) = Held::square(factor, "factor")?;
    same("the order of factor", order, factor_order)?;
    let ((b, targets), (x, solutions)) = (Held::rows(b, "b", order)?, Held::rows(x, "x", order)?);
    same("the number of x's rows", targets, solutions)?;
    let (sysvx, n, t, lda) = (SYSVX.address(py)?, int(order)?, int(targets)?, stride(order)?);
    let (pivots, iwork) = (Scratch::<c_int>::new(order)?, Scratch::<c_int>::new(order)?);
    let (ferr, berr) = (Scratch::<f64>::new(targets)?, Scratch::<f64>::new(targets)?);
    let (rcond, size, info) = (Cell::new(0.0), Cell::new(0.0), Cell::new(0));
    fortran!(sysvx; b'N', b'L', n, t, a, lda, factor, lda, pivots, b, lda, x, lda, rcond, ferr, berr, size, QUERY, iwork, info);
    let (length, lwork) = length(&size)?;
    let work = Scratch::<f64>::new(length.max(3 * order))?;
    let lwork = lwork.max(int(3 * order)?);
    leave(py, flops::solve(order, targets), move || {
        let (rcond, info) = (Cell::new(0.0), Cell::new(0));
        fortran!(sysvx; b'N', b'L', n, t, a, lda, factor, lda, pivots, b, lda, x, lda, rcond, ferr, berr, work, lwork, iwork, info);
        drop((a, factor, b, x));
        // n + 1 says that the condition number is below the rounding error, and the solution is there.
        if info.get() == 0 || info.get() == n + 1 { rcond.get() } else { 0.0 }
    })
}

/// Solve `L L' x = b` for the rows of `b`, in place, with `L` in the lower triangle of `factor`.
#[pyfunction]
pub(crate) fn solve_factored(py: Python<'_>, factor: &Bound<'_, PyAny>, b: &Bound<'_, PyAny>) -> PyResult<()> {
    let (factor, order) = Held::square_read(factor, "factor")?;
    let (b, targets) = Held::rows(b, "b", order)?;
    let (potrs, n, t, lda) = (POTRS.address(py)?, int(order)?, int(targets)?, stride(order)?);
    let info = leave(py, flops::triangular(order, 2 * targets), move || {
        let info = Cell::new(0);
        fortran!(potrs; b'U', n, t, factor, lda, b, lda, info);
        drop((factor, b));
        info.get()
    })?;
    finished(py, info, "the factor was not applied")
}

/// Solve `T x = b`, or `T' x = b`, for the rows of `b`, in place, with `T` the lower or upper triangle of `a`.
#[pyfunction]
pub(crate) fn solve_triangle(
    py: Python<'_>,
    a: &Bound<'_, PyAny>,
    b: &Bound<'_, PyAny>,
    lower: bool,
    transposed: bool,
) -> PyResult<()> {
    let (a, order) = Held::square_read(a, "a")?;
    let (b, targets) = Held::rows(b, "b", order)?;
    let (trsm, n, t, lda, one) = (TRSM.address(py)?, int(order)?, int(targets)?, stride(order)?, 1.0);
    let (uplo, trans) = (if lower { b'U' } else { b'L' }, if transposed { b'N' } else { b'T' });
    leave(py, flops::triangular(order, targets), move || {
        if order > 0 && targets > 0 {
            fortran!(trsm; b'L', uplo, trans, b'N', n, t, one, a, lda, b, lda);
        }
        drop((a, b));
    })
}

/// Write R of a decomposition `a = Q R` to the upper triangle of the first rows of `a`; the rest is destroyed.
#[pyfunction]
pub(crate) fn orthogonal_triangle(py: Python<'_>, a: &Bound<'_, PyAny>) -> PyResult<()> {
    let (a, rows, columns) = Held::matrix(a, "a")?;
    let (gelqf, m, n, lda) = (GELQF.address(py)?, int(columns)?, int(rows)?, stride(columns)?);
    let tau = Scratch::<f64>::new(rows.min(columns))?;
    let info = worked!(py, flops::orthogonal(rows, columns), gelqf; m, n, a, lda, tau; ; a);
    finished(py, info, "the matrix was not reduced to a triangle")
}

/// Write R of the matrix `a' = Q R`, whose columns are the rows of `a`, to their first entries, and what makes Q of the
/// others and of `tau`.
#[pyfunction]
pub(crate) fn orthogonal_reflectors(py: Python<'_>, a: &Bound<'_, PyAny>, tau: &Bound<'_, PyAny>) -> PyResult<()> {
    let (a, rows, columns) = Held::matrix(a, "a")?;
    let tau = Held::vector(tau, "tau", rows.min(columns))?;
    let (geqrf, m, n, lda) = (GEQRF.address(py)?, int(columns)?, int(rows)?, stride(columns)?);
    let info = worked!(py, flops::orthogonal(rows, columns), geqrf; m, n, a, lda, tau; ; (a, tau));
    finished(py, info, "the matrix was not reduced to a triangle")
}

/// Write the columns of Q to the rows of `a`, all of which `orthogonal_reflectors` has made with `tau`.
#[pyfunction]
pub(crate) fn orthogonal_columns(py: Python<'_>, a: &Bound<'_, PyAny>, tau: &Bound<'_, PyAny>) -> PyResult<()> {
    let (a, rows, columns) = Held::matrix(a, "a")?;
    if rows > columns {
        return Err(PyValueError::new_err(format!("a must have at most {columns} rows, got {rows}")));
    }
    let tau = Held::vector(tau, "tau", rows)?;
    let (orgqr, m, n, lda) = (ORGQR.address(py)?, int(columns)?, int(rows)?, stride(columns)?);
    let info = worked!(py, flops::orthogonal(rows, columns), orgqr; m, n, n, a, lda, tau; ; (a, tau));
    finished(py, info, "the orthogonal factor was not made")
}

/// Write the eigenvalues of a tridiagonal matrix in ascending order to its diagonal `d`, and the eigenvectors to the rows
/// of `z`, if it is there; the off-diagonal `e` is destroyed.
#[pyfunction]
pub(crate) fn tridiagonal_eigen(
    py: Python<'_>,
    d: &Bound<'_, PyAny>,
    e: &Bound<'_, PyAny>,
    z: Option<&Bound<'_, PyAny>>,
) -> PyResult<()> {
    let order = d.len()?;
    let (d, e) = (Held::vector(d, "d", order)?, Held::vector(e, "e", order.saturating_sub(1))?);
    let z = z.map(|z| Held::square(z, "z")).transpose()?;
    let vectors = z.is_some();
    let z = z.map(|(z, found)| same("the order of z", order, found).map(|()| z)).transpose()?;
    let (stevd, job, n, ldz) = (STEVD.address(py)?, if vectors { b'V' } else { b'N' }, int(order)?, stride(order)?);
    let (size, isize, info) = (Cell::new(0.0), Cell::new(0), Cell::new(0));
    fortran!(stevd; job, n, d, e, z, ldz, size, QUERY, isize, QUERY, info);
    let ((length, lwork), liwork) = (length(&size)?, isize.get().max(1));
    let (work, iwork) = (Scratch::<f64>::new(length)?, Scratch::<c_int>::new(liwork as usize)?);
    let info = leave(py, flops::tridiagonal_eigen(order, vectors), move || {
        let info = Cell::new(0);
        fortran!(stevd; job, n, d, e, z, ldz, work, lwork, iwork, liwork, info);
        drop((d, e, z));
        info.get()
    })?;
    finished(py, info, "the eigenvalues did not converge: the matrix may hold NaN")
}

/// Write the singular values of `a`, n x p, to `values`, and where they are wanted the factors of
/// `a = u diag(values) vt`, n x k and k x p with k = min(n, p); `a` is destroyed.
#[pyfunction]
pub(crate) fn singular_values(
    py: Python<'_>,
    a: &Bound<'_, PyAny>,
    values: &Bound<'_, PyAny>,
    factors: Option<(Bound<'_, PyAny>, Bound<'_, PyAny>)>,
) -> PyResult<()> {
    // LAPACK's iterations for infinite values have no end.
    if !Matrix::<f64>::new(a, "a")?.view()?.data.iter().all(|value| value.is_finite()) {
        return Err(lin_alg_error(py, "a matrix with NaN or infinity has no singular values".into()));
    }
    let (a, rows, columns) = Held::matrix(a, "a")?;
    let k = rows.min(columns);
    let values = Held::vector(values, "values", k)?;
    let (mut u, mut vt) = (None, None);
    if let Some((left, right)) = factors {
        let ((left, left_rows), (right, right_rows)) = (Held::rows(&left, "u", k)?, Held::rows(&right, "vt", columns)?);
        same("the number of u's rows", rows, left_rows)?;
        same("the number of vt's rows", k, right_rows)?;
        (u, vt) = (Some(left), Some(right));
    }
    // LAPACK sees the transpose, whose left factor is V and whose right one U'.
    let (gesdd, job) = (GESDD.address(py)?, if u.is_some() { b'S' } else { b'N' });
    let (m, n, lda, ldu) = (int(columns)?, int(rows)?, stride(columns)?, stride(k)?);
    let iwork = Scratch::<c_int>::new(8 * k)?;
    let info = worked!(py, flops::singular(rows, columns), gesdd; job, m, n, a, lda, values, vt, lda, u, ldu; iwork; (a, u, values, vt));
    finished(py, info, "the singular values did not converge: the matrix may hold NaN")
}
