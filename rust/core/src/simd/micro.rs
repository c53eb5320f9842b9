//! The register blocks: one for each instruction set and scalar type.

use super::{Level, Set};
use crate::scalar::Scalar;

/// `c (+)= sum_k a[k][..mr] b[k][..nr]` over one register block of `mr` rows and `nr` columns: called with the number of
/// steps, `a` and the distance of its steps, `b` and the same, `c` and the distance of its rows, and whether to add.
///
/// # Safety
/// `a` and `b` are valid for so many steps of `mr` and `nr` values, `c` for `mr` rows of `nr` values.
pub(crate) type Kernel<T> = unsafe fn(usize, *const T, usize, *const T, usize, *mut T, usize, bool);

/// Panels that [`Thin`] takes at once: enough chains to hide the latency of a multiply-add.
pub(crate) const PANELS: usize = 2;

/// `c (+)= sum_k a[k] b[k][..nr]` over one row and [`PANELS`] panels: called with the number of steps, `a` and the distance
/// of its steps, the first panel and the distance of the next, `c`, and whether to add.
///
/// # Safety
/// `a` is valid for so many steps, each panel of `b` for as many of `nr` values, `c` for the values of all panels.
pub(crate) type Thin<T> = unsafe fn(usize, *const T, usize, *const T, usize, *mut T, bool);

/// A scalar type that has register blocks.
pub trait Micro: Copy {
    /// Rows and columns of the register block.
    fn block(level: Level) -> (usize, usize);

    /// What computes it, where the processor has `level`.
    fn kernel(level: Level) -> Kernel<Self>;

    /// What computes a row alone, with the bits that it has in the register block.
    fn thin(level: Level) -> Thin<Self>;
}

/// The register block written out with vectors of one instruction set.
#[cfg(target_arch = "x86_64")]
macro_rules! vector_kernel {
    ($name:ident, $t:ty, $features:literal, $mr:literal, $nv:literal, $lanes:literal,
     $zero:ident, $load:ident, $store:ident, $splat:ident, $fma:ident, $add:ident) => {
        #[target_feature(enable = $features)]
        unsafe fn $name(
            k: usize,
            a: *const $t,
            lda: usize,
            b: *const $t,
            ldb: usize,
            c: *mut $t,
            ldc: usize,
            add: bool,
        ) {
            use std::arch::x86_64::*;
            let (mut a, mut b) = (a, b);
            let mut acc = [[$zero(); $nv]; $mr];
            for _ in 0..k {
                let mut row = [$zero(); $nv];
                for v in 0..$nv {
                    // SAFETY: the caller promises rows of NR values.
                    row[v] = unsafe { $load(b.wrapping_add(v * $lanes)) };
                }
                for i in 0..$mr {
                    // SAFETY: the caller promises rows of MR values.
                    let x = $splat(unsafe { *a.wrapping_add(i) });
                    for v in 0..$nv {
                        acc[i][v] = $fma(x, row[v], acc[i][v]);
                    }
                }
                (a, b) = (a.wrapping_add(lda), b.wrapping_add(ldb));
            }
            for i in 0..$mr {
                for v in 0..$nv {
                    let p = c.wrapping_add(i * ldc + v * $lanes);
                    // SAFETY: the caller promises MR rows of NR values.
                    let x = if add { $add(unsafe { $load(p) }, acc[i][v]) } else { acc[i][v] };
                    // SAFETY: as above.
                    unsafe { $store(p, x) };
                }
            }
        }
    };
}

