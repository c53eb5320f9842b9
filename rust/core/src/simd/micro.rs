//! The register blocks: one for each instruction set and scalar type.

use crate::simd::Level;

/// A scalar type that has register blocks.
pub trait Micro: Copy {
    /// Rows and columns of the register block.
    fn block(level: Level) -> (usize, usize);

    /// `c (+)= sum_k a[k][..mr] b[k][..nr]` over one register block.
    ///
    /// # Safety
    /// `a` and `b` are valid for `k` rows of `mr` and `nr` values, `lda` and `ldb` apart, `c` is valid for `mr` rows of `nr` values `ldc` apart, and the
    /// processor has `level`.
    unsafe fn kernel(
        level: Level,
        k: usize,
        a: *const Self,
        lda: usize,
        b: *const Self,
        ldb: usize,
        c: *mut Self,
        ldc: usize,
        add: bool,
    );
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
                // SAFETY: the caller promises k rows of MR and of NR values.
                unsafe {
                    let mut row = [$zero(); $nv];
                    for v in 0..$nv {
                        row[v] = $load(b.add(v * $lanes));
                    }
                    for i in 0..$mr {
                        let x = $splat(*a.add(i));
                        for v in 0..$nv {
                            acc[i][v] = $fma(x, row[v], acc[i][v]);
                        }
                    }
                    a = a.add(lda);
                    b = b.add(ldb);
                }
            }
            for i in 0..$mr {
                for v in 0..$nv {
                    // SAFETY: the caller promises MR rows of NR values.
                    unsafe {
                        let p = c.add(i * ldc + v * $lanes);
                        let x = if add { $add($load(p), acc[i][v]) } else { acc[i][v] };
                        $store(p, x);
                    }
                }
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    vector_kernel!(
        f64_avx512,
        f64,
        "avx512f",
        8,
        3,
        8,
        _mm512_setzero_pd,
        _mm512_loadu_pd,
        _mm512_storeu_pd,
        _mm512_set1_pd,
        _mm512_fmadd_pd,
        _mm512_add_pd
    );
    vector_kernel!(
        f32_avx512,
        f32,
        "avx512f",
        8,
        3,
        16,
        _mm512_setzero_ps,
        _mm512_loadu_ps,
        _mm512_storeu_ps,
        _mm512_set1_ps,
        _mm512_fmadd_ps,
        _mm512_add_ps
    );
    vector_kernel!(
        f64_avx2,
        f64,
        "avx2,fma",
        4,
        3,
        4,
        _mm256_setzero_pd,
        _mm256_loadu_pd,
        _mm256_storeu_pd,
        _mm256_set1_pd,
        _mm256_fmadd_pd,
        _mm256_add_pd
    );
    vector_kernel!(
        f32_avx2,
        f32,
        "avx2,fma",
        4,
        3,
        8,
        _mm256_setzero_ps,
        _mm256_loadu_ps,
        _mm256_storeu_ps,
        _mm256_set1_ps,
        _mm256_fmadd_ps,
        _mm256_add_ps
    );

    // Visible to the parent without widening the functions themselves.
    pub(super) type Kernel<T> = unsafe fn(usize, *const T, usize, *const T, usize, *mut T, usize, bool);
    pub(super) const F64: [Kernel<f64>; 2] = [f64_avx2, f64_avx512];
    pub(super) const F32: [Kernel<f32>; 2] = [f32_avx2, f32_avx512];
}

const BASE_ROWS: usize = 4;

macro_rules! micro {
    ($t:ty, $base_cols:literal, $avx2:literal, $avx512:literal, $table:ident) => {
        impl Micro for $t {
            #[inline]
            fn block(level: Level) -> (usize, usize) {
                match level {
                    Level::Baseline => (BASE_ROWS, $base_cols),
                    Level::Avx2 => (4, $avx2),
                    Level::Avx512 => (8, $avx512),
                }
            }

            #[inline]
            unsafe fn kernel(
                level: Level,
                k: usize,
                a: *const $t,
                lda: usize,
                b: *const $t,
                ldb: usize,
                c: *mut $t,
                ldc: usize,
                add: bool,
            ) {
                match level {
                    // SAFETY: forwarded from the caller.
                    #[cfg(target_arch = "x86_64")]
                    Level::Avx2 => unsafe { x86::$table[0](k, a, lda, b, ldb, c, ldc, add) },
                    // SAFETY: forwarded from the caller.
                    #[cfg(target_arch = "x86_64")]
                    Level::Avx512 => unsafe { x86::$table[1](k, a, lda, b, ldb, c, ldc, add) },
                    _ => {
                        let mut acc = [[0.0; $base_cols]; BASE_ROWS];
                        for step in 0..k {
                            // SAFETY: the caller promises k rows of MR and NR values, `lda` and `ldb` apart.
                            let (a, b) = unsafe {
                                (
                                    std::slice::from_raw_parts(a.add(step * lda), BASE_ROWS),
                                    std::slice::from_raw_parts(b.add(step * ldb), $base_cols),
                                )
                            };
                            for (row, &x) in acc.iter_mut().zip(a) {
                                for (s, &y) in row.iter_mut().zip(b) {
                                    *s = if cfg!(target_arch = "aarch64") { x.mul_add(y, *s) } else { x * y + *s };
                                }
                            }
                        }
                        for (i, row) in acc.iter().enumerate() {
                            // SAFETY: the caller promises MR rows of NR values, `ldc` apart.
                            let out = unsafe { std::slice::from_raw_parts_mut(c.add(i * ldc), $base_cols) };
                            for (o, &s) in out.iter_mut().zip(row) {
                                *o = if add { *o + s } else { s };
                            }
                        }
                    }
                }
            }
        }
    };
}
micro!(f64, 4, 12, 24, F64);
micro!(f32, 8, 24, 48, F32);
