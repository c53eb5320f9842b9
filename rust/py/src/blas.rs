//! Products of dense matrices by SciPy's BLAS, whose threads are those of its LAPACK.
//!
//! A row-major matrix is the transpose of what BLAS sees: factors come in the other order, and upper means lower.

use pyo3::prelude::*;
use widelearn_core::flops;

use crate::convert::{Scalar, by_type};
use crate::foreign::{Argument, Held, Routine, fortran, int, leave_product, same, stride};

/// The routines of one type of numbers.
struct Routines {
    gemm: Routine,
    gemv: Routine,
    symv: Routine,
    syrk: Routine,
}

static SINGLE: Routines = Routines {
    gemm: Routine::blas("sgemm", "cciiissisissi"),
    gemv: Routine::blas("sgemv", "ciissisissi"),
    symv: Routine::blas("ssymv", "cissisissi"),
    syrk: Routine::blas("ssyrk", "cciississi"),
};
static DOUBLE: Routines = Routines {
    gemm: Routine::blas("dgemm", "cciiiddididdi"),
    gemv: Routine::blas("dgemv", "ciiddididdi"),
    symv: Routine::blas("dsymv", "ciddididdi"),
    syrk: Routine::blas("dsyrk", "cciiddiddi"),
};

/// A type of numbers that BLAS has.
trait Number: Scalar + Argument {
    const ROUTINES: &'static Routines;
    const ONE: Self;
    const NONE: Self;
}

impl Number for f32 {
    const ROUTINES: &'static Routines = &SINGLE;
    const ONE: Self = 1.0;
    const NONE: Self = 0.0;
}

impl Number for f64 {
    const ROUTINES: &'static Routines = &DOUBLE;
    const ONE: Self = 1.0;
    const NONE: Self = 0.0;
}

const NEXT: std::ffi::c_int = 1;

/// Rows and columns of a matrix, or of its transpose.
fn turned(transposed: bool, rows: usize, columns: usize) -> (usize, usize) {
    if transposed { (columns, rows) } else { (rows, columns) }
}

fn how(transposed: bool) -> u8 {
    if transposed { b'T' } else { b'N' }
}

/// `out = a b`, of the transpose of a factor where that is said.
#[pyfunction]
pub(crate) fn multiply(
    py: Python<'_>,
    a: &Bound<'_, PyAny>,
    a_transposed: bool,
    b: &Bound<'_, PyAny>,
    b_transposed: bool,
    out: &Bound<'_, PyAny>,
) -> PyResult<()> {
    by_type!(a, T => {
        let (a, a_rows, a_columns) = Held::<T>::only_read(a, "a")?;
        let (b, b_rows, b_columns) = Held::<T>::only_read(b, "b")?;
        let (out, rows, columns) = Held::<T>::matrix(out, "out")?;
        let ((n, k), (found, t)) = (turned(a_transposed, a_rows, a_columns), turned(b_transposed, b_rows, b_columns));
        same("the length of b's columns", k, found)?;
        same("the number of out's rows", n, rows)?;
        same("the number of out's columns", t, columns)?;
        let (gemm, left, right) = (T::ROUTINES.gemm.address(py)?, how(b_transposed), how(a_transposed));
        let (lda, ldb, ldc) = (stride(a_columns)?, stride(b_columns)?, stride(t)?);
        let ((m, n, k), work) = ((int(t)?, int(n)?, int(k)?), flops::multiply(n, k, t));
        leave_product(py, work, move || {
            fortran!(gemm; left, right, m, n, k, T::ONE, b, ldb, a, lda, T::NONE, out, ldc);
            drop((a, b, out));
        })
    })
}

/// `out = a v`, or `a' v`, of one vector.
#[pyfunction]
pub(crate) fn multiply_vector(
    py: Python<'_>,
    a: &Bound<'_, PyAny>,
    transposed: bool,
    v: &Bound<'_, PyAny>,
    out: &Bound<'_, PyAny>,
) -> PyResult<()> {
    by_type!(a, T => {
        let (a, rows, columns) = Held::<T>::only_read(a, "a")?;
        let (to, from) = turned(transposed, rows, columns);
        let (v, out) = (Held::<T>::vector_read(v, "v", from)?, Held::<T>::vector(out, "out", to)?);
        let (gemv, trans, lda) = (T::ROUTINES.gemv.address(py)?, how(!transposed), stride(columns)?);
        let (m, n) = (int(columns)?, int(rows)?);
        leave_product(py, flops::multiply(to, from, 1), move || {
            fortran!(gemv; trans, m, n, T::ONE, a, lda, v, NEXT, T::NONE, out, NEXT);
            drop((a, v, out));
        })
    })
}

/// `out = a v` of one vector, for a symmetric `a` whose upper triangle alone is read.
#[pyfunction]
pub(crate) fn multiply_symmetric(
    py: Python<'_>,
    a: &Bound<'_, PyAny>,
    v: &Bound<'_, PyAny>,
    out: &Bound<'_, PyAny>,
) -> PyResult<()> {
    by_type!(a, T => {
        let (a, order) = Held::<T>::square_read(a, "a")?;
        let (v, out) = (Held::<T>::vector_read(v, "v", order)?, Held::<T>::vector(out, "out", order)?);
        let (symv, n, lda) = (T::ROUTINES.symv.address(py)?, int(order)?, stride(order)?);
        leave_product(py, flops::multiply(order, order, 1), move || {
            fortran!(symv; b'L', n, T::ONE, a, lda, v, NEXT, T::NONE, out, NEXT);
            drop((a, v, out));
        })
    })
}

/// Write the upper triangle of `a' a` to `out`.
#[pyfunction]
pub(crate) fn multiply_itself(py: Python<'_>, a: &Bound<'_, PyAny>, out: &Bound<'_, PyAny>) -> PyResult<()> {
    by_type!(a, T => {
        let (a, rows, columns) = Held::<T>::only_read(a, "a")?;
        let (out, order) = Held::<T>::square(out, "out")?;
        same("the order of out", columns, order)?;
        let (syrk, n, k, lda) = (T::ROUTINES.syrk.address(py)?, int(columns)?, int(rows)?, stride(columns)?);
        leave_product(py, flops::multiply(columns, rows, columns) / 2.0, move || {
            fortran!(syrk; b'L', b'N', n, k, T::ONE, a, lda, T::NONE, out, lda);
            drop((a, out));
        })
    })
}
