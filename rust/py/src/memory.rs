//! What the user's limit leaves to the core's buffers.

use std::sync::atomic::{AtomicUsize, Ordering};

use pyo3::prelude::*;

use crate::convert::Numbers;

/// Bytes that the process may come to hold; as many as there are if no limit is set.
static CEILING: AtomicUsize = AtomicUsize::new(usize::MAX);

/// Let the process come to hold so many bytes; None lets it take what there is.
#[pyfunction]
#[pyo3(signature = (ceiling))]
pub(crate) fn cap_memory(ceiling: Option<Numbers<usize>>) {
    CEILING.store(ceiling.map_or(usize::MAX, |bytes| bytes.0), Ordering::Relaxed);
    widelearn_core::cap_memory(None);
}

/// Tell the core what is left of the ceiling now: arrays of Python's have their share of it.
pub(crate) fn measure() {
    let ceiling = CEILING.load(Ordering::Relaxed);
    if ceiling != usize::MAX {
        widelearn_core::cap_memory(held().map(|held| ceiling.saturating_sub(held)));
    }
}

/// Bytes that this process has written to and not given back, where the system says so.
fn held() -> Option<usize> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<usize>().ok()?.checked_mul(1024)
}
