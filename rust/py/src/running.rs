//! Foreign calls that still run on threads of their own, and the end of a process that leaves them behind.
//!
//! OpenBLAS frees its buffers when the process ends; a routine that still works then reads freed memory. So a process
//! that ends with such a call skips the destructors (glibc), or waits for the call (other systems).

use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};

static RUNNING: AtomicUsize = AtomicUsize::new(0);
static REGISTERED: Once = Once::new();

/// A call that runs, from before its thread starts until its end.
pub(crate) struct Running(());

impl Running {
    pub(crate) fn new() -> Self {
        REGISTERED.call_once(end::register);
        RUNNING.fetch_add(1, Ordering::SeqCst);
        Self(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        RUNNING.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(unix)]
fn any() -> bool {
    RUNNING.load(Ordering::SeqCst) > 0
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod end {
    use std::ffi::{c_int, c_void};

    unsafe extern "C" {
        fn on_exit(function: extern "C" fn(c_int, *mut c_void), argument: *mut c_void) -> c_int;
        fn fflush(stream: *mut c_void) -> c_int;
        fn _exit(status: c_int) -> !;
    }

    /// What is registered last runs first: before the destructors of libraries loaded by now.
    pub(super) fn register() {
        // SAFETY: `end` is a function of the whole process, for this library is never unloaded.
        let failed = unsafe { on_exit(end, std::ptr::null_mut()) };
        debug_assert_eq!(failed, 0);
    }

    extern "C" fn end(status: c_int, _: *mut c_void) {
        if super::any() {
            // SAFETY: null stands for all streams.
            unsafe { fflush(std::ptr::null_mut()) };
            // SAFETY: it takes any status.
            unsafe { _exit(status) }
        }
    }
}

#[cfg(all(unix, not(all(target_os = "linux", target_env = "gnu"))))]
mod end {
    use std::ffi::c_int;
    use std::time::Duration;

    unsafe extern "C" {
        fn atexit(function: extern "C" fn()) -> c_int;
    }

    pub(super) fn register() {
        // SAFETY: `end` is a function of the whole process, for this library is never unloaded.
        let failed = unsafe { atexit(end) };
        debug_assert_eq!(failed, 0);
    }

    extern "C" fn end() {
        while super::any() {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Windows ends the other threads before libraries are told.
#[cfg(not(unix))]
mod end {
    pub(super) fn register() {}
}
