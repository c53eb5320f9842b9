//! The worker pool: built when first used, one for a process, never rayon's global one.

use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rayon::{Scope, ThreadPool, ThreadPoolBuilder};

use crate::error::{Error, Result};
use crate::simd::{self, Level};

/// The widest pool that is ever built.
pub const MAX_THREADS: usize = 1024;

/// The pool of one process, and its width.
struct Home {
    process: u32,
    pool: Mutex<Option<(usize, Arc<ThreadPool>)>>,
}

static HOME: AtomicPtr<Home> = AtomicPtr::new(std::ptr::null_mut());

/// This process's home of the pool. In a forked child the parent's is left behind, whose threads do not exist there and
/// whose lock may be held for ever.
fn home() -> &'static Home {
    let process = std::process::id();
    loop {
        let current = HOME.load(Ordering::Acquire);
        // SAFETY: a non-null pointer in HOME came from Box::into_raw and is never freed.
        if let Some(home) = unsafe { current.as_ref() }
            && home.process == process
        {
            return home;
        }
        let new = Box::into_raw(Box::new(Home { process, pool: Mutex::new(None) }));
        if HOME.compare_exchange(current, new, Ordering::AcqRel, Ordering::Acquire).is_err() {
            // SAFETY: nobody else has seen this pointer.
            drop(unsafe { Box::from_raw(new) });
        }
    }
}

/// The pool, of `width` workers. One of another width ends with the last computation that holds it.
fn pool(width: usize) -> Result<Arc<ThreadPool>> {
    let mut kept = lock(&home().pool);
    if let Some((of, pool)) = &*kept
        && *of == width
    {
        return Ok(pool.clone());
    }
    *kept = None;
    let built = ThreadPoolBuilder::new().num_threads(width).thread_name(|i| format!("widelearn-{i}")).build();
    let pool = built.map_err(|e| Error::Threads { threads: width, reason: e.to_string() })?;
    Ok(kept.insert((width, Arc::new(pool))).1.clone())
}

/// What a computation may use: an instruction set, some threads, and a flag that asks it to stop.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The instruction set.
    pub level: Level,
    threads: usize,
    stop: &'a AtomicBool,
    /// Whose workers help, where the computation is not on one of them.
    helpers: Option<&'a ThreadPool>,
}

impl<'a> Context<'a> {
    /// A context that computes on the calling thread alone.
    pub fn serial(stop: &'a AtomicBool) -> Self {
        Self { level: simd::level(), threads: 1, stop, helpers: None }
    }

    /// The same without the other threads, for what one task does by itself.
    pub(crate) fn alone(&self) -> Self {
        Self { threads: 1, ..*self }
    }

    /// How many threads share the work.
    pub(crate) fn width(&self) -> usize {
        self.threads
    }

    /// The flag that asks to stop.
    pub(crate) fn stop(&self) -> &'a AtomicBool {
        self.stop
    }

    /// An error if the caller has asked to stop.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    #[inline]
    pub fn check(&self) -> Result<()> {
        if self.stop.load(Ordering::Relaxed) { Err(Error::Cancelled) } else { Ok(()) }
    }

    /// Do `tasks` pieces of work, each with the scratch of the thread that it lands on. Which thread that is may not
    /// matter to the result. The error of the first failing task is returned.
    ///
    /// # Errors
    /// The first error of `scratch` or `body`, or [`Error::Cancelled`].
    pub(crate) fn each<S>(
        &self,
        tasks: usize,
        scratch: impl Fn() -> Result<S> + Sync,
        body: impl Fn(&mut S, usize) -> Result<()> + Sync,
    ) -> Result<()> {
        self.each_part(0..tasks, scratch, |s, at, _| body(s, at))
    }

    /// Do a piece of work with each of `parts`, which it holds alone: pieces of an output, say, that it writes to.
    /// Otherwise as [`Self::each`].
    ///
    /// # Errors
    /// As [`Self::each`].
    pub(crate) fn each_part<P, S>(
        &self,
        parts: impl ExactSizeIterator<Item = P> + Send,
        scratch: impl Fn() -> Result<S> + Sync,
        body: impl Fn(&mut S, usize, P) -> Result<()> + Sync,
    ) -> Result<()> {
        let width = self.threads.min(parts.len());
        let queue = Mutex::new(parts.enumerate());
        let failed: Mutex<Option<(usize, Error)>> = Mutex::new(None);
        let halt = AtomicBool::new(false);
        let work = || {
            let mut at = 0;
            let mut go = || -> Result<()> {
                let mut s = scratch()?;
                loop {
                    let next = lock(&queue).next();
                    let Some((i, part)) = next else { return Ok(()) };
                    if halt.load(Ordering::Relaxed) {
                        return Ok(());
                    }
                    at = i;
                    self.check()?;
                    body(&mut s, i, part)?;
                }
            };
            if let Err(e) = go() {
                halt.store(true, Ordering::Relaxed);
                let mut first = lock(&failed);
                if first.as_ref().is_none_or(|(i, _)| at < *i) {
                    *first = Some((at, e));
                }
            }
        };
        if width <= 1 {
            work();
        } else {
            match self.helpers {
                Some(pool) => pool.in_place_scope(|s| share(s, width, &work)),
                None => rayon::scope(|s| share(s, width, &work)),
            }
        }
        match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some((_, e)) => Err(e),
            None => Ok(()),
        }
    }
}

/// Do `work` on so many threads, this one among them.
fn share<'a>(scope: &Scope<'a>, width: usize, work: &'a (impl Fn() + Sync)) {
    for _ in 1..width {
        scope.spawn(|_| work());
    }
    work();
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Run `job` on the pool of `width` workers while the calling thread calls `poll` every 20 ms; when `poll` returns
/// false the job is asked to stop and its result awaited.
///
/// # Errors
/// Those of the job, and [`Error::Threads`] if the pool cannot be built.
pub fn run<R: Send>(
    width: usize,
    mut poll: impl FnMut() -> bool,
    job: impl FnOnce(&Context<'_>) -> Result<R> + Send,
) -> Result<R> {
    let width = width.clamp(1, MAX_THREADS);
    let pool = pool(width)?;
    let stop = AtomicBool::new(false);
    let context = Context { level: simd::level(), threads: width, stop: &stop, helpers: None };
    let (sender, receiver) = std::sync::mpsc::sync_channel::<Result<R>>(1);
    let mut answer = None;
    pool.in_place_scope(|s| {
        let context = &context;
        // A failed send means the receiver is gone, and with it everyone who would care.
        s.spawn(move |_| drop(sender.send(job(context))));
        loop {
            match receiver.recv_timeout(Duration::from_millis(20)) {
                Ok(r) => {
                    answer = Some(r);
                    break;
                }
                Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => break,
                Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {
                    if !poll() {
                        stop.store(true, Ordering::Relaxed);
                    }
                }
            }
        }
    });
    answer.unwrap_or(Err(Error::Cancelled))
}

/// Run a short `job` on the calling thread, which nothing interrupts; other workers of the pool help it.
///
/// # Errors
/// As [`run`].
pub fn run_here<R>(width: usize, job: impl FnOnce(&Context<'_>) -> Result<R>) -> Result<R> {
    let (width, stop) = (width.clamp(1, MAX_THREADS), AtomicBool::new(false));
    let pool = if width > 1 { Some(pool(width)?) } else { None };
    job(&Context { level: simd::level(), threads: width, stop: &stop, helpers: pool.as_deref() })
}

#[cfg(test)]
#[path = "../tests/unit/threads.rs"]
mod tests;
