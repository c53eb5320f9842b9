//! Run-time choice of the instruction set, and the door through which generic loops are compiled once for each of them.

mod micro;
mod transpose;

pub use micro::Micro;
pub(crate) use micro::PANELS;
pub use transpose::Transpose;

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::error::{Error, Result};

/// An instruction set that the core has a path for and this processor has: only [`available`], [`level`] and [`force`] give
/// one, so that whoever holds it may use its instructions.
///
/// ```compile_fail
/// let everywhere = widelearn_core::simd::Level(widelearn_core::simd::Set::Avx512);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level(Set);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Set {
    /// The target's baseline: SSE2 on x86-64, NEON (with fused multiply-add) on aarch64.
    Baseline,
    /// AVX2 and FMA.
    Avx2,
    /// AVX-512 F, VL, BW and DQ.
    Avx512,
}

/// The level in force, 1 more than its place in [`SETS`]; 0 until it is chosen.
static CHOSEN: AtomicUsize = AtomicUsize::new(0);
/// Best first.
const SETS: [Set; 3] = [Set::Avx512, Set::Avx2, Set::Baseline];

impl Set {
    fn supported(self) -> bool {
        match self {
            Self::Baseline => true,
            // Tools that do not know newer instructions are given the baseline alone.
            _ if cfg!(any(feature = "portable", miri)) => false,
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
                    && is_x86_feature_detected!("bmi1")
                    && is_x86_feature_detected!("bmi2")
            }
            #[cfg(not(target_arch = "x86_64"))]
            _ => false,
        }
    }
}

impl Level {
    /// The name that `WIDELEARN_SIMD` and `show_versions` use.
    pub fn name(self) -> &'static str {
        match self.0 {
            Set::Baseline if cfg!(target_arch = "aarch64") => "neon",
            Set::Baseline => "portable",
            Set::Avx2 => "avx2",
            Set::Avx512 => "avx512",
        }
    }

    /// Whether multiply-add is one instruction.
    pub fn fused(self) -> bool {
        self.0 != Set::Baseline || cfg!(target_arch = "aarch64")
    }

    /// Whether AVX2 and FMA may be used.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn has_avx2(self) -> bool {
        self.0 != Set::Baseline
    }

    /// Whether AVX-512 may be used.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn has_avx512(self) -> bool {
        self.0 == Set::Avx512
    }

    fn choose(self) -> Self {
        let place = SETS.iter().position(|&set| set == self.0);
        CHOSEN.store(place.map_or(0, |place| place + 1), Ordering::Relaxed);
        self
    }
}

/// The levels this processor has, best first.
pub fn available() -> Vec<Level> {
    SETS.into_iter().filter(|set| set.supported()).map(Level).collect()
}

/// The level in force: the forced one, else the best this processor has.
pub fn level() -> Level {
    match CHOSEN.load(Ordering::Relaxed).checked_sub(1) {
        Some(place) => Level(SETS[place]),
        None => available().first().copied().unwrap_or(Level(Set::Baseline)).choose(),
    }
}

/// Force a level by name for the whole process.
///
/// # Errors
/// The name is unknown or this processor lacks the instructions.
pub fn force(name: &str) -> Result<Level> {
    match available().into_iter().find(|l| l.name() == name) {
        Some(l) => Ok(l.choose()),
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

/// Run `job` compiled for a level.
#[inline]
pub fn dispatch<J: Job>(level: Level, job: J) -> J::Output {
    match level.0 {
        // SAFETY: whoever made the level detected its features.
        #[cfg(target_arch = "x86_64")]
        Set::Avx512 => unsafe { run_avx512(job) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Set::Avx2 => unsafe { run_avx2(job) },
        _ if cfg!(target_arch = "aarch64") => job.run::<true>(),
        _ => job.run::<false>(),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma,bmi1,bmi2,popcnt")]
fn run_avx512<J: Job>(job: J) -> J::Output {
    job.run::<true>()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,popcnt")]
fn run_avx2<J: Job>(job: J) -> J::Output {
    job.run::<true>()
}
