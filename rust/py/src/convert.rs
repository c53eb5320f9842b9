//! NumPy arrays as slices: one place that checks layout and dispatches on the type of the elements.

use numpy::ndarray::Dimension;
use numpy::{BorrowError, Element, Ix1, Ix2, PyArray, PyArrayDescrMethods, PyArrayMethods, PyReadonlyArray};
use numpy::{PyReadwriteArray, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::conversion::FromPyObjectOwned;
use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use widelearn_core::matrix::Rows;
use widelearn_core::real::Real;

/// A scalar both sides know.
pub(crate) trait Scalar: Real + Element {}
impl Scalar for f32 {}
impl Scalar for f64 {}

/// An argument of numbers, or with numbers among it: those that their type cannot hold are wrong values.
pub(crate) struct Numbers<T>(pub(crate) T);

impl<'a, 'py, T: FromPyObjectOwned<'py>> FromPyObject<'a, 'py> for Numbers<T> {
    type Error = PyErr;

    fn extract(value: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        let py = value.py();
        let extracted: Result<T, PyErr> = value.extract().map_err(Into::into);
        extracted.map(Self).map_err(|e| out_of_range(py, e, "a number"))
    }
}

/// The error of a number that its type cannot hold as one of a wrong value.
pub(crate) fn out_of_range(py: Python<'_>, e: PyErr, name: &str) -> PyErr {
    if e.is_instance_of::<PyOverflowError>(py) {
        return PyValueError::new_err(format!(
            "{name} is out of range: {}; take a smaller one, and where it counts one from 0 on",
            e.value(py)
        ));
    }
    e
}

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

/// Shadow arrays by checked views of their values: `views!(Matrix<T>: x, y; MatrixMut<T>: out)`.
macro_rules! views {
    ($($kind:ident<$t:ty>: $($name:ident),+);+) => {
        $($(
            #[allow(unused_mut)]
            let mut $name = $kind::<$t>::new($name, stringify!($name))?;
        )+)+
        $($(let $name = $name.view()?;)+)+
    };
}
pub(crate) use views;

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

/// An array that is only read.
pub(crate) struct Read<'py, T: Element, D: Dimension>(PyReadonlyArray<'py, T, D>);
pub(crate) type Matrix<'py, T> = Read<'py, T, Ix2>;
pub(crate) type Vector<'py, T> = Read<'py, T, Ix1>;

/// An array that is written to.
pub(crate) struct Write<'py, T: Element, D: Dimension>(PyReadwriteArray<'py, T, D>);
pub(crate) type MatrixMut<'py, T> = Write<'py, T, Ix2>;
pub(crate) type VectorMut<'py, T> = Write<'py, T, Ix1>;

/// The array behind `array`, if it has the type, the dimensions and the layout that are asked for.
fn checked<'a, 'py, T: Element, D: Dimension>(
    array: &'a Bound<'py, PyAny>,
    name: &str,
) -> PyResult<&'a Bound<'py, PyArray<T, D>>> {
    let a = array.cast::<PyArray<T, D>>().map_err(|_| wrong::<T>(array, name, D::NDIM.unwrap_or(0)))?;
    check(a.as_untyped(), name)?;
    Ok(a)
}

fn borrowed(name: &str) -> impl Fn(BorrowError) -> PyErr {
    move |e| PyValueError::new_err(format!("{name}: {e}"))
}

impl<'py, T: Element, D: Dimension> Read<'py, T, D> {
    pub(crate) fn new(array: &Bound<'py, PyAny>, name: &str) -> PyResult<Self> {
        Ok(Self(checked(array, name)?.try_readonly().map_err(borrowed(name))?))
    }
}

impl<T: Element> Vector<'_, T> {
    pub(crate) fn view(&self) -> PyResult<&[T]> {
        Ok(self.0.as_slice()?)
    }
}

impl<T: Element> Matrix<'_, T> {
    pub(crate) fn view(&self) -> PyResult<Rows<'_, T>> {
        let shape = self.0.shape();
        Ok(Rows::new(self.0.as_slice()?, shape[0], shape[1]))
    }
}

/// A matrix that need not be there.
pub(crate) struct Optional<'py, T: Element>(Option<Matrix<'py, T>>);

impl<'py, T: Element> Optional<'py, T> {
    pub(crate) fn new(array: Option<&Bound<'py, PyAny>>, name: &str) -> PyResult<Self> {
        Ok(Self(array.map(|array| Matrix::new(array, name)).transpose()?))
    }

    pub(crate) fn view(&self) -> PyResult<Option<Rows<'_, T>>> {
        self.0.as_ref().map(Matrix::view).transpose()
    }
}

impl<'py, T: Element, D: Dimension> Write<'py, T, D> {
    pub(crate) fn new(array: &Bound<'py, PyAny>, name: &str) -> PyResult<Self> {
        Ok(Self(checked(array, name)?.try_readwrite().map_err(borrowed(name))?))
    }

    pub(crate) fn view(&mut self) -> PyResult<&mut [T]> {
        Ok(self.0.as_slice_mut()?)
    }
}

impl<T: Element> MatrixMut<'_, T> {
    pub(crate) fn shape(&self) -> (usize, usize) {
        (self.0.shape()[0], self.0.shape()[1])
    }
}
