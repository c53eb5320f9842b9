//! How many threads and which instructions, as the user, the environment and the machine say.

use std::ffi::{c_char, c_int};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use pyo3::exceptions::{PyImportError, PyValueError};
use pyo3::prelude::*;
use widelearn_core::simd as core_simd;
use widelearn_core::threads::MAX_THREADS;

use crate::convert::Numbers;

/// The number set by a call; 0 means none was.
static SET: AtomicUsize = AtomicUsize::new(0);

const VARIABLES: [&str; 3] = ["WIDELEARN_NUM_THREADS", "RAYON_NUM_THREADS", "OMP_NUM_THREADS"];

/// The width that the environment asks for, read when first needed, and where it came from.
fn environment() -> &'static (usize, String) {
    static FOUND: OnceLock<(usize, String)> = OnceLock::new();
    FOUND.get_or_init(|| {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        for name in VARIABLES {
            let Ok(text) = std::env::var(name) else { continue };
            // OMP_NUM_THREADS may be a list, one number a nesting level.
            match text.split(',').next().unwrap_or("").trim().parse::<usize>() {
                Ok(k) if k > 0 => return (k.min(4 * cores).min(MAX_THREADS), name.to_string()),
                _ => continue,
            }
        }
        (cores.min(MAX_THREADS), "cores".to_string())
    })
}

/// The pool's width now.
pub(crate) fn width() -> usize {
    match SET.load(Ordering::Relaxed) {
        0 => environment().0,
        k => k,
    }
}

/// The number of threads and where it came from.
#[pyfunction]
pub(crate) fn num_threads() -> (usize, String) {
    match SET.load(Ordering::Relaxed) {
        0 => environment().clone(),
        k => (k, "set_num_threads".to_string()),
    }
}

/// Use `k` threads from now on; 0 returns to what the environment says.
#[pyfunction]
pub(crate) fn set_num_threads(k: Numbers<usize>) -> PyResult<()> {
    let k = k.0;
    if k > MAX_THREADS {
        return Err(PyValueError::new_err(format!("at most {MAX_THREADS} threads, got {k}")));
    }
    SET.store(k, Ordering::Relaxed);
    Ok(())
}

/// The instruction set in use.
#[pyfunction]
pub(crate) fn simd() -> &'static str {
    core_simd::level().name()
}

/// The instruction sets this processor has, best first.
#[pyfunction]
pub(crate) fn simd_available() -> Vec<&'static str> {
    core_simd::available().into_iter().map(core_simd::Level::name).collect()
}

/// Obey WIDELEARN_SIMD.
pub(crate) fn force_simd() -> PyResult<()> {
    match std::env::var("WIDELEARN_SIMD") {
        Ok(name) if !name.is_empty() => {
            core_simd::force(&name).map(|_| ()).map_err(|e| PyImportError::new_err(format!("WIDELEARN_SIMD: {e}")))
        }
        _ => Ok(()),
    }
}

// What threadpoolctl looks for.

/// The number of threads.
#[unsafe(no_mangle)]
#[allow(unreachable_pub)]
pub extern "C" fn widelearn_get_num_threads() -> c_int {
    c_int::try_from(width()).unwrap_or(c_int::MAX)
}

/// Use `k` threads; less than one returns to what the environment says.
#[unsafe(no_mangle)]
#[allow(unreachable_pub)]
pub extern "C" fn widelearn_set_num_threads(k: c_int) {
    SET.store(usize::try_from(k).unwrap_or(0).min(MAX_THREADS), Ordering::Relaxed);
}

/// The version as a C string.
#[unsafe(no_mangle)]
#[allow(unreachable_pub)]
pub extern "C" fn widelearn_get_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}
