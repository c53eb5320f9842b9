//! NumPy arrays as slices: one place that checks layout and dispatches on the type of the elements.

use numpy::{Element, PyArray1, PyArray2, PyArrayDescrMethods, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2};
use numpy::{PyReadwriteArray1, PyReadwriteArray2, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use widelearn_core::matrix::Rows;
use widelearn_core::real::Real;

/// A scalar both sides know.
pub(crate) trait Scalar: Real + Element {}
impl Scalar for f32 {}
impl Scalar for f64 {}

/// Run `$body` with `$t` the type of the elements of `$array`.
macro_rules! by_type {
    ($array:expr, $t:ident => $body:expr) => {
        if $crate::convert::is_f32($array)? {
            type $t = f32;
            $body
        } else {
            type $t = f64;
            $body
        }
    };
}
pub(crate) use by_type;

/// Whether an array is float32; an error unless it is float32 or float64 in native byte order.
pub(crate) fn is_f32(array: &Bound<'_, PyAny>) -> PyResult<bool> {
    let dtype = array.cast::<PyUntypedArray>()?.dtype();
    let py = array.py();
    if dtype.is_equiv_to(&numpy::dtype::<f32>(py)) {
        Ok(true)
    } else if dtype.is_equiv_to(&numpy::dtype::<f64>(py)) {
        Ok(false)
    } else {
        Err(PyTypeError::new_err(format!("expected a native float32 or float64 array, got dtype {dtype}")))
    }
}

fn check(array: &Bound<'_, PyUntypedArray>, name: &str) -> PyResult<()> {
    // SAFETY: reads the flags of a live array object.
    let flags = unsafe { (*array.as_array_ptr()).fields.flags };
    let aligned = flags & numpy::npyffi::NPY_ARRAY_ALIGNED != 0;
    if aligned && array.is_c_contiguous() {
        Ok(())
    } else {
        Err(PyValueError::new_err(format!(
            "{name} must be aligned and C-contiguous; pass numpy.ascontiguousarray of it"
        )))
    }
}

fn wrong<T: Element>(array: &Bound<'_, PyAny>, name: &str, ndim: usize) -> PyErr {
    let found = array.cast::<PyUntypedArray>().map(|a| format!("{}-D {}", a.ndim(), a.dtype()));
    let found = found.unwrap_or_else(|_| array.get_type().to_string());
    PyTypeError::new_err(format!("{name} must be a {ndim}-D array of {}, got {found}", numpy::dtype::<T>(array.py())))
}

/// A matrix that is only read.
pub(crate) struct Matrix<'py, T: Element>(PyReadonlyArray2<'py, T>);

impl<'py, T: Scalar> Matrix<'py, T> {
    pub(crate) fn new(array: &Bound<'py, PyAny>, name: &str) -> PyResult<Self> {
        let a = array.cast::<PyArray2<T>>().map_err(|_| wrong::<T>(array, name, 2))?;
        check(a.as_untyped(), name)?;
        Ok(Self(a.try_readonly().map_err(|e| PyValueError::new_err(format!("{name}: {e}")))?))
    }

    pub(crate) fn rows(&self) -> PyResult<Rows<'_, T>> {
        let shape = self.0.shape();
        Ok(Rows::new(self.0.as_slice()?, shape[0], shape[1]))
    }
}

/// A vector that is only read.
pub(crate) struct Vector<'py, T: Element>(PyReadonlyArray1<'py, T>);

impl<'py, T: Scalar> Vector<'py, T> {
    pub(crate) fn new(array: &Bound<'py, PyAny>, name: &str) -> PyResult<Self> {
        let a = array.cast::<PyArray1<T>>().map_err(|_| wrong::<T>(array, name, 1))?;
        check(a.as_untyped(), name)?;
        Ok(Self(a.try_readonly().map_err(|e| PyValueError::new_err(format!("{name}: {e}")))?))
    }

    pub(crate) fn slice(&self) -> PyResult<&[T]> {
        Ok(self.0.as_slice()?)
    }
}

/// Places in an array, only read.
pub(crate) struct Indices<'py>(PyReadonlyArray1<'py, i64>);

impl<'py> Indices<'py> {
    pub(crate) fn new(array: &Bound<'py, PyAny>, name: &str) -> PyResult<Self> {
        let a = array.cast::<PyArray1<i64>>().map_err(|_| wrong::<i64>(array, name, 1))?;
        check(a.as_untyped(), name)?;
        Ok(Self(a.try_readonly().map_err(|e| PyValueError::new_err(format!("{name}: {e}")))?))
    }

    pub(crate) fn slice(&self) -> PyResult<&[i64]> {
        Ok(self.0.as_slice()?)
    }
}

/// A matrix that is written to.
pub(crate) struct MatrixMut<'py, T: Element>(PyReadwriteArray2<'py, T>);

impl<'py, T: Scalar> MatrixMut<'py, T> {
    pub(crate) fn new(array: &Bound<'py, PyAny>, name: &str) -> PyResult<Self> {
        let a = array.cast::<PyArray2<T>>().map_err(|_| wrong::<T>(array, name, 2))?;
        check(a.as_untyped(), name)?;
        Ok(Self(a.try_readwrite().map_err(|e| PyValueError::new_err(format!("{name}: {e}")))?))
    }

    pub(crate) fn shape(&self) -> (usize, usize) {
        (self.0.shape()[0], self.0.shape()[1])
    }

    pub(crate) fn slice(&mut self) -> PyResult<&mut [T]> {
        Ok(self.0.as_slice_mut()?)
    }
}

/// A vector that is written to.
pub(crate) struct VectorMut<'py, T: Element>(PyReadwriteArray1<'py, T>);

impl<'py, T: Scalar> VectorMut<'py, T> {
    pub(crate) fn new(array: &Bound<'py, PyAny>, name: &str) -> PyResult<Self> {
        let a = array.cast::<PyArray1<T>>().map_err(|_| wrong::<T>(array, name, 1))?;
        check(a.as_untyped(), name)?;
        Ok(Self(a.try_readwrite().map_err(|e| PyValueError::new_err(format!("{name}: {e}")))?))
    }

    pub(crate) fn slice(&mut self) -> PyResult<&mut [T]> {
        Ok(self.0.as_slice_mut()?)
    }
}
