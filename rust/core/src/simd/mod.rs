//! Run-time choice of the instruction set, and the door through which generic loops are compiled once for each of them.

mod micro;
mod transpose;

pub use micro::Micro;
pub use transpose::Transpose;

use std::sync::atomic::{AtomicU8, Ordering};

use crate::error::{Error, Result};

/// An instruction set that the core has a path for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// The target's baseline: SSE2 on x86-64, NEON (with fused multiply-add) on aarch64.
    Baseline,
    /// AVX2 and FMA.
    Avx2,
    /// AVX-512 F, VL, BW and DQ.
    Avx512,
}

const UNSET: u8 = u8::MAX;
static CHOSEN: AtomicU8 = AtomicU8::new(UNSET);

impl Level {
    /// The name that `WIDELEARN_SIMD` and `show_versions` use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Baseline if cfg!(target_arch = "aarch64") => "neon",
            Self::Baseline => "portable",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }

    fn supported(self) -> bool {
        match self {
            Self::Baseline => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => {
                is_x86_feature_detected!("avx2")
                    && is_x86_feature_detected!("fma")
                    && is_x86_feature_detected!("popcnt")
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => {
                Self::Avx2.supported()
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
            }
            #[cfg(not(target_arch = "x86_64"))]
            _ => false,
        }
    }
}

/// The levels this processor has, best first.
pub fn available() -> Vec<Level> {
    [Level::Avx512, Level::Avx2, Level::Baseline].into_iter().filter(|l| l.supported()).collect()
}

/// The level in force: the forced one, else the best this processor has.
pub fn level() -> Level {
    match CHOSEN.load(Ordering::Relaxed) {
        0 => Level::Baseline,
        1 => Level::Avx2,
        2 => Level::Avx512,
        _ => {
            let best = available().first().copied().unwrap_or(Level::Baseline);
            CHOSEN.store(best as u8, Ordering::Relaxed);
            best
        }
    }
}

/// Force a level by name for the whole process.
///
/// # Errors
/// The name is unknown or this processor lacks the instructions.
pub fn force(name: &str) -> Result<Level> {
    let found = available().into_iter().find(|l| l.name() == name);
    match found {
        Some(l) => {
            CHOSEN.store(l as u8, Ordering::Relaxed);
            Ok(l)
        }
        None => Err(Error::Invalid(format!(
            "instruction set {name:?} is not available here; choose one of {:?}",
            available().iter().map(|l| l.name()).collect::<Vec<_>>()
        ))),
    }
}

/// A loop that wants to be compiled for every [`Level`]: `FMA` says whether multiply-add is one instruction.
pub trait Job {
    /// What the loop returns.
    type Output;
    /// The loop itself; implementations and everything they call in the inner loop are `#[inline(always)]`.
    fn run<const FMA: bool>(self) -> Self::Output;
}

/// Run `job` compiled for the level in force.
#[inline]
pub fn dispatch<J: Job>(level: Level, job: J) -> J::Output {
    match level {
        // SAFETY: `level()` and `force()` only ever yield levels whose features were detected.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => unsafe { run_avx512(job) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => unsafe { run_avx2(job) },
        _ => {
            if cfg!(target_arch = "aarch64") {
                job.run::<true>()
            } else {
                job.run::<false>()
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma,bmi1,bmi2,popcnt")]
unsafe fn run_avx512<J: Job>(job: J) -> J::Output {
    job.run::<true>()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,popcnt")]
unsafe fn run_avx2<J: Job>(job: J) -> J::Output {
    job.run::<true>()
}
