//! Core errors as Python exceptions.

use pyo3::create_exception;
use pyo3::exceptions::{PyKeyboardInterrupt, PyMemoryError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use widelearn_core::error::Error;

create_exception!(
    widelearn._core,
    NoDerivativeError,
    PyValueError,
    "Say that a derivative of an activation is no function, and which are."
);
create_exception!(
    widelearn._core,
    NumberOverflowError,
    PyValueError,
    "Say which squared norm or output is beyond the largest number of its type."
);

/// The Python exception for `e`.
pub(crate) fn to_py(py: Python<'_>, e: &Error) -> PyErr {
    let text = e.to_string();
    match e {
        Error::Invalid(_) | Error::Shape { .. } | Error::Underflow => PyValueError::new_err(text),
        Error::NoDerivative { .. } => NoDerivativeError::new_err(text),
        Error::Overflow(_) => NumberOverflowError::new_err(text),
        Error::NotPositiveDefinite { .. } | Error::Singular { .. } => lin_alg_error(py, text),
        Error::Memory { .. } => PyMemoryError::new_err(text),
        Error::Threads { .. } => PyRuntimeError::new_err(text),
        Error::Cancelled => PyKeyboardInterrupt::new_err(text),
    }
}

/// A `numpy.linalg.LinAlgError`.
pub(crate) fn lin_alg_error(py: Python<'_>, text: String) -> PyErr {
    let build = || -> PyResult<PyErr> {
        let class = py.import("numpy.linalg")?.getattr("LinAlgError")?;
        Ok(PyErr::from_value(class.call1((text,))?))
    };
    build().unwrap_or_else(|e| e)
}
