//! The only door into the core: detach from the interpreter, run on our pool, poll signals, map errors and panics.
//!
//! While a call runs, no other thread may write to the arrays that it was given: the core reads and writes them without
//! the interpreter's lock.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicBool;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use widelearn_core::error::Result;
use widelearn_core::threads::{Context, run, run_here};

use crate::error::to_py;
use crate::memory::measure;
use crate::threads::width;

/// Flops below which waking a worker costs more than it saves.
const SMALL: f64 = 1e6;

/// Flops up to which a call ends before anyone could wish to interrupt it, and which the calling thread shares: waking a
/// worker for it, and itself when that is done, costs more than its share.
const SHORT: f64 = 3e7;

/// Run `job`, which takes about `work` flops, without holding the interpreter.
pub(crate) fn call<R: Send>(
    py: Python<'_>,
    work: f64,
    job: impl FnOnce(&Context<'_>) -> Result<R> + Send,
) -> PyResult<R> {
    measure();
    let mut interrupt = None;
    let outcome = py.detach(|| {
        catch_unwind(AssertUnwindSafe(|| {
            if work < SMALL {
                return job(&Context::serial(&AtomicBool::new(false)));
            }
            if work < SHORT {
                return run_here(width(), job);
            }
            let poll = || {
                if interrupt.is_none() {
                    interrupt = Python::attach(|py| py.check_signals()).err();
                }
                interrupt.is_none()
            };
            run(width(), poll, job)
        }))
    });
    if let Some(e) = interrupt {
        return Err(e);
    }
    match outcome {
        Ok(result) => result.map_err(|e| to_py(py, &e)),
        Err(_) => Err(PyRuntimeError::new_err("internal error in widelearn._core (a panic); please report it")),
    }
}
