//! Routines of SciPy's LAPACK and BLAS: looked up once, called without the interpreter's lock, and left by Ctrl-C.
//!
//! They cannot be asked to stop. A long one runs on a thread of its own, which keeps its arrays alive: Ctrl-C leaves it
//! behind, and it ends without the interpreter.

use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::sync::OnceLock;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use pyo3::exceptions::{PyImportError, PyMemoryError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyCapsuleMethods};

use crate::convert::{Matrix, MatrixMut, Scalar, Vector, VectorMut};
use crate::running::Running;

/// Flops below which a thread of its own costs more than an answer to Ctrl-C is worth.
const SHORT: f64 = 2e7;
/// How many times as fast as a decomposition a product of dense matrices is: 4e8 flops take 10 to 40 ms.
const PRODUCTS: f64 = 20.0;
/// Bytes of that thread's stack: LAPACK keeps small matrices there.
const STACK: usize = 8 << 20;

/// A routine of `scipy.linalg.cython_blas` or `cython_lapack`: it returns nothing and takes pointers alone.
pub(crate) struct Routine {
    module: &'static str,
    name: &'static str,
    /// What its arguments point to: c for char, i for int, s for float, d for double.
    kinds: &'static str,
    found: OnceLock<usize>,
}

impl Routine {
    pub(crate) const fn blas(name: &'static str, kinds: &'static str) -> Self {
        Self { module: "scipy.linalg.cython_blas", name, kinds, found: OnceLock::new() }
    }

    pub(crate) const fn lapack(name: &'static str, kinds: &'static str) -> Self {
        Self { module: "scipy.linalg.cython_lapack", name, kinds, found: OnceLock::new() }
    }

    /// Its address, if SciPy has it with these arguments.
    pub(crate) fn address(&self, py: Python<'_>) -> PyResult<usize> {
        if let Some(found) = self.found.get() {
            return Ok(*found);
        }
        let capsule = py.import(self.module)?.getattr("__pyx_capi__")?.get_item(self.name)?;
        let capsule = capsule.cast::<PyCapsule>()?;
        let name = capsule.name()?;
        // SAFETY: the capsule lives, and with it its name.
        let text = name.map(|name| unsafe { name.as_cstr() }.to_string_lossy().into_owned()).unwrap_or_default();
        if kinds(&text) != self.kinds {
            return Err(PyImportError::new_err(format!(
                "{}.{} is {text}, other than in SciPy 1.11 to 1.17: install one of these",
                self.module, self.name
            )));
        }
        let pointer = capsule.pointer_checked(name.map(|name| {
            // SAFETY: as above.
            unsafe { name.as_cstr() }
        }))?;
        Ok(*self.found.get_or_init(|| pointer.as_ptr() as usize))
    }
}

/// What the arguments of a C signature point to, a letter each; empty if they are not all such pointers.
fn kinds(signature: &str) -> String {
    let inside = signature.strip_prefix("void (").and_then(|rest| rest.strip_suffix(')')).unwrap_or("");
    let kind = |argument: &str| match argument.trim().strip_suffix('*').map(str::trim) {
        Some("char") => Some('c'),
        Some("int") => Some('i'),
        Some(name) if name == "float" || name.ends_with("_s") => Some('s'),
        Some(name) if name == "double" || name.ends_with("_d") => Some('d'),
        _ => None,
    };
    inside.split(',').map(kind).collect::<Option<String>>().unwrap_or_default()
}

/// Call the routine at an address with arguments that point to what its kinds say.
macro_rules! fortran {
    ($address:expr; $($argument:expr),+) => {{
        type Function = unsafe extern "C" fn($(fortran!(@pointer $argument)),+);
        // SAFETY: `Routine::address` found a function of as many pointers there, which the caller counts.
        let function = unsafe { std::mem::transmute::<usize, Function>($address) };
        // SAFETY: the caller passes what the routine's documentation asks for.
        unsafe { function($($crate::foreign::Argument::pointer(&$argument)),+) }
    }};
    (@pointer $argument:expr) => { *mut std::ffi::c_void };
}
pub(crate) use fortran;

/// Something that an argument can point to.
pub(crate) trait Argument {
    fn pointer(&self) -> *mut c_void;
}

/// What is read alone.
macro_rules! reads {
    ($($t:ty),+) => { $(impl Argument for $t {
        fn pointer(&self) -> *mut c_void {
            std::ptr::from_ref(self).cast_mut().cast()
        }
    })+ };
}
reads!(u8, c_int, f32, f64);

impl<T> Argument for Cell<T> {
    fn pointer(&self) -> *mut c_void {
        self.as_ptr().cast()
    }
}

/// Room for intermediate values, which nobody else reads.
pub(crate) struct Scratch<T>(Vec<T>);

impl<T> Scratch<T> {
    pub(crate) fn new(length: usize) -> PyResult<Self> {
        let mut room = Vec::new();
        let bytes = length.saturating_mul(size_of::<T>());
        room.try_reserve_exact(length.max(1))
            .map_err(|_| PyMemoryError::new_err(format!("LAPACK's workspace of {bytes} bytes does not fit")))?;
        Ok(Self(room))
    }
}

impl<T> Argument for Scratch<T> {
    fn pointer(&self) -> *mut c_void {
        self.0.as_ptr().cast_mut().cast()
    }
}

/// An array as a routine takes it, and the object that keeps it. Row-major here, it is column-major there.
pub(crate) struct Held<T> {
    at: *mut T,
    _owner: Py<PyAny>,
}