/// One row against panels, written out likewise.
#[cfg(target_arch = "x86_64")]
macro_rules! thin_kernel {
    ($name:ident, $t:ty, $features:literal, $nv:literal, $lanes:literal,
     $zero:ident, $load:ident, $store:ident, $splat:ident, $fma:ident, $add:ident) => {
        #[target_feature(enable = $features)]
        unsafe fn $name(k: usize, a: *const $t, lda: usize, b: *const $t, panel: usize, c: *mut $t, add: bool) {
            use super::PANELS;
            use std::arch::x86_64::*;
            let (mut a, mut b) = (a, b);
            let mut acc = [[$zero(); $nv]; PANELS];
            for _ in 0..k {
                // SAFETY: the caller promises so many steps.
                let x = $splat(unsafe { *a });
                for p in 0..PANELS {
                    for v in 0..$nv {
                        // SAFETY: the caller promises panels of NR values a step.
                        let y = unsafe { $load(b.wrapping_add(p * panel + v * $lanes)) };
                        acc[p][v] = $fma(x, y, acc[p][v]);
                    }
                }
                (a, b) = (a.wrapping_add(lda), b.wrapping_add($nv * $lanes));
            }
            for p in 0..PANELS {
                for v in 0..$nv {
                    let out = c.wrapping_add((p * $nv + v) * $lanes);
                    // SAFETY: the caller promises NR values for each panel.
                    let x = if add { $add(unsafe { $load(out) }, acc[p][v]) } else { acc[p][v] };
                    // SAFETY: as above.
                    unsafe { $store(out, x) };
                }
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    thin_kernel! {
        f64_thin_avx512, f64, "avx512f", 3, 8,
        _mm512_setzero_pd, _mm512_loadu_pd, _mm512_storeu_pd, _mm512_set1_pd, _mm512_fmadd_pd, _mm512_add_pd
    }
    thin_kernel! {
        f32_thin_avx512, f32, "avx512f", 3, 16,
        _mm512_setzero_ps, _mm512_loadu_ps, _mm512_storeu_ps, _mm512_set1_ps, _mm512_fmadd_ps, _mm512_add_ps
    }
    thin_kernel! {
        f64_thin_avx2, f64, "avx2,fma", 3, 4,
        _mm256_setzero_pd, _mm256_loadu_pd, _mm256_storeu_pd, _mm256_set1_pd, _mm256_fmadd_pd, _mm256_add_pd
    }
    thin_kernel! {
        f32_thin_avx2, f32, "avx2,fma", 3, 8,
        _mm256_setzero_ps, _mm256_loadu_ps, _mm256_storeu_ps, _mm256_set1_ps, _mm256_fmadd_ps, _mm256_add_ps
    }
    vector_kernel! {
        f64_avx512, f64, "avx512f", 8, 3, 8,
        _mm512_setzero_pd, _mm512_loadu_pd, _mm512_storeu_pd, _mm512_set1_pd, _mm512_fmadd_pd, _mm512_add_pd
    }
    vector_kernel! {
        f32_avx512, f32, "avx512f", 8, 3, 16,
        _mm512_setzero_ps, _mm512_loadu_ps, _mm512_storeu_ps, _mm512_set1_ps, _mm512_fmadd_ps, _mm512_add_ps
    }
    vector_kernel! {
        f64_avx2, f64, "avx2,fma", 4, 3, 4,
        _mm256_setzero_pd, _mm256_loadu_pd, _mm256_storeu_pd, _mm256_set1_pd, _mm256_fmadd_pd, _mm256_add_pd
    }
    vector_kernel! {
        f32_avx2, f32, "avx2,fma", 4, 3, 8,
        _mm256_setzero_ps, _mm256_loadu_ps, _mm256_storeu_ps, _mm256_set1_ps, _mm256_fmadd_ps, _mm256_add_ps
    }

    pub(super) const F64: [(super::Kernel<f64>, super::Thin<f64>); 2] =
        [(f64_avx2, f64_thin_avx2), (f64_avx512, f64_thin_avx512)];
    pub(super) const F32: [(super::Kernel<f32>, super::Thin<f32>); 2] =
        [(f32_avx2, f32_thin_avx2), (f32_avx512, f32_thin_avx512)];
}

const BASE_ROWS: usize = 4;

/// # Safety
/// As [`Kernel`], for [`BASE_ROWS`] rows of `COLS` values.
unsafe fn portable<T: Scalar, const COLS: usize>(
    k: usize,
    a: *const T,
    lda: usize,
    b: *const T,
    ldb: usize,
    c: *mut T,
    ldc: usize,
    add: bool,
) {
    let mut acc = [[T::ZERO; COLS]; BASE_ROWS];
    for step in 0..k {
        // SAFETY: the caller promises rows of MR values.
        let a = unsafe { *a.wrapping_add(step * lda).cast::<[T; BASE_ROWS]>() };
        // SAFETY: the caller promises rows of NR values.
        let b = unsafe { *b.wrapping_add(step * ldb).cast::<[T; COLS]>() };
        for (row, x) in acc.iter_mut().zip(a) {
            for (s, y) in row.iter_mut().zip(b) {
                *s = if cfg!(target_arch = "aarch64") { x.mul_add::<true>(y, *s) } else { x * y + *s };
            }
        }
    }
    for (i, row) in acc.iter().enumerate() {
        // SAFETY: the caller promises MR rows of NR values.
        let out = unsafe { &mut *c.wrapping_add(i * ldc).cast::<[T; COLS]>() };
        for (o, &s) in out.iter_mut().zip(row) {
            *o = if add { *o + s } else { s };
        }
    }
}

/// # Safety
/// As [`Thin`], for panels of `COLS` values.
unsafe fn portable_thin<T: Scalar, const COLS: usize>(
    k: usize,
    a: *const T,
    lda: usize,
    b: *const T,
    panel: usize,
    c: *mut T,
    add: bool,
) {
    let mut acc = [[T::ZERO; COLS]; PANELS];
    for step in 0..k {
        // SAFETY: the caller promises so many steps.
        let x = unsafe { *a.wrapping_add(step * lda) };
        for (p, row) in acc.iter_mut().enumerate() {
            // SAFETY: the caller promises panels of NR values a step.
            let b = unsafe { *b.wrapping_add(p * panel + step * COLS).cast::<[T; COLS]>() };
            for (s, y) in row.iter_mut().zip(b) {
                *s = if cfg!(target_arch = "aarch64") { x.mul_add::<true>(y, *s) } else { x * y + *s };
            }
        }
    }
    for (p, row) in acc.iter().enumerate() {
        // SAFETY: the caller promises NR values for each panel.
        let out = unsafe { &mut *c.wrapping_add(p * COLS).cast::<[T; COLS]>() };
        for (o, &s) in out.iter_mut().zip(row) {
            *o = if add { *o + s } else { s };
        }
    }
}

macro_rules! micro {
    ($t:ty, $base_cols:literal, $avx2:literal, $avx512:literal, $table:ident) => {
        impl Micro for $t {
            #[inline]
            fn block(level: Level) -> (usize, usize) {
                match level.0 {
                    Set::Baseline => (BASE_ROWS, $base_cols),
                    Set::Avx2 => (4, $avx2),
                    Set::Avx512 => (8, $avx512),
                }
            }

            #[inline]
            fn kernel(level: Level) -> Kernel<Self> {
                match level.0 {
                    #[cfg(target_arch = "x86_64")]
                    Set::Avx2 => x86::$table[0].0,
                    #[cfg(target_arch = "x86_64")]
                    Set::Avx512 => x86::$table[1].0,
                    _ => portable::<$t, $base_cols>,
                }
            }

            #[inline]
            fn thin(level: Level) -> Thin<Self> {
                match level.0 {
                    #[cfg(target_arch = "x86_64")]
                    Set::Avx2 => x86::$table[0].1,
                    #[cfg(target_arch = "x86_64")]
                    Set::Avx512 => x86::$table[1].1,
                    _ => portable_thin::<$t, $base_cols>,
                }
            }
        }
    };
}
micro!(f64, 4, 12, 24, F64);
micro!(f32, 8, 24, 48, F32);