// SAFETY: the owner keeps the values where they are, and one thread at a time has them.
unsafe impl<T: Scalar> Send for Held<T> {}

impl<T: Scalar> Held<T> {
    /// A matrix, its number of rows and of columns.
    pub(crate) fn matrix(array: &Bound<'_, PyAny>, name: &str) -> PyResult<(Self, usize, usize)> {
        let mut found = MatrixMut::<T>::new(array, name)?;
        let ((rows, columns), at) = (found.shape(), found.view()?.as_mut_ptr());
        Ok((Self { at, _owner: array.clone().unbind() }, rows, columns))
    }

    /// The same of one that is only read.
    pub(crate) fn only_read(array: &Bound<'_, PyAny>, name: &str) -> PyResult<(Self, usize, usize)> {
        let found = Matrix::<T>::new(array, name)?;
        let rows = found.view()?;
        Ok((Self { at: rows.data.as_ptr().cast_mut(), _owner: array.clone().unbind() }, rows.n, rows.d))
    }

    /// A square matrix and its order.
    pub(crate) fn square(array: &Bound<'_, PyAny>, name: &str) -> PyResult<(Self, usize)> {
        let (held, rows, columns) = Self::matrix(array, name)?;
        Ok((held, order(name, rows, columns)?))
    }

    /// The same of one that is only read.
    pub(crate) fn square_read(array: &Bound<'_, PyAny>, name: &str) -> PyResult<(Self, usize)> {
        let (held, rows, columns) = Self::only_read(array, name)?;
        Ok((held, order(name, rows, columns)?))
    }

    /// Rows of `length` values, and their number.
    pub(crate) fn rows(array: &Bound<'_, PyAny>, name: &str, length: usize) -> PyResult<(Self, usize)> {
        let (held, rows, columns) = Self::matrix(array, name)?;
        same(&format!("the length of {name}'s rows"), length, columns)?;
        Ok((held, rows))
    }

    /// A vector of `length` values.
    pub(crate) fn vector(array: &Bound<'_, PyAny>, name: &str, length: usize) -> PyResult<Self> {
        let mut found = VectorMut::<T>::new(array, name)?;
        let values = found.view()?;
        same(&format!("the length of {name}"), length, values.len())?;
        Ok(Self { at: values.as_mut_ptr(), _owner: array.clone().unbind() })
    }

    /// The same of one that is only read.
    pub(crate) fn vector_read(array: &Bound<'_, PyAny>, name: &str, length: usize) -> PyResult<Self> {
        let found = Vector::<T>::new(array, name)?;
        let values = found.view()?;
        same(&format!("the length of {name}"), length, values.len())?;
        Ok(Self { at: values.as_ptr().cast_mut(), _owner: array.clone().unbind() })
    }
}

impl<T> Argument for Held<T> {
    fn pointer(&self) -> *mut c_void {
        self.at.cast()
    }
}

/// What a routine does not look at need not be there.
impl<T> Argument for Option<Held<T>> {
    fn pointer(&self) -> *mut c_void {
        self.as_ref().map_or(std::ptr::null_mut(), Held::pointer)
    }
}

/// Refuse a size other than what is wanted.
pub(crate) fn same(name: &str, wanted: usize, found: usize) -> PyResult<()> {
    if wanted == found { Ok(()) } else { Err(PyValueError::new_err(format!("{name} must be {wanted}, got {found}"))) }
}

fn order(name: &str, rows: usize, columns: usize) -> PyResult<usize> {
    if rows == columns {
        Ok(rows)
    } else {
        Err(PyValueError::new_err(format!("{name} must be square, got {rows} x {columns}")))
    }
}

/// A positive distance between columns, as LAPACK wants it even of an empty matrix.
pub(crate) fn stride(columns: usize) -> PyResult<c_int> {
    int(columns.max(1))
}

/// A size as LAPACK counts.
pub(crate) fn int(size: usize) -> PyResult<c_int> {
    c_int::try_from(size).map_err(|_| {
        PyValueError::new_err(format!("LAPACK counts to {}, and this call needs {size}: take fewer rows", c_int::MAX))
    })
}

/// Run `job`, about `work` flops of products, as `leave` does.
pub(crate) fn leave_product<R: Send + 'static>(
    py: Python<'_>,
    work: f64,
    job: impl FnOnce() -> R + Send + 'static,
) -> PyResult<R> {
    leave(py, work / PRODUCTS, job)
}

/// Run `job`, about `work` flops of foreign routines, without holding the interpreter; Ctrl-C leaves it behind.
pub(crate) fn leave<R: Send + 'static>(
    py: Python<'_>,
    work: f64,
    job: impl FnOnce() -> R + Send + 'static,
) -> PyResult<R> {
    if work < SHORT {
        return Ok(py.detach(job));
    }
    py.detach(move || {
        let (sender, receiver) = sync_channel(1);
        let running = Running::new();
        // A failed send means that nobody waits any more.
        let run = move || {
            drop(sender.send(job()));
            drop(running);
        };
        let thread = thread::Builder::new().name("widelearn-lapack".into()).stack_size(STACK);
        thread.spawn(run).map_err(|e| PyRuntimeError::new_err(format!("cannot start a thread for LAPACK: {e}")))?;
        loop {
            match receiver.recv_timeout(Duration::from_millis(20)) {
                Ok(result) => return Ok(result),
                Err(RecvTimeoutError::Timeout) => Python::attach(|py| py.check_signals())?,
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(PyRuntimeError::new_err(
                        "internal error in widelearn._core (a panic); please report it",
                    ));
                }
            }
        }
    })
}
